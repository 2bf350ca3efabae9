"""One meaning for every input: LZ4 blocks that are valid, damaged, or garbage."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.batch.lz4 import compress, decompress
from tandem.batch.payload import MAX_DECODED_BYTES
from tandem.errors import EncodingError
from tests.contracts.test_lz4 import stream, streams
from tests.parity.values import PROPERTY

texts = st.one_of(
    st.binary(min_size=1, max_size=600),
    st.lists(st.sampled_from([b"abc", b"\0" * 40, b"transfer", b"x"]), min_size=1, max_size=120).map(b"".join),
    st.tuples(st.binary(min_size=1, max_size=40), st.integers(1, 60)).map(lambda pair: pair[0] * pair[1]),
)


def compare(libraries, block: bytes, limit: int = MAX_DECODED_BYTES) -> None:
    try:
        expected = (True, decompress(block, limit))
    except EncodingError:
        expected = (False, b"")
    ok, output = libraries.lz4(block, limit)
    assert (ok, bytes(output)) == expected


@PROPERTY
@given(texts)
def test_what_liblz4_wrote(libraries, data):
    block = compress(data)
    assert decompress(block, MAX_DECODED_BYTES) == data
    compare(libraries, block)


@settings(PROPERTY, max_examples=60)
@given(streams, st.data())
def test_streams_whole_and_damaged(libraries, parts, data):
    block = bytearray(stream(parts))
    compare(libraries, bytes(block))
    block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    compare(libraries, bytes(block[: data.draw(st.integers(0, len(block)))]))


@PROPERTY
@given(texts, st.integers(-20, 20))
def test_the_limit(libraries, data, slack):
    compare(libraries, compress(data), max(0, len(data) + slack))


@settings(PROPERTY, max_examples=60)
@given(st.binary(max_size=60))
def test_garbage(libraries, block):
    compare(libraries, block)
