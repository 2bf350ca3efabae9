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

Key = tuple[Hash, int]
"""A parent's id, and how many batches its child will have consumed: L1 can re-organise that alone. Both fix the state
that the claim begins with."""


@dataclass(slots=True)
class OpenGame:
    """The own claim about a parent, and how the assertion of it stands on L1."""

    claim: OwnClaim
    last_call: float
    """When L1 took something for it, or it was opened; monotonic seconds."""
    last_look: float = float("-inf")
    """When L1 was asked last for what is to be paid in it, with nothing done since."""
    right: Assertion | None = None
    """None before L1 has it."""

    @property
    def is_decided(self) -> bool:
        """Whether L1 has confirmed it."""
        return self.right is not None and self.right.status == Status.CONFIRMED

    def note_call(self) -> None:
        """L1 took something for it."""
        self.last_call = time.monotonic()
        self.last_look = float("-inf")


class Games:
    """By the parent and what it hands on. Not thread-safe: it is the playing thread's."""

    def __init__(self, make: Callable[[Assertion], OwnClaim]) -> None:
        """`make`: the own claim about a parent."""
        self._make = make
        self._open: dict[Key, OpenGame] = {}
        self._over: dict[Hash, int] = {}
        """Decided games -> edges on the board when they were let go."""
        self._disagreements: dict[Key, str] = {}
        self._log = structlog.get_logger("games")

    def __iter__(self) -> Iterator[OpenGame]:
        return iter(list(self._open.values()))

    def claim(self, parent: Assertion) -> OwnClaim | None:
        """The own claim about a parent. Making it can take minutes. None where the stepper disagrees with it, or the
        store has not all of its batches."""
        key = _key(parent)
        if key in self._disagreements:
            return None
        if key not in self._open:
            try:
                self._open[key] = OpenGame(self._make(parent), time.monotonic())
            except Disagreement as disagreement:
                self.disagree(parent, disagreement)
                return None
            except StateMissing:
                return None
        return self._open[key].claim

    def game(self, parent: Assertion, right: Assertion) -> OpenGame | None:
        """The game of the right child of a parent. None where there is no own claim, or for now another one."""
        claim = self.claim(parent)
        if claim is None:
            return None
        if claim.claim.opening.id() != right.id:
            self.close(parent)
            return None
        game = self._open[_key(parent)]
        game.right = right
        return game

    def is_open(self, parent: Assertion) -> bool:
        """Whether the claim about a parent is at hand."""
        return _key(parent) in self._open

    def is_over(self, board: Board, right: Assertion, root: Record, ledger: Ledger) -> bool:
        """Whether a game was let go and nothing was done in it since, or was settled before a restart."""
        if right.status != Status.CONFIRMED or (right.opening.parent_id, right.opening.state.batches) in self._open:
            return False
        known = self._over.get(right.id)
        if known is None and not has_business(root, ledger):
            known = self._over[right.id] = len(board)
        return known is not None and (known == len(board) or not has_unsettled(root))

    def close_idle(self, board: Board, book: AssertionBook) -> None:
        """Let go of decided games in which nothing is left to do, and of claims that came to nothing."""
        for key, game in list(self._open.items()):
            if time.monotonic() - game.last_call <= IDLE:
                continue
            right = book.get(game.right.id) if game.right else None
            if right is not None and right.status == Status.CONFIRMED:
                self._over[right.id] = len(board)
            if right is None or right.status != Status.PENDING:
                root = board.get(game.claim.player.claims.root.id)
                self._close(key, for_good=root is None or not has_unsettled(root))

    def close(self, parent: Assertion) -> None:
        """Let go of the claim about a parent, if there is one."""
        self._close(_key(parent))

    def close_all(self) -> None:
        """Let go of all."""
        for key in list(self._open):
            self._close(key)

    def disagree(self, parent: Assertion, disagreement: Disagreement) -> None:
        """Claim nothing more about a parent."""
        self._disagreements[_key(parent)] = str(disagreement)
        self._log.error("ALARM", message=str(disagreement), parent=parent.id.hex())
        self.close(parent)

    def disagreements(self) -> list[str]:
        """Where engine and stepper differ."""
        at_leaves = [str(found) for game in self for found in game.claim.player.disagreements.values()]
        return [*self._disagreements.values(), *at_leaves]

    def _close(self, key: Key, for_good: bool = False) -> None:
        game = self._open.pop(key, None)
        if game is not None:
            game.claim.close(for_good)


def _key(parent: Assertion) -> Key:
    return parent.id, parent.required_batches


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
    return ledger.unpaid_work(root.place.id) or any(ledger.unpaid(record.id) for record in moves)


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
