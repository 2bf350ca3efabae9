"""The two traces that a dispute is about (machine.md, section 1), with proofs of any of their states.

Level 0: the boundaries of an assertion's batches, transactions done by the engine. Level 1: every step from one
boundary to the next, taken by the stepper. Leaf i of a trace is the state behind its step i; the last one repeats.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from tandem.chain.header import Header
from tandem.machine.block_head import string_span
from tandem.machine.chain import Chain
from tandem.machine.fast import skip_item
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode
from tandem.machine.stepper import at_boundary, prove_step, step
from tandem.machine.stepping import Proven
from tandem.machine.structures import BlockState, Cursor, State
from tandem.primitives.types import Hash
from tandem.rollup.assertions import TRACE_DEPTH
from tandem.rollup.trace_tree import TraceTree

STEP_DEPTH = 26
"""Level-1 trees have 2^26 leaves. Each step of a transaction is paid for by at least one gas, and it has at most 2^24;
a batch's loading takes fewer than 8,200 steps, a block's beginning at most 1,026."""
CHECKPOINT = 64
"""Boundaries between the states kept to start again from."""


Step = Callable[[Machine, int], object]
"""Takes the step of that index, counted from the last boundary."""


class TraceTooLong(Exception):
    """A trace outgrows its tree. The caps of batches and gas exclude it: a bug in the stepper, never a move."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """A state of level 0. It has no frame, no transaction and no world: these three are all of it."""

    mode: Mode
    block: BlockState | Header
    cursor: Cursor

    def machine(self, chain: Chain) -> Machine:
        """A machine in this state."""
        return Machine(chain, State(self.mode, self.block, self.cursor))


def boundary(m: Machine) -> Boundary:
    """The boundary that a machine stands at."""
    assert at_boundary(m)
    return Boundary(m.mode, m.block, m.cursor)


def first_boundary(header: Header, batches: int, target: int) -> Boundary:
    """Where an assertion begins: behind the block `header`, `batches` consumed, up to `target`."""
    return Boundary(Mode.BATCH, header, Cursor(batches, target, header.messages_consumed))


def skip(m: Machine) -> None:
    """To the next boundary, a transaction at once."""
    cursor = m.cursor
    if m.mode == Mode.ITEM and cursor.messages < cursor.block_messages_end:
        skip_item(m, None)
        m.cursor = replace(cursor, messages=cursor.messages + 1)
    elif m.mode == Mode.ITEM and cursor.position < cursor.list_end:
        packed, end = next_item(cursor)
        skip_item(m, packed)
        m.cursor = replace(cursor, position=end)
    else:
        walk(m)


def next_item(cursor: Cursor) -> tuple[bytes, int]:
    """The packed transaction that a block goes on with, and the position behind it."""
    assert cursor.data.tree is not None
    start, end = string_span(cursor.data.tree.data, cursor.position, cursor.list_end)
    return cursor.data.read(start, end - start), end


def take_step(m: Machine, index: int) -> object:
    """As the machine does, whatever the index."""
    return step(m)


def walk(m: Machine, take: Step = take_step) -> int:
    """To the next boundary step by step. Gives their number."""
    return sum(1 for _ in stepwise(m, take))


def stepwise(m: Machine, take: Step = take_step) -> Iterator[None]:
    """Each step to the next boundary, the first in any case."""
    for index in range(1 << STEP_DEPTH):
        take(m, index)
        yield
        if at_boundary(m):
            return
    raise TraceTooLong(f"more than 2^{STEP_DEPTH} steps between two boundaries")


class Steps(Protocol):
    """What a party commits to at level 1, and all that it can show of it."""

    @property
    def tree(self) -> TraceTree:
        """The commitment."""
        ...

    @property
    def end(self) -> Boundary:
        """The boundary that the steps lead to."""
        ...

    def prove(self, index: int) -> Proven | None:
        """Step `index` with its witness; None where the trace has ended before it: the state just repeats."""
        ...

    def state_before(self, index: int) -> Hash:
        """Hash of the state before step `index`."""
        ...


class Boundaries(Protocol):
    """What a party commits to at level 0, and all that it can show of it."""

    @property
    def tree(self) -> TraceTree:
        """The commitment."""
        ...

    @property
    def end(self) -> Boundary:
        """The state that the assertion claims."""
        ...

    def origin(self, leaf: int) -> Machine:
        """The machine before step `leaf`, ready to take it."""
        ...

    def steps(self, leaf: int) -> Steps:
        """Level 1 of one step."""
        ...


class AssertionTrace:
    """Level 0 of an assertion."""

    def __init__(self, chain: Chain, start: Boundary) -> None:
        """Runs from `start` to where the machine halts."""
        self._chain = chain
        self._checkpoints = [start]
        m = start.machine(chain)
        leaves = bytearray()
        count = 0
        while m.mode != Mode.HALTED or not count:
            self._advance(m, count)
            leaves += m.hash()
            count += 1
            if count % CHECKPOINT == 0:
                self._checkpoints.append(boundary(m))
            if count == 1 << TRACE_DEPTH:
                raise TraceTooLong(f"more than 2^{TRACE_DEPTH} boundaries in an assertion")
        self.end = boundary(m)
        self.tree = TraceTree(leaves, TRACE_DEPTH)

    def _advance(self, m: Machine, leaf: int) -> None:
        """Takes step `leaf` of level 0."""
        skip(m)

    def origin(self, leaf: int) -> Machine:
        """The machine before step `leaf` of level 0, ready to take it."""
        if leaf >= len(self.tree):
            return self.end.machine(self._chain)
        m = self._checkpoints[leaf // CHECKPOINT].machine(self._chain)
        for earlier in range(leaf - leaf % CHECKPOINT, leaf):
            self._advance(m, earlier)
        return m

    def steps(self, leaf: int) -> "StepTrace":
        """Level 1 of one step of level 0."""
        return StepTrace(self._chain, boundary(self.origin(leaf)))


def states(m: Machine, take: Step = take_step) -> Iterator[Hash]:
    """Hashes of all states behind each step to the next boundary: the leaves of level 1."""
    for _ in stepwise(m, take):
        yield m.hash()


class StepTrace:
    """Level 1: all states from one boundary to the next."""

    def __init__(self, chain: Chain, start: Boundary, take: Step = take_step, tree: TraceTree | None = None) -> None:
        """Runs from `start` to the next boundary and hashes every state on the way, unless `tree` is given: what that
        has led to before. `take`: how a step is taken."""
        self._chain = chain
        self._start = start
        self._take = take
        if tree is None:
            leaves = bytearray()
            for state in states(start.machine(chain), take):
                leaves += state
            tree = TraceTree(leaves, STEP_DEPTH)
        self.tree = tree

    @cached_property
    def end(self) -> Boundary:
        """The boundary that the steps lead to. They are taken for it, without hashing."""
        return boundary(self.before(len(self.tree)))

    def before(self, index: int) -> Machine:
        """The machine before step `index`."""
        m = self._start.machine(self._chain)
        for earlier in range(min(index, len(self.tree))):
            self._take(m, earlier)
        return m

    def prove(self, index: int) -> Proven | None:
        """Step `index` with its witness, as the machine takes it; None where the trace has ended before it."""
        return prove_step(self.before(index)) if index < len(self.tree) else None

    def state_before(self, index: int) -> Hash:
        """Hash of the state before step `index`."""
        return self.tree.node(0, index - 1) if index else self._start.machine(self._chain).hash()
