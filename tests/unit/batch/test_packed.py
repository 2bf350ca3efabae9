"""Packing is lossless, and every byte string is a transaction or an EncodingError."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.batch.packed import MAX_PACKED_BYTES, MOST_OVERHEAD, is_packable, pack, pack_number, unpack
from tandem.errors import EncodingError
from tandem.primitives.types import Address, Gas, Hash, Wei
from tandem.transactions.codec import UnsignedTransaction, decode_signed, decode_stored
from tandem.transactions.transaction import SignedTransaction

CHAIN = 42069
SECRET = bytes(31) + b"\x07"
uint256 = st.one_of(
    st.integers(0, 2**256 - 1), st.builds(lambda m, e: m * 10**e, st.integers(0, 999), st.integers(0, 22))
)
addresses = st.binary(min_size=20, max_size=20).map(Address)
access_lists = st.lists(
    st.tuples(addresses, st.lists(st.binary(min_size=32, max_size=32).map(Hash), max_size=2).map(tuple)), max_size=2
).map(tuple)


@st.composite
def unsigned(draw: st.DrawFn) -> UnsignedTransaction:
    kind = draw(st.integers(0, 2))
    fee = Wei(draw(uint256))
    return UnsignedTransaction(
        type=kind,
        chain_id=None if kind == 0 and draw(st.booleans()) else CHAIN,
        nonce=draw(st.integers(0, 2**64 - 1)),
        max_priority_fee=Wei(draw(uint256)) if kind == 2 else fee,
        max_fee=fee,
        gas_limit=Gas(draw(st.integers(0, 2**64 - 1))),
        to=draw(st.one_of(st.none(), addresses)),
        value=Wei(draw(uint256)),
        data=draw(st.binary(max_size=100)),
        access_list=draw(access_lists) if kind else (),
    )


Signer = Callable[[UnsignedTransaction], SignedTransaction]


def key_owner(transaction: UnsignedTransaction) -> SignedTransaction:
    return transaction.sign(SECRET)


def anyone(transaction: UnsignedTransaction) -> SignedTransaction:
    """Signed by nobody's key: a sender fits any r that is a point's and any s. So the standard form may be short."""
    return transaction.with_signature(0, 1, 1)


def signed() -> st.SearchStrategy[SignedTransaction]:
    return unsigned().map(key_owner)


@given(signed())
@settings(max_examples=200, deadline=None)
def test_packing_loses_nothing(transaction: SignedTransaction) -> None:
    assert unpack(pack(transaction), CHAIN) == transaction
    assert decode_signed(transaction.raw) == transaction
    assert decode_stored(transaction.raw, transaction.sender) == transaction


@given(signed(), st.data())
@settings(max_examples=200, deadline=None)
def test_damaged_bytes_are_a_transaction_or_an_encoding_error(
    transaction: SignedTransaction, draw: st.DataObject
) -> None:
    data = bytearray(pack(transaction))
    for _ in range(draw.draw(st.integers(1, 3))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    cut = bytes(data[: draw.draw(st.integers(0, len(data)))])
    for candidate in (bytes(data), cut, bytes(data) + b"\0"):
        try:
            assert unpack(pack(unpack(candidate, CHAIN)), CHAIN) == unpack(candidate, CHAIN)
        except EncodingError:
            pass


def test_amounts_with_decimal_zeros_are_short() -> None:
    assert [len(pack_number(n)) for n in (0, 127, 128, 21_000, 10**18, 15 * 10**17, 123_456_789_012)] == [
        1,
        1,
        2,
        2,
        2,
        2,
        6,
    ]


@pytest.mark.parametrize("by", [key_owner, anyone], ids=["signed", "small signature"])
def test_a_packed_transaction_has_a_longest_form(by: Signer) -> None:
    def with_data(length: int) -> SignedTransaction:
        to = Address(bytes(20))
        return by(UnsignedTransaction(2, CHAIN, 0, Wei(0), Wei(1), Gas(2**24), to, Wei(0), b"\1" * length))

    length = MAX_PACKED_BYTES - len(pack(with_data(60_001))) + 60_001
    longest, too_long = with_data(length), with_data(length + 1)
    assert len(pack(longest)) == MAX_PACKED_BYTES
    assert is_packable(longest) and unpack(pack(longest), CHAIN) == longest
    assert not is_packable(too_long)
    with pytest.raises(EncodingError, match="65537 bytes, at most 65536"):
        unpack(pack(too_long), CHAIN)


@given(unsigned(), st.sampled_from([key_owner, anyone]))
@settings(max_examples=200, deadline=None)
def test_the_packed_form_is_not_much_longer_than_the_standard_one(transaction: UnsignedTransaction, by: Signer) -> None:
    made = by(transaction)
    assert len(pack(made)) <= len(made.raw) + MOST_OVERHEAD
