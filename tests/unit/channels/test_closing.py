"""What to do on chain while a channel closes: everything that pays, nothing that costs for nothing."""

from dataclasses import replace

import pytest

from tandem.channels.closing import Settle, Show, is_worse, moves, owes, to_register
from tandem.channels.endpoint import SignedLane
from tandem.channels.ledger import OnChain, SecretRevealed, Status
from tandem.channels.operations import AddLock, DropLock, Pay, PayLock
from tandem.channels.settlement import Funds, Knowledge, secret_hash, settle
from tandem.channels.states import Lane, LockKind
from tandem.channels.timing import Timing
from tandem.primitives.types import Seconds
from tests.unit.channels.test_endpoint import KEY, PARTIES, SECRETS, START, TERMS, Pair, lock

TIMING = Timing()
SETTLE_AT = Seconds(START + 5_000)


def closing(*shown: Lane, by: int = 1) -> OnChain:
    one, other = shown
    return OnChain(KEY, Funds((1_000, 1_000)), Status.CLOSING, SETTLE_AT, PARTIES[by], (one, other))


def test_nothing_is_due_in_an_open_channel() -> None:
    pair = Pair()
    pair.do(0, Pay(5))
    on_chain = replace(closing(Lane(), Lane()), status=Status.OPEN)
    assert moves(pair.sides[1], on_chain, TIMING, Seconds(SETTLE_AT + 9_999)) == []


def test_the_newer_state_of_the_others_lane_is_shown() -> None:
    pair = Pair()
    pair.do(0, Pay(5))
    old = pair.sides[1].theirs.lane
    pair.do(0, Pay(5))
    side = pair.sides[1]
    assert moves(side, closing(old, Lane()), TIMING, START) == [Show(0, side.theirs)]
    assert moves(side, closing(side.theirs.lane, Lane()), TIMING, START) == []
    assert moves(side, closing(Lane(), Lane()), TIMING, START) == [Show(0, side.theirs)]


def test_the_own_lane_is_shown_against_a_lock_that_was_dropped() -> None:
    pair = Pair()
    pair.do(0, AddLock(lock(0, 400)))
    old = pair.sides[0].mine.lane
    pair.sides[1] = pair.sides[1].give_up(lock(0, 400))
    pair.do(0, DropLock(secret_hash(SECRETS[0])))
    side = pair.sides[0]
    assert moves(side, closing(old, Lane()), TIMING, START) == [Show(0, side.mine)]
    assert moves(side, closing(Lane(), Lane()), TIMING, START) == [], "an older state that pays less harms nobody"


def test_an_own_state_is_worse_only_by_locks_that_are_gone() -> None:
    held, paid = lock(0, 30), Lane(2, 30)
    assert is_worse(Lane(1, 0, (held,)), Lane(2, 0))
    assert not is_worse(Lane(1, 0, (held,)), paid), "it was paid: the newest costs as much"
    assert not is_worse(Lane(1, 0, (held,)), Lane(2, 5, (held,)))
    assert not is_worse(Lane(3, 0, (held,)), Lane(2, 0)), "it is not older"


@pytest.mark.parametrize(("by", "wait"), [(0, 0), (1, TIMING.settle)])
def test_who_has_closed_settles_first(by: int, wait: int) -> None:
    side = Pair().sides[0]
    on_chain = closing(Lane(), Lane(), by=by)
    assert moves(side, on_chain, TIMING, Seconds(SETTLE_AT + wait - 1)) == []
    assert moves(side, on_chain, TIMING, Seconds(SETTLE_AT + wait)) == [Settle()]


def test_what_is_shown_pays_what_was_guaranteed() -> None:
    """Whichever state the other side begins with."""
    pair, history = Pair(), [Lane()]
    for operations in ((Pay(100),), (AddLock(lock(0, 50)),), (AddLock(lock(1, 70)), Pay(3)), (Pay(7),)):
        pair.do(0, *operations)
        history.append(pair.sides[1].theirs.lane)
    side = pair.sides[1].learn(SECRETS[0], START)
    known = Knowledge({secret_hash(SECRETS[0]): START})
    for shown in history:
        lanes = shown, Lane()
        for move in moves(side, closing(*lanes), TIMING, START):
            assert isinstance(move, Show)
            lanes = (move.lane.lane, lanes[1]) if move.side == 0 else (lanes[0], move.lane.lane)
        assert settle(side.funds, lanes, known)[1] == side.guaranteed


def test_a_secret_goes_on_chain_when_it_is_due() -> None:
    pair = Pair()
    expiry = START + 10_000
    pair.do(0, AddLock(lock(0, 400, expiry)), AddLock(lock(1, 5, expiry)))
    side = pair.sides[1].learn(SECRETS[0], START)
    due = Seconds(expiry - TIMING.reveal_before)

    def found(now: int, on_chain: OnChain | None = None, *, is_known: bool = False) -> list[bytes]:
        ref = secret_hash(SECRETS[0])
        revealed = {ref: SecretRevealed(SECRETS[0], ref, START)} if is_known else {}
        return to_register(side, on_chain, revealed, TIMING, Seconds(now))

    assert found(due - 1) == []
    assert found(due) == found(expiry) == [SECRETS[0]]
    assert found(expiry + 1) == [], "it is too late"
    assert found(due, is_known=True) == []
    assert found(START, closing(Lane(), Lane())) == [SECRETS[0]], "while the channel closes, nobody can answer"


def test_a_debt_is_one_when_the_other_side_has_had_its_time() -> None:
    pair = Pair()
    held = lock(0, 400)
    pair.do(0, AddLock(held))
    side = pair.sides[1].learn(SECRETS[0], START)
    late = Seconds(held.expiry + TERMS.grace + 2 * TIMING.grace)

    def is_debt(at: int, now: int) -> bool:
        return owes(side, {held.ref: SecretRevealed(SECRETS[0], held.ref, Seconds(at))}, TIMING, Seconds(now))

    assert is_debt(held.expiry, late + 1)
    assert not is_debt(held.expiry, late)
    assert not is_debt(held.expiry + 1, late + 1), "it was registered too late"
    assert not owes(side, {}, TIMING, Seconds(late + 1))
    pair.sides[1] = side
    pair.do(0, PayLock(held.ref))
    assert not owes(pair.sides[1], {held.ref: SecretRevealed(SECRETS[0], held.ref, START)}, TIMING, Seconds(late + 1))


def test_no_secret_makes_a_debt_of_an_applications_lock() -> None:
    pair, held = Pair(), replace(lock(0, 400), kind=LockKind.APP)
    pair.do(0, AddLock(held))
    revealed = {held.ref: SecretRevealed(SECRETS[0], held.ref, START)}
    assert not owes(pair.sides[1], revealed, TIMING, Seconds(held.expiry + 10**6))


def test_nothing_to_show_is_nothing() -> None:
    assert SignedLane().lane.nonce == 0
    assert moves(Pair().sides[0], closing(Lane(), Lane()), TIMING, START) == []
