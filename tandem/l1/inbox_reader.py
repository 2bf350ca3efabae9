"""Reads the inbox's two queues from L1's events and calldata, and notices re-orgs."""

from typing import Any

from web3.exceptions import BlockNotFound

from tandem.errors import TandemError
from tandem.inbox.queues import BatchEntry, DataLocation, L1Context, Message, QueuedBatch, QueuedMessage
from tandem.l1.contracts import L1
from tandem.node.follower import BatchSeen, InboxUpdate
from tandem.primitives.types import Address, Gas, Hash, Seconds, Wei
from tandem.store import MessageRecord, ReadSession
from tandem.store.records import L1Place
from tandem.store.session import L1_CURSOR, L1_CURSOR_HASH

MAX_RANGE = 2_000
"""L1 blocks per request for logs: what public endpoints commonly allow."""


class L1Moved(TandemError):
    """L1 re-organised while it was being read: read again."""


class InboxReader:
    """Makes InboxUpdates for a store. `confirmations`: how many L1 blocks behind its head to stay."""

    def __init__(self, l1: L1, confirmations: int = 0) -> None:
        self._l1 = l1
        self._confirmations = confirmations

    def poll(self, session: ReadSession) -> InboxUpdate | None:
        """The news since the session's cursor, or None. L1Moved where L1 changed meanwhile."""
        eth = self._l1.web3.eth
        tip = eth.get_block("latest")
        target = tip["number"] - self._confirmations
        cursor, messages, batches = self._common_point(session)
        is_reorg = messages < session.message_count() or batches < session.batch_count()
        if target <= cursor and not is_reorg:
            return None
        end = max(cursor, min(target, cursor + MAX_RANGE))
        end_block = tip if end == tip["number"] else eth.get_block(end)
        events = self._events(cursor + 1, end) if end > cursor else []
        if eth.get_block(end)["hash"] != end_block["hash"]:
            raise L1Moved(f"L1 block {end} changed while it was read")
        finalized = min(eth.get_block("finalized")["number"], end)
        cursor_hash, cursor_time = Hash(bytes(end_block["hash"])), Seconds(end_block["timestamp"])
        return InboxUpdate(messages, batches, events, end, cursor_hash, cursor_time, finalized)

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

    def _events(self, start: int, end: int) -> list[MessageRecord | BatchSeen]:
        inbox = self._l1.inbox
        logs = self._l1.web3.eth.get_logs({"address": inbox.address, "fromBlock": start, "toBlock": end})
        message_topic = inbox.events.MessageSent().topic
        batch_topic = inbox.events.BatchAppended().topic
        found: list[MessageRecord | BatchSeen] = []
        for log in sorted(logs, key=lambda entry: (entry["blockNumber"], entry["logIndex"])):
            topic = log["topics"][0].to_0x_hex()
            if topic == message_topic:
                found.append(_message(inbox.events.MessageSent().process_log(log)))
            elif topic == batch_topic:
                found.append(self._batch(inbox.events.BatchAppended().process_log(log)))
        return found

    def _batch(self, event: Any) -> BatchSeen:
        args = event["args"]
        entry = BatchEntry(
            DataLocation(args["location"]), Hash(args["dataHash"]), args["messagesConsumed"], _context(args["context"])
        )
        data = b""
        if entry.location == DataLocation.CALLDATA:
            transaction = self._l1.web3.eth.get_transaction(event["transactionHash"])
            _, call = self._l1.inbox.decode_function_input(transaction["input"])
            data = bytes(call["data"])
        elif entry.location == DataLocation.BLOB:
            raise TandemError("a batch in a blob: this node reads calldata only")
        return BatchSeen(QueuedBatch(args["index"], entry, data, Hash(args["acc"])), _place(event))


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
