"""What the playing thread tells the status page, handed over whole."""

from dataclasses import dataclass

from challenger.games import Games
from tandem.disputes.board import Board
from tandem.disputes.edges import Level
from tandem.l1.assertion_book import AssertionBook
from tandem.primitives.types import Address, Hash
from tandem.rollup.assertions import Status

SHOWN = 12
"""Next moves listed for a game."""


@dataclass(frozen=True, slots=True)
class NextMoves:
    """What is due in a game."""

    parent: Hash
    count: int
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Playing:
    """The player's own affairs."""

    account: str
    doing: str = "starting"
    balance: int = 0
    """Wei."""
    spent: int = 0
    """Wei paid for gas since the start."""
    credit: int = 0
    """Wei that the dispute game owes the account."""
    at_stake: int = 0
    """Wei in bonds on L1."""
    moves: int = 0
    """Answers made since the start."""
    next_moves: tuple[NextMoves, ...] = ()
    alarms: tuple[str, ...] = ()


def bonds_at_stake(board: Board, book: AssertionBook, account: str, bond: int, step_bond: int) -> int:
    """Wei in bonds of assertions and level-1 roots that the account has not got back, nor lost."""
    kept = (Status.PENDING, Status.CONFIRMED)
    own = sum(1 for entry in book if entry.asserter == account and entry.status in kept and not entry.is_bond_claimed)
    mover = Address(bytes.fromhex(account[2:]))
    steps = sum(
        1 for record in board if record.edge.level == Level.STEPS and record.mover == mover and not record.is_settled
    )
    return own * bond + steps * step_bond


def describe_next(games: Games, board: Board) -> tuple[NextMoves, ...]:
    """What is due in each open game."""
    listed = []
    for game in games:
        if game.right is None:
            continue
        dues = game.claim.player.dues(board, game.is_decided)
        shown = tuple(due.describe() for due in dues[:SHOWN])
        listed.append(NextMoves(game.right.opening.parent_id, len(dues), shown))
    return tuple(listed)
