"""The logs of some contracts since the chain's deployment, in L1's order, through re-orgs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_typing import ChecksumAddress
from web3 import Web3
from web3.exceptions import BlockNotFound, Web3RPCError

from tandem.errors import TandemError
from tandem.primitives.types import Hash

MAX_RANGE = 2_000
"""Blocks per request for logs: what public endpoints commonly allow."""
MARKS = 256
"""Blocks remembered to find the last one that a re-org left: polls of minutes; behind them, all is read again."""


class L1Moved(TandemError):
    """L1 re-organised while it was being read: read again."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A block up to which L1 was read."""

    number: int
    hash: Hash
    time: int
    logs: int
    """Logs up to and including it, since the deployment."""


@dataclass(frozen=True, slots=True)
class TimedLog:
    """A log, and when its block was made, L1 seconds."""

    log: Any
    time: int


@dataclass(frozen=True, slots=True)
class LogNews:
    """What a poll found."""

    kept: int
    """Of the logs given before, how many still stand: less than all after a re-org."""
    logs: tuple[TimedLog, ...]
    """Behind these."""
    mark: Mark
    """How far L1 is read now."""
    is_all: bool
    """Whether that is as far as L1 goes."""


class LogFeed:
    """Reads on from where it stopped. Keeps only marks: whoever polls keeps what he makes of the logs."""

    def __init__(self, web3: Web3, addresses: Sequence[ChecksumAddress], start_block: int, confirmations: int) -> None:
        """`confirmations`: how many L1 blocks behind its head to stay."""
        self._web3 = web3
        self._addresses = list(addresses)
        self._origin = Mark(start_block - 1, Hash(bytes(32)), 0, 0)
        self._confirmations = confirmations
        self._range = MAX_RANGE
        self._marks: list[Mark] = []

    def forget(self) -> None:
        """Have all read again: what was read contradicts L1, or itself."""
        self._marks.clear()

    def time_at(self, number: int) -> int:
        """Of the newest block up to that number that was marked and stood at the last poll; 0 where none was."""
        return next((mark.time for mark in reversed(self._marks) if mark.number <= number), 0)

    def poll(self) -> LogNews | None:
        """The news, or None. L1Moved where L1 changes meanwhile: poll again."""
        known = len(self._marks)
        while self._marks and not self._stands(self._marks[-1]):
            self._marks.pop()
        last = self._marks[-1] if self._marks else self._origin
        head = self._web3.eth.block_number - self._confirmations
        end = min(head, last.number + self._range)
        if end <= last.number:
            return LogNews(last.logs, (), last, True) if len(self._marks) < known else None
        block = self._web3.eth.get_block(end)
        logs = self._read(last.number + 1, end)
        mark = Mark(end, Hash(bytes(block["hash"])), block["timestamp"], last.logs + len(logs))
        if not self._stands(mark) or (self._marks and not self._stands(last)):
            raise L1Moved(f"L1 re-organised while it was read up to block {end}")
        self._marks = [*self._marks, mark][-MARKS:]
        return LogNews(last.logs, logs, mark, end == head)

    def _stands(self, mark: Mark) -> bool:
        """Whether L1's chain has this block now."""
        try:
            return bytes(self._web3.eth.get_block(mark.number)["hash"]) == mark.hash
        except BlockNotFound:
            return False

    def _read(self, start: int, end: int) -> tuple[TimedLog, ...]:
        try:
            logs = self._web3.eth.get_logs({"address": self._addresses, "fromBlock": start, "toBlock": end})
        except Web3RPCError:
            self._range = max(1, self._range // 2)  # endpoints bound the number of results
            raise
        self._range = min(MAX_RANGE, self._range * 2)
        ordered = sorted(logs, key=lambda log: (log["blockNumber"], log["logIndex"]))
        times = {block_hash: self._time(block_hash) for block_hash in {log["blockHash"] for log in ordered}}
        return tuple(TimedLog(log, times[log["blockHash"]]) for log in ordered)

    def _time(self, block_hash: Any) -> int:
        try:
            return int(self._web3.eth.get_block(block_hash)["timestamp"])
        except BlockNotFound as error:
            raise L1Moved("L1 re-organised while logs were read") from error
