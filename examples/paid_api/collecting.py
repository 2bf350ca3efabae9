"""Turning vouchers into money: claims of many channels in one transaction, then one payment for all of them.

Safe at any time and as often as one likes, also from two programs at once: what is claimed already is passed over.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from examples.paid_api.chain import MOST_CLAIMS, Chain
from examples.paid_api.errors import ChainFailed
from examples.paid_api.scheme import Units
from examples.paid_api.store import Record, Store


@dataclass(frozen=True, slots=True)
class Collected:
    """What came of it."""

    channels: int
    """Of which was claimed."""
    claimed: Units
    settled: Units
    """Paid to receivers."""


def collect(chain: Chain, store: Store) -> Collected:
    """Claim all that was charged, and have it paid out. ChainFailed: all that could be done was done, and stays so."""
    started, final = time.time(), store.final()
    ours = [record for record in store.all() if record.config.receiver_authorizer == chain.address]
    unclaimed = [record for record in ours if record.charged > final.get(record.id, 0)]
    failures: list[ChainFailed] = []
    channels = claimed = settled = 0
    for first in range(0, len(unclaimed), MOST_CLAIMS):
        try:
            count, amount = _claim(chain, store, unclaimed[first : first + MOST_CLAIMS])
        except ChainFailed as reason:
            failures.append(reason)
        else:
            channels, claimed = channels + count, claimed + amount
    if not failures:
        store.collected_at = started
    for receiver, token in sorted({(record.config.receiver, record.config.token) for record in ours}):
        try:
            amount = chain.unsettled(receiver, token)
            if amount:
                chain.settle(receiver, token)
                settled += amount
        except ChainFailed as reason:
            failures.append(reason)
    if channels or settled:
        structlog.get_logger("collecting").info("collected", channels=channels, claimed=claimed, settled=settled)
    if failures:
        raise ChainFailed(f"not all was collected ({len(failures)} failures): {failures[0]}") from failures[0]
    return Collected(channels, Units(claimed), Units(settled))


def _claim(chain: Chain, store: Store, records: Sequence[Record]) -> tuple[int, Units]:
    """In one transaction. Of how many channels, and how much."""
    claims, amount, done = [], 0, []
    for record in records:
        current = replace(record, chain=chain.channel(record.id))
        if current.claim is None:
            done.append(record)
        else:
            claims.append(current.claim)
            amount += current.claim.total - current.chain.claimed
    if claims:
        chain.claim(claims)
    with suppress(ChainFailed):  # a node may not know the state of a block that old: then we ask again next time
        for record in done:
            claimed = chain.final_claimed(record.id)
            if claimed >= record.charged:
                store.put_final(record.id, claimed)
    return len(claims), Units(amount)
