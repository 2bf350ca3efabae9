"""Follows the chain's head and tells subscribers and filters what changed.

What happened is read from the store, not from the bus: an event only says when to look. So nothing is missed while the
engine or the bus is away, and a re-org shows as a hash that differs from the one remembered.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from sequencer import bus
from sequencer.rpc.api import Api
from sequencer.rpc.encode import Json, header_json
from sequencer.rpc.logs import PlacedLog, placed
from sequencer.rpc.params import LogCriteria
from tandem.primitives.types import Hash

REMEMBERED_BLOCKS = 256
"""How deep a re-org is told exactly; a deeper one is told from here on."""
BLOCKS_AT_ONCE = 64
"""After so many the event loop gets its turn."""
POLL_SECONDS = 1.0
"""Between looks at the store when no event comes."""

log = logging.getLogger("tandem.rpc")


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one subscriber wants: "newHeads", "logs" or "newPendingTransactions"."""

    name: str
    kind: str
    send: Callable[[bytes], None]
    criteria: LogCriteria | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """A block that was told of, with its logs where somebody wanted logs then."""

    number: int
    hash: Hash
    logs: tuple[PlacedLog, ...]


class Publisher:
    """Watches the store."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._subscriptions: dict[str, Subscription] = {}
        self._seen: deque[_Seen] = deque(maxlen=REMEMBERED_BLOCKS)
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._subscriptions)

    def add(self, subscription: Subscription) -> None:
        """Tell this one too."""
        self._subscriptions[subscription.name] = subscription

    def remove(self, name: str) -> bool:
        """Tell it no more. False where there was none."""
        return self._subscriptions.pop(name, None) is not None

    def on_event(self, event: str, body: Any) -> None:
        """An event of the bus."""
        if event in (bus.HEAD, bus.REORG):
            self._wake.set()
        elif event == bus.PENDING:
            self._api.filters.on_pending(body)
            for item in self._of("newPendingTransactions"):
                for digest in body:
                    item.send(_notification(item.name, orjson.dumps("0x" + digest.hex())))

    async def run(self) -> None:
        """Look at every event, and every second."""
        while True:
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                while self.advance():
                    await asyncio.sleep(0)
            except Exception:
                log.exception("the head could not be followed")

    def advance(self) -> bool:
        """Tell what changed since the last look, at most BLOCKS_AT_ONCE blocks of it. Whether there is more."""
        seen = self._seen
        with self._api.store.read() as session:
            head = session.head()
            if seen and seen[-1].hash == head.hash:
                return False
            self._api.submitter.on_head(head)
            removed: list[_Seen] = []
            while seen and (seen[-1].number > head.number or session.block_hash(seen[-1].number) != seen[-1].hash):
                removed.append(seen.pop())
            if not seen and not removed:
                seen.append(_Seen(head.number, head.hash, ()))
                return False
            if removed:
                self._tell_removed(removed)
            first = seen[-1].number + 1 if seen else removed[-1].number
            wants_logs = self._api.filters.has_logs or any(self._of("logs"))
            wants_heads = list(self._of("newHeads"))
            last = min(head.number, first + BLOCKS_AT_ONCE - 1)
            for number in range(first, last + 1):
                header = session.header(number)
                logs: tuple[PlacedLog, ...] = ()
                if wants_logs:
                    logs = tuple(placed(session.block(number), session.receipts(number)))
                seen.append(_Seen(number, header.hash, logs))
                if wants_heads:
                    shown = self._api.bloom(header, lambda number=number: session.receipts(number))  # type: ignore[misc]
                    body = orjson.dumps(header_json(header, shown))
                    for item in wants_heads:
                        item.send(_notification(item.name, body))
                self._tell_logs(logs, removed=False)
            return last < head.number

    def _of(self, kind: str) -> list[Subscription]:
        return [item for item in self._subscriptions.values() if item.kind == kind]

    def _tell_removed(self, removed: list[_Seen]) -> None:
        logs = [item for block in removed for item in reversed(block.logs)]
        self._api.filters.on_reorg(removed[-1].number - 1, logs)
        self._tell_logs(tuple(logs), removed=True)

    def _tell_logs(self, logs: tuple[PlacedLog, ...], removed: bool) -> None:
        if not logs:
            return
        for subscription in self._of("logs"):
            assert subscription.criteria is not None
            for item in logs:
                if item.matches(subscription.criteria):
                    shown: Json = item.json(removed)
                    subscription.send(_notification(subscription.name, orjson.dumps(shown)))


def _notification(name: str, body: bytes) -> bytes:
    return (
        b'{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"'
        + name.encode()
        + b'","result":'
        + body
        + b"}}"
    )
