"""Prover 2: what the engine, the step in Python and the contract make of the same instruction."""

import random
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest

from tandem.chain.recent import recent_hashes
from tandem.machine.chain import Ancestry
from tandem.machine.environment import INSTRUCTIONS
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode, Prover
from tandem.machine.opcodes import OPCODES
from tandem.machine.stepping import Proven, instruction, prove, take
from tandem.machine.structures import CopyJob
from tandem.primitives.hashing import EMPTY_CODE_HASH, keccak, word
from tandem.primitives.types import ZERO_HASH, Address, Hash
from tests.support.revm import Reverted
from tests.unit.machine.on_state import (
    CODED,
    FEW_BYTES,
    LITTLE_GAS,
    POOR,
    RICH_PRECOMPILE,
    STEPS,
    account_address,
    code_of_size,
    ended,
    in_engine,
    machine_on,
    many_accounts,
    push,
    walk,
)
from tests.unit.machine.operands import any_place, any_word
from tests.unit.machine.support import BLOCK, CONTRACT, TX, VAULT, Provers

DEFINED = [opcode for opcode in OPCODES if opcode is not None and opcode.prover == Prover.ENVIRONMENT]
STEP = STEPS[Prover.ENVIRONMENT]
BALANCE, GASPRICE, EXTCODESIZE, EXTCODECOPY, EXTCODEHASH = 0x31, 0x3A, 0x3B, 0x3C, 0x3F
BLOCKHASH, TIMESTAMP, SELFBALANCE, BLOBHASH = 0x40, 0x42, 0x47, 0x49
NOBODY = account_address(999_999)
WHO = (
    CONTRACT, VAULT, POOR, RICH_PRECOMPILE, NOBODY, *CODED.values(), *(account_address(index) for index in range(4)),
    *(Address(number.to_bytes(20, "big")) for number in (0, 1, 9, 10, 11)),
)  # fmt: skip
ACCESSES = {"cold", "warm", "precompile", "out of gas"}
OUTCOMES = {
    "BALANCE": ACCESSES,
    "EXTCODESIZE": ACCESSES,
    "EXTCODEHASH": {*ACCESSES, "no account"},
    "EXTCODECOPY": {*ACCESSES, "no bytes"},
    "BLOCKHASH": {"found", "out of reach", "out of gas"},
    "BLOBHASH": {"found", "no blobs", "behind the last", "out of gas"},
}
BLOBS = tuple(keccak(b"blob" + bytes([index])) for index in range(6))


def hash_of_block(number: int) -> Hash:
    """Hashes of a chain that never was."""
    return keccak(b"block" + word(number))


def at_block(number: int, code: bytes, stack: tuple[int, ...] = (), gas: int = 10**6) -> Machine:
    """A machine on that chain."""
    block = replace(BLOCK, number=number, recent_hashes=recent_hashes(number, hash_of_block))
    return machine_on(many_accounts(), code, stack, block=block, ancestry=Ancestry(hash_of_block), gas=gas)


def with_blobs(count: int, code: bytes, stack: tuple[int, ...] = (), gas: int = 10**6) -> Machine:
    """A machine in a transaction with blobs."""
    joined = b"".join(BLOBS[:count])
    m = machine_on(many_accounts(), code, stack, tx=replace(TX, blob_hashes=keccak(joined)), gas=gas)
    m.chain.nodes.put(keccak(joined), joined)
    return m


def any_operands(rng: random.Random, opcode: int) -> list[int]:
    """Operands, the top last."""
    if opcode == BLOCKHASH:
        return [rng.choice((rng.randrange(310), any_word(rng)))]
    if opcode == BLOBHASH:
        return [rng.choice((rng.randrange(8), any_word(rng)))]
    who = int.from_bytes(rng.choice(WHO), "big") | (rng.getrandbits(96) << 160 if rng.randrange(3) == 0 else 0)
    if opcode == EXTCODECOPY:
        return [rng.choice((0, any_place(rng, 1_500))), any_place(rng), any_place(rng), who]
    return [who]


def any_case(rng: random.Random, opcode: int) -> Machine:
    """A frame that does the instruction a few times."""
    known = OPCODES[opcode]
    assert known is not None
    code = b""
    for _ in range(rng.randrange(1, 5)):
        operands = any_operands(rng, opcode) if known.pops else []
        again = b"".join([push(value) for value in operands]) + bytes([opcode])
        code += again * rng.randrange(1, 3)
    gas = rng.choice((10**6, 10**6, 10**6, rng.randrange(9), rng.randrange(600), rng.randrange(6_000)))
    if opcode == BLOCKHASH:
        return at_block(rng.choice((1, 300, 1_000)), code, gas=gas)
    if opcode == BLOBHASH:
        count = rng.randrange(4) * 2
        return with_blobs(count, code, gas=gas) if count else machine_on(many_accounts(), code, gas=gas)
    stack = [rng.getrandbits(256)] * rng.choice((0, 0, 0, 0, 0, 1_020))
    return machine_on(many_accounts(), code, stack, gas=gas, is_static=not rng.randrange(3), memory=bytes(range(64)))


@pytest.mark.parametrize("opcode", DEFINED, ids=lambda opcode: opcode.name)
def test_an_instruction_is_as_in_the_engine(opcode, provers: Provers) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(opcode.number)
    seen: dict[str, int] = defaultdict(int)
    for _ in range(50):
        m = any_case(rng, opcode.number)
        expected = in_engine(m)
        for proven in walk(m, provers, Prover.ENVIRONMENT):
            seen[proven.outcome] += 1
        assert ended(m) == expected
    expected_outcomes = OUTCOMES.get(opcode.name, {"ok", "out of gas"})
    assert expected_outcomes <= seen.keys()
    assert seen.keys() <= expected_outcomes | {"stack overflow"}


@pytest.mark.parametrize("opcode", DEFINED, ids=lambda opcode: opcode.name)
def test_the_stack_is_checked_before_anything_is_read(opcode, provers: Provers) -> None:  # type: ignore[no-untyped-def]
    short = [1] * (opcode.pops - 1) if opcode.pops else None
    full = [1] * 1_024 if opcode.pushes > opcode.pops else None
    assert (short is None) != (full is None) or opcode.pops
    for stack, outcome in ((short, "stack underflow"), (full, "stack overflow")):
        if stack is not None:
            m = machine_on(many_accounts(), bytes([opcode.number]), stack)
            assert provers.check(m, Prover.ENVIRONMENT, STEP).outcome == outcome


# -- named regressions


def step(m: Machine, provers: Provers) -> Proven:
    """The next step, judged."""
    return provers.check(m, Prover.ENVIRONMENT, STEP)


def top(m: Machine) -> int:
    """What the instruction put."""
    assert m.frame is not None
    return m.frame.stack[-1]


def replace_top(m: Machine, value: int) -> None:
    """Another word for the last."""
    assert m.frame is not None
    m.frame.pop(1)
    m.frame.push(value)


@pytest.mark.parametrize("number", (1, 2, 255, 256, 257, 300, 511, 512, 513, 10_000))
def test_blockhash_reaches_256_blocks(number: int, provers: Provers) -> None:
    reached = 0
    asked = {0, number - 258, number - 257, number - 256, number - 255, number - 2, number - 1, number, number + 1}
    for other in {*(value for value in asked if value >= 0), 2**64 + number - 1, 2**256 - 1, 2**256 - 256}:
        m = at_block(number, bytes([BLOCKHASH]), (other,))
        within = other < number and number - other <= 256
        assert step(m, provers).outcome == ("found" if within else "out of reach")
        assert top(m) == (int.from_bytes(hash_of_block(other), "big") if within else 0)
        reached += within
    assert reached


def test_blockhash_of_blocks_that_the_machine_ended() -> None:
    """The hashes it has added itself stand before those of the chain."""
    ancestry = Ancestry(hash_of_block)
    ancestry.add(299, keccak(b"own"))
    m = machine_on(many_accounts(), bytes([BLOCKHASH]), (299,), block=replace(BLOCK, number=300), ancestry=ancestry)
    take(m, STEP)
    assert top(m) == int.from_bytes(keccak(b"own"), "big")


def test_the_code_hash_tells_no_account_from_no_code(provers: Provers) -> None:
    for who, expected in (
        (NOBODY, 0),
        (Address(bytes(19) + b"\x02"), 0),
        (POOR, int.from_bytes(EMPTY_CODE_HASH, "big")),
        (RICH_PRECOMPILE, int.from_bytes(EMPTY_CODE_HASH, "big")),
        (account_address(1), int.from_bytes(EMPTY_CODE_HASH, "big")),
        (CODED[700], int.from_bytes(keccak(code_of_size(700)), "big")),
    ):
        m = machine_on(many_accounts(), bytes([EXTCODEHASH]), (int.from_bytes(who, "big"),))
        step(m, provers)
        assert top(m) == expected


@pytest.mark.parametrize("opcode", (BALANCE, EXTCODESIZE, EXTCODEHASH, EXTCODECOPY))
def test_an_address_costs_2600_once_and_then_100(opcode: int, provers: Provers) -> None:
    for who, cold in ((CODED[32], 2_600), (NOBODY, 2_600), (VAULT, 100), (Address(bytes(19) + b"\x0a"), 100)):
        operands = [int.from_bytes(who, "big")] if opcode != EXTCODECOPY else [0, 0, 0, int.from_bytes(who, "big")]
        for short in (0, 1):
            m = machine_on(many_accounts(), bytes([opcode] * 2), operands * 2, gas=cold - short)
            before = m.world
            proven = step(m, provers)
            assert (proven.outcome == "out of gas") == bool(short)
            if short:
                assert m.world == before, "a halt leaves the address cold"
                continue
            assert m.frame is not None and m.frame.gas == 0
            if opcode != EXTCODECOPY:
                replace_top(m, operands[0])
            m.frame.gas = 100
            assert step(m, provers).outcome != "out of gas"
            assert m.frame.gas == 0


def test_balances_are_those_of_now(provers: Provers) -> None:
    """Not those of the state that the transaction began with."""
    m = machine_on(many_accounts(), bytes([SELFBALANCE, BALANCE]))
    assert m.world is not None
    m.world = replace(m.world, state_root=ZERO_HASH)
    step(m, provers)
    assert top(m) == 0
    replace_top(m, int.from_bytes(CONTRACT, "big"))
    step(m, provers)
    assert top(m) == 0


def test_extcodecopy_names_its_source(provers: Provers) -> None:
    for size, start, available in ((700, 0, 700), (700, 699, 1), (31, 30, 1), (24_576, 24_000, 576)):
        m = machine_on(many_accounts(), bytes([EXTCODECOPY]), (50, start, 9, int.from_bytes(CODED[size], "big")))
        step(m, provers)
        assert m.mode == Mode.COPY and isinstance(m.aux, CopyJob)
        assert (m.aux.layout, m.aux.offset, m.aux.available, m.aux.to, m.aux.size) == (1, start, available, 9, 50)
    for who, start in ((CODED[700], 700), (CODED[700], 2**256 - 1), (NOBODY, 0), (POOR, 0), (CODED[1], 1)):
        m = machine_on(many_accounts(), bytes([EXTCODECOPY]), (50, start, 9, int.from_bytes(who, "big")))
        step(m, provers)
        assert isinstance(m.aux, CopyJob)
        assert (m.aux.source, m.aux.offset, m.aux.available) == (ZERO_HASH, 0, 0)


def test_extcodecopy_of_nothing_opens_no_account(provers: Provers) -> None:
    who = int.from_bytes(CODED[700], "big")
    lengths = []
    for size in (0, 1):
        m = machine_on(many_accounts(), bytes([EXTCODECOPY]), (size, 2**256 - 1, 0 if size else 2**256 - 1, who))
        lengths.append(len(step(m, provers).witness))
        assert m.mode == (Mode.COPY if size else Mode.EXEC)
    assert lengths[1] > lengths[0] + 192


def test_one_list_of_blobs_has_one_witness(provers: Provers) -> None:
    for count in (1, 6):
        for index in (0, count - 1, count, 2**64, 2**256 - 1):
            m = with_blobs(count, bytes([BLOBHASH]), (index,))
            proven = step(m, provers)
            assert top(m) == (int.from_bytes(BLOBS[index], "big") if index < count else 0)
            # A shorter list, a longer one, or none at all is not what the transaction holds.
            tape, length = proven.witness[1:], 32 * count
            for other in (0, count - 1, count + 1):
                forged = tape[: -length - 1] + bytes([other]) + b"".join(BLOBS)[: 32 * other].ljust(32 * other, b"\0")
                with pytest.raises(Reverted):
                    provers.verify(Prover.ENVIRONMENT, proven.before, forged)


# -- damaged and starved; figures


def steps_to_damage() -> dict[str, Machine]:
    """One step for each way through the contract."""

    def on(opcode: int, *stack: int, **frame: Any) -> Machine:
        return machine_on(many_accounts(), bytes([opcode]), stack, **frame)

    coded, nobody = int.from_bytes(CODED[700], "big"), int.from_bytes(NOBODY, "big")
    return {
        "BALANCE, cold": on(BALANCE, coded),
        "BALANCE, dirty": on(BALANCE, coded | 7 << 160),
        "BALANCE, warm": on(BALANCE, int.from_bytes(VAULT, "big")),
        "BALANCE of a precompile": on(BALANCE, 4),
        "BALANCE without gas": on(BALANCE, coded, gas=2_599),
        "EXTCODESIZE": on(EXTCODESIZE, coded),
        "EXTCODEHASH": on(EXTCODEHASH, coded),
        "EXTCODEHASH of nobody": on(EXTCODEHASH, nobody),
        "EXTCODECOPY": on(EXTCODECOPY, 900, 3, 70, coded),
        "EXTCODECOPY of nobody": on(EXTCODECOPY, 900, 3, 70, nobody),
        "EXTCODECOPY of nothing": on(EXTCODECOPY, 0, 3, 70, coded),
        "EXTCODECOPY without gas": on(EXTCODECOPY, 900, 3, 2**40, coded),
        "SELFBALANCE": on(SELFBALANCE),
        "GASPRICE": on(GASPRICE),
        "TIMESTAMP": on(TIMESTAMP),
        "BLOCKHASH": at_block(1_000, bytes([BLOCKHASH]), (800,)),
        "BLOCKHASH of a young chain": at_block(5, bytes([BLOCKHASH]), (4,)),
        "BLOCKHASH out of reach": at_block(1_000, bytes([BLOCKHASH]), (743,)),
        "BLOBHASH": with_blobs(3, bytes([BLOBHASH]), (1,)),
        "BLOBHASH behind the last": with_blobs(3, bytes([BLOBHASH]), (3,)),
        "BLOBHASH without blobs": on(BLOBHASH, 0),
        "underflow": on(BALANCE),
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
    print(f"{name}: {len(proven.witness)} bytes, {gas} gas")
    assert len(proven.witness) < FEW_BYTES and gas < LITTLE_GAS


def test_instructions_of_others_are_refused(provers: Provers) -> None:
    from tandem.machine import compute, memory_ops, storage

    for table in (compute.INSTRUCTIONS, memory_ops.INSTRUCTIONS, storage.INSTRUCTIONS):
        for opcode in table.keys() - INSTRUCTIONS.keys():
            m = machine_on(many_accounts(), bytes([opcode]), [0] * 17, gas=100_000)
            proven = prove(m, Prover.ENVIRONMENT, instruction(table))
            with pytest.raises(Reverted):
                provers.verify(Prover.ENVIRONMENT, proven.before, proven.witness[1:])
