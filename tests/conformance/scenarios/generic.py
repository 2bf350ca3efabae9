"""What can come to any instruction, from the table of instructions: success, and the halts that need no state."""

from tandem.machine.opcodes import OPCODES
from tandem.machine.structures import STACK_LIMIT
from tests.conformance.coverage import ENDINGS, FREE, OVERFLOW, UNDERFLOW, halts
from tests.conformance.scenarios.stage import Stage
from tests.support.assembler import assemble, call

DEFINED = [opcode for opcode in OPCODES if opcode is not None]
ENORMOUS = 1 << 200
"""Whatever it means, nobody can pay for it."""
PUSH_GAS = 3
A_LITTLE = 5_000
"""Gas enough to fill a stack."""


def successes(stage: Stage) -> None:
    """Every instruction that has no more to it than success, in a row."""
    plain = [opcode for opcode in DEFINED if opcode.name not in ENDINGS and opcode.name not in FREE]
    code = b"".join(assemble(*[1] * opcode.pops, opcode.name) for opcode in plain)
    stage.send(stage.contract(code))


def without_a_stack(stage: Stage) -> None:
    """Every instruction on a stack that is one word too low, and on one that is full."""
    code = b""
    for opcode in DEFINED:
        found = halts(opcode)
        if UNDERFLOW in found:
            low = stage.contract(assemble(*[1] * (opcode.pops - 1), opcode.name))
            code += call(low, gas=A_LITTLE)
        if OVERFLOW in found:
            full = stage.contract(assemble(*[0] * STACK_LIMIT, opcode.name))
            code += call(full, gas=A_LITTLE)
    stage.send(stage.contract(code))


def without_gas(stage: Stage) -> None:
    """Every instruction with one gas less than it takes at the least, and with that but more to do than it pays for."""
    code = b""
    for opcode in DEFINED:
        if opcode.name in FREE:
            continue
        poor = stage.contract(assemble(*[ENORMOUS] * opcode.pops, opcode.name))
        least = PUSH_GAS * opcode.pops + opcode.gas
        code += call(poor, gas=max(least - 1, PUSH_GAS * opcode.pops)) + call(poor, gas=least)
    stage.send(stage.contract(code))


def undefined(stage: Stage) -> None:
    """Every byte that is no instruction."""
    numbers = [number for number, opcode in enumerate(OPCODES) if opcode is None]
    stage.send(stage.contract(b"".join(call(stage.contract(bytes([number])), gas=1) for number in numbers)))
