"""What an onion tells each hop of a payment, and how a hop says that it goes no further."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from tandem.channels.codec import AMOUNT, HASH, NUMBER, TIME, Shape, exactly, pack, require, unpack
from tandem.channels.onion import Hop, create, make_failure
from tandem.errors import EncodingError
from tandem.primitives.types import Hash, Seconds

MOST_SAID = 200
"""Bytes of a failure's text."""


@dataclass(frozen=True, slots=True)
class Forward:
    """Hand it on over this channel, with a lock of this amount (wei or the token's units) and expiry (timestamp)."""

    chain_id: int
    channel: Hash
    amount: int
    expiry: Seconds


@dataclass(frozen=True, slots=True)
class Final:
    """You are the payee. `payment_secret`: of the invoice, so that nobody else asks for its secret."""

    amount: int
    expiry: Seconds
    payment_secret: Hash


class Failure(IntEnum):
    """Why a payment goes no further. The payer alone reads it."""

    UNKNOWN_CHANNEL = 1
    """There is no such channel here, or none that is used."""
    NOT_NOW = 2
    """The channel cannot take it now: too little money or too many locks in it, or the other side is away."""
    FEE_TOO_SMALL = 3
    EXPIRY_TOO_SOON = 4
    AMOUNT_TOO_SMALL = 5
    UNKNOWN_PAYMENT = 6
    """The payee knows no such invoice, or it is paid, expired or for another amount."""
    NO_MORE_TIME = 7
    """What is behind did not answer in time, or lost its memory."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a hop says: the failure, and for the curious what it has asked for."""

    failure: Failure
    text: str


_FORWARD = Shape(Forward, (NUMBER, HASH, AMOUNT, TIME))
_FINAL = Shape(Final, (AMOUNT, TIME, HASH))


def encode_payload(payload: Forward | Final) -> bytes:
    """For an onion."""
    if isinstance(payload, Forward):
        return pack([0, *_FORWARD.write(payload)])
    return pack([1, *_FINAL.write(payload)])


def decode_payload(data: bytes) -> Forward | Final:
    """EncodingError."""
    values = unpack(data)
    require(bool(values) and values[0] in (0, 1) and type(values[0]) is int, "there is no payload of this kind")
    payload: Forward | Final = (_FINAL if values[0] else _FORWARD).read(values[1:])
    require(encode_payload(payload) == data, "the payload is not in the one form that it has")
    return payload


def wrap(hops: Sequence[tuple[bytes, Forward | Final]], ref: Hash, session_key: bytes) -> tuple[bytes, list[bytes]]:
    """The onion for hops by public key, and the secret shared with each. `ref`: the payment's hash. OnionError."""
    return create(session_key, [Hop(key, encode_payload(payload)) for key, payload in hops], ref)


def new_session_key() -> bytes:
    """For one onion."""
    return os.urandom(32)


def fail(secret: bytes, failure: Failure, text: str = "") -> bytes:
    """A failure by the hop that shares this secret with the payer. Of the text goes what fits, in whole letters."""
    said = text.encode(errors="replace")[:MOST_SAID].decode(errors="ignore")
    return make_failure(secret, pack([int(failure), said.encode()]))


def read_report(message: bytes) -> Report:
    """What a hop said. EncodingError."""
    failure, text = exactly(unpack(message), 2)
    require(type(failure) is int and failure in list(Failure) and isinstance(text, bytes), "this is no failure of ours")
    try:
        return Report(Failure(failure), text.decode())
    except UnicodeDecodeError as error:
        raise EncodingError("the failure's text is no text") from error
