"""Where execution reads the state from: the state database, a past state, or a plain dictionary in tests."""

from dataclasses import dataclass, field
from typing import Protocol

from tandem.primitives.hashing import EMPTY_CODE_HASH
from tandem.primitives.types import Address, Hash
from tandem.state.account import Account


class StateReader(Protocol):
    """A state at one moment. Reads have no effects and always give the same answer."""

    def account(self, address: Address) -> Account | None:
        """The account, or None where the state holds none."""
        ...

    def storage(self, address: Address, slot: int) -> int:
        """The word in a slot, zero where none was written."""
        ...

    def code(self, code_hash: Hash) -> bytes:
        """The code with that hash, which some account of this state has."""
        ...


@dataclass(slots=True)
class MemoryState:
    """A state held in dictionaries: for tests, and wherever a state is small and short-lived."""

    accounts: dict[Address, Account] = field(default_factory=dict)
    slots: dict[Address, dict[int, int]] = field(default_factory=dict)
    codes: dict[Hash, bytes] = field(default_factory=dict)

    def account(self, address: Address) -> Account | None:
        """The account, or None."""
        return self.accounts.get(address)

    def storage(self, address: Address, slot: int) -> int:
        """The word in a slot."""
        return self.slots.get(address, {}).get(slot, 0)

    def code(self, code_hash: Hash) -> bytes:
        """The code with that hash."""
        return b"" if code_hash == EMPTY_CODE_HASH else self.codes[code_hash]
