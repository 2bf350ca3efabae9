"""Follows ChannelManager and AppRegistry on a chain: a ledger as of the newest block, and one as of what stays."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from web3 import Web3
from web3.contract import Contract
from web3.exceptions import BlockNotFound, Web3Exception

from tandem.channels.ledger import (
    ChannelClosing,
    ChannelOpened,
    ChannelSettled,
    Deposited,
    Event,
    LaneShown,
    Ledger,
    SecretRevealed,
    SessionResolved,
    StatePut,
    Withdrawn,
)
from tandem.channels.states import ChannelKey, Lane, decode_locks
from tandem.errors import EncodingError
from tandem.l1.contracts import NONSENSE, abi, checksum
from tandem.l1.log_feed import L1Moved, LogFeed, LogNews, TimedLog
from tandem.primitives.types import Address, Hash, Seconds


@dataclass(frozen=True, slots=True)
class _Known:
    event: Event | None
    block: int


class ChannelReader:
    """`latest` and `certain`, with the times of the blocks they stand at. For one thread at a time."""

    def __init__(
        self,
        web3: Web3,
        manager: Address,
        start_block: int,
        confirmations: int,
        registry: Address | None = None,
        *,
        asks_for_final: bool = False,
    ) -> None:
        """`confirmations`: how many blocks behind the head nothing changes any more; `registry`: AppRegistry.

        `asks_for_final`: nor behind the chain's `finalized` block, however near the head: an idle L2 makes no blocks.
        """
        self._web3 = web3
        followed = {"ChannelManager": manager} | ({} if registry is None else {"AppRegistry": registry})
        contracts = [web3.eth.contract(address=checksum(at), abi=abi(name)) for name, at in followed.items()]
        self._feed = LogFeed(web3, [contract.address for contract in contracts], start_block, confirmations=0)
        kinds = [contract.events[name]() for contract in contracts for name in _DECODERS if _has(contract, name)]
        self._kinds = {kind.topic: kind for kind in kinds}
        self._confirmations = confirmations
        self._asks_for_final = asks_for_final
        self._known: list[_Known] = []
        self._certain_count = 0
        self.latest = Ledger()
        self.certain = Ledger()
        self.block = start_block - 1
        self.time = Seconds(0)
        self.certain_time = Seconds(0)

    def poll(self) -> tuple[set[Hash], bool]:
        """Read on: the channels that have changed in either ledger, and whether that is all there is now. L1Moved."""
        news = self._feed.poll()
        if news is None:
            return self._ripen(), True
        try:
            changed = self._take(news)
        except (*NONSENSE, Web3Exception) as missing:
            self._feed.forget()
            self._reset(0)
            raise L1Moved(f"logs were incomplete: {missing}") from missing
        self.block, self.time = news.mark.number, Seconds(news.mark.time)
        return changed | self._ripen(), news.is_all

    def _take(self, news: LogNews) -> set[Hash]:
        changed: set[Hash] = set()
        if news.kept < len(self._known):
            changed |= set(self.latest.channels)
            self._reset(news.kept)
        for item in news.logs:
            known = _Known(self._decode(item), item.log["blockNumber"])
            self._known.append(known)
            changed |= _apply(self.latest, known)
        return changed

    def _reset(self, kept: int) -> None:
        """After a re-org: only the first events stand. Whoever looks meanwhile sees the ledger of before, whole."""
        del self._known[kept:]
        latest = Ledger()
        for known in self._known:
            _apply(latest, known)
        self.latest = latest
        if kept < self._certain_count:
            self.certain, self._certain_count = Ledger(), 0

    def _ripen(self) -> set[Hash]:
        """What is certain now."""
        if self._certain_count == len(self._known) and self.certain_time == self.time:
            return set()
        changed: set[Hash] = set()
        end = max(self.block - self._confirmations, self._final())
        while self._certain_count < len(self._known) and self._known[self._certain_count].block <= end:
            changed |= _apply(self.certain, self._known[self._certain_count])
            self._certain_count += 1
        self.certain_time = Seconds(self._feed.time_at(end))
        return changed

    def _final(self) -> int:
        """Of what was read."""
        if not self._asks_for_final:
            return 0
        try:
            return min(self.block, self._web3.eth.get_block("finalized")["number"])
        except BlockNotFound:
            return 0

    def _decode(self, item: TimedLog) -> Event | None:
        kind = self._kinds.get(item.log["topics"][0].to_0x_hex())
        if kind is None:
            return None
        log = kind.process_log(item.log)
        try:
            return _DECODERS[log["event"]](log["args"], Seconds(item.time))
        except EncodingError:
            return None  # a lane of strangers, with a lock of a kind that there is not: we sign none


def _apply(ledger: Ledger, known: _Known) -> set[Hash]:
    channel = None if known.event is None else ledger.apply(known.event)
    return set() if channel is None else {channel}


def _has(contract: Contract, name: str) -> bool:
    return any(entry["type"] == "event" and entry["name"] == name for entry in contract.abi)


def _opened(args: Any, time: Seconds) -> Event:
    parties = (_address(args["party0"]), _address(args["party1"]))
    return ChannelOpened(ChannelKey(*parties, _address(args["token"]), Seconds(args["window"]), Hash(args["salt"])))


def _shown(args: Any, time: Seconds) -> Event:
    lane = Lane(args["nonce"], args["transferred"], decode_locks(args["locks"]))
    return LaneShown(Hash(args["id"]), args["side"], lane)


def _address(value: str) -> Address:
    return Address(bytes.fromhex(value[2:]))


_DECODERS: dict[str, Callable[[Any, Seconds], Event]] = {
    "ChannelOpened": _opened,
    "Deposited": lambda args, time: Deposited(Hash(args["id"]), args["side"], args["total"]),
    "Withdrawn": lambda args, time: Withdrawn(Hash(args["id"]), args["side"], args["total"]),
    "ChannelClosing": lambda args, time: ChannelClosing(
        Hash(args["id"]), _address(args["by"]), Seconds(args["settleAt"])
    ),
    "LaneShown": _shown,
    "ChannelSettled": lambda args, time: ChannelSettled(Hash(args["id"]), (args["pay0"], args["pay1"]), time),
    "SecretRevealed": lambda args, time: SecretRevealed(bytes(args["secret"]), Hash(args["secretHash"]), time),
    "StatePut": lambda args, time: StatePut(
        Hash(args["sessionId"]), args["turn"], bytes(args["state"]), Seconds(args["deadline"])
    ),
    "SessionResolved": lambda args, time: SessionResolved(Hash(args["sessionId"]), (args["payout0"], args["payout1"])),
}
