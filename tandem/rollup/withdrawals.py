"""Withdrawals: hash, place in the message passer's storage, and the proof that L1 asks for (protocol.md, section 7)."""

from dataclasses import dataclass

from tandem.errors import StateMissing
from tandem.primitives.hashing import address_word, keccak, word
from tandem.primitives.types import Address, Gas, Hash, Wei
from tandem.state import proof
from tandem.state.database import slot_key
from tandem.state.proof import Proof
from tandem.state.tables import StateTables

SENT_SLOT = 0
"""Storage slot of the message passer's mapping `sent`."""
MESSAGE_PASSED_TOPIC = keccak(b"MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)")


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A call from L2 to L1."""

    nonce: int
    sender: Address
    target: Address
    value: Wei
    gas_limit: Gas
    data: bytes

    def hash(self) -> Hash:
        """withdrawalHash."""
        addresses = address_word(self.sender) + address_word(self.target)
        return keccak(word(self.nonce) + addresses + word(self.value) + word(self.gas_limit) + keccak(self.data))


def sent_slot(withdrawal_hash: Hash) -> int:
    """The storage slot in which the message passer notes the withdrawal."""
    return int.from_bytes(keccak(withdrawal_hash + word(SENT_SLOT)), "big")


def prove_withdrawal(tables: StateTables, withdrawal_root: Hash, withdrawal_hash: Hash) -> Proof:
    """The proof of a withdrawal under the message passer's storage root. StateMissing where it is not in it."""
    key = slot_key(sent_slot(withdrawal_hash))
    shown = proof.prove(tables.preimages, withdrawal_root, key)
    if shown.value(key) != word(1):
        raise StateMissing(f"withdrawal {withdrawal_hash.hex()} is not in this state: it was initiated later, or never")
    return shown
