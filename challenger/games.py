"""The own claims that are in play, each opened when it is needed and let go when nothing is left to do."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from challenger.own_claim import OwnClaim
from tandem.disputes.board import Board, Record
from tandem.disputes.settlement import Ledger
from tandem.l1.assertion_book import Assertion
from tandem.node.player import leaves_below
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Status

IDLE = 150.0
"""Seconds without anything that L1 took after which a decided game is let go: every refused call was tried again."""


@dataclass(slots=True)
class OpenGame:
    """A right assertion that has rivals, with the claim it is played from."""

    right: Assertion
    claim: OwnClaim
    last_call: float
    """When L1 took something for it, or it was opened; monotonic seconds."""


class Games:
    """By the parent's id. Not thread-safe: it is the playing thread's."""

    def __init__(self, make: Callable[[Assertion], OwnClaim]) -> None:
        """`make`: the own claim about a parent."""
        self.make = make
        self._open: dict[Hash, OpenGame] = {}
        self._over: dict[Hash, int] = {}
        """Decided games -> edges on the board when they were let go."""

    def __iter__(self) -> Iterator[OpenGame]:
        return iter(list(self._open.values()))

    def get(self, parent: Assertion, right: Assertion) -> OpenGame:
        """The game about a parent. Making it can take minutes."""
        game = self._open.get(parent.id)
        if game is None or game.right.id != right.id:
            self.close(parent.id)
            game = self._open[parent.id] = OpenGame(right, self.make(parent), time.monotonic())
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
        return known == len(board) or (known is not None and not has_unsettled(root))

    def close_idle(self, board: Board) -> None:
        """Let go of decided games in which nothing is left to do."""
        for parent_id, game in list(self._open.items()):
            is_idle = time.monotonic() - game.last_call > IDLE
            if game.right.status == Status.CONFIRMED and is_idle:
                self._over[game.right.id] = len(board)
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
