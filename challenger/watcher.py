"""The challenger's loop: follow L1, derive, judge, tell."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Event, Lock

import structlog

from challenger.alarms import timer_alarms
from challenger.judge import Judge, Judged, Verdict
from challenger.view import Game, open_games
from tandem.chain.spec import Deployment
from tandem.errors import TandemError
from tandem.l1.contracts import L1
from tandem.l1.game_reader import GameReader
from tandem.l1.inbox_reader import InboxReader
from tandem.node.commitments import Commitments
from tandem.node.follower import Follower, InboxMismatch, InboxUpdate, rewind
from tandem.node.inbox_sync import L1_ERRORS
from tandem.node.verification import Disagreement
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Status
from tandem.store import ChainStore, ReadSession

POLL_INTERVAL = 0.5
"""Seconds between two looks at L1's head."""
MAX_BACKOFF = 10.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the status page and the metrics show."""

    head: int = 0
    head_hash: str = ""
    batches: int = 0
    messages: int = 0
    l1_cursor: int = 0
    l1_time: int = 0
    """Of the last L1 block of which the games were read, seconds."""
    l1_connected: bool = False
    last_contact: float = 0.0
    assertions: tuple[Judged, ...] = ()
    rejected: tuple[Hash, ...] = ()
    """Assertions that L1 gave up."""
    games: tuple[Game, ...] = ()
    window: int = 0
    """The challenge window, seconds."""
    alarms: tuple[str, ...] = ()
    blocks_per_second: float = 0.0
    """Speed of the last derivation that took more than a moment."""


class Watcher:
    """Derives the chain into its own store and judges assertions by it. Needs no key."""

    def __init__(
        self, deployment: Deployment, store: ChainStore, l1: L1, commitments: Commitments, confirmations: int
    ) -> None:
        self._store = store
        self._l1 = l1
        self._reader = InboxReader(l1, confirmations)
        self._follower = Follower(deployment, keep_unsafe=False)
        self._judge = Judge(l1, commitments)
        self._games = GameReader(l1, confirmations)
        self._window = deployment.l1.challenge_window
        self._disagreement: str | None = None
        self._lock = Lock()
        self._snapshot = Snapshot(window=self._window)
        self._log = structlog.get_logger("challenger")

    def snapshot(self) -> Snapshot:
        """The latest state of affairs."""
        with self._lock:
            return self._snapshot

    def verdicts(self) -> Mapping[Hash, Verdict]:
        """What it thinks of each assertion now."""
        return {judged.id: judged.verdict for judged in self.snapshot().assertions}

    def run(self, stopping: Event) -> None:
        """Follow until `stopping` is set."""
        backoff = POLL_INTERVAL
        while not stopping.is_set():
            try:
                progressed = self._step()
                backoff = POLL_INTERVAL
            except L1_ERRORS as error:
                self._log.warning("L1 does not answer", error=str(error), retry_in=backoff)
                self._publish(replace(self.snapshot(), l1_connected=False))
                stopping.wait(backoff)
                backoff = min(backoff * 2, MAX_BACKOFF)
                continue
            except TandemError as error:
                self._log.info("reading L1 again", reason=str(error))
                progressed = False
            if not progressed:
                stopping.wait(POLL_INTERVAL)

    def _step(self) -> bool:
        """One look at L1. Whether there may be more to read at once."""
        with self._store.read() as session:
            update = self._reader.poll(session)
        known = self.snapshot()
        speed = known.blocks_per_second
        if update is not None:
            start = time.perf_counter()
            executed = self._apply(update)
            if executed:
                speed = executed / (time.perf_counter() - start)
        is_all = self._games.poll()
        with self._store.read() as session:
            self._judge_all(session)
            cursor = update.cursor if update else known.l1_cursor
            self._publish(self._look(session, cursor, speed))
        return update is not None or not is_all

    def _apply(self, update: InboxUpdate) -> int:
        """Derive what L1 has new. Gives the number of blocks executed."""
        try:
            with self._store.write() as writer:
                applied = self._follower.apply(writer, update)
                head = writer.head()
        except InboxMismatch:
            with self._store.write() as writer:
                rewind(writer, self._l1.addresses.start_block)
            raise
        if applied.executed:
            self._log.info("derived", blocks=applied.executed, head=head.number, hash=head.hash.hex())
        if applied.dropped:
            self._log.warning("L1 re-organised: blocks dropped", count=len(applied.dropped), head=head.number)
        return applied.executed

    def _judge_all(self, session: ReadSession) -> None:
        try:
            for alarm in self._judge.update(session):
                self._log.error("ALARM", message=alarm.message)
            self._disagreement = None
        except Disagreement as disagreement:
            if self._disagreement is None:
                self._log.error("ALARM", message=str(disagreement))
            self._disagreement = str(disagreement)

    def _look(self, session: ReadSession, cursor: int, speed: float) -> Snapshot:
        head = session.head()
        assertions = tuple(self._judge.assertions.values())
        verdicts = {judged.id: judged.verdict for judged in assertions}
        book, now = self._games.book, self._games.time
        games = open_games(self._games.board, book, lambda item: verdicts.get(item, Verdict.OPEN), now)
        return Snapshot(
            head=head.number,
            head_hash="0x" + head.hash.hex(),
            batches=session.batch_count(),
            messages=session.message_count(),
            l1_cursor=cursor,
            l1_time=now,
            l1_connected=True,
            last_contact=time.time(),
            assertions=assertions,
            rejected=tuple(entry.id for entry in book if entry.status == Status.REJECTED),
            games=games,
            window=self._window,
            alarms=tuple(self._alarms(games)),
            blocks_per_second=speed,
        )

    def _alarms(self, games: tuple[Game, ...]) -> list[str]:
        """All that is wrong now. A wrong assertion that L1 rejected no longer is."""
        standing = [alarm for alarm in self._judge.alarms() if not self._is_rejected(alarm.assertion)]
        disagreement = [self._disagreement] if self._disagreement else []
        return [alarm.message for alarm in standing] + timer_alarms(games, self._window) + disagreement

    def _is_rejected(self, assertion: Hash) -> bool:
        entry = self._games.book.get(assertion)
        return entry is not None and entry.status == Status.REJECTED

    def _publish(self, snapshot: Snapshot) -> None:
        with self._lock:
            self._snapshot = snapshot
