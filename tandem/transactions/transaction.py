"""What the chain executes: signed transactions (types 0, 1, 2) and deposits (protocol.md, section 3)."""

from dataclasses import dataclass

from tandem.primitives.types import Address, Gas, Hash, Wei

AccessList = tuple[tuple[Address, tuple[Hash, ...]], ...]
"""EIP-2930: addresses and the storage slots of each that are warm from the start."""

LEGACY, ACCESS_LIST, DYNAMIC_FEE, DEPOSIT = 0x00, 0x01, 0x02, 0x7E
"""Transaction types: EIP-155, EIP-2930, EIP-1559, and the deposit of protocol.md."""
BLOB, SET_CODE = 0x03, 0x04
"""EIP-4844 and EIP-7702: refused on L2 by the rules, executed in Ethereum's own tests."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """EIP-7702: an account's signed wish to delegate to the code at `address`. `authority` is None if no key fits."""

    chain_id: int
    address: Address
    nonce: int
    authority: Address | None


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction of type 0, 1 or 2 with its signature, its hash and the sender recovered from it.

    Types 0 and 1 have one gas price, held in both fee fields. `chain_id` is None for an unprotected type 0.
    """

    type: int
    chain_id: int | None
    nonce: int
    max_priority_fee: Wei
    max_fee: Wei
    gas_limit: Gas
    to: Address | None
    value: Wei
    data: bytes
    access_list: AccessList
    y_parity: int
    r: int
    s: int
    raw: bytes
    """The standard encoding: RLP for type 0, type byte ‖ RLP otherwise."""
    hash: Hash
    sender: Address
    max_blob_fee: Wei = Wei(0)
    """Type 3: the most it pays for a unit of blob gas."""
    blob_hashes: tuple[Hash, ...] = ()
    """Type 3: versioned hashes of its blobs."""
    authorizations: tuple[Authorization, ...] = ()
    """Type 4."""


@dataclass(frozen=True, slots=True)
class DepositTransaction:
    """A message from L1 as a transaction: no signature, no fee; `mint` wei are created for the sender."""

    source_hash: Hash
    sender: Address
    to: Address | None
    mint: Wei
    value: Wei
    gas_limit: Gas
    data: bytes
    raw: bytes
    hash: Hash


Transaction = SignedTransaction | DepositTransaction
