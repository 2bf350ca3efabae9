"""Small programs that call, create and destroy: by the engine, and by the machine step by step, to the same end."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from tandem.chain.spec import GenesisAccount
from tandem.evm.calls import contract_address
from tandem.evm.context import BlockContext
from tandem.evm.frame import Environment, Message
from tandem.evm.machine import Machine as Engine
from tandem.evm.rules import CANCUN
from tandem.evm.world import World as EngineWorld
from tandem.machine import calls, compute, environment, frames, memory_ops, precompiles, storage
from tandem.machine.chain import Ancestry, Chain, NoInbox
from tandem.machine.execution import fetch
from tandem.machine.machine import Machine
from tandem.machine.modes import AccessTag, Mode, Prover
from tandem.machine.opcodes import OPCODES
from tandem.machine.state_trees import access_key, write_account
from tandem.machine.stepping import StepFunction, instruction, take
from tandem.machine.structures import CallMessage, CreateMessage, End, State, World
from tandem.primitives.types import ZERO_HASH, Address, Gas, Hash, Seconds, Wei
from tandem.state import tree
from tandem.state.account import EMPTY_ACCOUNT
from tandem.state.database import HistoricalState
from tandem.state.tables import StateTables
from tests.unit.machine.support import BLOCK, CHAIN_ID, CURSOR, PARAMETERS, TX, Provers, make_state, slice_of

NOBODY = Address(b"\x0b" * 20)
CONTEXT = BlockContext(7, Seconds(1_000), NOBODY, Hash(bytes(32)), Wei(10), Gas(30_000_000))
INSTRUCTIONS = {
    **compute.INSTRUCTIONS,
    **memory_ops.INSTRUCTIONS,
    **environment.INSTRUCTIONS,
    **storage.INSTRUCTIONS,
    **calls.INSTRUCTIONS,
}
EXECUTE = instruction(INSTRUCTIONS)
MODES: dict[Mode, tuple[Prover, StepFunction]] = {
    Mode.CALL: (Prover.FRAMES, frames.enter_call),
    Mode.CREATE: (Prover.FRAMES, frames.enter_creation),
    Mode.EXIT: (Prover.FRAMES, frames.exit_frame),
    Mode.DEPOSIT: (Prover.FRAMES, frames.deposit_code),
    Mode.COPY: (Prover.MEMORY_OPS, memory_ops.copy),
    Mode.PRECOMPILE: (Prover.PRECOMPILES, precompiles.run),
}
STEP_LIMIT = 250_000


@dataclass(frozen=True, slots=True)
class Program:
    """The topmost message of a transaction, and the accounts it finds. `to` None: a creation, `data` is init code."""

    accounts: Mapping[Address, GenesisAccount]
    sender: Address
    to: Address | None
    value: int = 0
    gas: int = 500_000
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Result:
    """What is left of a message."""

    succeeds: bool
    gas: int
    state_root: Hash
    """With the destroyed contracts gone, and the empty accounts that were touched."""
    access: frozenset[bytes]
    """Keys of the access set."""
    doomed: frozenset[bytes]


def kind_of(m: Machine) -> tuple[Prover, StepFunction]:
    """Who judges the next step, and its function."""
    if m.mode != Mode.EXEC:
        return MODES[m.mode]
    assert m.frame is not None
    opcode = OPCODES[fetch(m.frame)]
    return (opcode.prover if opcode else Prover.COMPUTE), EXECUTE


def begin(program: Program) -> Machine:
    """The machine about to take CALL_ENTER or CREATE_ENTER at depth 0."""
    tables, root = make_state(program.accounts)
    aux: CallMessage | CreateMessage
    if program.to is None:
        nonce = program.accounts[program.sender].nonce
        aux = CreateMessage(program.sender, program.value, program.gas, nonce, False, 0, slice_of(program.data))
    else:
        to = program.to
        data = slice_of(program.data)
        aux = CallMessage(False, program.sender, to, to, program.value, True, program.gas, data)
    mode = Mode.CREATE if program.to is None else Mode.CALL
    state = State(mode, BLOCK, CURSOR, World(root), None, TX, aux)
    return Machine(Chain(tables.preimages, PARAMETERS, NoInbox(), Ancestry()), state)


def run(m: Machine, provers: Provers | None = None, judged: frozenset[Prover] = frozenset()) -> list[tuple[str, str]]:
    """To END. Gives what was done and how it came out; steps of the `judged` provers are judged by their contracts."""
    done = []
    for _ in range(STEP_LIMIT):
        if m.mode == Mode.END:
            return done
        prover, function = kind_of(m)
        name = m.mode.name
        if m.mode == Mode.EXEC:
            assert m.frame is not None
            opcode = OPCODES[fetch(m.frame)]
            name = opcode.name if opcode else "INVALID"
        if provers is not None and prover in judged:
            outcome = provers.check(m, prover, function).outcome
        else:
            outcome = take(m, function)
        done.append((name, outcome))
    raise AssertionError(f"not at the end after {STEP_LIMIT} steps")


def before(program: Program, name: str, nth: int = 0) -> Machine:
    """The machine before the n-th step of that mode or instruction."""
    m = begin(program)
    for _ in range(STEP_LIMIT):
        assert m.mode != Mode.END, f"{name} never comes"
        opcode = OPCODES[fetch(m.frame)] if m.mode == Mode.EXEC and m.frame is not None else None
        if name == (opcode.name if opcode else m.mode.name):
            if not nth:
                return m
            nth -= 1
        take(m, kind_of(m)[1])
    raise AssertionError(f"{name} not within {STEP_LIMIT} steps")


def result(m: Machine) -> Result:
    """Of a machine at END."""
    assert m.mode == Mode.END and isinstance(m.aux, End) and m.world is not None and m.frame is None
    nodes, root = m.chain.nodes, m.world.state_root
    access = frozenset(key for key, _ in tree.entries(nodes, m.world.access_root))
    doomed = set()
    link = m.world.doomed
    while link != ZERO_HASH:
        preimage = nodes.get(link)
        assert preimage is not None and preimage[32:44] == bytes(12)
        doomed.add(preimage[44:])
        link = Hash(preimage[:32])
    for address in sorted(doomed):
        frames.read_account(m, root, Address(address))
        root = write_account(m, root, Address(address), EMPTY_ACCOUNT)
    return Result(bool(m.aux.status), m.aux.gas_left, root, access, frozenset(doomed))


def in_engine(program: Program) -> Result:
    """The same message in the sequencer's engine."""
    tables, root = make_state(program.accounts)
    engine = Engine(CANCUN, None)
    world = EngineWorld(HistoricalState(tables, root), CONTEXT, CHAIN_ID, engine.precompile_addresses)
    environment = Environment(TX.origin, TX.gas_price)
    sender, to = program.sender, program.to
    if to is None:
        address = contract_address(sender, world.get_nonce(sender))
        world.mark_address_warm(address)
        message = Message("CREATE", sender, address, address, program.data, program.gas, program.value)
        if world.has_code_or_nonce(address):
            return _engine_result(world, tables, root, False, 0)
        frame = engine.create(world, message, environment)
    else:
        code = world.get_code(to)
        frame = engine.call(
            world, Message("CALL", sender, to, to, code, program.gas, program.value, program.data), environment
        )
    return _engine_result(world, tables, root, frame.failure is None, frame.gas)


def _engine_result(world: EngineWorld, tables: StateTables, root: Hash, succeeds: bool, gas: int) -> Result:
    keys = {access_key(AccessTag.ADDRESS, Address(item)) for item in world._warm - world._precompiles - {NOBODY}}
    keys |= {access_key(AccessTag.SLOT, Address(item), slot) for item, slot in world._warm_slots}
    keys |= {access_key(AccessTag.CREATED, Address(item)) for item in world.created}
    doomed = frozenset(world.doomed)
    world.end()
    after = HistoricalState(tables, root).commit(world.diff())
    return Result(succeeds, gas, after, frozenset(keys), doomed)


# -- programs by chance

PEOPLE = [Address(bytes([0xA0 + i]) * 20) for i in range(2)]
CONTRACTS = [Address(bytes([0xC0 + i]) * 20) for i in range(4)]
EMPTY = Address(b"\xe0" * 20)
"""In the state, though empty: what EIP-161 removes when touched."""
ABSENT = [Address(b"\xab" * 20), Address(b"\xac" * 20)]
IDENTITY = Address(bytes(19) + b"\x04")
PUSH0, MSTORE, POP, SSTORE, RETURNDATASIZE, RETURNDATACOPY = 0x5F, 0x52, 0x50, 0x55, 0x3D, 0x3E
RETURN, REVERT, INVALID, STOP, ADDRESS, GAS = 0xF3, 0xFD, 0xFE, 0x00, 0x30, 0x5A


def push(value: int) -> bytes:
    """The shortest PUSH."""
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([PUSH0 + len(data)]) + data


def store_bytes(data: bytes, at: int = 0) -> bytes:
    """MSTOREs that put the bytes into memory."""
    code = b""
    for i in range(0, len(data), 32):
        code += push(int.from_bytes(data[i : i + 32].ljust(32, b"\0"), "big")) + push(at + i) + bytes([MSTORE])
    return code


def call_code(
    kind: int, to: bytes, value: int = 0, gas: int = 2**255, span: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> bytes:
    """A call of any kind; `span`: input offset and size, output offset and size. Leaves the success on the stack."""
    code = b"".join([push(item) for item in reversed(span)])
    if kind in (calls.CALL, calls.CALLCODE):
        code += push(value)
    return code + push(int.from_bytes(to, "big")) + push(gas) + bytes([kind])


def create_code(init: bytes, value: int = 0, salt: int | None = None) -> bytes:
    """A creation with this init code. Leaves the address on the stack."""
    code = store_bytes(init) + (push(salt) if salt is not None else b"") + push(len(init)) + push(0) + push(value)
    return code + bytes([calls.CREATE if salt is None else calls.CREATE2])


def returning(code: bytes) -> bytes:
    """Init code that deploys `code`."""
    return store_bytes(code) + push(len(code)) + push(0) + bytes([RETURN])


def _any_target(rng: random.Random) -> bytes:
    return bytes(rng.choice([*CONTRACTS, *CONTRACTS, *CONTRACTS, PEOPLE[0], EMPTY, *ABSENT, IDENTITY]))


def _any_span(rng: random.Random) -> tuple[int, int, int, int]:
    sizes = (0, 0, 1, 5, 32, 33, 70)
    return rng.randrange(70), rng.choice(sizes), rng.randrange(70), rng.choice(sizes)


def _any_snippet(rng: random.Random, room: int) -> bytes:
    kind = rng.randrange(12)
    if kind < 6:
        opcode = rng.choice((calls.CALL, calls.CALL, calls.CALLCODE, calls.DELEGATECALL, calls.STATICCALL))
        gas = rng.choice((2**255, 2**255, 50_000, 100, 0))
        value = rng.choice((0, 0, 1, 7, 10**6, 10**30))
        return call_code(opcode, _any_target(rng), value, gas, _any_span(rng)) + bytes([rng.choice((POP, POP, SSTORE))])
    if kind < 9 and room:
        init = rng.choice(
            (
                any_code(rng, room - 1, 2),
                returning(any_code(rng, room - 1, 1)),
                returning(b"\xef\x01"),
                b"",
                bytes([ADDRESS, calls.SELFDESTRUCT]),
                returning(bytes([ADDRESS, calls.SELFDESTRUCT])),
            )
        )
        salt = rng.choice((None, None, 0, 1))
        made = create_code(init, rng.choice((0, 0, 3, 10**30)), salt)
        # Call what was created: it is on the stack.
        again = b"".join([push(0) for _ in range(4)]) + push(0) + bytes([0x85, GAS, calls.CALL, POP, POP])
        return made + rng.choice((bytes([POP]), again))
    if kind == 9:
        return push(rng.randrange(3)) + push(rng.randrange(2)) + bytes([SSTORE])
    if kind == 10:
        return bytes([RETURNDATASIZE, PUSH0, PUSH0, RETURNDATACOPY])
    return push(rng.getrandbits(256)) + push(rng.randrange(64)) + bytes([MSTORE])


def _any_end(rng: random.Random) -> bytes:
    kind = rng.randrange(10)
    if kind < 4:
        return push(rng.choice((0, 3, 40))) + push(rng.randrange(40)) + bytes([RETURN])
    if kind < 6:
        return push(rng.choice((0, 3, 40))) + push(rng.randrange(40)) + bytes([REVERT])
    if kind == 6:
        return bytes([INVALID])
    if kind < 9:
        heirs = [bytes([ADDRESS]), *[push(int.from_bytes(_any_target(rng), "big")) for _ in range(3)]]
        return rng.choice(heirs) + bytes([calls.SELFDESTRUCT])
    return b""


def any_code(rng: random.Random, room: int = 2, snippets: int = 4) -> bytes:
    """Code that does much; `room`: how deep init code may nest in it."""
    return b"".join([_any_snippet(rng, room) for _ in range(rng.randrange(snippets + 1))]) + _any_end(rng)


def any_program(rng: random.Random) -> Program:
    """A message among some contracts."""
    accounts = {PEOPLE[0]: GenesisAccount(Wei(10**18), 5), EMPTY: GenesisAccount(Wei(0))}
    for address in CONTRACTS:
        accounts[address] = GenesisAccount(Wei(rng.choice((0, 5, 10**7))), rng.choice((1, 1, 2**64 - 1)), any_code(rng))
    if not rng.randrange(4):
        return Program(accounts, PEOPLE[0], None, rng.choice((0, 9)), 600_000, any_code(rng))
    to = rng.choice((*CONTRACTS, *CONTRACTS, PEOPLE[0], EMPTY, ABSENT[0], IDENTITY))
    return Program(accounts, PEOPLE[0], Address(to), rng.choice((0, 9)), rng.choice((30_000, 400_000)), b"\x07" * 50)
