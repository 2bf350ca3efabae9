"""Onion routing: BOLT-04's published vectors, and what must not get through."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.channels.onion import PACKET, Hop, OnionError, create, make_failure, open_failure, peel, wrap_failure
from tandem.primitives.hashing import keccak

VECTORS = Path(os.environ.get("TANDEM_VECTORS", Path(__file__).parents[4] / "shared" / "vectors")) / "bolt04"
HOW_TO_GET = f"BOLT-04's vectors are not at {VECTORS}: set TANDEM_VECTORS"
published = pytest.mark.skipif(not VECTORS.exists(), reason=HOW_TO_GET)
KEYS = [keccak(b"hop %d" % number) for number in range(20)]
SESSION = keccak(b"session")


def vector(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def unframed(payload: bytes) -> bytes:
    """The vectors' payloads come with their lengths."""
    return payload[3:] if payload[0] == 0xFD else payload[1:]


def way(count: int, size: int = 20) -> list[Hop]:
    return [Hop(PrivateKey(key).public_key.format(), bytes([at]) * size) for at, key in enumerate(KEYS[:count])]


@published
def test_the_published_packet_is_made() -> None:
    case = vector("onion-test")
    given_ = case["generate"]
    hops = [Hop(raw(hop["pubkey"]), unframed(raw(hop["payload"]))) for hop in given_["hops"]]
    packet, _ = create(raw(given_["session_key"]), hops, raw(given_["associated_data"]))
    assert packet.hex() == case["onion"]


@published
def test_the_published_packet_is_peeled_by_all_its_hops() -> None:
    case = vector("onion-test")
    packet: bytes | None = raw(case["onion"])
    for key, hop in zip(case["decode"], case["generate"]["hops"], strict=True):
        assert packet is not None
        peeled = peel(packet, raw(key), raw(case["generate"]["associated_data"]))
        assert peeled.payload == unframed(raw(hop["payload"]))
        packet = peeled.packet
    assert packet is None


@published
def test_the_published_failure_is_made_wrapped_and_opened() -> None:
    case = vector("onion-error-test")
    hops = case["generate"]["hops"]
    secrets = [raw(hop["hop_shared_secret"]) for hop in hops]
    message = raw(case["generate"]["failure_message"])
    packet = make_failure(secrets[-1], message)
    for secret in reversed(secrets[:-1]):
        packet = wrap_failure(secret, packet)
    assert open_failure(secrets, packet) == (len(hops) - 1, message)
    assert packet.hex() == case["errorpacket"]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(0, 30), st.binary(min_size=32, max_size=32))
def test_every_hop_finds_its_payload(count: int, size: int, associated: bytes) -> None:
    hops = way(count, size)
    packet, secrets = create(SESSION, hops, associated)
    rest: bytes | None = packet
    for hop, key, secret in zip(hops, KEYS, secrets, strict=False):
        assert rest is not None and len(rest) == PACKET
        peeled = peel(rest, key, associated)
        assert (peeled.payload, peeled.secret) == (hop.payload, secret)
        rest = peeled.packet
    assert rest is None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, PACKET - 1), st.integers(1, 255))
def test_no_damaged_packet_says_anything(at: int, change: int) -> None:
    packet, _ = create(SESSION, way(3), b"hash")
    damaged = packet[:at] + bytes([packet[at] ^ change]) + packet[at + 1 :]
    with pytest.raises(OnionError):
        peel(damaged, KEYS[0], b"hash")


def test_nor_one_of_another_payment_or_for_someone_else() -> None:
    packet, _ = create(SESSION, way(3), b"hash")
    for key, associated in ((KEYS[1], b"hash"), (KEYS[0], b"other")):
        with pytest.raises(OnionError, match="for someone else"):
            peel(packet, key, associated)
    with pytest.raises(OnionError, match="no packet"):
        peel(packet[:-1], KEYS[0], b"hash")


def test_what_does_not_fit_is_not_made() -> None:
    assert create(SESSION, way(20, 32), b"")[0]
    for hops in ([], way(20, 33), way(1, 1_300)):
        with pytest.raises(OnionError, match="there are 1300"):
            create(SESSION, hops, b"")


@pytest.mark.parametrize("fails_at", range(4))
def test_the_sender_learns_which_hop_has_failed(fails_at: int) -> None:
    _, secrets = create(SESSION, way(4), b"hash")
    packet = make_failure(secrets[fails_at], b"\x20\x02")
    for secret in reversed(secrets[:fails_at]):
        packet = wrap_failure(secret, packet)
    assert open_failure(secrets, packet) == (fails_at, b"\x20\x02")
    with pytest.raises(OnionError, match="no hop on this way"):
        open_failure(secrets, packet[:-1] + bytes([packet[-1] ^ 1]))
    with pytest.raises(OnionError, match="up to 256"):
        make_failure(secrets[0], bytes(257))
