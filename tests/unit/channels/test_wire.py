"""Messages and kept states: each has one form, and no bytes do anything but give one or be refused."""

from dataclasses import replace

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.records import PaymentRecord, read_payment_record, write_payment_record
from tandem.channels.endpoint import Ack, AskClose, AskWithdrawal, Consent, Proposal, SignedLane
from tandem.channels.operations import AddLock, DropLock, Pay, PayLock, PayPart
from tandem.channels.play import Answer, Turn
from tandem.channels.states import CoopClose, Lane, Lock, LockKind
from tandem.channels.wire import (
    MOST_BYTES,
    AcceptMatch,
    AskMatch,
    AskOpen,
    Claim,
    Copies,
    Counted,
    Declined,
    DeclineMatch,
    GiveUp,
    Greeting,
    Message,
    News,
    Proof,
    Reestablish,
    Refused,
    Reveal,
    Welcome,
    decode,
    decode_endpoint,
    encode,
    encode_endpoint,
)
from tandem.errors import EncodingError
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, Seconds
from tests.unit.channels.test_endpoint import SECRETS, START, Pair, endpoint, lock, signer

hashes = st.binary(min_size=32, max_size=32)
signatures = st.binary(min_size=65, max_size=65)
addresses = st.binary(min_size=20, max_size=20)
nonces = st.integers(0, 2**64 - 1)
amounts = st.integers(1, 2**128 - 1)
locks = st.builds(Lock, amounts, st.integers(0, 2**40 - 1), st.sampled_from(LockKind), hashes)
operations = (
    st.builds(Pay, amounts)
    | st.builds(AddLock, locks, st.binary(max_size=40))
    | st.builds(PayLock, hashes)
    | st.builds(DropLock, hashes)
    | st.builds(PayPart, hashes, amounts)
)
lanes = st.builds(Lane, st.integers(1, 2**64 - 1), st.integers(0, 2**128 - 1), st.lists(locks, max_size=3).map(tuple))
signed = st.builds(SignedLane, lanes, st.tuples(signatures, signatures)) | st.just(SignedLane())
messages = (
    st.builds(Proposal, hashes, nonces, st.lists(operations, max_size=5).map(tuple), signatures)
    | st.builds(Ack, hashes, nonces, signatures)
    | st.builds(Reveal, hashes, hashes)
    | st.builds(GiveUp, hashes, hashes, st.binary(max_size=40))
    | st.builds(Claim, hashes, hashes, amounts)
    | st.builds(AskMatch, hashes, hashes, addresses, nonces, st.binary(max_size=40), st.booleans(), nonces)
    | st.builds(AcceptMatch, hashes, hashes, hashes)
    | st.builds(DeclineMatch, hashes, hashes, st.text(max_size=40))
    | st.builds(Turn, hashes, hashes, nonces, st.binary(max_size=40), signatures)
    | st.builds(Answer, hashes, hashes, nonces, signatures)
    | st.builds(Reestablish, hashes, nonces, nonces, amounts)
    | st.builds(Counted, hashes, amounts)
    | st.builds(AskWithdrawal, hashes, amounts, nonces)
    | st.builds(AskClose, hashes, amounts, amounts, nonces)
    | st.builds(Consent, hashes, nonces, signatures)
    | st.builds(Declined, hashes, st.text(max_size=40))
    | st.builds(AskOpen, hashes, nonces, addresses, nonces, hashes, amounts)
    | st.builds(Welcome, hashes)
    | st.builds(News, st.lists(st.binary(min_size=1, max_size=40), max_size=3).map(tuple))
    | st.builds(Greeting, nonces, st.binary(min_size=33, max_size=33), hashes)
    | st.builds(Proof, signatures)
    | st.builds(Copies, hashes, signed, signed)
    | st.builds(Refused, hashes, nonces, st.text(max_size=40))
)


@settings(max_examples=300, deadline=None)
@given(messages)
def test_what_is_sent_comes_in(message: Message) -> None:
    assert decode(encode(message)) == message


@settings(max_examples=500, deadline=None)
@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.integers() | st.binary(max_size=70), st.lists).map(lambda value: pack(value))
)
def test_other_bytes_are_refused(data: bytes) -> None:
    try:
        message = decode(data)
    except EncodingError:
        return
    assert encode(message) == data


def pack(value: object) -> bytes:
    try:
        return bytes(msgpack.packb(value))
    except (OverflowError, ValueError):
        return b""


@settings(max_examples=300, deadline=None)
@given(messages, st.data())
def test_a_changed_byte_is_another_message_or_none(message: Message, data: st.DataObject) -> None:
    sent = encode(message)
    at = data.draw(st.integers(0, len(sent) - 1))
    changed = sent[:at] + bytes([sent[at] ^ data.draw(st.integers(1, 255))]) + sent[at + 1 :]
    try:
        assert decode(changed) != message
    except EncodingError:
        pass


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0" * (MOST_BYTES + 1), "bytes at most"),
        (b"", "no message"),
        (pack(7), "is a list"),
        (pack([]), "no message of this kind"),
        (pack([99]), "no message of this kind"),
        (pack([2, b"\1" * 32, 5]), "3 fields belong here"),
        (pack([2, b"\1" * 31, 5, b"\2" * 65]), "32 to 32 bytes"),
        (pack([2, b"\1" * 32, -1, b"\2" * 65]), "64 bits"),
        (pack([2, b"\1" * 32, True, b"\2" * 65]), "64 bits"),
        (pack([1, b"\1" * 32, 1, [[0, b"\0\1"]], b"\2" * 65]), "the first of them not zero"),
        (pack([1, b"\1" * 32, 1, [[9, b""]], b"\2" * 65]), "no operation of this kind"),
        (pack([7, b"\1" * 32, 1, b"\xff"]), "no text"),
        (b"\xdc\x00\x04\x02" + pack([b"\1" * 32, 5, b"\2" * 65])[1:], "not in the one form"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, reason: str) -> None:
    with pytest.raises(EncodingError, match=reason):
        decode(data)


def test_a_side_is_kept_and_read_again() -> None:
    pair = Pair()
    app = Lock(11, START, LockKind.APP, keccak(b"session"))
    pair.do(0, Pay(5), AddLock(lock(0, 30)), AddLock(lock(1, 7)), AddLock(app))
    pair.do(1, Pay(3))
    side = pair.sides[1].learn(SECRETS[0], START).give_up(lock(1, 7)).award(app.ref, 10)
    side, _ = side.ask_withdrawal(100, Seconds(START + 60))
    side, _ = side.propose((Pay(9), AddLock(lock(2, 4), b"onion")), signer(1))
    asked = replace(side, asked_close=CoopClose((5, 6), START), signed_close=CoopClose((7, 0), START))
    assert decode_endpoint(encode_endpoint(asked), endpoint(1)) == asked
    assert decode_endpoint(encode_endpoint(side), endpoint(1)) == side
    for damaged in (b"", pack([]), pack([1, 2, 3, [], [], [], [], None, None]), encode_endpoint(side)[:-1]):
        with pytest.raises(EncodingError):
            decode_endpoint(damaged, endpoint(1))


def test_a_reason_that_is_too_long_is_cut() -> None:
    """It may repeat what the other side has said, and must still come through."""
    ref, reason = keccak(b"ref"), "why: " + "\N{GRINNING FACE}" * 300
    for message in (Refused(ref, 1, reason), Declined(ref, reason), DeclineMatch(ref, ref, reason)):
        read = decode(encode(message))
        assert type(read) is type(message)
        assert read == replace(message, reason=reason[:259])  # 5 + 254 * 4 bytes of 1024


def test_why_a_payment_has_failed_can_be_kept_whatever_it_is() -> None:
    record = PaymentRecord(keccak(b"ref"), START, bytes(33), ZERO_ADDRESS, 1, "").failed(
        "\N{GRINNING FACE}" * 200, START
    )
    assert read_payment_record(write_payment_record(record)) == record
