"""The state database: flat reads of the current state, commits that advance its root, and reads of any old root."""

from dataclasses import replace
from functools import lru_cache

from tandem.errors import StateMissing
from tandem.evm.diff import StateDiff
from tandem.primitives.hashing import EMPTY_CODE_HASH, keccak, word
from tandem.primitives.types import Address, Hash, Wei
from tandem.state import tree
from tandem.state.account import EMPTY_ACCOUNT, Account
from tandem.state.tables import StateTables


@lru_cache(maxsize=1 << 16)
def address_key(address: bytes) -> Hash:
    """The account tree's key of an address."""
    return keccak(address)


@lru_cache(maxsize=1 << 16)
def slot_key(slot: int) -> Hash:
    """A storage tree's key of a slot."""
    return keccak(word(slot))


class StateDatabase:
    """The current state over its tables. `commit` writes through; the caller's database transaction makes it atomic."""

    def __init__(self, tables: StateTables) -> None:
        self._tables = tables

    def account(self, address: Address) -> Account | None:
        """The account, or None where the state holds none."""
        record = self._tables.accounts.get(address_key(address))
        return None if record is None else Account.decode(record)

    def storage(self, address: Address, slot: int) -> int:
        """The 256-bit word in a storage slot, zero where none was written."""
        value = self._tables.slots.get(address_key(address) + slot_key(slot))
        return 0 if value is None else int.from_bytes(value, "big")

    def code(self, code_hash: Hash) -> bytes:
        """The code with that hash. StateMissing where it was never stored."""
        return read_code(self._tables, code_hash)

    def commit(self, root: Hash, diff: StateDiff) -> tuple[Hash, int]:
        """Apply a block's changes on `root`. Returns the new root and by how many wei the sum of balances grew."""
        tables = self._tables
        for code_hash, code in diff.code.items():
            tables.preimages.put(code_hash, code)
        changes: dict[bytes, bytes | None] = {}
        growth = 0
        for address in diff.accounts.keys() | diff.storage.keys():
            before = self.account(address) or EMPTY_ACCOUNT
            after = diff.accounts.get(address, before)
            key = address_key(address)
            growth -= before.balance
            if after is None:
                self._clear_storage(key, before.storage_root)
                tables.accounts.delete(key)
                changes[key] = None
                continue
            growth += after.balance
            slots = diff.storage.get(address)
            storage_root = before.storage_root
            if slots:
                storage_root = self._write_slots(key, storage_root, slots)
            record = replace(after, storage_root=storage_root).encode()
            record_hash = keccak(record)
            tables.preimages.put(record_hash, record)
            tables.accounts.put(key, record)
            changes[key] = record_hash
        return tree.update(tables.preimages, root, changes), growth

    def roll_back(self, current: Hash, target: Hash) -> None:
        """Make the flat tables show `target`, an earlier root, instead of `current`."""
        tables = self._tables
        for key, record_hash in tree.difference(tables.preimages, current, target):
            held = tables.accounts.get(key)
            before = Account.decode(held).storage_root if held else tree.EMPTY
            after = tree.EMPTY
            if record_hash is None:
                tables.accounts.delete(key)
            else:
                record = _preimage(tables, record_hash)
                after = Account.decode(record).storage_root
                tables.accounts.put(key, record)
            for slot, value in tree.difference(tables.preimages, before, after):
                if value is None:
                    tables.slots.delete(key + slot)
                else:
                    tables.slots.put(key + slot, value)

    def _write_slots(self, key: Hash, root: Hash, slots: dict[int, int]) -> Hash:
        writes: dict[bytes, bytes | None] = {}
        for slot, value in slots.items():
            hashed = slot_key(slot)
            if value:
                writes[hashed] = encoded = word(value)
                self._tables.slots.put(key + hashed, encoded)
            else:
                writes[hashed] = None
                self._tables.slots.delete(key + hashed)
        return tree.update(self._tables.preimages, root, writes)

    def _clear_storage(self, key: Hash, root: Hash) -> None:
        for slot, _ in tree.entries(self._tables.preimages, root):
            self._tables.slots.delete(key + slot)


class HistoricalState:
    """The state under any root that was ever committed, read through the tree. The same reads as StateDatabase."""

    def __init__(self, tables: StateTables, root: Hash) -> None:
        self._tables = tables
        self._root = root

    def account(self, address: Address) -> Account | None:
        """The account, or None where this state holds none."""
        record_hash = tree.get(self._tables.preimages, self._root, address_key(address))
        return None if record_hash is None else Account.decode(_preimage(self._tables, record_hash))

    def storage(self, address: Address, slot: int) -> int:
        """The 256-bit word in a storage slot."""
        account = self.account(address)
        if account is None:
            return 0
        value = tree.get(self._tables.preimages, account.storage_root, slot_key(slot))
        return 0 if value is None else int.from_bytes(value, "big")

    def code(self, code_hash: Hash) -> bytes:
        """The code with that hash."""
        return read_code(self._tables, code_hash)

    def commit(self, diff: StateDiff) -> Hash:
        """The root after these changes. The tables of the current state are left alone."""
        preimages = self._tables.preimages
        for code_hash, code in diff.code.items():
            preimages.put(code_hash, code)
        changes: dict[bytes, bytes | None] = {}
        for address in diff.accounts.keys() | diff.storage.keys():
            key = address_key(address)
            before = self.account(address) or EMPTY_ACCOUNT
            after = diff.accounts.get(address, before)
            if after is None:
                changes[key] = None
                continue
            slots = diff.storage.get(address, {})
            writes: dict[bytes, bytes | None] = {
                slot_key(slot): word(value) if value else None for slot, value in slots.items()
            }
            record = replace(after, storage_root=tree.update(preimages, before.storage_root, writes)).encode()
            changes[key] = keccak(record)
            preimages.put(keccak(record), record)
        return tree.update(preimages, self._root, changes)


def read_code(tables: StateTables, code_hash: Hash) -> bytes:
    """The code with that hash; no bytes for the hash of no code. StateMissing where it was never stored."""
    return b"" if code_hash == EMPTY_CODE_HASH else _preimage(tables, code_hash)


def supply(tables: StateTables, root: Hash) -> Wei:
    """Sum of all balances under `root`, by a walk over every account."""
    records = (_preimage(tables, record) for _, record in tree.entries(tables.preimages, root))
    return Wei(sum(Account.decode(record).balance for record in records))


def _preimage(tables: StateTables, digest: bytes) -> bytes:
    data = tables.preimages.get(digest)
    if data is None:
        raise StateMissing(f"no preimage of {digest.hex()} in this store")
    return data
