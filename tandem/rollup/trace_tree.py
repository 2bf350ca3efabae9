"""The perfect binary tree over the states of a trace, its last state repeated to fill it (protocol.md, section 7).

The leaves may be in a file: of them only pieces of 32 KB are read. Kept in memory are the nodes from height 10 on, 64
bytes for 1,024 leaves; the few below are worked out when asked for, in at most 1 ms. The longest traces, of one
transaction that does nothing dear, have 2^24 states. Measured: 1.0 s to hash a million states.
"""

from typing import Protocol

from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash

WORD = 32
PAIR = 2 * WORD
KEPT_FROM = 10
"""Least height of the nodes that are kept."""
PIECE = WORD << KEPT_FROM
"""Bytes of the leaves below one kept node."""


class Row(Protocol):
    """Nodes of one height, 32 bytes each, from the left: bytes, or a file mapped into memory."""

    def __len__(self) -> int:
        """Bytes."""
        ...

    def __getitem__(self, piece: slice, /) -> bytes | bytearray:
        """Some of them."""
        ...


class TraceTree:
    """A tree of `depth` over state hashes. Node (h, i) covers the leaves from i * 2^h on."""

    __slots__ = ("_fillers", "_leaves", "_levels", "depth")

    def __init__(self, leaves: Row, depth: int, lowest_kept: bytes | None = None) -> None:
        """`leaves`: at least one, at most 2^depth; kept, not copied: they do not change any more. `lowest_kept`: what
        that property of a tree over the same leaves was, where it is known."""
        if not leaves or len(leaves) % WORD or len(leaves) > WORD << depth:
            raise ValueError(f"{len(leaves)} bytes are not 1 to 2^{depth} leaves")
        self.depth = depth
        self._leaves = leaves
        self._fillers = [Hash(bytes(leaves[-WORD:]))]
        for _ in range(depth):
            self._fillers.append(keccak(self._fillers[-1] + self._fillers[-1]))
        self._levels = [self._lowest() if lowest_kept is None else lowest_kept] if depth >= KEPT_FROM else []
        for height in range(KEPT_FROM, depth):
            self._levels.append(_above(self._levels[-1], self._fillers[height]))

    def __len__(self) -> int:
        """Leaves before the last one repeats."""
        return len(self._leaves) // WORD

    @property
    def root(self) -> Hash:
        """The root."""
        return self.node(self.depth, 0)

    @property
    def lowest_kept(self) -> bytes:
        """The nodes of height 10 that are not above repeated leaves alone. None in a tree of less depth."""
        return self._levels[0] if self._levels else b""

    def node(self, height: int, index: int) -> Hash:
        """The node that covers the leaves from index * 2^height on. IndexError outside the tree."""
        if not 0 <= height <= self.depth or not 0 <= index < 1 << (self.depth - height):
            raise IndexError(f"no node {index} at height {height} in a tree of depth {self.depth}")
        if height < KEPT_FROM:
            return self._worked_out(height, index)
        level = self._levels[height - KEPT_FROM]
        return Hash(level[WORD * index : WORD * index + WORD] or self._fillers[height])

    def proof(self, index: int) -> tuple[Hash, ...]:
        """The siblings of a leaf on its way to the root, leaf level first."""
        return tuple(self.node(height, index >> height ^ 1) for height in range(self.depth))

    def _lowest(self) -> bytes:
        pieces = -(-len(self._leaves) // PIECE)
        return b"".join([self._worked_out(KEPT_FROM, index) for index in range(pieces)])

    def _worked_out(self, height: int, index: int) -> Hash:
        size = WORD << height
        level = bytes(self._leaves[size * index : size * index + size])
        if not level:
            return self._fillers[height]
        for filler in self._fillers[:height]:
            level = _above(level, filler)
        return Hash(level)


def _above(below: bytes, filler: Hash) -> bytes:
    """The level above: a last node without a neighbour has the filler for one."""
    if len(below) % PAIR:
        below += filler
    return b"".join([keccak(below[at : at + PAIR]) for at in range(0, len(below), PAIR)])
