"""Trace trees: perfect trees whose last leaf repeats."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.primitives.hashing import keccak
from tandem.rollup.trace_tree import PIECE, WORD, TraceTree
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


@pytest.mark.parametrize("count", [PIECE // WORD - 1, PIECE // WORD, PIECE // WORD + 1, 3 * PIECE // WORD + 5])
def test_levels_longer_than_a_piece(count: int) -> None:
    states = leaves(count)
    depth = 15
    full = states + [states[-1]] * ((1 << depth) - count)
    assert TraceTree(bytearray(b"".join(states)), depth).root == words.root(full, depth)


def test_the_longest_trace_takes_few_bytes_a_state() -> None:
    """Anyone may make a transaction of 2^24 steps: a challenger must have the memory for its tree, and for several."""
    count = 1 << 17
    states = bytearray(keccak(b"state")) * count
    tracemalloc.start()
    tree = TraceTree(states, 26)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(tree) == count
    assert kept < 40 * count
    assert peak < 50 * count, "with the 32 bytes of the states themselves, below 1.4 GB for 2^24 steps"
