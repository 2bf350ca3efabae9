"""Bringing timers up: what the contract must be told before it sees that an own root has won."""

from dataclasses import dataclass, field

from tandem.disputes.board import Board, Record, Timers
from tandem.disputes.edges import INFINITE, Level
from tandem.disputes.moves import Lift, Update
from tandem.disputes.traces import Claims
from tandem.disputes.ways import path_up
from tandem.primitives.types import Hash

EDGES_AT_ONCE = 500
"""Edges that one update brings up at most: about 17,500 gas each, and a transaction has 16.7 million (EIP-7825)."""


def updates(board: Board, claims: Claims, now: int, window: int) -> list[Update]:
    """The fewest updates, in order, after which the contract gives the window to each own root that truly has it."""
    moves = []
    ways = lifts(board, claims, now, window)
    for level in (Level.STEPS, Level.TRACE):
        moves += _packed([way for way in ways if way.top.level == level])
    if len(moves) == 2 and sum(map(_edges, ways)) <= EDGES_AT_ONCE:
        return [Update(tuple(ways))]
    return moves


def _packed(ways: list[Lift]) -> list[Update]:
    """Into as few calls as have room for them: a call is paid for that ends in a root."""
    moves: list[Update] = []
    room = 0
    for way in ways:
        if _edges(way) > room:
            moves.append(Update(()))
            room = EDGES_AT_ONCE
        moves[-1] = Update((*moves[-1].lifts, way))
        room -= _edges(way)
    return moves


def _edges(way: Lift) -> int:
    return len(way.path.siblings) + 1


def lifts(board: Board, claims: Claims, now: int, window: int) -> list[Lift]:
    """The fewest ways, in order, that do the same.

    Own level-1 roots come first, as far as they are known (Claims.recall). No edge is brought up twice: where ways
    join, all but one end below.
    """
    plan = _Plan(Timers(now))
    for edge in (*claims.step_roots(), claims.root):
        root = board.get(edge.id)
        if root is not None and root.place.winner in (None, root.id) and plan.timers.true(root) >= window:
            plan.bring_up(root, window)
    return plan.lifts


@dataclass(slots=True)
class _Way:
    """A lift in the making."""

    records: list[Record]
    """From its end up."""
    step_roots: tuple[Record, ...] = ()
    """The one whose timer its end inherits."""


@dataclass(slots=True)
class _Plan:
    timers: Timers
    lifts: list[Lift] = field(default_factory=list)
    _inherited: dict[Hash, int] = field(default_factory=dict)
    """What edges will have from below, seconds."""

    def bring_up(self, record: Record, needed: int) -> None:
        """Plans all lifts after which a record's timer is what is needed. It truly is."""
        self._finish(self._raise(record, needed))

    def kept(self, record: Record) -> int:
        """The timer as it will be kept, the planned lifts done."""
        inherited = max(record.inherited, self._inherited.get(record.id, 0))
        return min(record.own(self.timers.now) + inherited, INFINITE)

    def _raise(self, record: Record, needed: int) -> _Way | None:
        """The way that ends in this record, still open at its top; None where nothing is to be done."""
        if self.kept(record) >= needed:
            return None
        rest = needed - record.own(self.timers.now)
        if record.children is None:
            root = self._best(record, rest)
            self.bring_up(root, rest)
            self._inherited[record.id] = self.kept(root)
            return _Way([record], (root,))
        left, right = (self._raise(child, rest) for child in record.children)
        if left is not None and right is not None:
            self._finish(left)
        way = right or left or _Way([record.children[0]])
        way.records.append(record)
        self._inherited[record.id] = min(map(self.kept, record.children))
        return way

    def _finish(self, way: _Way | None) -> None:
        if way is not None:
            roots = tuple(root.edge for root in way.step_roots)
            self.lifts.append(Lift(way.records[-1].edge, path_up(way.records), roots))

    def _best(self, leaf: Record, needed: int) -> Record:
        """Of the level-1 roots that give a leaf what it needs the one that takes the fewest lifts."""
        enough = [root for root in leaf.step_roots if self.timers.true(root) >= needed]
        return min(enough, key=lambda root: self._count(root, needed))

    def _count(self, record: Record, needed: int) -> int:
        """Lifts that it takes within level 1."""
        if self.kept(record) >= needed or record.children is None:
            return 0
        rest = needed - record.own(self.timers.now)
        return max(1, sum(self._count(child, rest) for child in record.children))
