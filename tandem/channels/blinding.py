"""Blinded paths (BOLT-04): a receiver hides behind a path that it makes itself, for payments and for messages.

The receiver knows all hops of the path, the sender only the first: of the others it has keys that say nothing, and for
each some data that the hop alone can read.

    path = make_path(session_key, [Hop(node, data.encode()), ...])    the receiver
    hops = payment_hops(path, amount, expiry)                         the sender, for onion.create
    shared = share(private_key, path_key)                             each hop but the path's first
    peeled = peel(packet, shared.private_key, payment_hash)
    step = take_payment(peeled, private_key, amount, expiry, shared)  step.forward is for the next one

Records are BOLT-01's TLV streams: one class for each kind of stream, one field for each type. Amounts have 64 bits and
are millisatoshis in BOLT-04, expiries have 32 bits and are block heights; this file only adds and compares them.

OnionError                   bytes that break an encoding, packets that do not open
└── BlindingError            what is for a hop of a blinded path is damaged, for another, or against its rules

Of both, a hop of a blinded path tells others only that the blinding is wrong (BOLT-04, `invalid_onion_blinding`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NewType, Self

from coincurve import PrivateKey, PublicKey
from Crypto.Cipher import ChaCha20_Poly1305

from tandem.channels.onion import (
    FRAME,
    PAYLOADS,
    Hop,
    OnionError,
    Peeled,
    bigsize,
    chain,
    create,
    derive,
    peel,
    read_bigsize,
)

Msat = NewType("Msat", int)
Height = NewType("Height", int)
Blocks = NewType("Blocks", int)
ShortChannelId = NewType("ShortChannelId", int)
"""64 bits: block (24), transaction (24), output (16). BOLT-07."""

MILLION = 1_000_000
LARGE = 32_768
"""Bytes of payloads of the larger of the two sizes that messages should have (BOLT-04); the other is PAYLOADS."""
MESSAGE = 513
"""BOLT-04's `onion_message`."""
CONTENTS = 64
"""From here on, a message's records are what it is about (BOLT-04): one of them at most."""
TAG = 16
"""Bytes by which data gets longer when it is encrypted."""
POINT = 33


class BlindingError(OnionError):
    """What is for a hop of a blinded path cannot be used. The message says why."""


# -- streams of records


def write_stream(records: Mapping[int, bytes]) -> bytes:
    """Records by their types, as a TLV stream. BOLT-01."""
    return b"".join(bigsize(kind) + bigsize(len(value)) + value for kind, value in sorted(records.items()))


def read_stream(stream: bytes, known: Collection[int]) -> dict[int, bytes]:
    """Records by their types. `known`: the types that the reader understands; of others, it may skip the odd ones.

    OnionError where types do not rise, a record is cut off, or one of an even type is not understood.
    """
    records: dict[int, bytes] = {}
    last, at = -1, 0
    while at < len(stream):
        kind, at = read_bigsize(stream, at)
        size, at = read_bigsize(stream, at)
        _require(kind > last, f"record {kind} stands behind record {last}")
        _require(kind % 2 == 1 or kind in known, f"record {kind} is unknown, and must be understood")
        _require(at + size <= len(stream), f"record {kind} is cut off")
        records[kind] = stream[at : at + size]
        last, at = kind, at + size
    return records


def write_whole(value: int, size: int) -> bytes:
    """A number of `size` bytes. OnionError where it has no room."""
    _require(0 <= value < 1 << 8 * size, f"{value} does not fit into {size} bytes")
    return value.to_bytes(size, "big")


def read_whole(data: bytes, size: int) -> int:
    """Such a number. OnionError."""
    _require(len(data) == size, f"a number of {size} bytes has {len(data)}")
    return int.from_bytes(data, "big")


def write_short(value: int, size: int) -> bytes:
    """A truncated number (BOLT-01): of `size` bytes, without leading zeros. OnionError where it has no room."""
    return write_whole(value, size).lstrip(b"\0")


def read_short(data: bytes, size: int) -> int:
    """Such a number. OnionError."""
    _require(
        len(data) <= size and data[:1] != b"\0", f"a truncated number has {len(data)} bytes of {size}, or begins with 0"
    )
    return int.from_bytes(data, "big")


def check_point(data: bytes) -> bytes:
    """A public key, 33 bytes. OnionError where it is none."""
    try:
        _require(len(data) == POINT, f"a public key has {POINT} bytes, not {len(data)}")
        PublicKey(data)
    except ValueError as reason:
        raise OnionError("a public key is no point of the curve") from reason
    return data


def _record(kind: int, write: Callable[[Any], bytes], read: Callable[[bytes], Any]) -> Any:
    """A field that is the stream's record of this type, and absent unless it is set."""
    return field(default=None, metadata={"kind": kind, "write": write, "read": read})


def _raw(kind: int) -> Any:
    return _record(kind, bytes, bytes)


def _point(kind: int) -> Any:
    return _record(kind, check_point, check_point)


def _whole(kind: int, size: int) -> Any:
    return _record(kind, lambda value: write_whole(value, size), lambda data: read_whole(data, size))


def _short(kind: int, size: int) -> Any:
    return _record(kind, lambda value: write_short(value, size), lambda data: read_short(data, size))


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """A stream's records by their names, and others by their types."""

    others: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def kinds(self) -> frozenset[int]:
        """The types that are there."""
        named = {kind for kind, each in self._named().items() if getattr(self, each.name) is not None}
        return frozenset(named | self.others.keys())

    def encode(self) -> bytes:
        """As a TLV stream. OnionError where a value does not fit."""
        known = self._named()
        _require(known.keys().isdisjoint(self.others), "a record that has a name is among the others")
        values = {
            kind: known[kind].metadata["write"](getattr(self, known[kind].name)) for kind in self.kinds if kind in known
        }
        return write_stream({**values, **self.others})

    @classmethod
    def decode(cls, stream: bytes, kinds: Collection[int] = ()) -> Self:
        """The records of a stream. `kinds`: further types that are understood. OnionError."""
        known = cls._named()
        records = read_stream(stream, {*known, *kinds})
        values = {known[kind].name: known[kind].metadata["read"](records[kind]) for kind in known if kind in records}
        others = {kind: value for kind, value in records.items() if kind not in known}
        return cls(**values, others=MappingProxyType(others))

    @classmethod
    def _named(cls) -> dict[int, Field[Any]]:
        return {each.metadata["kind"]: each for each in fields(cls) if each.metadata}


# -- what the maker of a path says to a hop


@dataclass(frozen=True, slots=True)
class Relay:
    """What a hop, or a path as a whole, takes for a payment. BOLT-04, `payment_relay`."""

    expiry_delta: Blocks
    fee_millionths: int
    fee_base: Msat

    def encode(self) -> bytes:
        """OnionError where a number has no room."""
        delta, millionths = write_whole(self.expiry_delta, 2), write_whole(self.fee_millionths, 4)
        return delta + millionths + write_short(self.fee_base, 4)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """OnionError."""
        delta, millionths = read_whole(data[:2], 2), read_whole(data[2:6], 4)
        return cls(Blocks(delta), millionths, Msat(read_short(data[6:], 4)))

    def before(self, amount: Msat, expiry: Height) -> tuple[Msat, Height]:
        """What must come in for this to go out. BOLT-07."""
        fee = self.fee_base + amount * self.fee_millionths // MILLION
        return Msat(amount + fee), Height(expiry + self.expiry_delta)

    def behind(self, amount: Msat, expiry: Height) -> tuple[Msat, Height]:
        """What goes out where this has come in. BOLT-04. BlindingError where it does not even pay the hop."""
        share = MILLION + self.fee_millionths
        after = Msat(((amount - self.fee_base) * MILLION + share - 1) // share)
        rest = Height(expiry - self.expiry_delta)
        _permit(after > 0 and rest > 0, f"{amount}, until {expiry}, does not pay for the way")
        return after, rest


@dataclass(frozen=True, slots=True)
class Constraints:
    """Outside of these a hop forwards nothing. BOLT-04, `payment_constraints`."""

    most_expiry: Height
    least_amount: Msat

    def encode(self) -> bytes:
        """OnionError where a number has no room."""
        return write_whole(self.most_expiry, 4) + write_short(self.least_amount, 8)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """OnionError."""
        return cls(Height(read_whole(data[:4], 4)), Msat(read_short(data[4:], 8)))

    def check(self, amount: Msat, expiry: Height) -> None:
        """BlindingError for a payment outside of them."""
        _permit(expiry <= self.most_expiry, f"the path is to be used until {self.most_expiry}, not {expiry}")
        _permit(amount >= self.least_amount, f"the path is for payments of {self.least_amount} at least, not {amount}")


def write_features(bits: Collection[int]) -> bytes:
    """A set of feature bits, in as few bytes as hold them. BOLT-09."""
    data = bytearray(max(bits, default=-1) // 8 + 1)
    for bit in bits:
        data[-1 - bit // 8] |= 1 << bit % 8
    return bytes(data)


def read_features(data: bytes) -> frozenset[int]:
    """The bits that are set."""
    return frozenset(8 * at + bit for at, byte in enumerate(reversed(data)) for bit in range(8) if byte >> bit & 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class HopData(Records):
    """What a hop alone can read. BOLT-04, `encrypted_data_tlv`."""

    padding: bytes | None = _raw(1)
    channel: ShortChannelId | None = _whole(2, 8)
    """To the next hop; or `next_node`, its public key."""
    next_node: bytes | None = _point(4)
    path_id: bytes | None = _raw(6)
    """For the last hop, which has made the path: to know it again."""
    next_path_key: bytes | None = _point(8)
    """In place of the one that follows: another path is joined to this one behind this hop."""
    relay: Relay | None = _record(10, Relay.encode, Relay.decode)
    constraints: Constraints | None = _record(12, Constraints.encode, Constraints.decode)
    features: frozenset[int] | None = _record(14, write_features, read_features)
    """Bits that a payment or message may use."""


def pad(hops: Sequence[HopData]) -> list[HopData]:
    """With padding that makes all equally long: their sizes do not tell who is the last one (BOLT-04 asks for this)."""
    bare = [replace(hop, padding=None) for hop in hops]
    size = max((len(hop.encode()) for hop in bare), default=0)
    while True:
        padded = [each for hop in bare if (each := _stretch(hop, size)) is not None]
        if len(padded) == len(bare):
            return padded
        size += 1  # no padding takes one byte


def _stretch(hop: HopData, size: int) -> HopData | None:
    """The same in so many bytes; None where no padding has that size."""
    missing = size - len(hop.encode())
    ways = (hop, *(replace(hop, padding=bytes(missing - head)) for head in (2, 4, 6) if missing >= head))
    return next((each for each in ways if len(each.encode()) == size), None)


def total_relay(relays: Sequence[Relay]) -> Relay:
    """What a path takes whose hops take these, each in turn. BOLT-04: what the sender is told."""
    base, millionths = 0, 0
    for each in reversed(relays):
        base = -(-(each.fee_base * MILLION + base * (MILLION + each.fee_millionths)) // MILLION)
        millionths = -(-((MILLION + millionths) * (MILLION + each.fee_millionths)) // MILLION) - MILLION
    return Relay(Blocks(sum(each.expiry_delta for each in relays)), millionths, Msat(base))


def constrain(last: Constraints, relays: Sequence[Relay]) -> list[Constraints]:
    """Of all hops, by those of the last one and what the hops before it take. BOLT-04."""
    later = [sum(each.expiry_delta for each in relays[at:]) for at in range(len(relays) + 1)]
    return [replace(last, most_expiry=Height(last.most_expiry + blocks)) for blocks in later]


# -- paths


@dataclass(frozen=True, slots=True)
class BlindedPath:
    """What the maker of a path gives to who is to use it. BOLT-04, `blinded_path`."""

    first_node: bytes
    """The first hop, as it is known: the only one."""
    path_key: bytes
    """For it."""
    hops: tuple[Hop, ...]
    """Of each its blinded key, and its data encrypted."""

    def encode(self) -> bytes:
        """OnionError where there are too many hops, or too much data."""
        parts = [self.first_node, self.path_key, write_whole(len(self.hops), 1)]
        for hop in self.hops:
            parts += [hop.public_key, write_whole(len(hop.payload), 2), hop.payload]
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """OnionError."""
        first, key, at = check_point(data[:POINT]), check_point(data[POINT : 2 * POINT]), 2 * POINT + 1
        hops = []
        for _ in range(read_whole(data[at - 1 : at], 1)):
            node, start = check_point(data[at : at + POINT]), at + POINT + 2
            at = start + read_whole(data[start - 2 : start], 2)
            hops.append(Hop(node, data[start:at]))
        _require(bool(hops) and at == len(data), "a path has no hops, or not the size that it should have")
        return cls(first, key, tuple(hops))


def make_path(session_key: bytes, hops: Sequence[Hop]) -> BlindedPath:
    """A path along these nodes, by what each is to be told: a HopData, encoded. The last one is who makes it.

    OnionError where there are no hops, or one's key is no point of the curve. A session key must never be used twice.
    """
    _require(bool(hops), "a path has hops")
    links = chain(session_key, [hop.public_key for hop in hops])
    blinded = [
        Hop(PublicKey(hop.public_key).multiply(_tweak(link.secret)).format(), _encrypt(link.secret, hop.payload))
        for hop, link in zip(hops, links, strict=True)
    ]
    return BlindedPath(hops[0].public_key, links[0].public_key, tuple(blinded))


def join(one: BlindedPath, other: BlindedPath) -> BlindedPath:
    """One path behind another: `one`'s last hop must have been told the other's first node and path key (HopData)."""
    return replace(one, hops=one.hops + other.hops)


@dataclass(frozen=True, slots=True)
class Share:
    """What a hop has in common with the maker of its path."""

    secret: bytes
    private_key: bytes
    """The hop's own, blinded: it peels packets that were made for its blinded key."""
    next_path_key: bytes
    """For the next hop, unless the data says otherwise."""

    def unwrap(self, encrypted: bytes) -> tuple[HopData, bytes]:
        """What it is told, and the path key for the next hop. OnionError."""
        data = HopData.decode(self.decrypt(encrypted))
        return data, data.next_path_key or self.next_path_key

    def decrypt(self, encrypted: bytes) -> bytes:
        """What it is told, encoded. BlindingError where this is not for it."""
        _permit(len(encrypted) >= TAG, f"encrypted data has {TAG} bytes at least, not {len(encrypted)}")
        try:
            return _cipher(self.secret).decrypt_and_verify(encrypted[:-TAG], encrypted[-TAG:])
        except ValueError as reason:
            raise BlindingError("the encrypted data is for someone else, of another path, or damaged") from reason


def share(private_key: bytes, path_key: bytes) -> Share:
    """A hop's, by its key and by what came with the packet. BlindingError where that is no point of the curve."""
    try:
        point = PublicKey(path_key)
    except ValueError as reason:
        raise BlindingError("the path key is no point of the curve") from reason
    secret = PrivateKey(private_key).ecdh(path_key)
    blinded = PrivateKey(private_key).multiply(_tweak(secret)).secret
    return Share(secret, blinded, point.multiply(sha256(path_key + secret).digest()).format())


def _tweak(secret: bytes) -> bytes:
    return derive(b"blinded_node_id", secret)


def _cipher(secret: bytes) -> ChaCha20_Poly1305.ChaCha20Poly1305Cipher:
    return ChaCha20_Poly1305.new(key=derive(b"rho", secret), nonce=bytes(12))


def _encrypt(secret: bytes, data: bytes) -> bytes:
    return b"".join(_cipher(secret).encrypt_and_digest(data))


# -- payments


@dataclass(frozen=True, slots=True)
class PaymentData:
    """What an invoice asks a payer to show. BOLT-04, `payment_data`."""

    secret: bytes
    total: Msat

    def encode(self) -> bytes:
        """OnionError where the total has no room, or the secret not 32 bytes."""
        _require(len(self.secret) == 32, f"a payment's secret has 32 bytes, not {len(self.secret)}")
        return self.secret + write_short(self.total, 8)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """OnionError."""
        _require(len(data) >= 32, f"a payment's secret has 32 bytes, not {len(data)}")
        return cls(data[:32], Msat(read_short(data[32:], 8)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload(Records):
    """What a payment's packet says to a hop. BOLT-04, `payload`."""

    amount: Msat | None = _short(2, 8)
    """To forward; at the last hop, what must have come in."""
    expiry: Height | None = _short(4, 4)
    """The same of the expiry."""
    channel: ShortChannelId | None = _whole(6, 8)
    """To the next hop."""
    payment_data: PaymentData | None = _record(8, PaymentData.encode, PaymentData.decode)
    encrypted: bytes | None = _raw(10)
    """In a blinded path: the hop's data."""
    path_key: bytes | None = _point(12)
    """At the first hop of one."""
    metadata: bytes | None = _raw(16)
    total: Msat | None = _short(18, 8)
    """Of all parts of the payment, at the last hop of a blinded path."""


FORWARDS = frozenset({10, 12})
"""The records of a payload that a hop of a blinded path may find (BOLT-04)."""
RECEIVES = frozenset({2, 4, 10, 12, 18})
"""The same for the last one."""


@dataclass(frozen=True, slots=True)
class Forward:
    """What is to be sent to the next hop of a payment: along a channel, or to a node."""

    packet: bytes
    channel: ShortChannelId | None
    node: bytes | None
    amount: Msat
    expiry: Height
    path_key: bytes | None
    """None outside of blinded paths."""


@dataclass(frozen=True, slots=True)
class PaymentStep:
    """What a payment's packet means to a hop."""

    payload: Payload
    data: HopData | None
    """None outside of blinded paths."""
    forward: Forward | None
    """None at the last hop."""


def payment_hops(path: BlindedPath, amount: Msat, expiry: Height, total: Msat | None = None) -> list[Hop]:
    """A blinded path's part of a payment's way. `amount`, `expiry`: at its end; `total`: of all parts, if more.

    What must come in at its start follows from what the path takes: Relay.before.
    """
    payloads = [Payload(encrypted=hop.payload) for hop in path.hops]
    payloads[0] = replace(payloads[0], path_key=path.path_key)
    payloads[-1] = replace(payloads[-1], amount=amount, expiry=expiry, total=amount if total is None else total)
    nodes = [path.first_node, *(hop.public_key for hop in path.hops[1:])]
    return [Hop(node, payload.encode()) for node, payload in zip(nodes, payloads, strict=True)]


def take_payment(
    peeled: Peeled,
    private_key: bytes,
    amount: Msat,
    expiry: Height,
    shared: Share | None = None,
    features: Collection[int] = (),
) -> PaymentStep:
    """What a payment of this amount and expiry means to a hop. OnionError for what BOLT-04 has it refuse.

    `shared`: of the path key that came with the packet, if one did; `peeled` then with its key. `features`: bits that
    the hop knows. The fee and the time that it asks for outside of blinded paths, and whether it knows the path or the
    payment that ends here, is the caller's to check.
    """
    payload = Payload.decode(peeled.payload)
    if payload.encrypted is None:
        _permit(shared is None and payload.path_key is None, "there is a path key, and no data that it is for")
        return _take_open(peeled, payload, amount, expiry)
    if payload.path_key is not None:
        _permit(shared is None, "there is more than one path key")
        shared = share(private_key, payload.path_key)
    if shared is None:
        raise BlindingError("there is no path key")
    data, next_path_key = shared.unwrap(payload.encrypted)
    if data.constraints is not None:
        data.constraints.check(amount, expiry)
    _check_features(data, features)
    _permit(data.channel is None or data.next_node is None, "the next hop is named twice")
    if peeled.packet is None:
        _permit(payload.kinds <= RECEIVES, "the last hop of a blinded path finds more than it may")
        _permit(payload.total is not None, "the payment's total is missing")
        _check_arrival(payload, amount, expiry)
        return PaymentStep(payload, data, None)
    _permit(payload.kinds <= FORWARDS, "a hop of a blinded path finds more than it may")
    _permit(data.channel is not None or data.next_node is not None, "there is no next hop")
    if data.relay is None:
        raise BlindingError("it is not said what the hop takes")
    after, rest = data.relay.behind(amount, expiry)
    forward = Forward(peeled.packet, data.channel, data.next_node, after, rest, next_path_key)
    return PaymentStep(payload, data, forward)


def _take_open(peeled: Peeled, payload: Payload, amount: Msat, expiry: Height) -> PaymentStep:
    """The same outside of blinded paths."""
    after, rest = _check_arrival(payload, amount, expiry)
    if peeled.packet is None:
        return PaymentStep(payload, None, None)
    _require(payload.channel is not None, "there is no next hop")
    return PaymentStep(payload, None, Forward(peeled.packet, payload.channel, None, after, rest, None))


def _check_arrival(payload: Payload, amount: Msat, expiry: Height) -> tuple[Msat, Height]:
    """What the sender meant to go on from here, or to arrive: no more than has come in."""
    if payload.amount is None or payload.expiry is None:
        raise OnionError("the amount or the expiry is missing")
    _require(amount >= payload.amount, f"{payload.amount} were to arrive, not {amount}")
    _require(expiry >= payload.expiry, f"{payload.expiry} was to be the expiry, not {expiry}")
    return payload.amount, payload.expiry


def _check_features(data: HopData, known: Collection[int]) -> None:
    unknown = (data.features or frozenset()).difference(known)
    _permit(not unknown, f"feature {min(unknown, default=None)} is unknown")


# -- messages


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePayload(Records):
    """What a message's packet says to a hop. BOLT-04, `onionmsg_tlv`; what it is about is among the others."""

    reply_path: BlindedPath | None = _record(2, BlindedPath.encode, BlindedPath.decode)
    encrypted: bytes | None = _raw(4)
    """The hop's data."""


@dataclass(frozen=True, slots=True)
class OnionMessage:
    """What is sent from hop to hop. The packet's size is its sender's choice, and the same on the whole way."""

    path_key: bytes
    packet: bytes

    def encode(self) -> bytes:
        """With its type. OnionError where the packet has more than 64 KiB."""
        return write_whole(MESSAGE, 2) + self.path_key + write_whole(len(self.packet), 2) + self.packet

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """OnionError. Records behind the packet are skipped, as far as they may be (BOLT-01)."""
        _require(data[:2] == write_whole(MESSAGE, 2), "this is no onion message")
        start = 2 + POINT + 2
        end = start + read_whole(data[start - 2 : start], 2)
        _require(end <= len(data), "the packet is cut off")
        read_stream(data[end:], ())
        return cls(check_point(data[2 : 2 + POINT]), data[start:end])


@dataclass(frozen=True, slots=True)
class MessageStep:
    """What a message means to a hop."""

    payload: MessagePayload
    data: HopData
    forward: OnionMessage | None
    """For `data.next_node`, or along `data.channel`; None at the last hop."""


def make_message(
    session_key: bytes,
    path: BlindedPath,
    contents: Mapping[int, bytes],
    reply_path: BlindedPath | None = None,
    size: int = PAYLOADS,
) -> OnionMessage:
    """For the path's first node. `contents`: records for the last one; `size`: bytes of all payloads, or LARGE.

    OnionError where it does not fit. A session key must never be used twice.
    """
    payloads = [MessagePayload(encrypted=hop.payload) for hop in path.hops]
    payloads[-1] = replace(payloads[-1], reply_path=reply_path, others=contents)
    hops = [Hop(hop.public_key, each.encode()) for hop, each in zip(path.hops, payloads, strict=True)]
    packet, _ = create(session_key, hops, b"", size)
    return OnionMessage(path.path_key, packet)


def take_message(
    message: OnionMessage, private_key: bytes, kinds: Collection[int] = (), features: Collection[int] = ()
) -> MessageStep:
    """What a message says to who has this key. `kinds`: types of contents, `features`: bits that the hop knows.

    OnionError for what BOLT-04 has it ignore. Whether a path that ends here is known is the caller's to check.
    """
    shared = share(private_key, message.path_key)
    peeled = peel(message.packet, shared.private_key, b"", len(message.packet) - FRAME)
    payload = MessagePayload.decode(peeled.payload, kinds)
    if payload.encrypted is None:
        raise BlindingError("the hop's data is missing")
    data, next_path_key = shared.unwrap(payload.encrypted)
    _check_features(data, features)
    if peeled.packet is None:
        contents = [kind for kind in payload.others if kind >= CONTENTS]
        _permit(len(contents) <= 1, f"a message is about one thing, not about {len(contents)}")
        return MessageStep(payload, data, None)
    _permit(payload.reply_path is None and not payload.others, "a hop that is not the last finds more than its data")
    _permit(data.path_id is None, "a hop that is not the last finds the id of a path")
    _permit(data.next_node is not None or data.channel is not None, "there is no next hop")
    return MessageStep(payload, data, OnionMessage(next_path_key, peeled.packet))


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise OnionError(what)


def _permit(holds: bool, what: str) -> None:
    if not holds:
        raise BlindingError(what)
