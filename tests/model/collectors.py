"""Those who ask for decisions and money, deserved or not, whether it is time or not."""

from tandem.disputes.edges import Edge, Level
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

    # -- parts

    @property
    def _model(self) -> GameModel:
        return self._play.arena.model

    def _send(self, call: Call) -> bool:
        return self._play.arena.send(self._chooser.choice(SYBILS), call)

    def _turns(self, edge: Edge) -> list[int]:
        return [self._chooser.number(0, 1) for _ in range(self._chooser.number(0, edge.height))]
