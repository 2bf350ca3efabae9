"""Prover 3: what the engine, the step in Python and the contract make of the same instruction."""

import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from tandem.chain.spec import GenesisAccount
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode, Prover
from tandem.machine.stepping import Proven, instruction, prove, take
from tandem.machine.storage import INSTRUCTIONS
from tandem.primitives.types import ZERO_HASH, Hash, Wei
from tandem.state.tables import StateTables
from tests.support.revm import Reverted
from tests.unit.machine.on_state import (
    FEW_BYTES,
    LITTLE_GAS,
    SLOTS,
    STEPS,
    changed,
    ended,
    in_engine,
    machine_on,
    many_accounts,
    push,
    walk,
)
from tests.unit.machine.operands import any_word
from tests.unit.machine.support import CALLER, CONTRACT, Provers, make_state

SLOAD, SSTORE, TLOAD, TSTORE, POP = 0x54, 0x55, 0x5C, 0x5D, 0x50
STEP = STEPS[Prover.STORAGE]
OUTCOMES = {
    SLOAD: {"cold", "warm", "out of gas", "stack underflow"},
    SSTORE: {
        "cold, no change", "cold, set", "cold, reset", "cold, clear", "no change", "set", "reset", "clear", "rewrite",
        "restore", "out of gas", "write in a static call", "stack underflow",
    },
    TLOAD: {"ok", "out of gas", "stack underflow"},
    TSTORE: {"set", "clear", "out of gas", "write in a static call", "stack underflow"},
}  # fmt: skip


def state_with(slots: dict[int, int]) -> tuple[StateTables, Hash]:
    """CONTRACT with these slots, and one more account."""
    return make_state(accounts_with(slots))


def accounts_with(slots: dict[int, int]) -> dict:  # type: ignore[type-arg]
    """The accounts of that state."""
    held = tuple((slot, value) for slot, value in slots.items() if value)
    return {CONTRACT: GenesisAccount(Wei(5), 1, b"\x00", held), CALLER: GenesisAccount(Wei(9))}


def store(slot: int, value: int) -> bytes:
    """Code that writes a slot."""
    return push(value) + push(slot) + bytes([SSTORE])


def load(slot: int) -> bytes:
    """Code that reads a slot."""
    return push(slot) + bytes([SLOAD])


def step(m: Machine, provers: Provers) -> Proven:
    """The next step, judged."""
    return provers.check(m, Prover.STORAGE, STEP)


def judged(m: Machine, provers: Provers) -> list[Proven]:
    """Run the frame beside the engine; the steps on storage."""
    expected = in_engine(m)
    proven = walk(m, provers, Prover.STORAGE)
    assert ended(m) == expected
    return proven


@pytest.mark.parametrize("opcode", OUTCOMES, ids=("SLOAD", "SSTORE", "TLOAD", "TSTORE"))
def test_an_instruction_is_as_in_the_engine(opcode: int, provers: Provers) -> None:
    rng = random.Random(opcode)
    seen: Counter[str] = Counter()
    for case in range(80):
        many = case % 6 == 0
        originals = {slot: rng.choice((0, slot + 1)) for slot in range(4)} | {any_word(rng): 7}
        slots = [*originals, any_word(rng)]
        if many:
            slots = [rng.randrange(SLOTS) for _ in range(3)]
        values = [0, 0, *(slot + 1 & 2**256 - 1 for slot in slots), any_word(rng)]
        reads, writes = (SLOAD, SSTORE) if opcode in (SLOAD, SSTORE) else (TLOAD, TSTORE)
        code = b""
        for _ in range(rng.randrange(1, 12)):
            if rng.randrange(3) == 0:
                code += push(rng.choice(slots)) + bytes([reads])
            else:
                code += push(rng.choice(values)) + push(rng.choice(slots)) + bytes([writes])
        if rng.randrange(6) == 0:
            code = code[33:]
        few = rng.randrange(4) == 0
        m = machine_on(
            many_accounts() if many else state_with(originals),
            code,
            gas=rng.randrange({SLOAD: 3_000, SSTORE: 50_000}.get(opcode, 600)) if few else 10**6,
            is_static=rng.randrange(8) == 0,
        )
        seen.update(item.outcome for item in judged(m, provers) if _opcode_of(item) == opcode)
    assert seen.keys() == OUTCOMES[opcode]


def _opcode_of(proven: Proven) -> int:
    """The opcode of a step: machine, frame, and then the chunk that holds it."""
    frame = proven.witness[1 + 7 * 32 :]
    pc = int.from_bytes(frame[15 * 32 : 16 * 32], "big")
    return frame[24 * 32 + 1 + pc % 31]


# -- named regressions

EIP_3529 = (
    # original, values written, gas used, refund: the table of EIP-3529, for a slot that is warm.
    (0, (0, 0), 212, 0),
    (0, (0, 1), 20_112, 0),
    (0, (1, 0), 20_112, 19_900),
    (0, (1, 2), 20_112, 0),
    (0, (1, 1), 20_112, 0),
    (1, (0, 0), 3_012, 4_800),
    (1, (0, 1), 3_012, 2_800),
    (1, (0, 2), 3_012, 0),
    (1, (2, 0), 3_012, 4_800),
    (1, (2, 3), 3_012, 0),
    (1, (2, 1), 3_012, 2_800),
    (1, (2, 2), 3_012, 0),
    (1, (1, 0), 3_012, 4_800),
    (1, (1, 2), 3_012, 0),
    (1, (1, 1), 212, 0),
    (0, (1, 0, 1), 40_118, 19_900),
    (1, (0, 1, 0), 5_918, 7_600),
)


@pytest.mark.parametrize("warm", (False, True))
@pytest.mark.parametrize(("original", "values", "used", "refund"), EIP_3529)
def test_the_table_of_eip_3529(
    original: int, values: tuple[int, ...], used: int, refund: int, warm: bool, provers: Provers
) -> None:
    code = (load(0) + bytes([POP]) if warm else b"") + b"".join([store(0, value) for value in values])
    m = machine_on(state_with({0: original}), code, gas=100_000)
    judged(m, provers)
    assert m.frame is not None and m.world is not None
    extra = 3 + 2_100 + 2 if warm else 2_100
    assert (100_000 - m.frame.gas, m.world.refund) == (used + extra, refund)
    assert m.world.state_root == changed(accounts_with({0: values[-1]}))


def test_a_slot_costs_2100_once_and_then_100(provers: Provers) -> None:
    code = load(3) + load(3) + load(2**255)
    m = machine_on(many_accounts(), code)
    gas = [10**6]
    for outcome in ("cold", "warm", "cold"):
        take(m, STEPS[Prover.COMPUTE])
        assert step(m, provers).outcome == outcome
        assert m.frame is not None
        gas.append(m.frame.gas)
    assert [before - after for before, after in pairwise(gas)] == [2_103, 103, 2_103]
    assert m.frame is not None and m.frame.stack == [4, 4, 0]


@pytest.mark.parametrize(("gas", "outcome"), ((2_300, "out of gas"), (2_301, "cold, no change")))
def test_a_stipend_does_not_write(gas: int, outcome: str, provers: Provers) -> None:
    """Nor does it warm: the halt takes everything back."""
    m = machine_on(state_with({1: 5}), bytes([SSTORE]), (5, 1), gas=gas)
    before = m.world
    assert step(m, provers).outcome == outcome
    assert (m.world == before) == (gas == 2_300)


def test_out_of_gas_behind_the_sentry_leaves_the_slot_cold(provers: Provers) -> None:
    for original, gas in ((0, 22_100), (1, 5_000)):
        for short in (0, 1):
            m = machine_on(state_with({1: original}), bytes([SSTORE]), (9, 1), gas=gas - short)
            before = m.world
            outcome = step(m, provers).outcome
            assert outcome == ("out of gas" if short else "cold, reset" if original else "cold, set")
            assert (m.world == before) == bool(short)


def test_original_values_are_those_before_the_transaction(provers: Provers) -> None:
    """Not those before the frame: what an earlier frame wrote is dirty, and its refund is given back here."""
    before, now = state_with({1: 5, 2: 6}), state_with({1: 0, 2: 7})
    m = machine_on(before, store(1, 5) + store(2, 6), gas=50_000)
    m.chain.nodes._base = _Both(before[0], now[0])  # type: ignore[attr-defined]
    assert m.world is not None
    m.world = replace(m.world, state_root=now[1], refund=4_800)
    outcomes = [proven.outcome for proven in walk(m, provers, Prover.STORAGE)]
    assert outcomes == ["cold, restore", "cold, restore"]
    assert m.world is not None and m.world.state_root == before[1]
    assert m.world.refund == 2_800 + 2_800


class _Both:
    """The preimages of two states."""

    def __init__(self, *states: StateTables) -> None:
        self._states = states

    def get(self, key: bytes) -> bytes | None:
        """From whichever has it."""
        return next((found for state in self._states if (found := state.preimages.get(key))), None)


def test_the_refund_may_be_negative_within_a_frame(provers: Provers) -> None:
    """Cleared in one frame, set again in another that began with no refund: modulo 2^256."""
    before, now = state_with({1: 5}), state_with({})
    m = machine_on(before, store(1, 3), gas=50_000)
    m.chain.nodes._base = _Both(before[0], now[0])  # type: ignore[attr-defined]
    assert m.world is not None
    m.world = replace(m.world, state_root=now[1], refund=0)
    assert [proven.outcome for proven in walk(m, provers, Prover.STORAGE)] == ["cold, rewrite"]
    assert m.world is not None and m.world.refund == 2**256 - 4_800


def test_an_account_that_the_transaction_created_began_with_nothing(provers: Provers) -> None:
    """It is absent under startRoot, where the witness proves just that."""
    state = state_with({1: 5})
    m = machine_on(state, store(1, 3), gas=50_000)
    assert m.tx is not None
    m.tx = replace(m.tx, start_root=ZERO_HASH)
    assert [proven.outcome for proven in walk(m, provers, Prover.STORAGE)] == ["cold, rewrite"]


def test_the_default_key_and_its_neighbours(provers: Provers) -> None:
    """Slot 0, value 0; the last slot and the last value; a storage that becomes empty and full again."""
    top = 2**256 - 1
    for originals in ({}, {0: 1}, {top: top}, {0: top, top: 1}):
        code = b"".join(
            load(slot) + store(slot, 0) + store(slot, top) + store(slot, 0) + load(slot) for slot in (0, top, 1)
        )
        m = machine_on(state_with(originals), code)
        judged(m, provers)
        assert m.world is not None and m.world.state_root == changed(accounts_with({}))


def test_deletions_in_trees_of_any_size(provers: Provers) -> None:
    """A leaf that rises, a branch that stays, the last entry: the preimage is on the tape where one is needed."""
    rng = random.Random(4)
    for count in (1, 2, 3, 4, 9, 40):
        slots = {rng.getrandbits(256): 1 for _ in range(count)}
        order = list(slots)
        rng.shuffle(order)
        m = machine_on(state_with(slots), b"".join(store(slot, 0) for slot in order), gas=10**7)
        assert {proven.outcome for proven in judged(m, provers)} == {"cold, clear"}
        assert m.world is not None and m.world.state_root == changed(accounts_with({}))


def test_transient_storage_is_by_address_and_apart_from_storage(provers: Provers) -> None:
    m = machine_on(state_with({1: 5}), push(9) + push(1) + bytes([TSTORE]) + load(1) + push(1) + bytes([TLOAD]))
    before = m.world
    judged(m, provers)
    assert m.frame is not None and m.frame.stack == [5, 9]
    assert m.world is not None and before is not None
    assert m.world.state_root == before.state_root and m.world.transient_root != before.transient_root
    kept = m.world.transient_root
    other = machine_on(state_with({1: 5}), push(1) + bytes([TLOAD]), target=CALLER)
    other.chain = m.chain
    assert other.world is not None
    other.world = replace(other.world, transient_root=kept)
    walk(other, provers, Prover.STORAGE)
    assert other.frame is not None and other.frame.stack == [0]


def test_a_transient_slot_that_becomes_zero_is_gone(provers: Provers) -> None:
    writes = [(slot, value) for value in (1, 2**256 - 1, 0) for slot in (0, 1, 2**256 - 1)]
    code = b"".join(push(value) + push(slot) + bytes([TSTORE]) for slot, value in writes)
    m = machine_on(state_with({}), code)
    judged(m, provers)
    assert m.world is not None and m.world.transient_root == ZERO_HASH


def test_a_static_call_writes_nothing(provers: Provers) -> None:
    for opcode in (SSTORE, TSTORE):
        m = machine_on(state_with({1: 5}), bytes([opcode]), (5, 1), is_static=True)
        before = m.world
        assert step(m, provers).outcome == "write in a static call"
        assert m.world == before and m.mode == Mode.EXIT


# -- damaged and starved; figures


def steps_to_damage() -> dict[str, Machine]:
    """One step for each way through the contract."""

    def on(code: bytes, skip: int, **frame: Any) -> Machine:
        m = machine_on(many_accounts(), code, **frame)
        for _ in range(skip):
            opcode = m.frame.code.data[m.frame.pc]  # type: ignore[union-attr]
            take(m, STEP if opcode in INSTRUCTIONS else STEPS[Prover.COMPUTE])
        return m

    def transient(*writes: tuple[int, int]) -> bytes:
        return b"".join(push(value) + push(slot) + bytes([TSTORE]) for slot, value in writes)

    many = tuple((slot, 5) for slot in range(20))
    return {
        "SLOAD, cold": on(load(700), 1),
        "SLOAD, warm": on(load(700) * 2, 3),
        "SLOAD, nothing there": on(load(SLOTS + 1), 1),
        "SLOAD without gas": on(load(700), 1, gas=2_102),
        "SSTORE, cold, no change": on(store(700, 701), 2),
        "SSTORE, cold, set": on(store(SLOTS, 1), 2),
        "SSTORE, cold, reset": on(store(700, 9), 2),
        "SSTORE, cold, clear": on(store(700, 0), 2),
        "SSTORE, no change": on(store(700, 0) * 2, 5),
        "SSTORE, set": on(load(SLOTS) + store(SLOTS, 1), 4),
        "SSTORE, restore": on(store(700, 0) + store(700, 701), 5),
        "SSTORE, rewrite": on(store(SLOTS, 2) + store(SLOTS, 3), 5),
        "SSTORE, the new one goes": on(store(SLOTS, 2) + store(SLOTS, 0), 5),
        "SSTORE without gas": on(store(SLOTS, 2), 2, gas=22_105),
        "SSTORE at the sentry": on(store(SLOTS, 2), 2, gas=2_306),
        "SSTORE in a static call": on(store(SLOTS, 2), 2, is_static=True),
        "TLOAD": on(transient(*many) + push(1) + bytes([TLOAD]), 61),
        "TLOAD, nothing there": on(push(1) + bytes([TLOAD]), 1),
        "TSTORE, set": on(transient(*many, (100, 1)), 62),
        "TSTORE, clear": on(transient(*many, (3, 0)), 62),
        "TSTORE, the last goes": on(transient((3, 1), (3, 0)), 5),
    }


@pytest.mark.parametrize("name", steps_to_damage())
def test_damaged_witnesses_prove_nothing_else(name: str, provers: Provers) -> None:
    proven = step(steps_to_damage()[name], provers)
    done = provers.damage(proven)
    assert done.reverted > 0 and done.other == 0


@pytest.mark.parametrize("name", steps_to_damage())
def test_starved_of_gas_it_reverts(name: str, provers: Provers) -> None:
    assert provers.starve(step(steps_to_damage()[name], provers)) > 0


@pytest.mark.parametrize("name", steps_to_damage())
def test_what_a_step_costs(name: str, provers: Provers) -> None:
    proven = step(steps_to_damage()[name], provers)
    gas = provers.gas(proven)
    print(f"{name}: {proven.outcome}, {len(proven.witness)} bytes, {gas} gas")
    assert len(proven.witness) < FEW_BYTES and gas < LITTLE_GAS


def test_instructions_of_others_are_refused(provers: Provers) -> None:
    from tandem.machine import compute, environment, memory_ops

    for table in (compute.INSTRUCTIONS, memory_ops.INSTRUCTIONS, environment.INSTRUCTIONS):
        for opcode in table.keys() - INSTRUCTIONS.keys():
            m = machine_on(many_accounts(), bytes([opcode]), [0] * 17, gas=100_000)
            proven = prove(m, Prover.STORAGE, instruction(table))
            with pytest.raises(Reverted):
                provers.verify(Prover.STORAGE, proven.before, proven.witness[1:])
