"""TX_BEGIN: the next packed transaction of a block is read, judged, and begun if valid. Twin of TransactionBegin.sol.

Whether it is valid is the engine's own question (`tandem.evm.validation`); here it is put to an account on the tape.
"""

from dataclasses import replace

from tandem.batch.packed import MAX_PACKED_BYTES, places, unpack
from tandem.errors import EncodingError, InvalidTransaction
from tandem.evm.validation import Cost, validate
from tandem.machine.block_head import HEADER_BYTES, string_span
from tandem.machine.fast import context, rules
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode
from tandem.machine.state_trees import code_of, read_account, touch_address, write_account
from tandem.machine.structures import BlockState, Tx, Warm, World
from tandem.machine.word_tree import Slice
from tandem.primitives.types import ZERO_ADDRESS, ZERO_HASH, Address, Gas, Hash, Wei
from tandem.state.account import Account
from tandem.transactions.transaction import SignedTransaction

MALFORMED = "malformed"
"""Outcome: the bytes are no packed transaction. Other refusals have validation's codes."""


class _Sender:
    """The sender's account, read when it is first asked for: after what needs no state."""

    __slots__ = ("_account", "_address", "_machine", "_root")

    def __init__(self, m: Machine, root: Hash, address: Address) -> None:
        self._machine = m
        self._root = root
        self._address = address
        self._account: Account | None = None

    @property
    def account(self) -> Account:
        """The account."""
        if self._account is None:
            self._account = read_account(self._machine, self._root, self._address)
        return self._account

    def get_nonce(self, address: bytes) -> int:
        """Its nonce."""
        assert address == self._address
        return self.account.nonce

    def get_balance(self, address: bytes) -> int:
        """Its balance, wei."""
        assert address == self._address
        return self.account.balance

    def get_code(self, address: bytes) -> bytes:
        """Its code."""
        assert address == self._address
        return code_of(self._machine, self.account).data


def begin(m: Machine) -> str | None:
    """One step. An invalid transaction moves the cursor, nothing else."""
    cursor, block = m.read_cursor(), m.read_block()
    assert m.mode == Mode.ITEM and cursor.messages == cursor.block_messages_end
    start, length = _span(m)
    m.cursor = replace(cursor, position=start + length)
    if length > MAX_PACKED_BYTES:
        return MALFORMED
    assert cursor.data.tree is not None
    m.tape.bytes(cursor.data.tree, start, length)
    packed = cursor.data.read(start, length)
    try:
        transaction = unpack(packed, block.chain_id)
        sender = _Sender(m, block.state_root, transaction.sender)
        cost = validate(rules(block), context(m, block), sender, block.gas_used, transaction)
    except EncodingError:
        return MALFORMED
    except InvalidTransaction as refusal:
        return refusal.code
    _buy_gas(m, block, transaction, cost, sender.account)
    _open(m, block, transaction, cost, packed, start)
    return None


def _span(m: Machine) -> tuple[int, int]:
    """Where the item's bytes start and how many they are. BATCH_CHECK has seen that it is a byte string."""
    cursor = m.cursor
    assert cursor.data.tree is not None
    at = cursor.position
    m.tape.bytes(cursor.data.tree, at, min(HEADER_BYTES, cursor.list_end - at))
    start, end = string_span(cursor.data.tree.data, at, cursor.list_end)
    return start, end - start


def _buy_gas(m: Machine, block: BlockState, transaction: SignedTransaction, cost: Cost, account: Account) -> None:
    """The sender pays for all gas and has one more transaction sent. A new world begins."""
    price = transaction.gas_limit * cost.gas_price
    paid = replace(account, nonce=account.nonce + 1, balance=Wei(account.balance - price))
    m.world = World(write_account(m, block.state_root, transaction.sender, paid))
    touch_address(m, transaction.sender)
    if transaction.to is not None:
        touch_address(m, transaction.to)
    touch_address(m, block.coinbase)


def _open(m: Machine, block: BlockState, transaction: SignedTransaction, cost: Cost, packed: bytes, start: int) -> None:
    """The transaction's structure, and its access list before it."""
    assert m.cursor.data.tree is not None
    place = places(packed)
    m.tx = Tx(
        kind=transaction.type,
        transaction_hash=transaction.hash,
        origin=transaction.sender,
        gas_price=cost.gas_price,
        gas_limit=transaction.gas_limit,
        start_root=block.state_root,
        blob_hashes=ZERO_HASH,
        is_creation=transaction.to is None,
        to=transaction.to or ZERO_ADDRESS,
        value=transaction.value,
        nonce=transaction.nonce,
        input=Slice.of(m.cursor.data.tree, start + place.data[0], place.data[1]),
    )
    offset, length = place.access_list
    position = start + offset if length else 0
    gas = Gas(transaction.gas_limit - cost.intrinsic)
    m.become(Mode.WARM, Warm(position, position + length, 0, ZERO_ADDRESS, gas))
