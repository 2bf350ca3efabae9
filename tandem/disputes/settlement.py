"""When it is decided: bonds of level 1 settled, moves paid back (disputes.md, section 4)."""

from collections.abc import Set
from typing import Protocol

from tandem.disputes.board import Board, Record, Timers
from tandem.disputes.edges import Level
from tandem.disputes.moves import RefundSteps, RefundTrace, SettleSteps
from tandem.disputes.traces import Claims
from tandem.disputes.ways import path_up
from tandem.primitives.types import Hash

LOSERS_AT_ONCE = 64
"""Roots settled by one call: about 30,000 gas each."""


class Ledger(Protocol):
    """What the contract keeps that no event tells."""

    def unpaid(self, edge_id: Hash) -> bool:
        """Whether a cost is still kept with this edge, of its making (getRecord) or of work on it (getWork)."""
        ...

    def unpaid_work(self, key: Hash) -> bool:
        """Whether one is kept with this edge, or with the place of a confirmed root (getWork)."""
        ...

    def is_true(self, leaf_id: Hash) -> bool:
        """Whether refundTrace has shown that a confirmed assertion holds this level-0 leaf (getRecord)."""
        ...


def settlements(board: Board, claims: Claims, now: int, window: int) -> list[SettleSteps]:
    """The bonds of own level-1 roots that have won by the timers kept, and of all that lost to them."""
    timers = Timers(now)
    moves = []
    for root in _step_roots(board, claims):
        place = root.place
        if place.winner != root.id and (place.winner is not None or timers.kept(root) < window):
            continue
        losers = [other.edge.root for other in place.records if other is not root and not other.is_settled]
        if losers or not root.is_settled:
            pieces = [losers[at : at + LOSERS_AT_ONCE] for at in range(0, len(losers), LOSERS_AT_ONCE)]
            moves += [SettleSteps(root.edge, tuple(piece)) for piece in pieces or [[]]]
    return moves


def refunds(board: Board, claims: Claims, assertion: Hash, ledger: Ledger) -> list[RefundTrace | RefundSteps]:
    """The fewest calls, in order, that pay all moves in the own traces. For a confirmed assertion of this id.

    Moves below level-1 roots are paid once those are settled. The pool has to hold enough: settle first.
    """
    root = board.get(claims.root.id)
    if root is None:
        return []
    steps = []
    unshown = set()
    for step_root in _step_roots(board, claims):
        ways = _ways(step_root, ledger, frozenset()) if step_root.place.winner == step_root.id else []
        steps += [RefundSteps(step_root.edge, path_up(way)) for way in ways]
        leaf = step_root.claim
        if ways and leaf is not None and not ledger.is_true(leaf.id):
            unshown.add(leaf.id)
    return [RefundTrace(assertion, root.edge, path_up(way)) for way in _ways(root, ledger, unshown)] + steps


def _step_roots(board: Board, claims: Claims) -> list[Record]:
    found = (board.get(edge.id) for edge in claims.step_roots())
    return [root for root in found if root is not None]


def _ways(root: Record, ledger: Ledger, wanted: Set[Hash]) -> list[list[Record]]:
    """The fewest ways, each from its end up, that cover all unpaid moves below a root and end in the leaves wanted."""
    ways = _below(root, ledger, wanted)
    is_paid_back = root.is_rivalled or root.edge.level == Level.STEPS  # an assertion that nobody rivals is not
    if not ways and is_paid_back and (ledger.unpaid(root.id) or ledger.unpaid_work(root.place.id)):
        return [[root]]
    return ways


def _below(record: Record, ledger: Ledger, wanted: Set[Hash]) -> list[list[Record]]:
    """A bisection's cost is with its right child. A way pays all bisections on it."""
    if record.children is None:
        needed = record.id in wanted or (record.is_proven and ledger.unpaid(record.id))
        return [[record]] if needed else []
    left, right = record.children
    ways = _below(left, ledger, wanted) + _below(right, ledger, wanted)
    if not ways and ledger.unpaid(right.id):
        ways = [[right]]
    for way in ways:
        way.append(record)
    return ways
