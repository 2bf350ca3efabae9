"""What one party claims of one assertion: its traces as edges, and all that its moves have to show."""

from typing import Protocol

from tandem.disputes.edges import Edge, Level, Opening
from tandem.disputes.moves import Answer, Bisect, Due, OpenSteps, Prove
from tandem.errors import TandemError
from tandem.machine.modes import Prover
from tandem.machine.stepping import Proven
from tandem.machine.structures import State
from tandem.machine.trace import STEP_DEPTH, Boundary
from tandem.primitives.types import ZERO_HASH, Hash
from tandem.rollup.trace_tree import TraceTree

QUICK_STEPS = 1 << 15
"""Steps that are taken again for a proof in a tenth of a second."""
REPEATED = bytes([len(Prover)])
"""What a witness begins with that is of no step: the number of no prover."""


class StepsUnknown(TandemError):
    """A level-1 edge is below a leaf whose steps this party has neither made nor been told."""


class Steps(Protocol):
    """Level 1 below one leaf. Of machine.trace.Steps what a game needs."""

    @property
    def tree(self) -> TraceTree:
        """Over the states behind each step."""
        ...

    @property
    def end(self) -> Boundary:
        """The state that repeats."""
        ...

    def prove(self, index: int) -> Proven | None:
        """Step `index` with its witness; None where the end just repeats."""
        ...


class Trace(Protocol):
    """Level 0. Of machine.trace.Boundaries what a game needs."""

    @property
    def tree(self) -> TraceTree:
        """Over the level-0 states."""
        ...

    def steps(self, leaf: int) -> Steps:
        """Level 1 below one leaf. Made when asked for."""
        ...


class Claims:
    """A party's claim about an assertion's successor. Fixes all edges that it believes in.

    Level-1 traces are kept, each as its trace gave it: the longest ones belong into files (tandem.node.step_files).
    """

    def __init__(self, origin: Hash, start: Hash, trace: Trace, step_height: int = STEP_DEPTH) -> None:
        """`origin`: the parent assertion's id, `start`: the level-0 state that it hands on."""
        self.origin = origin
        self.start = start
        self._trace = trace
        self._step_height = step_height
        self.root = Edge(origin, Level.TRACE, trace.tree.depth, 0, start, trace.tree.root)
        """The level-0 root edge."""
        self._steps: dict[int, Steps] = {}
        self._proofs: dict[Hash, Prove] = {}
        self._step_roots: dict[int, Edge] = {}
        self._leaves: dict[Hash, int] = {}

    # -- level 1

    def needs_steps(self, leaf: int) -> bool:
        """Whether the level-1 trace below a leaf would have to be made first."""
        return leaf not in self._steps

    def steps(self, leaf: int) -> Steps:
        """The level-1 trace below a leaf; made where it is not at hand."""
        if leaf not in self._steps:
            steps = self._steps[leaf] = self._trace.steps(leaf)
            self.recall(leaf, steps.tree.root)
        return self._steps[leaf]

    def step_root(self, leaf: int) -> Edge | None:
        """The own level-1 root below a leaf; None before its trace was made or recalled."""
        return self._step_roots.get(leaf)

    def step_roots(self) -> list[Edge]:
        """All own level-1 roots that are known, by leaf."""
        return [self._step_roots[leaf] for leaf in sorted(self._step_roots)]

    def recall(self, leaf: int, root: Hash) -> None:
        """Takes the root of a level-1 trace that the party made before, and spares it making it again."""
        origin = self.leaf(leaf).place
        self._leaves[origin] = leaf
        self._step_roots[leaf] = Edge(origin, Level.STEPS, self._step_height, 0, self._before(leaf), root)

    def leaf_of(self, edge: Edge) -> int:
        """The leaf that a level-1 edge is below. StepsUnknown where its trace was neither made nor recalled."""
        try:
            return self._leaves[edge.origin]
        except KeyError:
            raise StepsUnknown(f"no steps are known below place 0x{edge.origin.hex()}") from None

    # -- edges

    def leaf(self, index: int) -> Edge:
        """The edge over a level-0 leaf."""
        tree = self._trace.tree
        return Edge(self.origin, Level.TRACE, 0, index, prefix(tree, self.start, 0, index), tree.node(0, index))

    def children(self, edge: Edge) -> tuple[Edge, Edge]:
        """The two halves of an own edge. ValueError where it is someone else's."""
        tree = self._tree(edge)
        height, index = edge.height - 1, 2 * edge.index
        return edge.children(tree.node(height, index), tree.node(height, index + 1))

    # -- what moves show

    def is_at_hand(self, due: Due) -> bool:
        """Whether the move can be worked out at once: no level-1 trace has to be made for it, nor many steps taken
        again for a proof."""
        if due.leaf is None:
            return True
        if self.needs_steps(due.leaf):
            return False
        far = min(due.edge.index, len(self.steps(due.leaf).tree)) > QUICK_STEPS
        return not due.proves or not far or due.edge.id in self._proofs

    def make(self, due: Due) -> Answer:
        """Works out the move. A proof is kept."""
        edge = due.edge
        if edge.height:
            left, right = self.children(edge)
            return Bisect(edge, left.root, right.root)
        if edge.level == Level.STEPS:
            return self._prove(edge)
        tree = self.steps(edge.index).tree
        return OpenSteps(edge, self.opening(edge), tree.root, end_proof(tree))

    def end_proof(self) -> tuple[Hash, ...]:
        """Siblings of the assertion's last level-0 state."""
        return end_proof(self._trace.tree)

    def opening(self, leaf: Edge) -> Opening:
        """Shows the state before an own leaf, of either level."""
        start = self.start if leaf.level == Level.TRACE else self._before(self.leaf_of(leaf))
        return opening(self._tree(leaf), start, leaf.index)

    def witness(self, leaf: int, index: int) -> bytes:
        """What step `index` below a level-0 leaf reads, as Machine.next takes it."""
        steps = self.steps(leaf)
        proven = steps.prove(index)
        return repeated(steps.end) if proven is None else proven.witness

    def _prove(self, edge: Edge) -> Prove:
        if edge.id not in self._proofs:
            witness = self.witness(self.leaf_of(edge), edge.index)
            self._proofs[edge.id] = Prove(edge, self.opening(edge), witness)
        return self._proofs[edge.id]

    def _tree(self, edge: Edge) -> TraceTree:
        return self._trace.tree if edge.level == Level.TRACE else self.steps(self.leaf_of(edge)).tree

    def _before(self, leaf: int) -> Hash:
        """The level-0 state before a leaf."""
        return self._trace.tree.node(0, leaf - 1) if leaf else self.start


def prefix(tree: TraceTree, start: Hash, height: int, index: int) -> Hash:
    """What the edge over this node of a trace has as its prefix. `start`: the state that the trace begins with."""
    edge = Edge(ZERO_HASH, Level.TRACE, tree.depth, 0, start, tree.root)
    while edge.height > height:
        below = edge.height - 1
        halves = edge.children(tree.node(below, 2 * edge.index), tree.node(below, 2 * edge.index + 1))
        edge = halves[index >> (below - height) & 1]
    return edge.prefix


def opening(tree: TraceTree, start: Hash, index: int) -> Opening:
    """Shows the state before leaf `index` of a trace."""
    if index == 0:
        return Opening(ZERO_HASH, start, ())
    height = (index & -index).bit_length() - 1
    before = prefix(tree, start, height, (index >> height) - 1)
    return Opening(before, tree.node(0, index - 1), tree.proof(index - 1)[:height])


def end_proof(tree: TraceTree) -> tuple[Hash, ...]:
    """Siblings of a trace's last leaf, lowest first."""
    return tree.proof((1 << tree.depth) - 1)


def repeated(state: Boundary) -> bytes:
    """The witness of a step behind the last: the level-0 state just repeats."""
    return REPEATED + State(state.mode, state.block, state.cursor).words()
