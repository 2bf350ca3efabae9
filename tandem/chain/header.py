"""The block header and its hash (protocol.md, section 2)."""

from dataclasses import dataclass, field

from tandem.inbox.queues import L1Context
from tandem.primitives.hashing import address_word, keccak, word
from tandem.primitives.types import Address, Gas, Hash, Seconds, Wei

HEADER_BYTES = 17 * 32


@dataclass(frozen=True, slots=True)
class Header:
    """A block's header: 17 words. `origin` is the L1 context of the last message consumed."""

    parent_hash: Hash
    number: int
    timestamp: Seconds
    state_root: Hash
    transactions_acc: Hash
    receipts_acc: Hash
    gas_used: Gas
    gas_limit: Gas
    base_fee: Wei
    prev_randao: Hash
    coinbase: Address
    origin: L1Context
    messages_consumed: int
    recent_hashes: Hash
    """Word tree over the hashes of the 256 blocks before (tandem.chain.recent)."""
    hash: Hash = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", keccak(self.encode()))

    def encode(self) -> bytes:
        """abi.encode of the 17 words: 544 bytes."""
        return (
            self.parent_hash
            + word(self.number)
            + word(self.timestamp)
            + self.state_root
            + self.transactions_acc
            + self.receipts_acc
            + word(self.gas_used)
            + word(self.gas_limit)
            + word(self.base_fee)
            + self.prev_randao
            + address_word(self.coinbase)
            + self.origin.encode()
            + word(self.messages_consumed)
            + self.recent_hashes
        )

    @classmethod
    def decode(cls, data: bytes) -> "Header":
        """The inverse of `encode`."""
        words = [data[at : at + 32] for at in range(0, HEADER_BYTES, 32)]
        number = [int.from_bytes(item, "big") for item in words]
        return cls(
            parent_hash=Hash(words[0]),
            number=number[1],
            timestamp=Seconds(number[2]),
            state_root=Hash(words[3]),
            transactions_acc=Hash(words[4]),
            receipts_acc=Hash(words[5]),
            gas_used=Gas(number[6]),
            gas_limit=Gas(number[7]),
            base_fee=Wei(number[8]),
            prev_randao=Hash(words[9]),
            coinbase=Address(words[10][12:]),
            origin=L1Context(number[11], Hash(words[12]), Seconds(number[13]), Wei(number[14])),
            messages_consumed=number[15],
            recent_hashes=Hash(words[16]),
        )
