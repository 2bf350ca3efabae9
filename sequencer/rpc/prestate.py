"""geth's prestateTracer: the part of the state that a transaction touches, before it, or before and after it."""

from typing import TYPE_CHECKING

from sequencer.rpc.access import ACCOUNT_OPCODES, ADDRESS_MASK, SLOT_OPCODES
from sequencer.rpc.encode import Json, data
from tandem.evm.reader import StateReader
from tandem.primitives.hashing import EMPTY_CODE_HASH, word
from tandem.primitives.types import Address
from tandem.state.account import EMPTY_ACCOUNT

if TYPE_CHECKING:
    from tandem.evm.frame import Frame, Message


class PrestateTracer:
    """Collects what is touched; `result` reads it from the states before and after. `diffMode` as in geth."""

    def __init__(self, options: Json) -> None:
        self.is_difference = bool(options.get("diffMode"))
        self._touched: dict[bytes, set[int]] = {}

    def touch(self, *addresses: bytes | None) -> None:
        """Accounts that the transaction touches by its form: sender, target, fee vault."""
        for address in addresses:
            if address is not None:
                self._touched.setdefault(address, set())

    def enter(self, message: "Message") -> None:
        """Both sides of a call."""
        self.touch(message.sender, message.storage_address, message.code_address)

    def step(self, frame: "Frame", _pc: int, opcode: int) -> None:
        """Note the slot or account that the instruction is about to use."""
        stack = frame.stack
        if opcode in SLOT_OPCODES and stack:
            self._touched.setdefault(frame.msg.storage_address, set()).add(stack[-1])
        elif opcode in ACCOUNT_OPCODES and len(stack) >= -ACCOUNT_OPCODES[opcode]:
            self.touch((stack[ACCOUNT_OPCODES[opcode]] & ADDRESS_MASK).to_bytes(20, "big"))

    def leave(self, message: "Message", output: bytes, gas_left: int, error: str | None) -> None:
        """Nothing to note."""

    def destruct(self, address: bytes, beneficiary: bytes, value: int) -> None:
        """Nothing to note."""

    def result(self, before: StateReader, after: StateReader) -> Json:
        """The touched accounts by address; in diffMode {pre, post} of those that changed."""
        pre = {address: _shown(before, Address(address), slots) for address, slots in sorted(self._touched.items())}
        if not self.is_difference:
            return {data(address): shown for address, shown in pre.items() if shown is not None}
        difference: Json = {"pre": {}, "post": {}}
        for address, slots in sorted(self._touched.items()):
            old, new = pre[address], _shown(after, Address(address), slots)
            if old == new:
                continue
            if old is not None:
                kept = {**old, "storage": _changed(old, new)}
                difference["pre"][data(address)] = {name: value for name, value in kept.items() if value != {}}
            if new is not None:
                fields = {name: value for name, value in new.items() if value != (old or {}).get(name)}
                if "storage" in fields:
                    fields["storage"] = _changed(new, old)
                difference["post"][data(address)] = {name: value for name, value in fields.items() if value != {}}
        return difference


def _shown(state: StateReader, address: Address, slots: set[int]) -> Json | None:
    """An account with some of its slots; None where there is none. Empty members are left out, as in geth."""
    account = state.account(address)
    if account is None and not slots:
        return None
    account = account or EMPTY_ACCOUNT
    shown: Json = {"balance": hex(account.balance)}
    if account.nonce:
        shown["nonce"] = account.nonce
    if account.code_hash != EMPTY_CODE_HASH:
        shown["code"] = data(state.code(account.code_hash))
    held = {slot: state.storage(address, slot) for slot in sorted(slots)}
    if held:
        shown["storage"] = {data(word(slot)): data(word(value)) for slot, value in held.items()}
    return shown


def _changed(mine: Json, other: Json | None) -> Json:
    """The slots of `mine` that are different in `other`, without those that are zero."""
    theirs = (other or {}).get("storage", {})
    zero = data(bytes(32))
    return {
        slot: value
        for slot, value in mine.get("storage", {}).items()
        if value != theirs.get(slot, zero) and value != zero
    }
