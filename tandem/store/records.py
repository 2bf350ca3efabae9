"""What the store keeps besides the state, and how it is encoded (msgpack of plain tuples)."""

from dataclasses import dataclass
from typing import Any

import msgpack

from tandem.chain.header import Header
from tandem.evm.receipt import Log, Receipt
from tandem.inbox.queues import BatchEntry, DataLocation, L1Context, Message, QueuedBatch, QueuedMessage
from tandem.primitives.types import Address, Gas, Hash, Seconds, Wei
from tandem.rollup.assertions import Commitment
from tandem.transactions.codec import decode_stored
from tandem.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """A block without its receipts, and the money there is at its end."""

    header: Header
    transactions: tuple[Transaction, ...]
    supply: Wei
    """Sum of all balances after the block."""
    burnt: Wei
    """Wei destroyed by SELFDESTRUCT from genesis to here."""


@dataclass(frozen=True, slots=True)
class L1Place:
    """Where on L1 something happened."""

    block: int
    block_hash: Hash
    transaction: Hash


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message and where it was queued."""

    queued: QueuedMessage
    place: L1Place


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A batch, where it was queued, and the last L2 block that follows from it."""

    queued: QueuedBatch
    place: L1Place
    last_block: int


def encode_body(transactions: tuple[Transaction, ...]) -> bytes:
    """A block's transactions."""
    return _pack([(item.raw, item.sender) for item in transactions])


def decode_body(data: bytes) -> tuple[Transaction, ...]:
    """The inverse of `encode_body`."""
    return tuple(decode_stored(raw, Address(sender)) for raw, sender in msgpack.unpackb(data))


def encode_money(supply: int, burnt: int) -> bytes:
    """The money there is after a block."""
    return _pack((_word(supply), _word(burnt)))


def decode_money(data: bytes) -> tuple[Wei, Wei]:
    """(supply, burnt), wei."""
    supply, burnt = msgpack.unpackb(data)
    return Wei(_number(supply)), Wei(_number(burnt))


def encode_receipts(receipts: tuple[Receipt, ...]) -> bytes:
    """A block's receipts, without the output of their calls."""
    return _pack(
        [
            (
                receipt.status,
                receipt.gas_used,
                [(log.address, log.topics, log.data) for log in receipt.logs],
                receipt.contract_address,
                receipt.error,
                _word(receipt.effective_gas_price),
            )
            for receipt in receipts
        ]
    )


def decode_receipts(data: bytes) -> tuple[Receipt, ...]:
    """The inverse of `encode_receipts`."""
    return tuple(
        Receipt(
            status=status,
            gas_used=Gas(gas_used),
            logs=tuple(Log(Address(address), tuple(map(Hash, topics)), content) for address, topics, content in logs),
            contract_address=contract,
            error=error,
            effective_gas_price=Wei(_number(price)),
        )
        for status, gas_used, logs, contract, error, price in msgpack.unpackb(data)
    )


def encode_message(record: MessageRecord) -> bytes:
    """A message with its place."""
    queued, message = record.queued, record.queued.message
    fields = (
        message.sender,
        message.to,
        _word(message.mint),
        _word(message.value),
        message.gas_limit,
        message.data,
        _context(message.context),
    )
    return _pack((queued.index, fields, queued.accumulator, _place(record.place)))


def decode_message(data: bytes) -> MessageRecord:
    """The inverse of `encode_message`."""
    index, fields, accumulator, place = msgpack.unpackb(data)
    sender, to, mint, value, gas_limit, call_data, context = fields
    message = Message(
        Address(sender),
        Address(to) if to is not None else None,
        Wei(_number(mint)),
        Wei(_number(value)),
        Gas(gas_limit),
        call_data,
        _read_context(context),
    )
    return MessageRecord(QueuedMessage(index, message, Hash(accumulator)), L1Place(*place))


def encode_batch(record: BatchRecord) -> bytes:
    """A batch with its place and its end."""
    queued, entry = record.queued, record.queued.entry
    fields = (int(entry.location), entry.data_hash, entry.messages_consumed, _context(entry.context))
    return _pack((queued.index, fields, queued.data, queued.accumulator, _place(record.place), record.last_block))


def decode_batch(data: bytes) -> BatchRecord:
    """The inverse of `encode_batch`."""
    index, fields, payload, accumulator, place, last_block = msgpack.unpackb(data)
    location, data_hash, consumed, context = fields
    entry = BatchEntry(DataLocation(location), Hash(data_hash), consumed, _read_context(context))
    return BatchRecord(QueuedBatch(index, entry, payload, Hash(accumulator)), L1Place(*place), last_block)


def encode_commitment(commitment: Commitment) -> bytes:
    """A commitment to a trace."""
    return _pack((commitment.root, commitment.end_proof))


def decode_commitment(data: bytes) -> Commitment:
    """The inverse of `encode_commitment`."""
    root, end_proof = msgpack.unpackb(data)
    return Commitment(Hash(root), tuple(map(Hash, end_proof)))


def _context(context: L1Context) -> tuple[int, bytes, int, bytes]:
    return context.number, context.hash, context.timestamp, _word(context.base_fee)


def _read_context(fields: Any) -> L1Context:
    number, digest, timestamp, base_fee = fields
    return L1Context(number, Hash(digest), Seconds(timestamp), Wei(_number(base_fee)))


def _place(place: L1Place) -> tuple[int, bytes, bytes]:
    return place.block, place.block_hash, place.transaction


def _pack(value: object) -> bytes:
    packed: bytes = msgpack.packb(value)
    return packed


def _word(value: int) -> bytes:
    """Amounts may exceed msgpack's 64 bits."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
