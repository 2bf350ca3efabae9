"""What everyone but the honest party does: anything that can be said to the contracts, some of it with a purpose.

A chooser (Hypothesis or a random generator) takes every decision.
"""

from dataclasses import replace

from tandem.disputes.edges import Edge, Level, Opening, last_under
from tandem.disputes.moves import Bisect, Lift, OpenSteps, Prove, Update
from tandem.primitives.types import Hash
from tandem.rollup.trace_tree import TraceTree
from tests.model.blunders import damaged
from tests.model.calls import Assert, Call
from tests.model.chooser import Chooser
from tests.model.collectors import SYBILS, Collectors
from tests.model.knowledge import END, noise
from tests.model.play import Play
from tests.support.toy_machine import ToyState, lie_at, toy_step

UNKNOWN = b"a witness of nothing"


class Adversary(Collectors):
    """All sybils together."""

    def __init__(self, play: Play, chooser: Chooser) -> None:
        super().__init__(play, chooser)
        self._salt = 0
        self._tried: set[Edge] = set()
        """Leaves of level 1 that it has tried to prove."""

    # -- roots

    def assert_run(self) -> None:
        """A lie and what honestly follows from it. It may even come to the right end."""
        honest = self._play.knowledge.honest
        leaf = self._chooser.number(0, self._boundaries - 2)
        step = self._chooser.number(0, len(honest.steps(leaf).states) - 2)
        end = self._chooser.choice([END, ToyState(b"false end" + bytes([self._next_salt()]))])
        trace = self._play.knowledge.run(self._boundaries, lie_at(leaf, step, self._salt), end)
        if trace.exit.hash not in honest_states(self._play):
            self._play.arena.finish(trace.exit.hash, end.hash)
        self._assert(trace.tree)

    def assert_patch(self) -> None:
        """The right end, and one wrong state before it."""
        leaves = self._right_leaves()
        leaves[self._chooser.number(0, len(leaves) - 2)] = noise(self._next_salt())
        self._assert_leaves(leaves)

    def assert_noise(self) -> None:
        """Nothing is right from somewhere on."""
        leaves = self._right_leaves()
        first = self._chooser.number(0, len(leaves) - 1)
        self._assert_leaves(leaves[:first] + [noise(self._next_salt(), i) for i in range(len(leaves) - first)])

    def assert_graft(self) -> None:
        """Another's false root up to somewhere, then noise: rivals among liars."""
        others = [edge for edge in self._play.false_roots() if self._leaves_under(edge) is not None]
        if others:
            leaves = self._leaves_under(self._chooser.choice(others))
            assert leaves is not None
            first = self._chooser.number(0, len(leaves) - 1)
            self._assert_leaves(leaves[:first] + [noise(self._next_salt(), i) for i in range(len(leaves) - first)])

    def assert_spine(self) -> None:
        """A root that nobody can bisect far: only its last leaf is known. Its tree may be too high or too low."""
        end = self._chooser.choice([END.hash, noise(self._next_salt())])
        height = self._play.knowledge.heights[0]
        root, siblings = self._spine(end, self._chooser.choice([height, height, height - 1, height + 1]))
        self._send(Assert(end, root, siblings))

    def assert_right(self) -> None:
        """The honest root, first or too late; then nothing more."""
        claims = self._play.honest.claims
        self._send(Assert(END.hash, claims.root.root, claims.end_proof()))

    # -- moves

    def bisect(self) -> None:
        """Any edge whose halves are known, rivalled or not, whoever's."""
        edges = [edge for edge in self._model.made if edge.height and edge.root in self._play.knowledge.pairs]
        if edges:
            self._bisect(self._chooser.choice(edges))

    def bisect_all(self) -> None:
        """Every false edge that can be bisected now, to some depth."""
        for _ in range(self._chooser.number(1, sum(self._play.knowledge.heights))):
            for edge in [edge for edge in self._model.made if self._is_open(edge) and not self._is_honest(edge)]:
                if edge.height and edge.root in self._play.knowledge.pairs:
                    self._bisect(edge)

    def bisect_one_way(self) -> None:
        """Down one way, as fast as rivals allow."""
        edges = [edge for edge in self._model.made if self._is_open(edge) and edge.height]
        edges = [edge for edge in edges if edge.root in self._play.knowledge.pairs]
        while edges:
            edge = self._chooser.choice(edges)
            self._bisect(edge)
            edges = [half for half in self._model.halves.get(edge, ()) if self._is_open(half) and half.height]
            edges = [half for half in edges if half.root in self._play.knowledge.pairs]

    def attack(self) -> None:
        """A false root, defended with all that there is."""
        self._chooser.choice([self.assert_run, self.assert_patch, self.assert_noise])()
        self._engage(2 * sum(self._play.knowledge.heights))

    def engage(self) -> None:
        """Plays all false claims as the honest party plays its own, waiting for it, for some rounds."""
        self._engage(self._chooser.number(1, sum(self._play.knowledge.heights) + 2))

    def _engage(self, rounds: int) -> None:
        for _ in range(rounds):
            for edge in [edge for edge in self._model.made if self._is_open(edge) and not self._is_honest(edge)]:
                if edge.height:
                    if edge.root in self._play.knowledge.pairs:
                        self._bisect(edge)
                elif edge.level == Level.TRACE and not self._model.claimants.get(edge):
                    self._open(edge)
                elif edge.level == Level.STEPS and edge not in self._tried:
                    self._tried.add(edge)
                    self._prove(edge)
            self._play.advance(self._chooser.choice([1, 10, 20]))

    def open_steps(self) -> None:
        """A level-1 root under any leaf, of any kind, rivalled or not."""
        leaves = [edge for edge in self._model.made if edge.level == Level.TRACE and not edge.height]
        leaves = [leaf for leaf in leaves if self._model.is_rivalled(leaf)] or leaves
        if leaves:
            self._open(self._chooser.choice(leaves))

    def prove(self) -> None:
        """Any leaf of level 1 by the right opening and witness, or by forged ones."""
        edges = [edge for edge in self._model.made if edge.level == Level.STEPS and not edge.height]
        edges = [edge for edge in edges if self._is_open(edge)] or edges
        if not edges:
            return
        self._prove(self._chooser.choice(edges))

    def update(self) -> None:
        """From any edges by any ways, with any level-1 roots."""
        tops = list(self._model.made)
        if tops:
            count = self._chooser.number(1, 3)
            self._send(Update(tuple(self._any_lift(self._chooser.choice(tops)) for _ in range(count))))

    def update_all(self) -> None:
        """All ways, each with all level-1 roots: what the honest would do for every edge, one by one or at once."""
        lifts = []
        for edge in sorted(self._model.made, key=lambda edge: (-edge.level, edge.height)):
            if edge in self._model.halves:
                left = self._model.halves[edge][0]
                lifts.append(Lift(edge, self._play.knowledge.path(edge, [left.index & 1])))
            elif self._model.claimants.get(edge):
                path = self._play.knowledge.path(edge, [])
                lifts += [Lift(edge, path, (root,)) for root in self._model.claimants[edge]]
        size = self._chooser.choice([1, 5, len(lifts) + 1])
        for at in range(0, len(lifts), size):
            self._send(Update(tuple(lifts[at : at + size])))

    # -- besides

    def outrun(self) -> None:
        """Makes the honest party's next moves before it."""
        self._play.copier = self._chooser.choice(SYBILS)
        self._play.outruns += self._chooser.number(1, 5)

    def blunder(self) -> None:
        """Calls that are not quite right."""
        calls = [
            call
            for make in (self._some_bisection, self._some_opening, self._some_proof, self._some_update)
            if (call := make()) is not None
        ]
        for call in calls:
            self._send(damaged(call, self._chooser, noise(self._next_salt())))

    # -- parts

    @property
    def _boundaries(self) -> int:
        return len(self._play.knowledge.honest.tree)

    def _next_salt(self) -> int:
        self._salt += 1
        return self._salt

    def _right_leaves(self) -> list[Hash]:
        tree = self._play.knowledge.honest.tree
        return [tree.node(0, index) for index in range(1 << tree.depth)]

    def _assert_leaves(self, leaves: list[Hash]) -> None:
        tree = TraceTree(b"".join(leaves), self._play.knowledge.heights[0])
        self._play.knowledge.learn_tree(tree)
        self._assert(tree)

    def _assert(self, tree: TraceTree) -> None:
        last = (1 << tree.depth) - 1
        self._send(Assert(tree.node(0, last), tree.root, tree.proof(last)))

    def _spine(self, end: Hash, height: int) -> tuple[Hash, tuple[Hash, ...]]:
        siblings = tuple(noise(self._next_salt(), k) for k in range(height))
        node = end
        for sibling in siblings:
            node = self._play.knowledge.learn(sibling, node)
        return node, siblings

    def _leaves_under(self, edge: Edge) -> list[Hash] | None:
        nodes = [edge.root]
        for _ in range(edge.height):
            if any(node not in self._play.knowledge.pairs for node in nodes):
                return None
            nodes = [half for node in nodes for half in self._play.knowledge.pairs[node]]
        return nodes

    def _is_open(self, edge: Edge) -> bool:
        return self._model.is_rivalled(edge) and edge not in self._model.halves and edge not in self._model.proven

    def _is_honest(self, edge: Edge) -> bool:
        """Whether an edge of level 0 is of the right trace."""
        return edge.level == Level.TRACE and self._play.knowledge.honest.tree.node(edge.height, edge.index) == edge.root

    def _bisect(self, edge: Edge) -> None:
        self._send(Bisect(edge, *self._play.knowledge.pairs[edge.root]))

    def _prove(self, edge: Edge) -> None:
        for call in self._proofs(edge):
            self._send(call)

    def _open(self, leaf: Edge) -> None:
        opening = self._play.knowledge.opening(leaf)
        if opening is None:
            return
        before = leaf.prefix if leaf.index == 0 else opening.state
        height = self._play.knowledge.heights[1]
        kind = self._chooser.choice(["right", "patch", "noise", "forged", "spine"])
        if kind == "spine":
            root, siblings = self._spine(leaf.root, height)
        else:
            tree = TraceTree(b"".join(self._steps_to(leaf.root, before, kind)), height)
            self._play.knowledge.learn_tree(tree)
            root, siblings = tree.root, tree.proof((1 << height) - 1)
        call = OpenSteps(leaf, opening, root, siblings)
        self._play.arena.send(SYBILS[0], call, value=0)
        self._send(call)

    def _steps_to(self, end: Hash, before: Hash, kind: str) -> list[Hash]:
        """Leaves of level 1 from a state to an end, by a way that may be none."""
        count = 1 << self._play.knowledge.heights[1]
        leaves = self._play.knowledge.steps_from(before) or [noise(self._next_salt(), i) for i in range(count)]
        at = self._chooser.number(0, count - 2)
        if kind == "patch":
            leaves[at] = noise(self._next_salt())
        elif kind == "noise":
            leaves[at:] = [noise(self._next_salt(), i) for i in range(count - at)]
        elif kind == "forged":
            at = max(at & ~1, 2)
            forged = forged_state(leaves, at)
            self._play.knowledge.states[forged.hash] = forged
            leaves[at:] = [toy_step(forged, self._play.knowledge.longest).hash] * (count - at)
        leaves[-1] = end
        return leaves

    def _proofs(self, edge: Edge) -> list[Call]:
        """By the right opening; by another state that leads to the leaf; by a node instead of a state."""
        knowledge = self._play.knowledge
        opening = knowledge.opening(edge)
        if opening is None:
            return []
        calls: list[Call] = [Prove(edge, opening, self._witness(edge, opening))]
        if opening.siblings:
            node = last_under(opening.state, opening.siblings[:1])
            shorter = Opening(opening.prefix, node, opening.siblings[1:])
            calls.append(Prove(edge, shorter, opening.siblings[0] + opening.state))
        known = list(knowledge.states.values())
        other = next((state for state in known if knowledge.step(state.hash, 1, state.preimage) == edge.root), None)
        if other is not None:
            calls.append(Prove(edge, replace(opening, state=other.hash), other.preimage))
        return calls

    def _witness(self, edge: Edge, opening: Opening) -> bytes:
        before = edge.prefix if edge.index == 0 else opening.state
        state = self._play.knowledge.states.get(before)
        return UNKNOWN if state is None else state.preimage

    def _any_lift(self, top: Edge) -> Lift:
        path = self._play.knowledge.path(top, self._turns(top))
        ends = [edge for edge in self._model.made if not edge.height and edge.root == path.node]
        roots = [root for end in ends for root in self._model.claimants.get(end, ())]
        if not roots or self._chooser.number(0, 1):
            roots = list(self._model.claim)
        chosen = tuple(self._chooser.choice(roots) for _ in range(min(len(roots), self._chooser.number(0, 2))))
        return Lift(top, path, chosen)

    def _some_bisection(self) -> Bisect | None:
        edges = [edge for edge in self._model.made if edge.height and edge.root in self._play.knowledge.pairs]
        edges = [edge for edge in edges if self._is_open(edge)] or edges
        if not edges:
            return None
        edge = self._chooser.choice(edges)
        return Bisect(edge, *self._play.knowledge.pairs[edge.root])

    def _some_opening(self) -> OpenSteps | None:
        leaves = [edge for edge in self._model.made if edge.level == Level.TRACE and not edge.height]
        leaves = [leaf for leaf in leaves if self._model.is_rivalled(leaf)]
        if not leaves:
            return None
        leaf = self._chooser.choice([leaf for leaf in leaves if leaf.index] or leaves)
        opening = self._play.knowledge.opening(leaf)
        root, siblings = self._spine(leaf.root, self._play.knowledge.heights[1])
        return None if opening is None else OpenSteps(leaf, opening, root, siblings)

    def _some_proof(self) -> Prove | None:
        edges = [edge for edge in self._model.made if edge.level == Level.STEPS and not edge.height]
        calls = self._proofs(self._chooser.choice(edges)) if edges else []
        return calls[0] if calls else None  # type: ignore[return-value]

    def _some_update(self) -> Update | None:
        tops = [edge for edge in self._model.made if edge.height]
        return Update((self._any_lift(self._chooser.choice(tops)),)) if tops else None


def honest_states(play: Play) -> set[Hash]:
    """The states in which right runs end already."""
    return {play.knowledge.honest.exit.hash}


def forged_state(leaves: list[Hash], index: int) -> ToyState:
    """A state that is really the pair of leaves before an even index."""
    return ToyState(leaves[index - 2] + leaves[index - 1])
