"""The engine's one thread: serves the bus, applies news from L1, builds blocks. It alone writes the store.

bus requests ──▶ ┐
L1 updates   ──▶ ├── loop ──▶ store (one LMDB transaction a block) ──▶ bus events
block clock  ──▶ ┘
"""

import queue
import time
from threading import Event
from typing import Any

import structlog

from sequencer import bus
from sequencer.bus_server import BusServer, Request
from sequencer.engine.builder import Builder
from sequencer.engine.clock import ChainClock
from sequencer.engine.development import DevelopmentMethods
from sequencer.engine.journal import Journal
from sequencer.mempool import Mempool, PoolRefusal
from tandem.chain.fees import next_base_fee
from tandem.chain.spec import Deployment
from tandem.node.follower import Follower, InboxMismatch, InboxUpdate, rewind
from tandem.node.inbox_sync import InboxSync
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Wei
from tandem.state.database import StateDatabase
from tandem.store import BlockRecord, ChainStore, ReadSession
from tandem.transactions.codec import decode_stored
from tandem.transactions.transaction import SignedTransaction

IDLE_WAIT = 0.01
"""Seconds that the loop sleeps for a request before it looks at L1's news and the clock again."""
CLOSING_DELAY = 1.0
"""Seconds of quiet after which one empty block closes a run of blocks. Clients such as ethers look for a receipt when a
new block appears: without it, who began to wait just after the last block would wait until someone else transacts."""
REQUESTS_AT_ONCE = 64
"""Bus requests served before the clock is looked at."""


class Engine:
    """Everything that changes the chain happens in `run`, in one thread."""

    def __init__(
        self,
        deployment: Deployment,
        store: ChainStore,
        server: BusServer,
        pool: Mempool,
        journal: Journal,
        clock: ChainClock,
        builder: Builder | None,
        sync: InboxSync | None,
        follower: Follower,
        development: DevelopmentMethods | None,
        block_time: float,
    ) -> None:
        """`block_time`: seconds between blocks; 0 builds one for each transaction."""
        self._parameters = deployment.parameters
        self._start_block = deployment.l1.start_block
        self._store = store
        self._server = server
        self._pool = pool
        self._journal = journal
        self._clock = clock
        self._builder = builder
        self._sync = sync
        self._follower = follower
        self._development = development
        self._block_time = block_time
        self._next_block = 0.0
        self._close_at: float | None = None
        self._log = structlog.get_logger("engine")

    def run(self, stopping: Event) -> None:
        """Serve until `stopping` is set. The store is consistent whenever this returns or dies."""
        self._recall()
        while not stopping.is_set():
            self._apply_updates()
            self._build_if_due()
            self._serve_requests()

    # -- the bus

    def _serve_requests(self) -> None:
        wait = IDLE_WAIT if self._builder is None else min(IDLE_WAIT, max(0.0, self._next_block - time.monotonic()))
        try:
            request = self._server.requests.get(timeout=wait) if wait else self._server.requests.get_nowait()
        except queue.Empty:
            return
        with self._store.read() as session:
            for _ in range(REQUESTS_AT_ONCE):
                if request.kind == bus.DEVELOPMENT:
                    break  # it may write, and a read transaction shows nothing of that
                self._serve(request, session)
                try:
                    request = self._server.requests.get_nowait()
                except queue.Empty:
                    return
        if request.kind == bus.DEVELOPMENT:
            self._serve_development(request)
        else:
            with self._store.read() as session:
                self._serve(request, session)

    def _serve(self, request: Request, session: ReadSession) -> None:
        match request.kind:
            case bus.TRANSACTIONS:
                request.answer(self._take(request.body, session))
            case bus.PENDING_NONCE:
                sender = Address(request.body)
                account = StateDatabase(session.state_tables).account(sender)
                request.answer(self._pool.pending_nonce(sender, account.nonce if account else 0))
            case bus.POOL:
                entries = self._pool.content(Address(request.body) if request.body else None)
                request.answer([list(entry) for entry in entries])
            case bus.STATUS:
                request.answer(self._status(session))
            case _:
                request.refuse("unknown", f"the engine does not know requests of kind {request.kind!r}")

    def _take(self, entries: list[tuple[bytes, bytes]], session: ReadSession) -> list[Any]:
        """Offer transactions to the pool and remember what it takes; the answer to each."""
        answers, taken = self._offer(entries, session)
        if taken:
            self._journal.append((transaction.raw, transaction.sender) for transaction in taken)
            if self._journal.is_large:
                self._journal.rewrite((transaction.raw, transaction.sender) for transaction in self._pool)
            self._server.broadcast(bus.PENDING, [transaction.hash for transaction in taken])
        return answers

    def _offer(
        self, entries: list[tuple[bytes, bytes]], session: ReadSession
    ) -> tuple[list[Any], list[SignedTransaction]]:
        """Offer transactions to the pool: the answer to each, and those that it took."""
        state = StateDatabase(session.state_tables)
        base_fee = next_base_fee(session.head(), self._parameters)
        answers: list[Any] = []
        taken: list[SignedTransaction] = []
        for raw, sender in entries:
            transaction = decode_stored(raw, Address(sender))
            assert isinstance(transaction, SignedTransaction)
            account = state.account(transaction.sender)
            nonce, balance = (account.nonce, account.balance) if account else (0, Wei(0))
            try:
                self._pool.add(transaction, nonce, balance, base_fee)
            except PoolRefusal as refusal:
                answers.append([refusal.code, str(refusal)])
            else:
                answers.append(None)
                taken.append(transaction)
        return answers, taken

    def _recall(self) -> None:
        """Put into the pool what the journal holds and no block does."""
        with self._store.read() as session:
            entries = [(raw, sender) for raw, sender in self._journal.entries() if session.locate(keccak(raw)) is None]
            self._offer(entries, session)
        self._journal.rewrite((transaction.raw, transaction.sender) for transaction in self._pool)
        self._log.info("mempool recalled", transactions=len(self._pool))

    def _serve_development(self, request: Request) -> None:
        method, params = request.body
        if self._development is None:
            request.refuse("method_not_found", f"{method} is a development method: this is not a development chain")
            return
        self._development.serve(request, method, params, self._build)

    def _status(self, session: ReadSession) -> dict[str, Any]:
        head = session.head()
        return {
            "head": head.number,
            "safe": session.safe_number(),
            "finalized": session.finalized_number(),
            "base_fee": next_base_fee(head, self._parameters),
            "pool_executable": self._pool.executable_count,
            "pool_queued": self._pool.queued_count,
            "messages_known": session.message_count(),
            "messages_consumed": head.messages_consumed,
            "batches": session.batch_count(),
            "l1_connected": self._sync is None or self._sync.connected,
        }

    # -- L1

    def _apply_updates(self) -> None:
        if self._sync is None:
            return
        try:
            update = self._sync.updates.get_nowait()
        except queue.Empty:
            return
        try:
            self._apply(update)
        except InboxMismatch as error:
            self._log.warning("L1's events do not fit together, reading them again", reason=str(error))
            with self._store.write() as session:
                rewind(session, self._start_block)
        self._sync.applied()

    def _apply(self, update: InboxUpdate) -> None:
        with self._store.write() as session:
            before = session.head_number()
            applied = self._follower.apply(session, update)
            head = session.head()
        if applied.dropped or applied.executed:
            kept = applied.dropped[0].header.number - 1 if applied.dropped else before
            if applied.dropped:
                self._log.warning("L1 says otherwise: blocks rolled back", kept=kept, dropped=len(applied.dropped))
                self._restore(applied.dropped)
                self._server.broadcast(bus.REORG, [kept, head.number])
            else:
                self._server.broadcast(bus.HEAD, head.number)
            self._refresh_pool(kept + 1, head.number)

    def _restore(self, dropped: tuple[BlockRecord, ...]) -> None:
        """Put the signed transactions of dropped blocks back into the pool."""
        signed = [item for block in dropped for item in block.transactions if isinstance(item, SignedTransaction)]
        with self._store.read() as session:
            state = StateDatabase(session.state_tables)
            base_fee = next_base_fee(session.head(), self._parameters)

            def account(address: Address) -> tuple[int, int]:
                found = state.account(address)
                return (found.nonce, found.balance) if found else (0, 0)

            self._journal.append((item.raw, item.sender) for item in signed)
            lost = self._pool.on_reorg(account, signed, base_fee)
        if lost:
            self._log.warning("transactions of dropped blocks fit no more", count=len(lost))

    def _refresh_pool(self, first: int, last: int) -> None:
        """Tell the pool the nonces of everyone who sent in these blocks."""
        with self._store.read() as session:
            state = StateDatabase(session.state_tables)
            senders = {item.sender for number in range(first, last + 1) for item in session.block(number).transactions}
            accounts = [(sender, state.account(sender)) for sender in senders]
            self._pool.on_block([(sender, account.nonce if account else 0) for sender, account in accounts])

    # -- blocks

    def _build_if_due(self) -> None:
        if self._builder is None or time.monotonic() < self._next_block:
            return
        if self._block_time:
            self._next_block = max(self._next_block + self._block_time, time.monotonic())
            if self._build():
                self._close_at = time.monotonic() + CLOSING_DELAY
                if self._builder.was_full:
                    self._next_block = time.monotonic()  # a block's worth waits: the block time is for quiet times
            elif self._close_at is not None and time.monotonic() >= self._close_at:
                self._close_at = None
                self._build(empty=True)
        else:
            while self._build(limit=1):
                pass
            self._next_block = time.monotonic()

    def _build(self, *, limit: int | None = None, empty: bool = False) -> bool:
        """Build a block if there is anything for it, or `empty` asks for one anyway. Whether one was built."""
        if self._builder is None:
            return False
        block = self._builder.build(self._clock.now(), limit=limit, empty=empty)
        if block is None:
            return False
        self._server.broadcast(bus.HEAD, block.header.number)
        return True
