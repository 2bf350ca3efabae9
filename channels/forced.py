"""The way to L2 that its sequencer cannot close: a message in L1's inbox, and forced inclusion when that is overdue."""

import asyncio
import time

import structlog

from channels.chain import Chain, ChainFailure, ChainSettings
from tandem.l1.contracts import checksum
from tandem.primitives.types import Address

GAS = 1_000_000
"""Of a message: what any call takes: of ChannelManager with 64 locks on both lanes, or 20 secrets."""
LOOK = 1.0
"""Seconds between two looks at whether the inbox is overdue."""


class ForcedWay:
    """channels.chain.Detour: calls on L2 by the same account on L1."""

    def __init__(self, l1: Chain, l2: ChainSettings, inbox: Address) -> None:
        self._l1 = l1
        self._inbox = l1.contract("Inbox", inbox)
        self._wait = l2.timing.forced + 2 * l1.timing.settle
        self._sent: dict[bytes, float] = {}
        """What is on its way, and since when."""
        self._log = structlog.get_logger("forced")

    async def take(self, contract: Address, data: bytes) -> None:
        """Once for each call; again when it has had all the time that L1 gives the sequencer. ChainFailure."""
        if time.monotonic() - self._sent.get(data, -float(self._wait)) < self._wait:
            return
        self._log.warning("the sequencer does not take a transaction: it goes through L1", selector=data[:4].hex())
        await self._l1.call(self._inbox.functions.sendMessage(checksum(contract), GAS, data))
        self._sent[data] = time.monotonic()

    async def watch(self) -> None:
        """Force what is overdue while anything of ours is on its way; for ever."""
        while True:
            await asyncio.sleep(LOOK)
            now = time.monotonic()
            self._sent = {data: since for data, since in self._sent.items() if now - since < self._wait}
            if not self._sent:
                continue
            try:
                if await self._l1.ask(self._inbox.functions.isOverdue()):
                    await self._l1.call(self._inbox.functions.forceInclude())
                    self._log.warning("messages are forced into L2")
            except ChainFailure as reason:
                self._log.info("not forced", reason=str(reason))


def add_forced_way(chains: dict[int, Chain], l1_id: int, inbox: Address) -> ForcedWay | None:
    """Give L2 the way through L1, where both are there."""
    l1, others = chains.get(l1_id), [chain for chain in chains.values() if chain.id != l1_id]
    if l1 is None or not others:
        return None
    [l2] = others
    l2.detour = way = ForcedWay(l1, l2.settings, inbox)
    return way
