"""Machine states to take one step from, and the contracts that judge it.

A test makes a state (`make_machine`), takes and proves a step with its Python function, and lets the prover contract
judge it: `provers.check(m, Prover.COMPUTE, compute_step)`. `damage` and `starve` are what every kind of step must bear.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tandem.chain.genesis import genesis_header
from tandem.chain.spec import ChainParameters, Genesis, GenesisAccount
from tandem.inbox.queues import L1Context
from tandem.machine.chain import Ancestry, Chain, NoInbox
from tandem.machine.code import load
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode, Prover
from tandem.machine.stepping import Proven, StepFunction, prove
from tandem.machine.structures import Aux, BlockState, Cursor, Exit, Frame, State, Tx, World
from tandem.machine.word_tree import EMPTY_SLICE, Slice, WordTree
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_HASH, Address, Gas, Hash, Seconds, Wei
from tandem.state.tables import StateTables
from tests.support.revm import GAS, Reverted, Revm, call_data
from tests.support.solidity import Compiled, compile_contracts
from tests.support.verifier import CONTRACTS, VERIFY

CHAIN_ID = 9_001
CONTRACT = Address(b"\xc0" * 20)
CALLER = Address(b"\xca" * 20)
ORIGIN = Address(b"\xa1" * 20)
VAULT = Address(b"\xfe" * 20)
PARAMETERS = ChainParameters(CHAIN_ID)
TX = Tx(
    kind=2,
    transaction_hash=keccak(b"transaction"),
    origin=ORIGIN,
    gas_price=Wei(11),
    gas_limit=Gas(5_000_000),
    start_root=ZERO_HASH,
    blob_hashes=ZERO_HASH,
    is_creation=False,
    to=CONTRACT,
    value=Wei(0),
    nonce=4,
    input=EMPTY_SLICE,
)
BLOCK = BlockState(
    number=7,
    timestamp=Seconds(1_000),
    gas_limit=Gas(30_000_000),
    base_fee=Wei(10),
    prev_randao=keccak(b"randao"),
    coinbase=VAULT,
    origin=L1Context(3, keccak(b"origin"), Seconds(900), Wei(5)),
    gas_used=Gas(123_456),
    transactions_acc=keccak(b"transactions"),
    receipts_acc=keccak(b"receipts"),
    recent_hashes=keccak(b"recent"),
    parent_hash=keccak(b"parent"),
    state_root=keccak(b"state before"),
    chain_id=CHAIN_ID,
    data_gas_per_byte=Gas(16),
    transaction_gas_cap=Gas(2**24),
    flags=5,
    blob_base_fee=Wei(1),
)
CURSOR = Cursor(batches=2, target=9, messages=30, messages_end=33, batch_time=Seconds(995), block_messages_end=31)
LOGS = (keccak(b"earlier logs"), 3)


def slice_of(data: bytes, offset: int = 37) -> Slice:
    """The data as a slice that begins and ends amid other bytes."""
    return Slice.of(WordTree(b"\xee" * offset + data + b"\xdd" * 41), offset, len(data))


def make_state(accounts: Mapping[Address, GenesisAccount]) -> tuple[StateTables, Hash]:
    """The tables and the root of a state."""
    tables = StateTables()
    header = genesis_header(PARAMETERS, Genesis(Seconds(0), accounts), tables)
    return tables, header.state_root


def make_frame(
    code: bytes,
    stack: Iterable[int] = (),
    *,
    gas: int = 1_000_000,
    memory: bytes = b"",
    calldata: bytes | Slice = b"",
    returned: bytes | Slice = b"",
    pc: int = 0,
    depth: int = 0,
    is_static: bool = False,
    is_create: bool = False,
    target: Address = CONTRACT,
    caller: Address = CALLER,
    value: int = 0,
    entry_world: World | None = None,
    parent: Frame | None = None,
) -> Frame:
    """A frame in the middle of its work. `stack` from the bottom up. At a depth above 0 it has a parent of its own."""
    if depth and parent is None:
        parent = make_frame(b"\x5b" * 40, (1, 2), memory=b"\x01" * 90, depth=depth - 1, entry_world=entry_world)
        parent.pc = 17
    frame = Frame(
        depth=depth,
        is_create=is_create,
        is_static=is_static,
        target=target,
        caller=caller,
        value=value,
        code=load(code),
        call_input=calldata if isinstance(calldata, Slice) else slice_of(calldata),
        output_offset=3 if depth else 0,
        output_size=50 if depth else 0,
        entry_world=entry_world or World(ZERO_HASH),
        parent=parent,
        gas=gas,
    )
    frame.pc = pc
    frame.stack = list(stack)
    frame.memory = WordTree(memory)
    frame.returned = returned if isinstance(returned, Slice) else slice_of(returned, 5)
    return frame


def make_machine(
    code: bytes = b"",
    stack: Iterable[int] = (),
    *,
    accounts: Mapping[Address, GenesisAccount] | None = None,
    mode: Mode = Mode.EXEC,
    aux: Aux | None = None,
    tx: Tx = TX,
    block: BlockState = BLOCK,
    **frame: Any,
) -> Machine:
    """A machine that is about to take a step of `mode`; `frame`: what `make_frame` takes."""
    tables, root = make_state(accounts or {CONTRACT: GenesisAccount(Wei(10**18), 1, code)})
    world = World(root, log_acc=LOGS[0], log_count=LOGS[1], refund=4_800)
    frame.setdefault("entry_world", replace(world, refund=0))
    tx = replace(tx, start_root=root)
    state = State(mode, block, CURSOR, world, make_frame(code, stack, **frame), tx, aux)
    return Machine(Chain(tables.preimages, PARAMETERS, NoInbox(), Ancestry()), state)


@dataclass(slots=True)
class Damage:
    """What became of damaged witnesses: none may have given the right hash."""

    reverted: int = 0
    other: int = 0


class Provers:
    """The prover contracts, compiled and deployed when first asked for."""

    def __init__(self) -> None:
        self.revm = Revm()
        self._addresses: dict[Prover, str] = {}
        self._errors: dict[str, str] = {}

    def contract(self, prover: Prover) -> Compiled:
        """The compiled contract."""
        return compile_contracts(f"machine/{CONTRACTS[prover]}.sol")[CONTRACTS[prover]]

    def arguments(self, prover: Prover) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """Types and values that the contract is deployed with."""
        return (), ()

    def address(self, prover: Prover) -> str:
        """Where the contract is."""
        if prover not in self._addresses:
            contract = self.contract(prover)
            assert len(contract.runtime) <= 24_576, f"{contract.name}: {len(contract.runtime)} bytes"
            for entry in contract.abi:
                if entry["type"] == "error":
                    signature = f"{entry['name']}({','.join(item['type'] for item in entry['inputs'])})"
                    self._errors[keccak(signature.encode())[:4].hex()] = entry["name"]
            self._addresses[prover] = self.revm.deploy(contract, *self.arguments(prover))
        return self._addresses[prover]

    def verify(self, prover: Prover, before: Hash, tape: bytes, gas: int = GAS) -> bytes:
        """What the contract says. Reverted, with the error's name where it is known, if it refuses."""
        try:
            return self.revm.call(self.address(prover), call_data(VERIFY, before, tape), gas)
        except Reverted as error:
            reason = str(error)
            for selector, name in self._errors.items():
                if selector in reason:
                    raise Reverted(name) from None
            raise

    def check(self, m: Machine, prover: Prover, function: StepFunction) -> Proven:
        """Take and prove a step, and let the contract judge it. AssertionError where the twins differ."""
        frame = m.frame
        shown = f"stack {[hex(value) for value in frame.stack[-7:]]}, pc {frame.pc}, gas {frame.gas}" if frame else ""
        proven = prove(m, prover, function)
        assert proven.witness[0] == prover
        try:
            judged = self.verify(prover, proven.before, proven.witness[1:])
        except Reverted as error:
            raise AssertionError(
                f"{CONTRACTS[prover]} reverts ({error}) where Python says {proven.outcome!r}: {shown}"
            ) from None
        if judged != proven.after:
            what = f"is right up to the mode: {_guess(m, judged)}" if _guess(m, judged) else "is another"
            raise AssertionError(
                f"{CONTRACTS[prover]}'s state {what}; Python says {proven.outcome!r}, mode {m.mode.name}, "
                f"aux {m.aux}, frame {describe(m.frame)}; before: {shown}"
            )
        return proven

    def gas(self, proven: Proven) -> int:
        """Gas of judging this step, without the transaction's own and its calldata's."""
        prover = Prover(proven.witness[0])
        data = call_data(VERIFY, proven.before, proven.witness[1:])
        self.verify(prover, proven.before, proven.witness[1:])
        return self.revm.gas_used - intrinsic_gas(data)

    def damage(self, proven: Proven, every: int = 1) -> Damage:
        """Flip each byte of a witness (or every n-th), cut it and lengthen it: never the right hash again."""
        prover, tape = Prover(proven.witness[0]), proven.witness[1:]
        assert self.verify(prover, proven.before, tape) == proven.after
        done = Damage()
        for at in range(0, len(tape), every):
            for bits in (1, 0x80) if every == 1 else (1 << at % 8,):
                damaged = bytearray(tape)
                damaged[at] ^= bits
                self._bear(proven, bytes(damaged), f"byte {at} of {len(tape)} changed", done)
        for cut in (1, 31, 32, 33, 64, len(tape) // 2, len(tape)):
            self._bear(proven, tape[:-cut], f"{cut} bytes cut off", done)
        for tail in (b"\0", b"\1", bytes(32), keccak(b"tail")):
            self._bear(proven, tape + tail, f"{len(tail)} bytes added", done)
        return done

    def _bear(self, proven: Proven, tape: bytes, what: str, done: Damage) -> None:
        try:
            judged = self.verify(Prover(proven.witness[0]), proven.before, tape)
        except Reverted:
            done.reverted += 1
            return
        assert judged != proven.after, f"{what}: still the right hash"
        done.other += 1

    def starve(self, proven: Proven, steps: int = 60) -> int:
        """Judge with less and less gas: the right hash or a revert. Gives how many reverted."""
        prover, tape = Prover(proven.witness[0]), proven.witness[1:]
        base, needed = intrinsic_gas(call_data(VERIFY, proven.before, tape)), self.gas(proven)
        reverted = 0
        for step in range(steps):
            try:
                judged = self.verify(prover, proven.before, tape, base + needed * step // steps)
            except Reverted:
                reverted += 1
                continue
            assert judged == proven.after, f"another hash at {step}/{steps} of the gas"
        return reverted


def intrinsic_gas(data: bytes) -> int:
    """Gas of a transaction before its execution begins."""
    zeros = data.count(0)
    return 21_000 + 4 * zeros + 16 * (len(data) - zeros)


def describe(frame: Frame | None) -> str:
    """A frame's changing fields, in short."""
    if frame is None:
        return "none"
    return (
        f"pc {frame.pc}, gas {frame.gas}, stack {[hex(value) for value in frame.stack[-5:]]} of {len(frame.stack)}, "
        f"{frame.memory.size} words of memory, {frame.returned.length} bytes returned"
    )


def _guess(m: Machine, judged: bytes) -> str:
    """Which other state the hash is of, where it is a common one: another mode, or a halt."""
    for mode in Mode:
        if State(mode, m.block, m.cursor, m.world, m.frame, m.tx, m.aux).hash() == judged:
            return mode.name
    if m.frame is not None:
        halted = make_halted(m.frame)
        if State(Mode.EXIT, m.block, m.cursor, m.world, halted, m.tx, Exit(0)).hash() == judged:
            return "EXIT of a halted frame"
    return ""


def make_halted(frame: Frame) -> Frame:
    """The frame as a halt leaves it."""
    halted = make_frame(
        frame.code.data,
        depth=frame.depth,
        is_static=frame.is_static,
        is_create=frame.is_create,
        target=frame.target,
        caller=frame.caller,
        value=frame.value,
        calldata=frame.input,
        entry_world=frame.entry_world,
        parent=frame.parent,
    )
    halted.halt()
    return halted
