"""What a tower keeps: one row for each channel and client, however many states the channel has had."""

from dataclasses import dataclass
from pathlib import Path

from channels.store import Database, Write
from tandem.channels.codec import ADDRESS, Shape, pack, unpack
from tandem.channels.wire import DELEGATE, Delegate
from tandem.primitives.types import Address, Hash

TABLES = """
CREATE TABLE watched (channel BLOB, client BLOB, record BLOB NOT NULL, PRIMARY KEY (channel, client));
CREATE TABLE rescues (
    channel BLOB, client BLOB, time INTEGER NOT NULL, reward TEXT NOT NULL, PRIMARY KEY (channel, client)
);
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A channel of a client: the newest that it has delegated."""

    client: Address
    newest: Delegate


_ROW = Shape(Row, (ADDRESS, DELEGATE.field))


class TowerStore(Database):
    """Rows on disk."""

    def __init__(self, path: Path) -> None:
        """ConfigError where the file is none of ours, or in use by another tower."""
        super().__init__(path, TABLES)

    def rows(self) -> list[Row]:
        """All that are watched."""
        return [_ROW.read(unpack(bytes(row[0]))) for row in self.read("SELECT record FROM watched")]

    def rescues(self) -> list[tuple[Hash, Address, int, int]]:
        """(channel, client, when, reward in wei or the token's units) of what it has shown for a reward."""
        found = self.read("SELECT channel, client, time, reward FROM rescues ORDER BY time")
        return [(Hash(bytes(channel)), Address(bytes(client)), at, int(pay)) for channel, client, at, pay in found]


def write_row(row: Row) -> Write:
    """In place of the one before."""
    values = row.newest.channel, row.client, pack(_ROW.write(row))
    return Write("INSERT OR REPLACE INTO watched VALUES (?, ?, ?)", values)


def delete_row(row: Row) -> Write:
    """The channel has ended."""
    return Write("DELETE FROM watched WHERE channel = ? AND client = ?", (row.newest.channel, row.client))


def write_rescue(row: Row, time: int) -> Write:
    """A newer state was shown for the client."""
    values = row.newest.channel, row.client, time, str(row.newest.reward)
    return Write("INSERT OR REPLACE INTO rescues VALUES (?, ?, ?, ?)", values)
