"""The structures of a machine state (machine.md, section 1). Each one's hash is keccak of its fields, a word each.

All but the frame are values: a step replaces them. The frame changes in place, instruction by instruction.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from tandem.chain.header import Header
from tandem.inbox.queues import L1Context
from tandem.machine.code import Code
from tandem.machine.modes import Mode
from tandem.machine.word_tree import EMPTY_SLICE, Slice, WordTree
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import ZERO_HASH, Address, Gas, Hash, Seconds, Wei

STACK_LIMIT = 1024
NO_SLICE = bytes(96)
"""The empty slice's words."""
MODE_WORDS = {mode: word(mode) for mode in Mode}
WORD_MASK = 2**256 - 1

Field: TypeAlias = "int | bytes | Slice | WordTree | L1Context | tuple[Field, ...]"


def to_words(value: Field) -> bytes:
    """A field's words: numbers and addresses padded on the left, a slice as three words, a tree as its root."""
    if isinstance(value, int):
        return word(value)
    if isinstance(value, bytes):
        return value.rjust(32, b"\0")
    if isinstance(value, Slice):
        return value.root + word(value.offset) + word(value.length)
    if isinstance(value, WordTree):
        return value.root()
    if isinstance(value, tuple):
        return b"".join([to_words(item) for item in value])
    return value.encode()


@dataclass(frozen=True, slots=True)
class Structure:
    """Fields that are hashed together."""

    _hash: Hash | None = field(default=None, init=False, compare=False, repr=False)

    def encode(self) -> bytes:
        """Its fields, a word each."""
        return b"".join([to_words(getattr(self, name)) for name in self.__slots__])  # a subclass's own, in order

    def hash(self) -> Hash:
        """keccak of `encode`."""
        if self._hash is None:
            object.__setattr__(self, "_hash", keccak(self.encode()))
        assert self._hash is not None
        return self._hash


@dataclass(frozen=True, slots=True)
class World(Structure):
    """What a revert restores."""

    state_root: Hash
    access_root: Hash = ZERO_HASH
    transient_root: Hash = ZERO_HASH
    log_acc: Hash = ZERO_HASH
    log_count: int = 0
    refund: int = 0
    """Mod 2^256."""
    doomed: Hash = ZERO_HASH


@dataclass(frozen=True, slots=True)
class Tx(Structure):
    """The transaction that runs."""

    kind: int
    transaction_hash: Hash
    origin: Address
    gas_price: Wei
    gas_limit: Gas
    start_root: Hash
    blob_hashes: Hash
    is_creation: bool
    to: Address
    value: Wei
    nonce: int
    input: Slice


@dataclass(frozen=True, slots=True)
class BlockState(Structure):
    """The block in the making."""

    number: int
    timestamp: Seconds
    gas_limit: Gas
    base_fee: Wei
    prev_randao: Hash
    coinbase: Address
    origin: L1Context
    gas_used: Gas
    transactions_acc: Hash
    receipts_acc: Hash
    recent_hashes: Hash
    parent_hash: Hash
    state_root: Hash
    chain_id: int
    data_gas_per_byte: Gas
    transaction_gas_cap: Gas
    flags: int
    blob_base_fee: Wei


@dataclass(frozen=True, slots=True)
class Cursor(Structure):
    """Where in the inbox the machine is."""

    batches: int
    target: int
    messages: int
    messages_end: int = 0
    batch_time: Seconds = Seconds(0)
    data: Slice = EMPTY_SLICE
    """The batch's decoded bytes, from offset 0 on; hashed as root and length."""
    position: int = 0
    list_end: int = 0
    block_messages_end: int = 0

    def encode(self) -> bytes:
        """Its fields, a word each. The data always starts its tree: no offset."""
        head = word(self.batches) + word(self.target) + word(self.messages) + word(self.messages_end)
        data = word(self.batch_time) + self.data.root + word(self.data.length)
        return head + data + word(self.position) + word(self.list_end) + word(self.block_messages_end)


@dataclass(frozen=True, slots=True)
class Check(Structure):
    """Aux of CHECK."""

    items: int


@dataclass(frozen=True, slots=True)
class Scan(Structure):
    """Aux of SCAN: the time that the batch wants, up to which message the block may take, gas limits taken."""

    wanted_time: int
    limit: int
    gas: int


@dataclass(frozen=True, slots=True)
class Warm(Structure):
    """Aux of WARM: where in the access list (byte positions in the batch), whose slots, the gas to run with."""

    position: int
    list_end: int
    entry_end: int
    address: Address
    gas: int


@dataclass(frozen=True, slots=True)
class CallMessage(Structure):
    """Aux of CALL."""

    is_static: bool
    caller: Address
    target: Address
    """`self` of the new frame."""
    code_address: Address
    value: int
    transfers: bool
    gas: int
    input: Slice
    output_offset: int = 0
    output_size: int = 0


@dataclass(frozen=True, slots=True)
class CreateMessage(Structure):
    """Aux of CREATE."""

    caller: Address
    value: int
    gas: int
    nonce: int
    is_create2: bool
    salt: int
    code: Slice
    """The init code."""


WORDS_LAYOUT, CODE_LAYOUT = 0, 1


@dataclass(frozen=True, slots=True)
class CopyJob(Structure):
    """Aux of COPY: `size` bytes to memory at `to`, from `offset` of the source on, where `available` bytes are left."""

    layout: int
    source: "WordTree | Hash"
    """A tree of words or of code chunks; zero where nothing is available."""
    offset: int
    available: int
    to: int
    size: int


@dataclass(frozen=True, slots=True)
class HashJob(Structure):
    """Aux of KECCAK: the sponge, what is still to absorb, and what the hash is for."""

    lanes: tuple[int, ...]
    """Seven words."""
    source: WordTree
    offset: int
    size: int
    topics: int
    """0: KECCAK256. n + 1: LOGn."""
    topic_words: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Precompile(Structure):
    """Aux of PRECOMPILE."""

    number: int


@dataclass(frozen=True, slots=True)
class Exit(Structure):
    """Aux of EXIT and DEPOSIT."""

    status: int
    output: Slice = EMPTY_SLICE


@dataclass(frozen=True, slots=True)
class End(Structure):
    """Aux of END."""

    status: int
    gas_left: int


class Frame:
    """One call. The fields up to `parent` never change; those behind it do, in place."""

    __slots__ = (
        "_hashes", "_static", "caller", "code", "depth", "entry_world", "gas", "input", "is_create", "is_static",
        "memory", "output_offset", "output_size", "parent", "parent_hash", "pc", "returned", "stack", "target", "value",
    )  # fmt: skip

    def __init__(
        self,
        depth: int,
        is_create: bool,
        is_static: bool,
        target: Address,
        caller: Address,
        value: int,
        code: Code,
        call_input: Slice,
        output_offset: int,
        output_size: int,
        entry_world: World,
        parent: "Frame | None",
        gas: int,
    ) -> None:
        self.depth = depth
        self.is_create = is_create
        self.is_static = is_static
        self.target = target
        """`self`: whose storage and balance."""
        self.caller = caller
        self.value = value
        self.code = code
        self.input = call_input
        self.output_offset = output_offset
        self.output_size = output_size
        self.entry_world = entry_world
        self.parent = parent
        self.parent_hash = parent.hash() if parent is not None else ZERO_HASH
        self._static: bytes | None = None
        self.pc = 0
        self.gas = gas
        self.stack: list[int] = []
        self._hashes: list[Hash] = [ZERO_HASH]
        self.memory = WordTree()
        self.returned = EMPTY_SLICE

    def halt(self) -> None:
        """Clear what a halt clears: pc, gas and all fields behind them."""
        self.pc = self.gas = 0
        self.stack = []
        self._hashes = [ZERO_HASH]
        self.memory = HALTED_MEMORY
        self.returned = EMPTY_SLICE

    def pop(self, count: int) -> list[int]:
        """The topmost words, the top first. The caller has checked that they are there."""
        if not count:
            return []
        taken = self.stack[: -count - 1 : -1]
        del self.stack[-count:]
        del self._hashes[len(self.stack) + 1 :]
        return taken

    def push(self, value: int) -> None:
        """One more word. The caller has checked that it fits."""
        self.stack.append(value)

    def stack_hash(self) -> Hash:
        """The chain of hashes over the stack."""
        hashes = self._hashes
        for value in self.stack[len(hashes) - 1 :]:
            hashes.append(keccak(hashes[-1] + value.to_bytes(32, "big")))
        return hashes[-1]

    def write_memory(self, offset: int, data: bytes) -> None:
        """Write into memory that was expanded before."""
        if data:
            if self.memory.shared:
                self.memory = self.memory.clone()
            self.memory.write(offset, data)

    def encode(self) -> bytes:
        """All fields, a word each."""
        if self._static is None:
            self._static = b"".join(
                to_words(item)
                for item in (
                    self.depth, self.is_create, self.is_static, self.target, self.caller, self.value, self.code.root,
                    self.code.size, self.input, self.output_offset, self.output_size, self.entry_world.hash(),
                    self.parent_hash,
                )
            )  # fmt: skip
        memory, returned = self.memory, self.returned
        return b"".join(
            (
                self._static,
                self.pc.to_bytes(32, "big"),
                self.gas.to_bytes(32, "big"),
                len(self.stack).to_bytes(32, "big"),
                self.stack_hash(),
                memory.size.to_bytes(32, "big"),
                ZERO_HASH if memory is HALTED_MEMORY else memory.root(),
                NO_SLICE if returned is EMPTY_SLICE else to_words(returned),
            )
        )

    def hash(self) -> Hash:
        """keccak of `encode`."""
        return keccak(self.encode())


HALTED_MEMORY = WordTree()
"""The memory of a frame that halted: no words, root 0."""

Aux: TypeAlias = Check | Scan | Warm | CallMessage | CreateMessage | CopyJob | HashJob | Precompile | Exit | End


class State:
    """A machine state with all that it commits to. `block` is the parent's header between blocks."""

    __slots__ = ("aux", "block", "cursor", "frame", "mode", "tx", "world")

    def __init__(
        self,
        mode: Mode,
        block: BlockState | Header,
        cursor: Cursor,
        world: World | None = None,
        frame: Frame | None = None,
        tx: Tx | None = None,
        aux: Aux | None = None,
    ) -> None:
        self.mode = mode
        self.world = world
        self.frame = frame
        self.tx = tx
        self.block = block
        self.aux = aux
        self.cursor = cursor

    def words(self) -> bytes:
        """The seven words that the state's hash is made of."""
        block = self.block
        return b"".join(
            (
                MODE_WORDS[self.mode],
                self.world.hash() if self.world is not None else ZERO_HASH,
                self.frame.hash() if self.frame is not None else ZERO_HASH,
                self.tx.hash() if self.tx is not None else ZERO_HASH,
                block.hash if isinstance(block, Header) else block.hash(),
                self.aux.hash() if self.aux is not None else ZERO_HASH,
                self.cursor.hash(),
            )
        )

    def hash(self) -> Hash:
        """machineHash."""
        return keccak(self.words())
