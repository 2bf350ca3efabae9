"""The perfect binary tree over the states of a trace, its last state repeated to fill it (protocol.md, section 7).

Only as many nodes as the trace has are kept: 64 bytes a state, and not much more while the tree is made. The longest
traces, of one transaction that does nothing dear, have 2^24 states. Measured: 1.0 s to hash a million states.
"""

from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash

WORD = 32
PAIR = 2 * WORD
PIECE = PAIR << 12
"""Bytes hashed at a time: what a level is made from is a list of small objects, five times its size."""


class TraceTree:
    """A tree of `depth` over state hashes. Node (h, i) covers the leaves from i * 2^h on."""

    __slots__ = ("_fillers", "_levels", "depth")

    def __init__(self, leaves: bytes | bytearray, depth: int) -> None:
        """`leaves`: 32 bytes each, at least one, at most 2^depth. Kept, not copied: they do not change any more."""
        if not leaves or len(leaves) % WORD or len(leaves) > WORD << depth:
            raise ValueError(f"{len(leaves)} bytes are not 1 to 2^{depth} leaves")
        self.depth = depth
        self._levels: list[bytes | bytearray] = [leaves]
        self._fillers = [Hash(bytes(leaves[-WORD:]))]
        for _ in range(depth):
            filler = self._fillers[-1]
            self._levels.append(_above(self._levels[-1], filler))
            self._fillers.append(keccak(filler + filler))

    def __len__(self) -> int:
        """Leaves before the last one repeats."""
        return len(self._levels[0]) // WORD

    @property
    def root(self) -> Hash:
        """The root."""
        return self.node(self.depth, 0)

    def node(self, height: int, index: int) -> Hash:
        """The node that covers the leaves from index * 2^height on. IndexError outside the tree."""
        if not 0 <= height <= self.depth or not 0 <= index < 1 << (self.depth - height):
            raise IndexError(f"no node {index} at height {height} in a tree of depth {self.depth}")
        return Hash(bytes(self._levels[height][WORD * index : WORD * index + WORD]) or self._fillers[height])

    def proof(self, index: int) -> tuple[Hash, ...]:
        """The siblings of a leaf on its way to the root, leaf level first."""
        return tuple(self.node(height, index >> height ^ 1) for height in range(self.depth))


def _above(below: bytes | bytearray, filler: Hash) -> bytearray:
    """The level above: a last node without a neighbour has the filler for one."""
    level = bytearray()
    for start in range(0, len(below), PIECE):
        piece = bytes(below[start : start + PIECE])
        if len(piece) % PAIR:
            piece += filler
        level += b"".join([keccak(piece[at : at + PAIR]) for at in range(0, len(piece), PAIR)])
    return level
