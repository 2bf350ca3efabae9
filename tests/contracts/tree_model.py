"""The trees of the protocol reference, written down as plainly as possible, to test Solidity against."""

from __future__ import annotations

from dataclasses import dataclass

from eth_abi import encode
from eth_utils import keccak

EMPTY = bytes(32)
LEAF, BRANCH = 0, 1
NO_NODE = (0, EMPTY, EMPTY)

Entries = dict[bytes, bytes]


@dataclass(frozen=True)
class Proof:
    bitmap: int
    siblings: list[bytes]
    leaf_key: bytes
    leaf_value: bytes
    deepest: tuple[int, bytes, bytes]  # preimage of the deepest sibling

    @property
    def abi(self) -> tuple:
        return (self.bitmap, self.siblings, self.leaf_key, self.leaf_value)


def bit(key: bytes, depth: int) -> int:
    return int.from_bytes(key, "big") >> (255 - depth) & 1


def preimage(entries: Entries, depth: int = 0) -> tuple[int, bytes, bytes] | None:
    """The node over these entries, which agree in the bits above `depth`; None for an empty subtree."""
    if not entries:
        return None
    if len(entries) == 1:
        ((key, value),) = entries.items()
        return LEAF, key, value
    halves = [{k: v for k, v in entries.items() if bit(k, depth) == side} for side in (0, 1)]
    return BRANCH, root(halves[0], depth + 1), root(halves[1], depth + 1)


def root(entries: Entries, depth: int = 0) -> bytes:
    node = preimage(entries, depth)
    return EMPTY if node is None else keccak(bytes([node[0]]) + node[1] + node[2])


def prove(entries: Entries, key: bytes) -> Proof:
    bitmap, siblings, depth, deepest = 0, [], 0, NO_NODE
    while len(entries) > 1:
        other = {k: v for k, v in entries.items() if bit(k, depth) != bit(key, depth)}
        entries = {k: v for k, v in entries.items() if bit(k, depth) == bit(key, depth)}
        if other:
            bitmap |= 1 << depth
            siblings.append(root(other, depth + 1))
            deepest = preimage(other, depth + 1)
        depth += 1
    # One entry or none is left; empty halves below the deepest sibling belong to no path.
    leaf_key, leaf_value = next(iter(entries.items()), (EMPTY, EMPTY))
    return Proof(bitmap, siblings, leaf_key, leaf_value, deepest)


def write(entries: Entries, key: bytes, value: bytes) -> Entries:
    updated = {k: v for k, v in entries.items() if k != key}
    if value != EMPTY:
        updated[key] = value
    return updated


def word_root(words: list[bytes], depth: int) -> bytes:
    level = words + [EMPTY] * (2**depth - len(words))
    while len(level) > 1:
        level = [keccak(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def word_path(words: list[bytes], depth: int, index: int) -> list[bytes]:
    level, siblings = words + [EMPTY] * (2**depth - len(words)), []
    while len(level) > 1:
        siblings.append(level[index ^ 1])
        level = [keccak(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
        index >>= 1
    return siblings


def abi_hash(types: list[str], values: list) -> bytes:
    return keccak(encode(types, values))
