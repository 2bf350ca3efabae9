"""Applies what was read from the L1 inbox to a node's store: queues, derivation, re-orgs.

A sequencer's store may be ahead of L1. Where a batch says what the store already holds, the blocks are confirmed in
place; where it says something else, the store's chain gives way. A pure replica's store has nothing ahead: the same
code then derives every block.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tandem.batch.packed import pack
from tandem.chain.genesis import genesis_header
from tandem.chain.spec import Deployment
from tandem.derivation.stages import BlockPlan, execute, plan
from tandem.errors import ConfigError, TandemError
from tandem.inbox.queues import EMPTY_ACCUMULATOR, QueuedBatch, QueuedMessage, accumulate
from tandem.primitives.types import Hash, Seconds
from tandem.state.database import StateDatabase, supply
from tandem.state.tables import StateTables
from tandem.store import BatchRecord, BlockRecord, MessageRecord, ReadSession, WriteSession
from tandem.store.records import L1Place
from tandem.store.session import L1_CURSOR, L1_CURSOR_HASH, L1_FINALIZED, L1_TIME
from tandem.transactions.transaction import SignedTransaction


class InboxMismatch(TandemError):
    """L1's events contradict their own accumulators: another inbox, or an RPC that lies."""


@dataclass(frozen=True, slots=True)
class BatchSeen:
    """A batch as it was read from L1, before anything was derived from it."""

    queued: QueuedBatch
    place: L1Place


@dataclass(frozen=True, slots=True)
class InboxUpdate:
    """The inbox's news from L1 up to and including block `cursor`, in L1's order.

    `kept_messages` and `kept_batches` say how much of the store is still on L1: less than all after a re-org.
    """

    kept_messages: int
    kept_batches: int
    events: Sequence[MessageRecord | BatchSeen]
    cursor: int
    cursor_hash: Hash
    cursor_time: Seconds
    finalized: int


@dataclass(frozen=True, slots=True)
class Applied:
    """What an update did to the chain: the blocks it dropped (oldest first), and how many blocks it executed."""

    dropped: tuple[BlockRecord, ...]
    executed: int


def open_genesis(session: WriteSession, deployment: Deployment) -> None:
    """Put the genesis block into an empty store; ConfigError where another chain is in it."""
    if session.is_empty:
        header = genesis_header(deployment.parameters, deployment.genesis, session.state_tables)
        session.put_genesis(header, supply(session.state_tables, header.state_root))
        session.set_mark(L1_CURSOR, deployment.l1.start_block - 1)
        return
    expected = genesis_header(deployment.parameters, deployment.genesis, StateTables())
    if session.header(0).hash != expected.hash:
        raise ConfigError("the database holds another chain than the deployment file: use another --data folder")


def rewind(session: WriteSession, start_block: int) -> None:
    """Have L1 read again from behind the last entry known: an answer of its RPC was incomplete."""
    blocks = [start_block - 1]
    if session.message_count():
        blocks.append(session.message(session.message_count() - 1).place.block - 1)
    if session.batch_count():
        blocks.append(session.batch(session.batch_count() - 1).place.block - 1)
    session.set_mark(L1_CURSOR, max(blocks))
    session.clear_mark(L1_CURSOR_HASH)


class Follower:
    """The state transition of a node on news from L1. Holds no state of its own: all is in the session's store."""

    def __init__(self, deployment: Deployment, *, keep_unsafe: bool) -> None:
        """`keep_unsafe`: a re-org of L1 leaves blocks standing whose batch vanished but whose messages did not."""
        self._parameters = deployment.parameters
        self._keep_unsafe = keep_unsafe

    def apply(self, session: WriteSession, update: InboxUpdate) -> Applied:
        """Apply one update, all or nothing: the session's transaction is the unit."""
        dropped = self._forget(session, update.kept_messages, update.kept_batches)
        executed = 0
        for event in update.events:
            if isinstance(event, MessageRecord):
                _append_message(session, event)
            else:
                gone, made = self._append_batch(session, event)
                dropped += gone
                executed += made
        session.set_mark(L1_CURSOR, update.cursor)
        session.set_mark_hash(L1_CURSOR_HASH, update.cursor_hash)
        session.set_mark(L1_TIME, update.cursor_time)
        session.set_mark(L1_FINALIZED, update.finalized)
        return Applied(tuple(dropped), executed)

    def _forget(self, session: WriteSession, messages: int, batches: int) -> list[BlockRecord]:
        """Roll back what rested on inbox entries that are no longer on L1."""
        if messages == session.message_count() and batches == session.batch_count():
            return []
        session.truncate_queues(messages, batches)
        number = session.head_number() if self._keep_unsafe else session.safe_number()
        while session.header(number).messages_consumed > messages:
            number -= 1
        return session.roll_back(number)

    def _append_batch(self, session: WriteSession, seen: BatchSeen) -> tuple[list[BlockRecord], int]:
        """Derive a batch's blocks. Returns the blocks that gave way, and how many were executed."""
        _check_batch(session, seen.queued)
        parent = session.header(session.safe_number())
        messages = [
            record.queued for record in session.messages(parent.messages_consumed, seen.queued.entry.messages_consumed)
        ]
        head = session.head_number()
        dropped: list[BlockRecord] = []
        executed = 0
        for block_plan in plan(self._parameters, parent, seen.queued, messages):
            number = parent.number + 1
            if number <= head and _says(session.block(number), block_plan):
                parent = session.header(number)
                continue
            if number <= head:
                dropped += session.roll_back(parent.number)
                head = parent.number
            state = StateDatabase(session.state_tables)
            block = execute(self._parameters, state, parent, block_plan, session.block_hash)
            session.put_block(block)
            parent = block.header
            executed += 1
        session.put_batch(BatchRecord(seen.queued, seen.place, parent.number))
        return dropped, executed


def _says(block: BlockRecord, block_plan: BlockPlan) -> bool:
    """Whether a block that the store holds is the one that the plan describes."""
    template = block_plan.template
    if block.header.timestamp != template.timestamp or block.header.origin != template.origin:
        return False
    signed = [item for item in block.transactions if isinstance(item, SignedTransaction)]
    if len(block.transactions) - len(signed) != len(template.messages):
        return False
    return tuple(pack(item) for item in signed) == block_plan.transactions


def _append_message(session: WriteSession, record: MessageRecord) -> None:
    count = session.message_count()
    before = session.message(count - 1).queued.accumulator if count else EMPTY_ACCUMULATOR
    queued: QueuedMessage = record.queued
    if queued.index != count or queued.accumulator != accumulate(before, queued.message.hash()):
        raise InboxMismatch(f"message {queued.index} from L1 does not continue the {count} messages known")
    session.put_message(record)


def _check_batch(session: ReadSession, queued: QueuedBatch) -> None:
    count = session.batch_count()
    before = session.batch(count - 1).queued.accumulator if count else EMPTY_ACCUMULATOR
    if queued.index != count or queued.accumulator != accumulate(before, queued.entry.hash()):
        raise InboxMismatch(f"batch {queued.index} from L1 does not continue the {count} batches known")
