"""Those who ask for decisions and money, deserved or not, whether it is time or not."""

from collections.abc import Iterator

from tandem.disputes.edges import Edge, Level, Path
from tandem.disputes.moves import RefundSteps, RefundTrace, SettleSteps
from tests.model.arena import address
from tests.model.calls import Call, ClaimBond, Confirm, Reject, Withdraw
from tests.model.chooser import Chooser
from tests.model.game_model import GameModel
from tests.model.honest import HONEST
from tests.model.places import spot
from tests.model.play import Play, is_root

SYBILS = tuple(map(address, range(1, 4)))


class Collectors:
    """All sybils together."""

    def __init__(self, play: Play, chooser: Chooser) -> None:
        self._play = play
        self._chooser = chooser
        for sybil in SYBILS:
            play.arena.enter(sybil)

    def decide(self) -> None:
        """Asks for a decision, whether it is time or not."""
        if self._model.assertions:
            end, root = self._chooser.choice(list(self._model.assertions))
            calls: list[Call] = [Confirm(end, root), Reject(end, root), ClaimBond(end, root)]
            self._send(self._chooser.choice(calls))

    def settle(self) -> None:
        """Any level-1 root against any others, itself perhaps among them, some perhaps twice."""
        roots = list(self._model.claim)
        if roots:
            root = self._chooser.choice(roots)
            rivals = [other.root for _, other in self._model.history[spot(root)]]
            count = self._chooser.number(0, len(rivals))
            self._send(SettleSteps(root, tuple(self._chooser.choice(rivals) for _ in range(count))))

    def refund(self) -> None:
        """Any way, deserved or not, and once more."""
        roots = [edge for edge in self._model.made if is_root(edge, self._play.knowledge.heights[0])]
        roots += self._model.claim
        if not roots:
            return
        root = self._chooser.choice(roots)
        path = self._play.knowledge.path(root, self._turns(root))
        if root.level == Level.STEPS:
            calls: list[Call] = [RefundSteps(root, path)]
        else:
            assertions = [Confirm(*decision).assertion for decision in self._model.assertions]
            calls = [RefundTrace(self._chooser.choice(assertions), root, path)]
        for call in calls * 2:
            self._send(call)

    def withdraw(self) -> None:
        """For anyone."""
        self._send(Withdraw(self._chooser.choice([*SYBILS, HONEST])))

    def grab(self) -> None:
        """All that there is to ask for; what was given, once more. Nothing here is left to a chooser."""
        for call in [*self._settlements(), *self._step_refunds(), *self._refunds(), *self._decisions()]:
            if self._play.arena.send(SYBILS[0], call):
                self._play.arena.send(SYBILS[0], call)

    def hasten(self) -> None:
        """Refunds of level 1, before anyone has shown which leaves are true."""
        for call in self._step_refunds():
            self._play.arena.send(SYBILS[0], call)

    # -- parts

    def _settlements(self) -> Iterator[Call]:
        for root in list(self._model.claim):
            yield SettleSteps(root, tuple(rival.root for _, rival in self._model.history[spot(root)]))

    def _refunds(self) -> Iterator[Call]:
        roots = [assertion.root for assertion in self._model.assertions.values()]
        for decision, assertion in list(self._model.assertions.items()):
            name = Confirm(*decision).assertion
            yield from (RefundTrace(name, other, self._play.knowledge.path(other, [])) for other in roots)
            yield from (RefundTrace(name, assertion.root, path) for path in self._ways(assertion.root))

    def _step_refunds(self) -> Iterator[Call]:
        for root in list(self._model.claim):
            yield from (RefundSteps(root, path) for path in self._ways(root))

    def _decisions(self) -> Iterator[Call]:
        for end, root in list(self._model.assertions):
            yield from (Confirm(end, root), Reject(end, root), ClaimBond(end, root))
        yield from map(Withdraw, SYBILS)

    def _ways(self, root: Edge) -> Iterator[Path]:
        """To each leaf, as far as is known."""
        for index in range(1 << root.height):
            turns = [index >> at & 1 for at in reversed(range(root.height))]
            yield self._play.knowledge.path(root, turns)

    @property
    def _model(self) -> GameModel:
        return self._play.arena.model

    def _send(self, call: Call) -> bool:
        return self._play.arena.send(self._chooser.choice(SYBILS), call)

    def _turns(self, edge: Edge) -> list[int]:
        return [self._chooser.number(0, 1) for _ in range(self._chooser.number(0, edge.height))]
