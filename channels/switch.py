"""Locks from one channel to the next: what comes in is handed on, paid or given up, as its onion says.

Of a payment's two locks here the incoming one is settled by what becomes of the outgoing one:

    secret shown        it is kept, and shown to who is before us; only then we pay
    given up            who is before us is told when the drop is signed by both: before, the old state still counts
    secret on chain     as if it was shown
    expired             given up, when the chain has certainly gone by without the secret

A reference is on one outgoing lock and on one incoming lock at a time, over all channels.
What has to be known after a crash is in the lanes: a lock that came in and is on no lane of ours is given up.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from channels.channel import Channel
from channels.peer import ChannelBroken, ChannelEnded, NotConnected, Peer, TooManyWaiting
from tandem.channels.hops import Failure, Final, Forward, decode_payload, fail
from tandem.channels.identity import Identity
from tandem.channels.onion import OnionError, peel, wrap_failure
from tandem.channels.operations import AddLock, DropLock, InvalidUpdate, Operation, Pay, PayLock
from tandem.channels.routing import EdgeTerms
from tandem.channels.settlement import secret_hash
from tandem.channels.states import Lane, Lock, LockKind
from tandem.errors import EncodingError
from tandem.primitives.types import Hash, Seconds

CANNOT = (InvalidUpdate, NotConnected, TooManyWaiting, ChannelBroken, ChannelEnded)
"""Why an operation is not done in a channel."""


class Payee(Protocol):
    """Who has invoices."""

    async def accept(self, channel: Channel, lock: Lock, final: Final) -> bytes | Failure | None:
        """The secret, when it is on the disk that the payment is ours; None: `claim` or `refuse` will follow."""
        ...

    def accepted(self, ref: Hash) -> bytes | None:
        """The secret of an invoice for which something was accepted before."""
        ...

    async def settled(self, channel: Hash, lock: Lock, now: Seconds) -> None:
        """A lock is paid: what was accepted by it is ours for good."""
        ...

    def dropped(self, channel: Hash, ref: Hash) -> None:
        """A lock is gone: what was held by it is not there any more."""
        ...


class Payer(Protocol):
    """Who has payments under way."""

    def has(self, ref: Hash, channel: Hash) -> bool:
        """Whether this one is ours, and goes out by this channel."""
        ...

    async def succeeded(self, ref: Hash, secret: bytes) -> None:
        """Returns when it is on the disk."""
        ...

    async def failed(self, ref: Hash, reason: bytes) -> None:
        """`reason`: for tandem.channels.onion.open_failure; empty where nobody says."""
        ...


class Player(Protocol):
    """Who has application sessions, and looks after their locks."""

    def claimed(self, ref: Hash, amount: int) -> None:
        """The other side says that it has won so much of a lock on our lane."""
        ...


class Chronicle(Protocol):
    """Who keeps what has happened."""

    def note(self, kind: str, **fields: Any) -> None:
        """Does not wait."""
        ...


@dataclass(frozen=True, slots=True)
class _Handed:
    """An incoming lock, and the channel that it was handed on to. Another one may take its reference meanwhile."""

    out: Hash
    upstream: Channel
    lock: Lock


class Switch:
    """Listens to all channels (channels.peer.Listener)."""

    def __init__(
        self,
        identity: Identity,
        channels: Mapping[Hash, Channel],
        terms: Callable[[Channel], EdgeTerms],
        payee: Payee,
        payer: Payer,
        player: Player,
        chronicle: Chronicle,
    ) -> None:
        """`terms`: what is asked for handing on over a channel."""
        self._identity = identity
        self._channels = channels
        self._terms = terms
        self._payee = payee
        self._payer = payer
        self._player = player
        self._chronicle = chronicle
        self._upstream: dict[Hash, tuple[Channel, Lock]] = {}
        """Of payments that are handed on or end here: the channel that they come in by, and the lock there."""
        self._handed: dict[Hash, _Handed] = {}
        """Of those that are handed on: until what becomes of the outgoing lock is signed by both."""
        self._shared: dict[Hash, bytes] = {}
        """The secret that we share with the payer."""
        self._reasons: dict[Hash, bytes] = {}
        """Why the next hop has given up."""
        self._placing: set[Hash] = set()
        """References of locks that are about to go out."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("switch")

    # -- channels.peer.Listener

    def received(self, peer: Peer, before: Lane, operations: Sequence[Operation]) -> None:
        """Look at what comes in."""
        channel = self._channels[peer.endpoint.key.id]
        held = {lock.ref: lock for lock in before.locks}
        paid = 0
        for operation in operations:
            match operation:
                case Pay(amount):
                    paid += amount
                case AddLock():
                    self._spawn(self._take(channel, operation))
                case PayLock(ref):
                    self._forget(channel, ref)
                    self._spawn(self._payee.settled(channel.id, held[ref], channel.chain.now()))
                case DropLock(ref):
                    self._forget(channel, ref)
                    self._payee.dropped(channel.id, ref)
        if paid:
            self._chronicle.note("received", channel=channel.id, amount=paid)

    def done(self, peer: Peer, operations: Sequence[Operation]) -> None:
        """What was dropped may be given up upstream now."""
        out = peer.endpoint.key.id
        for operation in operations:
            if isinstance(operation, DropLock):
                self._fail(out, operation.ref)
            elif isinstance(operation, PayLock):
                self._reasons.pop(operation.ref, None)
                self._take_back(out, operation.ref)

    def revealed(self, peer: Peer, secret: bytes) -> None:
        """Claim what we get, then pay."""
        self._spawn(self._pay(self._channels[peer.endpoint.key.id], secret))

    def given_up(self, peer: Peer, ref: Hash, reason: bytes) -> None:
        """Drop it."""
        if reason or ref not in self._reasons:
            self._reasons[ref] = reason
        peer.resolve(DropLock(ref))

    def claimed(self, peer: Peer, ref: Hash, amount: int) -> None:
        """Of an application session."""
        self._player.claimed(ref, amount)

    # -- the clock, and the start

    def recover(self) -> None:
        """After a start, when all channels are there: what is under way goes on, what was lost is given up."""
        outgoing = {lock.ref: channel.id for channel in self._channels.values() for lock in channel.outgoing_locks}
        for channel in self._channels.values():
            for lock in channel.side.theirs.lane.locks:
                if lock.ref in channel.side.given_up or lock.kind == LockKind.APP:
                    continue
                secret = self._payee.accepted(lock.ref) or self.on_chain(lock.ref)
                if lock.ref in outgoing:
                    self._handed[lock.ref] = _Handed(outgoing[lock.ref], channel, lock)
                if lock.ref in outgoing or lock.ref in channel.side.secrets:
                    self._upstream[lock.ref] = channel, lock
                if secret is not None:
                    self._spawn(self._claim(channel, secret))
                elif lock.ref not in self._upstream:
                    self._spawn(self._give_up(channel, lock, b""))

    def on_chain(self, ref: Hash) -> bytes | None:
        """A secret that some chain shows: what we handed on may have ended while we were away."""
        for chain in {channel.chain for channel in self._channels.values()}:
            if ref in chain.latest.secrets:
                return chain.latest.secrets[ref].secret
        return None

    def tick(self, channel: Channel) -> None:
        """Settle what chains or the time have decided of a channel's locks."""
        for lock in channel.side.proposed.locks:
            if lock.kind == LockKind.APP:
                continue
            if channel.is_revealed_in_time(lock):
                self._spawn(self._pay(channel, channel.chain.latest.secrets[lock.ref].secret))
            elif channel.is_dead(lock):
                channel.peer.resolve(DropLock(lock.ref))
                self._fail(channel.id, lock.ref)
        for lock in channel.side.theirs.lane.locks:
            if lock.kind == LockKind.APP:
                continue
            is_known = lock.ref in channel.side.secrets
            if channel.is_revealed_in_time(lock):
                self._spawn(self._payee.settled(channel.id, lock, channel.chain.now()))
            elif is_known and channel.is_over(lock):
                self._log.error("ALARM", message="a lock was not paid in time", channel=channel.id[:4].hex())
                self._spawn(channel.peer.abandon(lock))
            secret = None if is_known or lock.ref in channel.side.given_up else self.on_chain(lock.ref)
            if secret is not None:
                self._spawn(self._claim(channel, secret))

    def ended(self, channel: Hash) -> None:
        """A channel is settled: the chain has decided all that was handed on to it."""
        self._handed = {ref: handed for ref, handed in self._handed.items() if handed.out != channel}

    # -- outgoing locks

    def reserve(self, ref: Hash) -> bool:
        """Whether a lock with this reference may go out: none is out, on any channel, nor about to go.

        One whose drop is not signed by both is out, and so is one whose end nobody upstream was told.
        """
        is_out = any(ref == lock.ref for channel in self._channels.values() for lock in channel.outgoing_locks)
        if is_out or ref in self._placing or ref in self._handed:
            return False
        self._placing.add(ref)
        return True

    def release(self, ref: Hash) -> None:
        """It is out, or will not go."""
        self._placing.discard(ref)

    # -- invoices of ours

    def waiting(self, ref: Hash) -> tuple[Channel, Lock] | None:
        """The lock that is held for an invoice."""
        held = self._upstream.get(ref)
        return held if held is not None and held[0].incoming(ref) == held[1] else None

    async def claim(self, secret: bytes) -> None:
        """What was held for an invoice of ours is taken."""
        held = self._upstream.get(secret_hash(secret))
        if held is not None:
            await self._claim(held[0], secret)

    async def refuse(self, ref: Hash) -> None:
        """What was held for an invoice of ours is not taken."""
        held, shared = self._upstream.get(ref), self._shared.get(ref)
        if held is not None:
            await self._give_up(*held, b"" if shared is None else fail(shared, Failure.UNKNOWN_PAYMENT))

    async def stop(self) -> None:
        """What it has left, it takes up at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- what comes in

    async def _take(self, channel: Channel, added: AddLock) -> None:
        lock, ref = added.lock, added.lock.ref
        if lock.kind == LockKind.APP or not _holds(channel, lock):
            return
        known, there = self._upstream.setdefault(ref, (channel, lock))
        if lock.kind != LockKind.HASH or known is not channel or there != lock:
            await self._give_up(channel, lock, b"")
            return
        try:
            peeled = peel(added.onion, self._identity.secret, ref)
            payload = decode_payload(peeled.payload)
        except (OnionError, EncodingError) as reason:
            self._log.info("an onion says nothing", reason=str(reason))
            await self._give_up(channel, lock, b"")
            return
        self._shared[ref] = peeled.secret
        if isinstance(payload, Final):
            accepted = await self._payee.accept(channel, lock, payload)
            if isinstance(accepted, bytes):
                await self._claim(channel, accepted)
            if not isinstance(accepted, Failure):
                return
            outcome = accepted
        elif peeled.packet is None:
            outcome = Failure.UNKNOWN_CHANNEL
        else:
            failure = await self._forward(channel, lock, payload, peeled.packet)
            if failure is None:
                return
            outcome = failure
        await self._give_up(channel, lock, fail(peeled.secret, outcome))

    async def _forward(self, channel: Channel, lock: Lock, wanted: Forward, packet: bytes) -> Failure | None:
        """Hand it on, or say why not."""
        out = self._channels.get(wanted.channel)
        if out is None or out.chain.id != wanted.chain_id or out.asset != channel.asset or out is channel:
            return Failure.UNKNOWN_CHANNEL
        terms, now = self._terms(out), out.chain.now()
        if not terms.least <= wanted.amount <= terms.most:
            return Failure.AMOUNT_TOO_SMALL
        if wanted.amount + terms.fee(wanted.amount) > lock.amount:
            return Failure.FEE_TOO_SMALL
        if wanted.expiry + terms.delta > lock.expiry or not channel.side.is_in_time(lock.expiry, channel.chain.now()):
            return Failure.EXPIRY_TOO_SOON
        if not out.side.is_in_time(wanted.expiry, now):
            return Failure.EXPIRY_TOO_SOON
        if not _holds(channel, lock) or not self.reserve(lock.ref):
            return Failure.NOT_NOW
        self._handed[lock.ref] = _Handed(out.id, channel, lock)
        onward = Lock(wanted.amount, wanted.expiry, LockKind.HASH, lock.ref)
        try:
            await out.peer.do(AddLock(onward, packet), is_patient=False)
        except CANNOT as reason:
            # The other side may have it all the same: then it, or the chain, says what becomes of it.
            if out.outgoing(lock.ref) is None:
                self._log.info("not handed on", channel=out.id[:4].hex(), reason=str(reason))
                self._take_back(out.id, lock.ref)
                return Failure.NOT_NOW
        finally:
            self.release(lock.ref)
        return None

    # -- what becomes of it

    async def _pay(self, out: Channel, secret: bytes) -> None:
        """The lock on our lane has this secret: first have paid whatever it opens for us, then pay."""
        ref = secret_hash(secret)
        lock = out.outgoing(ref)
        if lock is None or (out.chain.now() > lock.expiry and not out.is_revealed_in_time(lock)):
            return
        is_own = self._payer.has(ref, out.id)
        for channel in list(self._channels.values()):
            before = channel.incoming(ref)
            if before is None or ref in channel.side.secrets:
                continue
            if not is_own:
                fee = before.amount - lock.amount
                self._chronicle.note("forwarded", channel=out.id, upstream=channel.id, amount=lock.amount, fee=fee)
            await self._claim(channel, secret)
        if is_own:
            await self._payer.succeeded(ref, secret)
        out.peer.resolve(PayLock(ref))

    async def _claim(self, channel: Channel, secret: bytes) -> None:
        """Have an incoming lock paid."""
        try:
            revealed = channel.chain.latest.secrets.get(secret_hash(secret))
            await channel.peer.reveal(secret, None if revealed is None else revealed.at)
        except InvalidUpdate as reason:
            if channel.incoming(secret_hash(secret)) is not None:
                self._log.error("ALARM", message=f"a lock cannot be claimed: {reason}", channel=channel.id[:4].hex())

    def _take_back(self, out: Hash, ref: Hash) -> _Handed | None:
        """What was handed on to a channel, and is not there any more."""
        handed = self._handed.get(ref)
        return self._handed.pop(ref) if handed is not None and handed.out == out else None

    def _fail(self, out: Hash, ref: Hash) -> None:
        """The lock on our lane is gone, or is worth nothing any more."""
        self._spawn(self._failed(out, ref, self._take_back(out, ref)))

    async def _failed(self, out: Hash, ref: Hash, handed: _Handed | None) -> None:
        reason = self._reasons.pop(ref, b"")
        if self._payer.has(ref, out):
            await self._payer.failed(ref, reason)
            return
        if handed is None or ref in handed.upstream.side.secrets:
            return
        shared = self._shared.get(ref)
        if shared is not None:
            reason = wrap_failure(shared, reason) if reason else fail(shared, Failure.NO_MORE_TIME)
        else:
            reason = b""
        await self._give_up(handed.upstream, handed.lock, reason)

    async def _give_up(self, channel: Channel, lock: Lock, reason: bytes) -> None:
        if self._upstream.get(lock.ref) == (channel, lock):
            self._forget(channel, lock.ref)
        if self._channels.get(channel.id) is not channel:
            return  # it is settled
        try:
            await channel.peer.give_up(lock, reason)
        except InvalidUpdate as refusal:
            self._log.info("not given up", reason=str(refusal))

    def _forget(self, channel: Channel, ref: Hash) -> None:
        known = self._upstream.get(ref)
        if known is not None and known[0] is channel:
            del self._upstream[ref]
            self._shared.pop(ref, None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._log.error("ALARM", message=f"a lock was not dealt with: {task.exception()!r}")


def _holds(channel: Channel, lock: Lock) -> bool:
    """Whether it stands on the other's lane, and will not be dropped."""
    return channel.incoming(lock.ref) == lock and lock.ref not in channel.side.given_up
