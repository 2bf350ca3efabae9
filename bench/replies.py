"""How long one account left its own edges without an answer, by L1's events and the wall clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.l1_clock import L1Clock
from tandem.disputes.board import Board, Record
from tandem.disputes.edges import Level
from tandem.disputes.events import Bisected, Event, Opened, Proven
from tandem.l1.contracts import L1
from tandem.l1.game_encoding import game_event
from tandem.primitives.types import Hash

EVENTS = ("EdgeOpened", "EdgeBisected", "EdgeProven")
MILLISECOND = 1_000


@dataclass(frozen=True, slots=True)
class Reply:
    """A move."""

    kind: str
    """createAssertion, bisect, openSteps, prove."""
    seconds: float
    """From the block in which the answered edge and a rival were both there to the one that has the answer; of an
    assertion, from that of the first one of the same parent."""
    gas: int
    at: float
    """When it was made, seconds of time.monotonic()."""


@dataclass(frozen=True, slots=True)
class Made:
    """An event and the transaction that made it."""

    event: Event
    transaction: Any
    block: int
    at: int
    """Milliseconds of time.monotonic()."""


class Replies:
    """Of one account, since a block."""

    def __init__(self, l1: L1, clock: L1Clock, account: str, first_block: int) -> None:
        self._l1 = l1
        self._account = account
        self._board = Board()
        self._made_at: dict[Hash, int] = {}
        """Edge's id -> milliseconds."""
        self.first = 0.0
        """When the first edge of all was made, seconds of time.monotonic()."""
        self.all: list[Reply] = []
        for made in _events(l1, clock, first_block):
            self._take(made)

    def of(self, *kinds: str) -> list[Reply]:
        """Those of some kinds."""
        return [reply for reply in self.all if reply.kind in kinds]

    def _take(self, made: Made) -> None:
        self.first = self.first or made.at / MILLISECOND
        kind, since = self._answered(made.event)
        self._board.apply(made.event)
        for record in self._new(made.event):
            self._made_at.setdefault(record.id, made.at)
        if since is None or self._l1.web3.eth.get_transaction(made.transaction)["from"] != self._account:
            return
        gas = self._l1.web3.eth.get_transaction_receipt(made.transaction)["gasUsed"]
        self.all.append(Reply(kind, (made.at - since) / MILLISECOND, gas, made.at / MILLISECOND))

    def _answered(self, event: Event) -> tuple[str, int | None]:
        """What kind of answer an event is, and since when it was due, milliseconds; None where it is the first."""
        match event:
            case Opened(edge=edge) if edge.level == Level.TRACE:
                place = self._board.place(edge.place)
                return "createAssertion", None if place is None else place.claimed_at
            case Opened():
                return "openSteps", self._due(self._board.record(event.claim))
            case Bisected():
                return "bisect", self._due(self._board.record(event.edge_id))
            case Proven():
                return "prove", self._due(self._board.record(event.edge_id))
        return "", None

    def _due(self, record: Record) -> int | None:
        rivalled_at = record.place.rivalled_at
        return None if rivalled_at is None else max(rivalled_at, self._made_at[record.id])

    def _new(self, event: Event) -> Iterator[Record]:
        if isinstance(event, Opened):
            yield self._board.record(event.edge.id)
        elif isinstance(event, Bisected):
            yield from self._board.record(event.edge_id).children or ()


def _events(l1: L1, clock: L1Clock, first_block: int) -> list[Made]:
    """In L1's order, with the wall clock's time in place of L1's."""
    logs = [log for name in EVENTS for log in l1.game.events[name]().get_logs(from_block=first_block)]
    found = []
    for log in sorted(logs, key=lambda item: (item["blockNumber"], item["logIndex"])):
        at = round(clock.at(log["blockNumber"]) * MILLISECOND)
        event = game_event(log["event"], log["args"], at)
        found.append(Made(event, log["transactionHash"], log["blockNumber"], at))
    return found
