"""What the machine needs of the world around it: preimages, the inbox, earlier headers, the chain's parameters."""

from dataclasses import dataclass
from typing import Protocol

from tandem.chain.recent import BlockHashes
from tandem.chain.spec import ChainParameters
from tandem.evm.context import no_block_hash
from tandem.inbox.queues import QueuedBatch, QueuedMessage
from tandem.primitives.types import ZERO_HASH, Hash
from tandem.state.tables import Table


class InboxSource(Protocol):
    """The two queues of L1."""

    def message(self, index: int) -> QueuedMessage:
        """The message at `index`, counted from 0."""
        ...

    def batch(self, index: int) -> QueuedBatch:
        """The batch at `index`, counted from 0."""
        ...


class Ancestry:
    """Hashes of earlier blocks: those of a chain, and those that the machine has ended itself."""

    __slots__ = ("_added", "_base")

    def __init__(self, base: BlockHashes = no_block_hash) -> None:
        self._base = base
        self._added: dict[int, Hash] = {}

    def block_hash(self, number: int) -> Hash:
        """Hash of the block with that number, one of the 256 before the block that runs; zero where there is none."""
        return self._added.get(number) or (self._base(number) if number >= 0 else ZERO_HASH)

    def add(self, number: int, block_hash: Hash) -> None:
        """A block that the machine ended."""
        self._added[number] = block_hash


class Overlay:
    """A table over another, which it never writes: what the machine's own steps add stays here."""

    __slots__ = ("_added", "_base")

    def __init__(self, base: Table) -> None:
        self._base = base
        self._added: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """What is at `key`."""
        return self._added.get(key) or self._base.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Content-addressed: never another value at the same key."""
        self._added[key] = value

    def delete(self, key: bytes) -> None:
        """Preimages are never deleted."""
        raise NotImplementedError("preimages are append-only")


class NoInbox:
    """For machines that start inside a batch and end before the next."""

    def message(self, index: int) -> QueuedMessage:
        """There is none."""
        raise LookupError(f"message {index}: this machine has no inbox")

    def batch(self, index: int) -> QueuedBatch:
        """There is none."""
        raise LookupError(f"batch {index}: this machine has no inbox")


@dataclass(frozen=True, slots=True)
class Chain:
    """The surroundings of a machine."""

    nodes: Table
    """Preimages by their keccak: tree nodes, account records, codes. Steps add to it."""
    parameters: ChainParameters
    inbox: InboxSource
    ancestry: Ancestry
