"""Onion routing (BOLT-04, Sphinx): each hop of a payment learns who is before and behind it, and nothing else.

A packet has 1,366 bytes whatever the way: version (1) ‖ ephemeral key (33) ‖ payloads (1,300) ‖ HMAC (32). A message
(blinding.py) may have more or fewer bytes of payloads. A hop takes its payload off with the secret that it shares with
the sender (`peel`), and hands on a packet that looks the same. A failure comes back wrapped by each hop; the sender
alone can tell whose it is (`open_failure`).

Keys are 32 bytes, public keys 33 (compressed). Backends: coincurve for the curve, pycryptodome for ChaCha20.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from coincurve import PrivateKey, PublicKey
from Crypto.Cipher import ChaCha20

from tandem.errors import TandemError

VERSION = 0
PAYLOADS = 1_300
"""Bytes of all hops' payloads, in a payment's packet."""
MAC = 32
FRAME = 1 + 33 + MAC
"""Bytes of a packet beside its payloads."""
PACKET = FRAME + PAYLOADS
FAILURE = 256
"""Bytes of a failure message with its padding, but for the two lengths: at least, BOLT-04."""
LAST = bytes(MAC)
"""The HMAC that the last hop finds."""


class OnionError(TandemError):
    """A packet is not for us, was damaged on its way, or cannot be made. The message says which."""


@dataclass(frozen=True, slots=True)
class Hop:
    """What a hop is to be told."""

    public_key: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Peeled:
    """What a hop finds in a packet."""

    payload: bytes
    secret: bytes
    """Shared with the sender: for failures."""
    packet: bytes | None
    """For the next hop; None at the last one."""


@dataclass(frozen=True, slots=True)
class Link:
    """One hop's place in a chain of keys."""

    private_key: bytes
    """Ephemeral: known to the chain's maker alone."""
    public_key: bytes
    """Of it: what the hop is given."""
    secret: bytes
    """Shared with the hop."""


def create(
    session_key: bytes, hops: Sequence[Hop], associated: bytes, size: int = PAYLOADS
) -> tuple[bytes, list[bytes]]:
    """A packet, and the secret shared with each hop. `associated`: committed to, not contained (the payment's hash).

    `size`: bytes of all payloads. OnionError where they do not fit, or a hop's key is no point of the curve. A session
    key must never be used twice.
    """
    framed = [_frame(hop.payload) for hop in hops]
    if not hops or sum(map(len, framed)) > size:
        raise OnionError(f"the payloads take {sum(map(len, framed))} bytes, there are {size}")
    links = chain(session_key, [hop.public_key for hop in hops])
    secrets = [link.secret for link in links]
    filler = _filler([len(each) for each in framed[:-1]], secrets, size)
    payloads = _stream(derive(b"pad", session_key), size)
    mac = LAST
    for at in reversed(range(len(hops))):
        content = framed[at][:-MAC] + mac
        payloads = _xor(content + payloads[: size - len(content)], _stream(derive(b"rho", secrets[at]), size))
        if at == len(hops) - 1 and filler:
            payloads = payloads[: -len(filler)] + filler
        mac = _mac(b"mu", secrets[at], payloads + associated)
    return bytes([VERSION]) + links[0].public_key + payloads + mac, secrets


def peel(packet: bytes, private_key: bytes, associated: bytes, size: int = PAYLOADS) -> Peeled:
    """What a packet with `size` bytes of payloads says to who has this key. OnionError where it says nothing."""
    if size < 1 or len(packet) != FRAME + size or packet[0] != VERSION:
        raise OnionError(f"this is no packet of version {VERSION}: {len(packet)} bytes")
    ephemeral, payloads, mac = packet[1:34], packet[34:-MAC], packet[-MAC:]
    try:
        point = PublicKey(ephemeral)
    except ValueError as reason:
        raise OnionError("the packet's key is no point of the curve") from reason
    secret = PrivateKey(private_key).ecdh(ephemeral)
    if not hmac.compare_digest(mac, _mac(b"mu", secret, payloads + associated)):
        raise OnionError("the packet is for someone else, of another payment, or damaged")
    plain = _xor(payloads + bytes(size), _stream(derive(b"rho", secret), 2 * size))
    length, start = read_bigsize(plain, 0)
    end = start + length
    if end + MAC > size:
        raise OnionError(f"the payload has {length} bytes, the packet less")
    next_mac = plain[end : end + MAC]
    if next_mac == LAST:
        return Peeled(plain[start:end], secret, None)
    blinded = point.multiply(sha256(ephemeral + secret).digest()).format()
    rest = plain[end + MAC : end + MAC + size]
    return Peeled(plain[start:end], secret, bytes([VERSION]) + blinded + rest + next_mac)


def make_failure(secret: bytes, message: bytes, size: int = FAILURE) -> bytes:
    """A failure of `size` bytes with its padding, by the hop that has it. OnionError where the message is too long."""
    if len(message) > size:
        raise OnionError(f"a failure has up to {size} bytes, not {len(message)}")
    padding = bytes(size - len(message))
    content = _size(message) + message + _size(padding) + padding
    return wrap_failure(secret, _mac(b"um", secret, content) + content)


def wrap_failure(secret: bytes, packet: bytes) -> bytes:
    """What a hop hands back of a failure that comes from behind."""
    return _xor(packet, _stream(derive(b"ammag", secret), len(packet)))


def open_failure(secrets: Sequence[bytes], packet: bytes) -> tuple[int, bytes]:
    """The hop that has failed, counted from 0, and what it says. OnionError where none of them has made this."""
    for at, secret in enumerate(secrets):
        packet = wrap_failure(secret, packet)
        mac, content = packet[:MAC], packet[MAC:]
        if hmac.compare_digest(mac, _mac(b"um", secret, content)):
            length = int.from_bytes(content[:2], "big")
            return at, content[2 : 2 + length]
    raise OnionError("no hop on this way has made this failure")


def chain(session_key: bytes, public_keys: Sequence[bytes]) -> list[Link]:
    """The keys from hop to hop: each is blinded by what the hop before can compute. OnionError for a key of no hop."""
    private = PrivateKey(session_key)
    links: list[Link] = []
    for public_key in public_keys:
        if links:
            private = private.multiply(sha256(links[-1].public_key + links[-1].secret).digest())
        try:
            secret = private.ecdh(public_key)
        except ValueError as reason:
            raise OnionError("a hop's key is no point of the curve") from reason
        links.append(Link(private.secret, private.public_key.format(), secret))
    return links


def derive(kind: bytes, secret: bytes) -> bytes:
    """The key of a kind, such as b"rho", that comes of a secret. BOLT-04, key generation."""
    return hmac.digest(kind, secret, "sha256")


def bigsize(value: int) -> bytes:
    """BOLT-01's numbers, of up to 64 bits."""
    if value < 0xFD:
        return bytes([value])
    size = 2 if value < 1 << 16 else 4 if value < 1 << 32 else 8
    return bytes([0xFC + size.bit_length() - 1]) + value.to_bytes(size, "big")


def read_bigsize(data: bytes, at: int) -> tuple[int, int]:
    """Such a number, and where what follows begins. OnionError where it is cut off, or not in its shortest form."""
    first = data[at : at + 1]
    if first and first[0] < 0xFD:
        return first[0], at + 1
    size = 2 << (first[0] - 0xFD) if first else 0
    end = at + 1 + size
    value = int.from_bytes(data[at + 1 : end], "big")
    if not first or end > len(data) or len(bigsize(value)) != 1 + size:
        raise OnionError("a length or a type is not written as it must be")
    return value, end


def _filler(sizes: Sequence[int], secrets: Sequence[bytes], room: int) -> bytes:
    """What the last hop finds at its packet's end: what all hops before have shifted in."""
    filler = b""
    for size, secret in zip(sizes, secrets, strict=False):
        filler += bytes(size)
        stream = _stream(derive(b"rho", secret), room + size)
        filler = _xor(filler, stream[-len(filler) :])
    return filler


def _frame(payload: bytes) -> bytes:
    """With its length before it and room for an HMAC behind."""
    return bigsize(len(payload)) + payload + bytes(MAC)


def _size(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big")


def _mac(kind: bytes, secret: bytes, data: bytes) -> bytes:
    return hmac.digest(derive(kind, secret), data, "sha256")


def _stream(key: bytes, size: int) -> bytes:
    return ChaCha20.new(key=key, nonce=bytes(12)).encrypt(bytes(size))


def _xor(one: bytes, other: bytes) -> bytes:
    size = len(one)
    return (int.from_bytes(one, "big") ^ int.from_bytes(other[:size], "big")).to_bytes(size, "big")
