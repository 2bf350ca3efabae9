"""The outcome of a transaction that was executed (protocol.md, section 2)."""

from dataclasses import dataclass

from tandem.primitives.hashing import address_word, keccak, word
from tandem.primitives.types import ZERO_HASH, Address, Gas, Hash, Wei

MAX_TOPICS = 4


@dataclass(frozen=True, slots=True)
class Log:
    """What LOG0..LOG4 leave behind."""

    address: Address
    topics: tuple[Hash, ...]
    data: bytes

    def hash(self) -> Hash:
        """keccak(abi.encode(address, topicCount, topic0, topic1, topic2, topic3, keccak(data))), absent topics zero."""
        topics = b"".join(self.topics) + bytes(32 * (MAX_TOPICS - len(self.topics)))
        return keccak(address_word(self.address) + word(len(self.topics)) + topics + keccak(self.data))


@dataclass(frozen=True, slots=True)
class Receipt:
    """Status 1 or 0, gas and logs are consensus; the rest is for those who ask why."""

    status: int
    gas_used: Gas
    logs: tuple[Log, ...] = ()
    contract_address: Address | None = None
    """The address a creation made, or would have made."""
    output: bytes = b""
    """Return data, or revert data when status is 0."""
    error: str | None = None
    """Why status is 0: a kind of `tandem.evm.outcome`."""
    effective_gas_price: Wei = Wei(0)

    def hash(self) -> Hash:
        """receiptHash: keccak(abi.encode(status, gasUsed, logCount, logAcc))."""
        accumulator = ZERO_HASH
        for log in self.logs:
            accumulator = keccak(accumulator + log.hash())
        return keccak(word(self.status) + word(self.gas_used) + word(len(self.logs)) + accumulator)
