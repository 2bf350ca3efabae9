"""Turning vouchers into money: claims of many channels in one transaction, then one payment for all of them.

Safe at any time and as often as one likes, also from two programs at once: what is claimed already is passed over.
"""

from dataclasses import dataclass, replace

import structlog

from examples.paid_api.chain import MOST_CLAIMS, Chain
from examples.paid_api.scheme import Units
from examples.paid_api.store import Store


@dataclass(frozen=True, slots=True)
class Collected:
    """What came of it."""

    channels: int
    """Of which was claimed."""
    claimed: Units
    settled: Units
    """Paid to receivers."""


def collect(chain: Chain, store: Store) -> Collected:
    """Claim all that was charged, and have it paid out. ChainFailed: what was done so far stays done."""
    claims = []
    claimed = settled = 0
    payees = set()
    for record in store.all():
        if record.config.receiver_authorizer != chain.address:
            continue  # of a key that the service had before
        payees.add((record.config.receiver, record.config.token))
        current = replace(record, chain=chain.channel(record.id))
        if current.claim is not None:
            claims.append(current.claim)
            claimed += current.claim.total - current.chain.claimed
    for first in range(0, len(claims), MOST_CLAIMS):
        chain.claim(claims[first : first + MOST_CLAIMS])
    for receiver, token in sorted(payees):
        amount = chain.unsettled(receiver, token)
        if amount:
            chain.settle(receiver, token)
            settled += amount
    collected = Collected(len(claims), Units(claimed), Units(settled))
    if claims or settled:
        structlog.get_logger("collecting").info("collected", channels=len(claims), claimed=claimed, settled=settled)
    return collected
