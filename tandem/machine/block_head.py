"""RLP headers read without what is behind them, and the head of a block in a batch (protocol.md, section 5).

`tandem.batch.payload` reads a batch at once; steps read it piece by piece and must come to the same verdict.
Twin of contracts/machine/lib/BlockHead.sol.
"""

from dataclasses import dataclass

HEADER_BYTES = 9
"""The longest header of an RLP item."""
MAX_INTEGER_BYTES = 8
HEAD_BYTES = HEADER_BYTES + 2 * (1 + MAX_INTEGER_BYTES) + HEADER_BYTES
"""A block's head: its list's header, two integers, the header of the list of transactions."""
STRING, LIST, SHORT = 0x80, 0xC0, 55


@dataclass(frozen=True, slots=True)
class ItemHeader:
    """An item's header. The payload is `start` bytes behind the item's first one: 0, where that stands for itself."""

    is_list: bool
    start: int
    length: int

    @property
    def end(self) -> int:
        """Where the item ends, counted from its first byte."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class BlockHead:
    """The head of a block. Positions are counted from its first byte."""

    time_delta: int
    messages: int
    start: int
    """Where the first transaction starts."""
    end: int
    """Where the block ends."""


def read_header(head: bytes, available: int) -> ItemHeader | None:
    """The header of an item; None where it is not canonical or the item does not fit `available` bytes.

    `head` are the item's first bytes: 9, or all that are available.
    """
    if not available:
        return None
    first = head[0]
    if first < STRING:
        return ItemHeader(False, 0, 1)
    is_list = first >= LIST
    start, length = 1, first - (LIST if is_list else STRING)
    if length > SHORT:
        start += length - SHORT
        digits = head[1:start]
        length = int.from_bytes(digits, "big")
        if digits[:1] in (b"", b"\0") or length <= SHORT:
            return None
    elif not is_list and length == 1 and head[1:2] < bytes([STRING]):
        return None
    return ItemHeader(is_list, start, length) if start + length <= available else None


def string_span(data: bytes | bytearray, at: int, end: int) -> tuple[int, int]:
    """Where the content of the string at data[at:end] starts and ends. Its header was checked before."""
    header = read_header(bytes(data[at : at + HEADER_BYTES]), end - at)
    assert header is not None and not header.is_list, "BATCH_CHECK has seen that it is a string"
    return at + header.start, at + header.end


def read_block_head(head: bytes, available: int) -> BlockHead | None:
    """The head of a block; None where there is none. `head`: its first 36 bytes, or all that are available."""
    block = read_header(head, available)
    if block is None or not block.is_list:
        return None
    at, integers = block.start, []
    for _ in range(2):
        item = read_header(head[at:], block.end - at)
        if item is None or item.is_list or item.length > MAX_INTEGER_BYTES:
            return None
        digits = head[at + item.start : at + item.end]
        if digits[:1] == b"\0":
            return None
        integers.append(int.from_bytes(digits, "big"))
        at += item.end
    transactions = read_header(head[at:], block.end - at)
    if transactions is None or not transactions.is_list or at + transactions.end != block.end:
        return None
    return BlockHead(integers[0], integers[1], at + transactions.start, block.end)


def outer_header_bytes(length: int) -> int:
    """Bytes of the header of a list that takes `length` bytes, header included. It is canonical: the length says it."""
    size = 1
    while length - size > (SHORT if size == 1 else (1 << 8 * (size - 1)) - 1):
        size += 1
    return size
