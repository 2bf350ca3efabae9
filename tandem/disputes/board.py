"""All edges that were made, by the game's events. Made anew from the events where L1 re-organised."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tandem.disputes.edges import INFINITE, Edge, Level, join
from tandem.disputes.events import Bisected, Event, Inherited, Opened, Proven, StepRootLost, StepRootWon
from tandem.errors import TandemError
from tandem.primitives.types import ZERO_HASH, Address, Hash


class UnknownEdge(TandemError):
    """An event is about an edge that no event before it has made."""


@dataclass(slots=True, eq=False)
class Place:
    """Where rivals are."""

    id: Hash
    claimed_at: int
    """When its first edge was made, seconds."""
    rivalled_at: int | None = None
    """When its second was."""
    records: list["Record"] = field(default_factory=list)
    """Its edges in the order of their making."""
    winner: Hash | None = None
    """Level 1: the root that got its bond back."""


@dataclass(slots=True, eq=False)
class Record:
    """An edge that was made."""

    edge: Edge
    id: Hash
    place: Place
    mover: Address | None = None
    """Who opened it; None for what a bisection made."""
    claim: "Record | None" = None
    """The leaf that a level-1 root claims to end in."""
    children: tuple["Record", "Record"] | None = None
    step_roots: list["Record"] = field(default_factory=list)
    """Level-1 roots that claim to end in this leaf, in the order of their making."""
    inherited: int = 0
    """What was brought up to it, seconds."""
    is_proven: bool = False
    is_settled: bool = False
    """Whether the bond of a level-1 root went where it belongs."""

    @property
    def is_first(self) -> bool:
        """Whether it was the first in its place: the only one that ever stood alone."""
        return self.place.records[0] is self

    @property
    def is_rivalled(self) -> bool:
        """Whether there are others in its place."""
        return self.place.rivalled_at is not None

    def own(self, now: int) -> int:
        """How long it stood alone until `now`, seconds."""
        if not self.is_first:
            return 0
        until = now if self.place.rivalled_at is None else self.place.rivalled_at
        return max(until - self.place.claimed_at, 0)


class Board:
    """The edges of all games."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._records: dict[Hash, Record] = {}
        self._places: dict[Hash, Place] = {}
        self._roots: dict[Hash, list[Record]] = {}
        for event in events:
            self.apply(event)

    def __len__(self) -> int:
        """Number of edges."""
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        """All edges in the order of their making."""
        return iter(self._records.values())

    def __contains__(self, edge_id: Hash) -> bool:
        return edge_id in self._records

    def get(self, edge_id: Hash) -> Record | None:
        """The edge of this id; None where it was never made."""
        return self._records.get(edge_id)

    def record(self, edge_id: Hash) -> Record:
        """The edge of this id. UnknownEdge where it was never made."""
        try:
            return self._records[edge_id]
        except KeyError:
            raise UnknownEdge(f"edge 0x{edge_id.hex()} was never made") from None

    def place(self, place_id: Hash) -> Place | None:
        """All edges in one place; None where there is none."""
        return self._places.get(place_id)

    def trace_roots(self, origin: Hash) -> tuple[Record, ...]:
        """The level-0 roots of one parent assertion, in the order of their making."""
        return tuple(self._roots.get(origin, ()))

    def rivals(self, edge_id: Hash) -> list[Record]:
        """The other edges in its place."""
        record = self.record(edge_id)
        return [other for other in record.place.records if other is not record]

    def timer_kept(self, edge_id: Hash, now: int) -> int:
        """What the contract says of an edge at `now`, seconds."""
        return Timers(now).kept(self.record(edge_id))

    def timer_true(self, edge_id: Hash, now: int) -> int:
        """What it would say were everything brought up, seconds."""
        return Timers(now).true(self.record(edge_id))

    def apply(self, event: Event) -> None:
        """Takes the next event. UnknownEdge where one before it is missing."""
        match event:
            case Opened():
                self._open(event)
            case Bisected():
                self._bisect(event)
            case Proven():
                record = self.record(event.edge_id)
                record.is_proven, record.inherited = True, INFINITE
            case Inherited():
                self.record(event.edge_id).inherited = event.seconds
            case StepRootWon():
                record = self.record(event.id)
                record.is_settled, record.place.winner = True, record.id
            case StepRootLost():
                self.record(event.id).is_settled = True

    def _open(self, event: Opened) -> None:
        claim = None if event.claim == ZERO_HASH else self.record(event.claim)
        record = self._make(event.edge, event.at)
        record.mover, record.claim = event.mover, claim
        if claim is not None:
            claim.step_roots.append(record)
        if event.edge.level == Level.TRACE:
            self._roots.setdefault(event.edge.origin, []).append(record)

    def _bisect(self, event: Bisected) -> None:
        parent = self.record(event.edge_id)
        left, right = parent.edge.children(event.left, event.right)
        parent.children = self._make(left, event.at), self._make(right, event.at)

    def _make(self, edge: Edge, at: int) -> Record:
        """An edge's record: the one that is there already, where a rival's half is the same."""
        place_id = edge.place
        edge_id = join(place_id, edge.root)
        record = self._records.get(edge_id)
        if record is not None:
            return record
        place = self._places.get(place_id)
        if place is None:
            place = self._places[place_id] = Place(place_id, at)
        elif place.rivalled_at is None:
            place.rivalled_at = at
        record = self._records[edge_id] = Record(edge, edge_id, place)
        place.records.append(record)
        return record


class Timers:
    """Timers at one moment (disputes.md, section 3). Good until the next event."""

    def __init__(self, now: int) -> None:
        """`now`: L1's time, seconds."""
        self.now = now
        self._true: dict[Hash, int] = {}

    def kept(self, record: Record) -> int:
        """By what was brought up."""
        return min(record.own(self.now) + record.inherited, INFINITE)

    def true(self, record: Record) -> int:
        """By all edges below."""
        known = self._true.get(record.id)
        if known is None:
            below = max(record.inherited, self._below(record))
            known = self._true[record.id] = min(record.own(self.now) + below, INFINITE)
        return known

    def _below(self, record: Record) -> int:
        if record.children is not None:
            return min(map(self.true, record.children))
        return max(map(self.true, record.step_roots), default=0)
