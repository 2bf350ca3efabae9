"""Proofs that Python makes, checked and used by Solidity; and both sides on damaged ones."""

from __future__ import annotations

from dataclasses import replace

import ape
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.errors import ProofError
from tandem.l1.encoding import proof_arguments
from tandem.primitives.hashing import keccak
from tandem.state import proof, tree, words
from tandem.state.tables import MemoryTable
from tandem.state.tree import EMPTY
from tests.parity.values import PROPERTY, hashes32


def number(value: int) -> bytes:
    return value.to_bytes(32, "big")


# Keys that share long prefixes, and keys as hashes have them.
keys = st.one_of(
    st.sampled_from([number(i << shift) for i in range(4) for shift in (0, 1, 100, 253, 254)]),
    st.integers(0, 40).map(lambda i: keccak(bytes([i]))),
)
values = st.integers(1, 5).map(number)
contents = st.dictionaries(keys, values, max_size=12)


def grow(content: dict[bytes, bytes]) -> tuple[MemoryTable, bytes]:
    nodes = MemoryTable()
    return nodes, tree.update(nodes, EMPTY, content)


def python_root(key: bytes, shown: proof.Proof) -> bytes | None:
    try:
        return proof.root_of(key, shown)
    except ProofError:
        return None


@PROPERTY
@given(contents, keys)
def test_proofs_of_presence_and_absence(libraries, content, key):
    nodes, root = grow(content)
    shown = proof.prove(nodes, root, key)
    arguments = proof_arguments(shown)
    value = content.get(key, EMPTY)
    assert shown.value(key) == value
    assert bytes(libraries.root(key, arguments)) == root == proof.root_of(key, shown)
    assert libraries.verify(root, key, value, arguments)
    assert not libraries.verify(root, key, number(9), arguments)


@settings(PROPERTY, max_examples=50)
@given(contents, keys, st.one_of(values, st.just(EMPTY)), st.data())
def test_write_insert_and_delete(libraries, content, key, value, data):
    if content and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(content)))
    nodes, root = grow(content)
    shown = proof.prove(nodes, root, key)
    sibling = proof.sibling_preimage(nodes, shown)
    deepest = (sibling.tag, sibling.a, sibling.b) if sibling else (0, EMPTY, EMPTY)
    after = bytes(libraries.update(root, key, value, proof_arguments(shown), deepest))
    assert after == proof.root_after(key, value, shown, sibling)
    assert after == tree.update(nodes, root, {key: None if value == EMPTY else value})


@settings(PROPERTY, max_examples=50)
@given(contents, keys, st.data())
def test_damaged_proofs(libraries, content, key, data):
    """Both sides give the same root, or both refuse."""
    nodes, root = grow(content)
    shown = proof.prove(nodes, root, key)
    siblings = list(shown.siblings)
    match data.draw(st.sampled_from(["bitmap", "key", "leaf key", "leaf value", "sibling", "more", "fewer"])):
        case "bitmap":
            shown = replace(shown, bitmap=shown.bitmap ^ 1 << data.draw(st.integers(0, 255)))
        case "key":
            key = data.draw(keys)
        case "leaf key":
            shown = replace(shown, leaf_key=data.draw(st.one_of(keys, hashes32)))
        case "leaf value":
            shown = replace(shown, leaf_value=data.draw(st.one_of(values, st.just(EMPTY))))
        case "sibling" if siblings:
            siblings[data.draw(st.integers(0, len(siblings) - 1))] = data.draw(hashes32)
        case "more":
            siblings.insert(data.draw(st.integers(0, len(siblings))), data.draw(hashes32))
        case "fewer" if siblings:
            siblings.pop()
    shown = replace(shown, siblings=tuple(siblings))
    arguments, expected = proof_arguments(shown), python_root(key, shown)
    if expected is None:
        with ape.reverts():
            libraries.root(key, arguments)
        assert not libraries.verify(root, key, shown.value(key), arguments)
    else:
        assert bytes(libraries.root(key, arguments)) == expected
        assert libraries.verify(root, key, shown.value(key), arguments) == (expected == root)


@PROPERTY
@given(contents.filter(lambda content: len(content) > 1), st.data())
def test_a_deletion_needs_the_same_preimage(libraries, content, data):
    nodes, root = grow(content)
    key = data.draw(st.sampled_from(sorted(content)))
    shown = proof.prove(nodes, root, key)
    good = proof.sibling_preimage(nodes, shown)
    wrong = replace(good, **data.draw(st.sampled_from([{"tag": 1 - good.tag}, {"tag": 2}, {"a": EMPTY}, {"b": EMPTY}])))
    try:
        expected = proof.root_after(key, EMPTY, shown, wrong)
    except ProofError:
        with ape.reverts():
            libraries.update(root, key, EMPTY, proof_arguments(shown), (wrong.tag, wrong.a, wrong.b))
    else:  # the field was zero before
        assert wrong == good
        arguments = (root, key, EMPTY, proof_arguments(shown), (wrong.tag, wrong.a, wrong.b))
        assert bytes(libraries.update(*arguments)) == expected


@PROPERTY
@given(st.integers(0, 6), st.data())
def test_word_tree(libraries, depth, data):
    content = data.draw(st.lists(hashes32, max_size=2**depth))
    index = data.draw(st.integers(0, 2**depth - 1))
    root, path = words.root(content, depth), words.path(content, index, depth)
    leaf = content[index] if index < len(content) else bytes(32)
    assert bytes(libraries.wordRoot(content, depth)) == root
    assert bytes(libraries.wordRootOfPath(index, leaf, path)) == root == words.climb(leaf, index, path)
    assert libraries.wordVerify(root, depth, index, leaf, path)
    assert libraries.wordVerify(root, depth, index, number(7), path) == (leaf == number(7))
