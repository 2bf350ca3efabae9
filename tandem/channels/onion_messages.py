"""Messages along blinded paths: no payment, only something said.

BOLT-04.

    message = make_message(session_key, path, {64: b"..."})           the sender
    step = take_message(message, private_key, {64})                   each hop; step.forward is for the next one
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Self

from tandem.channels.blinding import BlindedPath, BlindingError, HopData, check_features, permit, share
from tandem.channels.onion import FRAME, PAYLOADS, Hop, create, peel
from tandem.channels.tlv import POINT, Records, check_point, raw, read_stream, read_whole, record, require, write_whole

LARGE = 32_768
"""Bytes of payloads of the larger of the two sizes that messages should have (BOLT-04); the other is PAYLOADS."""
MESSAGE = 513
"""BOLT-04's `onion_message`."""
CONTENTS = 64
"""From here on, a message's records are what it is about (BOLT-04): one of them at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePayload(Records):
    """What a message's packet says to a hop. BOLT-04, `onionmsg_tlv`; what it is about is among the others."""

    reply_path: BlindedPath | None = record(2, BlindedPath.encode, BlindedPath.decode)
    encrypted: bytes | None = raw(4)
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
        require(data[:2] == write_whole(MESSAGE, 2), "this is no onion message")
        start = 2 + POINT + 2
        end = start + read_whole(data[start - 2 : start], 2)
        require(end <= len(data), "the packet is cut off")
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
    check_features(data, features)
    if peeled.packet is None:
        contents = [kind for kind in payload.others if kind >= CONTENTS]
        permit(len(contents) <= 1, f"a message is about one thing, not about {len(contents)}")
        return MessageStep(payload, data, None)
    permit(payload.reply_path is None and not payload.others, "a hop that is not the last finds more than its data")
    permit(data.path_id is None, "a hop that is not the last finds the id of a path")
    permit(data.next_node is not None or data.channel is not None, "there is no next hop")
    return MessageStep(payload, data, OnionMessage(next_path_key, peeled.packet))
