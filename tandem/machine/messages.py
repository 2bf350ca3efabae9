"""MESSAGE_SCAN and MESSAGE_LOAD: which messages a block takes, and each one's beginning. Twin of Messages.sol."""

from dataclasses import replace

from tandem.evm.validation import intrinsic_gas
from tandem.inbox.queues import Message
from tandem.machine.batches import LENGTH_BYTES
from tandem.machine.machine import Machine
from tandem.machine.modes import ExitStatus, Mode
from tandem.machine.state_trees import read_account, touch_address, write_account
from tandem.machine.structures import BlockState, End, Scan, Tx, Warm, World
from tandem.machine.word_tree import Slice, WordTree
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, ZERO_HASH, Hash, Seconds, Wei
from tandem.state.account import Account
from tandem.transactions.transaction import DEPOSIT

TAKEN, NO_MORE, NO_ROOM = "taken", "no more", "no room"
INTRINSIC_GAS, NO_BALANCE = "intrinsic gas", "no balance"


def scan(m: Machine) -> str | None:
    """The step MESSAGE_SCAN."""
    cursor, block, aux = m.read_cursor(), m.read_block(), m.read_aux(Scan)
    if cursor.block_messages_end == aux.limit:
        return _settle(m, block, aux, NO_MORE)
    message = m.chain.inbox.message(cursor.block_messages_end).message
    m.tape.raw(message.head())
    gas = aux.gas + message.gas_limit
    if gas > block.gas_limit:
        return _settle(m, block, aux, NO_ROOM)
    m.cursor = replace(cursor, block_messages_end=cursor.block_messages_end + 1)
    m.block = replace(block, origin=message.context)
    m.become(Mode.SCAN, replace(aux, gas=gas))
    return TAKEN


def _settle(m: Machine, block: BlockState, aux: Scan, outcome: str) -> str:
    """All messages are known: so are the block's time and randomness."""
    m.block = replace(
        block,
        timestamp=Seconds(max(block.timestamp, block.origin.timestamp, aux.wanted_time)),
        prev_randao=keccak(block.prev_randao + block.origin.hash),
    )
    m.become(Mode.ITEM)
    return outcome


def load(m: Machine) -> str | None:
    """The step MESSAGE_LOAD."""
    cursor, block = m.read_cursor(), m.read_block()
    assert cursor.messages < cursor.block_messages_end
    queued = m.chain.inbox.message(cursor.messages)
    message = queued.message
    m.tape.raw(message.head())
    m.tape.number(len(message.data), LENGTH_BYTES)
    m.tape.raw(message.data)
    sender = _credit(m, block, message)
    touch_address(m, message.sender)
    if message.to is not None:
        touch_address(m, message.to)
    touch_address(m, block.coinbase)
    m.tx = _transaction(block, message, queued.accumulator, sender.nonce)
    m.cursor = replace(cursor, messages=cursor.messages + 1)
    intrinsic = intrinsic_gas(message.data, message.to is None)
    if intrinsic > message.gas_limit:
        return _fail(m, INTRINSIC_GAS)
    if message.value > sender.balance + message.mint:
        return _fail(m, NO_BALANCE)
    m.become(Mode.WARM, Warm(0, 0, 0, ZERO_ADDRESS, message.gas_limit - intrinsic))
    return None


def _credit(m: Machine, block: BlockState, message: Message) -> Account:
    """The sender gets what is minted and has one more transaction sent, whatever follows. Gives the account before."""
    account = read_account(m, block.state_root, message.sender)
    credited = replace(account, nonce=account.nonce + 1, balance=Wei(account.balance + message.mint))
    m.world = World(write_account(m, block.state_root, message.sender, credited))
    return account


def _transaction(block: BlockState, message: Message, accumulator: Hash, nonce: int) -> Tx:
    return Tx(
        kind=DEPOSIT,
        transaction_hash=message.transaction(accumulator).hash,
        origin=message.sender,
        gas_price=Wei(0),
        gas_limit=message.gas_limit,
        start_root=block.state_root,
        blob_hashes=ZERO_HASH,
        is_creation=message.to is None,
        to=message.to or ZERO_ADDRESS,
        value=message.value,
        nonce=nonce,
        input=Slice.of(WordTree(message.data), 0, len(message.data)),
    )


def _fail(m: Machine, outcome: str) -> str:
    m.become(Mode.END, End(ExitStatus.HALTED, 0))
    return outcome
