"""What two sides of a channel send each other, and what a side keeps: as bytes, and back.

A message is a msgpack array, [kind, fields...], of at most 256 KiB. Amounts, of up to 128 bits, are byte strings
without leading zeros; everything has one encoding. Whatever else comes in is an EncodingError, whose message says what
is wrong with it: a peer's bytes never do anything else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgpack

from tandem.channels.endpoint import Ack, Endpoint, Proposal, SignedLane
from tandem.channels.operations import AddLock, DropLock, Operation, Pay, PayLock
from tandem.channels.states import Lane, decode_locks, encode_locks
from tandem.errors import EncodingError
from tandem.primitives.types import Hash

MOST_BYTES = 256 << 10
"""Of a message: 64 locks with their onions and some thousand payments fit."""
MOST_OPERATIONS = 8_192
"""Of a proposal."""
MOST_ONION = 2_048
"""Bytes of what comes with a lock."""
MOST_REASON = 1_024
"""Bytes of why something failed."""


@dataclass(frozen=True, slots=True)
class Reveal:
    """The secret of a lock in the receiver's lane: it may be paid now."""

    channel: Hash
    secret: bytes


@dataclass(frozen=True, slots=True)
class GiveUp:
    """A lock in the receiver's lane may be dropped. `reason`: of a hop behind, for the payment's sender (onion.py)."""

    channel: Hash
    ref: Hash
    reason: bytes


@dataclass(frozen=True, slots=True)
class Reestablish:
    """After a connection is made: the nonces of the newest states that the sender of this has."""

    channel: Hash
    mine: int
    theirs: int


@dataclass(frozen=True, slots=True)
class Copies:
    """For who has lost states: the newest that both signed, of the receiver's lane and of the sender's."""

    channel: Hash
    receivers: SignedLane
    senders: SignedLane


@dataclass(frozen=True, slots=True)
class Refused:
    """A proposal breaks a rule. The channel stands still until people have looked at it."""

    channel: Hash
    nonce: int
    reason: str


Message = Proposal | Ack | Reveal | GiveUp | Reestablish | Copies | Refused


def encode(message: Message) -> bytes:
    """As it is sent."""
    kind, fields = _fields(message)
    return _pack([kind, *fields])


def decode(data: bytes) -> Message:
    """What was sent. EncodingError."""
    if len(data) > MOST_BYTES:
        raise EncodingError(f"a message has {MOST_BYTES} bytes at most, not {len(data)}")
    content = _unpack(data)
    _require(bool(content) and isinstance(content[0], int) and content[0] in _READ, "there is no message of this kind")
    message = _READ[content[0]](content[1:])
    _require(encode(message) == data, "the message is not in the one form that it has")
    return message


def encode_endpoint(side: Endpoint) -> bytes:
    """What a side has to keep: all but what the chain and the settings say (key, side, domain, terms, funds)."""
    proposal = None if side.proposal is None else _fields(side.proposal)[1]
    secrets = sorted(side.secrets.items())
    return _pack([_signed(side.mine), proposal, _signed(side.theirs), secrets, sorted(side.given_up)])


def decode_endpoint(data: bytes, blank: Endpoint) -> Endpoint:
    """The side again. `blank`: a new one of the same channel. EncodingError."""
    fields = _unpack(data)
    _require(
        len(fields) == 5 and isinstance(fields[3], list) and isinstance(fields[4], list), "this is no side's state"
    )
    mine, proposal, theirs, secrets, given_up = fields
    return Endpoint(
        blank.key,
        blank.side,
        blank.domain,
        blank.terms,
        blank.funds,
        _read_signed(mine),
        None if proposal is None else _read_proposal(proposal),
        _read_signed(theirs),
        _read_secrets(secrets),
        frozenset(map(_hash, given_up)),
    )


# -- messages


def _fields(message: Message) -> tuple[int, list[Any]]:
    match message:
        case Proposal(channel, nonce, operations, signature):
            return 1, [channel, nonce, [_operation(each) for each in operations], signature]
        case Ack(channel, nonce, signature):
            return 2, [channel, nonce, signature]
        case Reveal(channel, secret):
            return 3, [channel, secret]
        case GiveUp(channel, ref, reason):
            return 4, [channel, ref, reason]
        case Reestablish(channel, mine, theirs):
            return 5, [channel, mine, theirs]
        case Copies(channel, receivers, senders):
            return 6, [channel, _signed(receivers), _signed(senders)]
        case Refused(channel, nonce, reason):
            return 7, [channel, nonce, reason.encode()]


def _read_proposal(fields: list[Any]) -> Proposal:
    channel, nonce, operations, signature = _exactly(fields, 4)
    _require(isinstance(operations, list) and len(operations) <= MOST_OPERATIONS, "there are too many operations")
    return Proposal(_hash(channel), _nonce(nonce), tuple(map(_read_operation, operations)), _bytes(signature, 65, 65))


def _read_ack(fields: list[Any]) -> Ack:
    channel, nonce, signature = _exactly(fields, 3)
    return Ack(_hash(channel), _nonce(nonce), _bytes(signature, 65, 65))


def _read_reveal(fields: list[Any]) -> Reveal:
    channel, secret = _exactly(fields, 2)
    return Reveal(_hash(channel), _bytes(secret, 32, 32))


def _read_give_up(fields: list[Any]) -> GiveUp:
    channel, ref, reason = _exactly(fields, 3)
    return GiveUp(_hash(channel), _hash(ref), _bytes(reason, 0, MOST_REASON))


def _read_reestablish(fields: list[Any]) -> Reestablish:
    channel, mine, theirs = _exactly(fields, 3)
    return Reestablish(_hash(channel), _nonce(mine), _nonce(theirs))


def _read_copies(fields: list[Any]) -> Copies:
    channel, receivers, senders = _exactly(fields, 3)
    return Copies(_hash(channel), _read_signed(receivers), _read_signed(senders))


def _read_refused(fields: list[Any]) -> Refused:
    channel, nonce, reason = _exactly(fields, 3)
    try:
        return Refused(_hash(channel), _nonce(nonce), _bytes(reason, 0, MOST_REASON).decode())
    except UnicodeDecodeError as error:
        raise EncodingError("the reason is no text") from error


_READ: Mapping[int, Callable[[list[Any]], Message]] = {
    1: _read_proposal,
    2: _read_ack,
    3: _read_reveal,
    4: _read_give_up,
    5: _read_reestablish,
    6: _read_copies,
    7: _read_refused,
}


# -- parts


def _operation(operation: Operation) -> list[Any]:
    match operation:
        case Pay(amount):
            return [0, _number(amount)]
        case AddLock(lock, onion):
            return [1, lock.encode(), onion]
        case PayLock(ref):
            return [2, ref]
        case DropLock(ref):
            return [3, ref]


def _read_operation(value: Any) -> Operation:
    match value:
        case [0, bytes(amount)]:
            return Pay(_read_number(amount))
        case [1, bytes(lock), bytes(onion)]:
            [decoded] = decode_locks(_bytes(lock, 54, 54))
            return AddLock(decoded, _bytes(onion, 0, MOST_ONION))
        case [2, bytes(ref)]:
            return PayLock(_hash(ref))
        case [3, bytes(ref)]:
            return DropLock(_hash(ref))
    raise EncodingError("there is no operation of this kind")


def _signed(signed: SignedLane) -> list[Any]:
    lane = signed.lane
    return [lane.nonce, _number(lane.transferred), encode_locks(lane.locks), *signed.signatures]


def _read_signed(value: Any) -> SignedLane:
    _require(isinstance(value, list), "a lane's state is a list")
    nonce, transferred, locks, *signatures = _exactly(value, 5)
    most = 65 if nonce else 0
    one, other = (_bytes(signature, most, most) for signature in signatures)
    lane = Lane(_nonce(nonce), _read_number(_bytes(transferred, 0, 16)), decode_locks(_bytes(locks, 0, MOST_BYTES)))
    return SignedLane(lane, (one, other))


def _read_secrets(pairs: list[Any]) -> Mapping[Hash, bytes]:
    found = {}
    for pair in pairs:
        _require(isinstance(pair, list), "a secret has a hash")
        ref, secret = _exactly(pair, 2)
        found[_hash(ref)] = _bytes(secret, 32, 32)
    return MappingProxyType(found)


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _read_number(data: bytes) -> int:
    _require(len(data) <= 16 and data[:1] != b"\0", "an amount has up to 16 bytes, the first of them not zero")
    return int.from_bytes(data, "big")


def _hash(value: Any) -> Hash:
    return Hash(_bytes(value, 32, 32))


def _nonce(value: Any) -> int:
    _require(type(value) is int and 0 <= value < 2**64, "a nonce has 64 bits")
    return int(value)


def _bytes(value: Any, least: int, most: int) -> bytes:
    _require(isinstance(value, bytes) and least <= len(value) <= most, f"{least} to {most} bytes belong here")
    return bytes(value)


def _exactly(fields: list[Any], count: int) -> list[Any]:
    _require(len(fields) == count, f"{count} fields belong here, not {len(fields)}")
    return fields


def _pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def _unpack(data: bytes) -> list[Any]:
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=True)
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as reason:
        raise EncodingError("these bytes are no message") from reason
    _require(isinstance(value, list), "a message is a list")
    return list(value)


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise EncodingError(reason)
