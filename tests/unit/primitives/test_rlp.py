"""RLP: round trip, agreement with the rlp package, and refusal of everything that is not canonical."""

import pytest
import rlp as reference
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import EncodingError
from tandem.primitives import rlp

items = st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=6), max_leaves=20)


@given(items)
def test_an_item_is_read_back_and_encoded_as_the_reference_does(item: rlp.Decoded) -> None:
    data = rlp.encode(item)
    assert data == reference.encode(item)
    assert rlp.decode(data) == item


@given(st.binary(max_size=80))
def test_what_is_read_is_canonical(data: bytes) -> None:
    try:
        item = rlp.decode(data)
    except EncodingError:
        return
    assert rlp.encode(item) == data


@given(items.filter(lambda item: isinstance(item, list)))
def test_a_lists_payload_and_sizes_make_up_its_encoding(item: list[rlp.Decoded]) -> None:
    data = rlp.encode(item)
    payload = rlp.list_payload(data)
    assert rlp.list_header(len(payload)) + payload == data
    for entry in item:
        if isinstance(entry, bytes):
            assert rlp.encoded_size(entry) == len(rlp.encode(entry))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81\x00",
        b"\x81\x7f",
        b"\xb8\x01\x00",
        b"\xb8\x37" + bytes(55),
        b"\xb9\x00\x38" + bytes(56),
        b"\x82\x00",
        b"\xc1",
        b"\xc0\x00",
        b"\xf8\x01\xc0",
        b"\xc2\x81\x00",
        b"\xbf" + b"\xff" * 8,
    ],
    ids=lambda data: data[:4].hex() or "empty",
)
def test_other_forms_are_refused(data: bytes) -> None:
    with pytest.raises(EncodingError):
        rlp.decode(data)


def test_deep_nesting_is_refused_instead_of_exhausting_the_stack() -> None:
    data = b"\xc0"
    for _ in range(100_000):
        data = rlp.list_header(len(data)) + data if len(data) < 10_000 else data
    with pytest.raises(EncodingError, match="deeper"):
        rlp.decode(data)


@pytest.mark.parametrize(("item", "why"), [(b"\0", "leading zero"), (b"\1" * 9, "at most 8"), ([], "a list is there")])
def test_integers_have_one_form(item: rlp.Decoded, why: str) -> None:
    with pytest.raises(EncodingError, match=why):
        rlp.decode_int(item, 8)
