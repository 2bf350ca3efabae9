"""From the access list to the transaction's message, and what follows when that is over.

Twin of contracts/machine/TransactionEnd.sol.
"""

from dataclasses import replace

from tandem.evm.executor import MAX_REFUND_QUOTIENT
from tandem.inbox.queues import accumulate
from tandem.machine.block_head import HEADER_BYTES, read_header
from tandem.machine.machine import Machine
from tandem.machine.modes import AccessTag, Flag, Mode
from tandem.machine.state_trees import preimage, read_account, touch_address, warm, write_account
from tandem.machine.structures import BlockState, CallMessage, CreateMessage, Cursor, End, Warm
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import Address, Gas, Hash, Wei
from tandem.state.account import EMPTY_ACCOUNT
from tandem.transactions.transaction import DEPOSIT

ADDRESS_BYTES, SLOT_BYTES = 20, 32
HEAD_BYTES = HEADER_BYTES + 1 + ADDRESS_BYTES + HEADER_BYTES
"""An entry of the access list up to its first slot has no more."""
CALL, CREATION = "call", "creation"
ADDRESS, SLOT, KNOWN = "address", "slot", "known"
SIGNED, MESSAGE, SWEEPS = "signed", "message", "to sweep"
MORE, LAST = "more", "last"


def warm_next(m: Machine) -> str | None:
    """The step TX_WARM."""
    aux = m.read_aux(Warm)
    if aux.position == aux.list_end:
        return _begin_message(m, aux.gas)
    cursor = m.read_cursor()
    if aux.position < aux.entry_end:
        return _warm_slot(m, cursor, aux)
    return _warm_address(m, cursor, aux)


def _begin_message(m: Machine, gas: int) -> str:
    tx = m.read_tx()
    if tx.is_creation:
        m.become(Mode.CREATE, CreateMessage(tx.origin, tx.value, gas, tx.nonce, False, 0, tx.input))
        return CREATION
    m.become(Mode.CALL, CallMessage(False, tx.origin, tx.to, tx.to, tx.value, True, gas, tx.input))
    return CALL


def _warm_slot(m: Machine, cursor: Cursor, aux: Warm) -> str:
    slot = _read(m, cursor, aux.position + 1, SLOT_BYTES)
    m.read_world()
    cold = warm(m, AccessTag.SLOT, aux.address, int.from_bytes(slot, "big"))
    m.become(Mode.WARM, replace(aux, position=aux.position + 1 + SLOT_BYTES))
    return SLOT if cold else f"{SLOT}, {KNOWN}"


def _warm_address(m: Machine, cursor: Cursor, aux: Warm) -> str:
    """[address, [slot, ...]] up to the first slot. TX_BEGIN has read the list: it is what it should be."""
    head = _read(m, cursor, aux.position, min(HEAD_BYTES, aux.list_end - aux.position))
    entry = read_header(head, aux.list_end - aux.position)
    assert entry is not None and entry.is_list
    slots = entry.start + 1 + ADDRESS_BYTES
    address = Address(head[entry.start + 1 : slots])
    listed = read_header(head[slots:], entry.end - slots)
    assert listed is not None and listed.is_list
    m.read_world()
    cold = touch_address(m, address)
    first = aux.position + slots + listed.start
    m.become(Mode.WARM, Warm(first, aux.list_end, aux.position + entry.end, address, aux.gas))
    return ADDRESS if cold else f"{ADDRESS}, {KNOWN}"


def _read(m: Machine, cursor: Cursor, position: int, count: int) -> bytes:
    """Bytes of the batch."""
    tree = cursor.data.tree
    assert tree is not None
    m.tape.bytes(tree, position, count)
    return tree.read(position, count)


def end(m: Machine) -> str | None:
    """The step TX_END."""
    tx, world, block, aux = m.read_tx(), m.read_world(), m.read_block(), m.read_aux(End)
    used = tx.gas_limit - aux.gas_left
    used -= min(used // MAX_REFUND_QUOTIENT, world.refund)
    signed = tx.kind != DEPOSIT
    if signed:
        base = block.base_fee if block.flags & Flag.BURN_BASE_FEE else 0
        root = _credit(m, world.state_root, tx.origin, (tx.gas_limit - used) * tx.gas_price)
        root = _credit(m, root, block.coinbase, used * (tx.gas_price - base))
        world = replace(world, state_root=root)
        block = replace(block, gas_used=Gas(block.gas_used + used))
    receipt = keccak(word(aux.status) + word(used) + word(world.log_count) + world.log_acc)
    block = replace(
        block,
        transactions_acc=accumulate(block.transactions_acc, tx.transaction_hash),
        receipts_acc=accumulate(block.receipts_acc, receipt),
    )
    outcome = SIGNED if signed else MESSAGE
    m.tx = m.frame = None
    if any(world.doomed):
        m.world, m.block = world, block
        m.become(Mode.SWEEP)
        return f"{outcome}, {SWEEPS}"
    _finish(m, block, world.state_root)
    return outcome


def _credit(m: Machine, root: Hash, address: Address, amount: int) -> Hash:
    """The state root after an account got wei. Nothing, for an account that there is not, leaves it so (EIP-161)."""
    account = read_account(m, root, address)
    return write_account(m, root, address, replace(account, balance=Wei(account.balance + amount)))


def sweep(m: Machine) -> str | None:
    """The step SELFDESTRUCT_SWEEP: the last of the contracts to destroy. One may be among them more than once."""
    world = m.read_world()
    link = preimage(m, world.doomed)
    m.tape.raw(link)
    doomed, address = Hash(link[:32]), Address(link[-ADDRESS_BYTES:])
    read_account(m, world.state_root, address)
    root = write_account(m, world.state_root, address, EMPTY_ACCOUNT)
    if any(doomed):
        m.world = replace(world, state_root=root, doomed=doomed)
        return MORE
    _finish(m, m.read_block(), root)
    return LAST


def _finish(m: Machine, block: BlockState, root: Hash) -> None:
    """The transaction is over: its state is the block's."""
    m.block = replace(block, state_root=root)
    m.world = None
    m.become(Mode.ITEM)
