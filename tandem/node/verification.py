"""Whether what the engine said is what the machine does, step by step: it is the machine that L1 judges by.

Who finds that they differ must make no move: either of the two has a bug.
"""

from collections.abc import Callable

from tandem.machine.chain import Chain
from tandem.machine.trace import Boundaries, Boundary, StepTrace, boundary, states, walk
from tandem.node.step_files import GameFiles


class Disagreement(Exception):
    """Engine and stepper differ about a level-0 state."""

    def __init__(self, leaf: int, block: int, said: str) -> None:
        super().__init__(f"engine and stepper differ at leaf {leaf}, in block {block}: {said}")
        self.leaf = leaf
        """Of the assertion's trace."""
        self.block = block
        """Number of the L2 block that it is in, or behind."""


def verify_end(chain: Chain, trace: Boundaries, end: Boundary) -> None:
    """The trace ends in the state that an assertion describes. Disagreement where it does not."""
    if trace.tree.node(0, len(trace.tree) - 1) != end.machine(chain).hash():
        said = f"the chain's state is that behind block {end.block.number}"
        raise Disagreement(len(trace.tree) - 1, trace.end.block.number, said)


def verify_leaf(trace: Boundaries, leaf: int, files: GameFiles | None = None) -> StepTrace:
    """Level 1 of one step of level 0, whose end is the leaf. Disagreement where it is not.

    What is in `files` was verified before. What is not is put there; without any it stays in memory.
    """
    m = trace.origin(leaf)
    start, said = boundary(m), trace.tree.node(0, leaf)
    tree = files.find(m.hash(), said) if files else None
    if tree is None and files:
        tree = files.put(m.hash(), states(start.machine(m.chain)))
    steps = StepTrace(m.chain, start, tree=tree)
    if steps.tree.node(0, len(steps.tree) - 1) != said:
        raise Disagreement(leaf, start.block.number, f"{len(steps.tree)} steps end elsewhere")
    return steps


def verify_assertion(chain: Chain, start: Boundary, trace: Boundaries, is_enough: Callable[[], bool]) -> int:
    """All of a trace's states by the stepper, from the first on. Disagreement at the first that differs.

    `is_enough`: asked before each. Gives how many leaves are verified: all of them, unless it was enough before.
    """
    m = start.machine(chain)
    for leaf in range(len(trace.tree)):
        if is_enough():
            return leaf
        number = m.block.number
        count = walk(m)
        if m.hash() != trace.tree.node(0, leaf):
            raise Disagreement(leaf, number, f"{count} steps end elsewhere")
    return len(trace.tree)
