"""Code chunks against a byte-by-byte scan, and word trees against their definition."""

from hypothesis import given
from hypothesis import strategies as st

from tandem.primitives.hashing import keccak
from tandem.state import words
from tandem.state.code import CHUNK_BYTES, DEPTH, chunks, code_root

codes = st.lists(st.sampled_from([b"\x00", b"\x5b", b"\x60", b"\x7f", b"\x7e", b"\x01" * 20]), max_size=40).map(
    b"".join
)


@given(codes)
def test_the_first_byte_of_a_chunk_says_how_much_of_it_is_push_data(code: bytes) -> None:
    is_data = [False] * len(code)
    at = 0
    while at < len(code):
        width = code[at] - 0x5F if 0x60 <= code[at] <= 0x7F else 0
        for index in range(at + 1, min(at + 1 + width, len(code))):
            is_data[index] = True
        at += 1 + width
    for number, chunk in enumerate(chunks(code)):
        start = number * CHUNK_BYTES
        leading = 0
        while start + leading < len(code) and leading < CHUNK_BYTES and is_data[start + leading]:
            leading += 1
        within = min(CHUNK_BYTES, len(code) - start)
        assert chunk[0] == leading or (leading == within and chunk[0] >= leading)
        assert chunk[1:] == code[start : start + CHUNK_BYTES].ljust(CHUNK_BYTES, b"\0")


def test_the_root_of_no_code_is_zero() -> None:
    assert code_root(b"") == bytes(32)
    assert code_root(b"\0") == words.root([bytes(32)], DEPTH)


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=8), st.integers(0, 7))
def test_a_word_tree_is_a_complete_binary_tree_over_its_words(content: list[bytes], index: int) -> None:
    level = content + [bytes(32)] * (8 - len(content))
    for _ in range(3):
        level = [keccak(level[at] + level[at + 1]) for at in range(0, len(level), 2)]
    assert words.root(content, 3) == level[0]
    word = content[index] if index < len(content) else bytes(32)
    assert words.climb(word, index, words.path(content, index, 3)) == level[0]
