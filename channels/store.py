"""What a node keeps of its channels: SQLite, one row a channel. What was saved is on the disk when `save` returns."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tandem.errors import ConfigError
from tandem.primitives.types import Hash

SCHEMA = 1
"""Of the tables; kept in the file (user_version)."""


class StateStore:
    """The newest state of each channel (tandem.channels.wire.encode_endpoint). For one thread at a time."""

    def __init__(self, path: Path) -> None:
        """ConfigError where the file is none of ours."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            # WAL with FULL: a commit is one write and one fsync, and a crash at any time leaves the last one whole.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            [version] = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._db.execute("CREATE TABLE IF NOT EXISTS states (channel BLOB PRIMARY KEY, state BLOB NOT NULL)")
                self._db.execute(f"PRAGMA user_version = {SCHEMA}")
        except sqlite3.DatabaseError as reason:
            raise ConfigError(f"{path} is no channel database: {reason}") from reason
        if version not in (0, SCHEMA):
            raise ConfigError(f"{path} has tables of version {version}, this program knows {SCHEMA}")

    def __enter__(self) -> "StateStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def load(self, channel: Hash) -> bytes | None:
        """The newest state of a channel; None where there is none."""
        row = self._db.execute("SELECT state FROM states WHERE channel = ?", (channel,)).fetchone()
        return None if row is None else bytes(row[0])

    def channels(self) -> list[Hash]:
        """All that there are."""
        return [Hash(bytes(row[0])) for row in self._db.execute("SELECT channel FROM states ORDER BY channel")]

    def save(self, states: Mapping[Hash, bytes]) -> None:
        """Keep newer states, all or none."""
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO states VALUES (?, ?)", list(states.items()))

    def close(self) -> None:
        """What was saved stays."""
        self._db.close()
