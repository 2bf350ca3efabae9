"""Logs in their places, and the scan of blocks for those that match."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sequencer.rpc.bloom import may_match
from sequencer.rpc.encode import Json, log_json
from sequencer.rpc.params import LogCriteria
from tandem.chain.header import Header
from tandem.evm.receipt import Log, Receipt
from tandem.primitives.types import Hash
from tandem.store import BlockRecord, ReadSession

if TYPE_CHECKING:
    from sequencer.rpc.api import Api


def matches(log: Log, criteria: LogCriteria) -> bool:
    """Whether the log's address and topics are among those wanted."""
    if criteria.addresses and log.address not in criteria.addresses:
        return False
    if len(criteria.topics) > len(log.topics):
        return False
    return all(wanted is None or topic in wanted for wanted, topic in zip(criteria.topics, log.topics, strict=False))


@dataclass(frozen=True, slots=True)
class PlacedLog:
    """A log with its place in the chain."""

    log: Log
    header: Header
    transaction_hash: Hash
    transaction_index: int
    log_index: int

    def matches(self, criteria: LogCriteria) -> bool:
        """Whether it is wanted."""
        return matches(self.log, criteria)

    def json(self, removed: bool = False) -> Json:
        """Its JSON."""
        return log_json(self.log, self.header, self.transaction_hash, self.transaction_index, self.log_index, removed)


def placed(block: BlockRecord, receipts: Sequence[Receipt]) -> Iterator[PlacedLog]:
    """All logs of a block, in order."""
    log_index = 0
    for index, receipt in enumerate(receipts):
        for log in receipt.logs:
            yield PlacedLog(log, block.header, block.transactions[index].hash, index, log_index)
            log_index += 1


def scan(
    api: "Api", session: ReadSession, criteria: LogCriteria, first: int, last: int, most: int
) -> Iterator[PlacedLog]:
    """The matching logs of blocks first .. last. Ends one past `most`: too many can then be told from just enough."""
    found = 0
    for number in range(first, last + 1):
        header = session.header(number)
        known = api.known_bloom(header)
        if known is not None and not may_match(known, criteria):
            continue
        receipts = session.receipts(number)
        if not may_match(api.bloom(header, lambda receipts=receipts: receipts), criteria):  # type: ignore[misc]
            continue
        if not any(matches(log, criteria) for receipt in receipts for log in receipt.logs):
            continue
        for item in placed(session.block(number), receipts):
            if item.matches(criteria):
                yield item
                found += 1
                if found > most:
                    return
