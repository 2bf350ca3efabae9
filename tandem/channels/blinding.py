"""Blinded paths (BOLT-04): a receiver hides behind a path that it makes itself, for payments and for messages.

The receiver knows all hops of the path, the sender only the first: of the others it has keys that say nothing, and for
each some data that the hop alone can read.

    path = make_path(session_key, [Hop(node, data.encode()), ...])    the receiver
    shared = share(private_key, path_key)                             each hop but the path's first
    data, next_path_key = shared.unwrap(encrypted)

What is sent along a path: blinded_payments.py and onion_messages.py. Amounts have 64 bits and are millisatoshis in
BOLT-04, expiries have 32 bits and are block heights; these files only add and compare them.

OnionError                   bytes that break an encoding, packets that do not open
└── BlindingError            what is for a hop of a blinded path is damaged, for another, or against its rules

Of both, a hop of a blinded path tells others only that the blinding is wrong (BOLT-04, `invalid_onion_blinding`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NewType, Self

from coincurve import PrivateKey, PublicKey
from Crypto.Cipher import ChaCha20_Poly1305

from tandem.channels.onion import Hop, OnionError, chain, derive
from tandem.channels.tlv import (
    POINT,
    Records,
    check_point,
    point,
    raw,
    read_short,
    read_whole,
    record,
    require,
    whole,
    write_short,
    write_whole,
)

Msat = NewType("Msat", int)
Height = NewType("Height", int)
Blocks = NewType("Blocks", int)
ShortChannelId = NewType("ShortChannelId", int)
"""64 bits: block (24), transaction (24), output (16). BOLT-07."""

MILLION = 1_000_000
TAG = 16
"""Bytes by which data gets longer when it is encrypted."""


class BlindingError(OnionError):
    """What is for a hop of a blinded path cannot be used. The message says why."""


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
        permit(after > 0 and rest > 0, f"{amount}, until {expiry}, does not pay for the way")
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
        permit(expiry <= self.most_expiry, f"the path is to be used until {self.most_expiry}, not {expiry}")
        permit(amount >= self.least_amount, f"the path is for payments of {self.least_amount} at least, not {amount}")


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

    padding: bytes | None = raw(1)
    channel: ShortChannelId | None = whole(2, 8)
    """To the next hop; or `next_node`, its public key."""
    next_node: bytes | None = point(4)
    path_id: bytes | None = raw(6)
    """For the last hop, which has made the path: to know it again."""
    next_path_key: bytes | None = point(8)
    """In place of the one that follows: another path is joined to this one behind this hop."""
    relay: Relay | None = record(10, Relay.encode, Relay.decode)
    constraints: Constraints | None = record(12, Constraints.encode, Constraints.decode)
    features: frozenset[int] | None = record(14, write_features, read_features)
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
        require(bool(hops) and at == len(data), "a path has no hops, or not the size that it should have")
        return cls(first, key, tuple(hops))


def make_path(session_key: bytes, hops: Sequence[Hop]) -> BlindedPath:
    """A path along these nodes, by what each is to be told: a HopData, encoded. The last one is who makes it.

    OnionError where there are no hops, or one's key is no point of the curve. A session key must never be used twice.
    """
    require(bool(hops), "a path has hops")
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
        permit(len(encrypted) >= TAG, f"encrypted data has {TAG} bytes at least, not {len(encrypted)}")
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


def check_features(data: HopData, known: Collection[int]) -> None:
    """BlindingError where the hop must know a feature that it does not."""
    unknown = (data.features or frozenset()).difference(known)
    permit(not unknown, f"feature {min(unknown, default=None)} is unknown")


def permit(holds: bool, what: str) -> None:
    """BlindingError unless it holds."""
    if not holds:
        raise BlindingError(what)
