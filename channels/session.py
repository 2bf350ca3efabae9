"""An open connection to another node, shared by all channels with it."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from channels.link import Link
from channels.peer import MOST_INCOMING
from tandem.channels.wire import ChannelMessage, Message, Reestablish
from tandem.primitives.types import Address, Hash

MOST_EARLY = 1_000
"""Channels that the other side speaks of before we know them."""
MOST_POSTED = 256
"""Messages that nobody waits for."""


class Session:
    """One node at the other end, known by its public key."""

    def __init__(self, link: Link, public_key: bytes, address: Address) -> None:
        self.public_key = public_key
        self.address = address
        self.is_server = link.is_server
        self.gone = asyncio.Event()
        self._link = link
        self._channels: dict[Hash, asyncio.Queue[Message | None]] = {}
        self._early: dict[Hash, Reestablish] = {}
        self._posting: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("session").bind(node=public_key[:5].hex())

    async def send(self, message: Message) -> None:
        """One message. ConnectionError when it is gone."""
        await self._link.send(message)

    def post(self, message: Message) -> None:
        """Without waiting. Where too much waits already it is dropped: for what is not missed."""
        if len(self._posting) < MOST_POSTED:
            task = asyncio.create_task(self._post(message))
            self._posting.add(task)
            task.add_done_callback(self._posting.discard)

    async def _post(self, message: Message) -> None:
        try:
            await self._link.send(message)
        except ConnectionError:
            pass

    async def close(self, reason: str) -> None:
        """End it."""
        await self._link.close(reason)

    def connection(self, channel: Hash) -> "ChannelConnection":
        """For one channel's messages."""
        queue: asyncio.Queue[Message | None] = asyncio.Queue(MOST_INCOMING)
        if self.gone.is_set():
            queue.put_nowait(None)
        early = self._early.pop(channel, None)
        if early is not None:
            queue.put_nowait(early)
        self._channels[channel] = queue
        return ChannelConnection(self, channel, queue)

    def forget(self, channel: Hash) -> None:
        """Its messages are not wanted any more."""
        queue = self._channels.pop(channel, None)
        while queue is not None and not queue.empty():
            queue.get_nowait()  # whoever waits for a place gets one

    async def run(self, take: Callable[[Message], Awaitable[None]]) -> None:
        """Hand out messages until the connection is gone; `take` has those that are of no channel, and of none yet."""
        try:
            while True:
                message = await self._link.recv()
                if not isinstance(message, ChannelMessage):
                    await take(message)
                elif message.channel in self._channels:
                    await self._channels[message.channel].put(message)
                elif isinstance(message, Reestablish) and len(self._early) < MOST_EARLY:
                    self._early[message.channel] = message
                else:
                    await take(message)
        except ConnectionError as reason:
            self._log.info("connection lost", reason=str(reason))
        finally:
            self.gone.set()
            for queue in self._channels.values():
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(None)


class ChannelConnection:
    """A session as one channel's (channels.peer.Connection)."""

    def __init__(self, session: Session, channel: Hash, queue: asyncio.Queue[Message | None]) -> None:
        self._session = session
        self._channel = channel
        self._queue = queue

    async def send(self, message: Message, /) -> None:
        """One message. ConnectionError when it is gone."""
        await self._session.send(message)

    async def recv(self) -> Message:
        """The next one of this channel."""
        message = await self._queue.get()
        if message is None:
            self._queue.put_nowait(None)
            raise ConnectionError("the connection is gone")
        return message
