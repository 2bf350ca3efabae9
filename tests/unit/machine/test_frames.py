"""Prover 5: how frames begin and end; whole programs against the engine."""

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tandem.chain.spec import GenesisAccount
from tandem.evm import calls as engine_calls
from tandem.machine import frames
from tandem.machine.calls import CALL, MAX_INIT_CODE, MAX_NONCE
from tandem.machine.frames import MAX_CODE_SIZE
from tandem.machine.machine import Machine
from tandem.machine.modes import AccessTag, ExitStatus, Mode, Prover
from tandem.machine.state_trees import PRESENT, access_key, read_account, read_slot, warm, write_account
from tandem.machine.stepping import Proven, StepFunction, take
from tandem.machine.structures import CallMessage, CopyJob, CreateMessage, End, Exit, Precompile, World
from tandem.machine.word_tree import EMPTY_SLICE, Slice, WordTree
from tandem.primitives.hashing import EMPTY_CODE_HASH, keccak
from tandem.primitives.types import ZERO_HASH, Address, Hash, Wei
from tandem.state import tree
from tandem.state.account import Account
from tandem.state.code import code_root
from tandem.state.database import address_key
from tandem.state.words import zero_root
from tests.support.revm import Reverted
from tests.unit.machine import programs
from tests.unit.machine.programs import Program, any_program, before, call_code, in_engine, push, result, run
from tests.unit.machine.support import CONTRACT, Provers, intrinsic_gas, make_machine, slice_of

CREATOR, OTHER, ABSENT, EMPTY = CONTRACT, Address(b"\x0e" * 20), Address(b"\xab" * 20), Address(b"\xe0" * 20)
CODE, BALANCE = bytes.fromhex("6001600255") + b"\x5b" * 60, 1_000
JUDGED = frozenset({Prover.CALLS, Prover.FRAMES})
L1_TRANSACTION = 10_000_000
"""Gas that the worst step may take, with calldata."""


def machine(mode: Mode, aux: Any, *, at_depth_0: bool = False, others: int = 0, **frame: Any) -> Machine:
    """A machine about to take a step of the mode. At depth 0 there is no frame yet."""
    accounts = {
        CREATOR: GenesisAccount(Wei(BALANCE), 3, b"\x5b"),
        OTHER: GenesisAccount(Wei(5), 1, CODE),
        EMPTY: GenesisAccount(Wei(0)),
    }
    accounts |= {Address(keccak(bytes([i]))[:20]): GenesisAccount(Wei(i + 1)) for i in range(others)}
    m = make_machine(b"\x5b" * 40, [77, 78], accounts=accounts, mode=mode, aux=aux, **frame)
    if at_depth_0:
        m.frame = None
    return m


def account(m: Machine, address: Address) -> Account:
    """The account as it stands."""
    assert m.world is not None
    return read_account(m, m.world.state_root, address)


def is_present(m: Machine, address: Address) -> bool:
    """Whether the state holds the account, empty or not."""
    assert m.world is not None
    return tree.get(m.chain.nodes, m.world.state_root, address_key(address)) is not None


def put(m: Machine, address: Address, record: Account) -> None:
    """Put an account into the state."""
    assert m.world is not None
    m.world = replace(m.world, state_root=write_account(m, m.world.state_root, address, record))


def holds(m: Machine, tag: AccessTag, address: Address) -> bool:
    """Whether the access set has the entry."""
    assert m.world is not None
    return read_slot(m, m.world.access_root, access_key(tag, address)) == PRESENT


def cost(proven: Proven, provers: Provers) -> tuple[int, int]:
    """Bytes of the witness, and gas of judging it as a transaction, with calldata."""
    return len(proven.witness), provers.gas(proven) + intrinsic_gas(proven.witness)


# -- CALL_ENTER


def message(**fields: Any) -> CallMessage:
    """A call of OTHER by CREATOR."""
    values: dict[str, Any] = {
        "is_static": False,
        "caller": CREATOR,
        "target": OTHER,
        "code_address": OTHER,
        "value": 0,
        "transfers": True,
        "gas": 5_000,
        "input": slice_of(b"calldata"),
        "output_offset": 7,
        "output_size": 11,
    }
    return CallMessage(**(values | fields))


@pytest.mark.parametrize("at_depth_0", [False, True])
@pytest.mark.parametrize("fields", [{}, {"is_static": True}, {"value": 9}, {"input": EMPTY_SLICE}])
def test_a_call_opens_a_frame(at_depth_0: bool, fields: dict[str, Any], provers: Provers) -> None:
    m = machine(Mode.CALL, message(**fields), at_depth_0=at_depth_0, depth=0 if at_depth_0 else 4)
    parent, world = m.frame, m.world
    assert provers.check(m, Prover.FRAMES, frames.enter_call).outcome == "ok"
    frame, value = m.frame, fields.get("value", 0)
    assert m.mode == Mode.EXEC and m.aux is None and frame is not None
    assert frame.parent is parent and frame.depth == (0 if at_depth_0 else 5)
    assert frame.code.data == CODE and frame.gas == 5_000 and not frame.stack and not frame.pc
    assert frame.memory.size == 0 and frame.memory.root() == zero_root(17) and frame.returned == EMPTY_SLICE
    assert (frame.target, frame.caller, frame.value) == (OTHER, CREATOR, value)
    assert frame.input.bytes() == (b"" if "input" in fields else b"calldata")
    assert (frame.output_offset, frame.output_size) == (7, 11)
    assert frame.is_static == bool(fields.get("is_static")) and not frame.is_create
    assert frame.entry_world == world
    assert account(m, OTHER).balance == 5 + value and account(m, CREATOR).balance == BALANCE - value


@pytest.mark.parametrize(
    ("target", "value", "present"),
    [
        (EMPTY, 0, False),
        (ABSENT, 0, False),
        (EMPTY, 1, True),
        (ABSENT, 1, True),
        (CREATOR, 5, True),
        (ABSENT, BALANCE, True),
    ],
)
def test_value_moves_and_empty_accounts_go(target: Address, value: int, present: bool, provers: Provers) -> None:
    m = machine(Mode.CALL, message(target=target, code_address=target, value=value), others=2)
    had, world = account(m, target).balance, m.world
    outcome = provers.check(m, Prover.FRAMES, frames.enter_call).outcome
    assert outcome == ("ok" if target == CREATOR else "no code")
    assert is_present(m, target) == present
    assert account(m, target).balance == (had if target == CREATOR else had + value)
    assert m.frame is not None and m.frame.entry_world == world


def test_the_only_account_may_go(provers: Provers) -> None:
    """A deletion from a tree of one reads no node."""
    m = machine(Mode.CALL, message(target=EMPTY, code_address=EMPTY, caller=ABSENT))
    assert m.world is not None
    for address in (CREATOR, OTHER):
        m.world = replace(m.world, state_root=write_account(m, m.world.state_root, address, Account()))
    provers.check(m, Prover.FRAMES, frames.enter_call)
    assert m.world.state_root == ZERO_HASH


def test_code_of_another_runs_as_oneself(provers: Provers) -> None:
    """CALLCODE and DELEGATECALL: nothing moves, whatever the value."""
    m = machine(Mode.CALL, message(target=CREATOR, value=10**30, transfers=False))
    world = m.world
    assert provers.check(m, Prover.FRAMES, frames.enter_call).outcome == "ok"
    assert m.frame is not None and m.frame.code.data == CODE and m.frame.target == CREATOR
    assert m.world == world and m.frame.value == 10**30
    m = machine(Mode.CALL, message(target=CREATOR, code_address=EMPTY, transfers=False))
    assert provers.check(m, Prover.FRAMES, frames.enter_call).outcome == "no code"
    assert is_present(m, EMPTY)


@pytest.mark.parametrize("number", range(12))
def test_precompiles_have_a_mode_of_their_own(number: int, provers: Provers) -> None:
    address = Address(number.to_bytes(20, "big"))
    for value in (0, 3):
        for at_depth_0 in (False, True):
            aux = message(target=address, code_address=address, value=value)
            m = machine(Mode.CALL, aux, at_depth_0=at_depth_0, depth=0 if at_depth_0 else 1)
            outcome = provers.check(m, Prover.FRAMES, frames.enter_call).outcome
            assert m.frame is not None and m.frame.code.size == 0 and account(m, address).balance == value
            if 1 <= number <= 10:
                assert (outcome, m.mode, m.aux) == ("precompile", Mode.PRECOMPILE, Precompile(number))
            else:
                assert (outcome, m.mode, m.aux) == ("no code", Mode.EXEC, None)


def test_a_precompile_as_oneself(provers: Provers) -> None:
    """DELEGATECALL to a precompile."""
    m = machine(Mode.CALL, message(target=CREATOR, code_address=Address(bytes(19) + b"\x04"), transfers=False))
    assert provers.check(m, Prover.FRAMES, frames.enter_call).outcome == "precompile"
    assert m.frame is not None and m.frame.target == CREATOR


# -- CREATE_ENTER


def creation(init: bytes | Slice = CODE, **fields: Any) -> CreateMessage:
    """A creation by CREATOR."""
    code = init if isinstance(init, Slice) else slice_of(init)
    values: dict[str, Any] = {
        "caller": CREATOR,
        "value": 0,
        "gas": 5_000,
        "nonce": 2,
        "is_create2": False,
        "salt": 0,
        "code": code,
    }
    return CreateMessage(**(values | fields))


def address_of(aux: CreateMessage) -> Address:
    """Where the engine puts it."""
    if aux.is_create2:
        return Address(engine_calls.contract_address2(aux.caller, aux.salt, aux.code.bytes()))
    return Address(engine_calls.contract_address(aux.caller, aux.nonce))


@pytest.mark.parametrize("at_depth_0", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"nonce": 0},
        {"nonce": 127, "value": 4},
        {"nonce": 128},
        {"nonce": 256},
        {"nonce": MAX_NONCE - 1},
        {"is_create2": True, "salt": 2**255 + 3},
        {"is_create2": True, "value": BALANCE},
        {"is_create2": True, "init": b""},
        {"init": b""},
        {"init": b"\x60"},
        {"init": b"\x7f" * 32},
    ],
)
def test_a_creation_opens_a_frame(at_depth_0: bool, fields: dict[str, Any], provers: Provers) -> None:
    aux = creation(**fields)
    m = machine(Mode.CREATE, aux, at_depth_0=at_depth_0, depth=0 if at_depth_0 else 4)
    parent, new, value = m.frame, address_of(aux), aux.value
    assert provers.check(m, Prover.FRAMES, frames.enter_creation).outcome == "ok"
    frame, init = m.frame, aux.code.bytes()
    assert m.mode == Mode.EXEC and m.aux is None and frame is not None
    assert frame.parent is parent and frame.depth == (0 if at_depth_0 else 5)
    assert frame.code.data == init and frame.code.root == code_root(init) and frame.gas == 5_000
    assert (frame.target, frame.caller, frame.value) == (new, CREATOR, value)
    assert frame.is_create and not frame.is_static and frame.input == EMPTY_SLICE and not frame.output_size
    assert account(m, new) == Account(nonce=1, balance=Wei(value))
    assert account(m, CREATOR).balance == BALANCE - value
    assert holds(m, AccessTag.ADDRESS, new) and holds(m, AccessTag.CREATED, new)
    # A failure takes all back but the warmth.
    m.world = frame.entry_world
    assert not is_present(m, new) and account(m, CREATOR).balance == BALANCE
    assert holds(m, AccessTag.ADDRESS, new) and not holds(m, AccessTag.CREATED, new)


def test_a_balance_sent_before_stays(provers: Provers) -> None:
    for had in (0, 30):
        for made_warm in (False, True):
            m = machine(Mode.CREATE, creation(value=7))
            new = address_of(creation(value=7))
            if had:
                put(m, new, Account(balance=Wei(had)))
            if made_warm:
                warm(m, AccessTag.ADDRESS, new)
            assert provers.check(m, Prover.FRAMES, frames.enter_creation).outcome == "ok"
            assert account(m, new) == Account(nonce=1, balance=Wei(had + 7))


@pytest.mark.parametrize("at_depth_0", [False, True])
@pytest.mark.parametrize(
    "record",
    [
        Account(nonce=1),
        Account(code_hash=keccak(CODE), code_root=code_root(CODE), code_size=len(CODE)),
        Account(balance=Wei(1), storage_root=Hash(b"\x11" * 32)),
    ],
)
def test_a_collision_takes_the_gas(at_depth_0: bool, record: Account, provers: Provers) -> None:
    for aux in (creation(value=7), creation(is_create2=True, salt=1)):
        m = machine(Mode.CREATE, aux, at_depth_0=at_depth_0, depth=0 if at_depth_0 else 1, gas=321)
        new = address_of(aux)
        put(m, new, record)
        assert m.world is not None
        root = m.world.state_root
        assert provers.check(m, Prover.FRAMES, frames.enter_creation).outcome == "collision"
        assert m.world.state_root == root and holds(m, AccessTag.ADDRESS, new)
        if at_depth_0:
            assert (m.mode, m.frame, m.aux) == (Mode.END, None, End(0, 0))
        else:
            assert m.mode == Mode.EXEC and m.frame is not None
            assert m.frame.stack == [77, 78, 0] and m.frame.gas == 321


# -- FRAME_EXIT


@pytest.mark.parametrize("status", ExitStatus)
@pytest.mark.parametrize("is_create", [False, True])
@pytest.mark.parametrize("length", [0, 1, 49, 50, 51, 300])
def test_a_frame_ends_into_its_parent(status: ExitStatus, is_create: bool, length: int, provers: Provers) -> None:
    if status == ExitStatus.HALTED or (is_create and status == ExitStatus.SUCCESS):
        length = 0
    data = bytes(range(1, length + 1)) if length < 256 else b"\x09" * length
    entry = World(keccak(b"as it was"))
    aux = Exit(status, slice_of(data))
    m = machine(Mode.EXIT, aux, depth=2, is_create=is_create, gas=500, entry_world=entry)
    assert m.frame is not None and m.frame.parent is not None
    if is_create:
        m.frame.output_offset = m.frame.output_size = 0
    if status == ExitStatus.HALTED:
        m.frame.halt()
    parent, world, given = m.frame.parent, m.world, m.frame.gas
    had = parent.gas
    outcome = provers.check(m, Prover.FRAMES, frames.exit_frame).outcome
    succeeds = status == ExitStatus.SUCCESS
    assert m.frame is parent and parent.gas == had + given
    assert parent.stack == [1, 2, int.from_bytes(CONTRACT, "big") if succeeds and is_create else int(succeeds)]
    assert parent.returned.bytes() == data
    assert m.world == (world if succeeds else entry)
    size = 0 if is_create else min(50, length)
    assert outcome == status.name.lower() + (", copies" if size else "")
    if size:
        assert m.mode == Mode.COPY and m.aux == CopyJob(0, aux.output.tree or ZERO_HASH, 37, size, 3, size)
    else:
        assert m.mode == Mode.EXEC and m.aux is None


@pytest.mark.parametrize("status", ExitStatus)
@pytest.mark.parametrize("is_create", [False, True])
def test_the_topmost_frame_ends_the_transaction(status: ExitStatus, is_create: bool, provers: Provers) -> None:
    entry = World(keccak(b"as it was"))
    m = machine(Mode.EXIT, Exit(status, slice_of(b"data")), is_create=is_create, gas=500, entry_world=entry)
    world = m.world
    assert provers.check(m, Prover.FRAMES, frames.exit_frame).outcome == status.name.lower()
    succeeds = status == ExitStatus.SUCCESS
    assert (m.mode, m.frame, m.aux) == (Mode.END, None, End(int(succeeds), 500))
    assert m.world == (world if succeeds else entry)


def test_return_data_stays_when_its_memory_is_written(provers: Provers) -> None:
    """The identity precompile's output is the caller's own memory."""
    m = machine(Mode.EXIT, Exit(1), depth=1)
    assert m.frame is not None and m.frame.parent is not None
    parent = m.frame.parent
    m.aux = Exit(1, Slice.of(parent.memory, 3, 40))
    m.frame.output_size = 0
    provers.check(m, Prover.FRAMES, frames.exit_frame)
    root = parent.returned.root
    parent.write_memory(0, b"\xff" * 60)
    assert parent.returned.bytes() == b"\x01" * 40 and parent.returned.root == root
    assert parent.memory.read(0, 60) == b"\xff" * 60


# -- CODE_DEPOSIT


def deposit(code: bytes, gas: int = 10**7, **frame: Any) -> Machine:
    """A creation that returned `code`."""
    return machine(Mode.DEPOSIT, Exit(1, slice_of(code)), is_create=True, gas=gas, **frame)


@pytest.mark.parametrize("size", [1, 2, 31, 32, 62, 63, 1_000, MAX_CODE_SIZE])
@pytest.mark.parametrize("depth", [0, 2])
def test_code_is_deposited(size: int, depth: int, provers: Provers) -> None:
    code = random.Random(size).randbytes(size).replace(b"\xef", b"\xee")
    m = deposit(code, 200 * size + 7, depth=depth)
    record = account(m, CONTRACT)
    assert provers.check(m, Prover.FRAMES, frames.deposit_code).outcome == "ok"
    assert (m.mode, m.aux) == (Mode.EXIT, Exit(1)) and m.frame is not None and m.frame.gas == 7
    expected = replace(record, code_hash=keccak(code), code_root=code_root(code), code_size=size)
    assert account(m, CONTRACT) == expected and m.chain.nodes.get(keccak(code)) == code


def test_no_code_writes_nothing(provers: Provers) -> None:
    m = deposit(b"", 3)
    world = m.world
    assert provers.check(m, Prover.FRAMES, frames.deposit_code).outcome == "no code"
    assert (m.mode, m.aux, m.world) == (Mode.EXIT, Exit(1), world) and m.frame is not None and m.frame.gas == 3


@pytest.mark.parametrize(
    ("code", "gas", "outcome"),
    [
        (b"\x00" * (MAX_CODE_SIZE + 1), 10**7, "code too large"),
        (b"\x00" * 131_000, 10**9, "code too large"),
        (b"\xef", 200, "code begins with 0xEF"),
        (b"\xef" + CODE, 10**7, "code begins with 0xEF"),
        (CODE, 200 * len(CODE) - 1, "out of gas"),
        (b"\x00", 0, "out of gas"),
    ],
)
def test_code_that_is_refused_halts(code: bytes, gas: int, outcome: str, provers: Provers) -> None:
    m = deposit(code, gas)
    world = m.world
    assert provers.check(m, Prover.FRAMES, frames.deposit_code).outcome == outcome
    assert (m.mode, m.aux, m.world) == (Mode.EXIT, Exit(0), world)
    assert m.frame is not None and m.frame.encode()[-9 * 32 :] == bytes(9 * 32)


# -- what every step must bear


def steps() -> dict[str, tuple[Machine, StepFunction]]:
    """A step of each kind that reads much."""
    empty = message(target=EMPTY, code_address=EMPTY)
    return {
        "call": (machine(Mode.CALL, message(value=9), others=40, depth=1), frames.enter_call),
        "top call": (machine(Mode.CALL, message(value=9), others=40, at_depth_0=True), frames.enter_call),
        "touch": (machine(Mode.CALL, empty, others=4, depth=1), frames.enter_call),
        "precompile": (
            machine(Mode.CALL, message(code_address=Address(bytes(19) + b"\x02"))),
            frames.enter_call,
        ),
        "create": (machine(Mode.CREATE, creation(value=9), others=40, depth=1), frames.enter_creation),
        "create2": (machine(Mode.CREATE, creation(is_create2=True), others=4, at_depth_0=True), frames.enter_creation),
        "collision": (machine(Mode.CREATE, creation(), depth=1), frames.enter_creation),
        "exit": (machine(Mode.EXIT, Exit(1, slice_of(b"data")), depth=1), frames.exit_frame),
        "revert": (machine(Mode.EXIT, Exit(2), depth=1), frames.exit_frame),
        "end": (machine(Mode.EXIT, Exit(1)), frames.exit_frame),
        "deposit": (deposit(CODE, others=40, depth=1), frames.deposit_code),
        "no gas": (deposit(CODE, gas=5, depth=1), frames.deposit_code),
        "reserved": (deposit(b"\xef" * 40, depth=1), frames.deposit_code),
    }


@pytest.mark.parametrize("name", steps())
def test_a_witness_is_rigid(name: str, provers: Provers) -> None:
    m, function = steps()[name]
    if name == "collision":
        put(m, address_of(creation()), Account(nonce=1))
    proven = provers.check(m, Prover.FRAMES, function)
    damage = provers.damage(proven)
    assert damage.other == 0 and damage.reverted > 2 * len(proven.witness) - 10
    assert provers.starve(proven) > 0


def test_long_witnesses_are_rigid(provers: Provers) -> None:
    """Init code of the greatest size: every 97th byte."""
    m = machine(Mode.CREATE, creation(random.Random(1).randbytes(MAX_INIT_CODE)))
    proven = provers.check(m, Prover.FRAMES, frames.enter_creation)
    assert provers.damage(proven, every=97).other == 0
    assert provers.starve(proven, 20) > 0


def test_other_modes_are_not_judged_here(provers: Provers) -> None:
    m = machine(Mode.EXEC, None)
    with pytest.raises(Reverted, match="WrongMode"):
        provers.verify(Prover.FRAMES, m.hash(), m.words())


# -- code is bound to the account


def test_the_code_that_runs_is_the_account_s(provers: Provers) -> None:
    """Another code's root in the record, or the record of another account, does not pass for the called one's."""
    m = machine(Mode.CALL, message())
    record, other = account(m, OTHER), account(m, CREATOR)
    forged = replace(record, code_root=code_root(b"\x00"), code_size=1)
    proven = provers.check(m, Prover.FRAMES, frames.enter_call)
    at = proven.witness.rindex(record.encode())
    for instead in (forged, other, replace(record, code_size=len(CODE) - 1)):
        tape = proven.witness[1:at] + instead.encode() + proven.witness[at + 192 :]
        with pytest.raises(Reverted, match="WrongOpening"):
            provers.verify(Prover.FRAMES, proven.before, tape)


def test_the_init_code_that_runs_is_the_message_s(provers: Provers) -> None:
    """A witness made for another init code of the same length is refused, though sound in itself."""
    one, other = CODE, CODE[:-1] + b"\x00"
    tapes = []
    for init in (one, other):
        m = machine(Mode.CREATE, creation(init))
        tapes.append((m.hash(), provers.check(m, Prover.FRAMES, frames.enter_creation).witness[1:]))
    (honest, tape), (_, foreign) = tapes
    assert len(tape) == len(foreign)
    head = 32 * (7 + 7 + 24 + 9)
    with pytest.raises(Reverted, match="WrongOpening"):
        provers.verify(Prover.FRAMES, honest, tape[:head] + foreign[head:])


def test_the_code_stored_is_what_was_returned(provers: Provers) -> None:
    """What is deposited has the hash of the bytes returned, and its chunk tree is of the same bytes."""
    other = CODE[:-1] + b"\x00"
    m = deposit(CODE)
    honest = m.hash()
    tape = provers.check(m, Prover.FRAMES, frames.deposit_code).witness[1:]
    stored = account(m, CONTRACT)
    assert (stored.code_hash, stored.code_root) == (keccak(CODE), code_root(CODE))
    foreign = provers.check(deposit(other), Prover.FRAMES, frames.deposit_code).witness[1:]
    head = 32 * (7 + 24 + 4)
    with pytest.raises(Reverted, match="WrongOpening"):
        provers.verify(Prover.FRAMES, honest, tape[:head] + foreign[head:])


# -- what it costs


@pytest.mark.parametrize("fill", [0x5B, 0x60, 0x7F])
def test_the_greatest_init_code_fits_one_transaction(fill: int, provers: Provers) -> None:
    data = bytes([fill]) * MAX_INIT_CODE
    whole = Slice.of(WordTree(b"\xee" * 37 + data + b"\xdd" * 100), 37, MAX_INIT_CODE)
    aux = creation(whole, is_create2=True, value=1)
    m = machine(Mode.CREATE, aux, others=200, depth=1)
    size, gas = cost(provers.check(m, Prover.FRAMES, frames.enter_creation), provers)
    print(f"\nCREATE_ENTER, {MAX_INIT_CODE:,} bytes of 0x{fill:02x}: {size:,} bytes, {gas:,} gas")
    assert gas < L1_TRANSACTION // 2


@pytest.mark.parametrize("fill", [0x5B, 0x60, 0x7F])
def test_the_greatest_code_fits_one_transaction(fill: int, provers: Provers) -> None:
    m = deposit(bytes([fill]) * MAX_CODE_SIZE, others=200, depth=1)
    size, gas = cost(provers.check(m, Prover.FRAMES, frames.deposit_code), provers)
    print(f"\nCODE_DEPOSIT, {MAX_CODE_SIZE:,} bytes of 0x{fill:02x}: {size:,} bytes, {gas:,} gas")
    assert gas < L1_TRANSACTION // 2


@pytest.mark.parametrize("name", steps())
def test_what_a_step_costs(name: str, provers: Provers) -> None:
    m, function = steps()[name]
    size, gas = cost(provers.check(m, Prover.FRAMES, function), provers)
    print(f"\n{name}: {size:,} bytes, {gas:,} gas")
    assert size < 8_192 and gas < 400_000


# -- whole programs


def test_programs_end_as_in_the_engine() -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for seed in range(1_500):
        program = any_program(random.Random(seed))
        m = programs.begin(program)
        seen.update(run(m))
        assert result(m) == in_engine(program), f"program {seed}"
    for name, outcomes in {
        "CALL": ("ok", "cold", "new account", "no balance", "out of gas", "write in a static call", "precompile"),
        "CALLCODE": ("ok", "cold", "no balance", "out of gas"),
        "DELEGATECALL": ("ok", "cold", "out of gas"),
        "STATICCALL": ("ok", "cold", "out of gas"),
        "CREATE": ("ok", "collision", "no balance", "no nonce", "write in a static call", "out of gas"),
        "CREATE2": ("ok", "no balance", "no nonce", "write in a static call", "out of gas"),
        "SELFDESTRUCT": ("ok", "cold", "new account", "burnt", "doomed", "out of gas", "write in a static call"),
        "DEPOSIT": ("ok", "no code", "code begins with 0xEF"),
        "EXIT": ("halted", "success", "reverted", "success, copies", "reverted, copies"),
    }.items():
        for outcome in outcomes:
            assert seen[name, outcome], f"{name}: {outcome} never came"


def test_every_call_of_a_program_is_judged_alike(provers: Provers) -> None:
    judged = 0
    for seed in range(60):
        program = any_program(random.Random(10_000 + seed))
        m = programs.begin(replace(program, gas=min(program.gas, 150_000)))
        judged += sum(name in ("EXIT", "DEPOSIT", "CALL", "CREATE") for name, _ in run(m, provers, JUDGED))
    assert judged > 500


def test_a_contract_that_dies_in_its_creation_and_lives_again(provers: Provers) -> None:
    """CREATE2 to an address whose contract destroyed itself earlier in the transaction collides (EIP-6780)."""
    dying = bytes([programs.ADDRESS, programs.calls.SELFDESTRUCT])
    code = programs.create_code(dying, 1, 0) + programs.create_code(dying, 1, 0) + push(1) + b"\x55\x50"
    accounts = {
        programs.PEOPLE[0]: GenesisAccount(Wei(10**18), 5),
        programs.CONTRACTS[0]: GenesisAccount(Wei(10), 1, code),
    }
    program = Program(accounts, programs.PEOPLE[0], programs.CONTRACTS[0])
    m = programs.begin(program)
    done = run(m, provers, JUDGED)
    assert ("SELFDESTRUCT", "burnt") in done and ("CREATE", "collision") in done
    assert result(m) == in_engine(program)


def test_recursion_to_the_end_of_the_gas(provers: Provers) -> None:
    """A contract that calls itself with all it has, 50 frames deep, and every frame ends in its own way."""
    own = programs.CONTRACTS[0]
    code = call_code(CALL, own, span=(0, 40, 0, 40)) + push(1) + b"\x55" + push(32) + push(0) + b"\xf3"
    accounts = {programs.PEOPLE[0]: GenesisAccount(Wei(10**18), 5), own: GenesisAccount(Wei(10), 1, code)}
    program = Program(accounts, programs.PEOPLE[0], own, gas=200_000)
    m = programs.begin(program)
    done = run(m, provers, JUDGED)
    assert sum(name == "CALL" and outcome == "ok" for name, outcome in done) > 50
    assert result(m) == in_engine(program)


def test_before_finds_a_step() -> None:
    """What is run up to a step is as what is run through it."""
    program = any_program(random.Random(4))
    m = before(program, "EXIT")
    assert m.mode == Mode.EXIT
    take(m, frames.exit_frame)
    run(m)
    assert result(m) == in_engine(program)


def test_empty_code_is_the_hash_of_nothing() -> None:
    assert keccak(b"") == EMPTY_CODE_HASH
