"""L2 contracts that burn the gas they are given, and store and log at the end of it: for a lie told late.

Called with a word, each goes on while more than RESERVE is left, and stores in the slot of that word. A lie about the
only log is about one of the last steps.
"""

from dataclasses import dataclass

from tandem.primitives.types import Address
from tests.support.assembler import assemble

RESERVE = 48_000
"""Gas: for a round of either, and the store behind it."""
SLED_SIZE = 24_000
"""JUMPDESTs in a row: as many as a contract has room for."""
AGAIN = assemble(RESERVE, "GAS GT", 0, "JUMPI")
"""To the beginning, while there is gas."""
FINISH = assemble(1, 0, "CALLDATALOAD SSTORE", 0, 0, "LOG0 STOP")
MIX = assemble(
    *("JUMPDEST", 0, "SLOAD DUP1", 0, "MSTORE", 32, 0, "KECCAK256 XOR DUP1", 32, "MSTORE"),
    *("DUP1", 3, "MUL DUP2 DUP2 GT ISZERO POP XOR DUP1", 7, "SHR NOT AND", 0, "SSTORE"),
)
"""A word from storage into memory, its hash, some arithmetic on it, back into storage."""


@dataclass(frozen=True, slots=True)
class Burner:
    """One contract."""

    name: str
    address: Address
    """Where a chain made for measuring has it in its genesis."""
    code: bytes


BURNERS = (
    Burner("an ordinary mix", Address(b"\x04" * 20), MIX + AGAIN + FINISH),
    Burner("JUMPDESTs", Address(b"\x03" * 20), b"\x5b" * SLED_SIZE + AGAIN + FINISH),
)
