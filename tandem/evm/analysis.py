"""What can be known of a code before it runs: its push values and its valid jump destinations. Kept by code."""

from functools import lru_cache

PADDING = bytes(33)
"""Behind the code stand zeros, as the yellow paper has it: a PUSH32 in the last byte pushes zero, then comes STOP."""

PUSH1, PUSH32, JUMPDEST = 0x60, 0x7F, 0x5B


class Program:
    """A code made ready to run. `code` has zeros behind it; `pushed[i]` is the word that the PUSH at i - 1 pushes."""

    __slots__ = ("code", "destinations", "pushed")

    def __init__(self, code: bytes) -> None:
        self.code = padded = code + PADDING
        self.pushed: dict[int, int] = {}
        self.destinations: set[int] = set()
        at, end = 0, len(code)
        while at < end:
            opcode = code[at]
            at += 1
            if PUSH1 <= opcode <= PUSH32:
                width = opcode - PUSH1 + 1
                self.pushed[at] = int.from_bytes(padded[at : at + width], "big")
                at += width
            elif opcode == JUMPDEST:
                self.destinations.add(at - 1)


@lru_cache(maxsize=2048)
def program(code: bytes) -> Program:
    """The code's analysis."""
    return Program(code)
