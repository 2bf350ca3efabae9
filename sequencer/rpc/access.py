"""What a call touches, for eth_createAccessList (EIP-2930)."""

from typing import TYPE_CHECKING

from tandem.primitives.hashing import word
from tandem.primitives.types import Address, Hash
from tandem.transactions.transaction import AccessList

if TYPE_CHECKING:
    from tandem.evm.frame import Frame, Message

SLOT_OPCODES = frozenset({0x54, 0x55})
"""SLOAD, SSTORE."""
ACCOUNT_OPCODES = {0x31: -1, 0x3B: -1, 0x3C: -1, 0x3F: -1, 0xF1: -2, 0xF2: -2, 0xF4: -2, 0xFA: -2, 0xFF: -1}
"""BALANCE, EXTCODESIZE, EXTCODECOPY, EXTCODEHASH, CALL, CALLCODE, DELEGATECALL, STATICCALL, SELFDESTRUCT, and where in
their stack the account stands."""
LAST_PRECOMPILE = 0x11
ADDRESS_MASK = 2**160 - 1


class AccessTracer:
    """Collects accounts and slots. Accounts that are warm anyway are listed only with their slots."""

    def __init__(self, sender: Address, to: Address | None) -> None:
        self._warm = {sender, to}
        self._touched: dict[bytes, set[int]] = {}

    def enter(self, message: "Message") -> None:
        """The topmost creation's own address is warm."""
        if message.depth == 0:
            self._warm.add(Address(message.storage_address))

    def step(self, frame: "Frame", _pc: int, opcode: int) -> None:
        """Note the slot or account that the instruction is about to use."""
        stack = frame.stack
        if opcode in SLOT_OPCODES:
            if stack:
                self._touched.setdefault(frame.msg.storage_address, set()).add(stack[-1])
        elif opcode in ACCOUNT_OPCODES:
            place = ACCOUNT_OPCODES[opcode]
            if len(stack) >= -place:
                number = stack[place] & ADDRESS_MASK
                if not 0 < number <= LAST_PRECOMPILE:
                    self._touched.setdefault(number.to_bytes(20, "big"), set())

    def leave(self, message: "Message", output: bytes, gas_left: int, error: str | None) -> None:
        """Nothing to note."""

    def destruct(self, address: bytes, beneficiary: bytes, value: int) -> None:
        """Nothing to note."""

    def access_list(self) -> AccessList:
        """What was touched, sorted."""
        return tuple(
            (Address(address), tuple(Hash(word(slot)) for slot in sorted(slots)))
            for address, slots in sorted(self._touched.items())
            if slots or address not in self._warm
        )
