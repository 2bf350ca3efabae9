"""The sparse Merkle tree against a model that builds each tree from nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.errors import ProofError, StateMissing
from tandem.primitives.hashing import keccak
from tandem.state import proof, tree
from tandem.state.tables import MemoryTable
from tandem.state.tree import EMPTY


def model_root(content: dict[bytes, bytes], depth: int = 0) -> bytes:
    """The root by the definition in protocol.md, without any of the code under test but its two hashes."""
    if not content:
        return bytes(32)
    if len(content) == 1:
        [(key, value)] = content.items()
        return keccak(b"\0" + key + value)
    halves: list[dict[bytes, bytes]] = [{}, {}]
    for key, value in content.items():
        halves[int.from_bytes(key, "big") >> (255 - depth) & 1][key] = value
    return keccak(b"\1" + model_root(halves[0], depth + 1) + model_root(halves[1], depth + 1))


# Keys from a few near-equal families, so that long shared prefixes and collapses are common.
keys = st.one_of(
    st.integers(0, 15).map(lambda n: n.to_bytes(32, "big")),
    st.integers(0, 15).map(lambda n: (n << 252).to_bytes(32, "big")),
    st.integers(0, 15).map(lambda n: ((n << 248) | 1).to_bytes(32, "big")),
    st.binary(min_size=32, max_size=32),
)
values = st.integers(1, 5).map(lambda n: n.to_bytes(32, "big"))
batches = st.lists(st.dictionaries(keys, st.one_of(values, st.none()), max_size=12), max_size=8)


@given(batches)
@settings(max_examples=300, deadline=None)
def test_batches_of_writes_and_deletes_give_the_root_of_the_model(batches: list[dict[bytes, bytes | None]]) -> None:
    nodes, root, content = MemoryTable(), EMPTY, {}
    history = [(EMPTY, {})]
    for batch in batches:
        root = tree.update(nodes, root, batch)
        content = {key: value for key, value in {**content, **batch}.items() if value is not None}
        history.append((root, content))
        assert root == model_root(content)
        assert list(tree.entries(nodes, root)) == sorted(content.items())
        for key in batch:
            assert tree.get(nodes, root, key) == content.get(key)
    for old_root, old in history:
        changes = dict(tree.difference(nodes, root, old_root))
        assert changes == {k: old.get(k) for k in content.keys() | old.keys() if content.get(k) != old.get(k)}


@given(st.dictionaries(keys, values, max_size=12), keys, st.one_of(values, st.just(EMPTY)))
@settings(max_examples=300, deadline=None)
def test_a_proof_gives_the_root_before_and_after_one_write(
    content: dict[bytes, bytes], key: bytes, value: bytes
) -> None:
    nodes = MemoryTable()
    root = tree.update(nodes, EMPTY, content)
    shown = proof.prove(nodes, root, key)
    assert proof.root_of(key, shown) == root
    assert shown.value(key) == content.get(key, EMPTY)
    expected = tree.update(nodes, root, {key: None if value == EMPTY else value})
    assert proof.root_after(key, value, shown, proof.sibling_preimage(nodes, shown)) == expected


@given(st.dictionaries(keys, values, min_size=1, max_size=12), keys, st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_proof_never_gives_the_same_root(
    content: dict[bytes, bytes], key: bytes, data: st.DataObject
) -> None:
    nodes = MemoryTable()
    root = tree.update(nodes, EMPTY, content)
    good = proof.prove(nodes, root, key)
    flip = data.draw(st.integers(0, 255)), data.draw(st.integers(0, 7))

    def damaged(node: bytes) -> bytes:
        at = flip[0] % 32
        return node[:at] + bytes([node[at] ^ 1 << flip[1]]) + node[at + 1 :]

    choices = ["bitmap", "leaf_value", "leaf_key"] + ["sibling"] * bool(good.siblings)
    match data.draw(st.sampled_from(choices)):
        case "bitmap":
            bad = proof.Proof(good.bitmap ^ 1 << flip[0], good.siblings, good.leaf_key, good.leaf_value)
        case "leaf_value":
            bad = proof.Proof(good.bitmap, good.siblings, good.leaf_key, damaged(good.leaf_value))
        case "leaf_key":
            if good.leaf_value == EMPTY:
                return
            bad = proof.Proof(good.bitmap, good.siblings, damaged(good.leaf_key), good.leaf_value)
        case _:
            at = flip[0] % len(good.siblings)
            siblings = (*good.siblings[:at], damaged(good.siblings[at]), *good.siblings[at + 1 :])
            bad = proof.Proof(good.bitmap, siblings, good.leaf_key, good.leaf_value)
    try:
        assert proof.root_of(key, bad) != root
    except ProofError:
        pass


def test_a_state_that_was_never_here_is_named_as_such() -> None:
    with pytest.raises(StateMissing, match="was never here"):
        tree.get(MemoryTable(), keccak(b"elsewhere"), bytes(32))


def test_a_deletion_without_the_preimage_of_its_sibling_is_refused() -> None:
    nodes = MemoryTable()
    one, two = keccak(b"1"), keccak(b"2")
    root = tree.update(nodes, EMPTY, {one: one, two: two})
    shown = proof.prove(nodes, root, one)
    with pytest.raises(ProofError, match="needs the preimage"):
        proof.root_after(one, EMPTY, shown)
    with pytest.raises(ProofError, match="not that of the deepest sibling"):
        proof.root_after(one, EMPTY, shown, proof.Preimage(0, two, one))
