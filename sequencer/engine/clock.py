"""The clock that block times come from: the machine's, which development methods can move forward."""

import time


class ChainClock:
    """Seconds since the epoch, plus an offset."""

    def __init__(self) -> None:
        self._offset = 0
        self._next: int | None = None

    def now(self) -> int:
        """The time for a block that is built now. A time set by `set_next` is given once."""
        if self._next is not None:
            fixed, self._next = self._next, None
            self._offset = fixed - int(time.time())
            return fixed
        return int(time.time()) + self._offset

    def advance(self, seconds: int) -> int:
        """Move forward; returns the whole offset."""
        self._offset += seconds
        return self._offset

    def set_next(self, timestamp: int) -> None:
        """Fix the next block's time; the clock goes on from there."""
        self._next = timestamp
