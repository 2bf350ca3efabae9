"""Instructions on storage. Twin of contracts/machine/Storage.sol.

Prices are those of EIP-2929, net metering that of EIP-2200, refunds that of EIP-3529.
"""

from dataclasses import replace

from tandem.machine.execution import OUT_OF_GAS, STATIC, Halt, charge
from tandem.machine.machine import Machine
from tandem.machine.modes import AccessTag
from tandem.machine.state_trees import read_account, read_slot, transient_key, warm, write_account, write_slot
from tandem.machine.stepping import Instruction
from tandem.machine.structures import WORD_MASK, Frame
from tandem.primitives.hashing import word
from tandem.primitives.types import ZERO_HASH, Hash
from tandem.state.database import slot_key

COLD_SLOT, WARM_SLOT = 2_100, 100
SET_GAS, RESET_GAS = 20_000, 2_900
"""A slot that was zero when the transaction began, and any other."""
SENTRY = 2_300
"""SSTORE halts with no more gas than this: a stipend must not write (EIP-2200)."""
CLEARS = 4_800
"""Refund for a slot that becomes zero."""
COLD, WARM = "cold", "warm"
NO_CHANGE, SET, RESET, CLEAR, REWRITE, RESTORE = "no change", "set", "reset", "clear", "rewrite", "restore"


def load(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """SLOAD."""
    slot, root = args[0], m.read_world().state_root
    cold = warm(m, AccessTag.SLOT, frame.target, slot)
    charge(frame, COLD_SLOT if cold else WARM_SLOT)
    account = read_account(m, root, frame.target)
    frame.push(int.from_bytes(read_slot(m, account.storage_root, slot_key(slot)), "big"))
    return COLD if cold else WARM


def store(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """SSTORE. What the slot held when the transaction began is read only where it is to change."""
    slot, value = args
    key, value_word = slot_key(slot), Hash(word(value))
    if frame.is_static:
        raise Halt(STATIC)
    if frame.gas <= SENTRY:
        raise Halt(OUT_OF_GAS)
    root = m.read_world().state_root
    cost = COLD_SLOT if warm(m, AccessTag.SLOT, frame.target, slot) else 0
    cold = f"{COLD}, " if cost else ""
    account = read_account(m, root, frame.target)
    current = read_slot(m, account.storage_root, key)
    if current == value_word:
        charge(frame, cost + WARM_SLOT)
        return cold + NO_CHANGE
    began = read_account(m, m.read_tx().start_root, frame.target)
    original = read_slot(m, began.storage_root, key)
    price, refund, outcome = _meter(original, current, value_word)
    charge(frame, cost + price)
    account = replace(account, storage_root=write_slot(m, account.storage_root, key, value_word))
    root = write_account(m, root, frame.target, account)
    assert m.world is not None
    m.world = replace(m.world, state_root=root, refund=m.world.refund + refund & WORD_MASK)
    return cold + outcome


def _meter(original: Hash, current: Hash, value: Hash) -> tuple[int, int, str]:
    """Gas of a change, beside the cold slot's; what it adds to the refund counter; its name."""
    was_zero = original == ZERO_HASH
    if current == original:
        if was_zero:
            return SET_GAS, 0, SET
        return (RESET_GAS, CLEARS, CLEAR) if value == ZERO_HASH else (RESET_GAS, 0, RESET)
    refund = 0
    if not was_zero:
        if current == ZERO_HASH:
            refund -= CLEARS
        if value == ZERO_HASH:
            refund += CLEARS
    if value != original:
        return WARM_SLOT, refund, REWRITE
    return WARM_SLOT, refund + (SET_GAS if was_zero else RESET_GAS) - WARM_SLOT, RESTORE


def load_transient(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """TLOAD (EIP-1153)."""
    world = m.read_world()
    value = read_slot(m, world.transient_root, transient_key(frame.target, args[0]))
    frame.push(int.from_bytes(value, "big"))
    return None


def store_transient(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """TSTORE (EIP-1153)."""
    slot, value = args
    if frame.is_static:
        raise Halt(STATIC)
    world, key = m.read_world(), transient_key(frame.target, slot)
    read_slot(m, world.transient_root, key)
    m.world = replace(world, transient_root=write_slot(m, world.transient_root, key, Hash(word(value))))
    return SET if value else CLEAR


INSTRUCTIONS: dict[int, Instruction] = {
    0x54: load,
    0x55: store,
    0x5C: load_transient,
    0x5D: store_transient,
}
"""By opcode."""
