"""The hashes of recent blocks, as the header commits to them: BLOCKHASH is proved from the parent's header alone.

Word n mod 256 of the tree is the hash of block n. From one block to the next so only one word changes, and a proof of
that change is one path (protocol.md, section 2).
"""

from collections.abc import Callable

from tandem.primitives.types import ZERO_HASH, Hash
from tandem.state import words

BlockHashes = Callable[[int], Hash]
"""The hash of an earlier block by its number: the 256 before a block are asked for."""

RECENT_DEPTH = 8
RECENT_BLOCKS = 1 << RECENT_DEPTH
"""How far back BLOCKHASH sees."""


def recent_words(number: int, block_hash: BlockHashes) -> list[Hash]:
    """The words of block `number`'s tree: the hashes of the up to 256 blocks before it."""
    first = max(0, number - RECENT_BLOCKS)
    result = [ZERO_HASH] * (number - first)
    for earlier in range(first, number):
        result[earlier % RECENT_BLOCKS] = block_hash(earlier)
    return result


def recent_hashes(number: int, block_hash: BlockHashes) -> Hash:
    """`recentHashes` of block `number`. Built from all its words, 0.2 ms: no state has to follow re-orgs."""
    return words.root(recent_words(number, block_hash), RECENT_DEPTH)
