"""Invoices: one text each, signed by the payee over every field."""

import base64
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.channels.codec import pack, unpack
from tandem.channels.identity import Identity
from tandem.channels.invoices import MOST_DESCRIPTION, MOST_TEXT, PREFIX, Invoice, decode_invoice, encode_invoice
from tandem.channels.signing import BadSignature, SigningDomain
from tandem.errors import EncodingError
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, Address, Hash, Seconds

PAYEE, STRANGER = (Identity(keccak(name)) for name in (b"payee", b"stranger"))
INVOICE = Invoice(
    31337,
    Address(b"\x11" * 20),
    PAYEE.public_key,
    ZERO_ADDRESS,
    5_000,
    keccak(b"ref"),
    keccak(b"payment secret"),
    Seconds(1_000),
    Seconds(4_600),
    Seconds(2_700),
    "two coffees",
)
OTHERS = {
    "chain_id": 31338,
    "contract": Address(b"\x12" * 20),
    "payee": STRANGER.public_key,
    "token": Address(b"\x13" * 20),
    "amount": 5_001,
    "ref": keccak(b"another"),
    "payment_secret": keccak(b"another"),
    "created": Seconds(1_001),
    "expires": Seconds(4_601),
    "final_delta": Seconds(2_701),
    "description": "two coffees!",
}
"""Another value for each field."""
LINE = encode_invoice(INVOICE, PAYEE.sign)
hashes = st.binary(min_size=32, max_size=32).map(Hash)
addresses = st.binary(min_size=20, max_size=20).map(Address)
numbers = st.integers(0, 2**64 - 1)
invoices = st.builds(
    Invoice,
    numbers,
    addresses,
    st.just(PAYEE.public_key),
    addresses,
    st.integers(0, 2**128 - 1),
    hashes,
    hashes,
    numbers,
    numbers,
    numbers,
    st.text(max_size=MOST_DESCRIPTION // 4),
)


def line_of(values: list[object]) -> str:
    return PREFIX + base64.urlsafe_b64encode(pack(values)).decode().rstrip("=")


def values_of(line: str) -> list[object]:
    body = line.removeprefix(PREFIX)
    return unpack(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


@given(invoices)
def test_what_is_asked_for_is_understood(invoice: Invoice) -> None:
    assert decode_invoice(encode_invoice(invoice, PAYEE.sign)) == invoice


def test_a_line_may_have_space_around_it() -> None:
    assert decode_invoice(f"\n {LINE}\t\n") == INVOICE


def test_the_largest_fits() -> None:
    most = 2**64 - 1
    times = (Seconds(most), Seconds(most), Seconds(most))
    largest = Invoice(
        most, *(INVOICE.contract, INVOICE.payee, INVOICE.token), 2**128 - 1, INVOICE.ref, INVOICE.ref, *times, "é" * 256
    )
    line = encode_invoice(largest, PAYEE.sign)
    assert decode_invoice(line) == largest
    assert len(line) < MOST_TEXT


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_changed_character_is_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(LINE) - 1))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= \né"
    letter = data.draw(st.sampled_from([each for each in alphabet if each != LINE[at]]))
    with pytest.raises((EncodingError, BadSignature)):
        decode_invoice(LINE[:at] + letter + LINE[at + 1 :])


@pytest.mark.parametrize("name", [item.name for item in fields(Invoice)])
def test_every_field_is_signed(name: str) -> None:
    other = replace(INVOICE, **{name: OTHERS[name]})  # type: ignore[arg-type]
    assert other.digest() != INVOICE.digest()
    values = [*values_of(encode_invoice(other, PAYEE.sign))[:-1], values_of(LINE)[-1]]
    with pytest.raises(BadSignature):
        decode_invoice(line_of(values))


def test_nobody_signs_for_the_payee() -> None:
    with pytest.raises(BadSignature, match=f"0x{STRANGER.address.hex()} has signed, not 0x{PAYEE.address.hex()}"):
        decode_invoice(encode_invoice(INVOICE, STRANGER.sign))


@pytest.mark.parametrize(
    "line",
    [
        LINE + "=" * (-len(LINE.removeprefix(PREFIX)) % 4 or 4),
        LINE.replace("-", "+").replace("_", "/"),
        LINE + "A",
        line_of([*values_of(LINE), 0]),
        PREFIX + base64.urlsafe_b64encode(b"\xdc\x00\x0c" + pack(values_of(LINE))[1:]).decode().rstrip("="),
        PREFIX + base64.urlsafe_b64encode(pack(values_of(LINE)) + b"\0").decode().rstrip("="),
    ],
    ids=["padding", "the other alphabet", "a letter more", "a field more", "a longer head", "a byte more"],
)
def test_an_invoice_has_one_form(line: str) -> None:
    assert line != LINE
    with pytest.raises(EncodingError):
        decode_invoice(line)


def test_bits_of_the_last_letter_that_count_for_nothing_are_zero() -> None:
    line = LINE[:-1] + chr(ord(LINE[-1]) + 1)
    assert values_of(line) == values_of(LINE)
    with pytest.raises(EncodingError, match="not in the one form"):
        decode_invoice(line)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "begins with tandem1"),
        ("lnbc1" + LINE, "begins with tandem1"),
        (LINE.upper(), "begins with tandem1"),
        (LINE + "A" * MOST_TEXT, "up to 2048 characters"),
        (PREFIX, "no message"),
        (PREFIX + "é", "no base64"),
        (PREFIX + "A", "no base64"),
        (PREFIX + "wQ", "no message"),
        (line_of([1, 2]), "12 fields belong here"),
        (line_of([*values_of(LINE)[:-1], b"\0" * 64]), "65 to 65 bytes"),
        (line_of([*values_of(LINE)[:2], b"\5" + bytes(32), *values_of(LINE)[3:]]), "is no public key"),
    ],
)
def test_what_is_wrong_is_said(line: str, reason: str) -> None:
    with pytest.raises(EncodingError, match=reason):
        decode_invoice(line)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("chain_id", 2**64, "64 bits"),
        ("chain_id", -1, "64 bits"),
        ("amount", 2**128, "0 to 16 bytes"),
        ("amount", -1, "not negative"),
        ("expires", -1, "64 bits"),
        ("payee", b"\2" * 32, "33 to 33 bytes"),
        ("token", b"", "20 to 20 bytes"),
        ("description", "x" * (MOST_DESCRIPTION + 1), "0 to 512 bytes"),
        ("description", "\ud800", "no text"),
    ],
)
def test_an_invoice_that_nobody_could_read_is_not_signed(name: str, value: object, reason: str) -> None:
    def sign(digest: Hash) -> bytes:
        raise AssertionError("it was signed")

    with pytest.raises(EncodingError, match=reason):
        encode_invoice(replace(INVOICE, **{name: value}), sign)  # type: ignore[arg-type]


def test_an_invoice_is_for_one_contract_on_one_chain() -> None:
    domain = SigningDomain(INVOICE.chain_id, INVOICE.contract)
    digests = {replace(INVOICE, chain_id=chain).digest() for chain in (1, 31337)} | {domain.voucher(INVOICE.ref, 5_000)}
    assert len(digests) == 3
