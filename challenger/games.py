"""The own claims that are in play, each made when it is needed and let go when nothing is left to do."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from challenger.own_claim import OwnClaim
from tandem.disputes.board import Board, Record
from tandem.disputes.settlement import Ledger
from tandem.errors import StateMissing
from tandem.l1.assertion_book import Assertion, AssertionBook
from tandem.node.player import leaves_below
from tandem.node.verification import Disagreement
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Status

IDLE = 150.0
"""Seconds without anything that L1 took after which a decided game is let go: every refused call was tried again."""


@dataclass(slots=True)
class OpenGame:
    """The own claim about a parent, and how the assertion of it stands on L1."""

    claim: OwnClaim
    last_call: float
    """When L1 took something for it, or it was opened; monotonic seconds."""
    right: Assertion | None = None
    """None before L1 has it."""


class Games:
    """By the parent's id. Not thread-safe: it is the playing thread's."""

    def __init__(self, make: Callable[[Assertion], OwnClaim]) -> None:
        """`make`: the own claim about a parent."""
        self._make = make
        self._open: dict[Hash, OpenGame] = {}
        self._over: dict[Hash, int] = {}
        """Decided games -> edges on the board when they were let go."""
        self._disagreements: dict[Hash, str] = {}
        self._log = structlog.get_logger("games")

    def __iter__(self) -> Iterator[OpenGame]:
        return iter(list(self._open.values()))

    def claim(self, parent: Assertion) -> OwnClaim | None:
        """The own claim about a parent. Making it can take minutes. None where the stepper disagrees with it, or the
        store has not all of its batches."""
        if parent.id in self._disagreements:
            return None
        if parent.id not in self._open:
            try:
                self._open[parent.id] = OpenGame(self._make(parent), time.monotonic())
            except Disagreement as disagreement:
                self.disagree(parent.id, disagreement)
                return None
            except StateMissing:
                return None
        return self._open[parent.id].claim

    def game(self, parent: Assertion, right: Assertion) -> OpenGame | None:
        """The game of the right child of a parent. None where there is no own claim, or for now another one."""
        claim = self.claim(parent)
        if claim is None:
            return None
        if claim.claim.opening.id() != right.id:
            self.close(parent.id)
            return None
        game = self._open[parent.id]
        game.right = right
        return game

    def is_open(self, parent: Assertion) -> bool:
        """Whether the claim about a parent is at hand."""
        return parent.id in self._open

    def is_over(self, board: Board, right: Assertion, root: Record, ledger: Ledger) -> bool:
        """Whether a game was let go and nothing was done in it since, or was settled before a restart."""
        if right.status != Status.CONFIRMED or right.opening.parent_id in self._open:
            return False
        known = self._over.get(right.id)
        if known is None and not has_business(root, ledger):
            known = self._over[right.id] = len(board)
        return known is not None and (known == len(board) or not has_unsettled(root))

    def close_idle(self, board: Board, book: AssertionBook) -> None:
        """Let go of decided games in which nothing is left to do, and of claims that came to nothing."""
        for parent_id, game in list(self._open.items()):
            if time.monotonic() - game.last_call <= IDLE:
                continue
            right = book.get(game.right.id) if game.right else None
            if right is not None and right.status == Status.CONFIRMED:
                self._over[right.id] = len(board)
            if right is None or right.status != Status.PENDING:
                self.close(parent_id)

    def close(self, parent_id: Hash) -> None:
        """Let go of a claim, if there is one."""
        game = self._open.pop(parent_id, None)
        if game is not None:
            game.claim.close()

    def close_all(self) -> None:
        """Let go of all."""
        for parent_id in list(self._open):
            self.close(parent_id)

    def disagree(self, parent_id: Hash, disagreement: Disagreement) -> None:
        """Claim nothing more about a parent."""
        self._disagreements[parent_id] = str(disagreement)
        self._log.error("ALARM", message=str(disagreement), parent=parent_id.hex())
        self.close(parent_id)

    def disagreements(self) -> list[str]:
        """Where engine and stepper differ."""
        at_leaves = [str(found) for game in self for found in game.claim.player.disagreements.values()]
        return [*self._disagreements.values(), *at_leaves]


def has_unsettled(root: Record) -> bool:
    """Whether bonds of level-1 roots are to be settled below a right root."""
    return any(not rival.is_settled for step_root in _step_roots(root) for rival in step_root.place.records)


def has_business(root: Record, ledger: Ledger) -> bool:
    """Whether there are bonds to settle or moves to be paid in a right trace."""
    if has_unsettled(root):
        return True
    moves = [root, *_right_children(root)]
    for step_root in _step_roots(root):
        moves += [step_root, *_right_children(step_root)]
    return any(ledger.unpaid(record.id) for record in moves)


def _step_roots(root: Record) -> Iterator[Record]:
    for leaf in leaves_below(root):
        yield from leaf.step_roots


def _right_children(record: Record) -> Iterator[Record]:
    """The children that carry a bisection's cost."""
    if record.children is not None:
        left, right = record.children
        yield right
        yield from _right_children(left)
        yield from _right_children(right)
