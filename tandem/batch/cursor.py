"""Reads bytes from front to back."""

from tandem.errors import EncodingError


class Cursor:
    """A position in `data`. Reading past the end is an EncodingError."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._at

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self._at + count
        if end > len(self._data):
            raise EncodingError(f"{count} bytes are expected, {len(self._data) - self._at} are left")
        start, self._at = self._at, end
        return self._data[start:end]

    def finish(self) -> None:
        """EncodingError unless all was read."""
        if self._at != len(self._data):
            raise EncodingError(f"{len(self._data) - self._at} bytes are left over")
