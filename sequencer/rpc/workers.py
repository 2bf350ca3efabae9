"""Threads for calls that take long, so that the event loop stays free. Bounded: above it a call is refused as busy.

A thread cannot be stopped. A call whose time is up is answered by an error, and its thread ends at the next read of
state after its deadline (`DeadlineState`); until then it counts as in use.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sequencer.rpc.errors import TIMED_OUT, RpcError, busy
from tandem.evm.reader import StateReader
from tandem.primitives.types import Address, Hash
from tandem.state.account import Account


def timed_out(seconds: float) -> RpcError:
    """What a call gets that took too long."""
    return RpcError(TIMED_OUT, f"request timed out after {seconds:g} s")


class Workers:
    """A pool of threads with a bounded queue."""

    def __init__(self, threads: int, waiting: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="rpc-work")
        self._most = threads + waiting
        self._seconds = seconds
        self.in_use = 0

    async def run(self, function: Callable[[], Any]) -> Any:
        """The function's result, from a thread. RpcError where none is free, or it takes too long."""
        if self.in_use >= self._most:
            raise busy()
        self.in_use += 1
        loop = asyncio.get_running_loop()
        future = self._pool.submit(function)
        future.add_done_callback(lambda _: _release(loop, self))
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            future.cancel()
            raise timed_out(self._seconds) from None

    def close(self) -> None:
        """Take no more work."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _release(loop: asyncio.AbstractEventLoop, workers: Workers) -> None:
    def release() -> None:
        workers.in_use -= 1

    if not loop.is_closed():
        loop.call_soon_threadsafe(release)


class DeadlineState:
    """A state that refuses to be read after a deadline: ends a search or trace that nobody waits for any more."""

    def __init__(self, reader: StateReader, seconds: float) -> None:
        self._reader = reader
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def check(self) -> None:
        """RpcError after the deadline."""
        if time.monotonic() > self._deadline:
            raise timed_out(self._seconds)

    def account(self, address: Address) -> Account | None:
        """The account."""
        self.check()
        return self._reader.account(address)

    def storage(self, address: Address, slot: int) -> int:
        """The slot."""
        self.check()
        return self._reader.storage(address, slot)

    def code(self, code_hash: Hash) -> bytes:
        """The code."""
        return self._reader.code(code_hash)
