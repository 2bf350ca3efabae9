"""One honest side of a channel against one that does as it likes.

No history leaves the honest one with less than it was sure of, and only what it does itself lowers that.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tandem.channels.endpoint import Ack, Endpoint, Proposal, SignedLane, Terms
from tandem.channels.operations import AddLock, DropLock, InvalidUpdate, Operation, Pay, PayLock, PayPart, apply
from tandem.channels.settlement import Funds, Knowledge, secret_hash, settle
from tandem.channels.signing import BadSignature, SigningDomain, check_signature, sign_digest
from tandem.channels.states import ChannelKey, Lane, Lock, LockKind, Side
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import address_of
from tandem.primitives.types import ZERO_ADDRESS, Address, Hash, Seconds

KEYS = tuple(keccak(b"key %d" % number) for number in range(2))
PARTIES = tuple(map(address_of, KEYS))
SECRETS = tuple(keccak(b"secret %d" % number) for number in range(3))
DOMAIN = SigningDomain(31337, Address(b"\x11" * 20))
KEY = ChannelKey(PARTIES[0], PARTIES[1], ZERO_ADDRESS, Seconds(86_400), keccak(b"salt"))
TERMS = Terms(least_time=Seconds(600), most_time=Seconds(40_000), grace=Seconds(900))
START = Seconds(1_000_000)


def signer(side: int) -> Callable[[Hash], bytes]:
    return lambda digest: sign_digest(digest, KEYS[side])


def endpoint(side: Side, deposits: tuple[int, int] = (1_000, 1_000), kind: type[Endpoint] = Endpoint) -> Endpoint:
    return kind(KEY, side, DOMAIN, TERMS, Funds(deposits))


def lock(number: int, amount: int, expiry: int = START + 10_000) -> Lock:
    return Lock(amount, Seconds(expiry), LockKind.HASH, secret_hash(SECRETS[number]))


class Pair:
    """Two honest sides; every message comes through."""

    def __init__(self) -> None:
        self.sides = [endpoint(0), endpoint(1)]

    def do(self, side: Side, *operations: Operation, now: int = START) -> None:
        self.sides[side], proposal = self.sides[side].propose(operations, signer(side))
        other: Side = 0 if side else 1
        self.sides[other], ack = self.sides[other].take(proposal, signer(other), Seconds(now))
        self.sides[side] = self.sides[side].take_ack(ack)


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_payments_move_what_each_can_spend(pair: Pair) -> None:
    pair.do(0, Pay(300))
    pair.do(1, Pay(1_250))
    assert [side.spendable for side in pair.sides] == [1_950, 50]
    assert pair.sides[0].mine == pair.sides[1].theirs
    assert pair.sides[1].mine.lane == Lane(1, 1_250)


def test_many_operations_take_one_signature_pair(pair: Pair) -> None:
    pair.do(0, *(Pay(1) for _ in range(50)), AddLock(lock(0, 20)))
    assert pair.sides[1].theirs.lane == Lane(1, 50, (lock(0, 20),))


def test_a_lock_is_money_of_nobody_until_its_secret_is_known(pair: Pair) -> None:
    pair.do(0, AddLock(lock(0, 100)))
    assert [side.guaranteed for side in pair.sides] == [900, 1_000]
    pair.sides[1] = pair.sides[1].learn(SECRETS[0], START)
    assert pair.sides[1].guaranteed == 1_100
    pair.do(0, PayLock(secret_hash(SECRETS[0])))
    assert [side.spendable for side in pair.sides] == [900, 1_100]


def test_a_lock_is_dropped_by_consent(pair: Pair) -> None:
    pair.do(0, AddLock(lock(0, 100)))
    ref = secret_hash(SECRETS[0])
    with pytest.raises(InvalidUpdate, match="can still be claimed"):
        pair.do(0, DropLock(ref))
    pair.sides[0] = replace(pair.sides[0], proposal=None)
    pair.sides[1] = pair.sides[1].give_up(lock(0, 100))
    pair.do(0, DropLock(ref))
    assert [side.spendable for side in pair.sides] == [1_000, 1_000]


def test_or_when_it_has_expired_for_a_while(pair: Pair) -> None:
    held = lock(0, 100)
    pair.do(0, AddLock(held))
    for now, is_dropped in ((held.expiry + TERMS.grace, False), (held.expiry + TERMS.grace + 1, True)):
        sides = list(pair.sides)
        if is_dropped:
            pair.do(0, DropLock(held.ref), now=now)
        else:
            with pytest.raises(InvalidUpdate, match="can still be claimed"):
                pair.do(0, DropLock(held.ref), now=now)
            pair.sides = sides


def test_only_an_applications_lock_is_paid_in_part(pair: Pair) -> None:
    held = lock(0, 100)
    pair.do(0, AddLock(held))
    with pytest.raises(InvalidUpdate, match="only an application session's lock"):
        pair.do(0, PayPart(held.ref, 30))
    app = app_lock(100)
    pair.do(1, AddLock(app))
    for amount in (0, 101):
        with pytest.raises(InvalidUpdate, match="of a lock of 100 not"):
            pair.do(1, PayPart(app.ref, amount))


def test_a_lock_whose_secret_is_known_is_never_given_up(pair: Pair) -> None:
    pair.do(0, AddLock(lock(0, 100)))
    knowing = pair.sides[1].learn(SECRETS[0], START)
    with pytest.raises(InvalidUpdate, match="secret is known"):
        knowing.give_up(lock(0, 100))
    with pytest.raises(InvalidUpdate, match="no lock with this secret"):
        knowing.learn(SECRETS[1], START)
    with pytest.raises(InvalidUpdate, match="expired 1 s ago"):
        pair.sides[1].learn(SECRETS[0], Seconds(START + 10_001))


def test_a_lock_that_was_given_up_is_not_counted_on_when_its_secret_comes_after_all(pair: Pair) -> None:
    """The other side may drop it by that consent."""
    pair.do(0, AddLock(lock(0, 100)))
    pair.sides[1] = pair.sides[1].give_up(lock(0, 100))
    with pytest.raises(InvalidUpdate, match="was given up"):
        pair.sides[1].learn(SECRETS[0], START)


def app_lock(amount: int) -> Lock:
    return Lock(amount, Seconds(START + 10), LockKind.APP, keccak(b"session"))


def test_an_applications_lock_does_not_expire(pair: Pair) -> None:
    """The contract pays it by how the session ends, whenever that is."""
    held = app_lock(100)
    pair.do(0, AddLock(held))
    with pytest.raises(InvalidUpdate, match="can still be claimed"):
        pair.do(0, DropLock(held.ref), now=held.expiry + TERMS.grace + 10**6)
    pair.sides[0] = replace(pair.sides[0], proposal=None)
    pair.sides[1] = pair.sides[1].give_up(held)
    pair.do(0, DropLock(held.ref))
    assert [side.spendable for side in pair.sides] == [1_000, 1_000]


def test_an_applications_lock_is_paid_in_part_by_its_outcome(pair: Pair) -> None:
    held = app_lock(100)
    pair.do(0, AddLock(held))
    with pytest.raises(InvalidUpdate, match="100 of the lock can still be claimed, not 30"):
        pair.do(0, PayPart(held.ref, 30))
    pair.sides[0] = replace(pair.sides[0], proposal=None)
    pair.sides[1] = pair.sides[1].award(held.ref, 30)
    assert pair.sides[1].guaranteed == 1_030
    with pytest.raises(InvalidUpdate, match="30 of the lock were won"):
        pair.sides[1].give_up(held)
    for operation in (PayPart(held.ref, 29), DropLock(held.ref)):
        with pytest.raises(InvalidUpdate, match="can still be claimed"):
            pair.do(0, operation)
        pair.sides[0] = replace(pair.sides[0], proposal=None)
    pair.do(0, PayPart(held.ref, 30))
    assert [side.spendable for side in pair.sides] == [970, 1_030]
    assert pair.sides[1].outcomes == {}


def test_what_the_chain_has_decided_otherwise_is_let_go(pair: Pair) -> None:
    held = app_lock(100)
    pair.do(0, AddLock(held))
    pair.sides[1] = pair.sides[1].award(held.ref, 30).abandon(held)
    assert pair.sides[1].guaranteed == 1_000
    with pytest.raises(InvalidUpdate, match="was given up"):
        pair.sides[1].award(held.ref, 30)
    for ref, amount in ((keccak(b"other"), 1), (held.ref, 0), (held.ref, 101)):
        with pytest.raises(InvalidUpdate, match="no lock of an application"):
            pair.sides[1].award(ref, amount)


def test_what_is_being_dropped_cannot_be_spent_before_the_answer(pair: Pair) -> None:
    """Whoever withholds it still holds the state with the lock."""
    ref = secret_hash(SECRETS[0])
    pair.do(0, AddLock(lock(0, 400)))
    pair.sides[1] = pair.sides[1].give_up(lock(0, 400))
    waiting, _ = pair.sides[0].propose((DropLock(ref),), signer(0))
    assert waiting.spendable == 600


@pytest.mark.parametrize(
    ("operations", "reason"),
    [
        ((), "nothing is to be done"),
        ((Pay(0),), "nothing is paid"),
        ((Pay(1_001),), "1 are missing: 1000 can be paid"),
        ((AddLock(lock(0, 0)),), "nothing is locked"),
        ((AddLock(lock(0, 600)), Pay(500)), "100 are missing"),
        ((PayLock(secret_hash(SECRETS[0])),), "no such lock to pay"),
        ((DropLock(secret_hash(SECRETS[0])),), "no such lock to drop"),
        ((PayPart(secret_hash(SECRETS[0]), 1),), "no such lock to pay"),
        (tuple(AddLock(replace(lock(0, 1), ref=keccak(bytes([i])))) for i in range(65)), "64 locks at most"),
    ],
)
def test_what_makes_no_sense_is_not_proposed(operations: tuple[Operation, ...], reason: str) -> None:
    with pytest.raises(InvalidUpdate, match=reason):
        endpoint(0).propose(operations, signer(0))


def proposal_of(lane: Lane, *operations: Operation, by: int = 0, nonce: int | None = None) -> Proposal:
    """Signed, whatever it says."""
    after = apply(lane, operations)
    signature = sign_digest(DOMAIN.lane(KEY.id, PARTIES[0], after), KEYS[by])
    return Proposal(KEY.id, after.nonce if nonce is None else nonce, operations, signature)


def test_what_the_other_side_must_not_do_is_refused() -> None:
    receiver = endpoint(1)
    refused = [
        (proposal_of(Lane(), Pay(1_001)), "the other side has 1000"),
        (proposal_of(Lane(), Pay(1), nonce=2), "does not follow"),
    ]
    for proposal, reason in refused:
        with pytest.raises(InvalidUpdate, match=reason):
            receiver.take(proposal, signer(1), START)
    for proposal in (proposal_of(Lane(), Pay(1), by=1), proposal_of(Lane(3), Pay(1), nonce=1)):
        with pytest.raises(BadSignature):
            receiver.take(proposal, signer(1), START)


def test_a_lock_is_built_on_only_if_it_is_in_time() -> None:
    expiries = {599: False, 600: True, 40_000: True, 40_001: False}
    assert {time: endpoint(1).is_in_time(Seconds(START + time), START) for time in expiries} == expiries


def test_what_can_come_in_is_what_the_other_side_has_left(pair: Pair) -> None:
    pair.do(0, Pay(300), AddLock(lock(0, 50)))
    pair.do(1, Pay(20))
    assert [side.receivable for side in pair.sides] == [1_280, 670]
    assert [side.spendable for side in pair.sides] == [670, 1_280]


def test_a_reference_is_dealt_with_once_in_a_state(pair: Pair) -> None:
    """Else a lock could come and go unseen, or another one take the place of one whose secret is known."""
    ref = secret_hash(SECRETS[0])
    for operations in (
        (AddLock(lock(0, 1)), AddLock(lock(0, 2))),
        (AddLock(lock(0, 100)), DropLock(ref)),
        (AddLock(lock(0, 100)), PayLock(ref)),
    ):
        with pytest.raises(InvalidUpdate, match="dealt with twice"):
            pair.do(0, *operations)
    pair.do(0, AddLock(lock(0, 100)))
    pair.sides[1] = pair.sides[1].learn(SECRETS[0], START)
    with pytest.raises(InvalidUpdate, match="dealt with twice"):
        pair.do(0, PayLock(ref), AddLock(lock(0, 300, START - 1)))


def test_what_was_given_up_is_forgotten_with_the_lock(pair: Pair) -> None:
    """The next one with its reference is another."""
    held = lock(0, 100)
    pair.do(0, AddLock(held))
    pair.sides[1] = pair.sides[1].give_up(held)
    pair.do(0, DropLock(held.ref))
    pair.do(0, AddLock(held))
    assert pair.sides[1].learn(SECRETS[0], START).guaranteed == 1_100


def test_what_was_meant_for_a_lock_does_not_hit_the_next_one_with_its_reference(pair: Pair) -> None:
    before, after = lock(0, 1), lock(0, 100)
    pair.do(0, AddLock(before))
    pair.do(0, PayLock(before.ref))
    pair.do(0, AddLock(after))
    for change in (pair.sides[1].give_up, pair.sides[1].abandon):
        with pytest.raises(InvalidUpdate, match="no such lock any more"):
            change(before)


def test_what_the_chain_has_not_learnt_in_time_is_let_go(pair: Pair) -> None:
    held = lock(0, 100)
    pair.do(0, AddLock(held))
    pair.sides[1] = pair.sides[1].learn(SECRETS[0], START).abandon(held)
    assert pair.sides[1].guaranteed == 1_000
    pair.do(0, DropLock(held.ref), now=held.expiry + TERMS.grace + 1)


def test_one_proposal_is_under_way_at_a_time_and_is_sent_again_after_a_reconnect() -> None:
    sender, proposal = endpoint(0).propose((Pay(5),), signer(0))
    with pytest.raises(InvalidUpdate, match="still to be answered"):
        sender.propose((Pay(5),), signer(0))
    assert sender.proposal == proposal
    receiver, ack = endpoint(1).take(proposal, signer(1), START)
    again, same = receiver.take(proposal, signer(1), START)
    assert (again, same) == (receiver, ack), "an answer that was lost"
    sender = sender.take_ack(ack)
    assert sender.take_ack(ack) == sender
    assert sender.proposal is None
    with pytest.raises(InvalidUpdate, match="never proposed"):
        sender.take_ack(replace(ack, nonce=2))


def test_who_has_lost_data_takes_the_other_sides_copy(pair: Pair) -> None:
    pair.do(0, Pay(300))
    pair.do(1, Pay(20), AddLock(lock(1, 7)))
    blank = endpoint(0).restore(pair.sides[1].theirs, pair.sides[1].mine)
    assert (blank.mine, blank.theirs) == (pair.sides[0].mine, pair.sides[0].theirs)
    assert blank.restore(SignedLane(), SignedLane()) == blank, "older copies change nothing"
    forged = replace(pair.sides[1].mine, lane=Lane(9, 900))
    with pytest.raises(BadSignature):
        endpoint(0).restore(SignedLane(), forged)


SIDES = st.sampled_from((0, 1))
DEPOSITS = st.tuples(st.integers(0, 500), st.integers(0, 500))


class Against(RuleBasedStateMachine):
    """The honest side is 0 or 1; the other one signs, withholds and shows what it likes."""

    kind: type[Endpoint] = Endpoint
    """Of the honest side."""

    @initialize(side=SIDES, deposits=DEPOSITS)
    def begin(self, side: Side, deposits: tuple[int, int]) -> None:
        self.side: Side = side
        self.foe: Side = 0 if side else 1
        self.honest = endpoint(side, deposits, self.kind)
        self.now = START
        self.revealed: dict[Hash, Seconds] = {}
        self.foes_copies: tuple[list[Lane], list[Lane]] = ([Lane()], [Lane()])
        """By lane: all states that the foe can show: what the honest side has ever signed."""
        self.checked: set[SignedLane] = set()

    # -- the honest side

    def own(self, *operations: Operation) -> None:
        """Proposes, if it may: its guarantee falls by what it pays and locks, and by nothing else."""
        before, copies = self.honest.guaranteed, self.foes_copies[self.side]
        try:
            self.honest, proposal = self.honest.propose(operations, signer(self.side))
        except InvalidUpdate:
            return
        cost = sum(
            operation.amount if isinstance(operation, Pay) else operation.lock.amount
            for operation in operations
            if isinstance(operation, Pay | AddLock)
        )
        self.spent(cost)
        assert self.honest.guaranteed >= before - cost
        copies.append(apply(self.honest.mine.lane, proposal.operations))

    def spent(self, amount: int) -> None:
        """By the honest side, of its own will."""

    @rule(amount=st.integers(1, 300))
    def pay(self, amount: int) -> None:
        self.own(Pay(amount))

    @rule(number=st.integers(0, 2), amount=st.integers(1, 200), time=st.integers(700, 20_000))
    def lock(self, number: int, amount: int, time: int) -> None:
        self.own(AddLock(lock(number, amount, self.now + time)))

    @rule(data=st.data(), pays=st.booleans())
    def unlock(self, data: st.DataObject, pays: bool) -> None:
        """Pays a lock; or drops one, when it cannot be claimed any more on chain."""
        if not self.honest.mine.lane.locks:
            return
        held = data.draw(st.sampled_from(self.honest.mine.lane.locks))
        if pays:
            before = self.honest.guaranteed
            self.own(PayLock(held.ref))
            assert self.honest.guaranteed == before
        else:
            self.own(DropLock(held.ref))

    @rule(data=st.data())
    def learn(self, data: st.DataObject) -> None:
        """A secret comes in from the next hop."""
        if ref := self.a_lock(data):
            [secret] = [secret for secret in SECRETS if secret_hash(secret) == ref]
            try:
                self.honest = self.honest.learn(secret, self.now)
            except InvalidUpdate:
                pass

    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        if ref := self.a_lock(data):
            [held] = (each for each in self.honest.theirs.lane.locks if each.ref == ref)
            try:
                self.honest = self.honest.give_up(held)
            except InvalidUpdate:
                pass

    def a_lock(self, data: st.DataObject) -> Hash | None:
        """Of the other's lane."""
        locks = self.honest.theirs.lane.locks
        return data.draw(st.sampled_from(locks)).ref if locks else None

    # -- the other side

    @rule(data=st.data(), stale=st.booleans())
    def foe_acks(self, data: st.DataObject, stale: bool) -> None:
        """Perhaps something else than what was asked, or later."""
        lane = self.honest.proposed
        if stale:
            lane = data.draw(st.sampled_from(self.foes_copies[self.side]))
        signature = sign_digest(DOMAIN.lane(KEY.id, PARTIES[self.side], lane), KEYS[self.foe])
        self.receive(lambda: self.honest.take_ack(Ack(KEY.id, self.honest.proposed.nonce, signature)))

    @rule(data=st.data())
    def foe_proposes(self, data: st.DataObject) -> None:
        """Anything that can be signed."""
        refs = [held.ref for held in self.honest.theirs.lane.locks] or [secret_hash(SECRETS[0])]
        amounts = st.integers(1, 400)
        times = st.integers(-2_000, 45_000)
        locks = st.builds(lambda n, a, t: AddLock(lock(n, a, self.now + t)), st.integers(0, 2), amounts, times)
        over = st.builds(PayLock, st.sampled_from(refs)) | st.builds(DropLock, st.sampled_from(refs))
        self.offer(*data.draw(st.lists(st.builds(Pay, amounts) | locks | over, min_size=1, max_size=3)))

    @rule(number=st.integers(0, 2), amount=st.integers(1, 100), time=st.integers(700, 20_000))
    def foe_locks(self, number: int, amount: int, time: int) -> None:
        """As it may."""
        self.offer(AddLock(lock(number, amount, self.now + time)))

    @rule(data=st.data())
    def foe_drops(self, data: st.DataObject) -> None:
        """A lock, whoever wants that."""
        if ref := self.a_lock(data):
            self.offer(DropLock(ref))

    @rule(data=st.data(), pays=st.booleans(), amount=st.integers(1, 300), time=st.integers(-2_000, 20_000))
    def foe_replaces(self, data: st.DataObject, pays: bool, amount: int, time: int) -> None:
        """A lock by another one that has the same secret."""
        if ref := self.a_lock(data):
            [number] = [number for number, secret in enumerate(SECRETS) if secret_hash(secret) == ref]
            over = PayLock(ref) if pays else DropLock(ref)
            self.offer(over, AddLock(lock(number, amount, self.now + time)))

    def offer(self, *operations: Operation) -> None:
        """The foe's next state to the honest side, which may take it."""
        try:
            after = apply(self.honest.theirs.lane, operations)
        except InvalidUpdate:
            return
        signature = sign_digest(DOMAIN.lane(KEY.id, PARTIES[self.foe], after), KEYS[self.foe])
        proposal = Proposal(KEY.id, after.nonce, operations, signature)
        self.receive(lambda: self.honest.take(proposal, signer(self.side), self.now)[0])
        if self.honest.theirs.lane == after:
            self.foes_copies[self.foe].append(after)

    def receive(self, message: Callable[[], Endpoint]) -> bool:
        """Whether it is taken. Nothing that comes in lowers the guarantee."""
        before = self.worth
        try:
            self.honest = message()
        except (InvalidUpdate, BadSignature):
            return False
        assert self.worth >= before
        return True

    @property
    def worth(self) -> int:
        """What the honest side is sure of."""
        return self.honest.guaranteed

    @rule(number=st.integers(0, 2))
    def foe_reveals(self, number: int) -> None:
        """On chain, whenever it likes."""
        self.revealed.setdefault(secret_hash(SECRETS[number]), self.now)

    @rule(seconds=st.integers(1, 15_000))
    def wait(self, seconds: int) -> None:
        """The honest side is awake: it registers secrets before their locks expire."""
        until = self.now + seconds
        for held in self.honest.theirs.lane.locks:
            if held.ref in self.honest.secrets and held.expiry < until:
                self.revealed.setdefault(held.ref, self.now)
        self.now = Seconds(until)

    # -- what must hold

    @invariant()
    def whatever_is_shown_the_honest_side_gets_what_it_was_sure_of(self) -> None:
        if hasattr(self, "honest"):
            assert self.worst(self.honest.funds) >= self.honest.guaranteed

    def worst(self, funds: Funds) -> int:
        """The least that the honest side is paid when a channel with so much in it is settled."""
        revealed = dict(self.revealed)
        for held in self.honest.theirs.lane.locks:
            if held.ref in self.honest.secrets:
                revealed.setdefault(held.ref, self.now)
        hurting = revealed | {secret_hash(secret): Seconds(0) for secret in SECRETS if self.can_hurt(secret)}
        own, theirs = self.honest.mine.lane, self.honest.theirs.lane
        shown = {max(own, each, key=nonce) for each in self.foes_copies[self.side]}
        return min(
            settle(funds, (theirs, lane) if self.side else (lane, theirs), Knowledge(known))[self.side]
            for lane in shown
            for known in (revealed, hurting)
        )

    @invariant()
    def what_it_holds_can_be_shown(self) -> None:
        if not hasattr(self, "honest"):
            return
        for side, signed in ((self.side, self.honest.mine), (self.foe, self.honest.theirs)):
            if signed.lane.nonce and signed not in self.checked:
                digest = DOMAIN.lane(KEY.id, PARTIES[side], signed.lane)
                for party, signature in zip(PARTIES, signed.signatures, strict=True):
                    check_signature(digest, signature, party)
                self.checked.add(signed)

    def can_hurt(self, secret: bytes) -> bool:
        """Whether the foe may know a secret in time: all but those that would pay the honest side."""
        ref = secret_hash(secret)
        return all(held.ref != ref for held in self.honest.theirs.lane.locks)


def nonce(lane: Lane) -> int:
    return lane.nonce


Against.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAgainst = Against.TestCase


class TakesAnyDrop(Endpoint):
    def _check(self, operation: Operation, now: Seconds) -> None:
        if not isinstance(operation, DropLock):
            Endpoint._check(self, operation, now)


class TakesAnyAmount(Endpoint):
    def _check_funds(self, lane: Lane) -> None:
        """Whatever is promised."""


class SpendsWhatIsBeingDropped(Endpoint):
    @property
    def spendable(self) -> int:
        own = self.proposed
        return self._net(self.side) + self.theirs.lane.transferred - own.transferred - own.locked


class GivesUpWhatItKnows(Endpoint):
    def give_up(self, lock: Lock) -> Endpoint:
        return replace(self, given_up=self.given_up | {lock.ref})


class TakesAnyAck(Endpoint):
    def take_ack(self, ack: Ack) -> Endpoint:
        if self.proposal is None or ack.nonce != self.proposal.nonce:
            return self
        return replace(
            self, mine=SignedLane(self.proposed, self._both(self.proposal.signature, ack.signature)), proposal=None
        )


class LearnsWhatItGaveUp(Endpoint):
    def learn(self, secret: bytes, now: Seconds) -> Endpoint:
        given_up = self.given_up
        return replace(Endpoint.learn(replace(self, given_up=frozenset()), secret, now), given_up=given_up)


class LearnsTooLate(Endpoint):
    def learn(self, secret: bytes, now: Seconds) -> Endpoint:
        return Endpoint.learn(self, secret, Seconds(0))


FLAWED = (
    TakesAnyDrop,
    TakesAnyAmount,
    SpendsWhatIsBeingDropped,
    GivesUpWhatItKnows,
    TakesAnyAck,
    LearnsWhatItGaveUp,
    LearnsTooLate,
)


@pytest.mark.parametrize("flawed", FLAWED)
def test_a_rule_that_is_broken_is_noticed(flawed: type[Endpoint]) -> None:
    broken = type(flawed.__name__, (Against,), {"kind": flawed})
    steps = {"max_examples": 10_000, "stateful_step_count": 40, "deadline": None}
    search = settings(**steps, derandomize=True, phases=[Phase.generate])
    with pytest.raises((AssertionError, BadSignature)):
        run_state_machine_as_test(broken, settings=search)
