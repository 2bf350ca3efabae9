"""What handlers work with: the chain's store and parameters, the bus, and what is shared between requests."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any

from sequencer.bus_client import BusClient
from sequencer.rpc.bloom import bloom
from sequencer.rpc.config import RpcConfig
from sequencer.rpc.errors import SERVER_ERROR, RpcError
from sequencer.rpc.filters import Filters
from sequencer.rpc.params import BlockSpec
from sequencer.rpc.submit import Submitter
from sequencer.rpc.workers import DeadlineState, Workers
from tandem.chain.block import block_context, chain_rules
from tandem.chain.header import Header
from tandem.chain.spec import Deployment
from tandem.evm.context import BlockContext
from tandem.evm.receipt import Receipt
from tandem.primitives.types import Hash, Seconds
from tandem.store import BlockRecord, ChainStore, ReadSession

MAX_BLOOMS = 1 << 15
"""Blooms kept in memory, about 300 bytes each."""
RECENT_BLOCKS = 32
"""Decoded blocks kept in memory: clients ask for the receipts of a block one by one, and decoding a full one takes
tens of milliseconds. About 1 kB a transaction."""


class Api:
    """One rpc process."""

    def __init__(self, config: RpcConfig, store: ChainStore, deployment: Deployment, client: BusClient) -> None:
        self.config = config
        self.limits = config.limits
        self.store = store
        self.deployment = deployment
        self.parameters = deployment.parameters
        self.rules = chain_rules(deployment.parameters)
        self.bus = client
        self.submitter = Submitter(client, self.parameters, self.rules)
        self.filters = Filters(self.limits)
        self.workers = Workers(self.limits.workers, self.limits.waiting, self.limits.request_seconds)
        self._blooms: dict[Hash, int] = {}
        self._recent: OrderedDict[Hash, tuple[BlockRecord, tuple[Receipt, ...]]] = OrderedDict()
        self._recent_lock = Lock()

    # -- which block

    def find(self, session: ReadSession, spec: BlockSpec) -> int | None:
        """The number of the block that is meant, or None where there is none."""
        if spec.hash is not None:
            return session.number_of(spec.hash)
        head = session.head_number()
        if spec.number is not None:
            return spec.number if spec.number <= head else None
        if spec.tag == "earliest":
            return 0
        if spec.tag == "safe":
            return min(head, session.safe_number())
        if spec.tag == "finalized":
            return min(head, session.finalized_number())
        return head

    def need(self, session: ReadSession, spec: BlockSpec) -> int:
        """The number of the block that is meant. RpcError where there is none."""
        number = self.find(session, spec)
        if number is None:
            raise RpcError(SERVER_ERROR, "header for hash not found" if spec.hash else "header not found")
        return number

    def block(self, session: ReadSession, number: int) -> tuple[BlockRecord, tuple[Receipt, ...]]:
        """Block `number`, which exists, with its receipts."""
        digest = session.block_hash(number)
        with self._recent_lock:
            found = self._recent.get(digest)
            if found is not None:
                self._recent.move_to_end(digest)
                return found
        found = (session.block(number), session.receipts(number))
        with self._recent_lock:
            self._recent[digest] = found
            while len(self._recent) > RECENT_BLOCKS:
                self._recent.popitem(last=False)
        return found

    # -- what code sees

    def state(self, session: ReadSession, number: int) -> DeadlineState:
        """The state after a block, readable until the request's time is up."""
        return DeadlineState(session.state_at(number), self.limits.request_seconds)

    def context(self, session: ReadSession, spec: BlockSpec, number: int) -> BlockContext:
        """The block that a call runs in: the one meant; for "pending", the next."""
        header = session.header(number)
        if spec.tag == "pending":
            return self.next_context(session, header)
        return BlockContext(
            number=number,
            timestamp=header.timestamp,
            coinbase=header.coinbase,
            prev_randao=header.prev_randao,
            base_fee=header.base_fee,
            gas_limit=header.gas_limit,
            l1_base_fee=header.origin.base_fee,
            block_hash=session.block_hash,
        )

    def next_context(self, session: ReadSession, header: Header) -> BlockContext:
        """The block after `header`, if it were made now."""
        timestamp = Seconds(max(header.timestamp, int(time.time())))
        return block_context(self.parameters, header, timestamp, header.origin, session.block_hash)

    # -- blooms

    def bloom(self, header: Header, receipts: Callable[[], tuple[Receipt, ...]]) -> int:
        """The bloom of a block's logs, made once."""
        found = self._blooms.get(header.hash)
        if found is None:
            found = bloom(log for receipt in receipts() for log in receipt.logs)
            if len(self._blooms) >= MAX_BLOOMS:
                self._blooms.clear()
            self._blooms[header.hash] = found
        return found

    def known_bloom(self, header: Header) -> int | None:
        """The bloom, where it has been made."""
        return self._blooms.get(header.hash)

    # -- the engine

    async def ask(self, kind: str, body: Any = None) -> Any:
        """What the engine answers. BusError where it does not."""
        return await self.bus.request(kind, body, timeout=self.limits.request_seconds)
