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
"""Transactions of a batch, and its blocks, each of which counts as BLOCK_ITEMS."""
BLOCK_ITEMS = 2
"""A block is two states of a level-0 trace, its beginning and its end."""


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
    """The batch of these blocks: compressed where that is shorter and `decode_batch` takes it.

    The caps are the caller's: at most MAX_ITEMS in `blocks`, and a batch longer than MAX_BATCH_BYTES is not for L1.
    Such a one may also be beyond MAX_DECODED_BYTES; one that L1 takes never is.
    """
    plain = rlp.encode(
        [
            [rlp.encode_int(block.time_delta), rlp.encode_int(block.messages), list(block.transactions)]
            for block in blocks
        ]
    )
    compressed = lz4.compress(plain)
    if len(compressed) < len(plain) and _decompresses(compressed, plain):
        return bytes([VERSION, LZ4]) + compressed
    return bytes([VERSION, PLAIN]) + plain


def _decompresses(compressed: bytes, plain: bytes) -> bool:
    """Whether our decoder, which decides, agrees with liblz4: it may find too many sequences, or too many bytes."""
    try:
        return lz4.decompress(compressed, MAX_DECODED_BYTES) == plain
    except EncodingError:
        return False


def decompress(data: bytes) -> bytes:
    """The RLP in a batch's container. EncodingError where the container breaks a rule."""
    if len(data) < 2 or data[0] != VERSION or data[1] not in (PLAIN, LZ4):
        raise EncodingError("batch: no known version and codec in front")
    body = data[2:]
    if data[1] == LZ4:
        body = lz4.decompress(body, MAX_DECODED_BYTES)
    elif len(body) > MAX_DECODED_BYTES:
        raise EncodingError(f"batch: more than {MAX_DECODED_BYTES} bytes")
    return body


def decode_batch(data: bytes) -> list[PackedBlock]:
    """The blocks of a batch. EncodingError where its structure breaks a rule: then it has none."""
    entries = rlp.decode(decompress(data))
    if not isinstance(entries, list):
        raise EncodingError("batch: a list of blocks is expected")
    blocks = [_block(entry) for entry in entries]
    items = sum(BLOCK_ITEMS + len(block.transactions) for block in blocks)
    if items > MAX_ITEMS:
        raise EncodingError(f"batch: {items} items (a block counts as {BLOCK_ITEMS}), at most {MAX_ITEMS} are allowed")
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
