"""A tower's receipt: whose it is, and when it shows that a promise was broken."""

from dataclasses import replace

import pytest

from tandem.channels.endpoint import SignedLane
from tandem.channels.ledger import OnChain, Status
from tandem.channels.settlement import Funds
from tandem.channels.signing import BadSignature, sign_digest
from tandem.channels.states import Lane
from tandem.channels.tower import Receipt, is_breach, least_part
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import address_of
from tandem.primitives.types import Seconds
from tests.unit.channels.test_endpoint import DOMAIN, KEY, KEYS, PARTIES, START, lock

TOWER = keccak(b"tower")
REWARD = 30
CLOSED = Seconds(START + 1)
UNTIL = Seconds(START + 3 * KEY.window)
RECEIPT = Receipt(31337, KEY.id, PARTIES[1], 7, 3, REWARD, UNTIL, START)
"""Of side 1, whom side 0's lane pays."""


def signed(side: int, lane: Lane) -> SignedLane:
    digest = DOMAIN.lane(KEY.id, PARTIES[side], lane)
    return SignedLane(lane, (sign_digest(digest, KEYS[0]), sign_digest(digest, KEYS[1])))


THEIRS, OWN = signed(0, Lane(7, 500)), signed(1, Lane(3, 400))


def settled(shown: int, closed: int = CLOSED, own: Lane = Lane()) -> OnChain:  # noqa: B008 - frozen
    at = Seconds(closed + KEY.window)
    return OnChain(
        KEY, Funds((1_000, 100)), Status.SETTLED, at, PARTIES[0], (Lane(shown, 5), own), (900, 200), settled_at=at
    )


def test_a_receipt_is_the_towers() -> None:
    receipt = replace(RECEIPT, signature=sign_digest(RECEIPT.digest(DOMAIN), TOWER))
    receipt.check(DOMAIN, address_of(TOWER))
    others = {"their_nonce": 8, "own_nonce": 4, "reward": 1, "valid_until": 2**40, "time": START + 1}
    for name, value in others.items():
        with pytest.raises(BadSignature):
            replace(receipt, **{name: value}).check(DOMAIN, address_of(TOWER))
    with pytest.raises(BadSignature):
        receipt.check(DOMAIN, PARTIES[0])


@pytest.mark.parametrize(
    ("on_chain", "is_broken"),
    [
        (settled(6), True),
        (settled(0), True),
        (settled(7), False),
        (settled(8), False),
        (settled(6, START), True),
        (settled(6, START - 1), False),
        (settled(6, UNTIL - KEY.window), True),
        (settled(6, UNTIL - KEY.window + 1), False),
        (replace(settled(6), status=Status.CLOSING), False),
        (replace(settled(6), closed_by=None), False),
        (replace(settled(6), settled_at=Seconds(CLOSED + 5)), False),
        (settled(6, own=Lane(4, 571)), False),
        (settled(6, own=Lane(4, 570)), True),
        (replace(settled(6), funds=Funds((1_000, 100), (970, 100))), True),
        (replace(settled(6), funds=Funds((1_000, 100), (971, 100))), False),
    ],
    ids=[
        "older",
        "nothing shown",
        "the same",
        "newer",
        "just in time",
        "closed before",
        "promise just lasts",
        "promise too short",
        "still closing",
        "by consent",
        "by consent while closing",
        "the client could not pay",
        "the client just could",
        "just enough left",
        "withdrawn",
    ],
)
def test_a_promise_is_broken_when_an_older_state_stood_although_there_was_time_and_pay(
    on_chain: OnChain, is_broken: bool
) -> None:
    assert is_breach(RECEIPT, THEIRS, OWN, on_chain, DOMAIN) == is_broken


def test_nobody_proves_a_breach_by_states_that_the_tower_did_not_have() -> None:
    assert not is_breach(RECEIPT, signed(0, Lane(8, 900)), OWN, settled(6), DOMAIN)
    assert not is_breach(RECEIPT, THEIRS, signed(1, Lane(2, 0)), settled(6), DOMAIN)
    forged = replace(THEIRS, lane=Lane(7, 501))
    with pytest.raises(BadSignature):
        is_breach(RECEIPT, forged, OWN, settled(6), DOMAIN)
    with pytest.raises(BadSignature):
        is_breach(RECEIPT, THEIRS, SignedLane(Lane(3, 0), OWN.signatures), settled(6), DOMAIN)


def test_of_a_lane_that_nobody_has_signed_nothing_is_proved() -> None:
    receipt = replace(RECEIPT, their_nonce=0, own_nonce=0)
    assert not is_breach(receipt, SignedLane(), SignedLane(), settled(0), DOMAIN)
    with pytest.raises(BadSignature):
        is_breach(receipt, SignedLane(Lane(0, 5)), SignedLane(), settled(0), DOMAIN)


def test_what_a_side_gets_at_least_counts_own_locks_as_paid_and_the_others_as_not() -> None:
    on_chain = OnChain(KEY, Funds((1_000, 100)))
    locks = (lock(0, 20),)
    assert least_part(on_chain, 1, Lane(1, 50, locks), Lane(1, 10, locks)) == 100 + 50 - 10 - 20
    assert least_part(on_chain, 0, Lane(1, 10, locks), Lane(1, 50, locks)) == 1_000 + 10 - 50 - 20
