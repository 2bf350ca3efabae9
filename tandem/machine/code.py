"""Contract code as frames hold it: the bytes, their chunk tree, and where one may jump."""

from functools import lru_cache

from tandem.machine.word_tree import WordTree
from tandem.primitives.types import ZERO_HASH, Hash
from tandem.state.code import CHUNK_BYTES, DEPTH, PUSH1, PUSH32, chunks

JUMPDEST = 0x5B


class Code:
    """One code. Made by `load`, which keeps the trees of recent codes."""

    __slots__ = ("_destinations", "data", "root", "size", "tree")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.tree = WordTree(b"".join(chunks(data)), DEPTH)
        self.root: Hash = self.tree.root() if data else ZERO_HASH
        self._destinations: frozenset[int] | None = None

    def is_destination(self, position: int) -> bool:
        """Whether a JUMPDEST instruction stands there."""
        if self._destinations is None:
            self._destinations = frozenset(_destinations(self.data))
        return position in self._destinations

    def chunk_of(self, position: int) -> int:
        """Index of the chunk that holds a byte."""
        return position // CHUNK_BYTES


@lru_cache(maxsize=1024)
def load(data: bytes) -> Code:
    """The code of these bytes."""
    return Code(data)


def _destinations(code: bytes) -> list[int]:
    found, at = [], 0
    while at < len(code):
        opcode = code[at]
        if opcode == JUMPDEST:
            found.append(at)
        at += opcode - PUSH1 + 2 if PUSH1 <= opcode <= PUSH32 else 1
    return found
