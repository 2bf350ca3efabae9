"""Remembers transactions that were acknowledged but are in no block yet, so that `kill -9` loses none.

A file of msgpack pairs (raw, sender), appended with one write before the client hears "taken". The operating system
keeps it when the process dies; a torn last entry (power loss) is cut off. Rewritten with what still waits when it has
grown.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgpack

REWRITE_BYTES = 32 << 20
"""Size at which the file is rewritten: 32 MiB, about 200,000 transfers."""

Entry = tuple[bytes, bytes]
"""(raw, sender)."""


class Journal:
    """The journal at `path`. One thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(self._file).st_size

    def entries(self) -> Iterator[Entry]:
        """What was written, oldest first, as far as it is whole."""
        with self._path.open("rb") as file:
            unpacker = msgpack.Unpacker(file, max_buffer_size=2 * REWRITE_BYTES)
            try:
                yield from map(tuple, unpacker)
            except (TypeError, ValueError, msgpack.UnpackException):
                return

    def append(self, entries: Iterable[Entry]) -> None:
        """Write entries behind the others."""
        data = b"".join(msgpack.packb(entry) for entry in entries)
        self._size += len(data)
        while data:
            data = data[os.write(self._file, data) :]

    @property
    def is_large(self) -> bool:
        """Whether it is time to rewrite."""
        return self._size > REWRITE_BYTES

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Replace all by `entries`, atomically."""
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            for entry in entries:
                file.write(msgpack.packb(entry))
        fresh.replace(self._path)
        os.close(self._file)
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND)
        self._size = os.fstat(self._file).st_size

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
