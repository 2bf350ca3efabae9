"""What every instruction has in common: fetch, the checks before it, gas, stack, memory. Twin of lib/Execution.sol."""

from tandem.machine.machine import Machine
from tandem.machine.modes import ExitStatus, Mode
from tandem.machine.opcodes import OPCODES
from tandem.machine.structures import STACK_LIMIT, Exit, Frame
from tandem.machine.word_tree import EMPTY_SLICE, MEMORY_DEPTH, Slice

MAX_MEMORY_WORDS = 1 << MEMORY_DEPTH
STOP = 0x00


class Halt(Exception):
    """The frame halts. The message is the outcome's name in the coverage table."""


OUT_OF_GAS = "out of gas"
STACK_UNDERFLOW = "stack underflow"
STACK_OVERFLOW = "stack overflow"
UNDEFINED = "undefined"
BAD_JUMP = "bad jump"
STATIC = "write in a static call"
OUT_OF_BOUNDS = "return data out of bounds"
INIT_CODE_SIZE = "init code too large"


def fetch(frame: Frame) -> int:
    """The opcode at pc; STOP behind the code."""
    code = frame.code
    return code.data[frame.pc] if frame.pc < code.size else STOP


def begin(m: Machine) -> tuple[Frame, list[int]]:
    """Open the frame, check and charge what every instruction does. Gives the frame and the words taken."""
    frame = m.read_frame()
    code, tape = frame.code, m.tape
    if frame.pc < code.size:
        tape.range(code.tree, code.chunk_of(frame.pc), 1)
    opcode = OPCODES[fetch(frame)]
    if opcode is None:
        raise Halt(UNDEFINED)
    height = len(frame.stack)
    if height < opcode.pops:
        raise Halt(STACK_UNDERFLOW)
    if height - opcode.pops + opcode.pushes > STACK_LIMIT:
        raise Halt(STACK_OVERFLOW)
    if frame.gas < opcode.gas:
        raise Halt(OUT_OF_GAS)
    frame.gas -= opcode.gas
    taken = take_stack(m, opcode.pops)
    frame.pc += 1
    return frame, taken


def take_stack(m: Machine, count: int) -> list[int]:
    """Take words off the stack, the top first. Nothing goes on the tape for none."""
    assert m.frame is not None
    taken = m.frame.pop(count)
    if taken and m.tape.recording:
        m.tape.stack(taken, m.frame.stack_hash())
    return taken


def charge(frame: Frame, amount: int) -> None:
    """Take gas, or halt."""
    if amount > frame.gas:
        raise Halt(OUT_OF_GAS)
    frame.gas -= amount


def expand(frame: Frame, offset: int, size: int) -> None:
    """Make memory reach over the span and pay for it: 3 gas a word and words squared over 512 (yellow paper, 9.1)."""
    if not size:
        return
    after = offset + size + 31 >> 5
    if after > MAX_MEMORY_WORDS:
        raise Halt(OUT_OF_GAS)
    before = frame.memory.size
    if after > before:
        charge(frame, 3 * (after - before) + (after * after >> 9) - (before * before >> 9))
        if frame.memory.shared:
            frame.memory = frame.memory.clone()
        frame.memory.extend(after)


def read_memory(m: Machine, offset: int, size: int) -> bytes:
    """Bytes of memory that was expanded before."""
    assert m.frame is not None
    m.tape.bytes(m.frame.memory, offset, size)
    return m.frame.memory.read(offset, size)


def edit_memory(m: Machine, offset: int, data: bytes) -> None:
    """Replace bytes of memory that was expanded before."""
    assert m.frame is not None
    m.tape.bytes(m.frame.memory, offset, len(data))
    m.frame.write_memory(offset, data)


def read_slice(m: Machine, view: Slice, start: int, count: int) -> bytes:
    """`count` bytes of a slice from `start` on, zeros behind its end. On the tape goes what is there, if anything."""
    if view.tree is not None and start < view.length:
        m.tape.bytes(view.tree, view.offset + start, min(count, view.length - start))
    return view.read(start, count)


def memory_slice(frame: Frame, offset: int, size: int) -> Slice:
    """A view on memory that was expanded before."""
    return Slice.of(frame.memory, offset, size)


def leave(m: Machine, status: ExitStatus, output: Slice = EMPTY_SLICE) -> None:
    """End the frame; a creation that succeeds deposits its code first."""
    assert m.frame is not None
    deposits = m.frame.is_create and status == ExitStatus.SUCCESS
    m.become(Mode.DEPOSIT if deposits else Mode.EXIT, Exit(status, output))


def halt(m: Machine) -> None:
    """An exceptional halt: all gas gone, no data."""
    assert m.frame is not None
    m.frame.halt()
    m.become(Mode.EXIT, Exit(ExitStatus.HALTED))
