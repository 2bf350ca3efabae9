"""The LMDB environment of a node and its transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import lmdb

from tandem.errors import ConfigError
from tandem.store.session import TABLES, ReadSession, WriteSession

MAP_SIZE = 1 << 38
"""Address space for the file, 256 GiB: the file itself grows only as it fills."""
MAX_READERS = 512


class ChainStore:
    """A node's database. One process may write; any number may read, each seeing the last commit."""

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        self.path = path
        if readonly and not (path / "data.mdb").exists():
            raise ConfigError(f"no database at {path}: start the node that writes it first")
        path.mkdir(parents=True, exist_ok=True)
        self._environment = lmdb.open(
            str(path),
            map_size=MAP_SIZE,
            max_dbs=len(TABLES),
            max_readers=MAX_READERS,
            readonly=readonly,
            lock=True,
            readahead=False,
        )
        self._environment.reader_check()  # a reader that was killed keeps its pages until someone looks
        self._tables = {name: self._environment.open_db(name.encode(), create=not readonly) for name in TABLES}

    @contextmanager
    def read(self) -> Iterator[ReadSession]:
        """A consistent view of the last commit."""
        with self._environment.begin(buffers=False) as transaction:
            yield ReadSession(transaction, self._tables)

    @contextmanager
    def write(self) -> Iterator[WriteSession]:
        """A write transaction: committed and on disk at the end of the block, undone by an exception."""
        with self._environment.begin(write=True) as transaction:
            yield WriteSession(transaction, self._tables)

    def close(self) -> None:
        """Release the environment."""
        self._environment.close()

    def __enter__(self) -> "ChainStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
