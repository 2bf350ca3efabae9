"""One channel's conversation with its other side, over any connection.

    peer = Peer(endpoint, keep, sign)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(peer.talk(connection))      # ends with the connection; call it again with the next one
        await peer.do(Pay(5))                         # when the other side has signed it, and that is on the disk

Nothing is sent before what it follows from is on the disk. All that has come in by then is taken together: one write
for many messages, and one signature pair for many payments. A connection may break anywhere: both sides tell one
another where they stand (Reestablish), and what may have been lost is sent again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from tandem.channels.endpoint import Ack, AskClose, AskWithdrawal, Consent, Endpoint, Proposal, Sign
from tandem.channels.operations import AddLock, DropLock, InvalidUpdate, Operation, Pay, PayLock, PayPart, ref_of
from tandem.channels.settlement import Funds, secret_hash
from tandem.channels.signing import BadSignature
from tandem.channels.states import CoopClose, Lane, Lock, Withdrawal
from tandem.channels.wire import (
    ChannelMessage,
    Claim,
    Copies,
    Counted,
    Declined,
    GiveUp,
    Message,
    Reestablish,
    Refused,
    Reveal,
)
from tandem.errors import TandemError
from tandem.primitives.types import Hash, Seconds

MOST_AT_ONCE = 1_000
"""Operations in one proposal."""
MOST_WAITING = 100_000
"""Operations that wait for their turn."""
MOST_INCOMING = 1_000
"""Messages that wait to be taken: then the connection is not read any more."""

LockAnswer = PayLock | DropLock | PayPart
"""What becomes of a lock."""
Keep = Callable[[Endpoint], Awaitable[None]]
"""Returns when a side's state is on the disk."""
Change = Callable[[Endpoint], tuple[Endpoint, ChannelMessage | None]]
"""What this side does by itself, and what it tells of it."""


class ChannelBroken(TandemError):
    """The other side has refused what it must take, or has sent what must be refused. People have to look at it."""


class ChannelEnded(TandemError):
    """The channel is being closed on chain: nothing more is signed in it."""


class NotConnected(TandemError):
    """The other side cannot be reached now: try again later."""


class NotGranted(TandemError):
    """The other side does not agree to what it was asked for; the message says why."""


class TooManyWaiting(TandemError):
    """More operations are asked for than can be done: try again later."""


class NotKept(TandemError):
    """The disk does not take what has to be kept: nothing may be said any more."""


class Connection(Protocol):
    """A way for messages to the other side, in order. Both raise ConnectionError when it is gone."""

    async def send(self, message: Message, /) -> None:
        """One message."""
        ...

    async def recv(self) -> Message:
        """The next one."""
        ...


class Listener(Protocol):
    """Hears what happens in a channel, when it is on the disk. Must not wait. Anything may come twice."""

    def received(self, peer: "Peer", before: Lane, operations: Sequence[Operation]) -> None:
        """Both have signed the next state of the other's lane."""
        ...

    def done(self, peer: "Peer", operations: Sequence[Operation]) -> None:
        """Both have signed the next state of the own lane."""
        ...

    def revealed(self, peer: "Peer", secret: bytes) -> None:
        """The other side shows the secret of a lock on the own lane: `resolve` it by PayLock."""
        ...

    def given_up(self, peer: "Peer", ref: Hash, reason: bytes) -> None:
        """The other side lets a lock on the own lane be dropped: `resolve` it by DropLock."""
        ...

    def claimed(self, peer: "Peer", ref: Hash, amount: int) -> None:
        """The other side has won so much of a lock on the own lane: `resolve` it by PayPart, if that is so."""
        ...


class PayAtOnce:
    """For a channel that stands alone: what is claimed is paid."""

    def received(self, peer: "Peer", before: Lane, operations: Sequence[Operation]) -> None:
        """Nothing to do."""

    def done(self, peer: "Peer", operations: Sequence[Operation]) -> None:
        """Nothing to do."""

    def revealed(self, peer: "Peer", secret: bytes) -> None:
        """Pay it."""
        peer.resolve(PayLock(secret_hash(secret)))

    def given_up(self, peer: "Peer", ref: Hash, reason: bytes) -> None:
        """Drop it."""
        peer.resolve(DropLock(ref))

    def claimed(self, peer: "Peer", ref: Hash, amount: int) -> None:
        """Nothing is known of it."""


@dataclass(slots=True)
class _Wish:
    """An operation that waits, and who waits for it."""

    operation: Operation
    done: asyncio.Future[None]
    is_patient: bool


@dataclass(slots=True)
class _Turn:
    """What one turn has come to: told when it is on the disk."""

    answers: list[ChannelMessage] = field(default_factory=list)
    settled: list[asyncio.Future[None]] = field(default_factory=list)
    events: list[Callable[[], None]] = field(default_factory=list)


class Peer:
    """The other side of one channel. Not thread-safe: it is an event loop's."""

    def __init__(
        self,
        side: Endpoint,
        keep: Keep,
        sign: Sign,
        listener: Listener | None = None,
        clock: Callable[[], float] = time.time,
        why_no_end: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`side`: as it was kept, or a blank one. `sign`: by the own key. `why_no_end`: no end can be agreed on now."""
        self.endpoint = side
        self._keep = keep
        self._sign = sign
        self._listener = listener or PayAtOnce()
        self._clock = clock
        self._why_no_end = why_no_end
        self._waiting: deque[_Wish] = deque()
        self._planned: list[int] = []
        """Amounts of locks."""
        self._under_way: list[asyncio.Future[None]] = []
        self._acts: deque[tuple[Change, asyncio.Future[None]]] = deque()
        self._lock_answers: dict[Hash, LockAnswer] = {}
        """What has become of locks on the own lane, until it is proposed."""
        self._consent: asyncio.Future[Consent] | None = None
        """For which the one waits who has asked."""
        self._incoming: asyncio.Queue[ChannelMessage | None] = asyncio.Queue(MOST_INCOMING)
        self._turning = asyncio.Lock()
        self._connection: Connection | None = None
        self._is_ready = False
        """Whether both sides have told where they stand, and this one has all its states."""
        self._over: ChannelBroken | ChannelEnded | None = None
        self._log = structlog.get_logger("peer").bind(channel=side.key.id[:4].hex())

    @property
    def is_ready(self) -> bool:
        """Whether the other side is there and payments can go."""
        return self._is_ready and self._over is None

    @property
    def available(self) -> int:
        """What can be paid besides what waits already, and what is planned."""
        waiting = sum(_amount(wish.operation) for wish in self._waiting)
        return self.endpoint.spendable - waiting - sum(self._planned)

    @property
    def locks(self) -> int:
        """On the own lane, with those that wait and that are planned."""
        waiting = sum(isinstance(wish.operation, AddLock) for wish in self._waiting)
        return len(self.endpoint.proposed.locks) + waiting + len(self._planned)

    @contextmanager
    def plan(self, amount: int) -> Iterator[None]:
        """A lock that is about to be asked for: others look elsewhere meanwhile."""
        self._planned.append(amount)
        try:
            yield
        finally:
            self._planned.remove(amount)

    @property
    def trouble(self) -> str | None:
        """Why nothing more is signed."""
        return None if self._over is None else str(self._over)

    async def do(self, operation: Operation, *, is_patient: bool = True) -> None:
        """Have an operation done on the own lane: returns when both sides have signed it.

        InvalidUpdate where it cannot be done, TooManyWaiting, ChannelBroken, ChannelEnded; NotConnected for who is not
        patient. Cancelled by a stop, it may still be done.
        """
        self._check()
        if len(self._waiting) >= MOST_WAITING:
            raise TooManyWaiting(f"{MOST_WAITING} operations wait already")
        if not is_patient and not self._is_ready:
            raise NotConnected("the other side is not there")
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(_Wish(operation, done, is_patient))
        self._wake()
        await done

    def resolve(self, operation: LockAnswer) -> None:
        """What has become of a lock on the own lane: proposed as soon as can be, once, however often it is said."""
        if any(lock.ref == operation.ref for lock in self.endpoint.proposed.locks):
            self._lock_answers.setdefault(operation.ref, operation)
            self._wake()

    async def reveal(self, secret: bytes, at: Seconds | None = None) -> None:
        """Have a lock on the other's lane paid: the secret is kept, then told. InvalidUpdate.

        `at`: when the chain has learnt it, if it has: that is what counts then.
        """
        now = self._now() if at is None else at
        await self._act(lambda side: (side.learn(secret, now), Reveal(side.key.id, secret)))

    async def give_up(self, lock: Lock, reason: bytes = b"") -> None:
        """Have a lock on the other's lane dropped. InvalidUpdate where its secret is known, or it is not there."""
        await self._act(lambda side: (side.give_up(lock), GiveUp(side.key.id, lock.ref, reason)))

    async def award(self, ref: Hash, amount: int) -> None:
        """Have so much of an application's lock on the other's lane paid. InvalidUpdate where it was given up."""
        await self._act(lambda side: (side.award(ref, amount), Claim(side.key.id, ref, amount)))

    async def abandon(self, lock: Lock) -> None:
        """Let a lock on the other's lane be dropped that the chain has otherwise than we. InvalidUpdate."""
        await self._act(lambda side: (side.abandon(lock), GiveUp(side.key.id, lock.ref, b"")))

    async def refresh(self, time: Seconds) -> None:
        """The chain is certain of no more than before, up to a block of that time: consents may be void."""
        if self.endpoint.informed(self.endpoint.funds, time) != self.endpoint:
            await self._act(lambda side: (side.informed(side.funds, time), None))

    async def inform(self, funds: Funds, time: Seconds) -> None:
        """The chain is certain of this up to a block of that time."""

        def change(side: Endpoint) -> tuple[Endpoint, ChannelMessage | None]:
            after = side.informed(funds, time)
            deposits = funds.deposits[side.other]
            return after, None if deposits == side.funds.deposits[side.other] else Counted(side.key.id, deposits)

        if self.endpoint.informed(funds, time) != self.endpoint:
            await self._act(change)

    async def withdraw(self, amount: int, valid_until: Seconds) -> tuple[Withdrawal, bytes]:
        """What may be taken out on chain, and the other side's signature. InvalidUpdate, NotGranted, NotConnected."""
        consent = await self._ask(lambda side: side.ask_withdrawal(amount, valid_until))
        withdrawal = self.endpoint.withdrawals[self.endpoint.side]
        if withdrawal is None:
            raise NotGranted("it took too long: ask again")
        return withdrawal, consent.signature

    async def close(self, valid_until: Seconds) -> tuple[CoopClose, bytes]:
        """How the channel may be ended, and the other side's signature. InvalidUpdate, NotGranted, NotConnected."""
        consent = await self._ask(lambda side: side.ask_close(valid_until))
        close = self.endpoint.signed_close
        if close is None:
            raise NotGranted("it took too long: ask again")
        return close, consent.signature

    def reopen(self) -> bool:
        """Go on, where the closing has vanished from the chain. Whether it had ended for that."""
        is_again = isinstance(self._over, ChannelEnded)
        if is_again:
            self._over = None
        return is_again

    def end(self, reason: str) -> None:
        """Sign nothing more: the chain decides now."""
        if self._over is None:
            self._stand_still(ChannelEnded(reason))
            self._wake()

    async def talk(self, connection: Connection) -> None:
        """Until the connection is gone. ChannelBroken, ChannelEnded when there is nothing more to say."""
        side = self.endpoint
        if self._over is not None:
            raise self._over
        self._incoming, self._connection, self._is_ready = asyncio.Queue(MOST_INCOMING), connection, False
        reading = asyncio.create_task(self._read(connection))
        try:
            hello = Reestablish(
                side.key.id, side.proposed.nonce, side.theirs.lane.nonce, side.funds.deposits[side.other]
            )
            await connection.send(hello)
            while self._over is None and (not reading.done() or not self._incoming.empty()):
                await self._take_turn(await self._incoming.get())
            self._check()
            await reading
        except ConnectionError:
            return
        finally:
            reading.cancel()
            self._connection, self._is_ready = None, False
            self._disappoint()

    # -- one turn: take what there is, keep it, answer

    async def _take_turn(self, *first: ChannelMessage | None) -> None:
        """A turn that has begun comes to its end, whoever is cancelled meanwhile."""
        await asyncio.shield(asyncio.ensure_future(self._turn(*first)))

    async def _turn(self, *first: ChannelMessage | None) -> None:
        async with self._turning:
            messages = list(first)
            while not self._incoming.empty():
                messages.append(self._incoming.get_nowait())
            await self._take_all(messages)

    async def _take_all(self, messages: list[ChannelMessage | None]) -> None:
        before, turn = self.endpoint, _Turn()
        try:
            for message in messages:
                if message is not None and self._over is None:
                    self._take(message, turn)
        except (InvalidUpdate, BadSignature, ChannelBroken) as reason:
            self.endpoint = before
            self._under_way += turn.settled
            if not isinstance(reason, ChannelBroken):
                await self._send(Refused(before.key.id, before.theirs.lane.nonce + 1, str(reason)))
                reason = ChannelBroken(f"the other side broke a rule: {reason}")
            self._log.error("ALARM", message=str(reason))
            self._stand_still(reason)
            return
        self._do_acts(turn)
        self._propose(turn)
        if self.endpoint is not before:
            try:
                await self._keep(self.endpoint)
            except NotKept as reason:
                for done in turn.settled:
                    if not done.done():
                        done.set_exception(reason)
                raise
        for done in turn.settled:
            if not done.done():
                done.set_result(None)
        for event in turn.events:
            event()
        for answer in turn.answers:
            await self._send(answer)

    async def _send(self, message: ChannelMessage) -> None:
        """What is lost for want of a connection is said again after the next Reestablish."""
        try:
            if self._connection is not None:
                await self._connection.send(message)
        except ConnectionError:
            self._connection = None

    def _take(self, message: ChannelMessage, turn: _Turn) -> None:
        now, side = self._now(), self.endpoint
        match message:
            case Proposal(_, _, operations):
                self.endpoint, ack = side.take(message, self._sign, now)
                turn.answers.append(ack)
                if self.endpoint is not side:
                    lane = side.theirs.lane
                    turn.events.append(lambda: self._listener.received(self, lane, operations))
            case Ack():
                self.endpoint = side.take_ack(message)
                self._note_answer(side, turn)
            case Reveal(_, secret):
                if self._has_lock(secret_hash(secret)):
                    turn.events.append(lambda: self._listener.revealed(self, secret))
            case GiveUp(_, ref, reason):
                if self._has_lock(ref):
                    turn.events.append(lambda: self._listener.given_up(self, ref, reason))
            case Claim(_, ref, amount):
                if self._has_lock(ref):
                    turn.events.append(lambda: self._listener.claimed(self, ref, amount))
            case Reestablish(_, mine, theirs, deposits):
                self._count(deposits)
                self._resume(mine, theirs, turn)
            case Counted(_, deposits):
                self._count(deposits)
            case Copies(_, receivers, senders):
                if not self._is_ready:
                    self.endpoint = side.restore(receivers, senders)
                    self._note_answer(side, turn)
                    self._is_ready = True
            case Refused(_, nonce, why):
                raise ChannelBroken(f"the other side refuses state {nonce} of our lane: {why}")
            case AskWithdrawal() | AskClose():
                self._answer_ask(message, now, turn)
            case Consent():
                self._take_consent(message, turn)
            case Declined(_, why):
                if self._consent is not None and not self._consent.done():
                    self.endpoint = side.declined()
                    turn.events.append(lambda: self._deny(why))

    def _note_answer(self, before: Endpoint, turn: _Turn) -> None:
        """If what was proposed is signed by both now, by an answer or by a copy."""
        if before.proposal is None or self.endpoint.proposal is not None:
            return
        done = before.proposal.operations
        turn.settled += self._under_way
        self._under_way = []
        turn.events.append(lambda: self._listener.done(self, done))

    def _take_consent(self, consent: Consent, turn: _Turn) -> None:
        """What comes too late, or to nobody, changes nothing. BadSignature."""
        if self._consent is None or self._consent.done():
            return
        try:
            self.endpoint = self.endpoint.check_consent(consent)
        except InvalidUpdate:
            return
        turn.events.append(lambda: self._grant(consent))

    def _resume(self, other_proposed: int, other_holds: int, turn: _Turn) -> None:
        """After a reconnect: what the other side may not have got."""
        side = self.endpoint
        # Who has lost states must not go on from old ones: the other side sends its copies.
        self._is_ready = other_holds <= side.proposed.nonce and other_proposed <= side.theirs.lane.nonce + 1
        if other_proposed < side.theirs.lane.nonce or other_holds < side.mine.lane.nonce:
            turn.answers.append(Copies(side.key.id, side.theirs, side.mine))
        if side.theirs.lane.nonce:
            # Before our proposal: it may pay what the other side has only when it holds the answer.
            turn.answers.append(Ack(side.key.id, side.theirs.lane.nonce, side.theirs.signatures[side.side]))
        if side.proposal is not None:
            turn.answers.append(side.proposal)
        turn.answers.append(Counted(side.key.id, side.funds.deposits[side.other]))
        turn.answers += [Reveal(side.key.id, secret) for secret in side.secrets.values()]
        turn.answers += [GiveUp(side.key.id, ref, b"") for ref in sorted(side.given_up)]
        turn.answers += [Claim(side.key.id, ref, amount) for ref, amount in sorted(side.outcomes.items())]

    def _count(self, deposits: int) -> None:
        self.endpoint = self.endpoint.with_counted(deposits)

    def _has_lock(self, ref: Hash) -> bool:
        return any(lock.ref == ref for lock in self.endpoint.proposed.locks)

    def _answer_ask(self, ask: AskWithdrawal | AskClose, now: Seconds, turn: _Turn) -> None:
        reason = self._why_no_end() if isinstance(ask, AskClose) else None
        if reason is not None:
            turn.answers.append(Declined(ask.channel, reason))
            return
        try:
            if isinstance(ask, AskWithdrawal):
                self.endpoint, consent = self.endpoint.sign_withdrawal(ask, self._sign, now)
            else:
                self.endpoint, consent = self.endpoint.sign_close(ask, self._sign, now)
        except InvalidUpdate as refusal:
            turn.answers.append(Declined(ask.channel, str(refusal)))
        else:
            turn.answers.append(consent)

    def _do_acts(self, turn: _Turn) -> None:
        """What this side has to say by itself."""
        while self._acts:
            change, done = self._acts.popleft()
            try:
                self.endpoint, message = change(self.endpoint)
            except InvalidUpdate as reason:
                if not done.done():
                    done.set_exception(reason)
                continue
            if message is not None:
                turn.answers.append(message)
            turn.settled.append(done)

    def _propose(self, turn: _Turn) -> None:
        """Of what waits as much as goes into one proposal. What cannot be done fails alone."""
        side = self.endpoint
        is_paused = side.proposal is not None or side.asked_close is not None or side.signed_close is not None
        if not self.is_ready or is_paused or not (self._waiting or self._lock_answers):
            return
        held = {lock.ref for lock in side.mine.lane.locks}
        operations: list[Operation] = [each for ref, each in self._lock_answers.items() if ref in held]
        self._lock_answers = {}
        wishes: list[_Wish] = []
        dealt_with = {ref_of(operation) for operation in operations}
        while self._waiting and len(wishes) < MOST_AT_ONCE:
            ref = ref_of(self._waiting[0].operation)
            if ref is not None:
                if ref in dealt_with:
                    break  # one operation a reference and state: the next has its turn behind it
                dealt_with.add(ref)
            wish = self._waiting.popleft()
            if not wish.done.done():
                wishes.append(wish)
        if not operations and not wishes:
            return
        try:
            together = (*operations, *(wish.operation for wish in wishes))
            self.endpoint, proposal = side.propose(together, self._sign)
        except InvalidUpdate:
            operations, wishes = self._possible(operations, wishes)
            if not operations:
                return
            self.endpoint, proposal = side.propose(tuple(operations), self._sign)
        self._under_way += [wish.done for wish in wishes]
        turn.answers.append(proposal)

    def _possible(self, answers: list[Operation], wishes: list[_Wish]) -> tuple[list[Operation], list[_Wish]]:
        """All that can be done, one after the other, and the wishes among it; the rest are told why not."""
        operations: list[Operation] = []

        def why_not(operation: Operation) -> InvalidUpdate | None:
            try:
                self.endpoint.propose((*operations, operation), lambda digest: b"")
            except InvalidUpdate as reason:
                return reason
            operations.append(operation)
            return None

        for answer in answers:
            if (reason := why_not(answer)) is not None:
                self._log.error("ALARM", message=f"what has become of a lock cannot be proposed: {reason}")
        possible: list[_Wish] = []
        for wish in wishes:
            if (reason := why_not(wish.operation)) is None:
                possible.append(wish)
            else:
                wish.done.set_exception(reason)
        return operations, possible

    # -- what this side does by itself

    async def _act(self, change: Change) -> None:
        """Also where there is no connection, and when nothing is signed any more: secrets have to be kept."""
        done = asyncio.get_running_loop().create_future()
        self._acts.append((change, done))
        while not done.done():
            await self._take_turn()
        await done

    async def _ask(self, change: Change) -> Consent:
        self._check()
        if self._consent is not None:
            raise InvalidUpdate("the other side is being asked for something already")
        if not self._is_ready:
            raise NotConnected("the other side is not there")
        self._consent = asyncio.get_running_loop().create_future()
        try:
            await self._act(change)
            return await self._consent
        finally:
            self._consent = None

    def _grant(self, consent: Consent) -> None:
        if self._consent is not None and not self._consent.done():
            self._consent.set_result(consent)

    def _deny(self, reason: str) -> None:
        if self._consent is not None and not self._consent.done():
            self._consent.set_exception(NotGranted(f"the other side does not agree: {reason}"))

    # -- the rest

    async def _read(self, connection: Connection) -> None:
        try:
            while True:
                message = await connection.recv()
                if isinstance(message, ChannelMessage) and message.channel == self.endpoint.key.id:
                    await self._incoming.put(message)
        finally:
            self._wake()

    def _wake(self) -> None:
        if self._incoming.empty():
            self._incoming.put_nowait(None)

    def _now(self) -> Seconds:
        return Seconds(int(self._clock()))

    def _check(self) -> None:
        if self._over is not None:
            raise self._over

    def _disappoint(self) -> None:
        """Tell those who do not want to wait for the next connection."""
        gone = NotConnected("the other side is gone")
        kept: deque[_Wish] = deque()
        for wish in self._waiting:
            if wish.is_patient:
                kept.append(wish)
            elif not wish.done.done():
                wish.done.set_exception(gone)
        self._waiting = kept
        if self._consent is not None and not self._consent.done():
            self._consent.set_exception(gone)

    def _stand_still(self, reason: ChannelBroken | ChannelEnded) -> None:
        """The lanes' last states are what counts now."""
        self._over = reason
        self._deny(str(reason))
        for done in (*self._under_way, *(wish.done for wish in self._waiting)):
            if not done.done():
                done.set_exception(reason)
        self._under_way, self._waiting = [], deque()


def _amount(operation: Operation) -> int:
    match operation:
        case Pay(amount):
            return amount
        case AddLock(lock, _):
            return lock.amount
        case _:
            return 0
