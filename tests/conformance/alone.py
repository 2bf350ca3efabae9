"""One transaction by itself on the machine, in a block of Ethereum's rules.

It stands in a batch, packed, as on L2. A blob transaction, which L2 does not take, begins behind TX_BEGIN.
"""

from collections.abc import Iterator
from dataclasses import replace

from tandem.batch.packed import MAX_PACKED_BYTES, pack
from tandem.chain.recent import recent_hashes
from tandem.evm.context import BlockContext
from tandem.evm.receipt import Receipt
from tandem.evm.validation import BLOB_GAS, intrinsic_gas
from tandem.inbox.queues import L1Context, accumulate
from tandem.machine.chain import Chain
from tandem.machine.execution import MAX_MEMORY_WORDS, OUT_OF_GAS
from tandem.machine.machine import Machine
from tandem.machine.modes import Flag, Mode
from tandem.machine.state_trees import read_account, touch_address, write_account
from tandem.machine.stepper import at_boundary, kind_of, step
from tandem.machine.structures import BlockState, Cursor, State, Tx, Warm, World
from tandem.machine.word_tree import EMPTY_SLICE, Slice, WordTree
from tandem.primitives import rlp
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, ZERO_HASH, Gas, Hash, Seconds, Wei
from tandem.transactions.transaction import BLOB, DYNAMIC_FEE, SignedTransaction
from tests.conformance.judging import Disagreement, Row

NO_CAP = Gas(2**64 - 1)
MEMORY_GAS = 3 * MAX_MEMORY_WORDS + MAX_MEMORY_WORDS**2 // 512
"""What a memory of 2^17 words costs."""


class BeyondMemory(Exception):
    """A frame grows its memory beyond 2^17 words: with 34 million gas it can, L2's transactions have 16.8 million."""


def block_state(context: BlockContext, chain_id: int, root: Hash) -> BlockState:
    """The block before its only transaction."""
    return BlockState(
        number=context.number,
        timestamp=context.timestamp,
        gas_limit=context.gas_limit,
        base_fee=context.base_fee,
        prev_randao=context.prev_randao,
        coinbase=context.coinbase,
        origin=L1Context(0, ZERO_HASH, Seconds(0), Wei(0)),
        gas_used=Gas(0),
        transactions_acc=ZERO_HASH,
        receipts_acc=ZERO_HASH,
        recent_hashes=recent_hashes(context.number, context.block_hash),
        parent_hash=ZERO_HASH,
        state_root=root,
        chain_id=chain_id,
        data_gas_per_byte=Gas(0),
        transaction_gas_cap=NO_CAP,
        flags=Flag.UNPROTECTED | Flag.BURN_BASE_FEE,
        blob_base_fee=context.blob_base_fee,
    )


def begin(chain: Chain, block: BlockState, signed: SignedTransaction) -> Machine | None:
    """The machine before the transaction; None where it cannot stand in a batch in any form."""
    if signed.type > DYNAMIC_FEE or signed.chain_id not in (None, block.chain_id):
        return None
    packed = pack(signed)
    if len(packed) > MAX_PACKED_BYTES:
        return None
    data = rlp.encode([[b"", b"", [packed]]])
    position = len(data) - len(rlp.encode(packed))
    cursor = Cursor(0, 1, 0, data=Slice.of(WordTree(data), 0, len(data)), position=position, list_end=len(data))
    return Machine(chain, State(Mode.ITEM, block, cursor))


def begin_blob(chain: Chain, block: BlockState, signed: SignedTransaction) -> Machine:
    """A blob transaction that the engine accepts, with its gas bought: about to warm its access list."""
    assert signed.type == BLOB and signed.to is not None
    m = Machine(chain, State(Mode.WARM, block, Cursor(0, 1, 0), World(block.state_root)))
    price = Wei(min(signed.max_fee, block.base_fee + signed.max_priority_fee))
    cost = signed.gas_limit * price + BLOB_GAS * len(signed.blob_hashes) * block.blob_base_fee
    sender = read_account(m, block.state_root, signed.sender)
    sender = replace(sender, nonce=sender.nonce + 1, balance=Wei(sender.balance - cost))
    m.world = World(write_account(m, block.state_root, signed.sender, sender))
    for address in (signed.sender, signed.to, block.coinbase):
        touch_address(m, address)
    listed = rlp.list_payload(rlp.encode([[address, list(slots)] for address, slots in signed.access_list]))
    data = WordTree(listed + signed.data)
    m.cursor = Cursor(0, 1, 0, data=Slice.of(data, 0, len(listed + signed.data)), position=1, list_end=1)
    joined = b"".join(signed.blob_hashes)
    chain.nodes.put(keccak(joined), joined)
    m.tx = Tx(
        kind=BLOB,
        transaction_hash=signed.hash,
        origin=signed.sender,
        gas_price=price,
        gas_limit=signed.gas_limit,
        start_root=block.state_root,
        blob_hashes=keccak(joined),
        is_creation=False,
        to=signed.to,
        value=signed.value,
        nonce=signed.nonce,
        input=Slice.of(data, len(listed), len(signed.data)) if signed.data else EMPTY_SLICE,
    )
    gas = signed.gas_limit - intrinsic_gas(signed.data, False, signed.access_list)
    m.aux = Warm(0, len(listed), 0, ZERO_ADDRESS, gas)
    return m


def follow(m: Machine, root: Hash, receipt: Receipt | None) -> Iterator[Row]:
    """To the transaction's end without witnesses. Disagreement where it is not the engine's: its root, its receipt."""
    beyond = False
    while True:
        name = kind_of(m).name
        gas = m.frame.gas if m.frame is not None else 0
        outcome = step(m)
        beyond = beyond or (outcome == OUT_OF_GAS and gas > MEMORY_GAS)
        yield name, outcome
        if at_boundary(m):
            break
    after = m.block
    assert isinstance(after, BlockState)
    if after.state_root != root:
        if beyond:
            raise BeyondMemory
        raise Disagreement("the stepper's state root is not the engine's")
    if after.receipts_acc != (accumulate(ZERO_HASH, receipt.hash()) if receipt else ZERO_HASH):
        raise Disagreement(f"the stepper's receipt is not the engine's: gas {after.gas_used}, {receipt}")
