"""What the service keeps: SQLite. What was put is on the disk when `put` returns, and only then is anything answered.

The newest voucher of a channel is worth all that it was ever charged: who loses this file loses what was not claimed.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from examples.paid_api.scheme import ChannelConfig, Claim, Units
from tandem.errors import ConfigError
from tandem.primitives.types import Address, Hash, Seconds

SCHEMA = 2
"""Of the tables; kept in the file (user_version)."""
TABLES = """
    CREATE TABLE IF NOT EXISTS channels (id BLOB PRIMARY KEY, record TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS final (id BLOB PRIMARY KEY, claimed TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS collected (id INTEGER PRIMARY KEY CHECK (id = 0), at REAL NOT NULL);
    INSERT OR IGNORE INTO collected VALUES (0, CAST(strftime('%s', 'now') AS REAL));
"""
"""Version 1 had the first alone."""


@dataclass(frozen=True, slots=True)
class OnChain:
    """What the contract says of a channel, and when it was asked."""

    balance: Units
    claimed: Units
    withdraw_since: Seconds
    """When the payer has asked for what is his; 0: he has not."""
    refund_nonce: int
    read_at: float
    """Seconds, by our clock."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What was signed to be given back: until its nonce is used, it may come."""

    nonce: int
    amount: Units
    """The most that was signed for this nonce."""
    at: float = 0.0
    """Seconds, by our clock."""


@dataclass(frozen=True, slots=True)
class Sale:
    """What was sold: the answer, and what the client was told of its payment."""

    resource: str
    body: str
    response: str
    """The header's value."""
    sold_at: float
    """Seconds, by our clock."""


@dataclass(frozen=True, slots=True)
class Record:
    """A channel as the service knows it."""

    id: Hash
    config: ChannelConfig
    chain: OnChain
    charged: Units
    """All that was sold through it."""
    signed: Units = Units(0)
    """The newest voucher's."""
    signature: bytes = b""
    promise: Promise | None = None
    last: Sale | None = None

    @property
    def promised(self) -> Units:
        """What may still be given back of what is on the chain."""
        promise = self.promise
        return Units(0) if promise is None or promise.nonce != self.chain.refund_nonce else promise.amount

    @property
    def spendable(self) -> Units:
        """What vouchers can be for, all in all: what is on the chain and promised to nobody."""
        return Units(self.chain.balance - self.promised)

    @property
    def claim(self) -> Claim | None:
        """What can be claimed by now."""
        total = Units(min(self.charged, self.chain.balance))
        if total <= self.chain.claimed:
            return None
        return Claim(self.config, self.signed, self.signature, total)


class Store:
    """The channels. Thread-safe; several programs may have the file open."""

    def __init__(self, path: Path) -> None:
        """ConfigError where the file is none of ours."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            # WAL with FULL: a commit is one write and one fsync, and a crash at any time leaves the last one whole.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            [version] = self._db.execute("PRAGMA user_version").fetchone()
            if version < SCHEMA:
                self._db.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;")
        except sqlite3.DatabaseError as reason:
            raise ConfigError(f"{path} is no database of this service: {reason}") from reason
        if version > SCHEMA:
            raise ConfigError(f"{path} has tables of version {version}, this program knows {SCHEMA}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:  # SQLite crashes where a thread is amid a statement
            self._db.close()

    def get(self, channel_id: Hash) -> Record | None:
        """None: there was never a sale."""
        with self._lock:
            row = self._db.execute("SELECT record FROM channels WHERE id = ?", (channel_id,)).fetchone()
        return None if row is None else _decode(channel_id, row[0])

    def put(self, record: Record) -> None:
        """Returns when it is on the disk."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO channels VALUES (?, ?)", (record.id, _encode(record)))

    def all(self) -> Iterator[Record]:
        """In no order that means anything."""
        with self._lock:
            rows = self._db.execute("SELECT id, record FROM channels ORDER BY id").fetchall()
        for channel_id, record in rows:
            yield _decode(Hash(bytes(channel_id)), record)

    # -- of collecting; apart from the records, which change meanwhile

    def final(self) -> dict[Hash, Units]:
        """What was claimed for good, of channels where it is known."""
        with self._lock:
            rows = self._db.execute("SELECT id, claimed FROM final").fetchall()
        return {Hash(bytes(channel_id)): Units(int(claimed)) for channel_id, claimed in rows}

    def put_final(self, channel_id: Hash, claimed: Units) -> None:
        """So much was."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO final VALUES (?, ?)", (channel_id, str(claimed)))

    @property
    def collected_at(self) -> float:
        """When all was claimed that had been charged, seconds; at first, when the file was made."""
        with self._lock:
            [at] = self._db.execute("SELECT at FROM collected").fetchone()
        return float(at)

    @collected_at.setter
    def collected_at(self, at: float) -> None:
        with self._lock:
            self._db.execute("UPDATE collected SET at = ?", (at,))


def _encode(record: Record) -> str:
    config, chain, promise, last = record.config, record.chain, record.promise, record.last
    return json.dumps(
        {
            "config": {
                "parties": [each.hex() for each in config.parties],
                "withdraw_delay": config.withdraw_delay,
                "salt": config.salt.hex(),
            },
            "chain": [chain.balance, chain.claimed, chain.withdraw_since, chain.refund_nonce, chain.read_at],
            "charged": record.charged,
            "signed": record.signed,
            "signature": record.signature.hex(),
            "promise": None if promise is None else [promise.nonce, promise.amount, promise.at],
            "last": None if last is None else [last.resource, last.body, last.response, last.sold_at],
        }
    )


def _decode(channel_id: Hash, text: str) -> Record:
    content = json.loads(text)
    config = content["config"]
    payer, payer_authorizer, receiver, receiver_authorizer, token = (
        Address(bytes.fromhex(each)) for each in config["parties"]
    )
    delay, salt = Seconds(config["withdraw_delay"]), Hash(bytes.fromhex(config["salt"]))
    return Record(
        id=channel_id,
        config=ChannelConfig(payer, payer_authorizer, receiver, receiver_authorizer, token, delay, salt),
        chain=OnChain(*content["chain"]),
        charged=Units(content["charged"]),
        signed=Units(content["signed"]),
        signature=bytes.fromhex(content["signature"]),
        promise=None if content["promise"] is None else Promise(*content["promise"]),
        last=None if content["last"] is None else Sale(*content["last"]),
    )
