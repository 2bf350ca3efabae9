"""The provable machine: how fast it steps and commits, and what a step costs on L1."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eth.constants import BLANK_ROOT_HASH
from eth.db.atomic import AtomicDB
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.cancun.state import CancunState
from eth.vm.message import Message as PyEvmMessage
from rich.console import Console
from rich.table import Table

from bench.burners import BURNERS
from tandem.batch.packed import pack
from tandem.batch.payload import PackedBlock, encode_batch
from tandem.chain.genesis import genesis_header
from tandem.chain.spec import ChainParameters, Genesis, GenesisAccount
from tandem.inbox.queues import BatchEntry, DataLocation, L1Context, QueuedBatch, QueuedMessage
from tandem.machine.chain import Ancestry, Chain, Overlay
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode
from tandem.machine.stepper import at_boundary, prove_step, step
from tandem.machine.trace import Boundary, StepTrace, boundary, first_boundary, skip
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import address_of
from tandem.primitives.types import ZERO_HASH, Address, Gas, Seconds, Wei
from tandem.state.tables import StateTables
from tandem.transactions.codec import UnsignedTransaction
from tandem.transactions.transaction import DYNAMIC_FEE

CHAIN_ID = 42069
KEY = keccak(b"bench")
SLED, MIX = Address(b"\x01" * 20), Address(b"\x02" * 20)
SLED_CODE = b"\x5b" * 24_000 + bytes.fromhex("5f56")
"""JUMPDESTs, over and over until the gas is gone: a step a gas, as many as gas buys."""
MIX_CODE = bytes.fromhex("60005b6001018060005260206000208060005280546001018082555050600256")
"""A counter, a word into memory, its hash, that into memory, a cold storage slot read and written at the hash."""
PROGRAMS = {"JUMPDESTs": SLED, "memory, hashes, cold storage": MIX}
GAS = (100_000, 10_000_000)
SNAPSHOT = Path(__file__).resolve().parent.parent / "snapshots" / "machine.json"
SPECULAR, SPECULAR_CODE = 109_000, 629_000
"""Gas of a one-step proof of Specular's EVM prover, as published, without and with the contract's code. For OP Stack
and Nitro, whose steps are those of MIPS and WASM, no such figure was found."""


class OneBatch:
    """An inbox of one batch."""

    def __init__(self, data: bytes) -> None:
        context = L1Context(1, ZERO_HASH, Seconds(1_700_000_000), Wei(0))
        entry = BatchEntry(DataLocation.CALLDATA, keccak(data), 0, context)
        self._batch = QueuedBatch(0, entry, data, entry.hash())

    def message(self, index: int) -> QueuedMessage:
        """None."""
        raise LookupError(index)

    def batch(self, index: int) -> QueuedBatch:
        """The batch."""
        return self._batch


def before(to: Address, gas: int) -> tuple[Chain, Boundary]:
    """The boundary before a transaction that burns `gas` in a program."""
    parameters = ChainParameters(CHAIN_ID, data_gas_per_byte=Gas(0))
    accounts = {
        address_of(KEY): GenesisAccount(Wei(10**20)),
        SLED: GenesisAccount(nonce=1, code=SLED_CODE),
        MIX: GenesisAccount(nonce=1, code=MIX_CODE),
        **{burner.address: GenesisAccount(nonce=1, code=burner.code) for burner in BURNERS},
    }
    tables = StateTables()
    header = genesis_header(parameters, Genesis(Seconds(1_700_000_000), accounts), tables)
    unsigned = UnsignedTransaction(DYNAMIC_FEE, CHAIN_ID, 0, Wei(0), Wei(10**9), Gas(gas + 21_000), to, Wei(0), b"")
    inbox = OneBatch(encode_batch([PackedBlock(1, 0, (pack(unsigned.sign(KEY)),))]))
    chain = Chain(Overlay(tables.preimages), parameters, inbox, Ancestry())
    m = first_boundary(header, 0, 1).machine(chain)
    while m.mode != Mode.ITEM:
        skip(m)
    return chain, boundary(m)


@dataclass(frozen=True, slots=True)
class Pace:
    """Some steps and the seconds they took."""

    steps: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Steps a second."""
        return self.steps / self.seconds


def timed(work: Callable[[], int]) -> Pace:
    """What a piece of work took; it says how many steps it was."""
    start = time.perf_counter()
    return Pace(work(), time.perf_counter() - start)


def stepping(to: Address, gas: int) -> Pace:
    """Steps without hashes: how fast any step of a transaction is reached."""
    m = Machine(*_machine(to, gas))

    def walk() -> int:
        steps = 0
        while True:
            step(m)
            steps += 1
            if at_boundary(m):
                return steps

    return timed(walk)


def committing(to: Address, gas: int) -> Pace:
    """All states hashed, and the tree over them."""
    chain, start = before(to, gas)
    return timed(lambda: len(StepTrace(chain, start).tree))


def proving(to: Address, gas: int) -> Pace:
    """Every step with its witness."""
    m = Machine(*_machine(to, gas))

    def walk() -> int:
        steps = 0
        while True:
            prove_step(m)
            steps += 1
            if at_boundary(m):
                return steps

    return timed(walk)


def executing(to: Address, gas: int, steps: int) -> Pace:
    """The engine, which takes the transaction as a whole."""
    _, m = _machine(to, gas)

    def run() -> int:
        skip(m)
        return steps

    return timed(run)


def py_evm(code: bytes, gas: int, steps: int) -> Pace:
    """The same program on py-evm, which takes as many instructions."""
    execution = ExecutionContext(
        coinbase=bytes(20), timestamp=0, block_number=1, difficulty=0, mix_hash=bytes(32), gas_limit=gas,
        prev_hashes=(), chain_id=CHAIN_ID, base_fee_per_gas=0, excess_blob_gas=0,
    )  # fmt: skip
    state = CancunState(AtomicDB(), execution, BLANK_ROOT_HASH)
    state.set_code(SLED, code)
    message = PyEvmMessage(gas=gas, to=SLED, sender=MIX, value=0, data=b"", code=code)
    context = state.get_transaction_context_class()(gas_price=0, origin=MIX)

    def run() -> int:
        state.computation_class.apply_message(state, message, context)
        return steps

    return timed(run)


def _machine(to: Address, gas: int) -> tuple[Chain, Machine]:
    chain, start = before(to, gas)
    return chain, start.machine(chain)


def show(console: Console) -> None:
    """Measure, and print the tables."""
    with console.status("the machine steps, commits and proves"):
        table = Table(
            "steps a second", "steps", "step", "commit", "prove", "py-evm", "step / py-evm", title="The stepper"
        )
        for name, to in PROGRAMS.items():
            walked = stepping(to, 1_000_000)
            peer = py_evm(SLED_CODE if to == SLED else MIX_CODE, 1_000_000, walked.steps)
            table.add_row(
                name, f"{walked.steps:,}", f"{walked.per_second:,.0f}", f"{committing(to, 1_000_000).per_second:,.0f}",
                f"{proving(to, 200_000).per_second:,.0f}", f"{peer.per_second:,.0f}",
                f"{walked.per_second / peer.per_second:.2f}",
            )  # fmt: skip
    console.print(table)
    with console.status("committing to whole transactions"):
        table = Table("transaction", "gas", "steps", "seconds to commit", title="Level 1: all states in a tree")
        for gas in GAS:
            for name, to in PROGRAMS.items():
                pace = committing(to, gas)
                table.add_row(name, f"{gas:,}", f"{pace.steps:,}", f"{pace.seconds:.2f}")
    console.print(table)
    _show_gas(console)


def _show_gas(console: Console) -> None:
    """Gas from the committed snapshot, which a test asserts: execution and calldata, without the 21,000."""
    snapshot = json.loads(SNAPSHOT.read_text())
    instructions, steps, worst = snapshot["usual instruction gas"], snapshot["usual step gas"], snapshot["worst gas"]
    table = Table("step", "gas", "Specular / ours", title="Judging one step on L1 (snapshots/machine.json)")
    ordered = sorted(instructions.values())
    rows = {
        "the median of all instructions": ordered[len(ordered) // 2],
        "ADD": instructions["ADD"],
        "MSTORE": instructions["MSTORE"],
        "SLOAD, cold": instructions["SLOAD"],
        "SSTORE, cold": instructions["SSTORE"],
        "CALL with value": instructions["CALL, value"],
        **{
            name: steps[name]
            for name in ("CALL_ENTER", "FRAME_EXIT", "TX_BEGIN", "TX_END", "BLOCK_BEGIN", "BATCH_LOAD")
        },
    }
    for name, gas in rows.items():
        table.add_row(name, f"{gas:,}", f"{SPECULAR / gas:.1f}" if name in instructions or "median" in name else "")
    for name, gas in sorted(worst.items(), key=lambda item: -item[1])[:5]:
        table.add_row(f"worst {name}", f"{gas:,}", "")
    console.print(table)
    console.print(
        f"Specular's EVM prover: {SPECULAR:,} gas a step as published, {SPECULAR_CODE:,} with its code opened; "
        "ours opens the code's chunk always."
    )
