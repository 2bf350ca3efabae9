"""Stakes of a match step by step, between honest sides: how they come, what they wait for, what becomes of them."""

from dataclasses import replace

import pytest

from channels.match_book import KeptMatch, read_match
from tandem.channels.match import Award, Begin, Forgo, Match, Stake, Void, is_settled, next_step
from tandem.channels.operations import AddLock, DropLock, PayPart
from tandem.channels.states import Lock, LockKind, Side
from tandem.errors import ConfigError, EncodingError
from tandem.primitives.types import Seconds
from tests.unit.channels.test_endpoint import START, Pair, signer
from tests.unit.channels.test_match import SALT
from tests.unit.channels.test_play import APPS, NAME, RULES, SESSION, STAKE, play

UNTIL = Seconds(START + 600)


class Both:
    """Two sides of a match in a channel."""

    def __init__(self) -> None:
        self.channel = Pair()
        offers = [Match(play(player), UNTIL, player == 0) for player in (0, 1)]
        self.matches = [match.accepted(SALT) for match in offers]

    def due(self, side: Side, now: int = START) -> list[object]:
        step = next_step(self.matches[side], self.channel.sides[side], Seconds(now))
        return [] if step is None else [step]

    def stake(self, side: Side) -> Lock:
        [step] = self.due(side)
        assert isinstance(step, Stake)
        self.channel.do(side, AddLock(step.lock))
        return step.lock

    def begin(self, side: Side) -> None:
        assert self.due(side) == [Begin()]
        self.matches[side] = replace(self.matches[side], play=self.sign(side))

    def sign(self, side: Side) -> object:
        after, start = self.matches[side].play.sign_start(signer(side))
        other = self.matches[1 - side]
        self.matches[1 - side] = replace(other, play=other.play.take(start, signer(1 - side))[0])
        return after

    def settle(self, ruling: tuple[int, int]) -> None:
        self.matches = [replace(match, ruling=ruling) for match in self.matches]


@pytest.fixture
def both() -> Both:
    return Both()


def test_the_session_is_both_players_choice() -> None:
    """So none that was ever played can be offered again."""
    offered = Match(play(0), UNTIL, True)
    assert next_step(offered, Pair().sides[0], START) is None
    found = {offered.accepted(salt).play.session.id for salt in (SALT, NAME)}
    assert len(found | {SESSION.id}) == 3


def test_each_stakes_what_the_other_can_win(both: Both) -> None:
    locks = [both.stake(side) for side in (0, 1)]
    session = both.matches[0].play.session
    assert [lock.ref for lock in locks] == [session.ref(1), session.ref(0)]
    assert {(lock.amount, lock.kind) for lock in locks} == {(STAKE, LockKind.APP)}


@pytest.mark.parametrize("first", [0, 1])
def test_nobody_signs_the_start_before_he_holds_the_others_stake(both: Both, first: Side) -> None:
    """Whose own is there alone cannot lose it: the registry takes nothing that he has not signed."""
    both.stake(first)
    assert both.due(first) == []
    both.stake(1 if first == 0 else 0)
    both.begin(first)
    assert both.due(first) == []


def test_nor_before_his_own_is_signed_by_both(both: Both) -> None:
    both.stake(1)
    [step] = both.due(0)
    assert isinstance(step, Stake)
    both.channel.sides[0], proposal = both.channel.sides[0].propose((AddLock(step.lock),), signer(0))
    assert both.due(0) == []
    both.channel.sides[1], ack = both.channel.sides[1].take(proposal, signer(1), START)
    both.channel.sides[0] = both.channel.sides[0].take_ack(ack)
    assert both.due(0) == [Begin()]


def test_a_stake_that_is_too_small_is_none(both: Both) -> None:
    lock = Lock(STAKE - 1, UNTIL, LockKind.APP, both.matches[0].won)
    both.channel.do(1, AddLock(lock))
    assert both.due(0) == [Void("the other's stake is too small")]


@pytest.mark.parametrize("is_staked", [False, True])
def test_nor_is_one_that_was_given_up(both: Both, is_staked: bool) -> None:
    """As a strange one, before the match was known: its owner may drop it any time."""
    if is_staked:
        both.stake(0)
    held = both.stake(1)
    both.channel.sides[0] = both.channel.sides[0].give_up(held)
    assert both.due(0) == [Void("the other's stake was given up")]


def test_what_the_other_keeps_of_a_stake_is_known(both: Both) -> None:
    both.stake(0)
    mine = both.channel.sides[0]
    assert both.matches[0].kept_back(mine) == 0, "it may still be played for"
    void = replace(both.matches[0], void="why")
    paid, draw = (replace(both.matches[0], ruling=ruling) for ruling in ((0, 30), (0, 0)))
    assert [each.kept_back(mine) for each in (void, paid, draw)] == [STAKE, STAKE - 30, STAKE]
    assert void.kept_back(both.channel.sides[1]) == 0


def test_what_does_not_begin_in_time_comes_back(both: Both) -> None:
    held = both.stake(1)
    assert both.due(0, UNTIL + 1) == both.due(1, UNTIL + 1) == [Void("it has not begun in time")]
    both.matches = [replace(match, void="it has not begun in time") for match in both.matches]
    assert both.due(0) == [Forgo(held)]
    assert not is_settled(both.matches[1], both.channel.sides[1])
    both.channel.sides[0] = both.channel.sides[0].give_up(held)
    assert both.due(0) == []
    both.channel.do(1, DropLock(held.ref))
    assert all(is_settled(match, side) for match, side in zip(both.matches, both.channel.sides, strict=True))


def test_who_has_signed_keeps_what_he_holds_until_his_own_stake_is_gone(both: Both) -> None:
    """The other holds his signature, and may still begin."""
    own, _ = both.stake(0), both.stake(1)
    both.begin(0)
    assert both.due(0, UNTIL + 10**6) == []
    both.channel.sides[1] = both.channel.sides[1].give_up(own)
    both.channel.do(0, DropLock(own.ref))
    assert both.due(0) == []
    assert both.due(0, UNTIL + 1) == [Void("it has not begun in time")]


def test_the_end_pays_who_has_won_and_gives_back_the_rest(both: Both) -> None:
    own, others = both.stake(0), both.stake(1)
    both.settle((30, 0))
    assert (both.due(0), both.due(1)) == ([Award(others.ref, 30)], [Forgo(own)])
    assert both.matches[0].is_up_to_other(both.channel.sides[0])
    assert not both.matches[1].is_up_to_other(both.channel.sides[1])
    both.channel.sides[0] = both.channel.sides[0].award(others.ref, 30)
    both.channel.sides[1] = both.channel.sides[1].give_up(own)
    assert both.due(0) == both.due(1) == []
    assert [match.owed(side) for match, side in zip(both.matches, both.channel.sides, strict=True)] == [0, 30]
    both.channel.do(1, PayPart(others.ref, 30))
    both.channel.do(0, DropLock(own.ref))
    assert [side.spendable for side in both.channel.sides] == [1_030, 970]
    assert is_settled(both.matches[0], both.channel.sides[0])


def test_what_was_given_up_is_not_asked_for(both: Both) -> None:
    held = both.stake(1)
    both.channel.sides[0] = both.channel.sides[0].give_up(held)
    both.settle((30, 0))
    assert both.due(0) == []


def test_a_match_is_kept_and_read_again(both: Both) -> None:
    both.stake(0), both.stake(1)
    both.begin(0)
    apps, domains = {SESSION.app: RULES}, {APPS.chain_id: APPS}
    for match in (*both.matches, replace(both.matches[0], void="why", ruling=(1, 2)), Match(play(1), UNTIL, False)):
        kept = KeptMatch(APPS.chain_id, START, match)
        assert read_match(kept.encode(), apps, domains) == kept
    with pytest.raises(ConfigError, match="start the node with both"):
        read_match(kept.encode(), {}, domains)
    with pytest.raises(EncodingError):
        read_match(kept.encode()[:-1], apps, domains)
