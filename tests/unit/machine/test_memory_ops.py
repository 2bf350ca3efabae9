"""Prover 1: what the engine, the step in Python and the contract make of the same instruction, and of the copies."""

import random
from collections import defaultdict

import pytest

from tandem.machine import memory_ops, sponge
from tandem.machine.machine import Machine
from tandem.machine.memory_ops import COPY_BYTES, MAX_HASH_BYTES
from tandem.machine.modes import Mode, Prover
from tandem.machine.opcodes import OPCODES
from tandem.machine.stepping import Proven, prove
from tandem.machine.structures import CopyJob, Exit, HashJob
from tandem.machine.word_tree import Slice, WordTree
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_HASH
from tests.support.revm import Reverted
from tests.unit.machine.against_engine import ended, in_engine
from tests.unit.machine.operands import any_place, any_word
from tests.unit.machine.support import Provers, make_machine
from tests.unit.machine.walking import COMPUTE_STEP, MEMORY_STEP, walk

DEFINED = [opcode for opcode in OPCODES if opcode is not None and opcode.prover == Prover.MEMORY_OPS]
KECCAK256, CALLDATALOAD, CALLDATACOPY, CODECOPY, RETURNDATACOPY = 0x20, 0x35, 0x37, 0x39, 0x3E
MLOAD, MSTORE, MSTORE8, MCOPY, LOG0, RETURN, REVERT = 0x51, 0x52, 0x53, 0x5E, 0xA0, 0xF3, 0xFD
COPIES = (CALLDATACOPY, CODECOPY, RETURNDATACOPY, MCOPY)
LOGS = range(LOG0, LOG0 + 5)
OUTCOMES = (
    {key: {"ok", "no bytes"} for key in COPIES}
    | {RETURNDATACOPY: {"ok", "no bytes", "return data out of bounds"}}
    | {key: {"ok", "no bytes"} for key in (RETURN, REVERT)}
    | {key: {"ok", "write in a static call"} for key in LOGS}
)
GAS_LIMIT, WITNESS_LIMIT = 50_000, 2_500
"""Above what any of these steps costs L1, below what it would if it opened more than it needs."""
LARGE = MAX_HASH_BYTES + 64
"""Bytes of memory that are enough for the longest hash of one step, wherever it begins."""


def any_case(rng: random.Random, opcode: int) -> tuple[Machine, int]:
    """A machine some JUMPDESTs before the instruction, and how many."""
    before, known = rng.randrange(40), OPCODES[opcode]
    assert known is not None
    height = rng.choice([known.pops] * 7 + [known.pops - 1, known.pops + 2])
    stack = [any_word(rng) if rng.randrange(9) == 0 else any_place(rng, 3_000) for _ in range(height)]
    returned = rng.randbytes(rng.choice((0, 1, 33, 2_500)))
    if opcode in (*COPIES, KECCAK256, RETURN, REVERT, *LOGS) and height >= known.pops and rng.randrange(4) == 0:
        stack[-3 if opcode in COPIES else -2] = 0
    if opcode == RETURNDATACOPY and height == 3 and rng.randrange(3):
        stack[1] = rng.randrange(len(returned) + 1)
        stack[0] = rng.randrange(len(returned) + 1 - stack[1])
    if opcode in (MSTORE, MSTORE8) and height:
        stack[0] = any_word(rng)
    gas = before + known.gas + rng.choice((0, 3, rng.randrange(200), 10**5, 10**6, 10**7))
    if rng.randrange(9) == 0:
        gas = before + max(0, known.gas - 1)
    machine = make_machine(
        b"\x5b" * before + bytes([opcode, 0]) + rng.randbytes(rng.choice((0, 50, 2_000))),
        stack,
        gas=gas,
        memory=rng.randbytes(rng.choice((0, 32, 96, 3_008))),
        calldata=rng.randbytes(rng.choice((0, 1, 31, 32, 70, 2_500))),
        returned=returned,
        depth=rng.randrange(2),
        is_create=not rng.randrange(3),
        is_static=not rng.randrange(4),
    )
    return machine, before


@pytest.mark.parametrize("opcode", DEFINED, ids=lambda opcode: opcode.name)
def test_an_instruction_is_as_in_the_engine(opcode, provers: Provers) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(opcode.number)
    seen: dict[str, int] = defaultdict(int)
    for _ in range(150):
        machine, before = any_case(rng, opcode.number)
        expected = in_engine(machine)
        first = walk(machine, provers, skip=before)[0]
        seen[first.outcome] += 1
        if machine.mode == Mode.KECCAK:
            continue
        assert ended(machine) == expected
    expected_outcomes = OUTCOMES.get(opcode.number, {"ok"})
    assert expected_outcomes | {"stack underflow", "out of gas"} == seen.keys() - {"long"}


# -- named regressions


@pytest.mark.parametrize("opcode", (MLOAD, MSTORE, MSTORE8))
def test_memory_is_paid_for_to_the_last_unit(opcode: int, provers: Provers) -> None:
    """What py-evm, this engine and the contract charge for an expansion is the least with which the step succeeds."""
    for offset in (0, 1, 31, 32, 33, 1_000, 22_000, 100_000):
        machine = make_machine(bytes([opcode]), [7, offset], gas=10**7)
        expected = in_engine(machine)
        walk(machine, provers)
        assert ended(machine) == expected
        used = 10**7 - expected.gas
        for gas, outcome in ((used, "ok"), (used - 1, "out of gas")):
            machine = make_machine(bytes([opcode]), [7, offset], gas=gas)
            assert provers.check(machine, Prover.MEMORY_OPS, MEMORY_STEP).outcome == outcome


def test_an_expansion_of_no_bytes_is_free(provers: Provers) -> None:
    for opcode in (KECCAK256, RETURN, REVERT, CALLDATACOPY, CODECOPY, MCOPY, LOG0):
        for offset in (0, 2**32, 2**64, 2**256 - 1):
            machine = make_machine(bytes([opcode]), [0, offset, offset] if opcode in COPIES else [0, offset])
            expected = in_engine(machine)
            walk(machine, provers)
            assert ended(machine) == expected and expected.status


@pytest.mark.parametrize("opcode", [opcode.number for opcode in DEFINED])
def test_offsets_above_64_bits(opcode: int, provers: Provers) -> None:
    """A sum that wraps around is no small number."""
    known = OPCODES[opcode]
    assert known is not None
    for place in (2**32 - 1, 2**64 - 1, 2**64, 2**255, 2**256 - 32, 2**256 - 1):
        for size in (1, 32, 2**64, 2**253, 2**255, 2**256 - 1):
            for position in range(min(3, known.pops)):
                stack = [1] * known.pops
                if known.pops > 1:
                    stack[-3 if opcode in COPIES else -2] = size
                stack[-1 - position] = place
                machine = make_machine(bytes([opcode]), stack, memory=b"\1" * 64, calldata=b"\2" * 64, gas=10**7)
                expected = in_engine(machine)
                walk(machine, provers)
                assert ended(machine) == expected


def test_memory_ends_where_gas_does_not(provers: Provers) -> None:
    """2^17 words are more than a transaction can buy; a frame with more gas halts there all the same."""
    for size, outcome in ((2**22 - 32, "ok"), (2**22 - 31, "out of gas")):
        machine = make_machine(bytes([MLOAD]), [size], gas=10**12)
        assert provers.check(machine, Prover.MEMORY_OPS, MEMORY_STEP).outcome == outcome


def test_calldata_ends_where_it_ends(provers: Provers) -> None:
    """The slice lies amid other bytes of its tree, which must not show."""
    for length in (1, 31, 32, 33, 64):
        for start in (0, 1, length - 1, length, length + 1, 2**64, 2**256 - 1, 2**256 - 31):
            machine = make_machine(bytes([CALLDATALOAD]), [start], calldata=b"\xab" * length)
            assert provers.check(machine, Prover.MEMORY_OPS, MEMORY_STEP).outcome == "ok"
            assert machine.frame is not None
            there = max(0, min(32, length - start))
            assert machine.frame.stack == [int.from_bytes((b"\xab" * there).ljust(32, b"\0"), "big")]


def test_return_data_out_of_bounds(provers: Provers) -> None:
    """EIP-211: also where no byte is asked for."""
    for start, size, outcome in (
        (0, 9, "ok"), (0, 10, "bounds"), (9, 0, "no bytes"), (10, 0, "bounds"), (2**256 - 1, 1, "bounds"),
        (1, 2**256 - 1, "bounds"), (2**256 - 1, 2**256 - 1, "bounds"), (8, 1, "ok"),
    ):  # fmt: skip
        machine = make_machine(bytes([RETURNDATACOPY]), [size, start, 0], returned=b"\1" * 9)
        found = provers.check(machine, Prover.MEMORY_OPS, MEMORY_STEP).outcome
        assert found.endswith(outcome)


def test_a_frame_leaves_with_a_view_on_its_memory(provers: Provers) -> None:
    for opcode, status, mode in ((RETURN, 1, Mode.DEPOSIT), (REVERT, 2, Mode.EXIT)):
        machine = make_machine(bytes([opcode]), [70, 40], memory=bytes(range(64)), is_create=True)
        provers.check(machine, Prover.MEMORY_OPS, MEMORY_STEP)
        assert machine.mode == mode and isinstance(machine.aux, Exit) and machine.aux.status == status
        assert machine.aux.output.bytes() == bytes(range(40, 64)).ljust(70, b"\0")
        machine = make_machine(bytes([opcode]), [0, 2**256 - 1])
        assert provers.check(machine, Prover.MEMORY_OPS, MEMORY_STEP).outcome == "no bytes"
        assert machine.aux == Exit(status)


# -- copies


@pytest.mark.parametrize("opcode", COPIES)
def test_copies_of_any_size_and_place(opcode: int, provers: Provers) -> None:
    rng = random.Random(opcode)
    steps: dict[str, int] = defaultdict(int)
    for _ in range(120):
        available = rng.choice((0, 1, 31, 500, 1_024, 3_000, 4_096))
        size = rng.choice((1, 30, 32, 1_023, 1_024, 1_025, 2_048, rng.randrange(1, 5_000)))
        start = rng.choice((0, 1, 31, rng.randrange(4_000), available))
        if opcode == RETURNDATACOPY:
            available += size + start
        to = rng.choice((0, 1, 1_000, 1_023, 1_024, rng.randrange(5_000)))
        machine = make_machine(
            bytes([opcode, 0]) + rng.randbytes(available),
            [size, start, to],
            gas=10**6,
            memory=rng.randbytes(rng.choice((0, 64, 6_016))),
            calldata=rng.randbytes(available),
            returned=rng.randbytes(available),
        )
        expected = in_engine(machine)
        taken = walk(machine, provers)
        assert ended(machine) == expected
        assert len(taken) == 2 + (to % COPY_BYTES + size + COPY_BYTES - 1) // COPY_BYTES
        for step in taken[1:-1]:
            steps[step.outcome] += 1
    kinds = {"from words"} if opcode in (MCOPY, RETURNDATACOPY) else {"zeros"}
    assert kinds | {"from code" if opcode == CODECOPY else "from words"} == steps.keys()


def test_mcopy_is_as_through_a_buffer(provers: Provers) -> None:
    """Overlaps in both directions, by more and by less than a step copies."""
    rng = random.Random(5)
    memory = rng.randbytes(8_192)
    for distance in (1, 31, 32, 500, 1_024, 1_500, 2_048):
        for to, start in ((700, 700 + distance), (700 + distance, 700), (700, 700)):
            machine = make_machine(bytes([MCOPY]), [4_000, start, to], memory=memory)
            expected = in_engine(machine)
            walk(machine, provers)
            assert ended(machine) == expected
            wanted = bytearray(memory)
            wanted[to : to + 4_000] = memory[start : start + 4_000]
            assert expected.memory == wanted


def test_return_data_that_is_the_frames_own_memory(provers: Provers) -> None:
    """As the identity precompile gives it: copying it back over itself must not read what was just written."""
    rng = random.Random(6)
    memory = rng.randbytes(8_192)
    machine = make_machine(bytes([RETURNDATACOPY]), [4_000, 0, 700], memory=memory)
    assert machine.frame is not None
    machine.frame.returned = Slice.of(machine.frame.memory, 200, 4_000)
    walk(machine, provers)
    assert machine.frame.memory.data == memory[:700] + memory[200:4_200] + memory[4_700:]


def test_a_source_that_ends_becomes_none(provers: Provers) -> None:
    """One job, one hash: behind the source's end there is neither root nor offset."""
    machine = make_machine(bytes([CALLDATACOPY]), [5_000, 100, 24], calldata=b"\7" * 1_100)
    outcomes, jobs = [], []
    while machine.mode in (Mode.EXEC, Mode.COPY) and len(outcomes) < 6:
        outcomes.append(provers.check(machine, Prover.MEMORY_OPS, memory_ops.copy if jobs else MEMORY_STEP).outcome)
        if machine.mode != Mode.COPY:
            break
        assert isinstance(machine.aux, CopyJob)
        jobs.append(machine.aux)
    assert outcomes == ["ok", "from words", "zeros", "zeros", "zeros", "zeros"]
    assert [(job.available, job.to, job.size) for job in jobs] == [
        (1_000, 24, 5_000), (0, 1_024, 4_000), (0, 2_048, 2_976), (0, 3_072, 1_952), (0, 4_096, 928),
    ]  # fmt: skip
    assert all((job.source, job.offset) == (ZERO_HASH, 0) for job in jobs[1:])


def test_code_is_copied_to_its_end_and_not_beyond(provers: Provers) -> None:
    rng = random.Random(7)
    for size in (1, 31, 32, 62, 992, 993, 1_023, 24_576):
        code = bytes([CODECOPY, 0]) + rng.randbytes(size - 2) if size > 1 else bytes([CODECOPY])
        for start in (0, 1, 30, 31, 32, size - 1, size, 2**64):
            machine = make_machine(code, [1_500, start, 5])
            expected = in_engine(machine)
            walk(machine, provers)
            assert ended(machine) == expected
            assert expected.memory[5:1_505] == code[start : start + 1_500].ljust(1_500, b"\0")


# -- hashes and logs


def absorbed(job: HashJob) -> bytes:
    """The hash that a job comes to."""
    data, lanes = job.source.read(job.offset, job.size), job.lanes
    whole = len(data) - len(data) % sponge.RATE
    for at in range(0, whole, sponge.RATE):
        lanes = sponge.absorb(lanes, data[at : at + sponge.RATE])
    return sponge.squeeze(sponge.absorb(lanes, sponge.pad(data[whole:])))


@pytest.mark.parametrize("opcode", (KECCAK256, *LOGS))
def test_the_longest_hash_of_one_step(opcode: int, provers: Provers) -> None:
    """65,536 bytes are hashed at once, 65,537 in steps of their own."""
    rng = random.Random(opcode)
    topics = [any_word(rng) for _ in range(opcode - LOG0)] if opcode in LOGS else []
    memory = rng.randbytes(LARGE)
    for size in (MAX_HASH_BYTES, MAX_HASH_BYTES + 1):
        machine = make_machine(bytes([opcode]), [*reversed(topics), size, 13], memory=memory)
        expected = in_engine(machine)
        proven = provers.check(machine, Prover.MEMORY_OPS, MEMORY_STEP)
        if size <= MAX_HASH_BYTES:
            assert proven.outcome == "ok"
            walk(machine, provers)
            assert ended(machine) == expected
            continue
        assert proven.outcome == "long" and machine.mode == Mode.KECCAK and isinstance(machine.aux, HashJob)
        assert machine.aux.topics == (len(topics) + 1 if opcode in LOGS else 0)
        assert machine.aux.topic_words == tuple(topics + [0] * (4 - len(topics)))
        assert machine.frame is not None and machine.frame.gas == expected.gas and not machine.frame.stack
    assert absorbed(machine.aux) == keccak(memory[13 : 13 + MAX_HASH_BYTES + 1])


def test_each_log_counts(provers: Provers) -> None:
    machine = make_machine(bytes([LOG0, LOG0 + 2, 0]), [9, 8, 3, 2, 5, 1], memory=b"\1" * 32)
    expected = in_engine(machine)
    assert machine.world is not None
    count = machine.world.log_count
    walk(machine, provers)
    assert ended(machine) == expected
    assert machine.world.log_count == count + 2


# -- damaged and starved


def steps_to_damage() -> dict[str, Machine]:
    """One step for each way through the contract."""
    data = bytes(range(1, 200))
    return {
        "MLOAD": make_machine(bytes([MLOAD]), [40], memory=data, calldata=data, returned=data, depth=1),
        "MSTORE": make_machine(bytes([MSTORE]), [7, 3], memory=data),
        "MSTORE to fresh memory": make_machine(bytes([MSTORE]), [7, 1_000], memory=data),
        "MSTORE8": make_machine(bytes([MSTORE8]), [7, 33], memory=data),
        "CALLDATALOAD": make_machine(bytes([CALLDATALOAD]), [50], calldata=data),
        "CALLDATALOAD at the end": make_machine(bytes([CALLDATALOAD]), [180], calldata=data),
        "CALLDATALOAD behind the end": make_machine(bytes([CALLDATALOAD]), [2**64], calldata=data),
        "KECCAK256": make_machine(bytes([KECCAK256]), [100, 20], memory=data),
        "KECCAK256 of nothing": make_machine(bytes([KECCAK256]), [0, 2**255], memory=data),
        "KECCAK256 long": make_machine(bytes([KECCAK256]), [MAX_HASH_BYTES + 1, 2], memory=data),
        "LOG3": make_machine(bytes([LOG0 + 3]), [5, 6, 7, 100, 20], memory=data),
        "LOG0": make_machine(bytes([LOG0]), [0, 0], memory=data),
        "LOG1 long": make_machine(bytes([LOG0 + 1]), [5, MAX_HASH_BYTES + 1, 2], memory=data),
        "LOG1 static": make_machine(bytes([LOG0 + 1]), [5, 6, 7], memory=data, is_static=True),
        "RETURN": make_machine(bytes([RETURN]), [300, 7], memory=data, is_create=True),
        "REVERT": make_machine(bytes([REVERT]), [30, 7], memory=data),
        "CALLDATACOPY": make_machine(bytes([CALLDATACOPY]), [100, 20, 30], calldata=data),
        "CODECOPY": make_machine(bytes([CODECOPY]) + data, [100, 20, 30]),
        "RETURNDATACOPY": make_machine(bytes([RETURNDATACOPY]), [100, 20, 30], returned=data),
        "RETURNDATACOPY out of bounds": make_machine(bytes([RETURNDATACOPY]), [2**256 - 1, 20, 30], returned=data),
        "MCOPY": make_machine(bytes([MCOPY]), [100, 20, 30], memory=data),
        "MCOPY of nothing": make_machine(bytes([MCOPY]), [0, 20, 30], memory=data),
        "out of gas": make_machine(bytes([MSTORE]), [7, 100_000], gas=1_000),
    }


def copies_to_damage() -> dict[str, Machine]:
    """One COPY for each way through."""
    rng = random.Random(3)
    code = bytes([CODECOPY]) + rng.randbytes(900)
    data = rng.randbytes(700)
    found = {
        "words": make_machine(bytes([CALLDATACOPY]), [300, 20, 900], memory=data, calldata=data),
        "words and zeros": make_machine(bytes([CALLDATACOPY]), [300, 600, 30], memory=data, calldata=data),
        "zeros": make_machine(bytes([CALLDATACOPY]), [300, 2**64, 900], memory=data, calldata=data),
        "code": make_machine(code, [300, 20, 30], memory=data),
        "code and zeros": make_machine(code, [300, 800, 900], memory=data),
        "memory over itself": make_machine(bytes([MCOPY]), [300, 20, 30], memory=data),
    }
    for machine in found.values():
        prove(machine, Prover.MEMORY_OPS, MEMORY_STEP)
    return found


def proven_of(name: str, provers: Provers) -> Proven:
    copies = copies_to_damage()
    if name in copies:
        return provers.check(copies[name], Prover.MEMORY_OPS, memory_ops.copy)
    return provers.check(steps_to_damage()[name], Prover.MEMORY_OPS, MEMORY_STEP)


@pytest.mark.parametrize("name", (*steps_to_damage(), *copies_to_damage()))
def test_damaged_witnesses_prove_nothing_else(name: str, provers: Provers) -> None:
    done = provers.damage(proven_of(name, provers))
    assert done.reverted > 0 and done.other == 0


@pytest.mark.parametrize("name", (*steps_to_damage(), *copies_to_damage()))
def test_starved_of_gas_it_reverts(name: str, provers: Provers) -> None:
    assert provers.starve(proven_of(name, provers)) > 0


def test_instructions_and_modes_of_others_are_refused(provers: Provers) -> None:
    for opcode in (0x00, 0x01, 0x5B, 0x60, 0x80, 0x90):
        machine = make_machine(bytes([opcode]), [0] * 6)
        proven = prove(machine, Prover.MEMORY_OPS, COMPUTE_STEP)
        with pytest.raises(Reverted, match="WrongProver"):
            provers.verify(Prover.MEMORY_OPS, proven.before, proven.witness[1:])
    machine = make_machine(bytes([MLOAD]), [0], mode=Mode.CALL)
    proven = prove(machine, Prover.MEMORY_OPS, MEMORY_STEP)
    with pytest.raises(Reverted, match="WrongMode"):
        provers.verify(Prover.MEMORY_OPS, proven.before, proven.witness[1:])


# -- figures


def test_a_step_is_cheap_to_judge(provers: Provers) -> None:
    """Deep stacks, long code, much memory: none of it is opened where it is not needed."""
    rng = random.Random(5)
    figures = {}
    for opcode in DEFINED:
        before = rng.randrange(20_000)
        code = b"\x5b" * before + bytes([opcode.number]) + b"\x5b" * (24_576 - before)
        stack = [rng.getrandbits(256) for _ in range(100)] + [64, 100, 1_111]
        if opcode.number in LOGS:
            stack = [*stack[:100], 5, 6, 7, 8, 100, 1_111]
        elif opcode.number not in COPIES:
            stack = [*stack[:100], 100, 1_111]
        machine = make_machine(
            code, stack, pc=before, memory=rng.randbytes(5_000), calldata=rng.randbytes(2_000),
            returned=rng.randbytes(2_000), depth=1,
        )  # fmt: skip
        proven = provers.check(machine, Prover.MEMORY_OPS, MEMORY_STEP)
        assert proven.outcome == "ok"
        figures[opcode.name] = (provers.gas(proven), len(proven.witness))
    print(figures)
    assert max(gas for gas, _ in figures.values()) <= GAS_LIMIT
    assert max(size for _, size in figures.values()) <= WITNESS_LIMIT


def test_the_dearest_steps(provers: Provers) -> None:
    """The longest hash and log of a step, and COPY where nothing is aligned and the zeros are few."""
    rng = random.Random(6)
    memory = WordTree(rng.randbytes(32 << 14))
    figures = {}
    for name, opcode, topics in (("KECCAK256", KECCAK256, []), ("LOG4", LOG0 + 4, [1, 2, 3, 4])):
        machine = make_machine(bytes([opcode]), [*topics, MAX_HASH_BYTES, 77_777])
        assert machine.frame is not None
        machine.frame.memory = memory.clone()
        proven = provers.check(machine, Prover.MEMORY_OPS, MEMORY_STEP)
        figures[name] = (provers.gas(proven), len(proven.witness))
    for name, opcode in (("COPY of memory", MCOPY), ("COPY of code", CODECOPY)):
        machine = make_machine(bytes([opcode]) + rng.randbytes(49_151), [1_024, 20_001, 102_400], accounts={})
        assert machine.frame is not None
        machine.frame.memory = memory.clone()
        prove(machine, Prover.MEMORY_OPS, MEMORY_STEP)
        proven = provers.check(machine, Prover.MEMORY_OPS, memory_ops.copy)
        figures[name] = (provers.gas(proven), len(proven.witness))
    print(figures)
    assert max(gas for gas, _ in figures.values()) <= 300_000
