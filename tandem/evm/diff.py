"""What a block did to the state: the only thing execution hands to the state database."""

from dataclasses import dataclass, field

from tandem.primitives.types import Address, Hash, Wei
from tandem.state.account import Account


@dataclass(frozen=True, slots=True)
class StateDiff:
    """Changes against the state that was read. Only what differs is here.

    No account ever loses storage it had before the block: EIP-6780 lets only a contract created in the same transaction
    be destroyed, and EIP-7610 forbids creating one where storage is. So a deletion needs no sweep of old slots.
    """

    accounts: dict[Address, Account | None] = field(default_factory=dict)
    """The account as it is now, None where it is gone. `storage_root` is as it was read: the database makes the new."""
    storage: dict[Address, dict[int, int]] = field(default_factory=dict)
    """Slots whose value changed; zero deletes."""
    code: dict[Hash, bytes] = field(default_factory=dict)
    """Codes deployed in the block, by hash."""
    burnt: Wei = Wei(0)
    """Wei destroyed: by SELFDESTRUCT, and by the base fee where the rules burn it."""
    minted: Wei = Wei(0)
    """Wei created by deposits."""
