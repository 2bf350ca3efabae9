"""A thread that reads the inbox and hands each update to whoever writes the store."""

import queue
from threading import Event, Thread

import requests
import structlog
from web3.exceptions import (
    BadResponseFormat,
    BlockNotFound,
    ProviderConnectionError,
    TimeExhausted,
    TransactionNotFound,
    Web3RPCError,
)

from tandem.errors import TandemError
from tandem.l1.inbox_reader import InboxReader
from tandem.node.follower import InboxUpdate
from tandem.store import ChainStore

POLL_INTERVAL = 0.25
"""Seconds between two looks at L1's head."""
MAX_BACKOFF = 10.0

L1_ERRORS = (
    requests.RequestException,
    OSError,
    BadResponseFormat,
    BlockNotFound,
    ProviderConnectionError,
    TimeExhausted,
    TransactionNotFound,
    Web3RPCError,
)
"""What an L1 that is away, behind, or answers nonsense raises: wait and try again. Other errors of web3 are bugs."""


class InboxSync(Thread):
    """Polls L1 and puts updates, one at a time, into `updates`; waits until `applied` is called before the next."""

    def __init__(self, store: ChainStore, reader: InboxReader, stopping: Event) -> None:
        super().__init__(name="inbox-sync", daemon=True)
        self.updates: queue.Queue[InboxUpdate] = queue.Queue(1)
        self.failed = False
        """Whether a bug has ended it."""
        self.connected = False
        self._store = store
        self._reader = reader
        self._stopping = stopping
        self._free = Event()
        self._free.set()
        self._log = structlog.get_logger("inbox-sync")

    def applied(self) -> None:
        """The last update is in the store: read on."""
        self._free.set()

    def run(self) -> None:
        """Until the daemon stops; a bug stops the daemon."""
        try:
            self._follow()
        except BaseException:
            self.failed = True
            self._stopping.set()
            self._log.exception("stopping: this is a bug")
            raise

    def _follow(self) -> None:
        backoff = POLL_INTERVAL
        while not self._stopping.is_set():
            if not self._free.wait(0.2):
                continue
            try:
                with self._store.read() as session:
                    update = self._reader.poll(session)
                backoff, self.connected = POLL_INTERVAL, True
            except L1_ERRORS as error:
                self.connected = False
                self._log.warning("L1 does not answer", error=str(error), retry_in=backoff)
                self._stopping.wait(backoff)
                backoff = min(backoff * 2, MAX_BACKOFF)
                continue
            except TandemError as error:
                self._log.info("reading L1 again", reason=str(error))
                self._stopping.wait(POLL_INTERVAL)
                continue
            if update is None:
                self._stopping.wait(POLL_INTERVAL)
                continue
            self._free.clear()
            self.updates.put(update)
