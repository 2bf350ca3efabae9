"""Ingest's end of the bus: an asyncio client that reconnects by itself.

`request` either gives the engine's result or raises a BusError at once or within its time-out; nothing waits for an
engine that is away. At most `limit` requests wait for an answer.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sequencer import bus

FIRST_RETRY, LAST_RETRY = 0.05, 1.0
"""Seconds between attempts to reconnect, doubling."""
MAX_WRITE_BUFFER = 1 << 25
"""32 MiB waiting to be written: more, and requests are refused as busy."""

EventHandler = Callable[[str, Any], None]


class BusClient:
    """One connection to the engine. `on_event(event, body)` is called in the event loop."""

    def __init__(
        self,
        path: Path,
        *,
        on_event: EventHandler | None = None,
        limit: int = 4096,
        timeout: float = 10.0,
    ) -> None:
        self._path = path
        self.on_event = on_event
        self._limit = limit
        self._timeout = timeout
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_connected(self) -> bool:
        """Whether the engine is at the other end."""
        return self._writer is not None

    @property
    def waiting(self) -> int:
        """Requests without an answer yet."""
        return len(self._waiting)

    def start(self) -> None:
        """Connect, and keep connecting, in the background of the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def wait_connected(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the engine."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connected.wait(), timeout)
        return self.is_connected

    async def close(self) -> None:
        """End the connection; what waits fails with BusAway."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._lost()

    async def request(self, kind: str, body: Any = None, timeout: float | None = None) -> Any:
        """The engine's result. BusAway, BusBusy, BusTimeout or BusRefused where there is none."""
        writer = self._writer
        if writer is None:
            raise bus.BusAway("the sequencer's engine is not running")
        if len(self._waiting) >= self._limit or writer.transport.get_write_buffer_size() > MAX_WRITE_BUFFER:
            raise bus.BusBusy("too many requests wait for the sequencer's engine; try again")
        number = next(self._ids)
        data = bus.frame([number, kind, body])
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        writer.write(data)
        try:
            async with asyncio.timeout(self._timeout if timeout is None else timeout):
                return await future
        except TimeoutError:
            raise bus.BusTimeout("the sequencer's engine did not answer in time") from None
        finally:
            self._waiting.pop(number, None)

    async def _run(self) -> None:
        delay = FIRST_RETRY
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self._path))
            except OSError:
                await asyncio.sleep(delay)
                delay = min(2 * delay, LAST_RETRY)
                continue
            delay = FIRST_RETRY
            self._writer = writer
            self._connected.set()
            try:
                await self._read(reader)
            except (OSError, asyncio.IncompleteReadError, ValueError):
                pass
            finally:
                self._lost()
            await asyncio.sleep(delay)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            (length,) = bus.LENGTH.unpack(await reader.readexactly(bus.LENGTH.size))
            if length > bus.MAX_FRAME_BYTES:
                raise ValueError("a bus frame is too long")
            number, status, *rest = bus.unframe(await reader.readexactly(length))
            if number == 0:
                if self.on_event is not None:
                    self.on_event(status, rest[0])
                continue
            future = self._waiting.get(number)
            if future is None or future.done():
                continue
            if status == "ok":
                future.set_result(rest[0])
            elif rest[0] == bus.BUSY:
                future.set_exception(bus.BusBusy(rest[1]))
            else:
                future.set_exception(bus.BusRefused(rest[0], rest[1]))

    def _lost(self) -> None:
        writer, self._writer = self._writer, None
        self._connected.clear()
        if writer is not None:
            writer.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(
                    bus.BusAway("the sequencer's engine went away before it answered; whether it acted is unknown")
                )
        self._waiting.clear()
