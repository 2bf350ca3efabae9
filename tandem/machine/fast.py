"""A whole transaction at once, by the sequencer's engine: the same boundary states as its steps give.

That both agree is what the conformance tests show; a challenger that finds them to differ must not move.
"""

from dataclasses import replace

from tandem.batch.packed import unpack
from tandem.errors import EncodingError, InvalidTransaction
from tandem.evm.context import BlockContext
from tandem.evm.executor import BlockExecutor
from tandem.evm.rules import CANCUN, PrecompileCaps, Rules
from tandem.inbox.queues import accumulate
from tandem.machine.machine import Machine
from tandem.machine.modes import Flag, Mode
from tandem.machine.structures import BlockState
from tandem.primitives.types import Gas
from tandem.state.database import HistoricalState
from tandem.state.tables import StateTables
from tandem.transactions.transaction import Transaction


def skip_item(m: Machine, item: bytes | None) -> None:
    """From one ITEM boundary to the next. `item`: the packed transaction, or None for the next message."""
    assert m.mode == Mode.ITEM and isinstance(m.block, BlockState)
    block = m.block
    try:
        transaction: Transaction
        if item is None:
            queued = m.chain.inbox.message(m.cursor.messages)
            transaction = queued.message.transaction(queued.accumulator)
        else:
            transaction = unpack(item, block.chain_id)
        m.block = apply(m, block, transaction)
    except (EncodingError, InvalidTransaction):
        return


def apply(m: Machine, block: BlockState, transaction: Transaction) -> BlockState:
    """The block after one more transaction. EncodingError or InvalidTransaction where it cannot stand here."""
    state = HistoricalState(StateTables(preimages=m.chain.nodes), block.state_root)
    executor = BlockExecutor(state, context(m, block), rules(block))
    executor.gas_used = block.gas_used
    receipt = executor.apply(transaction)
    return replace(
        block,
        gas_used=Gas(executor.gas_used),
        transactions_acc=accumulate(block.transactions_acc, transaction.hash),
        receipts_acc=accumulate(block.receipts_acc, receipt.hash()),
        state_root=state.commit(executor.finish()),
    )


def context(m: Machine, block: BlockState) -> BlockContext:
    """What transactions see of the block."""
    return BlockContext(
        number=block.number,
        timestamp=block.timestamp,
        coinbase=block.coinbase,
        prev_randao=block.prev_randao,
        base_fee=block.base_fee,
        gas_limit=block.gas_limit,
        l1_base_fee=block.origin.base_fee,
        block_hash=m.chain.ancestry.block_hash,
        blob_base_fee=block.blob_base_fee,
    )


def rules(block: BlockState) -> Rules:
    """The rules that the block's state names."""
    return Rules(
        fork=CANCUN,
        chain_id=block.chain_id,
        data_gas_per_byte=block.data_gas_per_byte,
        transaction_gas_cap=block.transaction_gas_cap,
        burn_base_fee=bool(block.flags & Flag.BURN_BASE_FEE),
        allow_unprotected=bool(block.flags & Flag.UNPROTECTED),
        precompile_caps=PrecompileCaps() if block.flags & Flag.CAPPED_PRECOMPILES else None,
    )
