"""The batch container and its list of blocks (protocol.md, section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

from tandem.batch import lz4
from tandem.errors import EncodingError
from tandem.primitives import rlp

VERSION = 0
PLAIN, LZ4 = 0, 1
MAX_BATCH_BYTES = 98_304
"""Bytes of a batch on L1; the inbox refuses more."""
MAX_DECODED_BYTES = 262_144
"""Bytes after decompression: judged on L1 within 10M gas."""
MAX_ITEMS = 8_192
"""Blocks and transactions of a batch."""


@dataclass(frozen=True, slots=True)
class PackedBlock:
    """A block as a batch carries it."""

    time_delta: int
    """Seconds after the block before."""
    messages: int
    """How many messages to consume first."""
    transactions: tuple[bytes, ...]
    """Packed transactions, or any other bytes, which are skipped."""


def encode_batch(blocks: Sequence[PackedBlock]) -> bytes:
    """The batch of these blocks: compressed where that is shorter."""
    plain = rlp.encode(
        [
            [rlp.encode_int(block.time_delta), rlp.encode_int(block.messages), list(block.transactions)]
            for block in blocks
        ]
    )
    compressed = lz4.compress(plain)
    if len(compressed) < len(plain):
        return bytes([VERSION, LZ4]) + compressed
    return bytes([VERSION, PLAIN]) + plain


def decode_batch(data: bytes) -> list[PackedBlock]:
    """The blocks of a batch. EncodingError where its structure breaks a rule: then it has none."""
    if len(data) < 2 or data[0] != VERSION or data[1] not in (PLAIN, LZ4):
        raise EncodingError("batch: no known version and codec in front")
    body = data[2:]
    if data[1] == LZ4:
        body = lz4.decompress(body, MAX_DECODED_BYTES)
    elif len(body) > MAX_DECODED_BYTES:
        raise EncodingError(f"batch: more than {MAX_DECODED_BYTES} bytes")
    entries = rlp.decode(body)
    if not isinstance(entries, list):
        raise EncodingError("batch: a list of blocks is expected")
    blocks = [_block(entry) for entry in entries]
    items = len(blocks) + sum(len(block.transactions) for block in blocks)
    if items > MAX_ITEMS:
        raise EncodingError(f"batch: {items} blocks and transactions, at most {MAX_ITEMS} are allowed")
    return blocks


def _block(entry: rlp.Decoded) -> PackedBlock:
    if not isinstance(entry, list) or len(entry) != 3:
        raise EncodingError("batch: a block is [timeDelta, messages, transactions]")
    time_delta, messages, transactions = entry
    if not isinstance(transactions, list):
        raise EncodingError("batch: a block's transactions are a list")
    packed = []
    for transaction in transactions:
        if not isinstance(transaction, bytes):
            raise EncodingError("batch: a transaction is a byte string")
        packed.append(transaction)
    return PackedBlock(rlp.decode_int(time_delta, 8), rlp.decode_int(messages, 8), tuple(packed))
