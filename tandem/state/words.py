"""Word trees: complete binary trees of 32-byte words, fixed depth, absent words zero (protocol.md, section 1)."""

from collections.abc import Sequence
from functools import cache

from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_HASH, Hash


@cache
def zero_root(depth: int) -> Hash:
    """Root of a tree of `depth` that holds only zero words."""
    if depth == 0:
        return ZERO_HASH
    below = zero_root(depth - 1)
    return keccak(below + below)


def root(words: Sequence[bytes], depth: int) -> Hash:
    """Root over `words`, zeros behind them. ValueError where they do not fit 2^depth."""
    if len(words) > 1 << depth:
        raise ValueError(f"{len(words)} words do not fit a tree of depth {depth}")
    level = list(words) or [ZERO_HASH]
    for height in range(depth):
        if len(level) % 2:
            level.append(zero_root(height))
        level = [keccak(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
    return Hash(level[0])


def path(words: Sequence[bytes], index: int, depth: int) -> list[Hash]:
    """The siblings of word `index` on its way to the root, leaf level first."""
    siblings = []
    level = list(words) or [ZERO_HASH]
    for height in range(depth):
        sibling = index ^ 1
        siblings.append(Hash(level[sibling]) if sibling < len(level) else zero_root(height))
        if len(level) % 2:
            level.append(zero_root(height))
        level = [keccak(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
        index >>= 1
    return siblings


def climb(word: bytes, index: int, siblings: Sequence[bytes]) -> Hash:
    """The root that `word` at `index` gives with these siblings."""
    node = word
    for height, sibling in enumerate(siblings):
        node = keccak(sibling + node) if index >> height & 1 else keccak(node + sibling)
    return Hash(node)
