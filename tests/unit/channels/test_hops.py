"""What hops are told and what they say: one form each, and a way of twelve hops fits."""

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tandem.channels.hops import (
    MOST_SAID,
    Failure,
    Final,
    Forward,
    Report,
    decode_payload,
    encode_payload,
    fail,
    new_session_key,
    read_report,
    wrap,
)
from tandem.channels.identity import Identity
from tandem.channels.onion import PACKET, OnionError, open_failure, peel, wrap_failure
from tandem.errors import EncodingError
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash, Seconds

MOST_HOPS = 12
"""Whatever the amounts and times are."""
IDENTITIES = [Identity(keccak(b"hop %d" % number)) for number in range(MOST_HOPS + 1)]
REF, SESSION = keccak(b"ref"), keccak(b"session")
hashes = st.binary(min_size=32, max_size=32).map(Hash)
numbers = st.integers(0, 2**64 - 1)
amounts = st.integers(0, 2**128 - 1)
payloads = st.builds(Forward, numbers, hashes, amounts, numbers) | st.builds(Final, amounts, numbers, hashes)
LARGEST = Forward(2**64 - 1, REF, 2**128 - 1, Seconds(2**64 - 1)), Final(2**128 - 1, Seconds(2**64 - 1), REF)


def pack(value: object) -> bytes:
    return bytes(msgpack.packb(value))


@given(payloads)
def test_what_is_told_is_understood(payload: Forward | Final) -> None:
    assert decode_payload(encode_payload(payload)) == payload


@given(payloads, st.data())
def test_a_changed_byte_is_another_payload_or_none(payload: Forward | Final, data: st.DataObject) -> None:
    told = encode_payload(payload)
    at = data.draw(st.integers(0, len(told) - 1))
    changed = told[:at] + bytes([told[at] ^ data.draw(st.integers(1, 255))]) + told[at + 1 :]
    try:
        assert decode_payload(changed) != payload
    except EncodingError:
        pass


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no message"),
        (pack({}), "is a list"),
        (pack([]), "no payload of this kind"),
        (pack([2, b"", 0, REF]), "no payload of this kind"),
        (pack([True, b"", 0, REF]), "no payload of this kind"),
        (pack([0.0, 1, REF, b"", 0]), "no payload of this kind"),
        (pack([[0], 1, REF, b"", 0]), "no payload of this kind"),
        (pack([1, b"", 0]), "3 fields belong here, not 2"),
        (pack([0, 1, REF, b"", 0, 0]), "4 fields belong here, not 5"),
        (pack([1, b"", 2**64 - 1, REF[1:]]), "32 to 32 bytes"),
        (pack([1, b"\0", 0, REF]), "the first of them not zero"),
        (pack([0, -1, REF, b"", 0]), "64 bits"),
        (pack([1, b"", 0, REF]) + b"\0", "no message"),
        (b"\x94\xcc\x01" + pack([b"", 0, REF])[1:], "not in the one form"),
    ],
)
def test_other_bytes_are_no_payload(data: bytes, reason: str) -> None:
    with pytest.raises(EncodingError, match=reason):
        decode_payload(data)


def way(count: int) -> list[tuple[bytes, Forward | Final]]:
    """The longest payloads for so many hops."""
    keys = [identity.public_key for identity in IDENTITIES[:count]]
    return [*((key, LARGEST[0]) for key in keys[:-1]), (keys[-1], LARGEST[1])]


def test_each_hop_reads_its_own_payload_and_shares_a_secret_with_the_payer() -> None:
    packet, secrets = wrap(way(MOST_HOPS), REF, SESSION)
    for at, identity in enumerate(IDENTITIES[:MOST_HOPS]):
        assert len(packet) == PACKET
        peeled = peel(packet, identity.secret, REF)
        assert decode_payload(peeled.payload) == LARGEST[at == MOST_HOPS - 1]
        assert peeled.secret == secrets[at]
        if peeled.packet is not None:
            packet = peeled.packet
    assert peeled.packet is None


def test_a_longer_way_may_not_fit() -> None:
    with pytest.raises(OnionError, match="the payloads take"):
        wrap(way(MOST_HOPS + 1), REF, SESSION)


def test_session_keys_differ() -> None:
    keys = {new_session_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(key) for key in keys} == {32}


@given(st.integers(0, 3), st.sampled_from(Failure), st.text(max_size=300))
@example(0, Failure.NOT_NOW, "x" + "é" * 300)
def test_the_payer_reads_who_has_failed_and_why(at: int, failure: Failure, text: str) -> None:
    """Of a text as much as fits: always in whole letters."""
    _, secrets = wrap(way(4), REF, SESSION)
    packet = fail(secrets[at], failure, text)
    for secret in reversed(secrets[:at]):
        packet = wrap_failure(secret, packet)
    found, said = open_failure(secrets, packet)
    report = read_report(said)
    assert (found, report.failure) == (at, failure)
    assert text.startswith(report.text)
    assert len(report.text.encode()) > MOST_SAID - 4 or report.text == text


def test_a_failure_is_as_long_whatever_it_says() -> None:
    sizes = {len(fail(SESSION, Failure.NOT_NOW, text)) for text in ("", "x", "é" * 500, "\ud800" * 500)}
    assert len(sizes) == 1


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"\xc1", "no message"),
        (pack([1]), "2 fields belong here"),
        (pack([0, b""]), "no failure of ours"),
        (pack([len(Failure) + 1, b""]), "no failure of ours"),
        (pack([True, b""]), "no failure of ours"),
        (pack([1, "text"]), "no failure of ours"),
        (pack([1, b"\xff"]), "no text"),
    ],
)
def test_what_a_hop_makes_up_is_no_report(message: bytes, reason: str) -> None:
    with pytest.raises(EncodingError, match=reason):
        read_report(message)


def test_a_report_says_what_was_said() -> None:
    assert read_report(pack([3, b"1 wei is too little"])) == Report(Failure.FEE_TOO_SMALL, "1 wei is too little")
