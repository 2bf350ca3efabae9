"""The sparse binary Merkle tree (protocol.md, section 1): read, batch update, walk, difference.

Nodes live in a content-addressed table as preimages of their hashes:
    leaf   = 0x00 ‖ key ‖ value        branch = 0x01 ‖ left ‖ right        empty = no node, hash zero
A subtree with one entry is that entry's leaf, at whatever depth. Updates never change or remove nodes, so each root
that was ever written stays readable. Measured: 15-30 us a key in batches of a thousand on a tree of 10^5 entries.
"""

from collections.abc import Iterator, Mapping, Sequence

from tandem.errors import StateMissing
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_HASH, Hash
from tandem.state.tables import Table

EMPTY = ZERO_HASH
LEAF, BRANCH = b"\x00", b"\x01"
KEY_BITS = 256

Entry = tuple[bytes, bytes]
"""(key, value), 32 bytes each."""


def leaf_hash(key: bytes, value: bytes) -> Hash:
    """Hash of the leaf that holds `value` at `key`."""
    return keccak(LEAF + key + value)


def branch_hash(left: bytes, right: bytes) -> Hash:
    """Hash of the branch over two subtrees."""
    return keccak(BRANCH + left + right)


def bit(key: bytes, depth: int) -> int:
    """Which way `key` turns at `depth`: 0 left, 1 right; the most significant bit is at the root."""
    return key[depth >> 3] >> (7 - (depth & 7)) & 1


def load(nodes: Table, node: bytes) -> tuple[bytes, Hash, Hash]:
    """(tag, key, value) of a leaf or (tag, left, right) of a branch. StateMissing where the table has no such node."""
    preimage = nodes.get(node)
    if preimage is None:
        raise StateMissing(f"tree node {node.hex()} is not in this store: the state it belongs to was never here")
    return preimage[:1], Hash(preimage[1:33]), Hash(preimage[33:65])


def get(nodes: Table, root: bytes, key: bytes) -> bytes | None:
    """The value at `key`, or None."""
    node, depth = root, 0
    while node != EMPTY:
        tag, a, b = load(nodes, node)
        if tag == LEAF:
            return b if a == key else None
        node = b if bit(key, depth) else a
        depth += 1
    return None


def update(nodes: Table, root: bytes, changes: Mapping[bytes, bytes | None]) -> Hash:
    """The root after writing `changes` (None deletes). New nodes go to the table."""
    return _Update(nodes).apply(Hash(root), 0, sorted(changes.items()))[0]


def entries(nodes: Table, root: bytes) -> Iterator[Entry]:
    """All entries, in the order of their keys."""
    stack = [root]
    while stack:
        node = stack.pop()
        if node == EMPTY:
            continue
        tag, a, b = load(nodes, node)
        if tag == LEAF:
            yield a, b
        else:
            stack += (b, a)


def difference(nodes: Table, old: bytes, new: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """What to write to go from `old` to `new`: (key, value or None). Equal subtrees are not entered."""
    stack = [(old, new, 0)]
    while stack:
        a, b, depth = stack.pop()
        if a == b:
            continue
        a_node = load(nodes, a) if a != EMPTY else None
        b_node = load(nodes, b) if b != EMPTY else None
        if a_node and b_node and a_node[0] == b_node[0] == BRANCH:
            stack += ((a_node[2], b_node[2], depth + 1), (a_node[1], b_node[1], depth + 1))
            continue
        before, after = dict(entries(nodes, a)), dict(entries(nodes, b))
        for key in before.keys() - after.keys():
            yield key, None
        for key, value in after.items():
            if before.get(key) != value:
                yield key, value


_Changes = Sequence[tuple[bytes, bytes | None]]
_Subtree = tuple[Hash, bool]
"""A subtree's hash, and whether it is known to be a leaf (False: a branch, empty, or not looked at)."""


class _Update:
    """One batch of writes, applied from the root down; each new node is hashed and stored once."""

    def __init__(self, nodes: Table) -> None:
        self._nodes = nodes

    def apply(self, node: Hash, depth: int, changes: _Changes) -> _Subtree:
        """The subtree `node` at `depth` after `changes` (sorted, all within it)."""
        if not changes:
            return node, False
        if node == EMPTY:
            return self._build(depth, [(key, value) for key, value in changes if value is not None])
        tag, a, b = load(self._nodes, node)
        if tag == LEAF:
            merged = {a: b, **dict(changes)}
            return self._build(depth, [(key, value) for key, value in sorted(merged.items()) if value is not None])
        split = _split(changes, depth)
        left, left_is_leaf = self.apply(a, depth + 1, changes[:split])
        right, right_is_leaf = self.apply(b, depth + 1, changes[split:])
        if left == a and right == b:
            return node, False
        if left == EMPTY:
            return self._rise(right, right_is_leaf, EMPTY, right)
        if right == EMPTY:
            return self._rise(left, left_is_leaf, left, EMPTY)
        return self._branch(left, right), False

    def _rise(self, only: Hash, is_leaf: bool, left: Hash, right: Hash) -> _Subtree:
        """A branch with one empty side: its other side, if that is empty or a leaf, takes its place."""
        if only == EMPTY or is_leaf or load(self._nodes, only)[0] == LEAF:
            return only, only != EMPTY
        return self._branch(left, right), False

    def _build(self, depth: int, items: Sequence[Entry]) -> _Subtree:
        """A subtree of nothing but `items`, sorted."""
        if not items:
            return EMPTY, False
        if len(items) == 1:
            preimage = LEAF + items[0][0] + items[0][1]
            node = keccak(preimage)
            self._nodes.put(node, preimage)
            return node, True
        split = _split(items, depth)
        left, _ = self._build(depth + 1, items[:split])
        right, _ = self._build(depth + 1, items[split:])
        return self._branch(left, right), False

    def _branch(self, left: Hash, right: Hash) -> Hash:
        preimage = BRANCH + left + right
        node = keccak(preimage)
        self._nodes.put(node, preimage)
        return node


def _split(items: Sequence[tuple[bytes, object]], depth: int) -> int:
    """Index of the first of the sorted `items` that turns right at `depth`."""
    low, high = 0, len(items)
    byte, mask = depth >> 3, 0x80 >> (depth & 7)
    while low < high:
        middle = (low + high) // 2
        if items[middle][0][byte] & mask:
            high = middle
        else:
            low = middle + 1
    return low
