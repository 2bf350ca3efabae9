"""A call frame, with the methods that py-evm's opcode functions and precompiles call on a computation.

py-evm gives the opcode functions that are rare, the precompiles and the exceptions. What every instruction touches
(stack, memory, gas) and what py-evm's gaps lie in (calls, creations, selfdestruct) is done here and in the modules
beside. Its own Computation costs about 10 us a frame and 1 us an instruction, mostly in checks of values just computed.
"""

from typing import TYPE_CHECKING

from eth.exceptions import FullStack, InsufficientStack, OutOfGas, VMError

from tandem.evm.receipt import Log
from tandem.evm.world import World
from tandem.primitives.hashing import word
from tandem.primitives.types import Address, Hash

if TYPE_CHECKING:
    from tandem.evm.machine import Machine
    from tandem.evm.tracing import Tracer

STACK_LIMIT = 1024
CALL_DEPTH_LIMIT = 1024


class Stopped(Exception):
    """No error: how SELFDESTRUCT ends a frame from inside its operation."""


class Environment:
    """What all frames of one transaction share."""

    __slots__ = ("blob_versioned_hashes", "gas_price", "origin", "tracer")

    def __init__(
        self, origin: bytes, gas_price: int, blob_hashes: tuple[Hash, ...] = (), tracer: "Tracer | None" = None
    ) -> None:
        self.origin = origin
        self.gas_price = gas_price
        self.blob_versioned_hashes = blob_hashes
        self.tracer = tracer


class Message:
    """One call or creation: who asks whom for what, with how much gas."""

    __slots__ = (
        "code", "code_address", "data", "depth", "gas", "is_create", "is_static", "kind", "sender", "storage_address",
        "transfers", "value",
    )  # fmt: skip

    def __init__(
        self,
        kind: str,
        sender: bytes,
        storage_address: bytes,
        code_address: bytes,
        code: bytes,
        gas: int,
        value: int = 0,
        data: bytes = b"",
        depth: int = 0,
        is_static: bool = False,
        transfers: bool = True,
    ) -> None:
        self.kind = kind
        self.sender = sender
        self.storage_address = storage_address
        self.code_address = code_address
        self.code = code
        self.gas = gas
        self.value = value
        self.data = data
        self.depth = depth
        self.is_static = is_static
        self.transfers = transfers
        self.is_create = kind in ("CREATE", "CREATE2")

    @property
    def data_as_bytes(self) -> bytes:
        """The input, by the name py-evm's precompiles use."""
        return self.data


class Frame:
    """One frame. `gas` is what remains; `failure` is set when it failed, and `result` is what it returned."""

    __slots__ = (
        "code", "failure", "gas", "machine", "memory", "msg", "pc", "result", "return_data", "stack", "state",
        "transaction_context",
    )  # fmt: skip

    def __init__(self, machine: "Machine", world: World, message: Message, environment: Environment) -> None:
        self.machine = machine
        self.state = world
        self.msg = message
        self.transaction_context = environment
        self.code = message.code
        self.gas: int = message.gas
        self.stack: list[int] = []
        self.memory = bytearray()
        self.return_data = b""
        self.pc = 0
        self.result = b""
        self.failure: VMError | None = None

    # -- what py-evm's opcode functions and precompiles call

    def consume_gas(self, amount: int, reason: str) -> None:
        """Take gas, or halt."""
        self.gas -= amount
        if self.gas < 0:
            raise OutOfGas(reason)

    def get_gas_remaining(self) -> int:
        """Gas left."""
        return self.gas

    def stack_pop1_int(self) -> int:
        """The top of the stack."""
        if not self.stack:
            raise InsufficientStack
        return self.stack.pop()

    def stack_pop1_bytes(self) -> bytes:
        """The top of the stack as 32 bytes."""
        return word(self.stack_pop1_int())

    def stack_pop_ints(self, count: int) -> tuple[int, ...]:
        """The topmost words, the top first."""
        stack = self.stack
        if len(stack) < count:
            raise InsufficientStack
        taken = tuple(reversed(stack[-count:]))
        del stack[-count:]
        return taken

    def stack_push_int(self, value: int) -> None:
        """One more word."""
        if len(self.stack) >= STACK_LIMIT:
            raise FullStack
        self.stack.append(value)

    def stack_push_bytes(self, value: bytes) -> None:
        """One more word, from at most 32 bytes."""
        self.stack_push_int(int.from_bytes(value, "big"))

    def extend_memory(self, start_position: int, size: int) -> None:
        """Make memory reach over the span, and pay for it: 3 gas a word and words squared over 512."""
        if not size:
            return
        before = len(self.memory) >> 5
        after = (start_position + size + 31) >> 5
        if after > before:
            self.gas -= 3 * (after - before) + (after * after >> 9) - (before * before >> 9)
            if self.gas < 0:
                raise OutOfGas("memory")
            self.memory.extend(bytes((after - before) << 5))

    def memory_read_bytes(self, start_position: int, size: int) -> bytes:
        """A copy of memory that was extended before."""
        if not size:
            return b""
        with memoryview(self.memory) as view:  # one copy, where a slice of the bytearray would be a second
            return bytes(view[start_position : start_position + size])

    def memory_write(self, start_position: int, size: int, value: bytes) -> None:
        """Write into memory that was extended before."""
        if size:
            self.memory[start_position : start_position + size] = value

    def memory_copy(self, destination: int, source: int, length: int) -> None:
        """MCOPY: as through a buffer."""
        if length:
            self.memory[destination : destination + length] = self.memory[source : source + length]

    def add_log_entry(self, account: bytes, topics: tuple[int, ...], data: bytes) -> None:
        """LOG0..LOG4."""
        self.state.logs.append(Log(Address(account), tuple(Hash(word(topic)) for topic in topics), data))

    @property
    def output(self) -> bytes:
        """What RETURN, REVERT or a precompile gave."""
        return self.result

    @output.setter
    def output(self, value: bytes) -> None:
        self.result = value

    @property
    def is_error(self) -> bool:
        """Whether it failed."""
        return self.failure is not None

    @property
    def burns_gas(self) -> bool:
        """Whether it failed by an exceptional halt, which consumes all gas and gives no data."""
        return self.failure is not None and bool(self.failure.burns_gas)
