"""The two kinds of transaction the chain executes: signed ones (types 0, 1, 2) and deposits (protocol.md, section 3)."""

from dataclasses import dataclass

from tandem.primitives.types import Address, Gas, Hash, Wei

AccessList = tuple[tuple[Address, tuple[Hash, ...]], ...]
"""EIP-2930: addresses and the storage slots of each that are warm from the start."""

LEGACY, ACCESS_LIST, DYNAMIC_FEE, DEPOSIT = 0x00, 0x01, 0x02, 0x7E
"""Transaction types: EIP-155, EIP-2930, EIP-1559, and the deposit of protocol.md."""


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
