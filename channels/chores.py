"""Things to do on chain, each once at a time; what fails is done again when it is still due."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from channels.chain import ChainFailure
from tandem.primitives.types import Hash

REST, MOST_REST = 1.0, 8.0
"""Seconds behind each, until the chain was looked at again; doubled for each time that it has failed."""


class Chores:
    """By channel and name."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        """How often each kind was done since the start."""
        self._tasks: dict[tuple[Hash, str], asyncio.Task[None]] = {}
        self._failed: dict[tuple[Hash, str], int] = {}
        """How often each has failed since it was done last."""
        self._log = structlog.get_logger("chores")

    def start(self, channel: Hash, kind: str, work: Callable[[], Coroutine[Any, Any, Any]], detail: int = 0) -> None:
        """Unless it is under way. `detail` tells those of one kind apart."""
        name = channel, f"{kind} {detail}"
        if name in self._tasks:
            return

        async def do() -> None:
            try:
                await work()
                self.done[kind] += 1
                self._failed.pop(name, None)
            except ChainFailure as reason:
                self._failed[name] = self._failed.get(name, 0) + 1
                self._log.warning("not done", what=kind, channel=channel[:4].hex(), reason=str(reason))
            await asyncio.sleep(min(MOST_REST, REST * 2 ** self._failed.get(name, 0)))

        task = asyncio.create_task(do())
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._tasks.pop(name, None))

    def forget(self, channel: Hash) -> None:
        """It is over: nothing more is due."""
        self._failed = {name: times for name, times in self._failed.items() if name[0] != channel}

    async def stop(self) -> None:
        """What is left is due at the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
