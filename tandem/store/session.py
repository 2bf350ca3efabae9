"""One LMDB transaction, spoken to in the chain's terms.

Tables (numbers are 8 bytes, big-endian):
    preimages, accounts, slots      the state (tandem.state.tables)
    headers      block number -> header
    numbers      block hash -> block number
    bodies       block number -> transactions
    money        block number -> supply, burnt
    receipts     block number -> receipts
    locations    transaction hash -> block number ‖ index
    messages     message index -> message           batches   batch index -> batch
    commitments  what determines an assertion's trace -> commitment to it (content-addressed, never deleted)
    marks        name -> value: heads and cursors
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tandem.chain.block import Block
from tandem.chain.header import Header
from tandem.errors import StateMissing
from tandem.evm.receipt import Receipt
from tandem.primitives.types import Hash, Wei
from tandem.rollup.assertions import Commitment
from tandem.state.database import HistoricalState, StateDatabase
from tandem.state.tables import StateTables
from tandem.store import records
from tandem.store.records import BatchRecord, BlockRecord, MessageRecord

TABLES = (
    "preimages",
    "accounts",
    "slots",
    "headers",
    "numbers",
    "bodies",
    "money",
    "receipts",
    "locations",
    "messages",
    "batches",
    "commitments",
    "marks",
)
L1_CURSOR = b"l1-cursor"
L1_CURSOR_HASH = b"l1-cursor-hash"
L1_FINALIZED = b"l1-finalized"
L1_TIME = b"l1-time"


class LmdbTable:
    """One LMDB table within a transaction."""

    __slots__ = ("_table", "_transaction")

    def __init__(self, transaction: Any, table: Any) -> None:
        self._transaction = transaction
        self._table = table

    def get(self, key: bytes) -> bytes | None:
        value: bytes | None = self._transaction.get(key, db=self._table)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        self._transaction.put(key, value, db=self._table)

    def delete(self, key: bytes) -> None:
        self._transaction.delete(key, db=self._table)

    def last_key(self) -> bytes | None:
        """The largest key, or None in an empty table."""
        with self._transaction.cursor(db=self._table) as cursor:
            key: bytes | None = cursor.key() if cursor.last() else None
            return key


class ReadSession:
    """Reads within one LMDB transaction."""

    def __init__(self, transaction: Any, tables: Mapping[str, Any]) -> None:
        self._table = {name: LmdbTable(transaction, table) for name, table in tables.items()}
        self.state_tables = StateTables(self._table["preimages"], self._table["accounts"], self._table["slots"])

    @property
    def is_empty(self) -> bool:
        """Whether not even the genesis block is there."""
        return self._table["headers"].last_key() is None

    def head(self) -> Header:
        """The header of the last block."""
        return self.header(self.head_number())

    def head_number(self) -> int:
        """The number of the last block."""
        key = self._table["headers"].last_key()
        if key is None:
            raise StateMissing("the database holds no chain yet")
        return int.from_bytes(key, "big")

    def header(self, number: int) -> Header:
        """The header of block `number`. StateMissing where there is none."""
        data = self._table["headers"].get(_key(number))
        if data is None:
            raise StateMissing(f"block {number} is not in this store")
        return Header.decode(data)

    def block_hash(self, number: int) -> Hash:
        """The hash of block `number`. The next header names it; only the head's is computed."""
        following = self._table["headers"].get(_key(number + 1))
        return Hash(following[:32]) if following is not None else self.header(number).hash

    def number_of(self, block_hash: Hash) -> int | None:
        """The number of the block with that hash, or None."""
        data = self._table["numbers"].get(block_hash)
        return None if data is None else int.from_bytes(data, "big")

    def block(self, number: int) -> BlockRecord:
        """Block `number` without its receipts."""
        header = self.header(number)
        body = self._table["bodies"].get(_key(number))
        assert body is not None, "a header is stored with its body"
        return BlockRecord(header, records.decode_body(body), *self.money(number))

    def money(self, number: int) -> tuple[Wei, Wei]:
        """(supply, burnt) after block `number`, wei."""
        data = self._table["money"].get(_key(number))
        if data is None:
            raise StateMissing(f"block {number} is not in this store")
        return records.decode_money(data)

    def receipts(self, number: int) -> tuple[Receipt, ...]:
        """The receipts of block `number`, in order."""
        data = self._table["receipts"].get(_key(number))
        if data is None:
            raise StateMissing(f"block {number} is not in this store")
        return records.decode_receipts(data)

    def locate(self, transaction_hash: Hash) -> tuple[int, int] | None:
        """(block number, index) of a transaction, or None."""
        data = self._table["locations"].get(transaction_hash)
        return None if data is None else (int.from_bytes(data[:8], "big"), int.from_bytes(data[8:], "big"))

    def state_at(self, number: int) -> HistoricalState | StateDatabase:
        """The state after block `number`: flat reads for the last one, the tree for older ones."""
        if number == self.head_number():
            return StateDatabase(self.state_tables)
        return HistoricalState(self.state_tables, self.header(number).state_root)

    def message_count(self) -> int:
        """Messages known from L1."""
        return _count(self._table["messages"])

    def message(self, index: int) -> MessageRecord:
        """Message `index`."""
        data = self._table["messages"].get(_key(index))
        if data is None:
            raise StateMissing(f"message {index} has not been seen on L1 yet")
        return records.decode_message(data)

    def messages(self, start: int, stop: int) -> Iterator[MessageRecord]:
        """Messages start .. stop - 1."""
        return (self.message(index) for index in range(start, stop))

    def batch_count(self) -> int:
        """Batches known from L1."""
        return _count(self._table["batches"])

    def batch(self, index: int) -> BatchRecord:
        """Batch `index`."""
        data = self._table["batches"].get(_key(index))
        if data is None:
            raise StateMissing(f"batch {index} has not been seen on L1 yet")
        return records.decode_batch(data)

    def safe_number(self) -> int:
        """The last block that follows from a batch on L1."""
        count = self.batch_count()
        return self.batch(count - 1).last_block if count else 0

    def finalized_number(self) -> int:
        """The last block that follows from a batch in a final L1 block."""
        final = self.mark(L1_FINALIZED)
        index = self.batch_count() - 1
        while index >= 0 and self.batch(index).place.block > final:
            index -= 1
        return self.batch(index).last_block if index >= 0 else 0

    def batch_of(self, number: int) -> BatchRecord | None:
        """The batch that block `number` follows from; None where it is not on L1 yet."""
        low, high = 0, self.batch_count()
        while low < high:
            middle = (low + high) // 2
            if self.batch(middle).last_block >= number:
                high = middle
            else:
                low = middle + 1
        return self.batch(low) if low < self.batch_count() else None

    def commitment(self, key: Hash) -> Commitment | None:
        """The commitment stored under that key, or None."""
        data = self._table["commitments"].get(key)
        return None if data is None else records.decode_commitment(data)

    def mark(self, name: bytes) -> int:
        """A named number, 0 where it was never set."""
        data = self._table["marks"].get(name)
        return 0 if data is None else int.from_bytes(data, "big")

    def mark_hash(self, name: bytes) -> Hash | None:
        """A named hash, None where it was never set."""
        data = self._table["marks"].get(name)
        return None if data is None else Hash(data)


class WriteSession(ReadSession):
    """Reads and writes within one LMDB write transaction."""

    def put_genesis(self, header: Header, supply: int) -> None:
        """The first block; its state is in the state tables already."""
        self._put_header(header)
        self._table["bodies"].put(_key(0), records.encode_body(()))
        self._table["money"].put(_key(0), records.encode_money(supply, 0))
        self._table["receipts"].put(_key(0), records.encode_receipts(()))

    def put_block(self, block: Block) -> None:
        """A block on top of the head."""
        number = block.header.number
        key = _key(number)
        supply, burnt = self.money(number - 1)
        self._put_header(block.header)
        self._table["bodies"].put(key, records.encode_body(block.transactions))
        self._table["money"].put(key, records.encode_money(supply + block.supply_growth, burnt + block.burnt))
        self._table["receipts"].put(key, records.encode_receipts(block.receipts))
        for index, transaction in enumerate(block.transactions):
            self._table["locations"].put(transaction.hash, key + _key(index))

    def roll_back(self, number: int) -> list[BlockRecord]:
        """Make block `number` the head again. Returns the blocks dropped, oldest first."""
        head = self.head()
        dropped = [self.block(dead) for dead in range(number + 1, head.number + 1)]
        StateDatabase(self.state_tables).roll_back(head.state_root, self.header(number).state_root)
        for block in dropped:
            key = _key(block.header.number)
            for transaction in block.transactions:
                self._table["locations"].delete(transaction.hash)
            self._table["numbers"].delete(block.header.hash)
            for name in ("headers", "bodies", "money", "receipts"):
                self._table[name].delete(key)
        return dropped

    def put_message(self, record: MessageRecord) -> None:
        """A message behind those known."""
        self._table["messages"].put(_key(record.queued.index), records.encode_message(record))

    def put_batch(self, record: BatchRecord) -> None:
        """A batch behind those known."""
        self._table["batches"].put(_key(record.queued.index), records.encode_batch(record))

    def truncate_queues(self, messages: int, batches: int) -> None:
        """Forget messages and batches from these indices on (L1 re-organised)."""
        for index in range(messages, self.message_count()):
            self._table["messages"].delete(_key(index))
        for index in range(batches, self.batch_count()):
            self._table["batches"].delete(_key(index))

    def put_commitment(self, key: Hash, commitment: Commitment) -> None:
        """Under a key that says all that it depends on."""
        self._table["commitments"].put(key, records.encode_commitment(commitment))

    def set_mark(self, name: bytes, value: int) -> None:
        """Set a named number."""
        self._table["marks"].put(name, _key(value))

    def set_mark_hash(self, name: bytes, value: Hash) -> None:
        """Set a named hash."""
        self._table["marks"].put(name, value)

    def clear_mark(self, name: bytes) -> None:
        """Forget a named value."""
        self._table["marks"].delete(name)

    def _put_header(self, header: Header) -> None:
        key = _key(header.number)
        self._table["headers"].put(key, header.encode())
        self._table["numbers"].put(header.hash, key)


def _key(number: int) -> bytes:
    return number.to_bytes(8, "big")


def _count(table: LmdbTable) -> int:
    key = table.last_key()
    return 0 if key is None else int.from_bytes(key, "big") + 1
