"""Frames on a state of many accounts: run in the machine, step by step, and in the sequencer's engine."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from eth.exceptions import VMError

from tandem.chain.spec import GenesisAccount
from tandem.evm.frame import Environment, Message
from tandem.evm.frame import Frame as EngineFrame
from tandem.evm.interpreter import interpret
from tandem.evm.machine import machine as engine_of
from tandem.evm.world import World as EngineWorld
from tandem.machine import compute, environment, memory_ops, storage
from tandem.machine.chain import Ancestry, Chain, NoInbox, Overlay
from tandem.machine.execution import fetch
from tandem.machine.fast import context, rules
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode, Prover
from tandem.machine.opcodes import OPCODES
from tandem.machine.state_trees import preimage, touch_address
from tandem.machine.stepping import Proven, StepFunction, instruction, take
from tandem.machine.structures import WORD_MASK, BlockState, Exit, State, Tx, World
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_HASH, Address, Hash, Wei
from tandem.state.database import HistoricalState
from tandem.state.tables import StateTables
from tests.unit.machine.support import BLOCK, CONTRACT, CURSOR, LOGS, PARAMETERS, TX, Provers, make_frame, make_state

STEPS: dict[Prover, StepFunction] = {
    Prover.COMPUTE: instruction(compute.INSTRUCTIONS),
    Prover.MEMORY_OPS: instruction(memory_ops.INSTRUCTIONS),
    Prover.ENVIRONMENT: instruction(environment.INSTRUCTIONS),
    Prover.STORAGE: instruction(storage.INSTRUCTIONS),
}
FEW_BYTES = 12_000
"""A typical step's witness is shorter."""
LITTLE_GAS = 400_000
"""Judging a typical step takes less."""
CODE_SIZES = (1, 31, 32, 700, 24_576)
SLOTS = 1_200


def account_address(index: int) -> Address:
    """Address of the account with that number."""
    return Address(keccak(b"account" + index.to_bytes(4, "big"))[:20])


CODED = {size: account_address(100_000 + size) for size in CODE_SIZES}
"""Contracts by the size of their code."""
POOR = account_address(200_000)
"""No balance, but a nonce."""
RICH_PRECOMPILE = Address(bytes(19) + b"\x09")
"""It holds a wei: there is such an account."""


def code_of_size(size: int) -> bytes:
    """Some code."""
    return random.Random(size).randbytes(size)


@cache
def many_accounts() -> tuple[StateTables, Hash]:
    """A state of 1,500 accounts; CONTRACT has 1,200 slots of value: slot n has n + 1."""
    accounts = {account_address(index): GenesisAccount(Wei(10**18 + index)) for index in range(1_500)}
    accounts |= {CODED[size]: GenesisAccount(nonce=1, code=code_of_size(size)) for size in CODE_SIZES}
    accounts[POOR] = GenesisAccount(nonce=3)
    accounts[RICH_PRECOMPILE] = GenesisAccount(Wei(1))
    slots = tuple((index, index + 1) for index in range(SLOTS))
    accounts[CONTRACT] = GenesisAccount(Wei(10**18 + 7), 1, b"\x00", slots)
    return make_state(accounts)


def machine_on(
    state: tuple[StateTables, Hash],
    code: bytes,
    stack: Iterable[int] = (),
    *,
    tx: Tx = TX,
    block: BlockState = BLOCK,
    ancestry: Ancestry | None = None,
    **frame: Any,
) -> Machine:
    """A machine before a frame's first step on a state. The coinbase is warm, as in every transaction."""
    tables, root = state
    world = World(root, log_acc=LOGS[0], log_count=LOGS[1], refund=0)
    begun = make_frame(code, stack, entry_world=world, **frame)
    tx = replace(tx, start_root=root)
    chain = Chain(Overlay(tables.preimages), PARAMETERS, NoInbox(), ancestry or Ancestry())
    m = Machine(chain, State(Mode.EXEC, block, CURSOR, world, begun, tx))
    touch_address(m, block.coinbase)
    return m


@dataclass(frozen=True, slots=True)
class Ended:
    """How a frame ended: 0 halted (then all else is nothing), 1 success, 2 reverted."""

    status: int
    gas: int = 0
    stack: tuple[int, ...] = ()
    memory: bytes = b""
    state_root: Hash = ZERO_HASH
    refund: int = 0
    """Mod 2^256."""


def in_engine(m: Machine) -> Ended:
    """Run the machine's frame, from its start, in the engine. The machine stays as it was."""
    own, block, tx, world = m.frame, m.block, m.tx, m.world
    assert own is not None and tx is not None and world is not None and isinstance(block, BlockState)
    engine = engine_of(rules(block))
    nodes = m.chain.nodes
    reader = HistoricalState(StateTables(preimages=nodes), world.state_root)
    engine_world = EngineWorld(reader, context(m, block), block.chain_id, engine.precompile_addresses)
    message = Message(
        "CALL", own.caller, own.target, own.target, own.code.data, own.gas, own.value, own.input.bytes(), own.depth,
        own.is_static,
    )  # fmt: skip
    hashes = preimage(m, tx.blob_hashes) if any(tx.blob_hashes) else b""
    blobs = tuple(Hash(hashes[at : at + 32]) for at in range(0, len(hashes), 32))
    frame = EngineFrame(engine, engine_world, message, Environment(tx.origin, tx.gas_price, blobs))
    frame.stack[:] = own.stack
    frame.memory[:] = own.memory.data
    status = 1
    try:
        interpret(frame, engine.operations)
    except VMError as error:
        status = 0 if error.burns_gas else 2
    if not status:
        return Ended(0)
    refund = engine_world.refund & WORD_MASK
    engine_world.end()
    root = reader.commit(engine_world.diff())
    return Ended(status, frame.gas, tuple(frame.stack), bytes(frame.memory), root, refund)


def ended(m: Machine) -> Ended:
    """How the machine's frame ended."""
    assert m.mode in (Mode.EXIT, Mode.DEPOSIT) and isinstance(m.aux, Exit)
    assert m.frame is not None and m.world is not None
    if not m.aux.status:
        return Ended(0)
    frame, world = m.frame, m.world
    return Ended(m.aux.status, frame.gas, tuple(frame.stack), bytes(frame.memory.data), world.state_root, world.refund)


def step_of(m: Machine) -> tuple[Prover, StepFunction]:
    """Who judges the next step, and its function."""
    if m.mode == Mode.COPY:
        return Prover.MEMORY_OPS, memory_ops.copy
    assert m.mode == Mode.EXEC and m.frame is not None
    opcode = OPCODES[fetch(m.frame)]
    prover = opcode.prover if opcode else Prover.COMPUTE
    return prover, STEPS[prover]


def walk(m: Machine, provers: Provers, judge: Prover) -> list[Proven]:
    """Step to the frame's end. Gives the steps that `judge` has judged."""
    judged = []
    while m.mode in (Mode.EXEC, Mode.COPY):
        prover, function = step_of(m)
        if prover == judge:
            judged.append(provers.check(m, prover, function))
        else:
            take(m, function)
    return judged


def push(value: int, width: int = 32) -> bytes:
    """PUSHn of a value."""
    return bytes([0x5F + width]) + value.to_bytes(width, "big")


def changed(accounts: Mapping[Address, GenesisAccount]) -> Hash:
    """Root of the state that holds just these accounts, built anew."""
    return make_state(accounts)[1]
