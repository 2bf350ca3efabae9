"""What has happened: kept, and told to who listens."""

import asyncio
import time
from collections import Counter
from typing import Any

import msgpack
import structlog

from channels.store import Journal, Store, Write, write_history

MOST_UNREAD = 1_000
"""Events that wait for a listener: a slower one is let go."""
MOST_KEPT = 100_000
"""Events that are not forgotten."""
PRUNE_EVERY = 10_000
"""Events between two looks at how many there are."""


class Chronicle:
    """channels.switch.Chronicle. Amounts are kept as decimal strings: JSON's numbers are too small."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        self._listeners: set[asyncio.Queue[dict[str, Any] | None]] = set()
        self._writing: set[asyncio.Future[None]] = set()
        self.counts: Counter[str] = Counter()
        """How often each kind has happened since the start."""
        self.sums: Counter[str] = Counter()
        """Of the amounts of each kind."""
        self._log = structlog.get_logger("chronicle")

    async def prune(self) -> None:
        """Forget what is old."""
        statement = "DELETE FROM history WHERE number <= (SELECT MAX(number) FROM history) - ?"
        await self._journal.write(Write(statement, (MOST_KEPT,)))

    def note(self, kind: str, **fields: Any) -> None:
        """Something has happened: bytes become 0x-hexadecimal, amounts decimal strings."""
        now = time.time()
        plain = {name: _plain(value) for name, value in fields.items()}
        self.counts[kind] += 1
        if self.counts.total() % PRUNE_EVERY == 0:
            self._keep(asyncio.ensure_future(self.prune()))
        self.sums[kind] += fields.get("amount", 0)
        self.sums["fee"] += fields.get("fee", 0) if kind == "forwarded" else 0
        self._keep(asyncio.ensure_future(self._journal.write(write_history(int(now), kind, msgpack.packb(plain)))))
        event = {"time": now, "kind": kind, **plain}
        for listener in list(self._listeners):
            if listener.full():
                self._listeners.discard(listener)
                listener.get_nowait()
                listener.put_nowait(None)
            else:
                listener.put_nowait(event)

    def _keep(self, task: "asyncio.Future[None]") -> None:
        self._writing.add(task)
        task.add_done_callback(self._written)

    def newest(self, count: int) -> list[dict[str, Any]]:
        """The newest first."""
        rows = self._store.history(count)
        return [{"time": at, "kind": kind, **msgpack.unpackb(record)} for at, kind, record in rows]

    def listen(self) -> asyncio.Queue[dict[str, Any] | None]:
        """All that happens from here on; None: it was too slow, and hears no more."""
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(MOST_UNREAD)
        self._listeners.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[dict[str, Any] | None]) -> None:
        """Hear no more."""
        self._listeners.discard(queue)

    def close(self) -> None:
        """Let all who listen go."""
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)
        self._listeners.clear()

    def _written(self, task: "asyncio.Future[None]") -> None:
        self._writing.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._log.error("ALARM", message=f"history is not kept: {task.exception()}")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value) if type(value) is int else value
