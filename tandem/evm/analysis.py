"""What can be known of a code before it runs: its jump destinations, and its runs of instructions.

A run is a straight line of instructions: entered only at its first, left only behind its last. So its static gas and
its least and greatest stack height can be settled once, when it is entered. That changes no outcome: where a run cannot
be paid or does not fit, some instruction in it halts, and every exceptional halt is the same, all gas gone and all
effects taken back. Whatever looks at the gas (GAS, SSTORE, calls, creations) is the last of its run, so that nothing
behind it has been charged yet. A run also ends before a JUMPDEST, which keeps all runs of a code disjoint.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tandem.evm.frame import Frame

Operation = Callable[[Frame], None]
Table = list[tuple[int, Operation] | None]
"""For each opcode its static gas and what it does, None where the fork has no such opcode (or the loop does it)."""


class Operations:
    """A fork's table, as one object, so that what was analysed for it can be kept by it."""

    __slots__ = ("entries",)

    def __init__(self, entries: Table) -> None:
        self.entries = entries


PADDING = bytes(33)
"""Behind the code stand zeros, as the yellow paper has it: a PUSH32 in the last byte pushes zero, then comes STOP."""

PUSH0, PUSH1, PUSH32 = 0x5F, 0x60, 0x7F
STOP, PC, GAS, JUMP, JUMPI, JUMPDEST = 0x00, 0x58, 0x5A, 0x56, 0x57, 0x5B
RETURN, REVERT, SELFDESTRUCT = 0xF3, 0xFD, 0xFF

# -- the steps of a run: what the loop does by itself, the frequent ones first; OPERATION: a function of the table
(
    PUSH_, DUP_, SWAP_, POP_, ADD_, MSTORE_, AND_, ISZERO_, OPERATION_, SUB_, MLOAD_, SHR_,
    EQ_, LT_, GT_, SHL_, MUL_, DIV_, OR_, NOT_, XOR_, SLT_, SGT_,
) = range(23)  # fmt: skip

_INLINE = {
    0x01: (3, ADD_), 0x02: (5, MUL_), 0x03: (3, SUB_), 0x04: (5, DIV_), 0x10: (3, LT_), 0x11: (3, GT_),
    0x12: (3, SLT_), 0x13: (3, SGT_), 0x14: (3, EQ_), 0x15: (3, ISZERO_), 0x16: (3, AND_), 0x17: (3, OR_),
    0x18: (3, XOR_), 0x19: (3, NOT_), 0x1B: (3, SHL_), 0x1C: (3, SHR_), 0x50: (2, POP_), 0x51: (3, MLOAD_),
    0x52: (3, MSTORE_),
}  # fmt: skip
"""Static gas and step of what the loop does by itself, beside PUSH, DUP, SWAP and what ends a run."""

# -- how a run ends
NEXT, HALT, JUMP_TO, JUMP_IF, GO, GO_IF, RETURNS, OBSERVES, GAS_LEFT, INVALID = range(10)

_OBSERVERS = frozenset({0x55, 0xF0, 0xF1, 0xF2, 0xF4, 0xF5, 0xFA})
"""SSTORE, creations and calls."""


def _stack_effects() -> dict[int, tuple[int, int]]:
    """How many words each instruction takes, and how many it leaves in their place (yellow paper, appendix H)."""
    effects = {0x08: (3, 1), 0x09: (3, 1), 0x15: (1, 1), 0x19: (1, 1), 0x20: (2, 1), 0x31: (1, 1), 0x35: (1, 1)}
    effects |= {0x37: (3, 0), 0x39: (3, 0), 0x3B: (1, 1), 0x3C: (4, 0), 0x3E: (3, 0), 0x3F: (1, 1), 0x40: (1, 1)}
    effects |= {0x49: (1, 1), 0x50: (1, 0), 0x51: (1, 1), 0x52: (2, 0), 0x53: (2, 0), 0x54: (1, 1), 0x55: (2, 0)}
    effects |= {0x56: (1, 0), 0x57: (2, 0), 0x5B: (0, 0), 0x5C: (1, 1), 0x5D: (2, 0), 0x5E: (3, 0), 0x00: (0, 0)}
    effects |= {0xF0: (3, 1), 0xF1: (7, 1), 0xF2: (7, 1), 0xF3: (2, 0), 0xF4: (6, 1), 0xF5: (4, 1), 0xFA: (6, 1)}
    effects |= {0xFD: (2, 0), 0xFF: (1, 0)}
    effects |= {0xA0 + topics: (2 + topics, 0) for topics in range(5)}
    effects |= {0x80 + depth: (depth + 1, depth + 2) for depth in range(16)}
    effects |= {0x90 + depth: (depth + 2, depth + 2) for depth in range(16)}
    for opcode in (*range(0x01, 0x0C), *range(0x10, 0x1E)):
        effects.setdefault(opcode, (2, 1))
    for opcode in (*range(0x30, 0x4B), *range(0x58, 0x80)):
        effects.setdefault(opcode, (0, 1))
    return effects


_EFFECTS = _stack_effects()


class Run:
    """A straight line of instructions. `argument` belongs to how it ends: a function, or a jump's fixed target."""

    __slots__ = ("argument", "end", "ending", "gas", "growth", "need", "steps")

    def __init__(self) -> None:
        self.steps: list[tuple[int, int | Operation]] = []
        self.gas = 0
        self.need = 0
        """Words that must be on the stack at the start."""
        self.growth = 0
        """Most words by which the stack grows on the way."""
        self.ending = NEXT
        self.argument: Any = 0
        self.end = 0
        """Where the code goes on behind it."""


class Program:
    """A code made ready to run. `code` has zeros behind it. Runs are made when they are first entered."""

    __slots__ = ("_table", "code", "destinations", "runs")

    def __init__(self, code: bytes, operations: Operations) -> None:
        self.code = code + PADDING
        self.runs: dict[int, Run] = {}
        self._table = operations.entries
        self.destinations: set[int] = set()
        at, end = 0, len(code)
        while at < end:
            opcode = code[at]
            if opcode == JUMPDEST:
                self.destinations.add(at)
            at += opcode - PUSH1 + 2 if PUSH1 <= opcode <= PUSH32 else 1

    def run(self, start: int) -> Run:
        """The run that begins at `start`."""
        run = self.runs[start] = Run()
        code, steps = self.code, run.steps
        at, height = start, 0
        while True:
            opcode = code[at]
            if opcode == JUMPDEST and at != start:
                break
            at += 1
            taken, left = _EFFECTS.get(opcode, (0, 0))
            run.need = max(run.need, taken - height)
            height += left - taken
            run.growth = max(run.growth, height)
            if PUSH0 <= opcode <= PUSH32:
                width = opcode - PUSH0
                steps.append((PUSH_, int.from_bytes(code[at : at + width], "big")))
                run.gas += 3 if width else 2
                at += width
            elif 0x80 <= opcode < 0x90:
                steps.append((DUP_, 0x7F - opcode))
                run.gas += 3
            elif 0x90 <= opcode < 0xA0:
                steps.append((SWAP_, 0x8E - opcode))
                run.gas += 3
            elif opcode in _INLINE:
                gas, kind = _INLINE[opcode]
                steps.append((kind, 0))
                run.gas += gas
            elif opcode == JUMPDEST:
                run.gas += 1
            elif opcode == PC:
                steps.append((PUSH_, at - 1))
                run.gas += 2
            elif self._ends(run, opcode):
                break
        run.end = at
        return run

    def _ends(self, run: Run, opcode: int) -> bool:
        """Take in an instruction of the table. Whether the run ends with it."""
        if opcode == STOP:
            run.ending = HALT
        elif opcode in (JUMP, JUMPI):
            run.gas += 8 if opcode == JUMP else 10
            run.ending = JUMP_TO if opcode == JUMP else JUMP_IF
            if run.steps and run.steps[-1][0] == PUSH_:
                run.argument = run.steps.pop()[1]
                run.ending = GO if opcode == JUMP else GO_IF
        elif opcode == GAS:
            run.gas += 2
            run.ending = GAS_LEFT
        else:
            entry = self._table[opcode]
            if entry is None:
                run.ending, run.argument = INVALID, opcode
                return True
            gas, operation = entry
            run.gas += gas
            if opcode not in _OBSERVERS and opcode not in (RETURN, REVERT, SELFDESTRUCT):
                run.steps.append((OPERATION_, operation))
                return False
            run.ending = OBSERVES if opcode in _OBSERVERS else RETURNS
            run.argument = operation
        return True


@lru_cache(maxsize=512)
def program(code: bytes, operations: Operations) -> Program:
    """The code's analysis, kept for the codes used last: a large one takes some megabytes when all of it has run."""
    return Program(code, operations)
