"""The honest party's moves in one game (disputes.md, section 5). It looks at own edges alone: all edges on the board
below an own root are own ones, since a root commits to them."""

from collections.abc import Iterator

from tandem.disputes.board import Board, Record, Timers
from tandem.disputes.moves import Due
from tandem.disputes.traces import Claims


def next_moves(board: Board, claims: Claims, now: int, window: int) -> list[Due]:
    """Own edges that need an answer, from the first leaf on. None where the own root is not on the board.

    A leaf of level 0 is due until its steps are made (Claims.steps) and their root is on the board, which it can be
    already. When the own root has won, only own level-1 roots are still played for, for their bonds.
    """
    root = board.get(claims.root.id)
    return [] if root is None else list(_Round(board, claims, Timers(now), window).play(root))


class _Round:
    """One look at the board."""

    def __init__(self, board: Board, claims: Claims, timers: Timers, window: int) -> None:
        self._board = board
        self._claims = claims
        self._timers = timers
        self._window = window

    def play(self, root: Record) -> Iterator[Due]:
        has_won = self._has_won(root)
        for record in unanswered(root):
            if record.edge.height:
                if not has_won:
                    yield Due(record.edge, None)
            else:
                yield from self._at_leaf(record, has_won)

    def _at_leaf(self, record: Record, has_won: bool) -> Iterator[Due]:
        leaf = record.edge.index
        own = self._claims.step_root(leaf)
        root = self._board.get(own.id) if own is not None else None
        if root is None:
            if not has_won:
                yield Due(record.edge, leaf)
        elif not self._has_won(root) and not (has_won and root.place.winner):
            yield from (Due(below.edge, leaf) for below in unanswered(root))

    def _has_won(self, root: Record) -> bool:
        return self._timers.true(root) >= self._window


def unanswered(record: Record) -> Iterator[Record]:
    """Rivalled edges from this one down that have no children and no proof, from the left."""
    if not record.is_rivalled or record.is_proven:
        return
    if record.children is None:
        yield record
    else:
        for child in record.children:
            yield from unanswered(child)
