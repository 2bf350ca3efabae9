"""Builds the next block: due messages first, then what the mempool offers, within gas, bytes and time."""

import time
from collections.abc import Sequence

import structlog

from sequencer.mempool import Mempool
from tandem.batch.payload import BLOCK_ITEMS, MAX_ITEMS
from tandem.chain.block import Block, BlockBuilder, make_template, take_messages
from tandem.chain.spec import Deployment
from tandem.errors import InvalidTransaction
from tandem.inbox.queues import MAX_MESSAGES_PER_BATCH, QueuedMessage
from tandem.primitives.types import Address
from tandem.state.database import StateDatabase
from tandem.store import ChainStore, ReadSession
from tandem.store.session import L1_TIME

MAX_BLOCK_BYTES = 90_000
"""Standard bytes of a block's signed transactions: even if nothing compresses, one block fits one batch. Any
transaction that the pool takes fits an empty block (PoolLimits.raw_bytes)."""
MIN_GAS = 21_000
"""Below this nothing fits a block any more."""


class Builder:
    """Builds on the head of the store and commits."""

    def __init__(
        self,
        deployment: Deployment,
        store: ChainStore,
        pool: Mempool,
        refuse: frozenset[Address],
        max_build_time: float,
    ) -> None:
        """`refuse`: senders whose messages are left for L1 to force in. `max_build_time`: seconds for execution."""
        self._parameters = deployment.parameters
        self._patience = deployment.l1.force_inclusion_delay // 2
        self._store = store
        self._pool = pool
        self._refuse = refuse
        self._max_build_time = max_build_time
        self.was_full = False
        """Whether the last block ended because no more fitted, not because nothing waited."""
        self._log = structlog.get_logger("builder")

    def build(self, now: int, *, limit: int | None = None, empty: bool = False) -> Block | None:
        """The next block, committed; None where there is nothing to put in it (unless `empty`).

        `now`: seconds, what the block's time should be. `limit`: at most so many signed transactions.
        """
        if not empty and not self._pool.executable_count and not self._has_messages():
            return None
        with self._store.write() as session:
            parent = session.head()
            messages = self._due_messages(session)
            template = make_template(parent.timestamp, parent.origin, now, messages)
            state = StateDatabase(session.state_tables)
            builder = BlockBuilder(self._parameters, state, parent, template, session.block_hash)
            self._fill(builder, limit)
            is_wanted = empty or self._call_for_a_block(session, messages) or self._waits_for_fee(builder)
            if not is_wanted and builder.transaction_count == len(messages):
                return None
            block = builder.seal()
            session.put_block(block)
            senders = {transaction.sender for transaction in block.transactions}
            nonces = [(sender, account.nonce) for sender in senders if (account := state.account(sender))]
        self._pool.on_block(nonces)
        return block

    def _waits_for_fee(self, builder: BlockBuilder) -> bool:
        """Whether what waits could run at a lower base fee: then empty blocks let it fall."""
        return self._pool.executable_count > 0 and builder.base_fee > self._parameters.min_base_fee

    def _has_messages(self) -> bool:
        with self._store.read() as session:
            return self._call_for_a_block(session, self._due_messages(session))

    def _call_for_a_block(self, session: ReadSession, messages: Sequence[QueuedMessage]) -> bool:
        """Whether these messages are reason enough for a block.

        The inbox queues one of its own after every batch; a block for each would make a batch for each, without end.
        They wait for company, unless they are about to be overdue while blocks are not on L1 yet: the inbox takes no
        batch that leaves an overdue message out.
        """
        if any(not queued.message.is_system for queued in messages):
            return True
        if not messages or session.head_number() == session.safe_number():
            return False
        return session.mark(L1_TIME) - messages[0].message.context.timestamp > self._patience

    def _due_messages(self, session: ReadSession) -> Sequence[QueuedMessage]:
        """The messages that the next block takes."""
        start = session.head().messages_consumed
        stop = min(session.message_count(), start + MAX_MESSAGES_PER_BATCH)
        queue: list[QueuedMessage] = []
        for record in session.messages(start, stop):
            if record.queued.message.sender in self._refuse:
                break
            queue.append(record.queued)
        return take_messages(queue, len(queue), self._parameters.gas_limit)

    def _fill(self, builder: BlockBuilder, limit: int | None) -> None:
        deadline = time.monotonic() + self._max_build_time
        left = MAX_ITEMS - BLOCK_ITEMS if limit is None else limit
        size = 0
        self.was_full = False
        selection = self._pool.best(builder.base_fee)
        while left and builder.gas_left >= MIN_GAS and time.monotonic() < deadline:
            transaction = selection.pop()
            if transaction is None:
                break
            if size + len(transaction.raw) > MAX_BLOCK_BYTES or transaction.gas_limit > builder.gas_left:
                self.was_full = True
                selection.skip_sender(transaction.sender)
                continue
            try:
                builder.add(transaction)
            except InvalidTransaction as error:
                self._log.debug("dropped from the mempool", hash=transaction.hash.hex(), reason=str(error))
                self._pool.remove(transaction)
                continue
            size += len(transaction.raw)
            left -= 1
