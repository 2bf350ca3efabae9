"""SparseMerkleTree against the plain model: proofs, damaged proofs, and updates."""

from __future__ import annotations

import ape
import pytest
from eth_utils import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts import tree_model
from tests.contracts.tree_model import BRANCH, EMPTY, LEAF, NO_NODE, prove, root, write

PROPERTY = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


# Keys that share long prefixes, and keys as hashes have them.
close_keys = st.sampled_from([word(i << shift) for i in range(4) for shift in (0, 1, 100, 253, 254)])
keys = st.one_of(close_keys, st.integers(0, 40).map(lambda i: keccak(bytes([i]))))
values = st.integers(1, 5).map(word)
trees = st.dictionaries(keys, values, max_size=12)

TREE = {keccak(bytes([i])): keccak(b"value" + bytes([i])) for i in range(12)}
ABSENT = [keccak(bytes([i])) for i in range(100, 110)]


def check_update(harness, entries, key, value):
    proof = prove(entries, key)
    updated = harness.update(root(entries), key, value, proof.abi, proof.deepest)
    assert bytes(updated) == root(write(entries, key, value))


class TestVerify:
    @PROPERTY
    @given(entries=trees, key=keys)
    def test_accepts_the_truth_and_nothing_else(self, harness, entries, key):
        truth = entries.get(key, EMPTY)
        proof = prove(entries, key)
        assert harness.verify(root(entries), key, truth, proof.abi)
        assert bytes(harness.root(key, proof.abi)) == root(entries)
        assert not harness.verify(root(entries), key, word(99), proof.abi)
        if truth != EMPTY:
            assert not harness.verify(root(entries), key, EMPTY, proof.abi)

    @pytest.mark.parametrize("key", [*list(TREE)[:3], *ABSENT[:3]], ids=["in"] * 3 + ["out"] * 3)
    def test_rejects_every_damage(self, harness, key):
        tree_root, value, proof = root(TREE), TREE.get(key, EMPTY), prove(TREE, key)
        bitmap, siblings, leaf_key, leaf_value = proof.abi
        n = len(siblings)
        damaged = [
            *[
                (bitmap, [*siblings[:i], keccak(siblings[i]), *siblings[i + 1 :]], leaf_key, leaf_value)
                for i in range(n)
            ],
            *[(bitmap, [*siblings[:i], EMPTY, *siblings[i + 1 :]], leaf_key, leaf_value) for i in range(n)],
            *[(bitmap, [*siblings[:i], *siblings[i + 1 :]], leaf_key, leaf_value) for i in range(n)],
            *[(bitmap ^ 1 << i, siblings, leaf_key, leaf_value) for i in range(12)],
            (bitmap | 1 << 255, siblings, leaf_key, leaf_value),
            (bitmap | 1 << 200, [*siblings, keccak(b"more")], leaf_key, leaf_value),
            (bitmap, [*siblings, keccak(b"more")], leaf_key, leaf_value),
            (bitmap, siblings[::-1], leaf_key, leaf_value),
        ]
        if leaf_value != EMPTY:
            damaged += [
                (bitmap, siblings, keccak(leaf_key), leaf_value),
                (bitmap, siblings, leaf_key, keccak(leaf_value)),
                (bitmap, siblings, leaf_key, EMPTY),
            ]
        assert harness.verify(tree_root, key, value, proof.abi)
        for proof_ in damaged:
            assert not harness.verify(tree_root, key, value, proof_), proof_
        assert not harness.verify(keccak(tree_root), key, value, proof.abi)
        for other in ABSENT[5:]:
            assert not harness.verify(tree_root, other, keccak(b"v"), proof.abi)

    def test_a_present_key_cannot_be_proved_absent_by_another_leaf(self, harness):
        key, *others = TREE
        for other in others:
            assert not harness.verify(root(TREE), key, EMPTY, prove(TREE, other).abi)

    def test_a_branch_is_no_leaf(self, harness):
        """The first byte of what is hashed tells them apart: a branch's children do not pass for a key and a value."""
        tag, left, right = tree_model.preimage(TREE)
        assert tag == BRANCH
        assert not harness.verify(root(TREE), left, right, (0, [], left, right))

    @pytest.mark.parametrize("last_bits", [0b10, 0b11])
    def test_reaches_the_deepest_leaves(self, harness, last_bits):
        entries = {word(0b10): word(1), word(0b11): word(2)}
        key = word(last_bits)
        assert prove(entries, key).bitmap == 1 << 255
        assert harness.verify(root(entries), key, entries[key], prove(entries, key).abi)

    @pytest.mark.parametrize(
        ("proof", "error"),
        [
            ((1, [], EMPTY, EMPTY), "MalformedProof"),
            ((0, [word(1)], EMPTY, EMPTY), "MalformedProof"),
            ((1, [EMPTY], EMPTY, EMPTY), "MalformedProof"),
            ((1, [word(1)], word(1 << 255), word(1)), "ForeignLeafOffPath"),
        ],
    )
    def test_names_what_is_wrong_with_a_proof(self, harness, proof, error):
        with ape.reverts(getattr(harness, error)):
            harness.root(word(0), proof)
        assert not harness.verify(word(1), word(0), EMPTY, proof)


class TestUpdate:
    @PROPERTY
    @given(entries=trees, key=keys, value=st.one_of(st.just(EMPTY), values))
    def test_gives_the_root_of_the_updated_tree(self, harness, entries, key, value):
        check_update(harness, entries, key, value)

    @PROPERTY
    @given(entries=trees.filter(lambda tree: len(tree) > 1), data=st.data())
    def test_deletes_any_entry(self, harness, entries, data):
        check_update(harness, entries, data.draw(st.sampled_from(sorted(entries))), EMPTY)

    def test_builds_a_tree_up_and_down(self, harness):
        entries: dict[bytes, bytes] = {}
        for i in range(8):
            key = keccak(bytes([i]))
            check_update(harness, entries, key, word(i + 1))
            entries = write(entries, key, word(i + 1))
        for key in sorted(entries):
            check_update(harness, entries, key, EMPTY)
            entries = write(entries, key, EMPTY)
        assert root(entries) == EMPTY

    def test_splits_and_rejoins_at_the_last_bit(self, harness):
        left, right = word(0b10), word(0b11)
        check_update(harness, {left: word(1)}, right, word(2))
        check_update(harness, {left: word(1), right: word(2)}, left, EMPTY)

    def test_deleting_what_is_absent_changes_nothing(self, harness):
        for key in ABSENT:
            proof = prove(TREE, key)
            assert bytes(harness.update(root(TREE), key, EMPTY, proof.abi, NO_NODE)) == root(TREE)

    def test_needs_a_proof_of_the_old_root(self, harness):
        key = next(iter(TREE))
        proof = prove(TREE, key)
        with ape.reverts(harness.WrongRoot):
            harness.update(keccak(b"another"), key, word(1), proof.abi, NO_NODE)

    def test_needs_the_deepest_siblings_preimage_to_delete(self, harness):
        for key in TREE:
            proof = prove(TREE, key)
            tag, a, b = proof.deepest
            for wrong in [(1 - tag, a, b), (tag, keccak(a), b), (tag, a, keccak(b)), (2, a, b), NO_NODE]:
                with ape.reverts(harness.WrongSiblingPreimage):
                    harness.update(root(TREE), key, EMPTY, proof.abi, wrong)
        assert {prove(TREE, key).deepest[0] for key in TREE} == {LEAF, BRANCH}  # both kinds were met
