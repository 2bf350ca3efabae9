"""What is known to all in a game: pairs behind hashes, states behind theirs, and the machine's steps. Secrets decide
nothing in a dispute, so the adversaries have all that the honest party has."""

from collections.abc import Sequence
from dataclasses import dataclass

from tandem.disputes.edges import Edge, Opening, Path, join
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import Hash
from tandem.rollup.trace_tree import TraceTree
from tests.support.toy_machine import ToyState, ToySteps, ToyTrace, toy_step

START = ToyState(b"start")
END = ToyState(b"end")


@dataclass(frozen=True, slots=True)
class ToyProof:
    """A step, shown."""

    witness: bytes


class PlayedSteps:
    """Level 1 below a leaf, as a party plays it. Every step is taken, those behind the end too."""

    def __init__(self, steps: ToySteps) -> None:
        self._steps = steps
        self.tree = steps.tree

    def prove(self, index: int) -> ToyProof:
        """The state before the step is all that it reads."""
        return ToyProof(self._steps.before(index).preimage)


class PlayedTrace:
    """Level 0, as a party plays it."""

    def __init__(self, trace: ToyTrace) -> None:
        self._trace = trace
        self.tree = trace.tree

    def steps(self, leaf: int) -> PlayedSteps:
        """Level 1 below one leaf."""
        return PlayedSteps(self._trace.steps(leaf))


class Knowledge:
    """Grows with every trace that is made."""

    def __init__(self, heights: tuple[int, int], leaves: int) -> None:
        """`leaves`: boundaries of the right trace."""
        self.heights = heights
        self.longest = 1 << heights[1]
        self.pairs: dict[Hash, tuple[Hash, Hash]] = {}
        self.states: dict[Hash, ToyState] = {}
        self.exits: dict[Hash, Hash] = {}
        self.honest = self.run(leaves)

    def run(self, leaves: int, alter: object = None, end: ToyState = END) -> ToyTrace:
        """A trace as the machine runs, but for what is altered. Its end is still to be told to the machine."""
        options = {} if alter is None else {"alter": alter}
        trace = ToyTrace(START, end, leaves, longest=self.longest, depths=self.heights, **options)  # type: ignore[arg-type]
        for leaf in range(1 << self.heights[0]):
            for state in trace.steps(leaf).states:
                self.states[state.hash] = state
            self.learn_tree(trace.steps(leaf).tree)
        self.learn_tree(trace.tree)
        self.exits.setdefault(trace.exit.hash, end.hash)
        return trace

    def learn_tree(self, tree: TraceTree) -> None:
        """All its pairs."""
        for height in range(tree.depth):
            for index in range(0, 1 << (tree.depth - height), 2):
                self.learn(tree.node(height, index), tree.node(height, index + 1))

    def learn(self, left: Hash, right: Hash) -> Hash:
        """One pair."""
        joined = join(left, right)
        self.pairs[joined] = left, right
        return joined

    def step(self, before: Hash, index: int, witness: bytes) -> Hash | None:
        """ToyMachine.next; None where it reverts."""
        if keccak(witness) != before:
            return None
        state = ToyState(witness)
        if before in self.exits.values() or (index != 0 and state.left == 0):
            return before
        if before in self.exits:
            return self.exits[before]
        behind = toy_step(state, self.longest)
        self.states[behind.hash] = behind
        return behind.hash

    def steps_from(self, before: Hash) -> list[Hash] | None:
        """The right leaves of level 1 behind a state; None where the state is only a hash."""
        leaves = []
        for index in range(self.longest):
            state = self.states.get(before)
            if state is None:
                return None
            behind = self.step(before, index, state.preimage)
            assert behind is not None
            leaves.append(behind)
            before = behind
        return leaves

    def opening(self, leaf: Edge) -> Opening | None:
        """Shows the state before a leaf; None where nobody can."""
        if leaf.index == 0:
            return Opening(Hash(bytes(32)), leaf.prefix, ())
        if leaf.prefix not in self.pairs:
            return None
        prefix, node = self.pairs[leaf.prefix]
        siblings: list[Hash] = []
        for _ in range((leaf.index & -leaf.index).bit_length() - 1):
            if node not in self.pairs:
                return None
            left, node = self.pairs[node]
            siblings.insert(0, left)
        return Opening(prefix, node, tuple(siblings))

    def end_proof(self, root: Hash, height: int) -> tuple[Hash, tuple[Hash, ...]]:
        """The last leaf under a root and its siblings, lowest first."""
        siblings: list[Hash] = []
        for _ in range(height):
            left, root = self.pairs[root]
            siblings.insert(0, left)
        return root, tuple(siblings)

    def path(self, top: Edge, turns: Sequence[int]) -> Path:
        """The way down from an edge, left or right, as far as its pairs are known."""
        index, node = top.index, top.root
        siblings: list[Hash] = []
        for turn in turns[: top.height]:
            if node not in self.pairs:
                break
            pair = self.pairs[node]
            index, node = 2 * index + turn, pair[turn]
            siblings.insert(0, pair[1 - turn])
        return Path(index, node, tuple(siblings))


def noise(*salt: int) -> Hash:
    """A hash of nothing that anyone knows."""
    return keccak(b"noise" + b"".join(map(word, salt)))
