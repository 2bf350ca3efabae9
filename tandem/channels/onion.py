"""Onion routing (BOLT-04, Sphinx): each hop of a payment learns who is before and behind it, and nothing else.

A packet has 1,366 bytes whatever the way: version (1) ‖ ephemeral key (33) ‖ payloads (1,300) ‖ HMAC (32). A hop takes
its payload off with the secret that it shares with the sender (`peel`), and hands on a packet that looks the same.
A failure comes back wrapped by each hop; the sender alone can tell whose it is (`open_failure`).

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
"""Bytes of all hops' payloads."""
MAC = 32
PACKET = 1 + 33 + PAYLOADS + MAC
FAILURE = 256
"""Bytes of a failure message with its padding, but for the two lengths."""
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


def create(session_key: bytes, hops: Sequence[Hop], associated: bytes) -> tuple[bytes, list[bytes]]:
    """A packet, and the secret shared with each hop. `associated`: committed to, not contained (the payment's hash).

    OnionError where the payloads do not fit. A session key must never be used twice.
    """
    framed = [_frame(hop.payload) for hop in hops]
    if not hops or sum(map(len, framed)) > PAYLOADS:
        raise OnionError(f"the payloads take {sum(map(len, framed))} bytes, there are {PAYLOADS}")
    secrets, ephemeral = _secrets(session_key, [hop.public_key for hop in hops])
    filler = _filler([len(each) for each in framed[:-1]], secrets)
    payloads = _stream(_key(b"pad", session_key), PAYLOADS)
    mac = LAST
    for at in reversed(range(len(hops))):
        content = framed[at][:-MAC] + mac
        payloads = _xor(content + payloads[: PAYLOADS - len(content)], _stream(_key(b"rho", secrets[at]), PAYLOADS))
        if at == len(hops) - 1 and filler:
            payloads = payloads[: -len(filler)] + filler
        mac = _mac(b"mu", secrets[at], payloads + associated)
    return bytes([VERSION]) + ephemeral + payloads + mac, secrets


def peel(packet: bytes, private_key: bytes, associated: bytes) -> Peeled:
    """What a packet says to who has this key. OnionError where it says nothing."""
    if len(packet) != PACKET or packet[0] != VERSION:
        raise OnionError(f"this is no packet of version {VERSION}: {len(packet)} bytes")
    ephemeral, payloads, mac = packet[1:34], packet[34:-MAC], packet[-MAC:]
    try:
        point = PublicKey(ephemeral)
    except ValueError as reason:
        raise OnionError("the packet's key is no point of the curve") from reason
    secret = PrivateKey(private_key).ecdh(ephemeral)
    if not hmac.compare_digest(mac, _mac(b"mu", secret, payloads + associated)):
        raise OnionError("the packet is for someone else, of another payment, or damaged")
    plain = _xor(payloads + bytes(PAYLOADS), _stream(_key(b"rho", secret), 2 * PAYLOADS))
    length, start = _read_size(plain)
    end = start + length
    if end + MAC > PAYLOADS:
        raise OnionError(f"the payload has {length} bytes, the packet less")
    next_mac = plain[end : end + MAC]
    if next_mac == LAST:
        return Peeled(plain[start:end], secret, None)
    blinded = point.multiply(sha256(ephemeral + secret).digest()).format()
    rest = plain[end + MAC : end + MAC + PAYLOADS]
    return Peeled(plain[start:end], secret, bytes([VERSION]) + blinded + rest + next_mac)


def make_failure(secret: bytes, message: bytes) -> bytes:
    """A failure, by the hop that has it. OnionError where the message is too long."""
    if len(message) > FAILURE:
        raise OnionError(f"a failure has up to {FAILURE} bytes, not {len(message)}")
    padding = bytes(FAILURE - len(message))
    content = _size(message) + message + _size(padding) + padding
    return wrap_failure(secret, _mac(b"um", secret, content) + content)


def wrap_failure(secret: bytes, packet: bytes) -> bytes:
    """What a hop hands back of a failure that comes from behind."""
    return _xor(packet, _stream(_key(b"ammag", secret), len(packet)))


def open_failure(secrets: Sequence[bytes], packet: bytes) -> tuple[int, bytes]:
    """The hop that has failed, counted from 0, and what it says. OnionError where none of them has made this."""
    for at, secret in enumerate(secrets):
        packet = wrap_failure(secret, packet)
        mac, content = packet[:MAC], packet[MAC:]
        if hmac.compare_digest(mac, _mac(b"um", secret, content)):
            length = int.from_bytes(content[:2], "big")
            return at, content[2 : 2 + length]
    raise OnionError("no hop on this way has made this failure")


def _secrets(session_key: bytes, public_keys: Sequence[bytes]) -> tuple[list[bytes], bytes]:
    """Shared with each hop, and the first ephemeral public key."""
    private = PrivateKey(session_key)
    first = private.public_key.format()
    secrets = []
    for public_key in public_keys:
        secret = private.ecdh(public_key)
        secrets.append(secret)
        private = private.multiply(sha256(private.public_key.format() + secret).digest())
    return secrets, first


def _filler(sizes: Sequence[int], secrets: Sequence[bytes]) -> bytes:
    """What the last hop finds at its packet's end: what all hops before have shifted in."""
    filler = b""
    for size, secret in zip(sizes, secrets, strict=False):
        filler += bytes(size)
        stream = _stream(_key(b"rho", secret), PAYLOADS + size)
        filler = _xor(filler, stream[-len(filler) :])
    return filler


def _frame(payload: bytes) -> bytes:
    """With its length before it and room for an HMAC behind."""
    return _bigsize(len(payload)) + payload + bytes(MAC)


def _bigsize(value: int) -> bytes:
    """BOLT-01's numbers."""
    if value < 0xFD:
        return bytes([value])
    return b"\xfd" + value.to_bytes(2, "big")  # a packet has no room for more


def _read_size(data: bytes) -> tuple[int, int]:
    """A length, and where what it is of begins."""
    if data[0] < 0xFD:
        return data[0], 1
    value = int.from_bytes(data[1:3], "big")
    if data[0] > 0xFD or value < 0xFD:
        raise OnionError("the payload's length is not written as it must be")
    return value, 3


def _size(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big")


def _key(kind: bytes, secret: bytes) -> bytes:
    return hmac.digest(kind, secret, "sha256")


def _mac(kind: bytes, secret: bytes, data: bytes) -> bytes:
    return hmac.digest(_key(kind, secret), data, "sha256")


def _stream(key: bytes, size: int) -> bytes:
    return ChaCha20.new(key=key, nonce=bytes(12)).encrypt(bytes(size))


def _xor(one: bytes, other: bytes) -> bytes:
    size = len(one)
    return (int.from_bytes(one, "big") ^ int.from_bytes(other[:size], "big")).to_bytes(size, "big")
