"""RLP (Ethereum yellow paper, appendix B), strict: every value has exactly one encoding, and only that is read.

An item is bytes or a list of items. Derivation rests on this strictness, so it is written here rather than borrowed.
"""

from collections.abc import Sequence
from typing import TypeAlias

from tandem.errors import EncodingError

Item: TypeAlias = "bytes | Sequence[Item]"
Decoded: TypeAlias = "bytes | list[Decoded]"

MAX_DEPTH = 16
"""Deepest nesting read: transactions need 4; a bound keeps hostile bytes from exhausting the stack."""


def encode(item: Item) -> bytes:
    """The RLP of bytes, or of a sequence of items."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _header(0x80, len(item)) + item
    body = b"".join([encode(entry) for entry in item])
    return _header(0xC0, len(body)) + body


def encode_int(value: int) -> bytes:
    """An integer as the byte string RLP uses for it: big-endian without leading zeros, zero as no bytes."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def decode(data: bytes) -> Decoded:
    """The one item that `data` encodes. EncodingError where it is not canonical, is cut short, or has bytes behind."""
    item, end = _decode(data, 0, len(data), MAX_DEPTH)
    if end != len(data):
        raise EncodingError(f"RLP: {len(data) - end} bytes follow the item")
    return item


def encoded_size(item: bytes) -> int:
    """Bytes that the encoding of a byte string takes."""
    length = len(item)
    if length == 1 and item[0] < 0x80:
        return 1
    return length + 1 if length < 56 else length + 1 + (length.bit_length() + 7) // 8


def list_header(length: int) -> bytes:
    """The header of a list whose items take `length` bytes."""
    return _header(0xC0, length)


def list_payload(data: bytes) -> bytes:
    """The items' encodings in that of a list, which `decode` has read."""
    first = data[0]
    return data[1:] if first <= 0xF7 else data[first - 0xF6 :]


def decode_int(item: Decoded, max_bytes: int = 32) -> int:
    """The integer an RLP byte string stands for. EncodingError on a list, a leading zero, or more than `max_bytes`."""
    if not isinstance(item, bytes):
        raise EncodingError("RLP: an integer is expected, a list is there")
    if len(item) > max_bytes:
        raise EncodingError(f"RLP: integer of {len(item)} bytes, at most {max_bytes} are allowed")
    if item[:1] == b"\0":
        raise EncodingError("RLP: integer with a leading zero")
    return int.from_bytes(item, "big")


def _header(base: int, length: int) -> bytes:
    if length < 56:
        return bytes([base + length])
    size = encode_int(length)
    return bytes([base + 55 + len(size)]) + size


def _decode(data: bytes, at: int, end: int, depth: int) -> tuple[Decoded, int]:
    """The item at data[at:end] and where it ends."""
    if at >= end:
        raise EncodingError("RLP: an item is expected, the input ends")
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    is_list = first >= 0xC0
    start, stop = _span(data, at, end, first - (0xC0 if is_list else 0x80))
    if not is_list:
        if stop - start == 1 and data[start] < 0x80:
            raise EncodingError("RLP: a byte below 0x80 stands for itself")
        return data[start:stop], stop
    if depth == 0:
        raise EncodingError(f"RLP: lists nest deeper than {MAX_DEPTH}")
    items: list[Decoded] = []
    cursor = start
    while cursor < stop:
        head = data[cursor]
        following = cursor + head - 0x7F
        if head < 0x80:
            items.append(data[cursor : cursor + 1])
            cursor += 1
        elif 0x81 < head < 0xB8 and following <= stop:  # the common case of _decode, in place: 2 to 55 bytes
            items.append(data[cursor + 1 : following])
            cursor = following
        else:
            item, cursor = _decode(data, cursor, stop, depth - 1)
            items.append(item)
    return items, stop


def _span(data: bytes, at: int, end: int, length: int) -> tuple[int, int]:
    """Where the payload behind the header at `at` starts and stops. `length` is the header byte less its base."""
    start = at + 1
    if length > 55:
        size = length - 55
        digits = data[start : start + size]
        start += size
        if start > end or digits[:1] == b"\0":
            raise EncodingError("RLP: a length is cut short or has a leading zero")
        length = int.from_bytes(digits, "big")
        if length < 56:
            raise EncodingError("RLP: a short length is written in long form")
    if start + length > end:
        raise EncodingError("RLP: an item is longer than what holds it")
    return start, start + length
