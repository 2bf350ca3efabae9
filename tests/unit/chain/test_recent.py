"""The tree of recent block hashes: which words it holds, and that one path leads from a block's to the next one's."""

from pathlib import Path

import pytest

from tandem.batch.payload import PackedBlock, encode_batch
from tandem.chain.recent import RECENT_BLOCKS, RECENT_DEPTH, recent_hashes, recent_words
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import ZERO_HASH, Hash
from tandem.state import words
from tests.support.chain import Inbox, Node, make_deployment


def block_hash(number: int) -> Hash:
    return keccak(word(number))


@pytest.mark.parametrize("number", [0, 1, 2, 255, 256, 257, 300, 511, 512, 513, 10_000])
def test_the_words_are_the_blocks_before(number: int) -> None:
    expected = [ZERO_HASH] * RECENT_BLOCKS
    for earlier in range(number):
        if number - earlier <= RECENT_BLOCKS:
            expected[earlier % RECENT_BLOCKS] = block_hash(earlier)
    assert recent_hashes(number, block_hash) == words.root(expected, RECENT_DEPTH)


def test_only_blocks_in_reach_are_asked_for() -> None:
    asked = []
    recent_hashes(1_000, lambda number: asked.append(number) or ZERO_HASH)  # type: ignore[func-returns-value]
    assert sorted(asked) == list(range(744, 1_000))


@pytest.mark.parametrize("number", [1, 2, 3, 256, 257, 258, 1_000])
def test_one_path_leads_to_the_next(number: int) -> None:
    """What a proof of the machine's step relies on: only the parent's word differs."""
    before = recent_words(number - 1, block_hash)
    index = (number - 1) % RECENT_BLOCKS
    siblings = words.path(before, index, RECENT_DEPTH)
    replaced = block_hash(number - 1 - RECENT_BLOCKS) if number > RECENT_BLOCKS else ZERO_HASH
    assert words.climb(replaced, index, siblings) == recent_hashes(number - 1, block_hash)
    assert words.climb(block_hash(number - 1), index, siblings) == recent_hashes(number, block_hash)


def test_headers_of_a_chain_commit_to_those_before_them(tmp_path: Path) -> None:
    node = Node(tmp_path / "a", make_deployment())
    inbox = Inbox()
    inbox.batch(encode_batch([PackedBlock(1, 0, ())] * 300), 0)
    node.apply(inbox.events)
    with node.store.read() as session:
        assert session.head_number() == 300
        headers = [session.header(number) for number in range(301)]
        assert [session.block_hash(number) for number in range(301)] == [header.hash for header in headers]
    assert headers[0].recent_hashes == words.zero_root(RECENT_DEPTH)
    for number in (1, 2, 255, 256, 257, 300):
        assert headers[number].recent_hashes == recent_hashes(number, lambda earlier: headers[earlier].hash)
    node.store.close()
