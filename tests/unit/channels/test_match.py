"""A player who never makes a mistake, against one who does as he likes: in a channel, with stakes, and on chain.

However it goes, the honest one ends with what he had, and what he has won; the other one's best play is a draw.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tandem.channels import appeals
from tandem.channels import match as matches
from tandem.channels.appeals import Appeal, MoveOn, Put, Registered, Resolve
from tandem.channels.endpoint import Ack, Endpoint, Proposal
from tandem.channels.match import Award, Begin, Forgo, Match, Stake, Step, Void
from tandem.channels.operations import AddLock, DropLock, InvalidUpdate, Operation, PayLock, PayPart, apply
from tandem.channels.play import Answer, InvalidMove, Play, Turn
from tandem.channels.sessions import Session, SignedState, other_player
from tandem.channels.settlement import Knowledge, settle
from tandem.channels.signing import BadSignature, sign_digest
from tandem.channels.states import Lane, Lock, LockKind, Side
from tandem.channels.tic_tac_toe import CELLS, HEAD, TicTacToe
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Seconds
from tests.support.app_registry import Registry, Rejected
from tests.unit.channels.test_endpoint import DOMAIN, KEY, KEYS, PARTIES, SIDES, START, endpoint, signer

STAKE = 100
DEPOSITS = (1_000, 1_000)
TIMEOUT = 1_000
LIFE = 600
LOOK = 200
"""Seconds in which the honest side has seen what is on chain, and has done what it will."""
RULES = TicTacToe()
NAME, SALT = keccak(b"match"), keccak(b"accepted")


def match_of(side: Side, registry: Registry, *, is_first: bool, kind: type[Play] = Play) -> Match:
    """Accepted by both. `is_first`: this side is player 0."""
    own, other = PARTIES[side], PARTIES[1 - side]
    one, two = (own, other) if is_first else (other, own)
    session = Session(one, two, registry.game, Seconds(TIMEOUT), NAME, RULES.terms(STAKE))
    play = kind(session, session.player(own), RULES, registry.domain, KEY.id, NAME)
    return Match(play, Seconds(START + LIFE), is_first).accepted(SALT)


@cache
def value(state: bytes) -> int:
    """For who is at turn, when both play perfectly: 1, 0 or -1."""
    if RULES.outcome(state, False) is not None:
        payouts = RULES.outcome(state, False)
        assert payouts is not None
        mover = RULES.mover(state)
        return (payouts[mover] > 0) - (payouts[1 - mover] > 0)
    return max(-value(after) for after in turns(state))


def turns(state: bytes) -> list[bytes]:
    """All that the rules allow."""
    free = [str(at + 1) for at in range(CELLS) if not state[HEAD + at]]
    return [] if RULES.outcome(state, False) is not None else [RULES.write(state, cell) for cell in free]


def best(state: bytes, at: int) -> bytes:
    """One of the best, another one at another time."""
    found = sorted(turns(state), key=value)
    found = [after for after in found if value(after) == value(found[0])]
    return found[at % len(found)]


class Against(RuleBasedStateMachine):
    """The honest node acts whenever it looks; everything else is the foe's."""

    endpoint_kind: type[Endpoint] = Endpoint
    play_kind: type[Play] = Play

    @staticmethod
    def next_step(match: Match, side: Endpoint, now: Seconds) -> Step | None:
        return matches.next_step(match, side, now)

    @staticmethod
    def appeal(play: Play, registered: Registered | None, is_wanted: bool, now: Seconds) -> Appeal | None:
        return appeals.appeal(play, registered, is_wanted, now)

    @staticmethod
    def is_settled(match: Match, side: Endpoint) -> bool:
        return matches.is_settled(match, side)

    @staticmethod
    def owed(match: Match, side: Endpoint) -> int:
        return match.owed(side)

    @initialize(side=SIDES, is_first=st.booleans(), is_known=st.booleans())
    def begin(self, side: Side, is_first: bool, is_known: bool) -> None:
        self.side: Side = side
        self.foe: Side = 0 if side else 1
        self.now = START
        self.honest = endpoint(side, DEPOSITS, self.endpoint_kind)
        self.registry = Registry()
        self.match = match_of(side, self.registry, is_first=is_first, kind=self.play_kind)
        self.player, self.session = self.match.play.player, self.match.play.session
        self.on_chain: Registered | None = None
        self.signed: dict[tuple[int, bytes], bytes] = {}
        """States of the session that the honest side has signed."""
        self.copies: list[Lane] = [Lane()]
        """States of the honest lane that the foe can show."""
        self.heard = START
        """When something has happened last in the match."""
        self.settle_at: int | None = None
        self.has_ended = False
        self.is_placed = False
        self.is_known = is_known
        """Whether the foe has accepted what the honest side has asked for: before that, his locks are strange."""

    # -- the honest side

    @rule()
    def look(self) -> None:
        """What the node does at each tick, and its owner, who is always there."""
        if self.has_ended:
            return
        if not self.is_known:
            for lock in self.honest.theirs.lane.locks:
                self.honest = self.honest.give_up(lock)
            return
        self.hear()
        self.do(self.next_step(self.match, self.honest, self.now))
        if self.match.play.is_our_turn:
            stands = self.match.play.position
            assert stands is not None
            self.advance(*self.match.play.move(best(stands.state, self.now // LOOK), signer(self.side)))
        self.go_to_chain()
        if self.is_settled(self.match, self.honest):
            self.has_ended = True

    def hear(self) -> None:
        if self.on_chain is not None:
            self.match = replace(self.match, play=self.match.play.with_shown(self.on_chain.turn, self.on_chain.state))
        if self.on_chain is not None and self.on_chain.is_resolved:
            self.match = replace(self.match, ruling=self.payouts())

    def do(self, step: Step | None) -> None:
        match step:
            case Stake(lock):
                if self.is_placed:
                    self.match = replace(self.match, void="the stake is given back")
                else:
                    self.is_placed = self.own(AddLock(lock))
            case Begin():
                self.advance(*self.match.play.sign_start(signer(self.side)))
            case Void(reason):
                self.match = replace(self.match, void=reason)
            case Award(ref, amount):
                self.honest = self.honest.award(ref, amount)
            case Forgo(lock):
                drop = self.honest.abandon if lock.ref in self.honest.outcomes else self.honest.give_up
                self.honest = drop(lock)

    def advance(self, play: Play, turn: Turn | None = None) -> None:
        if play != self.match.play:
            self.heard = self.now
        self.match = replace(self.match, play=play)
        if turn is not None:
            self.signed.setdefault((turn.turn, turn.state), turn.signature)

    def own(self, operation: Operation) -> bool:
        try:
            self.honest, proposal = self.honest.propose((operation,), signer(self.side))
        except InvalidUpdate:
            return False
        self.copies.append(apply(self.honest.mine.lane, proposal.operations))
        return True

    def go_to_chain(self) -> None:
        """As often as there is something to do."""
        is_late = self.now > self.heard + TIMEOUT or self.settle_at is not None
        is_wanted = is_late and self.match.is_up_to_other(self.honest)
        while True:
            match self.appeal(self.match.play, self.on_chain, is_wanted, self.now):
                case Put(state):
                    self.registry.put(self.session, state, self.now)
                case MoveOn(before, after):
                    self.registry.move(self.session, before, after, self.now)
                case Resolve(state):
                    self.registry.resolve(self.session, state, self.now)
                case None:
                    break
            self.on_chain = self.registry.registered(self.session)
        self.hear()

    # -- the foe, in the channel

    @rule()
    def foe_accepts(self) -> None:
        self.is_known = True

    @rule()
    def foe_acks(self) -> None:
        self.ack()

    def ack(self) -> None:
        if self.honest.proposal is not None:
            lane = self.honest.proposed
            signature = sign_digest(DOMAIN.lane(KEY.id, PARTIES[self.side], lane), KEYS[self.foe])
            self.receive(lambda: self.honest.take_ack(Ack(KEY.id, lane.nonce, signature)))

    @rule(amount=st.sampled_from((STAKE, STAKE, STAKE, STAKE + 1, STAKE - 1)))
    def foe_stakes(self, amount: int) -> None:
        self.stake(amount)

    def stake(self, amount: int) -> None:
        self.offer(AddLock(Lock(amount, Seconds(START + LIFE), LockKind.APP, self.match.won)))

    @rule()
    def foe_drops(self) -> None:
        self.offer(DropLock(self.match.won))

    @rule(amount=st.integers(1, STAKE + 1))
    def foe_pays(self, amount: int) -> None:
        self.offer(PayLock(self.match.won) if amount > STAKE else PayPart(self.match.won, amount))

    def offer(self, operation: Operation) -> None:
        try:
            after = apply(self.honest.theirs.lane, (operation,))
        except InvalidUpdate:
            return
        signature = sign_digest(DOMAIN.lane(KEY.id, PARTIES[self.foe], after), KEYS[self.foe])
        proposal = Proposal(KEY.id, after.nonce, (operation,), signature)
        self.receive(lambda: self.honest.take(proposal, signer(self.side), self.now)[0])

    def receive(self, message: Callable[[], Endpoint]) -> None:
        """Nothing that comes in lowers the guarantee; nor anything when the channel is closing."""
        before = self.honest.guaranteed
        if self.settle_at is not None:
            return
        try:
            self.honest = message()
        except (InvalidUpdate, BadSignature):
            return
        assert self.honest.guaranteed >= before

    @rule()
    def foe_gives_up(self) -> None:
        if any(lock.ref == self.match.staked for lock in self.honest.mine.lane.locks):
            self.own(DropLock(self.match.staked))

    @rule(amount=st.integers(1, STAKE + 1))
    def foe_claims(self, amount: int) -> None:
        if amount <= self.owed(self.match, self.honest):
            self.own(PayPart(self.match.staked, amount))

    # -- the foe, in the game

    def states(self) -> list[bytes]:
        """That he may think of."""
        known = [self.match.play.position, self.match.play.own]
        found = {RULES.start(self.session.terms), *(each.state for each in known if each is not None)}
        dream = self.session.terms + bytes([self.match.play.other + 1] * 3 + [0] * 6)
        return [dream, *sorted(found | {after for state in found for after in turns(state)})]

    def by_foe(self, turn: int, state: bytes) -> bytes:
        return sign_digest(self.registry.domain.state(self.session.id, turn, state), KEYS[self.foe])

    @rule(data=st.data())
    def foe_sends_a_turn(self, data: st.DataObject) -> None:
        """Perhaps one that the rules do not allow."""
        stands = self.match.play.position
        turn = data.draw(st.sampled_from((1, 1, 0, 2))) + (0 if stands is None else stands.turn)
        self.send(turn, data.draw(st.sampled_from(self.states())))

    @rule()
    def foe_signs_the_start(self) -> None:
        self.send(0, RULES.start(self.session.terms))

    @rule(data=st.data())
    @precondition(lambda self: hasattr(self, "match") and self.match.play.mover == self.match.play.other)
    def foe_moves(self, data: st.DataObject) -> None:
        stands = self.match.play.position
        assert stands is not None
        self.send(stands.turn + 1, data.draw(st.sampled_from(turns(stands.state))))

    def send(self, turn: int, state: bytes) -> None:
        message = Turn(KEY.id, NAME, turn, state, self.by_foe(turn, state))
        if self.has_ended or self.match.void or not self.is_known:
            return
        try:
            play, answer = self.match.play.take(message, signer(self.side))
        except (InvalidMove, BadSignature):
            return
        self.advance(play)
        if answer is not None:
            assert play.agreed is not None
            self.signed.setdefault((answer.turn, play.agreed.state), answer.signature)

    @rule()
    def foe_answers(self) -> None:
        self.answer()

    def answer(self) -> None:
        own = self.match.play.own
        if own is not None and not self.has_ended:
            answer = Answer(KEY.id, NAME, own.turn, self.by_foe(own.turn, own.state))
            self.advance(self.match.play.take_answer(answer))

    @rule()
    def foe_goes_along(self) -> None:
        """As an honest one would, but for his turns."""
        self.foe_accepts()
        self.look()
        self.stake(STAKE)
        self.ack()
        self.look()
        if self.match.is_bound:
            self.send(0, RULES.start(self.session.terms))
        self.answer()

    # -- the foe, on chain

    def both(self, turn: int, state: bytes) -> SignedState:
        own, foe = self.signed[turn, state], self.by_foe(turn, state)
        return SignedState(turn, state, (foe, own) if self.player else (own, foe))

    @rule(data=st.data())
    @precondition(lambda self: getattr(self, "signed", None))
    def foe_puts(self, data: st.DataObject) -> None:
        """Any state that the honest side has ever signed."""
        state = self.both(*data.draw(st.sampled_from(sorted(self.signed))))
        self.call(lambda: self.registry.put(self.session, state, self.now))

    @rule(data=st.data())
    @precondition(lambda self: getattr(self, "on_chain", None))
    def foe_moves_on_chain(self, data: st.DataObject) -> None:
        """By his own signature, or by one of the honest side's."""
        there = self.on_chain
        assert there is not None
        after = data.draw(st.sampled_from(turns(there.state) or [there.state]))
        turn, mover = there.turn + 1, RULES.mover(there.state)
        signature = self.signed.get((turn, after), b"") if mover == self.player else self.by_foe(turn, after)
        moved = SignedState(turn, after, (b"", signature) if mover else (signature, b""))
        self.call(lambda: self.registry.move(self.session, there.state, moved, self.now))

    @rule()
    @precondition(lambda self: getattr(self, "on_chain", None))
    def foe_resolves(self) -> None:
        there = self.on_chain
        assert there is not None
        self.call(lambda: self.registry.resolve(self.session, there.state, self.now))

    def call(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Rejected:
            return
        self.on_chain = self.registry.registered(self.session)

    @rule()
    def foe_closes(self) -> None:
        self.close()

    def close(self) -> None:
        if self.settle_at is None:
            self.settle_at = self.now + 2 * TIMEOUT + 4 * LOOK

    @rule(looks=st.integers(1, 12))
    def wait(self, looks: int) -> None:
        for _ in range(looks):
            if self.settle_at is not None and self.now + LOOK >= self.settle_at:
                return
            self.look()
            self.now = Seconds(self.now + LOOK)

    # -- what must hold

    @invariant()
    def no_turn_is_signed_twice(self) -> None:
        if hasattr(self, "signed"):
            assert len({turn for turn, _ in self.signed}) == len(self.signed)

    def teardown(self) -> None:
        """The channel is closed, the window passes, and it is settled as is worst for the honest side."""
        if not hasattr(self, "honest"):
            return
        self.close()
        self.look()
        self.wait(looks=100)
        self.look()
        payouts = self.result()
        assert payouts[other_player(self.player)] == 0, "who plays perfectly does not lose"
        known = Knowledge(outcomes=self.registry.payouts(self.session))
        own, theirs = self.honest.mine.lane, self.honest.theirs.lane
        lanes = {lane for lane in self.copies if lane.nonce >= own.nonce} | {own}
        least = min(
            settle(self.honest.funds, (theirs, lane) if self.side else (lane, theirs), known)[self.side]
            for lane in lanes
        )
        assert least >= DEPOSITS[self.side] + payouts[self.player]

    def result(self) -> tuple[int, int]:
        """How it has ended, for who holds the honest side's states."""
        return self.match.play.end or self.payouts()

    def payouts(self) -> tuple[int, int]:
        """On chain, by player; nothing before it is resolved."""
        found = self.registry.payouts(self.session)
        return found[self.session.ref(0)], found[self.session.ref(1)]


Against.TestCase.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
TestAgainst = Against.TestCase


class BeforeTheStart(Against):
    """The foe signs nothing of the game that he could not put on chain, and waits with closing."""

    foe_closes = foe_gives_up = foe_moves_on_chain = foe_resolves = None
    foe_sends_a_turn = foe_moves = foe_answers = foe_signs_the_start = foe_goes_along = foe_claims = foe_pays = None


class WithGoodWill(Against):
    """The foe keeps to the rules in the channel."""

    foe_drops = foe_pays = foe_claims = foe_gives_up = foe_sends_a_turn = None
    foe_stakes = foe_acks = foe_signs_the_start = None


class StakesTooEarly(Against):
    """The foe is honest, but for his one stake."""

    foe_acks = foe_pays = foe_claims = foe_gives_up = foe_sends_a_turn = foe_answers = None
    foe_puts = foe_moves_on_chain = foe_resolves = foe_closes = None

    def stake(self, amount: int) -> None:
        if not self.honest.theirs.lane.nonce:
            super().stake(amount)


class LetsLocksExpire(Endpoint):
    def _check(self, operation: Operation, now: Seconds) -> None:
        if not isinstance(operation, DropLock) or now <= START + LIFE + self.terms.grace:
            Endpoint._check(self, operation, now)


class TakesAnyPart(Endpoint):
    def _check(self, operation: Operation, now: Seconds) -> None:
        if not isinstance(operation, PayPart):
            Endpoint._check(self, operation, now)


class SignsAnyTurn(Play):
    def _check_move(self, before: bytes, after: bytes) -> None:
        """Whatever the rules say."""


class MovesForTheOther(Play):
    def _check_turn(self, turn: Turn) -> None:
        """Whoever is at turn, and whatever was signed of it before."""


class MovesTwice(Play):
    @property
    def waiting(self) -> SignedState | None:
        return None


class BeginsWithoutTheOthersStake(BeforeTheStart):
    @staticmethod
    def next_step(match: Match, side: Endpoint, now: Seconds) -> Step | None:
        found = matches.next_step(match, side, now)
        is_out = any(lock.ref == match.staked for lock in side.mine.lane.locks)
        return found or (Begin() if is_out and not match.is_bound and not match.void else None)


class TakesAStakeThatItHasGivenUp(StakesTooEarly):
    @staticmethod
    def next_step(match: Match, side: Endpoint, now: Seconds) -> Step | None:
        return matches.next_step(match, side if match.is_bound else replace(side, given_up=frozenset()), now)


class VoidsWhatItHasSigned(BeforeTheStart):
    @staticmethod
    def next_step(match: Match, side: Endpoint, now: Seconds) -> Step | None:
        is_void, held = match.play.agreed is None and now > match.until, side.theirs.lane.locks
        return Forgo(held[0]) if is_void and held else matches.next_step(match, side, now)


class ForgetsTheGameWhenItIsOver(WithGoodWill):
    @staticmethod
    def is_settled(match: Match, side: Endpoint) -> bool:
        return match.result is not None or matches.is_settled(match, side)


class StaysAwayFromTheChain(Against):
    @staticmethod
    def appeal(play: Play, registered: Registered | None, is_wanted: bool, now: Seconds) -> Appeal | None:
        return None


class AnswersOnlyWhenItWantsTo(WithGoodWill):
    @staticmethod
    def appeal(play: Play, registered: Registered | None, is_wanted: bool, now: Seconds) -> Appeal | None:
        return appeals.appeal(play, registered, is_wanted, now) if is_wanted else None


class PutsButDoesNotMove(Against):
    @staticmethod
    def appeal(play: Play, registered: Registered | None, is_wanted: bool, now: Seconds) -> Appeal | None:
        found = appeals.appeal(play, registered, is_wanted, now)
        return None if isinstance(found, MoveOn) else found


class PaysWhatIsClaimed(Against):
    @staticmethod
    def owed(match: Match, side: Endpoint) -> int:
        return STAKE if any(lock.ref == match.staked for lock in side.mine.lane.locks) else 0


FLAWED: tuple[type[Against], ...] = (
    *(type(kind.__name__, (Against,), {"endpoint_kind": kind}) for kind in (LetsLocksExpire, TakesAnyPart)),
    *(type(kind.__name__, (Against,), {"play_kind": kind}) for kind in (SignsAnyTurn, MovesForTheOther, MovesTwice)),
    BeginsWithoutTheOthersStake,
    TakesAStakeThatItHasGivenUp,
    VoidsWhatItHasSigned,
    ForgetsTheGameWhenItIsOver,
    StaysAwayFromTheChain,
    AnswersOnlyWhenItWantsTo,
    PutsButDoesNotMove,
    PaysWhatIsClaimed,
)


@pytest.mark.parametrize(
    "flawed",
    [pytest.param(each, id=each.__name__, marks=pytest.mark.slow if at % 3 else ()) for at, each in enumerate(FLAWED)],
)
def test_a_rule_that_is_broken_is_noticed(flawed: type[Against]) -> None:
    steps = {"max_examples": 5_000, "stateful_step_count": 50, "deadline": None}
    search = settings(**steps, derandomize=True, phases=[Phase.generate])
    with pytest.raises((AssertionError, Rejected)):
        run_state_machine_as_test(flawed, settings=search)
