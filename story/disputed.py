"""What a dispute is about: both parties' traces, made anew from L1, and the one step that parts them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from story.stage import DemoFailed, Stage
from story.steps import Boundary, Judge, read_boundaries
from tandem.chain.header import Header
from tandem.disputes.forgeries import claim_of
from tandem.disputes.lies import Lie
from tandem.disputes.lying_trace import LyingTrace
from tandem.l1.assertion_book import Assertion
from tandem.machine.execution import fetch
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode
from tandem.machine.stepper import kind_of, prove_step
from tandem.machine.stepping import Proven
from tandem.machine.structures import BlockState
from tandem.machine.trace import AssertionTrace
from tandem.node.claims import inbox_acc
from tandem.node.machine_chain import boundary_after, machine_chain
from tandem.primitives.types import Hash
from tandem.store import ReadSession

TREE_HEAD = 4
"""Bytes of a hash that are shown at its beginning, half as many at its end."""


@dataclass(frozen=True, slots=True)
class Row:
    """A part of the machine's state: before the step, behind it, and behind it as the liar has it."""

    what: str
    before: str
    after: str
    claimed: str

    @property
    def differs(self) -> bool:
        """Whether it is part of the lie."""
        return self.after != self.claimed


@dataclass(frozen=True, slots=True)
class FinalStep:
    """The step that decides."""

    proven: Proven
    claimed: Hash
    """State behind it by the liar."""
    rows: tuple[Row, ...]


class Disputed:
    """The successors of one assertion: the right one and the liar's. Good for as long as the session."""

    def __init__(self, stage: Stage, session: ReadSession, parent: Assertion, lie: Lie) -> None:
        consumed, target = parent.opening.state.batches, parent.required_batches
        parameters = stage.deployment.parameters
        start = boundary_after(session, consumed, target)
        self.right = AssertionTrace(machine_chain(session, parameters), start)
        self.lying = LyingTrace(machine_chain(session, parameters), start, lie)
        self.nodes = self.lying.chain.nodes
        """Preimages of the liar's states."""
        self.claim = claim_of(self.lying, self.nodes, parent.id, inbox_acc(session, target))
        """The liar's."""

    @property
    def block(self) -> int:
        """Number of the L2 block that the lie is in, or behind which it is."""
        return self.right.origin(self.lying.lie_leaf).block.number

    def boundary(self, names: Mapping[bytes, str]) -> Boundary:
        """What the disputed step of level 0 does. `names`: of transactions, by their hash."""
        leaf = self.lying.lie_leaf
        return next(found for found in read_boundaries(self.right, names) if found.leaf == leaf)

    def final_step(self) -> FinalStep:
        """The disputed step of level 1."""
        leaf, index = self.lying.lie_leaf, self.lying.lie_step
        m = self.right.steps(leaf).before(index)
        before = dict(_describe(m))
        proven = prove_step(m)
        after = dict(_describe(m))
        lying = self.lying.steps(leaf)
        claimed = dict(_describe(lying.before(index + 1)))
        names = [*before, *(name for name in (*after, *claimed) if name not in before)]
        rows = (Row(name, before.get(name, ""), after.get(name, ""), claimed.get(name, "")) for name in names)
        return FinalStep(proven, lying.tree.node(0, index), tuple(dict.fromkeys(rows)))


def check_verdict(judge: Judge, step: FinalStep) -> None:
    """DemoFailed unless the contract comes to the challenger's state, which is not the liar's."""
    verdict = judge.verdict(step.proven.before, step.proven.witness)
    if verdict != step.proven.after:
        raise DemoFailed("L1 sees another state behind the disputed step than the challenger")
    if verdict == step.claimed:
        raise DemoFailed("L1 agrees with the liar")


def short(digest: bytes) -> str:
    """A hash for who reads."""
    return f"0x{digest[:TREE_HEAD].hex()}…{digest[-TREE_HEAD // 2 :].hex()}"


def _describe(m: Machine) -> Iterator[tuple[str, str]]:
    """The parts of a state that say where the machine is, and what it has come to."""
    yield "mode", m.mode.name
    if m.mode == Mode.EXEC and m.frame is not None:
        yield "program counter", str(m.frame.pc)
        yield "opcode", f"{kind_of(m).name} (0x{fetch(m.frame):02x})"
    elif m.mode != Mode.HALTED:
        yield "next", kind_of(m).name
    if m.frame is not None:
        yield "gas left", f"{m.frame.gas:,}"
        yield "stack", f"{len(m.frame.stack)} words"
        yield "stack top", _word(m.frame.stack[-1]) if m.frame.stack else ""
    if m.world is not None:
        yield "logs", f"{m.world.log_count}, {short(m.world.log_acc)}"
    yield "block", _block(m.block)
    yield "state root", short(m.world.state_root if m.world is not None else m.block.state_root)
    yield "batches", f"{m.cursor.batches} of {m.cursor.target}"
    yield "batch's bytes", f"{m.cursor.data.length:,}"
    yield "messages", str(m.cursor.messages)
    yield "state", short(m.hash())


def _block(block: BlockState | Header) -> str:
    return f"{block.number}" if isinstance(block, BlockState) else f"behind {block.number}"


def _word(value: int) -> str:
    return hex(value) if value < 1 << 40 else short(value.to_bytes(32, "big"))
