"""One WebSocket connection: its calls, and its subscriptions."""

import asyncio
import secrets
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from sequencer.rpc import params
from sequencer.rpc.config import Limits
from sequencer.rpc.dispatch import Dispatcher, Special
from sequencer.rpc.errors import LIMIT_EXCEEDED, SERVER_ERROR, RpcError, invalid_params
from sequencer.rpc.params import LogCriteria
from sequencer.rpc.publish import Publisher, Subscription

TRY_AGAIN_LATER = 1013
"""WebSocket close code (IANA registry)."""
KINDS = frozenset({"newHeads", "logs", "newPendingTransactions", "syncing"})


class Connection:
    """Reads calls, answers each when it is done, and sends notifications in between."""

    def __init__(self, socket: WebSocket, dispatcher: Dispatcher, publisher: Publisher, limits: Limits) -> None:
        self._socket = socket
        self._dispatcher = dispatcher
        self._publisher = publisher
        self._limits = limits
        self._outbox: asyncio.Queue[bytes | None] = asyncio.Queue(limits.socket_queue)
        self._names: set[str] = set()
        self._special: dict[str, Special] = {"eth_subscribe": self._subscribe, "eth_unsubscribe": self._unsubscribe}
        self._free = asyncio.Semaphore(limits.socket_calls)
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Until either side ends it."""
        await self._socket.accept()
        writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read())
        try:
            await asyncio.wait({writer, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for name in self._names:
                self._publisher.remove(name)
            for task in (writer, reader, *self._tasks):
                task.cancel()
            await asyncio.gather(writer, reader, *self._tasks, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            body = message.get("bytes") or (message.get("text") or "").encode()
            await self._free.acquire()
            task = asyncio.create_task(self._answer(body))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._free.release()

    async def _answer(self, body: bytes) -> None:
        answer = await self._dispatcher.answer(body, self._special)
        if answer:
            await self._outbox.put(answer)

    async def _write(self) -> None:
        try:
            while (message := await self._outbox.get()) is not None:
                await self._socket.send_text(message.decode())
            if self._socket.application_state is WebSocketState.CONNECTED:
                await self._socket.close(TRY_AGAIN_LATER, "notifications are not read fast enough")
        except (WebSocketDisconnect, RuntimeError, OSError):
            return

    def _notify(self, message: bytes) -> None:
        """Queue a notification; a peer that does not read them is cut off."""
        try:
            self._outbox.put_nowait(message)
        except asyncio.QueueFull:
            for name in self._names:
                self._publisher.remove(name)
            while not self._outbox.empty():
                self._outbox.get_nowait()
            self._outbox.put_nowait(None)

    async def _subscribe(self, arguments: list[Any]) -> str:
        if not arguments:
            raise invalid_params("missing value for required argument 0")
        kind = arguments[0]
        if kind not in KINDS:
            raise RpcError(SERVER_ERROR, f"no {kind!r} subscription in eth namespace")
        if len(self._names) >= self._limits.subscriptions:
            raise RpcError(LIMIT_EXCEEDED, f"a connection has at most {self._limits.subscriptions} subscriptions")
        criteria: LogCriteria | None = None
        if kind == "logs":
            wanted = arguments[1] if len(arguments) > 1 and arguments[1] is not None else {}
            if not isinstance(wanted, dict):
                raise invalid_params("invalid argument 1: a filter object is expected")
            criteria = params.log_criteria(wanted)
        name = hex(secrets.randbits(128))  # a quantity: no leading zeros
        self._names.add(name)
        self._publisher.add(Subscription(name, kind, self._notify, criteria))
        return name

    async def _unsubscribe(self, arguments: list[Any]) -> bool:
        if len(arguments) != 1:
            raise invalid_params("missing value for required argument 0")
        name = arguments[0]
        if not isinstance(name, str) or name not in self._names:
            raise RpcError(SERVER_ERROR, "subscription not found")
        self._names.discard(name)
        return self._publisher.remove(name)
