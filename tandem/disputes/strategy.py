"""The honest party's moves in one game (disputes.md, section 5). It looks at own edges alone: all edges on the board
below an own root are own ones, since a root commits to them."""

from collections.abc import Iterator

from tandem.disputes.board import Board, Record
from tandem.disputes.moves import Due
from tandem.disputes.traces import Claims


def next_moves(board: Board, claims: Claims, decided: bool = False) -> list[Due]:
    """Own edges that need an answer, from the first leaf on. None where the own root is not on the board.

    A leaf of level 0 is due until its steps are made (Claims.steps) and their root is on the board, which it can be
    already. `decided`: L1 has confirmed the own assertion. Then only own level-1 roots are still played for, for their
    bonds and what moves below them have cost, and steps are made only to know such a root, not to open one. A timer
    that has reached the window decides nothing before L1 says so: what is above may stop it.
    """
    root = board.get(claims.root.id)
    return [] if root is None else list(_due(board, claims, decided, root))


def _due(board: Board, claims: Claims, decided: bool, root: Record) -> Iterator[Due]:
    for record in unanswered(root):
        leaf = record.edge.index
        own = claims.step_root(leaf) if record.edge.height == 0 else None
        steps = board.get(own.id) if own is not None else None
        if steps is not None:
            if not _is_over(steps, decided):
                yield from (Due(below.edge, leaf) for below in unanswered(steps))
        elif not decided or (own is None and _has_bonds(record)):
            yield Due(record.edge, None if record.edge.height else leaf)


def _has_bonds(leaf: Record) -> bool:
    """Whether level-1 roots that claim a leaf are not settled: one may be the own, which somebody else has opened."""
    return any(not root.is_settled for root in leaf.step_roots)


def _is_over(root: Record, decided: bool) -> bool:
    """Whether a level-1 root is not played for any more: it has won, or only its bond mattered, and is lost."""
    winner = root.place.winner
    return winner == root.id or (decided and winner is not None)


def unanswered(record: Record) -> Iterator[Record]:
    """Rivalled edges from this one down that have no children and no proof, from the left."""
    if not record.is_rivalled or record.is_proven:
        return
    if record.children is None:
        yield record
    else:
        for child in record.children:
            yield from unanswered(child)
