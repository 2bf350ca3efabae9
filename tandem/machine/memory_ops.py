"""Instructions on memory and calldata, logs, the ends of a frame, and the copies.

Twin of contracts/machine/MemoryOps.sol. Sizes are bounded by what memory can hold once `expand` has passed: it comes
before any charge by size.
"""

from tandem.machine.event_log import MAX_TOPICS, add_log
from tandem.machine.execution import (
    OUT_OF_BOUNDS,
    STATIC,
    Halt,
    charge,
    edit_memory,
    expand,
    leave,
    memory_slice,
    read_memory,
    read_slice,
)
from tandem.machine.machine import Machine
from tandem.machine.modes import ExitStatus, Mode
from tandem.machine.sponge import EMPTY_SPONGE
from tandem.machine.stepping import Instruction
from tandem.machine.structures import CODE_LAYOUT, WORDS_LAYOUT, CopyJob, Frame, HashJob
from tandem.machine.word_tree import Slice, WordTree
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import ZERO_HASH
from tandem.state.code import CHUNK_BYTES

COPY_WORD, HASH_WORD, LOG_BYTE = 3, 6, 8
"""Gas (yellow paper, appendix G)."""
COPY_BYTES = 1024
"""A COPY step fills memory up to the next multiple of this."""
MAX_HASH_BYTES = 65_536
"""Longer data is hashed in steps of its own."""
NO_BYTES, LONG = "no bytes", "long"
FROM_WORDS, FROM_CODE, ZEROS = "from words", "from code", "zeros"


def keccak256(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """KECCAK256."""
    offset, size = args
    expand(frame, offset, size)
    charge(frame, HASH_WORD * _words(size))
    if size > MAX_HASH_BYTES:
        return _hash_in_steps(m, frame, offset, size, 0, [])
    frame.push(int.from_bytes(keccak(read_memory(m, offset, size)), "big"))
    return None


def log(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """LOG0 to LOG4."""
    offset, size, *topics = args
    if frame.is_static:
        raise Halt(STATIC)
    expand(frame, offset, size)
    charge(frame, LOG_BYTE * size)
    if size > MAX_HASH_BYTES:
        return _hash_in_steps(m, frame, offset, size, len(topics) + 1, topics)
    add_log(m, frame.target, topics, keccak(read_memory(m, offset, size)))
    return None


def _hash_in_steps(m: Machine, frame: Frame, offset: int, size: int, purpose: int, topics: list[int]) -> str:
    first, second, third, fourth = topics + [0] * (MAX_TOPICS - len(topics))
    job = HashJob(EMPTY_SPONGE, frame.memory, offset, size, purpose, (first, second, third, fourth))
    m.become(Mode.KECCAK, job)
    return LONG


def call_data_load(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """CALLDATALOAD."""
    frame.push(int.from_bytes(read_slice(m, frame.input, args[0], 32), "big"))
    return None


def memory_load(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """MLOAD."""
    expand(frame, args[0], 32)
    frame.push(int.from_bytes(read_memory(m, args[0], 32), "big"))
    return None


def memory_store(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """MSTORE."""
    offset, value = args
    expand(frame, offset, 32)
    edit_memory(m, offset, word(value))
    return None


def memory_store_byte(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """MSTORE8."""
    offset, value = args
    expand(frame, offset, 1)
    edit_memory(m, offset, bytes([value & 0xFF]))
    return None


def return_(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """RETURN."""
    return _leave_with(m, frame, args, ExitStatus.SUCCESS)


def revert(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """REVERT."""
    return _leave_with(m, frame, args, ExitStatus.REVERTED)


def _leave_with(m: Machine, frame: Frame, args: list[int], status: ExitStatus) -> str | None:
    offset, size = args
    expand(frame, offset, size)
    leave(m, status, memory_slice(frame, offset, size))
    return None if size else NO_BYTES


def call_data_copy(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """CALLDATACOPY."""
    return _copy_slice(m, frame, frame.input, args)


def return_data_copy(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """RETURNDATACOPY: reading behind the end halts (EIP-211)."""
    _, start, size = args
    if start + size > frame.returned.length:
        raise Halt(OUT_OF_BOUNDS)
    return _copy_slice(m, frame, frame.returned, args)


def _copy_slice(m: Machine, frame: Frame, view: Slice, args: list[int]) -> str | None:
    to, start, size = args
    pay_copy(frame, to, size)
    return start_copy(m, WORDS_LAYOUT, view.tree, view.offset + start, view.length - start, to, size)


def code_copy(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """CODECOPY."""
    to, start, size = args
    pay_copy(frame, to, size)
    return start_copy(m, CODE_LAYOUT, frame.code.tree, start, frame.code.size - start, to, size)


def memory_copy(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """MCOPY: as through a buffer."""
    to, start, size = args
    pay_copy(frame, max(to, start), size)
    return start_copy(m, WORDS_LAYOUT, frame.memory, start, size, to, size)


def pay_copy(frame: Frame, to: int, size: int) -> None:
    """What a copy of so many bytes to memory costs beside its static gas."""
    expand(frame, to, size)
    charge(frame, COPY_WORD * _words(size))


def start_copy(
    m: Machine, layout: int, source: WordTree | None, offset: int, available: int, to: int, size: int
) -> str | None:
    """Go to COPY, unless there is nothing to copy. `available` may be negative: there are no bytes then."""
    assert m.frame is not None
    if not size:
        return NO_BYTES
    if source is m.frame.memory and to % COPY_BYTES + size > COPY_BYTES:
        source.shared = True  # later steps read what the first one found
    m.become(Mode.COPY, _job(layout, source, offset, available, to, size))
    return None


def _job(layout: int, source: WordTree | None, offset: int, available: int, to: int, size: int) -> CopyJob:
    """A source without bytes is no source."""
    if source is None or available <= 0:
        return CopyJob(layout, ZERO_HASH, 0, 0, to, size)
    return CopyJob(layout, source, offset, available, to, size)


def copy(m: Machine) -> str | None:
    """The step COPY."""
    m.read_frame()
    job = m.read_aux(CopyJob)
    count = min(job.size, COPY_BYTES - job.to % COPY_BYTES)
    there = min(count, job.available)
    source = job.source if isinstance(job.source, WordTree) else None
    data = b""
    if source is not None:
        data = (_code_bytes if job.layout == CODE_LAYOUT else _tree_bytes)(m, source, job.offset, there)
    edit_memory(m, job.to, data.ljust(count, b"\0"))
    if count == job.size:
        m.become(Mode.EXEC)
    else:
        rest = (job.offset + there, job.available - there, job.to + count, job.size - count)
        m.become(Mode.COPY, _job(job.layout, source, *rest))
    return ZEROS if source is None else FROM_CODE if job.layout == CODE_LAYOUT else FROM_WORDS


def _tree_bytes(m: Machine, tree: WordTree, offset: int, count: int) -> bytes:
    m.tape.bytes(tree, offset, count)
    return tree.read(offset, count)


def _code_bytes(m: Machine, tree: WordTree, offset: int, count: int) -> bytes:
    """Bytes of code, from the chunks that hold them: each has a byte before them that is none of the code's."""
    first, last = offset // CHUNK_BYTES, (offset + count - 1) // CHUNK_BYTES
    m.tape.range(tree, first, last - first + 1)
    found = b"".join([tree.read(32 * index + 1, CHUNK_BYTES) for index in range(first, last + 1)])
    return found[offset - CHUNK_BYTES * first :][:count]


def _words(size: int) -> int:
    return size + 31 >> 5


INSTRUCTIONS: dict[int, Instruction] = {
    0x20: keccak256,
    0x35: call_data_load,
    0x37: call_data_copy,
    0x39: code_copy,
    0x3E: return_data_copy,
    0x51: memory_load,
    0x52: memory_store,
    0x53: memory_store_byte,
    0x5E: memory_copy,
    **dict.fromkeys(range(0xA0, 0xA5), log),
    0xF3: return_,
    0xFD: revert,
}
"""By opcode."""
