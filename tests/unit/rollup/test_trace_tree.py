"""Trace trees: perfect trees whose last leaf repeats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.primitives.hashing import keccak
from tandem.rollup.trace_tree import TraceTree
from tandem.state import words


def leaves(count: int) -> list[bytes]:
    return [keccak(b"state %d" % index) for index in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 16])
def test_the_root_is_that_of_all_leaves_with_the_last_repeated(count: int) -> None:
    states = leaves(count)
    full = states + [states[-1]] * (16 - count)
    assert TraceTree(b"".join(states), 4).root == words.root(full, 4)


@given(st.integers(1, 40), st.integers(0, 63))
def test_a_proof_of_any_leaf_leads_to_the_root(count: int, index: int) -> None:
    states = leaves(count)
    tree = TraceTree(b"".join(states), 6)
    leaf = states[min(index, count - 1)]
    assert tree.node(0, index) == leaf
    assert words.climb(leaf, index, tree.proof(index)) == tree.root


def test_nodes_are_the_hashes_of_their_children() -> None:
    tree = TraceTree(b"".join(leaves(5)), 26)
    for height, index in ((1, 0), (1, 2), (1, 3), (3, 0), (3, 1), (26, 0)):
        assert tree.node(height, index) == keccak(
            tree.node(height - 1, 2 * index) + tree.node(height - 1, 2 * index + 1)
        )


@pytest.mark.parametrize("bad", [b"", bytes(31), bytes(33), bytes(32 * 17)])
def test_what_is_no_row_of_leaves_is_refused(bad: bytes) -> None:
    with pytest.raises(ValueError, match="leaves"):
        TraceTree(bad, 4)


@pytest.mark.parametrize(("height", "index"), [(5, 0), (-1, 0), (4, 1), (0, 16)])
def test_there_are_no_nodes_outside(height: int, index: int) -> None:
    with pytest.raises(IndexError):
        TraceTree(bytes(32), 4).node(height, index)
