"""One side of a channel: what it has signed, what it holds, what it may sign next. Frozen states in, frozen states out.

Each side writes its own lane. It proposes a next state with its signature; the other checks it and signs too. So the
receiver holds a state that both signed as soon as it has answered, the sender when the answer is there; until then the
sender reckons with both. One proposal is under way at a time: what comes up meanwhile goes into the next.

    one, proposal = one.propose((Pay(5),), sign)
    other, ack = other.take(proposal, sign, now)
    one = one.take_ack(ack)

What holds, whatever the other side does (tests/unit/channels/test_endpoint.py): `guaranteed` is what a side gets in the
end at least, if it shows what it holds and registers the secrets that it knows in time; only its own operations lower
it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tandem.channels.operations import DropLock, InvalidUpdate, Operation, PayPart, apply
from tandem.channels.settlement import Funds, secret_hash
from tandem.channels.signing import SigningDomain, check_signature
from tandem.channels.states import ChannelKey, CoopClose, Lane, Lock, LockKind, Side, Withdrawal
from tandem.primitives.types import Hash, Seconds

Sign = Callable[[Hash], bytes]
"""A digest to a signature of the own key."""
LONGEST_CONSENT = Seconds(3_600)
"""What is signed to be done on chain can be done no longer than that."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a side asks of locks on the lane that it receives. Seconds."""

    least_time: Seconds
    """Before its expiry: to show a secret on chain must still be possible."""
    most_time: Seconds
    """The window less what it takes: an expired lock must not outlast a close."""
    grace: Seconds
    """Behind its expiry: then no secret can be registered in time any more, whatever L1 re-organises."""


@dataclass(frozen=True, slots=True)
class SignedLane:
    """A state that both sides signed, by side; nonce 0: none, and no signatures."""

    lane: Lane = Lane()
    signatures: tuple[bytes, bytes] = (b"", b"")

    def check(self, domain: SigningDomain, key: ChannelKey, side: Side) -> None:
        """BadSignature unless both parties have signed it as this side's."""
        digest = domain.lane(key.id, key.party(side), self.lane)
        for party, signature in zip((key.party0, key.party1), self.signatures, strict=True):
            check_signature(digest, signature, party)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A next state of the sender's lane, by what it does."""

    channel: Hash
    nonce: int
    operations: tuple[Operation, ...]
    signature: bytes


@dataclass(frozen=True, slots=True)
class Ack:
    """The receiver has signed it too."""

    channel: Hash
    nonce: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class AskWithdrawal:
    """The sender wants to take money out: `total` with all before."""

    channel: Hash
    total: int
    valid_until: Seconds


@dataclass(frozen=True, slots=True)
class AskClose:
    """The sender wants to end the channel with these balances."""

    channel: Hash
    balance0: int
    balance1: int
    valid_until: Seconds


@dataclass(frozen=True, slots=True)
class Consent:
    """To what the receiver has asked for, by what it was asked until."""

    channel: Hash
    valid_until: Seconds
    signature: bytes


@dataclass(frozen=True, slots=True)
class Endpoint:
    """All that a side knows of a channel."""

    key: ChannelKey
    side: Side
    domain: SigningDomain
    terms: Terms
    funds: Funds
    """As far as the chain is certain of it."""
    mine: SignedLane = SignedLane()
    """The newest state of the own lane that it holds."""
    proposal: Proposal | None = None
    """Under way: the other side may hold it."""
    theirs: SignedLane = SignedLane()
    """The newest state of the other lane."""
    secrets: Mapping[Hash, bytes] = field(default_factory=lambda: MappingProxyType({}))
    """Of locks in the other's lane: hash -> secret."""
    outcomes: Mapping[Hash, int] = field(default_factory=lambda: MappingProxyType({}))
    """Of applications' locks in the other's lane: reference -> what this side is sure to have won of it."""
    given_up: frozenset[Hash] = frozenset()
    """References of locks in the other's lane that it has agreed to have dropped."""
    withdrawals: tuple[Withdrawal | None, Withdrawal | None] = (None, None)
    """By side: what it may take out on chain until then. Reckoned with as taken."""
    asked_close: CoopClose | None = None
    """It has asked for the end, and pays nothing meanwhile."""
    signed_close: CoopClose | None = None
    """It has agreed to the end: nothing changes any more until that is void."""
    time: Seconds = field(default=Seconds(0), compare=False)
    """Of the newest block that the chain is certain of."""
    counted: int | None = None
    """Of the own deposits what the other side counts, as it says; None: all. It would refuse to be paid with others."""

    # -- who is who

    @property
    def other(self) -> Side:
        """The other side."""
        return 0 if self.side else 1

    @property
    def proposed(self) -> Lane:
        """The newest state of the own lane that the other side may hold."""
        return self.mine.lane if self.proposal is None else apply(self.mine.lane, self.proposal.operations)

    # -- money

    @property
    def spendable(self) -> int:
        """What can be paid now: what is certain to come in less what may have gone out.

        A lock that is being dropped may still be claimed by the state before.
        """
        outgoing = max(lane.transferred + lane.locked for lane in (self.mine.lane, self.proposed))
        return self._net(self.side) + self.theirs.lane.transferred - outgoing

    @property
    def receivable(self) -> int:
        """What the other side can pay now, as far as this one knows."""
        lane = self.theirs.lane
        return self._net(self.other) + self.mine.lane.transferred - lane.transferred - lane.locked

    @property
    def guaranteed(self) -> int:
        """What this side gets in the end at least, wei or the token's units."""
        sure = sum(map(self._sure_of, self.theirs.lane.locks))
        ends = [end.balances[self.side] for end in (self.asked_close, self.signed_close) if end is not None]
        return min([self.spendable + self._uncounted + sure, *ends])

    def _net(self, side: Side) -> int:
        """What a side has put in and not taken out, nor may take out; of the own what the other side counts."""
        consent, taken = self.withdrawals[side], self.funds.withdrawn[side]
        deposits = self.funds.deposits[side] - (self._uncounted if side == self.side else 0)
        return deposits - (taken if consent is None else max(taken, consent.total))

    @property
    def _uncounted(self) -> int:
        """What this side has put in, and the other one does not count yet."""
        return 0 if self.counted is None else max(0, self.funds.deposits[self.side] - self.counted)

    def _sure_of(self, lock: Lock) -> int:
        if lock.kind == LockKind.APP:
            return min(lock.amount, self.outcomes.get(lock.ref, 0))
        return lock.amount if lock.kind == LockKind.HASH and lock.ref in self.secrets else 0

    # -- the own lane

    def propose(self, operations: tuple[Operation, ...], sign: Sign) -> tuple["Endpoint", Proposal]:
        """Go on with the own lane. InvalidUpdate where it cannot be, or not yet."""
        if self.proposal is not None:
            raise InvalidUpdate(f"state {self.proposal.nonce} of the lane is still to be answered")
        if not operations:
            raise InvalidUpdate("nothing is to be done")
        self._check_open()
        before, lane = self.mine.lane, apply(self.mine.lane, operations)
        total = lane.transferred + lane.locked
        missing = total - self._net(self.side) - self.theirs.lane.transferred
        if missing > 0 and total > before.transferred + before.locked:
            raise InvalidUpdate(f"{missing} are missing: {self.spendable} can be paid")
        proposal = Proposal(self.key.id, lane.nonce, operations, sign(self._digest(self.side, lane)))
        return replace(self, proposal=proposal), proposal

    def take_ack(self, ack: Ack) -> "Endpoint":
        """The other side has signed. An old answer, once more, changes nothing. BadSignature, InvalidUpdate."""
        if ack.nonce <= self.mine.lane.nonce:
            return self
        if self.proposal is None or ack.nonce != self.proposal.nonce:
            raise InvalidUpdate(f"state {ack.nonce} of the lane was never proposed")
        lane = self.proposed
        check_signature(self._digest(self.side, lane), ack.signature, self.key.party(self.other))
        signed = SignedLane(lane, self._both(self.proposal.signature, ack.signature))
        return replace(self, mine=signed, proposal=None)

    # -- the other's lane

    def take(self, proposal: Proposal, sign: Sign, now: Seconds) -> tuple["Endpoint", Ack]:
        """Sign the next state of the other's lane, if it keeps the rules: BadSignature, InvalidUpdate.

        The one that was signed last is answered again: the first answer may have been lost.
        """
        lane = self.theirs.lane
        if proposal.nonce == lane.nonce and lane.nonce:
            return self, Ack(self.key.id, lane.nonce, self.theirs.signatures[self.side])
        if proposal.nonce != lane.nonce + 1:
            raise InvalidUpdate(f"state {proposal.nonce} does not follow state {lane.nonce}")
        if self.signed_close is not None and self.time <= self.signed_close.valid_until:
            raise InvalidUpdate("the channel ends by consent")
        after = apply(lane, proposal.operations)
        digest = self._digest(self.other, after)
        check_signature(digest, proposal.signature, self.key.party(self.other))
        for operation in proposal.operations:
            self._check(operation, now)
        if after.transferred + after.locked > lane.transferred + lane.locked:
            self._check_funds(after)
        signature = sign(digest)
        refs = {lock.ref for lock in lane.locks} & {lock.ref for lock in after.locks}
        taken = replace(
            self,
            theirs=SignedLane(after, self._both(signature, proposal.signature)),
            secrets=MappingProxyType({ref: secret for ref, secret in self.secrets.items() if ref in refs}),
            outcomes=MappingProxyType({ref: amount for ref, amount in self.outcomes.items() if ref in refs}),
            given_up=self.given_up & refs,
            asked_close=None,
        )
        return taken, Ack(self.key.id, after.nonce, signature)

    def _check(self, operation: Operation, now: Seconds) -> None:
        match operation:
            case DropLock(ref) if ref not in self.given_up:
                [held] = (each for each in self.theirs.lane.locks if each.ref == ref)
                # An application's lock is paid by how the session ends, whenever that is.
                is_late = held.kind != LockKind.APP and now > held.expiry + self.terms.grace
                if ref in self.secrets or not is_late:
                    raise InvalidUpdate("the lock can still be claimed")
            case PayPart(ref, amount) if ref not in self.given_up:
                [held] = (each for each in self.theirs.lane.locks if each.ref == ref)
                due = self.outcomes.get(ref, held.amount)
                if amount < due:
                    raise InvalidUpdate(f"{due} of the lock can still be claimed, not {amount}")

    def _check_funds(self, lane: Lane) -> None:
        """All of it could be paid. Of the own lane counts what this side can show: what both have signed."""
        available = self._net(self.other) + self.mine.lane.transferred
        if lane.transferred + lane.locked > available:
            raise InvalidUpdate(f"the lane pays {lane.transferred + lane.locked}, the other side has {available}")

    # -- locks in the other's lane

    def is_in_time(self, expiry: Seconds, now: Seconds) -> bool:
        """Whether to build on a lock with this expiry. One that is not in time harms nobody: it is given up."""
        return now + self.terms.least_time <= expiry <= now + self.terms.most_time

    def learn(self, secret: bytes, now: Seconds) -> "Endpoint":
        """Know the secret of a lock from here on. InvalidUpdate where none has it that can still be claimed.

        `now`: or when the chain has learnt it.
        """
        ref = secret_hash(secret)
        locks = [lock for lock in self.theirs.lane.locks if lock.ref == ref and lock.kind == LockKind.HASH]
        if not locks:
            raise InvalidUpdate("there is no lock with this secret")
        if ref in self.given_up:
            raise InvalidUpdate("the lock was given up: the other side may drop it")
        if now > locks[0].expiry:
            raise InvalidUpdate(f"the lock has expired {now - locks[0].expiry} s ago")
        return replace(self, secrets=MappingProxyType({**self.secrets, ref: secret}))

    def give_up(self, lock: Lock) -> "Endpoint":
        """Agree to have a lock dropped. InvalidUpdate where its secret or outcome is known: it is as good as money.

        Also where it is not there any more: another one with its reference may be.
        """
        self._check_held(lock)
        if lock.ref in self.secrets:
            raise InvalidUpdate("the lock's secret is known")
        if lock.ref in self.outcomes:
            raise InvalidUpdate(f"{self.outcomes[lock.ref]} of the lock were won")
        return replace(self, given_up=self.given_up | {lock.ref})

    def _check_held(self, lock: Lock) -> None:
        if lock not in self.theirs.lane.locks:
            raise InvalidUpdate("there is no such lock any more")

    def award(self, ref: Hash, amount: int) -> "Endpoint":
        """Be sure of so much of an application's lock from here on. InvalidUpdate where that cannot be."""
        locks = [lock for lock in self.theirs.lane.locks if lock.ref == ref and lock.kind == LockKind.APP]
        if not locks or not 0 < amount <= locks[0].amount:
            raise InvalidUpdate(f"there is no lock of an application of which {amount} can be won")
        if ref in self.given_up:
            raise InvalidUpdate("the lock was given up: the other side may drop it")
        return replace(self, outcomes=MappingProxyType({**self.outcomes, ref: amount}))

    # -- by consent, on chain

    def ask_withdrawal(self, amount: int, valid_until: Seconds) -> tuple["Endpoint", AskWithdrawal]:
        """Want to take so much out. It is reckoned with as taken from here on. InvalidUpdate."""
        self._check_open()
        if self.withdrawals[self.side] is not None:
            raise InvalidUpdate("a withdrawal is under way: wait for its end")
        if not 0 < amount <= self.spendable:
            raise InvalidUpdate(f"{amount} cannot be taken out: {self.spendable} can be spent")
        total = self.funds.withdrawn[self.side] + amount
        asked = self._with_withdrawal(Withdrawal(self.side, total, valid_until))
        return asked, AskWithdrawal(self.key.id, total, valid_until)

    def sign_withdrawal(self, ask: AskWithdrawal, sign: Sign, now: Seconds) -> tuple["Endpoint", Consent]:
        """Let the other side take out what it can spare. Asked again, the answer is the same. InvalidUpdate."""
        wanted = Withdrawal(self.other, ask.total, ask.valid_until)
        consent = Consent(self.key.id, ask.valid_until, sign(self.withdrawal_digest(wanted)))
        if self.withdrawals[self.other] == wanted:
            return self, consent
        self._check_consent(ask.valid_until, now)
        if self.signed_close is not None:
            raise InvalidUpdate("the channel ends by consent")
        if self.withdrawals[self.other] is not None:
            raise InvalidUpdate("a withdrawal is under way: wait for its end")
        if ask.total <= self.funds.withdrawn[self.other]:
            raise InvalidUpdate(f"{self.funds.withdrawn[self.other]} were taken out before")
        after = self._with_withdrawal(wanted)
        after._check_funds(self.theirs.lane)
        return after, consent

    def declined(self) -> "Endpoint":
        """What this side has asked for is not to be had."""
        own, other = self.withdrawals[self.side], self.withdrawals[self.other]
        if own is not None and own.total > self.funds.withdrawn[self.side]:
            own = None
        withdrawals = (other, own) if self.side else (own, other)
        return replace(self, withdrawals=withdrawals, asked_close=None)

    def check_consent(self, consent: Consent) -> "Endpoint":
        """The other side agrees to what this one has asked for. BadSignature; InvalidUpdate where nothing was asked."""
        own, close = self.withdrawals[self.side], self.asked_close
        if close is not None and close.valid_until == consent.valid_until:
            check_signature(self.close_digest(close), consent.signature, self.key.party(self.other))
            return replace(self, asked_close=None, signed_close=close)
        if own is None or own.valid_until != consent.valid_until:
            raise InvalidUpdate("nothing was asked for that this would be a consent to")
        check_signature(self.withdrawal_digest(own), consent.signature, self.key.party(self.other))
        return self

    def withdrawal_digest(self, withdrawal: Withdrawal) -> Hash:
        """What both sign."""
        who = self.key.party(withdrawal.side)
        return self.domain.withdraw(self.key.id, who, withdrawal.total, withdrawal.valid_until)

    def ask_close(self, valid_until: Seconds) -> tuple["Endpoint", AskClose]:
        """Want to end the channel, and stop paying. InvalidUpdate while anything is under way."""
        self._check_quiet()
        close = CoopClose(self._balances(), valid_until)
        return replace(self, asked_close=close), AskClose(self.key.id, *close.balances, valid_until)

    def sign_close(self, ask: AskClose, sign: Sign, now: Seconds) -> tuple["Endpoint", Consent]:
        """Agree to the end, if the balances are right. Asked again, the answer is the same. InvalidUpdate."""
        wanted = CoopClose((ask.balance0, ask.balance1), ask.valid_until)
        if self.signed_close != wanted:
            self._check_consent(ask.valid_until, now)
            self._check_quiet()
            if self._balances() != wanted.balances:
                raise InvalidUpdate(f"the balances are {self._balances()} here, not {wanted.balances}")
        signature = sign(self.close_digest(wanted))
        return replace(self, signed_close=wanted), Consent(self.key.id, ask.valid_until, signature)

    def close_digest(self, close: CoopClose) -> Hash:
        """What both sign."""
        return self.domain.coop_close(self.key.id, close.balances, close.valid_until)

    def with_counted(self, deposits: int | None) -> "Endpoint":
        """Of the own deposits the other side counts so much; None: all."""
        return self if deposits == self.counted else replace(self, counted=deposits)

    def informed(self, funds: Funds, time: Seconds) -> "Endpoint":
        """Reckon with what the chain is certain of up to a block of this time: what it shows, and what is void.

        What is void frees this side later than it frees the other: both hear of the chain in their own time.
        """
        later = self.terms.grace

        def pending(withdrawal: Withdrawal | None) -> Withdrawal | None:
            if withdrawal is None or funds.withdrawn[withdrawal.side] >= withdrawal.total:
                return None
            wait = later if withdrawal.side == self.side else 0
            return withdrawal if time <= withdrawal.valid_until + wait else None

        one, other = map(pending, self.withdrawals)
        asked, signed = (
            close if close is not None and time <= close.valid_until + later else None
            for close in (self.asked_close, self.signed_close)
        )
        return replace(self, funds=funds, time=time, withdrawals=(one, other), asked_close=asked, signed_close=signed)

    def _with_withdrawal(self, withdrawal: Withdrawal) -> "Endpoint":
        one, other = self.withdrawals
        return replace(self, withdrawals=(one, withdrawal) if withdrawal.side else (withdrawal, other))

    def _balances(self) -> tuple[int, int]:
        """What each side has when nothing is under way."""
        deposits, taken = self.funds.deposits, self.funds.withdrawn
        own = deposits[self.side] - taken[self.side] + self.theirs.lane.transferred - self.mine.lane.transferred
        rest = self.funds.total - own
        return (rest, own) if self.side else (own, rest)

    def _check_open(self) -> None:
        if self.asked_close is not None or self.signed_close is not None:
            raise InvalidUpdate("the channel ends by consent")

    def _check_quiet(self) -> None:
        self._check_open()
        if self.proposal is not None or self.mine.lane.locks or self.theirs.lane.locks or any(self.withdrawals):
            raise InvalidUpdate("payments or withdrawals are under way: wait for their end")

    @staticmethod
    def _check_consent(valid_until: Seconds, now: Seconds) -> None:
        if not now < valid_until <= now + LONGEST_CONSENT:
            raise InvalidUpdate(f"what is signed must be valid for up to {LONGEST_CONSENT} s, not {valid_until - now}")

    def abandon(self, lock: Lock) -> "Endpoint":
        """Let a lock be dropped although its secret or outcome is known: the chain has it otherwise. InvalidUpdate."""
        self._check_held(lock)
        secrets = {known: secret for known, secret in self.secrets.items() if known != lock.ref}
        outcomes = {known: amount for known, amount in self.outcomes.items() if known != lock.ref}
        return replace(
            self,
            secrets=MappingProxyType(secrets),
            outcomes=MappingProxyType(outcomes),
            given_up=self.given_up | {lock.ref},
        )

    # -- after a reconnect

    def restore(self, mine: SignedLane, theirs: SignedLane) -> "Endpoint":
        """Take newer states that the other side shows, each if both have signed it. BadSignature.

        Replace by nonce: to have lost data forfeits nothing.
        """
        result = self
        if mine.lane.nonce > self.mine.lane.nonce:
            mine.check(self.domain, self.key, self.side)
            keeps = self.proposal is not None and self.proposal.nonce > mine.lane.nonce
            result = replace(result, mine=mine, proposal=self.proposal if keeps else None)
        if theirs.lane.nonce > self.theirs.lane.nonce:
            theirs.check(self.domain, self.key, self.other)
            result = replace(result, theirs=theirs)
        return result

    # -- signatures

    def _digest(self, side: Side, lane: Lane) -> Hash:
        return self.domain.lane(self.key.id, self.key.party(side), lane)

    def _both(self, own: bytes, others: bytes) -> tuple[bytes, bytes]:
        return (others, own) if self.side else (own, others)
