"""Operations on the environment, memory, storage and logs that the loop calls through the fork's table."""

from eth.exceptions import InsufficientStack, OutOfGas, Revert, WriteProtection

from tandem.evm.frame import Frame
from tandem.primitives.hashing import keccak

COLD_SLOAD, WARM_READ = 2100, 100
"""EIP-2929."""
SSTORE_SET, SSTORE_RESET, SSTORE_SENTRY = 20_000, 2_900, 2_300
"""EIP-2200 as EIP-2929 changed it: 5,000 less the cold charge."""
SSTORE_CLEARS = 4_800
"""EIP-3529."""
WRITE_PROTECTION = "the state cannot change inside a STATICCALL"


def address(frame: Frame) -> None:
    """ADDRESS."""
    frame.stack_push_bytes(frame.msg.storage_address)


def caller(frame: Frame) -> None:
    """CALLER."""
    frame.stack_push_bytes(frame.msg.sender)


def call_value(frame: Frame) -> None:
    """CALLVALUE."""
    frame.stack_push_int(frame.msg.value)


def call_data_size(frame: Frame) -> None:
    """CALLDATASIZE."""
    frame.stack_push_int(len(frame.msg.data))


def call_data_load(frame: Frame) -> None:
    """CALLDATALOAD: zeros behind the end."""
    stack = frame.stack
    at = stack[-1]
    stack[-1] = int.from_bytes(frame.msg.data[at : at + 32].ljust(32, b"\0"), "big")


def code_copy(frame: Frame) -> None:
    """CODECOPY."""
    to, start, size = frame.stack_pop_ints(3)
    frame.extend_memory(to, size)
    frame.consume_gas(3 * ((size + 31) >> 5), "CODECOPY")
    frame.memory_write(to, size, frame.code[start : start + size].ljust(size, b"\0"))


def code_size(frame: Frame) -> None:
    """CODESIZE."""
    frame.stack_push_int(len(frame.code))


def program_counter(frame: Frame) -> None:
    """PC: of this instruction."""
    frame.stack_push_int(frame.pc)


def memory_size(frame: Frame) -> None:
    """MSIZE: in bytes, a multiple of 32."""
    frame.stack_push_int(len(frame.memory))


def keccak256(frame: Frame) -> None:
    """KECCAK256: 6 gas a word beside the 30."""
    stack = frame.stack
    at, size = stack.pop(), stack[-1]
    frame.extend_memory(at, size)
    frame.consume_gas(6 * ((size + 31) >> 5), "KECCAK256")
    stack[-1] = int.from_bytes(keccak(bytes(frame.memory[at : at + size]) if size else b""), "big")


def sload(frame: Frame) -> None:
    """SLOAD."""
    stack, world, owner = frame.stack, frame.state, frame.msg.storage_address
    slot = stack[-1]
    frame.consume_gas(COLD_SLOAD if world.warm_slot(owner, slot) else WARM_READ, "SLOAD")
    stack[-1] = world.get_storage(owner, slot)


def sstore(frame: Frame) -> None:
    """SSTORE: EIP-2200's net metering, with EIP-2929's and EIP-3529's figures."""
    world, message = frame.state, frame.msg
    if message.is_static:
        raise WriteProtection(WRITE_PROTECTION)
    if frame.gas <= SSTORE_SENTRY:
        raise OutOfGas("SSTORE needs more than the stipend (EIP-2200)")
    slot, value = frame.stack_pop_ints(2)
    owner = message.storage_address
    cost = COLD_SLOAD if world.warm_slot(owner, slot) else 0
    current = world.get_storage(owner, slot)
    if value == current:
        frame.consume_gas(cost + WARM_READ, "SSTORE")
        return
    original = world.get_storage(owner, slot, from_journal=False)
    if original == current:
        cost += SSTORE_RESET if original else SSTORE_SET
        refund = SSTORE_CLEARS if original and not value else 0
    else:
        cost += WARM_READ
        refund = 0
        if original:
            if not current:
                refund -= SSTORE_CLEARS
            if not value:
                refund += SSTORE_CLEARS
        if original == value:
            refund += (SSTORE_RESET if original else SSTORE_SET) - WARM_READ
    frame.consume_gas(cost, "SSTORE")
    world.refund += refund
    world.set_storage(owner, slot, value)


def tload(frame: Frame) -> None:
    """TLOAD."""
    stack = frame.stack
    stack[-1] = frame.state.get_transient(frame.msg.storage_address, stack[-1])


def tstore(frame: Frame) -> None:
    """TSTORE."""
    if frame.msg.is_static:
        raise WriteProtection(WRITE_PROTECTION)
    slot, value = frame.stack_pop_ints(2)
    frame.state.set_transient(frame.msg.storage_address, slot, value)


def _log(frame: Frame, topic_count: int) -> None:
    if frame.msg.is_static:
        raise WriteProtection(WRITE_PROTECTION)
    at, size, *topics = frame.stack_pop_ints(2 + topic_count)
    frame.consume_gas(375 * topic_count + 8 * size, "LOG")
    frame.extend_memory(at, size)
    frame.add_log_entry(frame.msg.storage_address, tuple(topics), frame.memory_read_bytes(at, size))


def log0(frame: Frame) -> None:
    """LOG0."""
    _log(frame, 0)


def log1(frame: Frame) -> None:
    """LOG1."""
    _log(frame, 1)


def log2(frame: Frame) -> None:
    """LOG2."""
    _log(frame, 2)


def log3(frame: Frame) -> None:
    """LOG3."""
    _log(frame, 3)


def log4(frame: Frame) -> None:
    """LOG4."""
    _log(frame, 4)


def return_(frame: Frame) -> None:
    """RETURN."""
    if len(frame.stack) < 2:
        raise InsufficientStack
    at, size = frame.stack.pop(), frame.stack.pop()
    frame.extend_memory(at, size)
    frame.result = frame.memory_read_bytes(at, size)


def revert(frame: Frame) -> None:
    """REVERT (EIP-140): gives back the gas left, and data."""
    return_(frame)
    raise Revert(frame.result)
