"""LZ4 against the lz4 package, against a plain decoder, and at its worst."""

from __future__ import annotations

import random

import lz4.block
import pytest
from eth_utils import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

INPUT_CAP, OUTPUT_CAP = 98_304, 262_144
GAS_BOUND = 13_000_000  # with 1.6M for calldata it leaves 2M of a transaction (EIP-7825) to what judges the output

PROPERTY = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def plain_decode(data: bytes, cap: int) -> bytes | None:
    """The protocol reference's words, one by one; None for malformed input."""
    position, out = 0, bytearray()

    def length(nibble: int, position: int) -> tuple[int, int] | None:
        if nibble < 15:
            return nibble, position
        while position < len(data):
            nibble += data[position]
            position += 1
            if data[position - 1] < 255:
                return nibble, position
        return None

    while position < len(data):
        token = data[position]
        if (read := length(token >> 4, position + 1)) is None:
            return None
        literals, position = read
        if literals > len(data) - position or literals > cap - len(out):
            return None
        out += data[position : position + literals]
        position += literals
        if position == len(data):
            return bytes(out)
        if len(data) - position < 2:
            return None
        offset = int.from_bytes(data[position : position + 2], "little")
        if not 1 <= offset <= len(out):
            return None
        if (read := length(token & 15, position + 2)) is None:
            return None
        match, position = read[0] + 4, read[1]
        if match > cap - len(out):
            return None
        for _ in range(match):
            out.append(out[-offset])
    return None


def sequence(literals: bytes, match: int, offset: int) -> bytes:
    def more(value: int) -> bytes:
        return b"" if value < 15 else b"\xff" * ((value - 15) // 255) + bytes([(value - 15) % 255])

    n = len(literals)
    token = bytes([min(n, 15) << 4 | min(match - 4, 15)])
    return token + more(n) + literals + offset.to_bytes(2, "little") + more(match - 4)


def last(literals: bytes) -> bytes:
    return sequence(literals, 4, 0)[: -2 if len(literals) else 1]


def check(harness, data: bytes, cap: int = OUTPUT_CAP) -> bytes | None:
    expected = plain_decode(data, cap)
    ok, output = harness.lz4(data, cap)
    assert (ok, bytes(output)) == (expected is not None, expected or b"")
    return expected


sequences = st.builds(
    sequence,
    st.binary(max_size=40),
    st.one_of(st.integers(4, 40), st.integers(4, 600)),
    st.one_of(st.integers(1, 40), st.integers(0, 65_535)),
)
streams = st.tuples(st.binary(min_size=1, max_size=70), st.lists(sequences, max_size=12), st.binary(max_size=20))


def stream(parts: tuple[bytes, list[bytes], bytes]) -> bytes:
    head, middle, tail = parts
    return sequence(head, 4, 1) + b"".join(middle) + last(tail)


class TestDecode:
    @PROPERTY
    @given(data=st.one_of(st.binary(max_size=600), st.lists(st.sampled_from([b"a", b"bcd", bytes(30)])).map(b"".join)))
    def test_undoes_the_reference_compressor(self, harness, data):
        assert check(harness, lz4.block.compress(data, store_size=False)) == data

    @PROPERTY
    @given(parts=streams)
    def test_agrees_on_hand_made_streams(self, harness, parts):
        check(harness, stream(parts))

    @PROPERTY
    @given(parts=streams, data=st.data())
    def test_agrees_on_damaged_streams(self, harness, parts, data):
        whole = bytearray(stream(parts))
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
        check(harness, bytes(whole[: data.draw(st.integers(0, len(whole)))]))

    @PROPERTY
    @given(parts=streams, slack=st.integers(-20, 20))
    def test_agrees_on_the_cap(self, harness, parts, slack):
        whole = stream(parts)
        size = len(plain_decode(whole, OUTPUT_CAP) or b"")
        check(harness, whole, max(0, size + slack))

    @PROPERTY
    @given(data=st.binary(max_size=80))
    def test_agrees_on_garbage(self, harness, data):
        check(harness, data)

    @pytest.mark.parametrize("match", [4, 7, 17, 18, 19, 33, 34, 35, 64, 65, 273, 274, 275, 600])
    @pytest.mark.parametrize("offset", [1, 2, 3, 7, 8, 9, 11, 15, 16, 17, 18, 31, 32, 33])
    def test_repeats_every_period(self, harness, offset, match):
        head = bytes(range(1, 41))
        data = sequence(head, match, offset) + sequence(b"xyz", match, offset) + last(b"the end of the stream")
        assert check(harness, data) is not None

    def test_decodes_real_sizes(self, harness):
        rnd = random.Random(7)
        words = [rnd.randbytes(rnd.randrange(1, 30)) for _ in range(50)]
        data = b"".join(rnd.choice(words) for _ in range(3_000))
        assert check(harness, lz4.block.compress(data, store_size=False)) == data

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\x10",
            b"\x20a",
            b"\xf0",
            b"\xf0\xff",
            b"\x10a\x01",
            b"\x10a\x01\x00",
            b"\x10a\x00\x00\x00",
            b"\x10a\x02\x00\x00",
            b"\x00\x01\x00\x00",
            b"\x1fa\x01\x00\xff",
            b"\x1fa\x01\x00",
        ],
        ids=bytes.hex,
    )
    def test_knows_malformed_input(self, harness, data):
        assert check(harness, data) is None

    def test_decodes_no_literals_to_nothing(self, harness):
        assert check(harness, b"\x00") == b""
        assert check(harness, b"\x00", 0) == b""

    def test_leaves_other_memory_alone(self, harness):
        head = bytes(range(1, 41))
        for data in (last(head), sequence(head, 5, 3) + last(b"end"), sequence(head, 600, 17) + last(b"e" * 31)):
            intact, output = harness.lz4Memory(data, OUTPUT_CAP)
            assert intact
            assert bytes(output) == plain_decode(data, OUTPUT_CAP)


def crowded(pattern: list[bytes]) -> bytes:
    """As many of these sequences as the caps admit."""
    data, size = bytearray(sequence(bytes(range(64)), 4, 1)), 68
    while True:
        for part in pattern:
            produced = len(plain_decode(sequence(bytes(64), 4, 64) + part + b"\x00", OUTPUT_CAP) or b"") - 68
            if len(data) + len(part) + 1 > INPUT_CAP or size + produced > OUTPUT_CAP:
                return bytes(data) + b"\x00"
            data += part
            size += produced


WORST = {
    "shortest sequences and shortest long ones": [sequence(b"", 4, 1), sequence(b"", 4, 1), sequence(b"", 19, 1)],
    "one literal each": [sequence(b"x", 7, 3)],
}


class TestWorstCase:
    """The costliest inputs that a search over lengths, offsets and mixtures found."""

    @pytest.mark.parametrize("pattern", WORST.values(), ids=WORST.keys())
    def test_fits_an_l1_transaction(self, harness, pattern):
        data = crowded(pattern)
        digest, gas = harness.lz4Gas(data, OUTPUT_CAP)
        assert digest == keccak(plain_decode(data, OUTPUT_CAP))
        assert gas < GAS_BOUND

    @pytest.mark.parametrize("head", [b"\xf0", b"\x1fx\x01\x00"], ids=["literals", "match"])
    def test_endless_lengths_are_given_up(self, harness, head):
        digest, gas = harness.lz4Gas(head.ljust(INPUT_CAP, b"\xff"), OUTPUT_CAP)
        assert digest == bytes(32)
        assert gas < 300_000
