"""What the state is kept in: three key-value tables. In memory here; in LMDB in `tandem.store`.

- preimages: content-addressed, append-only: tree nodes, account records and codes by their keccak. It holds every
  state there ever was, so any old root can be read and proved.
- accounts: keccak(address) -> account record, of the current state only.
- slots: keccak(address) ‖ keccak(slot) -> 32-byte word, of the current state only.

The last two make the common read one look-up instead of a walk down the tree.
"""

from dataclasses import dataclass, field
from typing import Protocol


class Table(Protocol):
    """A map from bytes to bytes."""

    def get(self, key: bytes) -> bytes | None: ...
    def put(self, key: bytes, value: bytes) -> object: ...
    def delete(self, key: bytes) -> object: ...


class MemoryTable:
    """A table in a dict."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self.entries.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self.entries[key] = value

    def delete(self, key: bytes) -> None:
        self.entries.pop(key, None)


@dataclass(frozen=True, slots=True)
class StateTables:
    """The tables of one state database."""

    preimages: Table = field(default_factory=MemoryTable)
    accounts: Table = field(default_factory=MemoryTable)
    slots: Table = field(default_factory=MemoryTable)
