"""The traces of contracts/test/ToyMachine.sol: disputes of any shape, without a chain behind them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tandem.disputes.edges import Edge, Level, Opening, Path
from tandem.machine.stepping import OK, Proven
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import Hash
from tandem.rollup.trace_tree import TraceTree

STATE_LENGTH = 64


@dataclass(frozen=True, slots=True)
class ToyState:
    """What a state's hash is of: the word before and the steps left to the next boundary, or any other bytes."""

    preimage: bytes

    @property
    def hash(self) -> Hash:
        """Names the state."""
        return keccak(self.preimage)

    @property
    def left(self) -> int:
        """Steps to the next state of level 0."""
        return int.from_bytes(self.preimage[32:], "big") if len(self.preimage) == STATE_LENGTH else 0


Alter = Callable[[int, int, ToyState], ToyState]
"""What a party makes of the state behind a step: (leaf of level 0, step of level 1 below it, the right state)."""


def honestly(leaf: int, step: int, state: ToyState) -> ToyState:
    """Leaves it as it is."""
    return state


def lie_at(leaf: int, step: int, salt: int = 0) -> Alter:
    """One false state, and honest steps from there. It has as many steps left as the right one."""

    def alter(at_leaf: int, at_step: int, state: ToyState) -> ToyState:
        if (at_leaf, at_step) != (leaf, step):
            return state
        return ToyState(keccak(state.preimage + word(salt)) + word(state.left))

    return alter


def toy_step(state: ToyState, longest: int) -> ToyState:
    """The next state, before any run has ended."""
    left = state.left - 1 if state.left else int.from_bytes(state.hash, "big") % longest
    return ToyState(state.hash + word(left))


class ToySteps:
    """Level 1 below one leaf of level 0. Leaf i is the state behind step i."""

    def __init__(self, states: Sequence[ToyState], depth: int) -> None:
        """`states`: the one before the first step, and all behind it."""
        self.states = tuple(states)
        self.tree = TraceTree(b"".join(state.hash for state in states[1:]), depth)

    def before(self, index: int) -> ToyState:
        """The state before step `index`: the last one repeats."""
        return self.states[min(index, len(self.states) - 1)]

    def prove(self, index: int) -> Proven:
        """Step `index` with its witness, where the last state repeats too."""
        before = self.before(index)
        return Proven(OK, before.hash, before.preimage, self.before(index + 1).hash)


class ToyTrace:
    """Level 0 of a run from `start` to `end`, which has `leaves` boundaries, and level 1 below each of them."""

    def __init__(
        self,
        start: ToyState,
        end: ToyState,
        leaves: int,
        *,
        longest: int,
        depths: tuple[int, int],
        alter: Alter = honestly,
    ) -> None:
        """`depths`: of the trees of level 0 and 1. The machine is to be told `exit` and `end` (ToyMachine.finish)."""
        self.start, self.end = start, end
        self._depths = depths
        self._steps: list[list[ToyState]] = []
        at = start
        for leaf in range(leaves - 1):
            states = [at]
            while len(states) == 1 or states[-1].left:
                states.append(alter(leaf, len(states) - 1, toy_step(states[-1], longest)))
            self._steps.append(states)
            at = states[-1]
        self.exit = at
        """The state with which the run ends: one step leads from it to `end`."""
        self._steps.append([at, end])
        self.tree = TraceTree(b"".join(states[-1].hash for states in self._steps), depths[0])

    def steps(self, leaf: int) -> ToySteps:
        """Level 1 below one leaf."""
        states = self._steps[leaf] if leaf < len(self._steps) else [self.end, self.end]
        return ToySteps(states, self._depths[1])


@dataclass(frozen=True, slots=True)
class Claim:
    """A trace as edges: what one party believes of one origin."""

    origin: Hash
    level: Level
    start: Hash
    """The state that the trace begins with."""
    tree: TraceTree

    @property
    def root(self) -> Edge:
        """The edge over all of it."""
        return Edge(self.origin, self.level, self.tree.depth, 0, self.start, self.tree.root)

    @property
    def end_proof(self) -> tuple[Hash, ...]:
        """Siblings of its last state."""
        return self.tree.proof((1 << self.tree.depth) - 1)

    def edge(self, height: int, index: int) -> Edge:
        """The edge over the states from index * 2^height on."""
        edge = self.root
        while edge.height > height:
            right = index >> (edge.height - height - 1) & 1
            edge = edge.children(*self.halves(edge))[right]
        return edge

    def halves(self, edge: Edge) -> tuple[Hash, Hash]:
        """The roots of an edge's children."""
        height, index = edge.height - 1, 2 * edge.index
        return self.tree.node(height, index), self.tree.node(height, index + 1)

    def opening(self, index: int) -> Opening:
        """Shows the state before a leaf."""
        if index == 0:
            return Opening(Hash(bytes(32)), self.start, ())
        height = (index & -index).bit_length() - 1
        sibling = self.edge(height, (index >> height) - 1)
        siblings = self.tree.proof(index - 1)[:height]
        return Opening(sibling.prefix, self.tree.node(0, index - 1), siblings)

    def path(self, height: int, index: int, top: int | None = None) -> Path:
        """The way from the edge of height `top` (the root) down to this one."""
        until = self.tree.depth if top is None else top
        siblings = tuple(self.tree.node(at, index >> (at - height) ^ 1) for at in range(height, until))
        return Path(index, self.tree.node(height, index), siblings)

    def below(self, leaf: int, steps: ToySteps) -> "Claim":
        """The level-1 claim about one of its leaves."""
        return Claim(self.edge(0, leaf).place, Level.STEPS, steps.states[0].hash, steps.tree)
