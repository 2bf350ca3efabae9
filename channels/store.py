"""What a node keeps: SQLite. What was written is on the disk when `write` returns; all of one call, or none of it.

Many write at once (each channel, each payment): what comes while a commit is under way goes into the next one together.
"""

import asyncio
import fcntl
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from channels.peer import NotKept
from tandem.channels.endpoint import Endpoint
from tandem.channels.wire import decode_endpoint, encode_endpoint
from tandem.errors import ConfigError
from tandem.primitives.types import Address, Hash

SCHEMA = 3
"""Of all tables here; kept in the file (user_version)."""
TABLES = """
CREATE TABLE states (channel BLOB PRIMARY KEY, chain_id INTEGER NOT NULL, state BLOB NOT NULL);
CREATE TABLE nodes (address BLOB PRIMARY KEY, public_key BLOB NOT NULL, url TEXT NOT NULL);
CREATE TABLE invoices (ref BLOB PRIMARY KEY, created INTEGER NOT NULL, record BLOB NOT NULL);
CREATE TABLE payments (ref BLOB PRIMARY KEY, created INTEGER NOT NULL, is_open INTEGER NOT NULL, record BLOB NOT NULL);
CREATE INDEX open_payments ON payments (ref) WHERE is_open;
CREATE INDEX newest_invoices ON invoices (created);
CREATE INDEX newest_payments ON payments (created);
CREATE TABLE history (number INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL, record BLOB NOT NULL);
CREATE TABLE matches (name BLOB PRIMARY KEY, created INTEGER NOT NULL, is_open INTEGER NOT NULL, record BLOB NOT NULL);
CREATE INDEX open_matches ON matches (name) WHERE is_open;
CREATE INDEX newest_matches ON matches (created);
CREATE TABLE receipts (tower BLOB, channel BLOB, receipt BLOB NOT NULL, PRIMARY KEY (tower, channel));
"""
MOST_WRITES = 10_000
"""In one commit."""


@dataclass(frozen=True, slots=True)
class Write:
    """One SQL statement."""

    statement: str
    values: tuple[Any, ...]


def write_state(side: Endpoint) -> Write:
    """The newest state of a channel."""
    values = side.key.id, side.domain.chain_id, encode_endpoint(side)
    return Write("INSERT OR REPLACE INTO states VALUES (?, ?, ?)", values)


def write_end(channel: Hash) -> Write:
    """A channel has ended: its state is worth nothing any more."""
    return Write("DELETE FROM states WHERE channel = ?", (channel,))


def write_node(address: Address, public_key: bytes, url: str) -> Write:
    """Who has this address, and where; url empty: it connects to us."""
    return Write("INSERT OR REPLACE INTO nodes VALUES (?, ?, ?)", (address, public_key, url))


def write_invoice(ref: Hash, created: int, record: bytes) -> Write:
    """An invoice of our own."""
    return Write("INSERT OR REPLACE INTO invoices VALUES (?, ?, ?)", (ref, created, record))


def write_payment(ref: Hash, created: int, is_open: bool, record: bytes) -> Write:
    """A payment that we make."""
    return Write("INSERT OR REPLACE INTO payments VALUES (?, ?, ?, ?)", (ref, created, is_open, record))


def write_match(name: Hash, created: int, is_open: bool, record: bytes) -> Write:
    """An application session of ours."""
    return Write("INSERT OR REPLACE INTO matches VALUES (?, ?, ?, ?)", (name, created, is_open, record))


def delete_match(name: Hash) -> Write:
    """It never came to be."""
    return Write("DELETE FROM matches WHERE name = ?", (name,))


def write_history(time: int, kind: str, record: bytes) -> Write:
    """Something that has happened."""
    return Write("INSERT INTO history (time, kind, record) VALUES (?, ?, ?)", (time, kind, record))


def write_receipt(tower: Address, channel: Hash, receipt: bytes) -> Write:
    """The newest that a tower has given for a channel."""
    return Write("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (tower, channel, receipt))


class Database:
    """A file with tables: one thread writes, one reads."""

    def __init__(self, path: Path, tables: str) -> None:
        """ConfigError where the file is none of ours, or in use by another program."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = path.with_suffix(".lock").open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as reason:
            raise ConfigError(f"{path} is in use: is the program running already?") from reason
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            # WAL with FULL: a commit is one write and one fsync, and a crash at any time leaves the last one whole.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            [version] = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._db.executescript(f"BEGIN; {tables} PRAGMA user_version = {SCHEMA}; COMMIT;")
        except sqlite3.DatabaseError as reason:
            raise ConfigError(f"{path} is no channel database: {reason}") from reason
        if version not in (0, SCHEMA):
            raise ConfigError(f"{path} has tables of version {version}, this program knows {SCHEMA}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def commit(self, writes: Sequence[Write]) -> None:
        """All or none."""
        with self._db:
            self._db.execute("BEGIN")
            for write in writes:
                self._db.execute(write.statement, write.values)

    def close(self) -> None:
        """What was written stays."""
        self._reader.close()
        self._db.close()
        self._lock.close()

    def read(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows."""
        return self._reader.execute(query, values).fetchall()


class Store(Database):
    """A node's."""

    def __init__(self, path: Path) -> None:
        """ConfigError where the file is none of ours, or in use by another node."""
        super().__init__(path, TABLES)

    def load(self, blank: Endpoint) -> Endpoint:
        """A side as it was kept; `blank`, a new one, where it never was. EncodingError."""
        kept = self._one("SELECT state FROM states WHERE channel = ?", blank.key.id)
        return blank if kept is None else decode_endpoint(kept, blank)

    def channels(self) -> dict[Hash, int]:
        """All that there are states of, and the ids of their chains."""
        return {Hash(bytes(channel)): chain for channel, chain in self.read("SELECT channel, chain_id FROM states")}

    def chain_of(self, channel: Hash) -> int | None:
        """Its chain's id, where there is a state of it."""
        rows = self.read("SELECT chain_id FROM states WHERE channel = ?", channel)
        return int(rows[0][0]) if rows else None

    def nodes(self) -> list[tuple[Address, bytes, str]]:
        """(address, public key, url) of all that we know."""
        rows = self.read("SELECT address, public_key, url FROM nodes ORDER BY address")
        return [(Address(bytes(address)), bytes(key), url) for address, key, url in rows]

    def invoice(self, ref: Hash) -> bytes | None:
        """An invoice's record."""
        return self._one("SELECT record FROM invoices WHERE ref = ?", ref)

    def payment(self, ref: Hash) -> bytes | None:
        """A payment's record."""
        return self._one("SELECT record FROM payments WHERE ref = ?", ref)

    def open_payments(self) -> list[bytes]:
        """Records of payments whose end is not known."""
        return [bytes(row[0]) for row in self.read("SELECT record FROM payments WHERE is_open")]

    def match(self, name: Hash) -> bytes | None:
        """A match's record."""
        return self._one("SELECT record FROM matches WHERE name = ?", name)

    def matches_named(self, beginning: str) -> list[bytes]:
        """Records of matches whose name begins with these hexadecimal digits."""
        rows = self.read(
            "SELECT record FROM matches WHERE lower(substr(hex(name), 1, ?)) = ?", len(beginning), beginning
        )
        return [bytes(row[0]) for row in rows]

    def open_matches(self) -> list[bytes]:
        """Records of matches that have not come to their end."""
        return [bytes(row[0]) for row in self.read("SELECT record FROM matches WHERE is_open")]

    def newest(self, table: str, count: int) -> list[bytes]:
        """Records of `invoices`, `payments` or `matches`, the newest first. ValueError for other tables."""
        if table not in ("invoices", "payments", "matches"):
            raise ValueError(table)
        rows = self.read(f"SELECT record FROM {table} ORDER BY created DESC, rowid DESC LIMIT ?", count)
        return [bytes(row[0]) for row in rows]

    def history(self, count: int) -> Iterator[tuple[int, str, bytes]]:
        """(time, kind, record) of what has happened last, the newest first."""
        for row in self._reader.execute(
            "SELECT time, kind, record FROM history ORDER BY number DESC LIMIT ?", (count,)
        ):
            yield row[0], row[1], bytes(row[2])

    def receipts(self, tower: Address) -> list[bytes]:
        """What a tower has promised."""
        return [bytes(row[0]) for row in self.read("SELECT receipt FROM receipts WHERE tower = ?", tower)]

    def _one(self, query: str, key: Any) -> bytes | None:
        rows = self.read(query, key)
        return bytes(rows[0][0]) if rows else None


class Journal:
    """Writes of many in few commits. An event loop's."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._next: list[tuple[Sequence[Write], asyncio.Future[None]]] = []
        self._running: asyncio.Task[None] | None = None
        self._failed = asyncio.Event()
        self.failure: NotKept | None = None

    async def write(self, *writes: Write) -> None:
        """Returns when it is on the disk. NotKept."""
        done = asyncio.get_running_loop().create_future()
        self._next.append((writes, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        await done

    async def watch(self) -> None:
        """Raises NotKept when anything could not be written: the program has to end then."""
        await self._failed.wait()
        assert self.failure is not None
        raise self.failure

    async def keep(self, side: Endpoint) -> None:
        """A side of a channel, as channels.peer.Keep."""
        await self.write(write_state(side))

    async def _run(self) -> None:
        try:
            while self._next:
                batch, self._next = self._next[:MOST_WRITES], self._next[MOST_WRITES:]
                error: NotKept | None = None
                try:
                    await asyncio.to_thread(self._store.commit, [write for writes, _ in batch for write in writes])
                except (sqlite3.Error, OSError) as reason:
                    error = NotKept(f"the disk does not take it: {reason}")
                    self.failure = error
                    self._failed.set()
                for _, done in batch:
                    if done.done():
                        continue
                    if error is None:
                        done.set_result(None)
                    else:
                        done.set_exception(error)
        finally:
            self._running = None
