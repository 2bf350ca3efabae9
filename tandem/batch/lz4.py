"""The LZ4 block format, decoded strictly and totally (protocol.md, section 5); contracts/lib/LZ4.sol is its twin.

Decoding decides what a batch means, so it is written here: libraries differ in the malformed inputs they let pass.
Encoding decides nothing, so it is left to liblz4.
"""

import lz4.block

from tandem.errors import EncodingError

MIN_MATCH = 4
LENGTH_MARK = 15
"""A length nibble of 15 goes on in further bytes, up to and including the first that is not 255."""
MAX_SEQUENCES = 8_192
"""Sequences of a block, the last one included. Bounds what decoding costs on L1 (tests/contracts/test_lz4.py)."""


def compress(data: bytes) -> bytes:
    """`data` as one LZ4 block, at liblz4's highest ratio. `data` is not empty.

    liblz4 does not know MAX_SEQUENCES: what it writes may be more than `decompress` takes.
    """
    compressed: bytes = lz4.block.compress(data, mode="high_compression", compression=12, store_size=False)
    return compressed


def decompress(block: bytes, limit: int) -> bytes:
    """What `block` decodes to. EncodingError where it is malformed, too many sequences, or more than `limit` bytes."""
    out = bytearray()
    at, end = 0, len(block)
    sequences = 0
    while at < end:
        sequences += 1
        if sequences > MAX_SEQUENCES:
            raise EncodingError(f"LZ4: more than {MAX_SEQUENCES} sequences")
        token = block[at]
        at += 1
        length = token >> 4
        if length == LENGTH_MARK:
            extra, at = _long_length(block, at)
            length += extra
        if at + length > end:
            raise EncodingError("LZ4: literals run past the end")
        if len(out) + length > limit:
            raise EncodingError(f"LZ4: more than {limit} bytes come out")
        out += block[at : at + length]
        at += length
        if at == end:
            return bytes(out)
        if at + 2 > end:
            raise EncodingError("LZ4: an offset is cut short")
        offset = block[at] | block[at + 1] << 8
        at += 2
        if not 0 < offset <= len(out):
            raise EncodingError(f"LZ4: offset {offset} with {len(out)} bytes written")
        length = token & LENGTH_MARK
        if length == LENGTH_MARK:
            extra, at = _long_length(block, at)
            length += extra
        length += MIN_MATCH
        if len(out) + length > limit:
            raise EncodingError(f"LZ4: more than {limit} bytes come out")
        _repeat(out, offset, length)
    raise EncodingError("LZ4: the input does not end with literals")


def _long_length(block: bytes, at: int) -> tuple[int, int]:
    """The rest of a length from `at` on, and where it ends."""
    length = 0
    while True:
        if at >= len(block):
            raise EncodingError("LZ4: a length is cut short")
        byte = block[at]
        at += 1
        length += byte
        if byte != 255:
            return length, at


def _repeat(out: bytearray, offset: int, length: int) -> None:
    """Append `length` bytes that stand `offset` bytes back; they may overlap what is being written."""
    start = len(out) - offset
    if offset >= length:
        out += out[start : start + length]
        return
    pattern = bytes(out[start:])
    out += (pattern * (length // offset + 1))[:length]
