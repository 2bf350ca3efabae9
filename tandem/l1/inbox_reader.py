"""Reads the inbox's two queues from L1's events and calldata, and notices re-orgs."""

from typing import Any

from web3.exceptions import BlockNotFound, Web3RPCError

from tandem.inbox.queues import BatchEntry, DataLocation, L1Context, Message, QueuedBatch, QueuedMessage
from tandem.l1.contracts import L1
from tandem.l1.log_feed import MAX_RANGE, L1Moved
from tandem.node.follower import BatchSeen, InboxUpdate
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Gas, Hash, Seconds, Wei
from tandem.store import MessageRecord, ReadSession
from tandem.store.records import L1Place
from tandem.store.session import L1_CURSOR, L1_CURSOR_HASH

DATA_AT = 4 + 3 * 32
"""Where the batch begins in `submitBatch`'s calldata: selector, offset, messagesConsumed, length."""


class InboxReader:
    """Makes InboxUpdates for a store. `confirmations`: how many L1 blocks behind its head to stay."""

    def __init__(self, l1: L1, confirmations: int = 0) -> None:
        self._l1 = l1
        self._confirmations = confirmations
        self._range = MAX_RANGE

    def poll(self, session: ReadSession) -> InboxUpdate | None:
        """The news since the session's cursor, or None. L1Moved where L1 changed meanwhile."""
        eth = self._l1.web3.eth
        tip = eth.get_block("latest")
        target = tip["number"] - self._confirmations
        cursor, messages, batches = self._common_point(session)
        is_reorg = messages < session.message_count() or batches < session.batch_count()
        if target <= cursor and not is_reorg:
            return None
        end = max(cursor, min(target, cursor + self._range))
        end_block = tip if end == tip["number"] else eth.get_block(end)
        events = self._events(cursor + 1, end, messages, batches) if end > cursor else []
        self._check_still(session, end, Hash(bytes(end_block["hash"])), cursor < session.mark(L1_CURSOR))
        finalized = min(eth.get_block("finalized")["number"], end)
        cursor_hash, cursor_time = Hash(bytes(end_block["hash"])), Seconds(end_block["timestamp"])
        return InboxUpdate(messages, batches, events, end, cursor_hash, cursor_time, finalized)

    def _check_still(self, session: ReadSession, end: int, end_hash: Hash, has_moved: bool) -> None:
        """L1Moved unless L1's chain is still the one that was read. `has_moved`: the store's cursor was found not to be
        on it before, whether or not an entry of the inbox was lost with it."""
        known = session.mark_hash(L1_CURSOR_HASH)
        if not self._has(end, end_hash):
            raise L1Moved(f"L1 block {end} changed while it was read")
        if known is not None and not has_moved and not self._has(session.mark(L1_CURSOR), known):
            raise L1Moved("L1 re-organised while it was read")

    def _common_point(self, session: ReadSession) -> tuple[int, int, int]:
        """(L1 block, messages, batches) up to which the store agrees with L1."""
        cursor = session.mark(L1_CURSOR)
        messages, batches = session.message_count(), session.batch_count()
        known = session.mark_hash(L1_CURSOR_HASH)
        if known is None or self._has(cursor, known):
            return cursor, messages, batches
        start = self._l1.addresses.start_block - 1
        while messages and not self._holds(session.message(messages - 1).place):
            messages -= 1
        while batches and not self._holds(session.batch(batches - 1).place):
            batches -= 1
        places = [start]
        if messages:
            places.append(session.message(messages - 1).place.block)
        if batches:
            places.append(session.batch(batches - 1).place.block)
        return max(places), messages, batches

    def _holds(self, place: L1Place) -> bool:
        return self._has(place.block, place.block_hash)

    def _has(self, number: int, block_hash: Hash) -> bool:
        """Whether L1's chain has this block now."""
        try:
            return bytes(self._l1.web3.eth.get_block(number)["hash"]) == block_hash
        except BlockNotFound:
            return False

    def _events(self, start: int, end: int, messages: int, batches: int) -> list[MessageRecord | BatchSeen]:
        """What the inbox queued in L1 blocks start..end beyond the first `messages` and `batches`."""
        inbox = self._l1.inbox
        try:
            logs = self._l1.web3.eth.get_logs({"address": inbox.address, "fromBlock": start, "toBlock": end})
        except Web3RPCError:
            self._range = max(1, self._range // 2)  # endpoints bound the number of results
            raise
        self._range = min(MAX_RANGE, self._range * 2)
        message_topic = inbox.events.MessageSent().topic
        batch_topic = inbox.events.BatchAppended().topic
        found: list[MessageRecord | BatchSeen] = []
        for log in sorted(logs, key=lambda entry: (entry["blockNumber"], entry["logIndex"])):
            topic = log["topics"][0].to_0x_hex()
            if topic == message_topic:
                event = inbox.events.MessageSent().process_log(log)
                if event["args"]["index"] >= messages:
                    found.append(_message(event))
            elif topic == batch_topic:
                event = inbox.events.BatchAppended().process_log(log)
                if event["args"]["index"] >= batches:
                    found.append(self._batch(event))
        return found

    def _batch(self, event: Any) -> BatchSeen:
        args = event["args"]
        entry = BatchEntry(
            DataLocation(args["location"]), Hash(args["dataHash"]), args["messagesConsumed"], _context(args["context"])
        )
        data = b""
        if entry.location == DataLocation.CALLDATA:
            transaction = self._l1.web3.eth.get_transaction(event["transactionHash"])
            data = batch_data(bytes(transaction["input"]))
            if keccak(data) != entry.data_hash:
                raise L1Moved(f"the calldata of L1 transaction {event['transactionHash'].hex()} is not the batch's")
        return BatchSeen(QueuedBatch(args["index"], entry, data, Hash(args["acc"])), _place(event))


def batch_data(call: bytes) -> bytes:
    """The batch in the calldata of `submitBatch`. The inbox takes it at one place only, but minds neither the padding
    behind it nor its absence, so a strict ABI decoder would stop at what L1 let pass."""
    length = int.from_bytes(call[DATA_AT - 32 : DATA_AT], "big")
    return call[DATA_AT : DATA_AT + length]


def _message(event: Any) -> MessageRecord:
    args = event["args"]
    message = Message(
        sender=Address(bytes.fromhex(args["sender"][2:])),
        to=None if args["isCreation"] else Address(bytes.fromhex(args["to"][2:])),
        mint=Wei(args["mint"]),
        value=Wei(args["value"]),
        gas_limit=Gas(args["gasLimit"]),
        data=bytes(args["data"]),
        context=_context(args["context"]),
    )
    return MessageRecord(QueuedMessage(args["index"], message, Hash(args["acc"])), _place(event))


def _context(value: Any) -> L1Context:
    return L1Context(value["number"], Hash(value["hash"]), Seconds(value["timestamp"]), Wei(value["baseFee"]))


def _place(event: Any) -> L1Place:
    return L1Place(event["blockNumber"], Hash(bytes(event["blockHash"])), Hash(bytes(event["transactionHash"])))
