"""The state while transactions execute: a reader's answers overlaid with changes, and a journal to take them back.

Every change appends its inverse to the journal, so a snapshot is four integers and a revert replays the journal's end.
Method names are those py-evm's opcode functions call on their state object.
"""

from dataclasses import replace

from tandem.evm.context import BlockContext
from tandem.evm.diff import StateDiff
from tandem.evm.reader import StateReader
from tandem.evm.receipt import Log
from tandem.primitives.hashing import EMPTY_CODE_HASH, keccak
from tandem.primitives.types import ZERO_HASH, Address, Hash, Wei
from tandem.state.account import EMPTY_ACCOUNT, Account
from tandem.state.code import code_root

Slot = tuple[bytes, int]
Snapshot = tuple[int, int, int, int]
"""Lengths of journal and logs, refund counter, burnt wei."""

_BALANCE, _NONCE, _CODE, _STORAGE, _TRANSIENT, _WARM, _WARM_SLOT, _TOUCHED, _CREATED, _DOOMED = range(10)


class Entry:
    """An account as it stands. `read` is what the reader gave, `loaded` the slots it gave."""

    __slots__ = ("address", "balance", "code", "code_hash", "loaded", "nonce", "original", "read", "storage", "swept")

    def __init__(self, address: bytes, read: Account | None) -> None:
        account = read or EMPTY_ACCOUNT
        self.address = address
        self.read = read
        self.nonce: int = account.nonce
        self.balance: int = account.balance
        self.code_hash: bytes = account.code_hash
        self.code: bytes | None = b"" if account.code_hash == EMPTY_CODE_HASH else None
        self.storage: dict[int, int] = {}
        self.loaded: dict[int, int] = {}
        self.original: dict[int, int] = {}
        self.swept = False

    @property
    def is_empty(self) -> bool:
        """EIP-161."""
        return not self.balance and not self.nonce and self.code_hash == EMPTY_CODE_HASH


class World:
    """One block's state. `end` closes a transaction; until then anything in it can be taken back."""

    def __init__(
        self, reader: StateReader, context: BlockContext, chain_id: int, precompiles: frozenset[bytes]
    ) -> None:
        self._reader = reader
        self._precompiles = precompiles
        self._entries: dict[bytes, Entry] = {}
        self._changed: dict[bytes, Entry] = {}
        self._codes: dict[bytes, bytes] = {}
        self._burnt_before = 0
        self._minted_before = 0
        self.context = context
        self.chain_id = chain_id
        self.coinbase = context.coinbase
        self.timestamp = context.timestamp
        self.block_number = context.number
        self.mix_hash = context.prev_randao
        self.gas_limit = context.gas_limit
        self.base_fee = context.base_fee
        self.blob_base_fee = context.blob_base_fee
        self._begin()

    # -- transactions

    def _begin(self) -> None:
        """Open a transaction: fresh journal, access sets (EIP-2929, EIP-3651), transient storage and logs."""
        self._journal: list[tuple[object, ...]] = []
        self._warm: set[bytes] = set(self._precompiles)
        self._warm.add(self.coinbase)
        self._warm_slots: set[Slot] = set()
        self._transient: dict[Slot, int] = {}
        self._touched: dict[bytes, Entry] = {}
        self._written: list[Entry] = []
        self.created: set[bytes] = set()
        self.doomed: set[bytes] = set()
        self.logs: list[Log] = []
        self.refund = 0
        self.burnt = 0
        self._minted = 0

    def end(self) -> None:
        """Close the transaction: destroyed contracts go, and touched accounts that are empty (EIP-161)."""
        for address in self.doomed:
            self._destroy(self._entries[address])
        for address, entry in self._touched.items():
            self._changed[address] = entry
            entry.swept = entry.is_empty
        for entry in self._written:
            entry.original = {}
        self._burnt_before += self.burnt
        self._minted_before += self._minted
        self._begin()

    def _destroy(self, entry: Entry) -> None:
        self.burnt += entry.balance
        entry.balance = entry.nonce = 0
        entry.code_hash, entry.code = EMPTY_CODE_HASH, b""
        entry.storage = dict.fromkeys(entry.storage, 0)

    def snapshot(self) -> Snapshot:
        """A mark that `revert` returns to."""
        return len(self._journal), len(self.logs), self.refund, self.burnt

    def revert(self, snapshot: Snapshot) -> None:
        """Undo everything since the mark."""
        journal = self._journal
        size, logs, self.refund, self.burnt = snapshot
        del self.logs[logs:]
        while len(journal) > size:
            self._undo(journal.pop())

    def commit(self, snapshot: Snapshot) -> None:
        """Keep what was done since the mark: nothing to do, an outer mark can still undo it."""

    def _undo(self, change: tuple[object, ...]) -> None:
        kind, a, b, *rest = change
        match kind, a, b:
            case 0, Entry(), int():
                a.balance = b
            case 1, Entry(), int():
                a.nonce = b
            case 2, Entry(), bytes():
                a.code_hash = b
                a.code = rest[0]  # type: ignore[assignment]
            case 3, dict(), int():
                a[b] = rest[0]
            case 4, dict(), tuple():
                a[b] = rest[0]
            case 5 | 6 | 8 | 9, set(), _:
                a.discard(b)
            case 7, dict(), bytes():
                del a[b]
            case _:
                raise AssertionError(change)

    # -- accounts

    def entry(self, address: bytes) -> Entry:
        """The account's entry, read on first use."""
        found = self._entries.get(address)
        if found is None:
            found = self._entries[address] = Entry(address, self._reader.account(Address(address)))
        return found

    def touch(self, address: bytes) -> Entry:
        """The account's entry, marked as touched by this transaction."""
        entry = self._touched.get(address)
        if entry is None:
            entry = self._touched[address] = self.entry(address)
            self._journal.append((_TOUCHED, self._touched, address))
        return entry

    def touch_account(self, address: bytes) -> None:
        """Mark as touched (EIP-161)."""
        self.touch(address)

    def get_balance(self, address: bytes) -> int:
        """Wei."""
        return self.entry(address).balance

    def set_balance(self, address: bytes, balance: int) -> None:
        """Wei."""
        entry = self.touch(address)
        self._journal.append((_BALANCE, entry, entry.balance))
        entry.balance = balance

    def delta_balance(self, address: bytes, delta: int) -> None:
        """Add wei, or take them where `delta` is negative. The caller has checked that they are there."""
        entry = self.touch(address)
        self._journal.append((_BALANCE, entry, entry.balance))
        entry.balance += delta

    def mint(self, address: bytes, amount: int) -> None:
        """Create wei (deposits). Counted once the transaction ends."""
        self._minted += amount
        self.delta_balance(address, amount)

    def burn(self, address: bytes) -> None:
        """Destroy the account's balance."""
        entry = self.touch(address)
        self.burnt += entry.balance
        self.set_balance(address, 0)

    def get_nonce(self, address: bytes) -> int:
        """Transactions sent, or contracts created."""
        return self.entry(address).nonce

    def increment_nonce(self, address: bytes) -> None:
        """One more."""
        entry = self.touch(address)
        self._journal.append((_NONCE, entry, entry.nonce))
        entry.nonce += 1

    def get_code(self, address: bytes) -> bytes:
        """The account's code, no bytes where it has none."""
        entry = self.entry(address)
        if entry.code is None:
            entry.code = self.code(Hash(entry.code_hash))
        return entry.code

    def set_code(self, address: bytes, code: bytes) -> None:
        """Deploy code, or remove it with no bytes."""
        entry = self.touch(address)
        self._journal.append((_CODE, entry, entry.code_hash, entry.code))
        entry.code, entry.code_hash = code, keccak(code) if code else EMPTY_CODE_HASH
        if code:
            self._codes[entry.code_hash] = code

    def get_code_hash(self, address: bytes) -> bytes:
        """keccak of the code."""
        return self.entry(address).code_hash

    def account_exists(self, address: bytes) -> bool:
        """False for an account that the state does not hold."""
        entry = self.entry(address)
        return not entry.is_empty or (entry.read is not None and not entry.swept)

    def account_is_empty(self, address: bytes) -> bool:
        """EIP-161."""
        return self.entry(address).is_empty

    def has_code_or_nonce(self, address: bytes) -> bool:
        """Whether a contract cannot be created here: nonce, code, or (EIP-7610) storage."""
        entry = self.entry(address)
        if entry.nonce or entry.code_hash != EMPTY_CODE_HASH or any(entry.storage.values()):
            return True
        return entry.read is not None and entry.read.storage_root != ZERO_HASH

    def create(self, address: bytes) -> None:
        """Begin a contract: its nonce starts at one (EIP-161); this transaction may destroy it (EIP-6780)."""
        self.increment_nonce(address)
        if address not in self.created:
            self.created.add(address)
            self._journal.append((_CREATED, self.created, address))

    def doom(self, address: bytes) -> None:
        """Destroy this contract when the transaction ends."""
        if address not in self.doomed:
            self.doomed.add(address)
            self._journal.append((_DOOMED, self.doomed, address))

    # -- storage

    def get_storage(self, address: bytes, slot: int, from_journal: bool = True) -> int:
        """The slot's word; as it was when the transaction began where `from_journal` is False (EIP-2200)."""
        entry = self.entry(address)
        if not from_journal and slot in entry.original:
            return entry.original[slot]
        value = entry.storage.get(slot)
        if value is None:
            value = self._reader.storage(Address(address), slot)
            entry.storage[slot] = entry.loaded[slot] = value
        return value

    def set_storage(self, address: bytes, slot: int, value: int) -> None:
        """Write a word."""
        current = self.get_storage(address, slot)
        entry = self.touch(address)
        if not entry.original:
            self._written.append(entry)
        entry.original.setdefault(slot, current)
        self._journal.append((_STORAGE, entry.storage, slot, current))
        entry.storage[slot] = value

    def get_transient(self, address: bytes, slot: int) -> int:
        """EIP-1153."""
        return self._transient.get((address, slot), 0)

    def set_transient(self, address: bytes, slot: int, value: int) -> None:
        """EIP-1153."""
        key = (address, slot)
        self._journal.append((_TRANSIENT, self._transient, key, self._transient.get(key, 0)))
        self._transient[key] = value

    # -- access sets (EIP-2929)

    def is_address_warm(self, address: bytes) -> bool:
        """Whether this transaction has used the account."""
        return address in self._warm

    def mark_address_warm(self, address: bytes) -> None:
        """From now on it is warm."""
        if address not in self._warm:
            self._warm.add(address)
            self._journal.append((_WARM, self._warm, address))

    def warm_slot(self, address: bytes, slot: int) -> bool:
        """Mark a slot warm. True where it was cold."""
        key = (address, slot)
        if key in self._warm_slots:
            return False
        self._warm_slots.add(key)
        self._journal.append((_WARM_SLOT, self._warm_slots, key))
        return True

    # -- the block

    @property
    def execution_context(self) -> "World":
        """Where py-evm's CHAINID looks for `chain_id`."""
        return self

    def get_ancestor_hash(self, number: int) -> bytes:
        """BLOCKHASH: zero outside the 256 blocks before this one."""
        if not 0 < self.block_number - number <= 256:
            return ZERO_HASH
        return self.context.block_hash(number)

    # -- a world is itself a reader: of the state after the transactions that ended

    def account(self, address: Address) -> Account | None:
        """The account as it stands."""
        entry = self.entry(address)
        if entry.is_empty and (entry.swept or entry.read is None):
            return None
        read = entry.read or EMPTY_ACCOUNT
        if entry.code_hash == read.code_hash:
            return replace(read, nonce=entry.nonce, balance=Wei(entry.balance))
        code = self.get_code(address)
        return Account(
            entry.nonce, Wei(entry.balance), Hash(entry.code_hash), code_root(code), len(code), read.storage_root
        )

    def storage(self, address: Address, slot: int) -> int:
        """The slot as it stands."""
        return self.get_storage(address, slot)

    def code(self, code_hash: Hash) -> bytes:
        """A code that was read or deployed."""
        if code_hash == EMPTY_CODE_HASH:
            return b""
        return self._codes.get(code_hash) or self._reader.code(code_hash)

    def diff(self) -> StateDiff:
        """What changed since the reader's state."""
        accounts: dict[Address, Account | None] = {}
        storage: dict[Address, dict[int, int]] = {}
        code: dict[Hash, bytes] = {}
        for raw, entry in self._changed.items():
            address = Address(raw)
            account = self.account(address)
            if account != entry.read:
                accounts[address] = account
                if account is not None and account.code_hash in self._codes:
                    code[account.code_hash] = self._codes[account.code_hash]
            slots = {slot: value for slot, value in entry.storage.items() if value != entry.loaded[slot]}
            if slots:
                storage[address] = slots
        return StateDiff(accounts, storage, code, Wei(self._burnt_before), Wei(self._minted_before))
