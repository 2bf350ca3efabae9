"""What a channel has become, by the events there were."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.channels.ledger import (
    ChannelClosing,
    ChannelOpened,
    ChannelSettled,
    Deposited,
    Event,
    LaneShown,
    Ledger,
    OnChain,
    SecretRevealed,
    Status,
    Withdrawn,
)
from tandem.channels.settlement import Funds, secret_hash
from tandem.channels.states import Lane
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Seconds
from tests.unit.channels.test_endpoint import KEY, PARTIES, SECRETS, lock

OTHER = replace(KEY, salt=keccak(b"other"))
LANES = (Lane(3, 30, (lock(0, 7),)), Lane(2, 5))
AT = Seconds(5_000)
LIFE: tuple[tuple[Event, OnChain], ...] = (
    (ChannelOpened(KEY), OnChain(KEY)),
    (Deposited(KEY.id, 0, 70), OnChain(KEY, Funds((70, 0)))),
    (Deposited(KEY.id, 1, 20), OnChain(KEY, Funds((70, 20)))),
    (Deposited(KEY.id, 0, 100), OnChain(KEY, Funds((100, 20)))),
    (Withdrawn(KEY.id, 1, 8), OnChain(KEY, Funds((100, 20), (0, 8)))),
    (Withdrawn(KEY.id, 0, 9), OnChain(KEY, Funds((100, 20), (9, 8)))),
    (
        ChannelClosing(KEY.id, PARTIES[1], AT),
        OnChain(KEY, Funds((100, 20), (9, 8)), Status.CLOSING, AT, PARTIES[1]),
    ),
    (
        LaneShown(KEY.id, 1, LANES[1]),
        OnChain(KEY, Funds((100, 20), (9, 8)), Status.CLOSING, AT, PARTIES[1], (Lane(), LANES[1])),
    ),
    (
        LaneShown(KEY.id, 0, LANES[0]),
        OnChain(KEY, Funds((100, 20), (9, 8)), Status.CLOSING, AT, PARTIES[1], LANES),
    ),
    (
        ChannelSettled(KEY.id, (66, 37), Seconds(99)),
        OnChain(KEY, Funds((100, 20), (9, 8)), Status.SETTLED, AT, PARTIES[1], LANES, (66, 37), Seconds(99)),
    ),
)


def test_each_event_changes_what_it_says_and_no_other_channel() -> None:
    ledger = Ledger()
    for key in (OTHER, KEY):
        ledger.apply(ChannelOpened(key))
    for event, after in LIFE:
        assert ledger.apply(event) == KEY.id
        assert ledger.channels == {KEY.id: after, OTHER.id: OnChain(OTHER)}
    assert not ledger.secrets


def test_a_channel_that_is_ended_by_consent_was_never_closing() -> None:
    ledger = Ledger()
    ledger.apply(ChannelOpened(KEY))
    ledger.apply(ChannelSettled(KEY.id, (1, 2), Seconds(7)))
    assert ledger.channels[KEY.id] == OnChain(KEY, status=Status.SETTLED, pays=(1, 2), settled_at=Seconds(7))


def test_a_secret_counts_from_when_it_was_first_known() -> None:
    ledger = Ledger()
    first, again = (SecretRevealed(SECRETS[0], secret_hash(SECRETS[0]), Seconds(at)) for at in (10, 20))
    assert (ledger.apply(first), ledger.apply(again)) == (None, None)
    assert ledger.secrets == {first.ref: first}
    assert not ledger.channels


@pytest.mark.parametrize("event", [event for event, _ in LIFE[1:]], ids=lambda event: type(event).__name__)
def test_an_event_of_a_channel_that_was_never_opened_says_that_events_are_missing(event: Event) -> None:
    ledger = Ledger()
    ledger.apply(ChannelOpened(OTHER))
    with pytest.raises(KeyError):
        ledger.apply(event)
    assert ledger.channels == {OTHER.id: OnChain(OTHER)}


@given(st.permutations([(key, event) for key in (KEY, OTHER) for event, _ in LIFE[1:]]))
def test_channels_do_not_depend_on_one_another(events: list[tuple[object, Event]]) -> None:
    """However their events lie between one another, each comes to what its own events come to alone."""
    together, alone = Ledger(), {KEY.id: Ledger(), OTHER.id: Ledger()}
    for key in (KEY, OTHER):
        for ledger in (together, alone[key.id]):
            ledger.apply(ChannelOpened(key))
    for key, event in events:
        moved = replace(event, channel=key.id)  # type: ignore[attr-defined, call-arg, type-var]
        together.apply(moved)
        alone[key.id].apply(moved)  # type: ignore[attr-defined]
    assert together.channels == alone[KEY.id].channels | alone[OTHER.id].channels
