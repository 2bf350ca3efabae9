"""Payments along blinded paths, and along ways without one: what a payer says to each hop, what a hop makes of it.

BOLT-04.

    hops = payment_hops(path, amount, expiry)                         the sender, for onion.create
    peeled = peel(packet, shared.private_key, payment_hash)           each hop; `shared` as in blinding.py
    step = take_payment(peeled, private_key, amount, expiry, shared)  step.forward is for the next one
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Self

from tandem.channels.blinding import (
    BlindedPath,
    BlindingError,
    Height,
    HopData,
    Msat,
    Share,
    ShortChannelId,
    check_features,
    permit,
    share,
)
from tandem.channels.onion import Hop, OnionError, Peeled
from tandem.channels.tlv import Records, point, raw, read_short, record, require, short, whole, write_short


@dataclass(frozen=True, slots=True)
class PaymentData:
    """What an invoice asks a payer to show. BOLT-04, `payment_data`."""

    secret: bytes
    total: Msat

    def encode(self) -> bytes:
        """OnionError where the total has no room, or the secret not 32 bytes."""
        require(len(self.secret) == 32, f"a payment's secret has 32 bytes, not {len(self.secret)}")
        return self.secret + write_short(self.total, 8)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """OnionError."""
        require(len(data) >= 32, f"a payment's secret has 32 bytes, not {len(data)}")
        return cls(data[:32], Msat(read_short(data[32:], 8)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload(Records):
    """What a payment's packet says to a hop. BOLT-04, `payload`."""

    amount: Msat | None = short(2, 8)
    """To forward; at the last hop, what must have come in."""
    expiry: Height | None = short(4, 4)
    """The same of the expiry."""
    channel: ShortChannelId | None = whole(6, 8)
    """To the next hop."""
    payment_data: PaymentData | None = record(8, PaymentData.encode, PaymentData.decode)
    encrypted: bytes | None = raw(10)
    """In a blinded path: the hop's data."""
    path_key: bytes | None = point(12)
    """At the first hop of one."""
    metadata: bytes | None = raw(16)
    total: Msat | None = short(18, 8)
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
        permit(shared is None and payload.path_key is None, "there is a path key, and no data that it is for")
        return _take_open(peeled, payload, amount, expiry)
    if payload.path_key is not None:
        permit(shared is None, "there is more than one path key")
        shared = share(private_key, payload.path_key)
    if shared is None:
        raise BlindingError("there is no path key")
    data, next_path_key = shared.unwrap(payload.encrypted)
    if data.constraints is not None:
        data.constraints.check(amount, expiry)
    check_features(data, features)
    permit(data.channel is None or data.next_node is None, "the next hop is named twice")
    if peeled.packet is None:
        permit(payload.kinds <= RECEIVES, "the last hop of a blinded path finds more than it may")
        permit(payload.total is not None, "the payment's total is missing")
        _check_arrival(payload, amount, expiry)
        return PaymentStep(payload, data, None)
    permit(payload.kinds <= FORWARDS, "a hop of a blinded path finds more than it may")
    permit(data.channel is not None or data.next_node is not None, "there is no next hop")
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
    require(payload.channel is not None, "there is no next hop")
    return PaymentStep(payload, None, Forward(peeled.packet, payload.channel, None, after, rest, None))


def _check_arrival(payload: Payload, amount: Msat, expiry: Height) -> tuple[Msat, Height]:
    """What the sender meant to go on from here, or to arrive: no more than has come in."""
    if payload.amount is None or payload.expiry is None:
        raise OnionError("the amount or the expiry is missing")
    require(amount >= payload.amount, f"{payload.amount} were to arrive, not {amount}")
    require(expiry >= payload.expiry, f"{payload.expiry} was to be the expiry, not {expiry}")
    return payload.amount, payload.expiry
