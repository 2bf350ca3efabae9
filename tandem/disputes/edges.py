"""Edges and their hashes, as contracts/disputes/EdgeTypes.sol has them (disputes.md, section 1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import Hash

INFINITE = 2**40 - 1
"""Timer of what is proven, seconds."""


class Level(IntEnum):
    """What a trace has as its leaves."""

    TRACE = 0
    """Level-0 states of an assertion."""
    STEPS = 1
    """States behind the machine's steps between two of these."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A claim about the states from index * 2^height on, `prefix` committing to all before."""

    origin: Hash
    """The parent assertion's id (level 0), the place of a level-0 leaf (level 1)."""
    level: Level
    height: int
    index: int
    prefix: Hash
    root: Hash

    @property
    def place(self) -> Hash:
        """What it shares with its rivals: all but the root."""
        words = self.origin + word(self.level) + word(self.height) + word(self.index) + self.prefix
        return keccak(words)

    @property
    def id(self) -> Hash:
        """Names all of it."""
        return join(self.place, self.root)

    def children(self, left: Hash, right: Hash) -> tuple["Edge", "Edge"]:
        """The two halves. ValueError where these are not its children's roots."""
        if self.height == 0 or join(left, right) != self.root:
            raise ValueError("these are not the children of the edge's root")
        height, index = self.height - 1, 2 * self.index
        return (
            Edge(self.origin, self.level, height, index, self.prefix, left),
            Edge(self.origin, self.level, height, index + 1, join(self.prefix, left), right),
        )


@dataclass(frozen=True, slots=True)
class Opening:
    """Shows the state before a leaf, out of its prefix. Without meaning for the leaf with index 0."""

    prefix: Hash
    """The prefix without the last left sibling."""
    state: Hash
    siblings: tuple[Hash, ...]
    """Left siblings of the state, lowest first."""


@dataclass(frozen=True, slots=True)
class Path:
    """A way down from an edge."""

    index: int
    """Of its end, counted in pieces of that height."""
    node: Hash
    """Root of the piece where it ends."""
    siblings: tuple[Hash, ...]
    """The other child at each height, lowest first."""


def join(left: bytes, right: bytes) -> Hash:
    """keccak(left ‖ right)."""
    return keccak(left + right)


def last_under(state: Hash, siblings: Sequence[Hash]) -> Hash:
    """Root of the tree whose last leaf is `state`, with its left siblings on the way up."""
    node = state
    for sibling in siblings:
        node = join(sibling, node)
    return node
