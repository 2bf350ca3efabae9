"""When L1's blocks came, by the wall clock: their timestamps are whole seconds, and on a development chain ahead."""

import time
from threading import Event, Thread
from types import TracebackType

from bench.client import Client

POLL = 0.01
"""Seconds between two looks: blocks are at most that much older than noted."""


class L1Clock:
    """A context. Notes every block from now on, in a thread of its own."""

    def __init__(self, url: str) -> None:
        self._client = Client(url)
        self._stopping = Event()
        self._thread = Thread(target=self._watch, name="l1-clock", daemon=True)
        self._seen: dict[int, float] = {}
        self._next = self._head() + 1

    def at(self, block: int) -> float:
        """When a block was first seen, seconds of time.monotonic(). KeyError for one before the clock ran."""
        return self._seen[block]

    def _watch(self) -> None:
        while not self._stopping.wait(POLL):
            head, now = self._head(), time.monotonic()
            self._seen |= dict.fromkeys(range(self._next, head + 1), now)
            self._next = max(self._next, head + 1)

    def _head(self) -> int:
        return int(self._client.call("eth_blockNumber"), 16)

    def __enter__(self) -> "L1Clock":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
