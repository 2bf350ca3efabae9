"""Filters of eth_newFilter and its kin: cursors into the chain that a client moves by asking. Pure but for the clock,
which is passed in."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from sequencer.rpc.config import Limits
from sequencer.rpc.encode import Json
from sequencer.rpc.errors import LIMIT_EXCEEDED, SERVER_ERROR, RpcError
from sequencer.rpc.params import LogFilter
from tandem.primitives.types import Hash

MAX_PENDING = 65_536
"""Hashes that a filter for pending transactions holds; the oldest go first."""


@dataclass(slots=True)
class Filter:
    """One filter. `logs` None: for blocks, or for pending transactions."""

    next_block: int
    """The first block not yet reported."""
    asked: float
    """When it was last asked for, seconds."""
    logs: LogFilter | None = None
    pending: bool = False
    hashes: list[str] = field(default_factory=list)
    removed: list[Json] = field(default_factory=list)
    """Logs reported of blocks that a re-org took away."""


class Filters:
    """All filters, the one asked for longest ago first."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._filters: OrderedDict[str, Filter] = OrderedDict()

    def __len__(self) -> int:
        return len(self._filters)

    @property
    def has_logs(self) -> bool:
        """Whether any is for logs."""
        return any(item.logs is not None for item in self._filters.values())

    def add(self, item: Filter) -> str:
        """The new filter's id. RpcError where there are too many."""
        self.expire(item.asked)
        if len(self._filters) >= self._limits.filters:
            raise RpcError(LIMIT_EXCEEDED, f"there are {self._limits.filters} filters already; uninstall some")
        name = hex(secrets.randbits(128))  # a quantity: no leading zeros
        self._filters[name] = item
        return name

    def get(self, name: Any, now: float) -> Filter:
        """The filter, which lives on from now. RpcError where there is none."""
        self.expire(now)
        item = self._filters.get(name) if isinstance(name, str) else None
        if item is None:
            raise RpcError(SERVER_ERROR, "filter not found")
        item.asked = now
        self._filters.move_to_end(name)
        return item

    def remove(self, name: Any) -> bool:
        """Forget a filter. False where there was none."""
        return isinstance(name, str) and self._filters.pop(name, None) is not None

    def expire(self, now: float) -> None:
        """Forget the filters that nobody has asked for."""
        while self._filters:
            name, item = next(iter(self._filters.items()))
            if now - item.asked <= self._limits.filter_seconds:
                return
            del self._filters[name]

    def on_pending(self, hashes: list[Hash]) -> None:
        """Transactions came to wait."""
        for item in self._filters.values():
            if item.pending:
                item.hashes += ["0x" + digest.hex() for digest in hashes]
                del item.hashes[:-MAX_PENDING]

    def on_reorg(self, kept: int, removed: list[Any]) -> None:
        """Blocks above `kept` are gone; `removed` are their logs (sequencer.rpc.logs.PlacedLog), newest first."""
        for item in self._filters.values():
            if item.next_block <= kept + 1:
                continue
            if item.logs is not None:
                criteria = item.logs.criteria
                item.removed += [
                    placed.json(removed=True)
                    for placed in removed
                    if placed.header.number < item.next_block and placed.matches(criteria)
                ]
            item.next_block = kept + 1
