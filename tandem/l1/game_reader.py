"""Follows the dispute game and the assertions on L1: a board and a book, made anew where L1 re-organised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tandem.disputes.board import Board, UnknownEdge
from tandem.disputes.events import Event
from tandem.l1.assertion_book import AssertionBook, AssertionMissing
from tandem.l1.contracts import L1
from tandem.l1.game_encoding import game_event
from tandem.l1.log_feed import L1Moved, LogFeed, LogNews

GAME_EVENTS = ("EdgeOpened", "EdgeBisected", "EdgeProven", "TimerInherited", "StepRootWon", "StepRootLost")
ROLLUP_EVENTS = ("AssertionCreated", "AssertionConfirmed", "AssertionRejected", "BondClaimed")


@dataclass(frozen=True, slots=True)
class AssertionEvent:
    """An event of the rollup contract."""

    name: str
    args: Mapping[str, Any]
    at: int
    """L1 block's time, seconds."""


class GameReader:
    """The board and the book up to L1 block `block`. Keeps nothing on disk: the events since the deployment are all."""

    def __init__(self, l1: L1, confirmations: int = 0) -> None:
        """`confirmations`: how many L1 blocks behind its head to stay."""
        addresses = [l1.game.address, l1.rollup.address]
        self._feed = LogFeed(l1.web3, addresses, l1.addresses.start_block, confirmations)
        self._kinds = {
            (contract.address, kind.topic): kind
            for contract, names in ((l1.game, GAME_EVENTS), (l1.rollup, ROLLUP_EVENTS))
            for kind in (contract.events[name]() for name in names)
        }
        self._known: list[Event | AssertionEvent | None] = []
        self.board = Board()
        self.book = AssertionBook()
        self.block = -1
        """L1 block that was read last."""
        self.time = 0
        """Its time, seconds."""

    def poll(self) -> bool:
        """Read on. Whether that is all there is now. L1Moved where L1 changed meanwhile or its answers do not fit."""
        news = self._feed.poll()
        if news is None:
            return True
        try:
            self._take(news)
        except (UnknownEdge, AssertionMissing) as missing:
            self.forget()
            raise L1Moved(f"L1's logs were incomplete: {missing}") from missing
        self.block, self.time = news.mark.number, news.mark.time
        return news.is_all

    def forget(self) -> None:
        """Have all read again: L1 refused what should have been possible."""
        self._feed.forget()

    def _take(self, news: LogNews) -> None:
        if news.kept < len(self._known):
            del self._known[news.kept :]
            self.board, self.book = Board(), AssertionBook()
            for event in self._known:
                self._apply(event)
        for item in news.logs:
            event = self._decode(item.log, item.time)
            self._apply(event)
            self._known.append(event)

    def _apply(self, event: Event | AssertionEvent | None) -> None:
        if isinstance(event, AssertionEvent):
            self.book.apply(event.name, event.args, event.at)
        elif event is not None:
            self.board.apply(event)

    def _decode(self, log: Any, at: int) -> Event | AssertionEvent | None:
        kind = self._kinds.get((log["address"], log["topics"][0].to_0x_hex()))
        if kind is None:
            return None
        event = kind.process_log(log)
        name, args = event["event"], event["args"]
        return AssertionEvent(name, args, at) if name in ROLLUP_EVENTS else game_event(name, args, at)
