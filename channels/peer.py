"""One channel's conversation with its other side, over any connection.

    peer = Peer(blank_endpoint, store, sign)
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
from collections.abc import Callable
from typing import Protocol

import structlog

from channels.store import StateStore
from tandem.channels.endpoint import Ack, Endpoint, Proposal, Sign
from tandem.channels.operations import DropLock, InvalidUpdate, Operation, PayLock
from tandem.channels.settlement import secret_hash
from tandem.channels.signing import BadSignature
from tandem.channels.wire import (
    Copies,
    GiveUp,
    Message,
    Reestablish,
    Refused,
    Reveal,
    decode,
    decode_endpoint,
    encode,
    encode_endpoint,
)
from tandem.errors import EncodingError, TandemError
from tandem.primitives.types import Hash, Seconds

MOST_AT_ONCE = 1_000
"""Operations in one proposal."""
MOST_WAITING = 100_000
"""Operations that wait for their turn."""
MOST_INCOMING = 1_000
"""Messages that wait to be taken: then the connection is not read any more."""


Change = Callable[[Endpoint], tuple[Endpoint, Message]]
"""What this side does by itself, and what it tells of it."""


class ChannelBroken(TandemError):
    """The other side has refused what it must take, or has sent what must be refused. People have to look at it."""


class TooManyWaiting(TandemError):
    """More operations are asked for than can be done: try again later."""


class Connection(Protocol):
    """A way for messages to the other side, in order. Both raise ConnectionError when it is gone."""

    async def send(self, data: bytes, /) -> None:
        """One message."""
        ...

    async def recv(self) -> bytes:
        """The next one."""
        ...


class Peer:
    """The other side of one channel. Not thread-safe: it is an event loop's."""

    def __init__(self, blank: Endpoint, store: StateStore, sign: Sign, clock: Callable[[], float] = time.time) -> None:
        """`blank`: a new side of the channel, for what chain and settings say. `sign`: by the own key."""
        kept = store.load(blank.key.id)
        self.endpoint = blank if kept is None else decode_endpoint(kept, blank)
        self._store = store
        self._sign = sign
        self._clock = clock
        self._waiting: deque[tuple[Operation, asyncio.Future[None]]] = deque()
        self._under_way: list[asyncio.Future[None]] = []
        self._acts: deque[tuple[Change, asyncio.Future[None]]] = deque()
        self._lock_answers: dict[Hash, PayLock | DropLock] = {}
        """What the other side has said of locks on the own lane, until it is proposed."""
        self._incoming: asyncio.Queue[Message | None] = asyncio.Queue(MOST_INCOMING)
        self._is_ready = False
        """Whether both sides have told where they stand, and this one has all its states."""
        self._broken: ChannelBroken | None = None
        self._log = structlog.get_logger("peer").bind(channel=blank.key.id[:4].hex())

    async def do(self, operation: Operation) -> None:
        """Have an operation done on the own lane: returns when both sides have signed it.

        InvalidUpdate where it cannot be done, TooManyWaiting, ChannelBroken. Cancelled by a stop, it may still be done.
        """
        if self._broken is not None:
            raise self._broken
        if len(self._waiting) >= MOST_WAITING:
            raise TooManyWaiting(f"{MOST_WAITING} operations wait already")
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((operation, done))
        self._wake()
        await done

    async def reveal(self, secret: bytes) -> None:
        """Have a lock on the other's lane paid: the secret is kept, then told. InvalidUpdate, ChannelBroken."""
        now = Seconds(int(self._clock()))
        await self._say(lambda side: (side.learn(secret, now), Reveal(side.key.id, secret)))

    async def give_up(self, ref: Hash, reason: bytes = b"") -> None:
        """Have a lock on the other's lane dropped. InvalidUpdate where its secret is known, ChannelBroken."""
        await self._say(lambda side: (side.give_up(ref), GiveUp(side.key.id, ref, reason)))

    async def _say(self, change: Change) -> None:
        if self._broken is not None:
            raise self._broken
        done = asyncio.get_running_loop().create_future()
        self._acts.append((change, done))
        self._wake()
        await done

    async def talk(self, connection: Connection) -> None:
        """Until the connection is gone. ChannelBroken when there is nothing more to say in this channel."""
        if self._broken is not None:
            raise self._broken
        self._incoming = asyncio.Queue(MOST_INCOMING)
        self._is_ready = False
        side = self.endpoint
        await connection.send(encode(Reestablish(side.key.id, side.proposed.nonce, side.theirs.lane.nonce)))
        reading = asyncio.create_task(self._read(connection))
        try:
            while not reading.done() or not self._incoming.empty():
                await self._turn(connection)
            await reading
        except ConnectionError:
            return
        finally:
            reading.cancel()

    # -- one turn: take what there is, keep it, answer

    async def _turn(self, connection: Connection) -> None:
        messages = [await self._incoming.get()]
        while not self._incoming.empty():
            messages.append(self._incoming.get_nowait())
        before = self.endpoint
        answers: list[Message] = []
        settled: list[asyncio.Future[None]] = []
        try:
            for message in messages:
                if message is not None:
                    answers += self._take(message, settled)
            answers += self._act(settled)
            answers += self._propose()
        except (InvalidUpdate, BadSignature, ChannelBroken) as reason:
            self.endpoint = before
            self._under_way += settled
            if isinstance(reason, ChannelBroken):
                self._break(reason)
            await connection.send(encode(Refused(before.key.id, before.theirs.lane.nonce + 1, str(reason))))
            self._break(ChannelBroken(f"the other side broke a rule: {reason}"))
        if self.endpoint is not before:
            state = {before.key.id: encode_endpoint(self.endpoint)}
            await asyncio.to_thread(self._store.save, state)
        for done in settled:
            if not done.done():
                done.set_result(None)
        for answer in answers:
            await connection.send(encode(answer))

    def _take(self, message: Message, settled: list[asyncio.Future[None]]) -> list[Message]:
        now = Seconds(int(self._clock()))
        side = self.endpoint
        match message:
            case Proposal():
                self.endpoint, ack = side.take(message, self._sign, now)
                return [ack]
            case Ack():
                self.endpoint = side.take_ack(message)
                if self.endpoint is not side:
                    settled += self._under_way
                    self._under_way = []
                return []
            case Reveal(_, secret):
                self._answer_lock(PayLock(secret_hash(secret)))
                return []
            case GiveUp(_, ref, _):
                self._answer_lock(DropLock(ref))
                return []
            case Reestablish(_, mine, theirs):
                return self._resume(mine, theirs)
            case Copies(_, receivers, senders):
                self.endpoint = side.restore(receivers, senders)
                self._is_ready = True
                return []
            case Refused(_, nonce, reason):
                raise ChannelBroken(f"the other side refuses state {nonce} of our lane: {reason}")

    def _resume(self, other_proposed: int, other_holds: int) -> list[Message]:
        """After a reconnect: what the other side may not have got."""
        side = self.endpoint
        # Who has lost states must not go on from old ones: the other side sends its copies.
        self._is_ready = other_holds <= side.proposed.nonce and other_proposed <= side.theirs.lane.nonce + 1
        answers: list[Message] = []
        if other_proposed < side.theirs.lane.nonce or other_holds < side.mine.lane.nonce:
            answers.append(Copies(side.key.id, side.theirs, side.mine))
        if side.proposal is not None:
            answers.append(side.proposal)
        answers += [Reveal(side.key.id, secret) for secret in side.secrets.values()]
        answers += [GiveUp(side.key.id, ref, b"") for ref in side.given_up]
        return answers

    def _answer_lock(self, operation: PayLock | DropLock) -> None:
        """The other side says what has become of a lock on the own lane: once, however often it says so."""
        if any(lock.ref == operation.ref for lock in self.endpoint.proposed.locks):
            self._lock_answers.setdefault(operation.ref, operation)

    def _act(self, acted: list[asyncio.Future[None]]) -> list[Message]:
        """What this side has to say of locks on the other's lane."""
        answers = []
        while self._acts:
            change, done = self._acts.popleft()
            try:
                self.endpoint, message = change(self.endpoint)
            except InvalidUpdate as reason:
                if not done.done():
                    done.set_exception(reason)
                continue
            answers.append(message)
            acted.append(done)
        return answers

    def _propose(self) -> list[Message]:
        """Of what waits as much as goes into one proposal. What cannot be done fails alone."""
        if not self._is_ready or self.endpoint.proposal is not None or not (self._waiting or self._lock_answers):
            return []
        held = {lock.ref for lock in self.endpoint.mine.lane.locks}
        operations: list[Operation] = [each for ref, each in self._lock_answers.items() if ref in held]
        self._lock_answers = {}
        wishes: list[tuple[Operation, asyncio.Future[None]]] = []
        while self._waiting and len(wishes) < MOST_AT_ONCE:
            operation, done = self._waiting.popleft()
            if not done.done():
                wishes.append((operation, done))
        try:
            together = (*operations, *(operation for operation, _ in wishes))
            self.endpoint, proposal = self.endpoint.propose(together, self._sign)
        except InvalidUpdate:
            wishes = self._possible(operations, wishes)
            operations += [operation for operation, _ in wishes]
            if not operations:
                return []
            self.endpoint, proposal = self.endpoint.propose(tuple(operations), self._sign)
        self._under_way += [done for _, done in wishes]
        return [proposal]

    def _possible(
        self, before: list[Operation], wishes: list[tuple[Operation, asyncio.Future[None]]]
    ) -> list[tuple[Operation, asyncio.Future[None]]]:
        """Those that can be done one after the other; the rest are told why not."""
        possible: list[tuple[Operation, asyncio.Future[None]]] = []
        for operation, done in wishes:
            try:
                done_before = (each for each, _ in possible)
                self.endpoint.propose((*before, *done_before, operation), lambda digest: b"")
            except InvalidUpdate as reason:
                done.set_exception(reason)
            else:
                possible.append((operation, done))
        return possible

    # -- the rest

    async def _read(self, connection: Connection) -> None:
        try:
            while True:
                message = decode(await connection.recv())
                if message.channel == self.endpoint.key.id:
                    await self._incoming.put(message)
        except EncodingError as reason:
            self._log.warning("the other side sends what is no message", reason=str(reason))
            raise ConnectionError(str(reason)) from reason
        finally:
            self._wake()

    def _wake(self) -> None:
        if self._incoming.empty():
            self._incoming.put_nowait(None)

    def _break(self, reason: ChannelBroken) -> None:
        """Stand still: the lane's last states are what counts now."""
        self._log.error("ALARM", message=str(reason))
        self._broken = reason
        waiting = [done for _, done in self._waiting] + [done for _, done in self._acts]
        for done in (*self._under_way, *waiting):
            if not done.done():
                done.set_exception(reason)
        self._under_way, self._waiting, self._acts = [], deque(), deque()
        raise reason
