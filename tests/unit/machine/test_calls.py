"""Prover 4: each instruction with each outcome, its price, and what it asks the next step for."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tandem.chain.spec import GenesisAccount
from tandem.machine import calls
from tandem.machine.calls import (
    CALL,
    CALLCODE,
    CREATE,
    CREATE2,
    DELEGATECALL,
    MAX_INIT_CODE,
    MAX_NONCE,
    SELFDESTRUCT,
    STATICCALL,
)
from tandem.machine.machine import Machine
from tandem.machine.modes import AccessTag, ExitStatus, Mode, Prover
from tandem.machine.state_trees import PRESENT, access_key, read_account, read_slot, warm
from tandem.machine.stepping import Proven, instruction
from tandem.machine.structures import CallMessage, CreateMessage, Exit
from tandem.machine.word_tree import EMPTY_SLICE
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_HASH, Address, Wei
from tandem.state import tree
from tandem.state.account import Account
from tandem.state.database import address_key
from tests.support.revm import Reverted
from tests.unit.machine.support import CALLER, CONTRACT, Provers, intrinsic_gas, make_frame, make_machine

STEP = instruction(calls.INSTRUCTIONS)
CALLS = (CALL, CALLCODE, DELEGATECALL, STATICCALL)
NAMES = {CALL: "CALL", CALLCODE: "CALLCODE", DELEGATECALL: "DELEGATECALL", STATICCALL: "STATICCALL"}
OTHER, ABSENT, EMPTY = Address(b"\x0e" * 20), Address(b"\xab" * 20), Address(b"\xe0" * 20)
IDENTITY = Address(bytes(19) + b"\x04")
BALANCE, GAS, ALL = 1_000, 1_000_000, 2**256 - 1
DIRT = 0xFF << 160
"""Bits above an address: they mean nothing."""
WITNESS_LIMIT, GAS_LIMIT = 8_192, 400_000
"""What a step may cost L1 when there are 200 accounts."""


def machine(opcode: int, args: Sequence[int], *, nonce: int = 1, others: int = 0, **frame: Any) -> Machine:
    """A machine about to run the instruction; `args`: the top first."""
    accounts = {
        CONTRACT: GenesisAccount(Wei(BALANCE), nonce, b"\x5b"),
        OTHER: GenesisAccount(Wei(5), 1, b"\x00"),
        EMPTY: GenesisAccount(Wei(0)),
    }
    accounts |= {Address(keccak(bytes([i]))[:20]): GenesisAccount(Wei(i + 1)) for i in range(others)}
    frame = {"gas": GAS, "memory": bytes(range(96)), "returned": b"earlier"} | frame
    return make_machine(b"\x5b" * 40 + bytes([opcode]), [77, *reversed(args)], accounts=accounts, pc=40, **frame)


def call_machine(
    kind: int, to: Address = OTHER, value: int = 0, asked: int = ALL, span: Sequence[int] = (0, 0, 0, 0), **frame: Any
) -> Machine:
    """A machine about to call."""
    with_value = [value] if kind in (CALL, CALLCODE) else []
    return machine(kind, [asked, DIRT | int.from_bytes(to, "big"), *with_value, *span], **frame)


def account(m: Machine, address: Address) -> Account:
    """The account as it stands."""
    assert m.world is not None
    return read_account(m, m.world.state_root, address)


def is_present(m: Machine, address: Address) -> bool:
    """Whether the state holds the account, empty or not."""
    assert m.world is not None
    return tree.get(m.chain.nodes, m.world.state_root, address_key(address)) is not None


def is_warm(m: Machine, address: Address) -> bool:
    """Whether the access set holds the address."""
    assert m.world is not None
    return read_slot(m, m.world.access_root, access_key(AccessTag.ADDRESS, address)) == PRESENT


def deep(depth: int) -> dict[str, Any]:
    """What makes a frame stand at this depth."""
    return {"depth": depth, "parent": make_frame(b"\x5b")}


def refused(m: Machine, gas: int) -> None:
    """The instruction pushed 0, and no call began."""
    frame = m.frame
    assert frame is not None
    assert m.mode == Mode.EXEC and m.aux is None
    assert frame.stack == [77, 0] and frame.returned == EMPTY_SLICE and frame.pc == 41
    assert frame.gas == gas


# -- calls


@pytest.mark.parametrize("kind", CALLS, ids=NAMES.get)
def test_a_call_asks_for_a_frame(kind: int, provers: Provers) -> None:
    """Cold, then warm. What each kind makes of caller, target and value."""
    for made_warm, price, outcome in ((False, 2_600, "cold"), (True, 100, "ok")):
        m = call_machine(kind, asked=70_000, span=(5, 40, 33, 20), value=0, caller=CALLER, depth=3)
        m.frame.value = 9  # type: ignore[union-attr]
        if made_warm:
            warm(m, AccessTag.ADDRESS, OTHER)
        assert provers.check(m, Prover.CALLS, STEP).outcome == outcome
        message, frame = m.aux, m.frame
        assert m.mode == Mode.CALL and isinstance(message, CallMessage) and frame is not None
        assert message.gas == 70_000 and frame.gas == GAS - price - 70_000
        assert message.caller == (CALLER if kind == DELEGATECALL else CONTRACT)
        assert message.target == (OTHER if kind in (CALL, STATICCALL) else CONTRACT)
        assert message.code_address == OTHER and message.transfers == (kind in (CALL, STATICCALL))
        assert message.value == (9 if kind == DELEGATECALL else 0)
        assert message.is_static == (kind == STATICCALL)
        assert message.input.bytes() == bytes(range(5, 45))
        assert (message.output_offset, message.output_size) == (33, 20)
        assert frame.stack == [77] and frame.pc == 41 and frame.returned.bytes() == b"earlier"
        assert is_warm(m, OTHER)


@pytest.mark.parametrize(
    ("kind", "to", "value", "made_warm", "outcome", "price"),
    [
        (CALL, OTHER, 1, True, "ok", 9_100),
        (CALL, OTHER, BALANCE, False, "cold", 11_600),
        (CALL, ABSENT, 1, False, "new account", 36_600),
        (CALL, ABSENT, 1, True, "new account", 34_100),
        (CALL, EMPTY, 1, False, "new account", 36_600),
        (CALL, CONTRACT, 1, True, "ok", 9_100),
        (CALL, ABSENT, 0, False, "cold", 2_600),
        (CALL, IDENTITY, 0, False, "ok", 100),
        (CALL, IDENTITY, 1, False, "new account", 34_100),
        (CALLCODE, ABSENT, 1, False, "cold", 11_600),
        (CALLCODE, OTHER, 1, True, "ok", 9_100),
        (STATICCALL, IDENTITY, 0, False, "ok", 100),
        (DELEGATECALL, ABSENT, 0, True, "ok", 100),
    ],
)
def test_the_price_of_a_call(
    kind: int, to: Address, value: int, made_warm: bool, outcome: str, price: int, provers: Provers
) -> None:
    m = call_machine(kind, to, value, asked=10_000)
    if made_warm:
        warm(m, AccessTag.ADDRESS, to)
    assert provers.check(m, Prover.CALLS, STEP).outcome == outcome
    assert m.frame is not None and isinstance(m.aux, CallMessage)
    assert m.frame.gas == GAS - price - 10_000
    assert m.aux.gas == 10_000 + (2_300 if value else 0)
    assert m.aux.input == EMPTY_SLICE


@pytest.mark.parametrize("kind", CALLS, ids=NAMES.get)
def test_all_but_a_64th_is_given(kind: int, provers: Provers) -> None:
    for asked, given in ((ALL, 997_400 - 997_400 // 64), (981_816, 981_816), (981_817, 981_816), (0, 0)):
        m = call_machine(kind, asked=asked)
        provers.check(m, Prover.CALLS, STEP)
        assert isinstance(m.aux, CallMessage) and m.aux.gas == given


@pytest.mark.parametrize("kind", CALLS, ids=NAMES.get)
def test_memory_reaches_over_input_and_output(kind: int, provers: Provers) -> None:
    for span, words in (((0, 200, 0, 0), 7), ((0, 0, 300, 1), 10), ((ALL, 0, ALL, 0), 3), ((64, 33, 95, 2), 4)):
        m = call_machine(kind, asked=0, span=span)
        provers.check(m, Prover.CALLS, STEP)
        assert m.frame is not None and isinstance(m.aux, CallMessage)
        assert m.frame.memory.size == words and m.frame.gas == GAS - 2_600 - 3 * (words - 3)
        assert m.aux.input.length == span[1]
        assert (m.aux.output_offset, m.aux.output_size) == span[2:]


@pytest.mark.parametrize("kind", CALLS, ids=NAMES.get)
def test_memory_that_nobody_pays_for_halts(kind: int, provers: Provers) -> None:
    for span in (
        (0, ALL, 0, 0),
        (ALL, 1, 0, 0),
        (0, 0, ALL, ALL),
        (0, 2**22 + 1, 0, 0),
        (2**64, 1, 0, 0),
        (0, 0, 1, 2**25),
    ):
        m = call_machine(kind, span=span)
        assert provers.check(m, Prover.CALLS, STEP).outcome == "out of gas"


@pytest.mark.parametrize("kind", CALLS, ids=NAMES.get)
def test_the_deepest_frame_calls_no_more(kind: int, provers: Provers) -> None:
    m = call_machine(kind, **deep(1_024))
    assert provers.check(m, Prover.CALLS, STEP).outcome == "depth"
    refused(m, GAS - 2_600)
    m = call_machine(kind, **deep(1_023))
    assert provers.check(m, Prover.CALLS, STEP).outcome == "cold"


@pytest.mark.parametrize("kind", [CALL, CALLCODE], ids=NAMES.get)
def test_no_call_without_the_balance(kind: int, provers: Provers) -> None:
    """The gas comes back, with the stipend."""
    m = call_machine(kind, value=BALANCE + 1)
    assert provers.check(m, Prover.CALLS, STEP).outcome == "no balance"
    refused(m, GAS - 11_600 + 2_300)
    assert is_warm(m, OTHER)
    m = call_machine(kind, value=1, **deep(1_024))
    assert provers.check(m, Prover.CALLS, STEP).outcome == "depth"
    refused(m, GAS - 11_600 + 2_300)


def test_a_static_frame_moves_no_value(provers: Provers) -> None:
    m = call_machine(CALL, value=1, is_static=True)
    assert provers.check(m, Prover.CALLS, STEP).outcome == "write in a static call"
    assert m.mode == Mode.EXIT and not is_warm(m, OTHER)
    for kind in CALLS:
        m = call_machine(kind, is_static=True)
        assert provers.check(m, Prover.CALLS, STEP).outcome == "cold"
        assert isinstance(m.aux, CallMessage) and m.aux.is_static
    m = call_machine(CALLCODE, value=1, is_static=True)
    assert provers.check(m, Prover.CALLS, STEP).outcome == "cold"


@pytest.mark.parametrize("kind", CALLS, ids=NAMES.get)
def test_a_call_without_the_gas_halts_and_warms_nothing(kind: int, provers: Provers) -> None:
    m = call_machine(kind, gas=2_599)
    assert provers.check(m, Prover.CALLS, STEP).outcome == "out of gas"
    assert m.aux == Exit(ExitStatus.HALTED) and not is_warm(m, OTHER)
    assert m.frame is not None and m.frame.gas == 0
    m = call_machine(kind, gas=2_600)
    assert provers.check(m, Prover.CALLS, STEP).outcome == "cold"
    assert isinstance(m.aux, CallMessage) and m.aux.gas == 0


def test_a_new_account_without_the_gas_halts(provers: Provers) -> None:
    for gas, outcome in ((36_599, "out of gas"), (36_600, "new account")):
        m = call_machine(CALL, ABSENT, 1, gas=gas)
        assert provers.check(m, Prover.CALLS, STEP).outcome == outcome


# -- creations


def create_machine(kind: int, value: int = 0, offset: int = 0, size: int = 0, salt: int = 5, **frame: Any) -> Machine:
    """A machine about to create."""
    return machine(kind, [value, offset, size, *([salt] if kind == CREATE2 else [])], **frame)


@pytest.mark.parametrize("kind", [CREATE, CREATE2])
def test_a_creation_asks_for_a_frame(kind: int, provers: Provers) -> None:
    m = create_machine(kind, 3, 10, 40, nonce=6)
    assert provers.check(m, Prover.CALLS, STEP).outcome == "ok"
    message, frame = m.aux, m.frame
    assert m.mode == Mode.CREATE and isinstance(message, CreateMessage) and frame is not None
    left = GAS - 32_000 - 2 * (8 if kind == CREATE2 else 2)
    assert frame.gas == left // 64 and message.gas == left - left // 64
    assert message.caller == CONTRACT and message.value == 3 and message.nonce == 6
    assert message.is_create2 == (kind == CREATE2) and message.salt == (5 if kind == CREATE2 else 0)
    assert message.code.bytes() == bytes(range(10, 50))
    assert frame.stack == [77] and frame.returned == EMPTY_SLICE
    assert account(m, CONTRACT) == replace(account(m, CONTRACT), nonce=7, balance=Wei(BALANCE))


@pytest.mark.parametrize("kind", [CREATE, CREATE2])
def test_a_creation_that_does_not_begin(kind: int, provers: Provers) -> None:
    """The gas stays, the nonce too."""
    for outcome, frame in (
        ("no balance", {"value": BALANCE + 1}),
        ("no balance", {"value": ALL}),
        ("no nonce", {"nonce": MAX_NONCE}),
        ("depth", deep(1_024)),
    ):
        m = create_machine(kind, **frame)
        before = m.world
        assert provers.check(m, Prover.CALLS, STEP).outcome == outcome
        refused(m, GAS - 32_000)
        assert m.world == before
    m = create_machine(kind, nonce=MAX_NONCE - 1, value=BALANCE)
    assert provers.check(m, Prover.CALLS, STEP).outcome == "ok"


@pytest.mark.parametrize("kind", [CREATE, CREATE2])
def test_a_creation_that_halts(kind: int, provers: Provers) -> None:
    word_gas = 8 if kind == CREATE2 else 2
    words = MAX_INIT_CODE // 32
    exact = 32_000 + words * word_gas + 3 * (words - 3) + (words * words >> 9)
    for outcome, frame in (
        ("write in a static call", {"is_static": True}),
        ("init code too large", {"size": MAX_INIT_CODE + 1, "gas": 10**7}),
        ("init code too large", {"size": ALL}),
        ("out of gas", {"gas": 31_999}),
        ("out of gas", {"gas": 32_000 + word_gas - 1, "size": 1}),
        ("out of gas", {"size": MAX_INIT_CODE, "gas": exact - 1}),
        ("ok", {"size": MAX_INIT_CODE, "gas": exact}),
        ("ok", {"gas": 32_000, "offset": ALL}),
        ("out of gas", {"size": 1, "offset": ALL}),
    ):
        m = create_machine(kind, **frame)
        before = m.world
        assert provers.check(m, Prover.CALLS, STEP).outcome == outcome, frame
        if outcome != "ok":
            assert m.mode == Mode.EXIT and m.aux == Exit(ExitStatus.HALTED) and m.world == before


# -- SELFDESTRUCT


def destruct_machine(heir: Address, *, created: bool = False, made_warm: bool = False, **frame: Any) -> Machine:
    """A machine about to leave what it has to `heir`."""
    m = machine(SELFDESTRUCT, [DIRT | int.from_bytes(heir, "big")], **frame)
    if created:
        warm(m, AccessTag.CREATED, CONTRACT)
    if made_warm:
        warm(m, AccessTag.ADDRESS, heir)
    return m


@pytest.mark.parametrize(
    ("heir", "created", "made_warm", "outcome", "price"),
    [
        (OTHER, False, True, "ok", 5_000),
        (OTHER, False, False, "cold", 7_600),
        (ABSENT, False, False, "new account", 32_600),
        (EMPTY, False, True, "new account", 30_000),
        (OTHER, True, True, "doomed", 5_000),
        (ABSENT, True, False, "doomed", 32_600),
        (CONTRACT, False, True, "ok", 5_000),
        (CONTRACT, False, False, "cold", 7_600),
        (CONTRACT, True, True, "burnt", 5_000),
        (IDENTITY, False, False, "new account", 30_000),
    ],
)
def test_what_selfdestruct_moves(
    heir: Address, created: bool, made_warm: bool, outcome: str, price: int, provers: Provers
) -> None:
    m = destruct_machine(heir, created=created, made_warm=made_warm)
    assert m.world is not None and m.frame is not None
    had, doomed = account(m, heir).balance, m.world.doomed
    assert provers.check(m, Prover.CALLS, STEP).outcome == outcome
    assert m.mode == Mode.EXIT and m.aux == Exit(ExitStatus.SUCCESS)
    assert m.frame.gas == GAS - price
    if heir == CONTRACT:
        assert account(m, CONTRACT).balance == (0 if created else BALANCE)
    else:
        assert account(m, CONTRACT).balance == 0 and account(m, heir).balance == had + BALANCE
    link = doomed + CONTRACT.rjust(32, b"\0")
    assert m.world.doomed == (keccak(link) if created else ZERO_HASH)
    if created:
        assert m.chain.nodes.get(m.world.doomed) == link
    for gas, ends in ((price - 1, "out of gas"), (price, outcome)):
        m = destruct_machine(heir, created=created, made_warm=made_warm, gas=gas)
        before = m.world
        assert provers.check(m, Prover.CALLS, STEP).outcome == ends
        assert ends == outcome or m.world == before


def test_selfdestruct_without_a_balance_touches_the_heir(provers: Provers) -> None:
    """An empty account goes (EIP-161), an absent one does not come, and neither costs more."""
    for heir, present in ((EMPTY, False), (ABSENT, False), (OTHER, True), (CONTRACT, True)):
        m = destruct_machine(heir, others=3)
        assert m.world is not None
        poor = replace(account(m, CONTRACT), balance=Wei(0))
        m.world = replace(m.world, state_root=calls.write_account(m, m.world.state_root, CONTRACT, poor))
        assert is_present(m, EMPTY)
        assert provers.check(m, Prover.CALLS, STEP).outcome == "cold"
        assert is_present(m, heir) == present and m.frame is not None and m.frame.gas == GAS - 7_600


def test_a_second_selfdestruct_is_one_more_link(provers: Provers) -> None:
    m = destruct_machine(OTHER, created=True, made_warm=True)
    assert m.world is not None
    m.world = replace(m.world, doomed=keccak(b"one before"))
    assert provers.check(m, Prover.CALLS, STEP).outcome == "doomed"
    assert m.world.doomed == keccak(keccak(b"one before") + CONTRACT.rjust(32, b"\0"))


def test_selfdestruct_in_static_and_creating_frames(provers: Provers) -> None:
    m = destruct_machine(OTHER, is_static=True)
    assert provers.check(m, Prover.CALLS, STEP).outcome == "write in a static call"
    m = destruct_machine(OTHER, is_create=True)
    assert provers.check(m, Prover.CALLS, STEP).outcome == "cold"
    assert m.mode == Mode.DEPOSIT


# -- all


def any_step(opcode: int) -> Machine:
    """A step of the instruction that reads as much as one can, in a state of 200 accounts."""
    if opcode in CALLS:
        return call_machine(opcode, ABSENT, 1, 50_000, (1, 33, 70, 40), others=200, depth=1)
    if opcode == SELFDESTRUCT:
        return machine(opcode, [int.from_bytes(ABSENT, "big")], others=200, depth=1)
    return create_machine(opcode, 1, 3, 50, others=200, depth=1)


@pytest.mark.parametrize("opcode", sorted(calls.INSTRUCTIONS))
def test_a_short_stack_halts(opcode: int, provers: Provers) -> None:
    m = machine(opcode, [])
    assert m.frame is not None
    m.frame.stack, m.frame._hashes = [], [ZERO_HASH]
    assert provers.check(m, Prover.CALLS, STEP).outcome == "stack underflow"


@pytest.mark.parametrize("opcode", sorted(calls.INSTRUCTIONS))
def test_a_witness_is_rigid(opcode: int, provers: Provers) -> None:
    """Every bit pattern of every byte changed: a revert, or another state."""
    m = any_step(opcode)
    if opcode == SELFDESTRUCT:
        warm(m, AccessTag.CREATED, CONTRACT)
    warm(m, AccessTag.ADDRESS, CALLER)
    proven = provers.check(m, Prover.CALLS, STEP)
    damage = provers.damage(proven)
    assert damage.other == 0 and damage.reverted > 2 * len(proven.witness) - 10


def test_a_witness_with_a_deletion_is_rigid(provers: Provers) -> None:
    m = destruct_machine(EMPTY, others=3)
    assert m.world is not None
    poor = replace(account(m, CONTRACT), balance=Wei(0))
    m.world = replace(m.world, state_root=calls.write_account(m, m.world.state_root, CONTRACT, poor))
    assert provers.damage(provers.check(m, Prover.CALLS, STEP)).other == 0


@pytest.mark.parametrize("opcode", sorted(calls.INSTRUCTIONS))
def test_too_little_gas_reverts(opcode: int, provers: Provers) -> None:
    assert provers.starve(provers.check(any_step(opcode), Prover.CALLS, STEP)) > 0


def test_another_account_does_not_pass(provers: Provers) -> None:
    """The record on the tape is the one that the state root holds: a richer one is refused."""
    m = call_machine(CALL, value=BALANCE + 1)
    record = account(m, CONTRACT).encode()
    richer = replace(account(m, CONTRACT), balance=Wei(BALANCE + 1)).encode()
    proven = provers.check(m, Prover.CALLS, STEP)
    assert proven.outcome == "no balance" and proven.witness.count(record) == 1
    with pytest.raises(Reverted, match="WrongOpening"):
        provers.verify(Prover.CALLS, proven.before, proven.witness[1:].replace(record, richer))


def test_other_instructions_are_not_judged_here(provers: Provers) -> None:
    m = machine(CALL, [1, 2, 3, 4, 5, 6, 7])
    assert m.frame is not None
    m.frame.pc = 39  # a JUMPDEST
    before, tape = m.hash(), m.words() + m.frame.encode()
    chunk = m.frame.code.tree.prove(39 // 31, 1)
    tape += chunk.words + chunk.mask.to_bytes(8, "big") + b"".join(chunk.siblings)
    with pytest.raises(Reverted, match="WrongProver"):
        provers.verify(Prover.CALLS, before, tape)
    m.mode = Mode.COPY
    with pytest.raises(Reverted, match="WrongMode"):
        provers.verify(Prover.CALLS, m.hash(), m.words() + tape[224:])


def cost(proven: Proven, provers: Provers) -> tuple[int, int]:
    """Bytes of the witness, and gas of judging it as a transaction, with calldata."""
    return len(proven.witness), provers.gas(proven) + intrinsic_gas(proven.witness)


@pytest.mark.parametrize("opcode", sorted(calls.INSTRUCTIONS))
def test_what_a_step_costs(opcode: int, provers: Provers) -> None:
    m = any_step(opcode)
    for i in range(100):
        warm(m, AccessTag.SLOT, OTHER, random.Random(i).getrandbits(256))
    size, gas = cost(provers.check(m, Prover.CALLS, STEP), provers)
    print(f"\n0x{opcode:02x}: {size:,} bytes, {gas:,} gas")
    assert size < WITNESS_LIMIT and gas < GAS_LIMIT
