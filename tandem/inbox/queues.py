"""Messages and batch entries, hashed as contracts/inbox/Inbox.sol hashes them (protocol.md, section 4)."""

from dataclasses import dataclass
from enum import IntEnum

from tandem.primitives.hashing import address_word, keccak, word
from tandem.primitives.types import ZERO_HASH, Address, Gas, Hash, Seconds, Wei
from tandem.transactions.codec import deposit_transaction
from tandem.transactions.transaction import DepositTransaction

SYSTEM_SENDER = Address(bytes.fromhex("fffffffffffffffffffffffffffffffffffffffe"))
"""Sender of the messages that the inbox itself queues. No key and no aliased contract can have this address."""
ALIAS_OFFSET = 0x1111000000000000000000000000000000001111
"""Added to the address of a contract on L1, mod 2^160: on L2 nobody can pass for it (as on Arbitrum and OP Stack)."""
MAX_MESSAGES_PER_BATCH = 1_024


class DataLocation(IntEnum):
    """Where a batch's bytes are."""

    NONE = 0
    CALLDATA = 1


@dataclass(frozen=True, slots=True)
class L1Context:
    """What L1 was like when something was queued. `number` and `hash` are those of the parent of its L1 block."""

    number: int
    hash: Hash
    timestamp: Seconds
    base_fee: Wei

    def encode(self) -> bytes:
        """abi.encode of the four fields."""
        return word(self.number) + self.hash + word(self.timestamp) + word(self.base_fee)


@dataclass(frozen=True, slots=True)
class Message:
    """A message from L1: sender as L2 sees it (aliased where it is a contract); `mint` wei come with it."""

    sender: Address
    to: Address | None
    mint: Wei
    value: Wei
    gas_limit: Gas
    data: bytes
    context: L1Context

    def head(self) -> bytes:
        """What its hash is made of: 11 words, the data only by its hash."""
        return (
            address_word(self.sender)
            + address_word(self.to or bytes(20))
            + word(self.to is None)
            + word(self.mint)
            + word(self.value)
            + word(self.gas_limit)
            + keccak(self.data)
            + self.context.encode()
        )

    def hash(self) -> Hash:
        """messageHash."""
        return keccak(self.head())

    def transaction(self, accumulator: Hash) -> DepositTransaction:
        """The deposit transaction it becomes; `accumulator` is the queue's after it."""
        return deposit_transaction(accumulator, self.sender, self.to, self.mint, self.value, self.gas_limit, self.data)

    @property
    def is_system(self) -> bool:
        """Whether the inbox itself queued it."""
        return self.sender == SYSTEM_SENDER


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """A batch as the inbox records it. `messages_consumed` counts from genesis to the batch's end."""

    location: DataLocation
    data_hash: Hash
    messages_consumed: int
    context: L1Context

    def encode(self) -> bytes:
        """Its fields: 7 words."""
        return word(self.location) + self.data_hash + word(self.messages_consumed) + self.context.encode()

    def hash(self) -> Hash:
        """entryHash."""
        return keccak(self.encode())


def accumulate(accumulator: bytes, item: bytes) -> Hash:
    """A queue's accumulator after one more item."""
    return keccak(accumulator + item)


def alias(contract: Address) -> Address:
    """The address on L2 of a contract on L1."""
    return Address(((int.from_bytes(contract, "big") + ALIAS_OFFSET) % (1 << 160)).to_bytes(20, "big"))


EMPTY_ACCUMULATOR = ZERO_HASH


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message at its place in the queue, with the queue's accumulator after it."""

    index: int
    message: Message
    accumulator: Hash


@dataclass(frozen=True, slots=True)
class QueuedBatch:
    """A batch at its place in the queue, with its bytes (none for a forced one) and the accumulator after it."""

    index: int
    entry: BatchEntry
    data: bytes
    accumulator: Hash
