"""The batch container: round trip, caps, and nothing but EncodingError on garbage."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.batch import lz4
from tandem.batch.payload import LZ4, MAX_BATCH_BYTES, MAX_ITEMS, PLAIN, PackedBlock, decode_batch, encode_batch
from tandem.errors import EncodingError
from tandem.primitives import rlp

blocks = st.lists(
    st.builds(
        PackedBlock,
        st.integers(0, 2**64 - 1),
        st.integers(0, 2**64 - 1),
        st.lists(st.binary(max_size=60), max_size=5).map(tuple),
    ),
    max_size=10,
)


@given(blocks)
@settings(deadline=None)
def test_a_batch_is_read_back(content: list[PackedBlock]) -> None:
    assert decode_batch(encode_batch(content)) == content


@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=300).map(lambda tail: b"\0\0" + tail),
        st.binary(max_size=300).map(lambda tail: b"\0\1" + tail),
    )
)
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_blocks_or_an_encoding_error(data: bytes) -> None:
    try:
        decode_batch(data)
    except EncodingError:
        pass


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "version and codec"),
        (b"\1\0\xc0", "version and codec"),
        (b"\0\2\xc0", "version and codec"),
        (b"\0\0\x80", "list of blocks"),
        (b"\0\0" + rlp.encode([[b"", b""]]), "a block is"),
        (b"\0\0" + rlp.encode([[b"\0", b"", []]]), "leading zero"),
        (b"\0\0" + rlp.encode([[b"\1" * 9, b"", []]]), "at most 8"),
        (b"\0\0" + rlp.encode([[b"", b"", [[]]]]), "byte string"),
        (b"\0\0" + rlp.encode([[b"", b"", [b""] * (MAX_ITEMS - 1)]]), "at most 8192"),
        (b"\0\1" + lz4.compress(rlp.encode([[b"", b"", []]]) + b"\0"), "follow the item"),
    ],
)
def test_each_broken_structure_is_named(data: bytes, why: str) -> None:
    with pytest.raises(EncodingError, match=why):
        decode_batch(data)


def test_a_batch_at_the_item_cap_is_read() -> None:
    assert (
        len(decode_batch(encode_batch([PackedBlock(0, 0, (b"",) * (MAX_ITEMS - 2))]))[0].transactions) == MAX_ITEMS - 2
    )


def words(count: int, kinds: int, size: int, literals: int = 0) -> bytes:
    """Data that compresses word by word: `count` words of `kinds` that there are, `literals` new bytes behind each."""
    rnd = random.Random(count + kinds)
    known = [rnd.randbytes(size) for _ in range(kinds)]
    return b"".join(rnd.choice(known) + rnd.randbytes(literals) for _ in range(count))


@pytest.mark.parametrize(
    ("data", "codec"),
    [
        (words(22_500, 15, 4), LZ4),
        (words(22_500, 200, 4), PLAIN),
        (words(22_500, 2_000, 4), PLAIN),
        (words(18_000, 500, 4, 1), PLAIN),
        (words(9_000, 200, 10), LZ4),
    ],
    ids=["few words", "words", "many words", "words and literals", "longer words"],
)
def test_what_liblz4_cuts_too_small_stays_plain(data: bytes, codec: int) -> None:
    content = [PackedBlock(2, 0, (data[:45_000], data[45_000:]))]
    batch = encode_batch(content)
    assert batch[1] == codec
    assert len(batch) <= MAX_BATCH_BYTES
    assert decode_batch(batch) == content


def test_a_batch_beyond_the_decoded_cap_is_not_one_for_l1() -> None:
    """It would compress to almost nothing, and decode to nothing."""
    assert len(encode_batch([PackedBlock(0, 0, (bytes(300_000),))])) > MAX_BATCH_BYTES
