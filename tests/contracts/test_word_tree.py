"""WordTree against the plain model."""

from __future__ import annotations

import ape
import pytest
from eth_utils import keccak

from tests.contracts.tree_model import EMPTY, word_path, word_root

DEPTH = 4
WORDS = [keccak(bytes([i])) for i in range(11)]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 11, 16])
def test_root_fills_up_with_zeros(harness, count):
    words = [keccak(bytes([i])) for i in range(count)]
    assert bytes(harness.wordRoot(words, DEPTH)) == word_root(words, DEPTH)


def test_root_of_a_contracts_code_depth(harness):
    assert bytes(harness.wordRoot(WORDS, 11)) == word_root(WORDS, 11)


def test_root_of_depth_zero_is_the_word(harness):
    assert bytes(harness.wordRoot([], 0)) == EMPTY
    assert bytes(harness.wordRoot([WORDS[0]], 0)) == WORDS[0]


@pytest.mark.parametrize(("count", "depth"), [(17, 4), (2, 0), (1, 65)])
def test_root_refuses_what_does_not_fit(harness, count, depth):
    with ape.reverts(harness.OutOfTree):
        harness.wordRoot([EMPTY] * count, depth)


@pytest.mark.parametrize("index", [0, 1, 10, 11, 15])
def test_every_word_and_every_absent_word_is_proved(harness, index):
    value = WORDS[index] if index < len(WORDS) else EMPTY
    path = word_path(WORDS, DEPTH, index)
    root = word_root(WORDS, DEPTH)
    assert harness.wordVerify(root, DEPTH, index, value, path)
    assert not harness.wordVerify(root, DEPTH, index, keccak(value), path)
    if index < 14:  # the last two words are both zero
        assert not harness.wordVerify(root, DEPTH, index ^ 1, value, path)
    assert not harness.wordVerify(root, DEPTH, index + 16, value, path)
    assert not harness.wordVerify(root, DEPTH, index, value, path[:-1])
    assert not harness.wordVerify(root, DEPTH, index, value, [*path, EMPTY])
    assert not harness.wordVerify(root, 65, index, value, path)
    for i in range(DEPTH):
        assert not harness.wordVerify(root, DEPTH, index, value, [*path[:i], keccak(path[i]), *path[i + 1 :]])


def test_a_path_must_fit_its_index(harness):
    with ape.reverts(harness.OutOfTree):
        harness.wordRootOfPath(16, EMPTY, word_path(WORDS, DEPTH, 0))
