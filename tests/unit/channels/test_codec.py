"""Values as msgpack: one form each, bounds to the last one, and nothing but EncodingError for a stranger's bytes."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.channels.codec import (
    ADDRESS,
    AMOUNT,
    FLAG,
    HASH,
    NUMBER,
    PUBLIC_KEY,
    SIGNATURE,
    TIME,
    Field,
    Shape,
    blob,
    brief,
    cut,
    exactly,
    many,
    optional,
    pack,
    text,
    unpack,
)
from tandem.errors import EncodingError


@dataclass(frozen=True)
class Pair:
    one: int
    other: str


SHAPE = Shape(Pair, (NUMBER, text(4)))
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.lists(plain))
def test_an_array_comes_back(values: list[Any]) -> None:
    assert unpack(pack(values)) == values


@given(st.binary(max_size=100) | plain.map(pack))
def test_other_bytes_are_refused_and_do_nothing_else(data: bytes) -> None:
    try:
        assert type(unpack(data)) is list
    except EncodingError as reason:
        assert str(reason) in ("these bytes are no message", "a message is a list")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x91",
        b"\x90\x90",
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x91" * 100_000,
        b"\x91\xa1\xff",
        b"\x91\x81\x90\x00",
        b"\x91\xd7\xff" + b"\xff" * 8,
    ],
    ids=[
        "nothing",
        "no type",
        "cut off",
        "two messages",
        "an array of four billion",
        "as many bytes",
        "100,000 deep",
        "a text that is none",
        "a list as a key",
        "a time that there is not",
    ],
)
def test_what_would_harm_is_no_message(data: bytes) -> None:
    with pytest.raises(EncodingError, match="no message"):
        unpack(data)


BOUNDS = [
    (NUMBER, (0, 2**64 - 1), (-1, 2**64, True, 1.0, "1", b"\1", None), "64 bits"),
    (TIME, (0, 2**64 - 1), (-1, 2**64, False, 0.0, None), "64 bits"),
    (HASH, (bytes(32),), (bytes(31), bytes(33), "x" * 32, 32, None), "32 to 32 bytes"),
    (ADDRESS, (bytes(20),), (bytes(19), bytes(21), None), "20 to 20 bytes"),
    (PUBLIC_KEY, (bytes(33),), (bytes(32), bytes(34)), "33 to 33 bytes"),
    (SIGNATURE, (bytes(65),), (bytes(64), bytes(66)), "65 to 65 bytes"),
    (FLAG, (False, True), (0, 1, None, b""), "yes or no"),
    (blob(1, 3), (b"1", b"123"), (b"", b"1234", [1], "12"), "1 to 3 bytes"),
]


@pytest.mark.parametrize(("field", "good", "bad", "reason"), BOUNDS, ids=[reason for *_, reason in BOUNDS])
def test_bounds(field: Field, good: tuple[Any, ...], bad: tuple[Any, ...], reason: str) -> None:
    for value in good:
        assert field.read(field.write(value)) == value
    for value in bad:
        with pytest.raises(EncodingError, match=reason):
            field.read(value)


@given(st.integers(0, 2**128 - 1))
def test_an_amount_has_one_form(amount: int) -> None:
    written = AMOUNT.write(amount)
    assert AMOUNT.read(written) == amount
    assert len(written) == (amount.bit_length() + 7) // 8
    with pytest.raises(EncodingError, match="the first of them not zero" if len(written) < 16 else "0 to 16 bytes"):
        AMOUNT.read(b"\0" + written)


@pytest.mark.parametrize("written", [bytes(17), b"\1" * 17, 5, None, "1"])
def test_other_amounts_are_refused(written: object) -> None:
    with pytest.raises(EncodingError, match="0 to 16 bytes"):
        AMOUNT.read(written)


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(EncodingError, match="not negative"):
        AMOUNT.write(-1)
    with pytest.raises(EncodingError, match="no text"):
        text(9).write("half a pair: \ud800")
    with pytest.raises(EncodingError, match="0 to 16 bytes"):
        AMOUNT.read(AMOUNT.write(2**128))


@given(st.text(max_size=12))
def test_a_text_is_counted_in_bytes(value: str) -> None:
    field, size = text(12), len(value.encode())
    if size <= 12:
        assert field.read(field.write(value)) == value
    else:
        with pytest.raises(EncodingError, match="0 to 12 bytes"):
            field.write(value)
        with pytest.raises(EncodingError, match="0 to 12 bytes"):
            field.read(value.encode())


@given(st.text(max_size=12), st.integers(0, 20))
def test_what_only_people_read_is_cut_between_characters(value: str, most: int) -> None:
    field, short = brief(most), cut(value, most)
    assert field.read(field.write(value)) == short
    size = len(short.encode())
    assert value.startswith(short) and size <= most and (short == value or most - size < 4)
    assert cut("a\ud800b", most) == "ab"[:most]


@pytest.mark.parametrize("written", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80"])
def test_bytes_that_are_no_utf8_are_no_text(written: bytes) -> None:
    with pytest.raises(EncodingError, match="no text"):
        text(9).read(written)


def test_lists_and_what_may_be_missing() -> None:
    field = many(optional(NUMBER), 3)
    assert field.read(field.write((1, None, 2))) == (1, None, 2)
    assert field.read([]) == ()
    for wrong, reason in (([1] * 4, "up to 3 belong here"), (None, "up to 3"), (b"12", "up to 3"), ([-1], "64 bits")):
        with pytest.raises(EncodingError, match=reason):
            field.read(wrong)


@given(st.integers(0, 2**64 - 1), st.text(max_size=1))
def test_a_dataclass_is_its_fields_in_order(one: int, other: str) -> None:
    value = Pair(one, other)
    assert SHAPE.write(value) == [one, other.encode()]
    assert SHAPE.read(SHAPE.write(value)) == SHAPE.field.read(SHAPE.field.write(value)) == value


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1], "2 fields belong here, not 1"),
        ([1, b"", 1], "2 fields belong here, not 3"),
        ([b"", 1], "64 bits"),
        ([1, 1], "0 to 4 bytes"),
        (None, "a list belongs here"),
        ({1: b""}, "a list belongs here"),
    ],
)
def test_other_lists_are_refused(values: object, reason: str) -> None:
    with pytest.raises(EncodingError, match=reason):
        SHAPE.read(values)


def test_a_value_with_other_fields_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Shape(Pair, (NUMBER,)).write(Pair(1, "x"))


def test_so_many_and_no_other_number() -> None:
    assert exactly([1, 2], 2) == [1, 2]
    with pytest.raises(EncodingError, match="3 fields belong here, not 2"):
        exactly([1, 2], 3)
