"""Connections to other nodes: WebSocket, in either direction, made again when they are lost."""

import asyncio
from collections.abc import Awaitable, Callable
from ssl import SSLContext

import structlog
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection as WebSocket
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, WebSocketException

from tandem.channels.wire import MOST_BYTES

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two tries to connect: doubled each time."""
SILENCE = 10.0
"""Seconds without an answer to a ping after which a connection is given up."""


class Link:
    """A WebSocket as channels.peer.Connection."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def send(self, data: bytes, /) -> None:
        """One message. ConnectionError when the connection is gone."""
        try:
            await self._socket.send(data)
        except ConnectionClosed as reason:
            raise ConnectionError(str(reason)) from reason

    async def recv(self) -> bytes:
        """The next one."""
        try:
            data = await self._socket.recv()
        except ConnectionClosed as reason:
            raise ConnectionError(str(reason)) from reason
        if isinstance(data, str):
            raise ConnectionError("the other side sends text")
        return data


async def listen(
    host: str, port: int, talk: Callable[[Link], Awaitable[None]], tls: SSLContext | None = None
) -> Server:
    """Take connections: `talk` has each until it returns."""

    async def handle(socket: ServerConnection) -> None:
        await talk(Link(socket))

    return await serve(
        handle, host, port, ssl=tls, max_size=MOST_BYTES, ping_interval=SILENCE, ping_timeout=SILENCE, compression=None
    )


async def stay_connected(url: str, talk: Callable[[Link], Awaitable[None]], tls: SSLContext | None = None) -> None:
    """Connect, and again whenever `talk` returns or the connection fails. Ends by what `talk` raises, or cancelled."""
    log = structlog.get_logger("link").bind(url=url)
    pause = FIRST_PAUSE
    while True:
        try:
            async with connect(
                url, ssl=tls, max_size=MOST_BYTES, ping_interval=SILENCE, ping_timeout=SILENCE, compression=None
            ) as socket:
                pause = FIRST_PAUSE
                await talk(Link(socket))
        except (OSError, WebSocketException, TimeoutError) as reason:
            log.info("not connected", reason=str(reason), retry_in=pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
