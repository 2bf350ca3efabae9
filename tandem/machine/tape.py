"""The witness of one step, written in the order in which the contract reads it (machine.md, section 3)."""

from tandem.machine.word_tree import WordTree
from tandem.primitives.hashing import word
from tandem.primitives.types import Hash
from tandem.state.proof import Preimage, Proof

PROOF_HEAD = 0x80
"""Offset of the siblings in abi.encode of a Proof."""
MASK_BYTES = 8


class Tape:
    """Bytes in the making. `recording` is False in `SILENT`, which takes everything and keeps nothing."""

    __slots__ = ("data",)
    recording = True

    def __init__(self) -> None:
        self.data = bytearray()

    def raw(self, data: bytes) -> None:
        """Bytes as they are: structures, records."""
        self.data += data

    def number(self, value: int, width: int) -> None:
        """A number of `width` bytes."""
        self.data += value.to_bytes(width, "big")

    def range(self, tree: WordTree, first: int, count: int) -> None:
        """Adjacent words of a word tree."""
        proved = tree.prove(first, count)
        self.data += proved.words + proved.mask.to_bytes(MASK_BYTES, "big") + b"".join(proved.siblings)

    def bytes(self, tree: WordTree, offset: int, count: int) -> None:
        """Bytes of a word tree, as the range of words that they touch; nothing for none."""
        if count:
            first = offset >> 5
            self.range(tree, first, (offset + count - 1 >> 5) - first + 1)

    def stack(self, words: list[int], below: Hash) -> None:
        """Stack words from the top down, and the hash of what lies below."""
        self.data += b"".join([word(value) for value in words]) + below

    def proof(self, proof: Proof) -> None:
        """The proof of a key in a sparse Merkle tree."""
        leaf_key = proof.leaf_key if any(proof.leaf_value) else bytes(32)
        self.data += word(proof.bitmap) + word(PROOF_HEAD) + leaf_key + proof.leaf_value
        self.data += word(len(proof.siblings)) + b"".join(proof.siblings)

    def node(self, node: Preimage) -> None:
        """The preimage of a tree's node."""
        self.data += word(node.tag) + node.a + node.b


class _Silent(Tape):
    """For steps whose witness nobody asks for."""

    __slots__ = ()
    recording = False

    def raw(self, data: bytes) -> None:
        """Nothing."""

    def number(self, value: int, width: int) -> None:
        """Nothing."""

    def range(self, tree: WordTree, first: int, count: int) -> None:
        """Nothing."""

    def bytes(self, tree: WordTree, offset: int, count: int) -> None:
        """Nothing."""

    def stack(self, words: list[int], below: Hash) -> None:
        """Nothing."""

    def proof(self, proof: Proof) -> None:
        """Nothing."""

    def node(self, node: Preimage) -> None:
        """Nothing."""


SILENT = _Silent()
