"""How one step is taken and recorded, whatever it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tandem.machine.execution import Halt, begin, fetch, halt
from tandem.machine.machine import Machine
from tandem.machine.modes import Prover
from tandem.machine.structures import Frame
from tandem.machine.tape import SILENT, Tape
from tandem.primitives.types import Hash

StepFunction = Callable[[Machine], str | None]
"""Takes one step; gives the outcome's name where it is not `ok`. May raise Halt."""
Instruction = Callable[[Machine, Frame, list[int]], str | None]
"""What one opcode does with the words taken off the stack, the top first. Static gas is paid, pc is behind it."""
OK = "ok"


@dataclass(frozen=True, slots=True)
class Proven:
    """A step with all that a contract needs to judge it."""

    outcome: str
    before: Hash
    witness: bytes
    after: Hash


def take(m: Machine, function: StepFunction) -> str:
    """Take one step. An exceptional halt leaves the world as it was."""
    world = m.world
    try:
        return function(m) or OK
    except Halt as reason:
        m.world = world
        halt(m)
        return str(reason)


def prove(m: Machine, prover: Prover, function: StepFunction) -> Proven:
    """Take one step and keep its witness."""
    tape = Tape()
    tape.number(prover, 1)
    words = m.words()
    tape.raw(words)
    before = m.hash()
    m.tape = tape
    try:
        outcome = take(m, function)
    finally:
        m.tape = SILENT
    return Proven(outcome, before, bytes(tape.data), m.hash())


def instruction(table: Mapping[int, Instruction]) -> StepFunction:
    """The EXEC step over a table of instructions."""

    def step(m: Machine) -> str | None:
        assert m.frame is not None
        opcode = fetch(m.frame)
        frame, taken = begin(m)
        return table[opcode](m, frame, taken)

    return step
