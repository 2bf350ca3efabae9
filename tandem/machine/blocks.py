"""BLOCK_BEGIN, BLOCK_END and HALT: from one block's header to the next. Twin of Blocks.sol."""

from dataclasses import replace

from tandem.chain.fees import next_base_fee
from tandem.chain.header import Header
from tandem.chain.recent import RECENT_BLOCKS, RECENT_DEPTH, recent_words
from tandem.chain.spec import FEE_VAULT
from tandem.evm.rules import TRANSACTION_GAS_CAP
from tandem.machine.block_head import HEAD_BYTES, BlockHead, read_block_head
from tandem.machine.machine import Machine
from tandem.machine.modes import Flag, Mode
from tandem.machine.structures import BlockState, Cursor, Scan
from tandem.machine.word_tree import WORD, WordTree
from tandem.primitives.types import ZERO_HASH, Gas, Hash, Wei

BLOB_BASE_FEE = Wei(1)
"""No block has blobs: the fee stays at its least (EIP-4844)."""
FORCED, BATCH_OVER = "forced", "batch over"


def begin(m: Machine) -> str | None:
    """The step BLOCK_BEGIN."""
    cursor = m.read_cursor()
    parameters = m.chain.parameters
    outcome = None
    if cursor.position < cursor.data.length:
        start = cursor.position
        head = _read_head(m, cursor)
        parent = m.read_header()
        wanted_time = min(parent.timestamp + head.time_delta, cursor.batch_time + parameters.max_drift)
        limit = min(cursor.messages + head.messages, cursor.messages_end)
        cursor = replace(cursor, position=start + head.start, list_end=start + head.end)
    elif cursor.messages < cursor.messages_end:
        outcome = FORCED
        parent = m.read_header()
        wanted_time, limit = cursor.batch_time, cursor.messages_end
        cursor = replace(cursor, list_end=cursor.position)
    else:
        m.cursor = Cursor(cursor.batches + 1, cursor.target, cursor.messages)
        m.become(Mode.BATCH)
        return BATCH_OVER
    m.block = _open(m, parent)
    m.cursor = replace(cursor, block_messages_end=cursor.messages)
    m.become(Mode.SCAN, Scan(wanted_time, limit, 0))
    return outcome


def _read_head(m: Machine, cursor: Cursor) -> BlockHead:
    """The head of the next block. BATCH_CHECK has seen that it is one."""
    assert cursor.data.tree is not None
    available = cursor.data.length - cursor.position
    count = min(HEAD_BYTES, available)
    m.tape.bytes(cursor.data.tree, cursor.position, count)
    head = read_block_head(cursor.data.read(cursor.position, count), available)
    assert head is not None
    return head


def _open(m: Machine, parent: Header) -> BlockState:
    """The block on `parent`. Its time, origin and randomness are the parent's until its messages are known."""
    parameters = m.chain.parameters
    return BlockState(
        number=parent.number + 1,
        timestamp=parent.timestamp,
        gas_limit=parameters.gas_limit,
        base_fee=next_base_fee(parent, parameters),
        prev_randao=parent.prev_randao,
        coinbase=FEE_VAULT,
        origin=parent.origin,
        gas_used=Gas(0),
        transactions_acc=ZERO_HASH,
        receipts_acc=ZERO_HASH,
        recent_hashes=_remember(m, parent),
        parent_hash=parent.hash,
        state_root=parent.state_root,
        chain_id=parameters.chain_id,
        data_gas_per_byte=parameters.data_gas_per_byte,
        transaction_gas_cap=TRANSACTION_GAS_CAP,
        flags=(Flag.UNPROTECTED if parameters.allow_unprotected else 0) | Flag.CAPPED_PRECOMPILES,
        blob_base_fee=BLOB_BASE_FEE,
    )


def _remember(m: Machine, parent: Header) -> Hash:
    """recentHashes of the parent's child: the parent's, with the parent's own hash in it."""
    tree = WordTree(b"".join(recent_words(parent.number, m.chain.ancestry.block_hash)), RECENT_DEPTH)
    index = parent.number % RECENT_BLOCKS
    m.tape.range(tree, index, 1)
    tree.extend(index + 1)
    tree.write(WORD * index, parent.hash)
    return tree.root()


def end(m: Machine) -> str | None:
    """The step BLOCK_END."""
    cursor, block = m.read_cursor(), m.read_block()
    assert cursor.messages == cursor.block_messages_end and cursor.position >= cursor.list_end
    header = Header(
        parent_hash=block.parent_hash,
        number=block.number,
        timestamp=block.timestamp,
        state_root=block.state_root,
        transactions_acc=block.transactions_acc,
        receipts_acc=block.receipts_acc,
        gas_used=block.gas_used,
        gas_limit=block.gas_limit,
        base_fee=block.base_fee,
        prev_randao=block.prev_randao,
        coinbase=block.coinbase,
        origin=block.origin,
        messages_consumed=cursor.messages,
        recent_hashes=block.recent_hashes,
    )
    m.chain.ancestry.add(header.number, header.hash)
    m.block = header
    m.cursor = replace(cursor, list_end=0)
    m.become(Mode.BLOCK)
    return None


def halt(m: Machine) -> str | None:
    """The step HALT: nothing changes."""
    return None
