"""What `make prove` shows: the boundaries and steps of a trace, and the contract on L1 that judges them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from web3.contract import Contract
from web3.exceptions import ContractCustomError, ContractLogicError

from story.stage import ETHER, DemoFailed
from tandem.batch.packed import unpack
from tandem.chain.header import Header
from tandem.l1.contracts import explain
from tandem.machine.block_head import string_span
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode
from tandem.machine.stepper import at_boundary, kind_of, prove_step
from tandem.machine.stepping import Proven
from tandem.machine.structures import BlockState
from tandem.machine.trace import AssertionTrace, skip
from tandem.primitives.types import Hash

Refused = (ContractCustomError, ContractLogicError)
"""What web3 raises where a contract reverts."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """A step of level 0."""

    leaf: int
    kind: str
    """Of the first step of level 1 in it."""
    what: str
    subject: Hash | None
    """The hash of what it deals with: a batch, a transaction, a block."""
    state: Hash


@dataclass(frozen=True, slots=True)
class Step:
    """A step of level 1, with its witness."""

    leaf: int
    number: int
    kind: str
    gas: int | None
    """Left behind it, where a frame is open."""
    top: int | None
    """Of the stack behind it."""
    proven: Proven


class Judge:
    """The Machine contract on L1, asked by eth_call: judging costs nothing until there is a dispute."""

    def __init__(self, machine: Contract) -> None:
        self._machine = machine

    @property
    def address(self) -> str:
        """Where it is."""
        return self._machine.address

    def verdict(self, before: Hash, witness: bytes) -> bytes:
        """The state behind the step. One of Refused where the contract does not take the witness."""
        return bytes(self._machine.functions.verify(before, witness).call())

    def check(self, step: Step) -> None:
        """DemoFailed unless the contract comes to the stepper's state."""
        proven = step.proven
        try:
            judged = self.verdict(proven.before, proven.witness)
        except Refused as error:
            raise DemoFailed(f"L1 refuses step {step.leaf}.{step.number} ({step.kind}): {explain(error)}") from error
        if judged != proven.after:
            raise DemoFailed(f"L1 sees another state behind step {step.leaf}.{step.number} ({step.kind})")

    def gas(self, proven: Proven) -> int:
        """Gas of an L1 transaction that does nothing but judge this step."""
        return int(self._machine.functions.verify(proven.before, proven.witness).estimate_gas())


def take_steps(trace: AssertionTrace, leaf: int) -> Iterator[Step]:
    """All steps of a leaf of level 0."""
    m = trace.origin(leaf)
    number = 0
    while True:
        kind = kind_of(m).name
        proven = prove_step(m)
        frame = m.frame
        top = frame.stack[-1] if frame is not None and frame.stack else None
        yield Step(leaf, number, kind, frame.gas if frame is not None else None, top, proven)
        if at_boundary(m):
            return
        number += 1


def read_boundaries(trace: AssertionTrace, names: Mapping[bytes, str]) -> Iterator[Boundary]:
    """What each step of level 0 does. `names`: of transactions, by their hash."""
    m = trace.origin(0)
    for leaf in range(len(trace.tree)):
        kind, block = kind_of(m).name, m.block
        what, subject = _describe(m, names)
        skip(m)
        if kind == "BLOCK_BEGIN" and m.mode == Mode.BATCH:
            what = f"batch {m.cursor.batches - 1} is done"
        elif kind == "BLOCK_BEGIN" and isinstance(m.block, BlockState):
            what = f"block {m.block.number} begins"
        elif isinstance(block, BlockState) and isinstance(m.block, Header):
            what, subject = f"block {block.number} ends, {block.gas_used:,} gas used", m.block.hash
        yield Boundary(leaf, kind, what, subject, m.hash())


def _describe(m: Machine, names: Mapping[bytes, str]) -> tuple[str, Hash | None]:
    """What the machine is about to do, as far as that shows before, and the hash of what it deals with."""
    kind, cursor, inbox = kind_of(m).name, m.cursor, m.chain.inbox
    if kind == "BATCH_LOAD" and cursor.batches == cursor.target:
        return "no more batches: the machine halts", None
    if kind == "BATCH_LOAD":
        batch = inbox.batch(cursor.batches)
        return f"batch {batch.index} is loaded, {len(batch.data):,} bytes", batch.entry.hash()
    if kind == "MESSAGE_LOAD":
        queued = inbox.message(cursor.messages)
        message = queued.message
        what = "what L1 is like" if message.is_system else f"a deposit of {message.mint / ETHER:g} ETH"
        return f"message {queued.index}: {what}", message.transaction(queued.accumulator).hash
    if kind == "TX_BEGIN":
        assert cursor.data.tree is not None and isinstance(m.block, BlockState)
        start, end = string_span(cursor.data.tree.data, cursor.position, cursor.list_end)
        digest = unpack(bytes(cursor.data.tree.data[start:end]), m.block.chain_id).hash
        return names.get(digest, "a transaction"), digest
    return "", None
