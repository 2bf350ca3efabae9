"""What the roles of a daemon share: a thread whose failures are not silent."""

from abc import ABC, abstractmethod
from threading import Event, Thread

import structlog

from tandem.l1.sender import GaveUp, L1Rejected, NonceTaken
from tandem.node.inbox_sync import L1_ERRORS

RETRY = 2.0
"""Seconds to wait after L1 refused something or did not answer."""


class Role(Thread, ABC):
    """Calls `step` every `interval` seconds. What L1 does is waited out; a bug stops the daemon, loudly."""

    def __init__(self, name: str, interval: float, stopping: Event) -> None:
        super().__init__(name=name, daemon=True)
        self.failed = False
        """Whether a bug has ended it."""
        self._interval = interval
        self._stopping = stopping
        self._log = structlog.get_logger(name)

    @abstractmethod
    def step(self) -> None:
        """Look at the store and at L1, and do what is due."""

    def run(self) -> None:
        """Until the daemon stops."""
        while not self._stopping.wait(self._interval):
            try:
                self.step()
            except (NonceTaken, GaveUp) as reason:
                self._log.info("looking at L1 again", reason=str(reason))
            except L1Rejected as error:
                self._log.warning("refused by L1", reason=str(error))
                self._stopping.wait(RETRY)
            except L1_ERRORS as error:
                self._log.warning("L1 does not answer", error=str(error))
                self._stopping.wait(RETRY)
            except BaseException:
                self.failed = True
                self._stopping.set()
                self._log.exception("stopping: this is a bug")
                raise
