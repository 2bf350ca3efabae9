"""Posts batches: gathers blocks that are not on L1, packs them, sends them, and goes on from what L1 says.

It keeps no state. What is to be posted is what lies between the safe head and the head; the nonce taken at the L1
block up to which the store is synced keeps a batch from being posted twice, across crashes too (tandem.l1.sender).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from tandem.batch.packed import pack
from tandem.batch.payload import BLOCK_ITEMS, MAX_BATCH_BYTES, MAX_DECODED_BYTES, MAX_ITEMS, PackedBlock, encode_batch
from tandem.inbox.queues import MAX_MESSAGES_PER_BATCH
from tandem.l1.contracts import L1
from tandem.l1.sender import L1Sender
from tandem.node.role import Role
from tandem.store import BlockRecord, ChainStore, ReadSession
from tandem.store.session import L1_CURSOR, L1_CURSOR_HASH, L1_TIME
from tandem.transactions.transaction import SignedTransaction

POLL = 0.1
"""Seconds between two looks at the store."""
FULL_BYTES = 112_000
"""Packed bytes that make a full batch: at the usual ratio of 0.85 they compress to just below what the inbox takes."""
OVERDUE_MARGIN = 60
"""Seconds before its deadline at which a message counts as overdue: L1's clock runs on until the batch is mined."""
BLOCK_OVERHEAD = 32
"""Bytes allowed for a block's own RLP, and 4 for each transaction's header."""

PackBlock = Callable[[BlockRecord, int], PackedBlock]
"""Puts a block, given its parent's time, into the form that batches carry."""


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """A batch ready to post."""

    data: bytes
    first_block: int
    last_block: int
    messages_consumed: int
    transactions: int


def pack_block(block: BlockRecord, parent_time: int) -> PackedBlock:
    """A block as a batch carries it."""
    packed = tuple(pack(item) for item in block.transactions if isinstance(item, SignedTransaction))
    return PackedBlock(block.header.timestamp - parent_time, len(block.transactions) - len(packed), packed)


class Batcher(Role):
    """The batch-posting role."""

    def __init__(
        self,
        store: ChainStore,
        l1: L1,
        sender: L1Sender,
        max_age: float,
        stopping: Event,
        packer: PackBlock = pack_block,
    ) -> None:
        """`max_age`: seconds that a block may wait for its batch to fill."""
        super().__init__("batcher", POLL, stopping)
        self._packer = packer
        self._store = store
        self._l1 = l1
        self._sender = sender
        self._max_age = max_age
        self._waiting_since: tuple[int, float] | None = None

    def step(self) -> None:
        with self._store.read() as session:
            known = session.batch_count()
            cursor, cursor_hash = session.mark(L1_CURSOR), session.mark_hash(L1_CURSOR_HASH)
            batch = self._due(session)
            overdue = overdue_messages(session, self._l1.addresses.force_inclusion_delay)
        if batch is None or cursor_hash is None:
            return
        nonce = self._sender.nonce_at(cursor, cursor_hash)
        call = self._l1.inbox.functions.submitBatch(batch.data, max(batch.messages_consumed, overdue))
        receipt = self._sender.send(call, nonce=nonce)
        self._log.info(
            "batch posted",
            blocks=f"{batch.first_block}..{batch.last_block}",
            transactions=batch.transactions,
            bytes=len(batch.data),
            gas=receipt["gasUsed"],
            l1_block=receipt["blockNumber"],
        )
        while not self._stopping.wait(POLL):
            with self._store.read() as session:
                if session.batch_count() > known or session.mark(L1_CURSOR) > receipt["blockNumber"]:
                    return

    def _due(self, session: ReadSession) -> PreparedBatch | None:
        """The next batch, when it is full or its first block has waited long enough."""
        safe, head = session.safe_number(), session.head_number()
        if head <= safe:
            self._waiting_since = None
            return None
        if self._waiting_since is None or self._waiting_since[0] != safe:
            self._waiting_since = (safe, time.monotonic())
        is_old = time.monotonic() - self._waiting_since[1] >= self._max_age
        blocks, is_full = gather(session, safe + 1, head)
        return prepare(session, blocks, self._packer) if is_full or is_old else None


def gather(session: ReadSession, first: int, last: int) -> tuple[list[BlockRecord], bool]:
    """Blocks from `first` on that fit one batch before compression, and whether more would not."""
    blocks: list[BlockRecord] = []
    size = items = messages = 0
    for number in range(first, last + 1):
        block = session.block(number)
        signed = [item for item in block.transactions if isinstance(item, SignedTransaction)]
        size += BLOCK_OVERHEAD + sum(len(item.raw) for item in signed)
        items += BLOCK_ITEMS + len(signed)
        messages += len(block.transactions) - len(signed)
        over = size > FULL_BYTES or items > MAX_ITEMS or messages > MAX_MESSAGES_PER_BATCH
        if blocks and over:
            return blocks, True
        blocks.append(block)
    return blocks, False


def overdue_messages(session: ReadSession, delay: int) -> int:
    """The messages that the inbox will insist on, counted from genesis.

    Where they lie beyond the batch's own blocks, they become forced blocks behind it and later blocks of ours give way:
    better than batches that L1 refuses for ever.
    """
    consumed = session.header(session.safe_number()).messages_consumed
    last = min(session.message_count(), consumed + MAX_MESSAGES_PER_BATCH)
    due_before = session.mark(L1_TIME) + OVERDUE_MARGIN - delay
    while consumed < last and session.message(consumed).queued.message.context.timestamp < due_before:
        consumed += 1
    return consumed


def prepare(session: ReadSession, blocks: Sequence[BlockRecord], packer: PackBlock = pack_block) -> PreparedBatch:
    """The batch of `blocks`, or of as many of them as fit what the inbox takes."""
    parent_time = session.header(blocks[0].header.number - 1).timestamp
    packed = []
    for block in blocks:
        packed.append(packer(block, parent_time))
        parent_time = block.header.timestamp
    while len(data := encode_batch(packed)) > MAX_BATCH_BYTES or _decoded_size(packed) > MAX_DECODED_BYTES:
        if len(packed) == 1:
            raise AssertionError("the builder keeps each block within one batch")
        del packed[-max(1, len(packed) // 8) :]
    last = blocks[len(packed) - 1].header
    return PreparedBatch(
        data,
        blocks[0].header.number,
        last.number,
        last.messages_consumed,
        sum(len(block.transactions) for block in packed),
    )


def _decoded_size(blocks: Sequence[PackedBlock]) -> int:
    return sum(BLOCK_OVERHEAD + sum(len(item) + 4 for item in block.transactions) for block in blocks)
