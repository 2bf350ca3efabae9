"""How attackers play: which of the moves that are due they make."""

from collections.abc import Callable

from tandem.disputes.board import Board
from tandem.disputes.moves import Due
from tandem.disputes.traces import Claims
from tandem.node.player import Player

LAZY_DELAY = 400
"""L1 seconds that a lazy attacker lets pass before each answer."""

Policy = Callable[[Board, Claims, Due, int], bool]
"""Whether an answer that is due at that L1 time is made."""


class Choosy(Player):
    """A player that answers as its policy wants."""

    def __init__(self, claims: Claims, address: str, policy: Policy) -> None:
        super().__init__(claims, address)
        self.now = 0
        """L1's time, seconds."""
        self._policy = policy

    def dues(self, board: Board, decided: bool = False) -> list[Due]:
        """Those that it will answer now."""
        return [due for due in super().dues(board, decided) if self._policy(board, self.claims, due, self.now)]


def eager(board: Board, claims: Claims, due: Due, now: int) -> bool:
    """All, at once."""
    return True


def idle(board: Board, claims: Claims, due: Due, now: int) -> bool:
    """None."""
    return False


def lazy(board: Board, claims: Claims, due: Due, now: int) -> bool:
    """Each as late as it dares."""
    rivalled_at = board.record(due.edge.id).place.rivalled_at
    return rivalled_at is not None and now - rivalled_at >= LAZY_DELAY


def fades(board: Board, claims: Claims, due: Due, now: int) -> bool:
    """All up to the first opening of level 1, that one included."""
    return not any(root.id in board for root in claims.step_roots())


def below_leaf(leaf: int) -> Policy:
    """The opening of level 1 below one leaf, and all within it."""

    def policy(board: Board, claims: Claims, due: Due, now: int) -> bool:
        return due.leaf == leaf

    return policy


BEHAVIOURS: dict[str, Policy] = {"eager": eager, "idle": idle, "lazy": lazy, "fades": fades}
