"""Small programs for the EVM in a compact notation.

`assemble(5, 0, "SSTORE STOP")`: a number is pushed in the shortest way, a text is a row of instructions by their names,
bytes stand as they are.
"""

from tandem.machine.opcodes import OPCODES
from tandem.primitives.types import Address

NUMBERS = {opcode.name: opcode.number for opcode in OPCODES if opcode is not None} | {"INVALID": 0xFE}
PUSH0 = 0x5F
ALL_GAS = 2**255
"""More than there is: a call gives all but a 64th."""
Part = int | str | bytes


def assemble(*parts: Part) -> bytes:
    """The code of these parts."""
    return b"".join(_code(part) for part in parts)


def _code(part: Part) -> bytes:
    if isinstance(part, str):
        return bytes(NUMBERS[name] for name in part.split())
    if isinstance(part, int):
        return push(part)
    return part


def push(value: int) -> bytes:
    """The shortest PUSH of a number."""
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([PUSH0 + len(data)]) + data


def store(data: bytes, at: int = 0) -> bytes:
    """Puts bytes into memory."""
    words = [data[i : i + 32] for i in range(0, len(data), 32)]
    return b"".join(
        assemble(int.from_bytes(word.ljust(32, b"\0"), "big"), at + 32 * i, "MSTORE") for i, word in enumerate(words)
    )


def call(
    to: Address | int,
    kind: str = "CALL",
    *,
    value: int = 0,
    gas: int = ALL_GAS,
    data: tuple[int, int] = (0, 0),
    output: tuple[int, int] = (0, 0),
) -> bytes:
    """A call of any kind, its success taken off the stack. `data` and `output` are spans of memory."""
    target = int.from_bytes(to, "big") if isinstance(to, bytes) else to
    sent = (value,) if kind in ("CALL", "CALLCODE") else ()
    return assemble(output[1], output[0], data[1], data[0], *sent, target, gas, f"{kind} POP")


def create(init: bytes, *, value: int = 0, salt: int | None = None) -> bytes:
    """A creation; its address, or 0, is left on the stack."""
    salted = () if salt is None else (salt,)
    return assemble(store(init), *salted, len(init), 0, value, "CREATE" if salt is None else "CREATE2")


def deploying(code: bytes) -> bytes:
    """Init code that deploys `code`."""
    return assemble(store(code), len(code), 0, "RETURN")
