"""The challenger's loop: follow L1, derive, judge, tell."""

import time
from dataclasses import dataclass, field
from threading import Event, Lock

import structlog

from challenger.judge import Alarm, Judge, Judged
from tandem.chain.spec import Deployment
from tandem.errors import TandemError
from tandem.l1.contracts import L1
from tandem.l1.inbox_reader import InboxReader
from tandem.node.commitments import Commitments
from tandem.node.follower import Follower, InboxMismatch, rewind
from tandem.node.inbox_sync import L1_ERRORS
from tandem.store import ChainStore

POLL_INTERVAL = 0.5
"""Seconds between two looks at L1's head."""
MAX_BACKOFF = 10.0


@dataclass(slots=True)
class Snapshot:
    """What the status page and the metrics show."""

    head: int = 0
    head_hash: str = ""
    batches: int = 0
    messages: int = 0
    l1_cursor: int = 0
    l1_connected: bool = False
    last_contact: float = 0.0
    assertions: list[Judged] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    blocks_per_second: float = 0.0
    """Speed of the last derivation that took more than a moment."""


class Watcher:
    """Derives the chain into its own store and judges assertions by it. Needs no key."""

    def __init__(self, deployment: Deployment, store: ChainStore, l1: L1, confirmations: int) -> None:
        self._store = store
        self._l1 = l1
        self._reader = InboxReader(l1, confirmations)
        self._follower = Follower(deployment, keep_unsafe=False)
        self._judge = Judge(l1, Commitments(store, deployment.parameters))
        self._lock = Lock()
        self._snapshot = Snapshot()
        self._log = structlog.get_logger("challenger")

    def snapshot(self) -> Snapshot:
        """The latest state of affairs."""
        with self._lock:
            return self._snapshot

    def run(self, stopping: Event) -> None:
        """Follow until `stopping` is set."""
        backoff = POLL_INTERVAL
        while not stopping.is_set():
            try:
                progressed = self._step()
                backoff = POLL_INTERVAL
            except L1_ERRORS as error:
                self._log.warning("L1 does not answer", error=str(error), retry_in=backoff)
                with self._lock:
                    self._snapshot.l1_connected = False
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
        speed = self._snapshot.blocks_per_second
        if update is not None:
            start = time.perf_counter()
            try:
                with self._store.write() as writer:
                    applied = self._follower.apply(writer, update)
                    head = writer.head()
            except InboxMismatch:
                with self._store.write() as writer:
                    rewind(writer, self._l1.addresses.start_block)
                raise
            if applied.executed:
                speed = applied.executed / (time.perf_counter() - start)
                self._log.info("derived", blocks=applied.executed, head=head.number, hash=head.hash.hex())
            if applied.dropped:
                self._log.warning("L1 re-organised: blocks dropped", count=len(applied.dropped), head=head.number)
        with self._store.read() as session:
            for alarm in self._judge.update(session):
                self._log.error("ALARM", message=alarm.message)
            head = session.head()
            fresh = Snapshot(
                head=head.number,
                head_hash="0x" + head.hash.hex(),
                batches=session.batch_count(),
                messages=session.message_count(),
                l1_cursor=update.cursor if update else self._snapshot.l1_cursor,
                l1_connected=True,
                last_contact=time.time(),
                assertions=list(self._judge.assertions.values()),
                alarms=self._judge.alarms(),
                blocks_per_second=speed,
            )
        with self._lock:
            self._snapshot = fresh
        return update is not None
