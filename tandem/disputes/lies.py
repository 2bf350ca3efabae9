"""What a party may lie about: for each cheat, which steps of the machine it can falsify, and how.

A false step takes the true one, or leaves it out, and alters the state behind it. What it needs of the state goes into
the chain's preimages, so that the machine goes on from there as from any other state.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from tandem.batch.packed import unpack
from tandem.chain.spec import MESSAGE_PASSER
from tandem.errors import EncodingError, TandemError
from tandem.inbox.queues import SYSTEM_SENDER
from tandem.machine.execution import fetch
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode
from tandem.machine.state_trees import PRESENT, read_account, write_account, write_slot
from tandem.machine.stepper import step
from tandem.machine.structures import WORD_MASK, BlockState, Check, HashJob, Scan
from tandem.machine.trace import next_item
from tandem.machine.word_tree import EMPTY_SLICE, Slice, WordTree
from tandem.primitives import rlp
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import Address, Hash, Wei
from tandem.rollup.withdrawals import sent_slot
from tandem.state.account import Account
from tandem.state.database import slot_key

ADD, ARITHMETIC = 0x01, range(0x01, 0x0C)
SSTORE = 0x55
LOGS = range(0xA0, 0xA5)
FORGED_BALANCE = Wei(1_000 * 10**18)


class NothingToLieAbout(TandemError):
    """The trace has no place where the lie applies."""


class Cheat(StrEnum):
    """Kinds of lies."""

    description: str

    def __new__(cls, value: str, description: str) -> "Cheat":
        """A value with the line that explains it."""
        cheat = str.__new__(cls, value)
        cheat._value_ = value
        cheat.description = description
        return cheat

    BALANCE = "balance", "an account gets wei that nobody paid"
    STORAGE = "storage", "a contract's storage slot gets another value than was stored"
    OPCODE = "opcode", "an arithmetic instruction is off by one"
    GAS = "gas", "an instruction charges a gas less than it costs"
    LOG = "log", "another log is emitted than the contract's"
    SKIP_FORCED = "skip-forced", "a message from L1 that the chain must execute is left out"
    BAD_BATCH = "bad-batch", "a batch is decoded to something else than it holds"
    FAKE_WITHDRAWAL = "fake-withdrawal", "a withdrawal is noted that nobody initiated"
    INVALID_TRANSACTION = "invalid-transaction", "a transaction is executed that the chain's rules refuse"


@dataclass(frozen=True, slots=True)
class Lie:
    """One lie. With the same `salt` and places, it is always the same."""

    cheat: Cheat
    skip_places: int = 0
    """Steps of level 0 that could be lied about, and are not. Any two numbers lead to two roots."""
    skip_steps: int = 0
    """Steps of level 1, within a step of level 0, that could be lied about, and are not. Level 0 may be the same."""
    salt: int = 0
    """By how much more BALANCE, STORAGE, OPCODE and GAS are off; which other one LOG and BAD_BATCH have. Nothing to the
    others."""
    beneficiary: Address | None = None
    """BALANCE: who gets the wei."""
    amount: Wei = FORGED_BALANCE
    """BALANCE: how much."""
    withdrawal: Hash | None = None
    """FAKE_WITHDRAWAL: its hash."""

    def __post_init__(self) -> None:
        if self.cheat == Cheat.BALANCE and self.beneficiary is None:
            raise ValueError("a lie about a balance needs a beneficiary")
        if self.cheat == Cheat.FAKE_WITHDRAWAL and self.withdrawal is None:
            raise ValueError("a lie about a withdrawal needs the withdrawal's hash")


@dataclass(frozen=True, slots=True)
class Falsifier:
    """How a cheat is done."""

    modes: frozenset[Mode]
    """Boundaries behind which such a step can be."""
    rank: Callable[[Machine], int | None]
    """Whether the next step may be falsified: None, it cannot; the lower, the rather."""
    take: Callable[[Machine, Lie], None]
    """The false step. Where there is nothing to alter it is the true one."""


# -- between transactions


def _ends_transaction(m: Machine) -> int | None:
    """The end of a transaction; in a block without any, the moment that its time is known."""
    if m.mode == Mode.SCAN and isinstance(m.aux, Scan):
        cursor = m.cursor
        return 0 if m.aux.limit == cursor.messages and cursor.position == cursor.list_end else None
    return 0 if m.mode in (Mode.END, Mode.SWEEP) else None


def _edit_account(m: Machine, root: Hash, address: Address, edit: Callable[[Account], Account]) -> Hash:
    return write_account(m, root, address, edit(read_account(m, root, address)))


def _edit_block_account(m: Machine, address: Address, edit: Callable[[Account], Account]) -> None:
    """Take the step and, where it leaves no transaction, alter an account in the block's state."""
    step(m)
    if m.mode == Mode.ITEM:
        assert isinstance(m.block, BlockState)
        m.block = replace(m.block, state_root=_edit_account(m, m.block.state_root, address, edit))


def _give_wei(m: Machine, lie: Lie) -> None:
    assert lie.beneficiary is not None
    more = lie.amount + lie.salt
    _edit_block_account(m, lie.beneficiary, lambda account: replace(account, balance=Wei(account.balance + more)))


def _note_withdrawal(m: Machine, lie: Lie) -> None:
    assert lie.withdrawal is not None
    key = slot_key(sent_slot(lie.withdrawal))
    _edit_block_account(
        m,
        MESSAGE_PASSER,
        lambda account: replace(account, storage_root=write_slot(m, account.storage_root, key, PRESENT)),
    )


# -- instructions


def _opcode(m: Machine) -> int | None:
    """The instruction that is next, if one is."""
    if m.mode != Mode.EXEC:
        return None
    assert m.frame is not None
    return fetch(m.frame)


def _stores(m: Machine) -> int | None:
    return 0 if _opcode(m) == SSTORE else None


def _store_other(m: Machine, lie: Lie) -> None:
    frame = m.frame
    assert frame is not None
    words = frame.stack[-2:]
    step(m)
    if m.mode != Mode.EXEC:
        return
    value, slot = words
    other = Hash(word(value + 1 + lie.salt & WORD_MASK))
    assert m.world is not None

    def edit(account: Account) -> Account:
        return replace(account, storage_root=write_slot(m, account.storage_root, slot_key(slot), other))

    m.world = replace(m.world, state_root=_edit_account(m, m.world.state_root, frame.target, edit))


def _calculates(m: Machine) -> int | None:
    opcode = _opcode(m)
    return int(opcode != ADD) if opcode in ARITHMETIC else None


def _miscalculate(m: Machine, lie: Lie) -> None:
    step(m)
    if m.mode == Mode.EXEC:
        assert m.frame is not None
        m.frame.push(m.frame.pop(1)[0] + 1 + lie.salt & WORD_MASK)


def _executes(m: Machine) -> int | None:
    return 0 if m.mode == Mode.EXEC else None


def _undercharge(m: Machine, lie: Lie) -> None:
    frame = m.frame
    assert frame is not None
    before = frame.gas
    step(m)
    if m.mode == Mode.EXEC and before - frame.gas > lie.salt:
        frame.gas += 1 + lie.salt


def _logs(m: Machine) -> int | None:
    if m.mode == Mode.KECCAK:
        return 0 if isinstance(m.aux, HashJob) and m.aux.topics else None
    return 0 if _opcode(m) in LOGS else None


def _log_other(m: Machine, lie: Lie) -> None:
    before = m.world
    step(m)
    assert before is not None and m.world is not None
    if m.world.log_count != before.log_count:
        m.world = replace(m.world, log_acc=keccak(before.log_acc + keccak(word(lie.salt))))


# -- what the chain must execute


def _loads_message(m: Machine) -> int | None:
    """Not the inbox's own messages: nobody misses them."""
    cursor = m.cursor
    if m.mode != Mode.ITEM or cursor.messages == cursor.block_messages_end:
        return None
    return 0 if m.chain.inbox.message(cursor.messages).message.sender != SYSTEM_SENDER else None


def _skip_message(m: Machine, lie: Lie) -> None:
    m.cursor = replace(m.cursor, messages=m.cursor.messages + 1)


def _loads_batch(m: Machine) -> int | None:
    return 0 if m.mode == Mode.BATCH and m.cursor.batches < m.cursor.target else None


def _misread_batch(m: Machine, lie: Lie) -> None:
    """As an empty one; with a salt, as one block without transactions, so many seconds after its parent."""
    step(m)
    if not lie.salt:
        m.cursor = replace(m.cursor, data=EMPTY_SLICE)
        m.become(Mode.BLOCK)
        return
    decoded = rlp.encode([[rlp.encode_int(lie.salt), b"", []]])
    m.cursor = replace(m.cursor, data=Slice.of(WordTree(decoded), 0, len(decoded)))
    m.become(Mode.CHECK, Check(0))


def _begins_transaction(m: Machine) -> int | None:
    cursor = m.cursor
    loads = cursor.messages == cursor.block_messages_end and cursor.position < cursor.list_end
    return 0 if m.mode == Mode.ITEM and loads else None


def _begin_invalid(m: Machine, lie: Lie) -> None:
    """Begins as if the sender had the transaction's nonce and could pay for it. A step in vain if that is not all."""
    block, cursor = m.block, m.cursor
    assert isinstance(block, BlockState)
    packed, _ = next_item(cursor)
    try:
        transaction = unpack(packed, block.chain_id)
    except EncodingError:
        step(m)
        return
    sender, needed = transaction.sender, transaction.gas_limit * transaction.max_fee + transaction.value
    account = read_account(m, block.state_root, sender)
    able = replace(account, nonce=transaction.nonce, balance=Wei(max(account.balance, needed)))
    m.block = replace(block, state_root=write_account(m, block.state_root, sender, able))
    step(m)
    m.block = block
    if m.mode == Mode.ITEM:
        return
    assert m.world is not None and m.tx is not None
    root = _edit_account(m, m.world.state_root, sender, lambda begun: replace(begun, nonce=account.nonce + 1))
    m.world = replace(m.world, state_root=root)
    m.tx = replace(m.tx, start_root=block.state_root)


_ITEM = frozenset({Mode.ITEM})
FALSIFIERS = {
    Cheat.BALANCE: Falsifier(_ITEM | {Mode.BLOCK}, _ends_transaction, _give_wei),
    Cheat.STORAGE: Falsifier(_ITEM, _stores, _store_other),
    Cheat.OPCODE: Falsifier(_ITEM, _calculates, _miscalculate),
    Cheat.GAS: Falsifier(_ITEM, _executes, _undercharge),
    Cheat.LOG: Falsifier(_ITEM, _logs, _log_other),
    Cheat.SKIP_FORCED: Falsifier(_ITEM, _loads_message, _skip_message),
    Cheat.BAD_BATCH: Falsifier(frozenset({Mode.BATCH}), _loads_batch, _misread_batch),
    Cheat.FAKE_WITHDRAWAL: Falsifier(_ITEM | {Mode.BLOCK}, _ends_transaction, _note_withdrawal),
    Cheat.INVALID_TRANSACTION: Falsifier(_ITEM, _begins_transaction, _begin_invalid),
}
