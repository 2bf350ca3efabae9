"""The stages of derivation (protocol.md, section 6). Each is total: every input has exactly one outcome."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tandem.batch.packed import unpack
from tandem.batch.payload import PackedBlock, decode_batch
from tandem.chain.block import Block, BlockBuilder, BlockTemplate, make_template, take_messages
from tandem.chain.header import Header
from tandem.chain.recent import BlockHashes
from tandem.chain.spec import ChainParameters
from tandem.errors import EncodingError, InvalidTransaction
from tandem.inbox.queues import DataLocation, QueuedBatch, QueuedMessage
from tandem.state.database import StateDatabase


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """A block to execute: its template, and the packed transactions to try in it, in order."""

    template: BlockTemplate
    transactions: tuple[bytes, ...]


def batch_blocks(batch: QueuedBatch) -> list[PackedBlock]:
    """Stage 1: what a batch's bytes say. A forced batch, and one whose structure is broken, says nothing."""
    if batch.entry.location == DataLocation.NONE:
        return []
    try:
        return decode_batch(batch.data)
    except EncodingError:
        return []


def plan(
    parameters: ChainParameters, parent: Header, batch: QueuedBatch, messages: Sequence[QueuedMessage]
) -> Iterator[BlockPlan]:
    """Stage 2: the batch's blocks with their times and messages, then forced blocks for the messages left over.

    `messages` are those from parent.messages_consumed up to what the batch consumes.
    """
    entry = batch.entry
    last_time = parent.timestamp
    origin = parent.origin
    left = list(messages)

    def make(limit: int, wanted_time: int, transactions: tuple[bytes, ...]) -> BlockPlan:
        nonlocal last_time, origin
        taken = take_messages(left, limit, parameters.gas_limit)
        del left[: len(taken)]
        template = make_template(last_time, origin, wanted_time, taken)
        last_time, origin = template.timestamp, template.origin
        return BlockPlan(template, transactions)

    for packed in batch_blocks(batch):
        wanted = min(last_time + packed.time_delta, entry.context.timestamp + parameters.max_drift)
        yield make(packed.messages, wanted, packed.transactions)
    while left:
        yield make(len(left), entry.context.timestamp, ())


def execute(
    parameters: ChainParameters,
    state: StateDatabase,
    parent: Header,
    block_plan: BlockPlan,
    block_hash: BlockHashes,
) -> Block:
    """Stage 3: execute a plan on its parent, skipping what is no transaction or cannot stand where it is."""
    builder = BlockBuilder(parameters, state, parent, block_plan.template, block_hash)
    for packed in block_plan.transactions:
        try:
            builder.add(unpack(packed, parameters.chain_id))
        except (EncodingError, InvalidTransaction):
            continue
    return builder.seal()
