"""The account record, the value of the account tree's leaves (protocol.md, section 1)."""

from dataclasses import dataclass

from tandem.primitives.hashing import EMPTY_CODE_HASH, word
from tandem.primitives.types import ZERO_HASH, Hash, Wei


@dataclass(frozen=True, slots=True)
class Account:
    """What the state holds of one address. The default is the empty account, which the tree does not hold (EIP-161)."""

    nonce: int = 0
    balance: Wei = Wei(0)
    code_hash: Hash = EMPTY_CODE_HASH
    code_root: Hash = ZERO_HASH
    code_size: int = 0
    storage_root: Hash = ZERO_HASH

    def encode(self) -> bytes:
        """abi.encode of the six fields: 192 bytes."""
        return (
            word(self.nonce)
            + word(self.balance)
            + self.code_hash
            + self.code_root
            + word(self.code_size)
            + self.storage_root
        )

    @classmethod
    def decode(cls, data: bytes) -> "Account":
        """The inverse of `encode`."""
        return cls(
            nonce=int.from_bytes(data[0:32], "big"),
            balance=Wei(int.from_bytes(data[32:64], "big")),
            code_hash=Hash(data[64:96]),
            code_root=Hash(data[96:128]),
            code_size=int.from_bytes(data[128:160], "big"),
            storage_root=Hash(data[160:192]),
        )

    @property
    def is_empty(self) -> bool:
        """EIP-161: no nonce, no balance, no code."""
        return self.nonce == 0 and self.balance == 0 and self.code_hash == EMPTY_CODE_HASH


EMPTY_ACCOUNT = Account()
