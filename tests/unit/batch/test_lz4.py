"""The LZ4 decoder against liblz4 on what liblz4 wrote, and against garbage."""

import lz4.block
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.batch.lz4 import MAX_SEQUENCES, compress, decompress
from tandem.errors import EncodingError

LIMIT = 262_144
texts = st.one_of(
    st.binary(min_size=1, max_size=2000),
    st.lists(st.sampled_from([b"abc", b"\0" * 40, b"transfer", b"x"]), min_size=1, max_size=300).map(b"".join),
    st.tuples(st.binary(min_size=1, max_size=3), st.integers(1, 5000)).map(lambda pair: pair[0] * pair[1]),
)


@given(texts)
@settings(deadline=None)
def test_what_liblz4_wrote_is_read_back(data: bytes) -> None:
    assert decompress(compress(data), LIMIT) == data
    assert decompress(lz4.block.compress(data, mode="fast", store_size=False), LIMIT) == data


@given(texts, st.data())
@settings(deadline=None)
def test_damaged_input_is_refused_or_gives_something_within_the_limit(data: bytes, draw: st.DataObject) -> None:
    block = bytearray(compress(data))
    block[draw.draw(st.integers(0, len(block) - 1))] ^= draw.draw(st.integers(1, 255))
    try:
        assert len(decompress(bytes(block), len(data))) <= len(data)
    except EncodingError:
        pass


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (b"", "does not end with literals"),
        (b"\x10", "literals run past"),
        (b"\xf0", "length is cut short"),
        (b"\x10a\x01", "offset is cut short"),
        (b"\x10a\x00\x00", "offset 0"),
        (b"\x10a\x02\x00", "offset 2 with 1"),
        (b"\x10a\x01\x00", "does not end with literals"),
        (b"\x1fa\x01\x00\xff", "length is cut short"),
    ],
)
def test_each_way_to_be_malformed_is_named(block: bytes, why: str) -> None:
    with pytest.raises(EncodingError, match=why):
        decompress(block, LIMIT)


def test_a_bomb_stops_at_the_limit() -> None:
    bomb = b"\x1fa\x01\x00" + b"\xff" * 90_000 + b"\x00\x00"
    with pytest.raises(EncodingError, match="more than 262144"):
        decompress(bomb, LIMIT)


def test_sequences_are_capped() -> None:
    first, each, last = b"\x10a\x01\x00", b"\x00\x01\x00", b"\x00"
    assert decompress(first + each * (MAX_SEQUENCES - 2) + last, LIMIT) == b"a" * (1 + 4 * (MAX_SEQUENCES - 1))
    with pytest.raises(EncodingError, match="more than 8192 sequences"):
        decompress(first + each * (MAX_SEQUENCES - 1) + last, LIMIT)
