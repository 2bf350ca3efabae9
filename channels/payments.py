"""Payments of ours: a way is looked for, tried, and another one if it fails; what is under way outlives a restart."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import structlog

from channels.channel import Asset, Channel
from channels.records import (
    Outcome,
    PaymentRecord,
    Step,
    read_payment_record,
    write_payment_record,
)
from channels.store import Journal, Store, write_payment
from channels.switch import CANNOT
from tandem.channels.hops import Failure, Final, Forward, Report, new_session_key, read_report, wrap
from tandem.channels.identity import Identity, address_of_public_key
from tandem.channels.onion import OnionError, open_failure
from tandem.channels.operations import AddLock
from tandem.channels.routing import FailureMemory, Leg, Limits, Network, NoWay, find_way
from tandem.channels.states import Lock, LockKind
from tandem.errors import EncodingError, TandemError
from tandem.primitives.types import Address, Hash, Seconds

MOST_ATTEMPTS = 20
"""Ways that are tried for one payment."""
MOST_HOPS = 12
"""Payloads of so many fit into an onion, whatever is in them."""
SLOT_SECONDS, SLOT_PAUSE = 5.0, 0.02
"""How long to wait where all locks of a lane are taken, and between two looks."""
MOST_SECONDS = 60.0
"""After which no further way is tried."""


class NotPaid(TandemError):
    """A payment was not made. The message says why."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be paid, to whom. `final_delta`: what the payee wants between now and the last lock's expiry."""

    ref: Hash
    payee: bytes
    asset: Asset
    amount: int
    payment_secret: Hash
    final_delta: Seconds
    most_fee: int
    description: str = ""
    first: Hash | None = None
    last: Hash | None = None


class World(Protocol):
    """What payments have to know of the node."""

    def network(self, asset: Asset) -> Network:
        """All edges that are known, our own with what can be paid now."""
        ...

    def is_full(self, asset: Asset) -> bool:
        """Whether a channel of ours has all the locks that it can have: some will go."""
        ...

    def channel(self, channel: Hash) -> Channel | None:
        """One of ours."""
        ...

    def chain_of(self, channel: Hash) -> int:
        """Its chain's id. KeyError."""
        ...

    def public_key(self, address: Address) -> bytes | None:
        """Of a node."""
        ...

    def now(self) -> Seconds:
        """The latest of all clocks."""
        ...

    def latest_expiry(self) -> Seconds:
        """Up to which a first lock may be."""
        ...

    def reserve(self, ref: Hash) -> bool:
        """Whether a lock with this reference may go out."""
        ...

    def release(self, ref: Hash) -> None:
        """It is out, or will not go."""
        ...


class Payments:
    """channels.switch.Payer."""

    def __init__(
        self,
        identity: Identity,
        store: Store,
        journal: Journal,
        world: World,
        memory: FailureMemory,
        tell: Callable[[PaymentRecord], None],
    ) -> None:
        """`tell`: hears of each that ends."""
        self._identity = identity
        self._store = store
        self._journal = journal
        self._world = world
        self._memory = memory
        self._tell = tell
        self._open: dict[Hash, PaymentRecord] = {
            record.ref: record for record in map(read_payment_record, store.open_payments())
        }
        self._outcomes: dict[Hash, asyncio.Future[bytes | None]] = {}
        """Of the attempt under way: the reason why it failed, or None."""
        self._log = structlog.get_logger("payments")

    def has(self, ref: Hash, channel: Hash) -> bool:
        """Whether this one is ours, under way, and goes out by this channel."""
        record = self._open.get(ref)
        return record is not None and bool(record.way) and record.way[0].channel == channel

    async def pay(self, order: Order) -> PaymentRecord:
        """Try until it is paid or cannot be. NotPaid where it was paid before, or is under way."""
        known = self.find(order.ref)
        if known is not None and known.outcome != Outcome.FAILED:
            raise NotPaid(f"this invoice is {known.outcome} already")
        now = self._world.now()
        token = order.asset[1]
        record = PaymentRecord(order.ref, now, order.payee, token, order.amount, order.description)
        self._open[order.ref] = record
        loop = asyncio.get_running_loop()
        end, error = loop.time() + MOST_SECONDS, "no way was tried"
        slots_end = loop.time() + SLOT_SECONDS
        avoid: set[tuple[Hash, Address]] = set()
        while record.attempts < MOST_ATTEMPTS and loop.time() < end:
            try:
                legs = self._way(order, frozenset(avoid))
            except NoWay as reason:
                if self._world.is_full(order.asset) and loop.time() < slots_end:
                    await asyncio.sleep(SLOT_PAUSE)
                    continue
                error = str(reason) if record.attempts == 0 else f"{error}; and then: {reason}"
                break
            steps = tuple(Step.of(leg, self._world.chain_of(leg.edge.channel)) for leg in legs)
            attempt = record.attempts + 1
            record = replace(record, attempts=attempt, way=steps, session_key=new_session_key())
            failure = await self._attempt(order, record, legs)
            if failure is None:
                return self._ended(order.ref)
            error = failure.text
            if failure.is_final:
                break
            avoid.add((failure.leg.edge.channel, failure.leg.edge.source))
            self._memory.note_failure(
                failure.leg.edge.channel, failure.leg.edge.source, failure.leg.amount, self._world.now()
            )
        record = record.failed(error, self._world.now())
        await self._keep(record)
        return record

    def _way(self, order: Order, avoid: frozenset[tuple[Hash, Address]]) -> tuple[Leg, ...]:
        """By what is remembered of failures; where that leaves none, by what has failed in this payment alone."""
        now = self._world.now()
        network, payee = self._world.network(order.asset), address_of_public_key(order.payee)
        limits = Limits(order.most_fee, self._world.latest_expiry(), MOST_HOPS)
        expiry = Seconds(now + order.final_delta)

        def search(memory: FailureMemory) -> tuple[Leg, ...]:
            payer = self._identity.address
            ends = order.first, order.last
            return find_way(network, payer, payee, order.amount, expiry, memory, limits, now, *ends, avoid)

        try:
            return search(self._memory)
        except NoWay:
            return search(FailureMemory())

    async def _attempt(self, order: Order, record: PaymentRecord, legs: Sequence[Leg]) -> "_Failed | None":
        """None when it was paid, else why not."""
        first = self._world.channel(legs[0].edge.channel)
        try:
            onion, shared = self._onion(order, record.session_key, legs)
        except (KeyError, OnionError) as reason:
            return _Failed(f"no onion can be made: {reason}", legs[-1])
        if first is None:
            return _Failed("the channel is gone", legs[0])
        outcome = self._outcomes[order.ref] = asyncio.get_running_loop().create_future()
        self._open[order.ref] = record
        lock = Lock(legs[0].amount, legs[0].expiry, LockKind.HASH, order.ref)
        with first.peer.plan(lock.amount):
            await self._keep(record)
            if not self._world.reserve(order.ref):
                return _Failed("a lock with this payment's hash is under way", legs[0], is_final=True)
            placing = asyncio.ensure_future(first.peer.do(AddLock(lock, onion), is_patient=False))
            await asyncio.sleep(0)  # it is among what waits
        try:
            await asyncio.wait((placing, outcome), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._world.release(order.ref)
            placing.add_done_callback(lambda done: done.cancelled() or done.exception())
        if not outcome.done() and isinstance(placing.exception(), CANNOT) and first.outgoing(order.ref) is None:
            return _Failed(str(placing.exception()), legs[0])
        packet = await outcome
        if packet is None:
            for leg in legs:
                self._memory.note_success(leg.edge.channel, leg.edge.source, leg.amount, self._world.now())
            return None
        return _read_failure(legs, shared, packet)

    def _onion(self, order: Order, session_key: bytes, legs: Sequence[Leg]) -> tuple[bytes, list[bytes]]:
        """Each hop is told of the leg behind it."""
        hops: list[tuple[bytes, Forward | Final]] = []
        for leg, after in pairwise(legs):
            key = self._world.public_key(leg.edge.target)
            if key is None:
                raise KeyError(f"nobody knows the key of 0x{leg.edge.target.hex()}")
            chain_id = self._world.chain_of(after.edge.channel)
            hops.append((key, Forward(chain_id, after.edge.channel, after.amount, after.expiry)))
        hops.append((order.payee, Final(order.amount, legs[-1].expiry, order.payment_secret)))
        return wrap(hops, order.ref, session_key)

    # -- channels.switch.Payer

    async def succeeded(self, ref: Hash, secret: bytes) -> None:
        """Returns when it is on the disk."""
        record = self._open.get(ref)
        if record is None:
            return
        await self._keep(record.paid(secret, self._world.now()))
        self._resolve(ref, None)

    async def failed(self, ref: Hash, reason: bytes) -> None:
        """The attempt is over; who waits tries another way."""
        record = self._open.get(ref)
        if record is None:
            return
        if ref in self._outcomes:
            self._resolve(ref, reason)
        else:
            await self._keep(record.failed("it failed while this node was restarted: pay again", self._world.now()))

    async def recover(self, outgoing: set[Hash], on_chain: Callable[[Hash], bytes | None]) -> None:
        """After a start. `outgoing`: references of locks on our lanes; `on_chain`: a secret that some chain shows.

        What is in neither was not sent, or has come back.
        """
        for ref, record in list(self._open.items()):
            secret = on_chain(ref)
            if secret is not None:
                await self.succeeded(ref, secret)
            elif ref not in outgoing:
                await self._keep(
                    record.failed("this node was stopped before it was sent: pay again", self._world.now())
                )

    # -- what there is

    def find(self, ref: Hash) -> PaymentRecord | None:
        """One of ours."""
        if ref in self._open:
            return self._open[ref]
        data = self._store.payment(ref)
        return None if data is None else read_payment_record(data)

    def newest(self, count: int) -> list[PaymentRecord]:
        """The newest first."""
        return [read_payment_record(data) for data in self._store.newest("payments", count)]

    def _ended(self, ref: Hash) -> PaymentRecord:
        record = self.find(ref)
        assert record is not None
        return record

    def _resolve(self, ref: Hash, reason: bytes | None) -> None:
        outcome = self._outcomes.pop(ref, None)
        if outcome is not None and not outcome.done():
            outcome.set_result(reason)

    async def _keep(self, record: PaymentRecord) -> None:
        is_open = record.outcome == Outcome.PENDING
        await self._journal.write(write_payment(record.ref, record.created, is_open, write_payment_record(record)))
        if not is_open and self._open.pop(record.ref, None) is not None:
            self._tell(record)


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why an attempt was in vain, and the leg that is to blame."""

    text: str
    leg: Leg
    is_final: bool = False
    """Whether no other way would help."""


def _read_failure(legs: Sequence[Leg], shared: Sequence[bytes], packet: bytes) -> _Failed:
    """What comes back; where nobody says anything, what is behind the first hop is to blame."""
    try:
        at, message = open_failure(shared, packet) if packet else (0, b"")
        report = read_report(message) if message else Report(Failure.NO_MORE_TIME, "")
    except (OnionError, EncodingError) as reason:
        at, report = 0, Report(Failure.NO_MORE_TIME, str(reason))
    what = f"{report.failure.name.lower().replace('_', ' ')} {report.text}".strip()
    if packet and at == len(legs) - 1:
        return _Failed(f"the payee refuses: {what}", legs[at], report.failure == Failure.UNKNOWN_PAYMENT)
    return _Failed(f"hop {at + 1} of {len(legs)} did not hand it on: {what}", legs[min(at + 1, len(legs) - 1)])
