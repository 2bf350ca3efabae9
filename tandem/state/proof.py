"""Proofs in the sparse Merkle tree: make, check, and recompute a root after one write (protocol.md, section 1).

`root_of` and `root_after` use nothing but the proof. contracts/lib/SparseMerkleTree.sol is their twin.
"""

from dataclasses import dataclass

from tandem.errors import ProofError
from tandem.primitives.types import Hash
from tandem.state import tree
from tandem.state.tables import Table
from tandem.state.tree import EMPTY


@dataclass(frozen=True, slots=True)
class Proof:
    """The path of a key: siblings that are not empty (root first), and the leaf, if any, that it ends in.

    Bit d of `bitmap` (least significant first) says that the sibling at depth d is not empty. `leaf_value` zero
    says that the path ends in an empty subtree.
    """

    bitmap: int
    siblings: tuple[Hash, ...]
    leaf_key: Hash
    leaf_value: Hash

    @property
    def depth(self) -> int:
        """Where the path ends. The deepest sibling of a canonical tree is never empty."""
        return self.bitmap.bit_length()

    def value(self, key: bytes) -> Hash:
        """The value at `key` under the root that this proof gives; zero where absent."""
        return self.leaf_value if self.leaf_key == key else EMPTY


@dataclass(frozen=True, slots=True)
class Preimage:
    """What a node's hash is made of: tag, then key and value, or left and right."""

    tag: int
    a: Hash
    b: Hash


def prove(nodes: Table, root: bytes, key: bytes) -> Proof:
    """The proof of `key`, present or absent. StateMissing where the state is not in the table."""
    bitmap = 0
    siblings: list[Hash] = []
    node, depth = Hash(root), 0
    while node != EMPTY:
        tag, a, b = tree.load(nodes, node)
        if tag == tree.LEAF:
            return Proof(bitmap, tuple(siblings), a, b)
        node, sibling = (b, a) if tree.bit(key, depth) else (a, b)
        if sibling != EMPTY:
            bitmap |= 1 << depth
            siblings.append(sibling)
        depth += 1
    return Proof(bitmap, tuple(siblings), EMPTY, EMPTY)


def root_of(key: bytes, proof: Proof) -> Hash:
    """The root under which `proof` holds for `key`. ProofError where it is malformed."""
    _check(key, proof)
    return _climb(key, proof, proof.depth, _terminal(proof))


def root_after(key: bytes, value: bytes, proof: Proof, sibling: Preimage | None = None) -> Hash:
    """The root after writing `value` (zero deletes) at `key`.

    A deletion that leaves the deepest sibling alone also needs that sibling's preimage.
    """
    _check(key, proof)
    if value != EMPTY:
        return _insert(key, value, proof)
    if proof.leaf_value == EMPTY or proof.leaf_key != key:
        return _climb(key, proof, proof.depth, _terminal(proof))
    if proof.depth == 0:
        return EMPTY
    return _delete(key, proof, sibling)


def sibling_preimage(nodes: Table, proof: Proof) -> Preimage | None:
    """The preimage of the deepest sibling, which a deletion needs; None where there is none."""
    if not proof.siblings:
        return None
    tag, a, b = tree.load(nodes, proof.siblings[-1])
    return Preimage(tag[0], a, b)


def _check(key: bytes, proof: Proof) -> None:
    if proof.bitmap.bit_count() != len(proof.siblings):
        raise ProofError("the bitmap and the number of siblings differ")
    if any(sibling == EMPTY for sibling in proof.siblings):
        raise ProofError("a sibling that the bitmap marks is empty")
    if proof.leaf_value != EMPTY and not _shares_path(key, proof.leaf_key, proof.depth):
        raise ProofError("the leaf does not lie on the path of the key")


def _shares_path(key: bytes, other: bytes, depth: int) -> bool:
    return int.from_bytes(key, "big") >> (256 - depth) == int.from_bytes(other, "big") >> (256 - depth)


def _terminal(proof: Proof) -> Hash:
    return EMPTY if proof.leaf_value == EMPTY else tree.leaf_hash(proof.leaf_key, proof.leaf_value)


def _insert(key: bytes, value: bytes, proof: Proof) -> Hash:
    node = tree.leaf_hash(key, value)
    if proof.leaf_value != EMPTY and proof.leaf_key != key:
        fork = proof.depth
        while tree.bit(key, fork) == tree.bit(proof.leaf_key, fork):
            fork += 1
        node = _join(key, fork, node, _terminal(proof))
        for depth in range(fork - 1, proof.depth - 1, -1):
            node = _join(key, depth, node, EMPTY)
    return _climb(key, proof, proof.depth, node)


def _delete(key: bytes, proof: Proof, sibling: Preimage | None) -> Hash:
    """The deepest sibling is left alone: a branch stays where it is, a leaf rises past its empty siblings."""
    if sibling is None:
        raise ProofError("a deletion needs the preimage of the deepest sibling")
    node = proof.siblings[-1]
    made = tree.leaf_hash(sibling.a, sibling.b) if sibling.tag == 0 else tree.branch_hash(sibling.a, sibling.b)
    if made != node or sibling.tag > 1:
        raise ProofError("the preimage is not that of the deepest sibling")
    if sibling.tag == 1:
        return _climb(key, proof, proof.depth - 1, _join(key, proof.depth - 1, EMPTY, node), used=1)
    rest = proof.bitmap ^ (1 << (proof.depth - 1))
    return _climb(key, proof, rest.bit_length(), node, used=1)


def _climb(key: bytes, proof: Proof, depth: int, node: Hash, used: int = 0) -> Hash:
    """The root over `node` at `depth`; the deepest `used` siblings are spent already."""
    at = len(proof.siblings) - used
    for level in range(depth - 1, -1, -1):
        sibling = EMPTY
        if proof.bitmap >> level & 1:
            at -= 1
            sibling = proof.siblings[at]
        node = _join(key, level, node, sibling)
    return node


def _join(key: bytes, depth: int, node: bytes, sibling: bytes) -> Hash:
    """The branch at `depth` over `node`, on the key's side, and its sibling."""
    return tree.branch_hash(sibling, node) if tree.bit(key, depth) else tree.branch_hash(node, sibling)
