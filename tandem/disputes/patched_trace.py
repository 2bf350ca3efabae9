"""The traces of a party that patches a right commitment: it claims the right end, by a way that does not lead there."""

from tandem.machine.machine import Machine
from tandem.machine.stepping import Proven
from tandem.machine.trace import Boundaries, Boundary, Steps
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash
from tandem.rollup.trace_tree import WORD, TraceTree


def patched(trace: Boundaries, leaf: int, step: int | None = None) -> "PatchedTrace":
    """`trace` with one state in it that is none: leaf `leaf` of level 0 or, given a `step`, the state behind that step
    of level 1; level 0 is then right, and only the commitment that refines the leaf is not.

    ValueError where that state is not between others of its trace.
    """
    return PatchedTrace(trace, leaf, step)


class PatchedTrace:
    """Level 0 with a patch in it or below it."""

    def __init__(self, trace: Boundaries, leaf: int, step: int | None) -> None:
        self._trace = trace
        self._at_level_0 = step is None
        _check_between(trace.tree, leaf)
        self.end = trace.end
        self.lie_leaf = leaf
        steps = trace.steps(leaf)
        if step is None:
            self.tree = _patch(trace.tree, leaf)
            self.lie_step = len(steps.tree) - 1
        else:
            _check_between(steps.tree, step)
            self.tree = trace.tree
            self.lie_step = step

    def origin(self, leaf: int) -> Machine:
        """The machine before step `leaf`. Behind a patch it is the right one: of the other there is only the hash."""
        return self._trace.origin(leaf)

    def steps(self, leaf: int) -> Steps:
        """Level 1 of one step of level 0."""
        steps = self._trace.steps(leaf)
        if leaf == self.lie_leaf:
            return PatchedSteps(steps, _patch(steps.tree, self.lie_step), steps.state_before(0))
        if leaf == self.lie_leaf + 1 and self._at_level_0:
            return PatchedSteps(steps, steps.tree, self.tree.node(0, self.lie_leaf))
        return steps


class PatchedSteps:
    """Level 1 with another commitment, or another beginning, than its steps have."""

    def __init__(self, steps: Steps, tree: TraceTree, start: Hash) -> None:
        self._steps = steps
        self._start = start
        self.tree = tree

    @property
    def end(self) -> Boundary:
        """The boundary that the right steps lead to."""
        return self._steps.end

    def prove(self, index: int) -> Proven | None:
        """The right step: there is no proof of another."""
        return self._steps.prove(index)

    def state_before(self, index: int) -> Hash:
        """Hash of the state that is claimed before step `index`."""
        return self.tree.node(0, index - 1) if index else self._start


def _check_between(tree: TraceTree, index: int) -> None:
    """A patch leaves the last state as it is."""
    if not 0 <= index < len(tree) - 1:
        raise ValueError(f"state {index} is not before the last of {len(tree)}")


def _patch(tree: TraceTree, index: int) -> TraceTree:
    """The tree with another hash in one place; behind the last state that one repeats."""
    leaves = bytearray().join(tree.node(0, leaf) for leaf in range(len(tree)))
    leaves[WORD * index : WORD * index + WORD] = keccak(tree.node(0, index))
    return TraceTree(leaves, tree.depth)
