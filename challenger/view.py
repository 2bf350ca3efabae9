"""What the status page shows of open games: worked out from the board and the book alone."""

from collections.abc import Callable
from dataclasses import dataclass

from challenger.judge import Verdict
from tandem.disputes.board import Board, Record, Timers
from tandem.disputes.fronts import Front, front
from tandem.l1.assertion_book import Assertion, AssertionBook
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Status


@dataclass(frozen=True, slots=True)
class FalseRoot:
    """A wrong assertion in an open game."""

    assertion: Hash
    asserter: str
    status: Status
    timer: int
    """Of its root edge, all timers brought up, seconds."""
    is_rivalled: bool
    front: Front | None
    """None while the right assertion is not on L1."""


@dataclass(frozen=True, slots=True)
class Game:
    """A right assertion with wrong children, not all of them rejected."""

    parent: Hash
    own: Hash | None
    """The right child, None while it is not on L1."""
    status: Status
    """Of the right child."""
    timer: int
    """Of its root edge, seconds."""
    false_roots: tuple[FalseRoot, ...]
    edges: int
    """Made below this parent, level 0 and 1."""


def open_games(board: Board, book: AssertionBook, verdict: Callable[[Hash], Verdict], now: int) -> tuple[Game, ...]:
    """All games that are not over at L1's time `now`, the oldest first."""
    timers = Timers(now)
    games = []
    for parent in book:
        if verdict(parent.id) != Verdict.RIGHT:
            continue
        children = book.children(parent.id)
        wrong = [child for child in children if verdict(child.id) == Verdict.WRONG]
        if all(child.status == Status.REJECTED for child in wrong):
            continue
        right = next((child for child in children if verdict(child.id) == Verdict.RIGHT), None)
        games.append(_game(board, timers, parent, right, wrong))
    return tuple(games)


def root_of(board: Board, assertion: Assertion) -> Record | None:
    """The root edge of an assertion's trace."""
    roots = board.trace_roots(assertion.opening.parent_id)
    return next((root for root in roots if root.edge.root == assertion.opening.trace_root), None)


def _game(board: Board, timers: Timers, parent: Assertion, right: Assertion | None, wrong: list[Assertion]) -> Game:
    own = root_of(board, right) if right else None
    false_roots = []
    for assertion in wrong:
        root = root_of(board, assertion)
        if root is not None:
            false_roots.append(
                FalseRoot(
                    assertion.id,
                    assertion.asserter,
                    assertion.status,
                    timers.true(root),
                    root.is_rivalled,
                    front(own, root) if own else None,
                )
            )
    return Game(
        parent.id,
        right.id if right else None,
        right.status if right else Status.NONE,
        timers.true(own) if own else 0,
        tuple(false_roots),
        len({record.id for root in board.trace_roots(parent.id) for record in _below(root)}),
    )


def _below(record: Record) -> list[Record]:
    """All edges below one, itself too."""
    found = [record]
    for below in (*(record.children or ()), *record.step_roots):
        found += _below(below)
    return found
