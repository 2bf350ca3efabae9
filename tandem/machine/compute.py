"""Instructions that read nothing but the stack, the code and the frame. Twin of contracts/machine/Compute.sol."""

from collections.abc import Callable

from tandem.machine.execution import BAD_JUMP, Halt, charge, leave
from tandem.machine.machine import Machine
from tandem.machine.modes import ExitStatus
from tandem.machine.stepping import Instruction
from tandem.machine.structures import WORD_MASK, Frame
from tandem.state.code import DEPTH, PUSH1

SIGN_BIT = 1 << 255
EXP_BYTE = 50
"""Gas for each byte of an exponent (EIP-160)."""
JUMPS, FALLS_THROUGH = "jumps", "falls through"


def _signed(value: int) -> int:
    return value - 2**256 if value & SIGN_BIT else value


def _sdiv(a: int, b: int) -> int:
    """Truncates towards zero; -2^255 / -1 is -2^255."""
    quotient = abs(_signed(a)) // abs(_signed(b)) if b else 0
    return (-quotient if (a ^ b) & SIGN_BIT else quotient) & WORD_MASK


def _smod(a: int, b: int) -> int:
    """Has the sign of the dividend."""
    rest = abs(_signed(a)) % abs(_signed(b)) if b else 0
    return (-rest if a & SIGN_BIT else rest) & WORD_MASK


def _sign_extend(index: int, value: int) -> int:
    """From byte `index`, counted from the least significant."""
    if index >= 31:
        return value
    bit = 1 << 8 * index + 7
    return value | WORD_MASK ^ (bit - 1) if value & bit else value & (bit - 1)


def _byte(index: int, value: int) -> int:
    """Byte `index`, counted from the most significant."""
    return value >> 8 * (31 - index) & 0xFF if index < 32 else 0


def _shift_left(count: int, value: int) -> int:
    return value << count & WORD_MASK if count < 256 else 0


def _shift_right(count: int, value: int) -> int:
    return value >> count if count < 256 else 0


def _shift_right_signed(count: int, value: int) -> int:
    return _signed(value) >> min(count, 255) & WORD_MASK


def _of_words(operation: Callable[..., int]) -> Instruction:
    """Puts one word that is made of those taken."""

    def run(m: Machine, frame: Frame, args: list[int]) -> str | None:
        frame.push(operation(*args))
        return None

    return run


def _of_frame(field: Callable[[Frame], int]) -> Instruction:
    """Puts one word that the frame holds."""

    def run(m: Machine, frame: Frame, args: list[int]) -> str | None:
        frame.push(field(frame))
        return None

    return run


def stop(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """STOP, and whatever lies behind the code."""
    leave(m, ExitStatus.SUCCESS)
    return None


def exp(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """EXP."""
    base, exponent = args
    charge(frame, EXP_BYTE * (exponent.bit_length() + 7 >> 3))
    frame.push(pow(base, exponent, 2**256))
    return None


def nothing(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """POP, whose word is taken already, and JUMPDEST."""
    return None


def jump(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """JUMP."""
    _jump_to(m, frame, args[0])
    return None


def jump_if(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """JUMPI."""
    destination, condition = args
    if not condition:
        return FALLS_THROUGH
    _jump_to(m, frame, destination)
    return JUMPS


def _jump_to(m: Machine, frame: Frame, destination: int) -> None:
    code = frame.code
    if destination >= code.size:
        raise Halt(BAD_JUMP)
    m.tape.range(code.tree, code.chunk_of(destination), 1)
    if not code.is_destination(destination):
        raise Halt(BAD_JUMP)
    frame.pc = destination


def _push(width: int) -> Instruction:
    def run(m: Machine, frame: Frame, args: list[int]) -> str | None:
        code, start = frame.code, frame.pc
        # The instruction's own chunk is read; its data may reach into two more. Behind the tree there is nothing.
        following = code.chunk_of(start - 1) + 1
        last = min(code.chunk_of(start + width - 1), (1 << DEPTH) - 1)
        if last >= following:
            m.tape.range(code.tree, following, last - following + 1)
        frame.push(int.from_bytes(code.data[start : start + width].ljust(width, b"\0"), "big"))
        frame.pc += width
        return None

    return run


def duplicate(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """DUP1 to DUP16: the deepest word taken comes on top of all."""
    for value in reversed(args):
        frame.push(value)
    frame.push(args[-1])
    return None


def swap(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """SWAP1 to SWAP16: the deepest word taken and the top change places."""
    args[0], args[-1] = args[-1], args[0]
    for value in reversed(args):
        frame.push(value)
    return None


INSTRUCTIONS: dict[int, Instruction] = {
    0x00: stop,
    0x01: _of_words(lambda a, b: a + b & WORD_MASK),
    0x02: _of_words(lambda a, b: a * b & WORD_MASK),
    0x03: _of_words(lambda a, b: a - b & WORD_MASK),
    0x04: _of_words(lambda a, b: a // b if b else 0),
    0x05: _of_words(_sdiv),
    0x06: _of_words(lambda a, b: a % b if b else 0),
    0x07: _of_words(_smod),
    0x08: _of_words(lambda a, b, n: (a + b) % n if n else 0),
    0x09: _of_words(lambda a, b, n: a * b % n if n else 0),
    0x0A: exp,
    0x0B: _of_words(_sign_extend),
    0x10: _of_words(lambda a, b: int(a < b)),
    0x11: _of_words(lambda a, b: int(a > b)),
    0x12: _of_words(lambda a, b: int(a ^ SIGN_BIT < b ^ SIGN_BIT)),
    0x13: _of_words(lambda a, b: int(a ^ SIGN_BIT > b ^ SIGN_BIT)),
    0x14: _of_words(lambda a, b: int(a == b)),
    0x15: _of_words(lambda a: int(not a)),
    0x16: _of_words(lambda a, b: a & b),
    0x17: _of_words(lambda a, b: a | b),
    0x18: _of_words(lambda a, b: a ^ b),
    0x19: _of_words(lambda a: a ^ WORD_MASK),
    0x1A: _of_words(_byte),
    0x1B: _of_words(_shift_left),
    0x1C: _of_words(_shift_right),
    0x1D: _of_words(_shift_right_signed),
    0x30: _of_frame(lambda frame: int.from_bytes(frame.target, "big")),
    0x33: _of_frame(lambda frame: int.from_bytes(frame.caller, "big")),
    0x34: _of_frame(lambda frame: frame.value),
    0x36: _of_frame(lambda frame: frame.input.length),
    0x38: _of_frame(lambda frame: frame.code.size),
    0x3D: _of_frame(lambda frame: frame.returned.length),
    0x50: nothing,
    0x56: jump,
    0x57: jump_if,
    0x58: _of_frame(lambda frame: frame.pc - 1),
    0x59: _of_frame(lambda frame: frame.memory.size * 32),
    0x5A: _of_frame(lambda frame: frame.gas),
    0x5B: nothing,
    **{PUSH1 - 1 + width: _push(width) for width in range(33)},
    **dict.fromkeys(range(0x80, 0x90), duplicate),
    **dict.fromkeys(range(0x90, 0xA0), swap),
}
"""By opcode. Those not defined halt before they come here."""
