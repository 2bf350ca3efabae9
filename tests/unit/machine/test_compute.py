"""Prover 0: what the engine, the step in Python and the contract make of the same instruction."""

import random
from collections import defaultdict

import pytest

from tandem.machine.machine import Machine
from tandem.machine.modes import Mode, Prover
from tandem.machine.opcodes import OPCODES
from tandem.machine.structures import Exit
from tests.support.revm import Reverted
from tests.unit.machine.against_engine import ended, in_engine
from tests.unit.machine.operands import any_word
from tests.unit.machine.support import Provers, make_machine
from tests.unit.machine.walking import COMPUTE_STEP, walk

DEFINED = [opcode for opcode in OPCODES if opcode is not None and opcode.prover == Prover.COMPUTE]
UNDEFINED = [number for number in range(256) if OPCODES[number] is None]
JUMP, JUMPI, PUSH1, PUSH32, JUMPDEST = 0x56, 0x57, 0x60, 0x7F, 0x5B
OUTCOMES = {"JUMP": {"ok", "bad jump"}, "JUMPI": {"jumps", "falls through", "bad jump"}}
WORDS = [opcode.number for opcode in DEFINED if 0x01 <= opcode.number <= 0x1D]
GAS_LIMIT, WITNESS_LIMIT = 50_000, 2_500
"""Above what any of these steps costs L1, below what it would if it opened more than it needs."""


def any_case(rng: random.Random, opcode: int) -> tuple[Machine, int]:
    """A machine some JUMPDESTs before the instruction, and how many."""
    before, known = rng.randrange(70), OPCODES[opcode]
    pops, pushes = (known.pops, known.pushes) if known else (1, 0)
    heights = [pops] * 5 + [max(0, pops - 1), pops + 1, 1024, 1024 - max(0, pushes - pops)]
    stack = [any_word(rng) for _ in range(rng.choice(heights))]
    code = b"\x5b" * before + bytes([opcode])
    if PUSH1 <= opcode <= PUSH32:
        width = opcode - PUSH1 + 1
        code += rng.randbytes(rng.choice((width, rng.randrange(width + 1)))) + bytes(rng.choice((0, 40)))
    elif opcode in (JUMP, JUMPI):
        code += b"".join(rng.choice((b"\x5b", b"\x5b\x5b", b"\x60\x5b", b"\x7f" + b"\x5b" * 32)) for _ in range(9))
        if rng.randrange(5):
            stack[-1:] = [rng.randrange(before, len(code) + 2)]
        if rng.randrange(3) == 0 and len(stack) > 1:
            stack[-2] = 0
    static = known.gas if known else 0
    gas = before + rng.choice((static, static, max(0, static - 1), static + rng.randrange(2_000), 10**6, 10**7))
    machine = make_machine(
        code,
        stack,
        gas=gas,
        memory=rng.randbytes(rng.choice((0, 32, 96))),
        calldata=rng.randbytes(rng.choice((0, 70))),
        returned=rng.randbytes(rng.choice((0, 1, 33))),
        value=any_word(rng),
        depth=rng.randrange(2),
        is_create=not rng.randrange(3),
        is_static=not rng.randrange(3),
    )
    return machine, before


@pytest.mark.parametrize("opcode", DEFINED, ids=lambda opcode: opcode.name)
def test_an_instruction_is_as_in_the_engine(opcode, provers: Provers) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(opcode.number)
    seen: dict[str, int] = defaultdict(int)
    for _ in range(60):
        machine, before = any_case(rng, opcode.number)
        expected = in_engine(machine)
        first = walk(machine, provers, skip=before)[0]
        assert ended(machine) == expected
        seen[first.outcome] += 1
    expected_outcomes = OUTCOMES.get(opcode.name, {"ok"})
    assert expected_outcomes <= seen.keys()
    assert ("stack underflow" in seen) == (opcode.pops > 0)
    assert ("stack overflow" in seen) == (opcode.pushes > opcode.pops)
    assert ("out of gas" in seen) == (opcode.gas > 0)


def test_what_is_not_defined_halts(provers: Provers) -> None:
    rng = random.Random(0xFE)
    assert 0xFE in UNDEFINED and len(UNDEFINED) == 108
    for opcode in UNDEFINED:
        machine, before = any_case(rng, opcode)
        expected = in_engine(machine)
        taken = walk(machine, provers, skip=before)
        assert [step.outcome for step in taken] == ["undefined"]
        assert ended(machine) == expected and expected.status == 0


@pytest.mark.parametrize("opcode", WORDS, ids=lambda number: OPCODES[number].name)  # type: ignore[union-attr]
def test_arithmetic_at_the_edges(opcode: int, provers: Provers) -> None:
    known = OPCODES[opcode]
    assert known is not None
    rng = random.Random(opcode)
    edges = (0, 1, 31, 255, 256, 2**128, 2**255 - 1, 2**255, 2**255 + 1, 2**256 - 2, 2**256 - 1)
    for a in edges:
        for b in edges if known.pops > 1 else (0,):
            stack = ([rng.choice(edges), b, a])[-known.pops :]
            machine = make_machine(bytes([opcode]), stack, gas=10_000)
            expected = in_engine(machine)
            walk(machine, provers)
            assert ended(machine) == expected, (known.name, hex(a), hex(b))


# -- named regressions


def test_a_jumpdest_inside_push_data_is_none(provers: Provers) -> None:
    """Wherever the PUSH stands in its chunk, and in whichever chunk its data ends."""
    for before in range(2, 66):
        code = bytes([JUMP]) + b"\x5b" * (before - 1) + b"\x7f" + b"\x5b" * 32 + b"\x5b"
        for target in {before - 1, *range(before, before + 34, 3), before + 32, before + 33}:
            machine = make_machine(code, [target])
            outcome = provers.check(machine, Prover.COMPUTE, COMPUTE_STEP).outcome
            assert (outcome == "ok") == (target in (before - 1, before + 33)), (before, target)


def test_a_jump_behind_the_code_reads_nothing(provers: Provers) -> None:
    code = bytes([JUMP]) + b"\x5b" * 40
    lengths = set()
    for target in (41, 62, 2**11 * 31, 2**32, 2**64 + 1, 2**64, 2**256 - 1):
        machine = make_machine(code, [target])
        proven = provers.check(machine, Prover.COMPUTE, COMPUTE_STEP)
        assert proven.outcome == "bad jump"
        lengths.add(len(proven.witness))
    assert len(lengths) == 1


def test_jumpi_takes_its_destination_from_the_top(provers: Provers) -> None:
    code = bytes([JUMPI, 0, 0, JUMPDEST])
    machine = make_machine(code, [1, 3])
    assert provers.check(machine, Prover.COMPUTE, COMPUTE_STEP).outcome == "jumps"
    assert machine.frame is not None and machine.frame.pc == 3
    machine = make_machine(code, [0, 3])
    assert provers.check(machine, Prover.COMPUTE, COMPUTE_STEP).outcome == "falls through"
    assert machine.frame is not None and machine.frame.pc == 1
    machine = make_machine(code, [3, 1])
    assert provers.check(machine, Prover.COMPUTE, COMPUTE_STEP).outcome == "bad jump"
    machine = make_machine(code, [0, 2**256 - 1])
    assert provers.check(machine, Prover.COMPUTE, COMPUTE_STEP).outcome == "falls through"


@pytest.mark.parametrize("n", range(1, 17))
def test_each_dup_and_swap_reaches_its_own_word(n: int, provers: Provers) -> None:
    stack = [1000 + index for index in range(20)]
    machine = make_machine(bytes([0x7F + n]), stack)
    provers.check(machine, Prover.COMPUTE, COMPUTE_STEP)
    assert machine.frame is not None and machine.frame.stack == [*stack, stack[-n]]
    machine = make_machine(bytes([0x8F + n]), stack)
    provers.check(machine, Prover.COMPUTE, COMPUTE_STEP)
    stack[-1], stack[-1 - n] = stack[-1 - n], stack[-1]
    assert machine.frame is not None and machine.frame.stack == stack


def test_gas_is_what_is_left_behind_it(provers: Provers) -> None:
    machine = make_machine(b"\x5a", gas=1_000)
    provers.check(machine, Prover.COMPUTE, COMPUTE_STEP)
    assert machine.frame is not None and machine.frame.stack == [998] and machine.frame.gas == 998


def test_an_exponent_costs_by_its_bytes(provers: Provers) -> None:
    for exponent, size in ((0, 0), (1, 1), (255, 1), (256, 2), (2**255, 32), (2**256 - 1, 32)):
        for short in (0, 1):
            machine = make_machine(b"\x0a", [exponent, 3], gas=10 + 50 * size - short)
            outcome = provers.check(machine, Prover.COMPUTE, COMPUTE_STEP).outcome
            assert outcome == ("out of gas" if short else "ok")


def test_push_data_reaches_into_two_chunks_more(provers: Provers) -> None:
    """PUSH32 as a chunk's last byte; and data that the code does not have is zero."""
    for before in (29, 30, 31, 60, 61):
        for given in (0, 1, 31, 32):
            data = bytes(range(1, given + 1))
            machine = make_machine(b"\x5b" * before + b"\x7f" + data, pc=before)
            provers.check(machine, Prover.COMPUTE, COMPUTE_STEP)
            assert machine.frame is not None
            assert machine.frame.stack == [int.from_bytes(data.ljust(32, b"\0"), "big")]
            assert machine.frame.pc == before + 33


def test_push_at_the_end_of_the_largest_code(provers: Provers) -> None:
    """The data of a PUSH in the tree's last chunk lies where there is no tree."""
    size = 2**11 * 31
    for width in (1, 2, 32):
        for from_end in (1, 2, 31, 32, 33):
            code = b"\x5b" * (size - from_end) + bytes([PUSH1 + width - 1]) + b"\xab" * (from_end - 1)
            machine = make_machine(code, pc=size - from_end, accounts={})
            provers.check(machine, Prover.COMPUTE, COMPUTE_STEP)
            assert machine.frame is not None
            expected = (b"\xab" * (from_end - 1))[:width].ljust(width, b"\0")
            assert machine.frame.stack == [int.from_bytes(expected, "big")]


def test_behind_the_code_is_stop(provers: Provers) -> None:
    for create, mode in ((False, Mode.EXIT), (True, Mode.DEPOSIT)):
        for code, pc in ((b"", 0), (b"\x01", 1), (b"\x60", 2), (b"\x00", 0)):
            machine = make_machine(code, [7], pc=pc, is_create=create)
            assert provers.check(machine, Prover.COMPUTE, COMPUTE_STEP).outcome == "ok"
            assert machine.mode == mode and machine.aux == Exit(1)


# -- damaged and starved


def steps_to_damage() -> dict[str, Machine]:
    """One step for each way through the contract."""
    words = [2**255 + index for index in range(20)]
    jumps = b"\x5b" * 30 + bytes([JUMP]) + b"\x60\x5b" + b"\x5b" * 40
    return {
        "STOP": make_machine(b"", [1]),
        "ADD": make_machine(b"\x01", words, memory=b"\1" * 70, calldata=b"\2" * 70, returned=b"\3" * 9, depth=1),
        "ISZERO": make_machine(b"\x15", [5]),
        "MULMOD": make_machine(b"\x09", words),
        "EXP": make_machine(b"\x0a", [2**200, 3]),
        "EXP without gas": make_machine(b"\x0a", [2**200, 3], gas=100),
        "CALLER": make_machine(b"\x33"),
        "JUMP": make_machine(jumps, [50], pc=30),
        "bad JUMP": make_machine(jumps, [32], pc=30),
        "JUMP away": make_machine(jumps, [2**64 + 50], pc=30),
        "JUMPI": make_machine(bytes([JUMPI]), [0, 9]),
        "PUSH5": make_machine(b"\x64abcdefgh"),
        "PUSH32": make_machine(b"\x5b" * 30 + b"\x7f" + b"\xab" * 32 + b"\x5b" * 90, pc=30),
        "DUP16": make_machine(b"\x8f", words),
        "SWAP7": make_machine(b"\x96", words),
        "underflow": make_machine(b"\x01", [1]),
        "overflow": make_machine(b"\x5a", [1] * 1024),
        "INVALID": make_machine(b"\xfe", [1]),
    }


@pytest.mark.parametrize("name", steps_to_damage())
def test_damaged_witnesses_prove_nothing_else(name: str, provers: Provers) -> None:
    proven = provers.check(steps_to_damage()[name], Prover.COMPUTE, COMPUTE_STEP)
    done = provers.damage(proven)
    assert done.reverted > 0 and done.other == 0


@pytest.mark.parametrize("name", steps_to_damage())
def test_starved_of_gas_it_reverts(name: str, provers: Provers) -> None:
    proven = provers.check(steps_to_damage()[name], Prover.COMPUTE, COMPUTE_STEP)
    assert provers.starve(proven) > 0


def test_instructions_of_others_are_refused(provers: Provers) -> None:
    from tandem.machine.memory_ops import INSTRUCTIONS
    from tandem.machine.stepping import instruction, prove

    for opcode in INSTRUCTIONS:
        machine = make_machine(bytes([opcode]), [0] * 6, gas=100_000)
        proven = prove(machine, Prover.COMPUTE, instruction(INSTRUCTIONS))
        with pytest.raises(Reverted, match="WrongProver"):
            provers.verify(Prover.COMPUTE, proven.before, proven.witness[1:])


def test_a_step_is_cheap_to_judge(provers: Provers) -> None:
    """Deep stacks, long code, memory, calldata: none of it is opened where it is not needed."""
    rng = random.Random(5)
    figures = {}
    for opcode in DEFINED:
        before = rng.randrange(20_000)
        code = b"\x5b" * before + bytes([opcode.number]) + b"\x5b" * (24_576 - before)
        stack = [rng.getrandbits(256) for _ in range(100)]
        if opcode.number in (JUMP, JUMPI):
            stack[-1] = before + 70
        machine = make_machine(code, stack, pc=before, memory=rng.randbytes(2_000), calldata=b"\7" * 500, depth=1)
        proven = provers.check(machine, Prover.COMPUTE, COMPUTE_STEP)
        figures[opcode.name] = (provers.gas(proven), len(proven.witness))
    print({name: figures[name] for name in ("ADD", "EXP", "PUSH1", "PUSH32", "JUMP", "JUMPI", "DUP16", "SWAP16")})
    assert max(gas for gas, _ in figures.values()) <= GAS_LIMIT
    assert max(size for _, size in figures.values()) <= WITNESS_LIMIT
