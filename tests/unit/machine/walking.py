"""A frame run to its end, every step of it judged by the contracts."""

from tandem.machine import compute, memory_ops
from tandem.machine.execution import fetch
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode, Prover
from tandem.machine.opcodes import OPCODES
from tandem.machine.stepping import Proven, StepFunction, instruction, take
from tests.unit.machine.support import Provers

COMPUTE_STEP = instruction(compute.INSTRUCTIONS)
MEMORY_STEP = instruction(memory_ops.INSTRUCTIONS)


def step_of(m: Machine) -> tuple[Prover, StepFunction]:
    """Who judges the next step, of those that these modules take, and its function."""
    if m.mode == Mode.COPY:
        return Prover.MEMORY_OPS, memory_ops.copy
    assert m.mode == Mode.EXEC and m.frame is not None
    opcode = OPCODES[fetch(m.frame)]
    if opcode is None or opcode.prover == Prover.COMPUTE:
        return Prover.COMPUTE, COMPUTE_STEP
    assert opcode.prover == Prover.MEMORY_OPS
    return Prover.MEMORY_OPS, MEMORY_STEP


def walk(m: Machine, provers: Provers, skip: int = 0) -> list[Proven]:
    """All steps up to the frame's end, or to a hash that takes steps of its own. The first `skip` are not judged."""
    for _ in range(skip):
        take(m, step_of(m)[1])
    taken = []
    while m.mode in (Mode.EXEC, Mode.COPY):
        taken.append(provers.check(m, *step_of(m)))
    return taken
