"""Trace trees: perfect trees whose last leaf repeats."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.primitives.hashing import keccak
from tandem.rollup.trace_tree import KEPT_FROM, PIECE, WORD, TraceTree
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


EVEN = 1 << KEPT_FROM


@pytest.mark.parametrize("count", [EVEN - 1, EVEN, EVEN + 1, 4 * EVEN, 5 * EVEN + 5])
def test_nodes_that_are_kept_and_nodes_that_are_worked_out(count: int) -> None:
    states = leaves(count)
    depth = 13
    levels = [states + [states[-1]] * ((1 << depth) - count)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([keccak(below[at] + below[at + 1]) for at in range(0, len(below), 2)])
    tree = TraceTree(bytearray(b"".join(states)), depth)
    for height, level in enumerate(levels):
        step = max(len(level) // 8, 1)
        indices = {*range(0, len(level), step), len(level) - 1, min(count >> height, len(level) - 1)}
        assert all(tree.node(height, index) == level[index] for index in indices)


@pytest.mark.parametrize("depth", [9, 10, 26])
def test_a_tree_is_made_anew_without_hashing_its_leaves(depth: int) -> None:
    states = b"".join(leaves(min(3000, 1 << depth)))
    tree = TraceTree(states, depth)
    again = TraceTree(states, depth, tree.lowest_kept)
    assert again.root == tree.root
    assert again.proof(77) == tree.proof(77)
    assert len(tree.lowest_kept) == (WORD * -(-len(states) // PIECE) if depth >= KEPT_FROM else 0)


def test_the_longest_trace_takes_few_bytes_a_state() -> None:
    """Anyone may make a transaction of 2^24 steps: a challenger must have the memory for its tree, and for many."""
    count = 1 << 17
    states = bytearray(keccak(b"state")) * count
    tracemalloc.start()
    tree = TraceTree(states, 26)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(tree) == count
    assert kept < count // 8
    assert peak < 2 * count, "besides the 32 bytes of the states themselves, which may be in a file"
