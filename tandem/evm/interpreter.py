"""The instruction loop: one frame, from its first instruction to its halt, a run of instructions at a time.

Longer than a screen on purpose: nearly nine of ten instructions are done here without a function call, decided by a
tree of comparisons with the frequent ones first. Gas, stack and memory are local names; `frame.gas` is brought up to
date before any function that looks at it. Step and ending numbers are those named in `tandem.evm.analysis`.
"""

from typing import Any

from eth.exceptions import FullStack, InsufficientStack, InvalidInstruction, InvalidJumpDestination, OutOfGas

from tandem.evm.analysis import Operations, program
from tandem.evm.frame import STACK_LIMIT, Frame, Stopped

WORD_MASK = 2**256 - 1
SIGN_BIT = 2**255


def interpret(frame: Frame, operations: Operations) -> None:
    """Run until STOP, RETURN or the like; raises a VMError for REVERT and exceptional halts."""
    prepared = program(frame.code, operations)
    runs, destinations = prepared.runs, prepared.destinations
    stack, memory = frame.stack, frame.memory
    push, pop = stack.append, stack.pop
    mask, limit = WORD_MASK, STACK_LIMIT
    gas, pc = frame.gas, 0
    arg: Any
    while True:
        run = runs.get(pc) or prepared.run(pc)
        gas -= run.gas
        if gas < 0:
            raise OutOfGas
        height = len(stack)
        if height < run.need:
            raise InsufficientStack
        if height + run.growth > limit:
            raise FullStack
        for kind, arg in run.steps:
            if kind < 4:
                if kind == 0:  # PUSH
                    push(arg)
                elif kind == 1:  # DUP
                    push(stack[arg])
                elif kind == 2:  # SWAP
                    stack[arg], stack[-1] = stack[-1], stack[arg]
                else:  # POP
                    pop()
            elif kind < 8:
                if kind == 4:  # ADD
                    stack[-1] = (pop() + stack[-1]) & mask
                elif kind == 5:  # MSTORE
                    at = pop()
                    if at + 32 > len(memory):
                        frame.gas = gas
                        frame.extend_memory(at, 32)
                        gas = frame.gas
                    memory[at : at + 32] = pop().to_bytes(32, "big")
                elif kind == 6:  # AND
                    stack[-1] = pop() & stack[-1]
                else:  # ISZERO
                    stack[-1] = 0 if stack[-1] else 1
            elif kind < 12:
                if kind == 8:  # a function of the table
                    frame.gas = gas
                    arg(frame)
                    gas = frame.gas
                elif kind == 9:  # SUB
                    stack[-1] = (pop() - stack[-1]) & mask
                elif kind == 10:  # MLOAD
                    at = pop()
                    if at + 32 > len(memory):
                        frame.gas = gas
                        frame.extend_memory(at, 32)
                        gas = frame.gas
                    push(int.from_bytes(memory[at : at + 32], "big"))
                else:  # SHR
                    at = pop()
                    stack[-1] = stack[-1] >> at if at < 256 else 0
            elif kind == 12:  # EQ
                stack[-1] = 1 if pop() == stack[-1] else 0
            elif kind == 13:  # LT
                stack[-1] = 1 if pop() < stack[-1] else 0
            elif kind == 14:  # GT
                stack[-1] = 1 if pop() > stack[-1] else 0
            elif kind == 15:  # SHL
                at = pop()
                stack[-1] = (stack[-1] << at) & mask if at < 256 else 0
            elif kind == 16:  # MUL
                stack[-1] = (pop() * stack[-1]) & mask
            elif kind == 17:  # DIV
                at = pop()
                stack[-1] = at // stack[-1] if stack[-1] else 0
            elif kind == 18:  # OR
                stack[-1] = pop() | stack[-1]
            elif kind == 19:  # NOT
                stack[-1] ^= mask
            elif kind == 20:  # XOR
                stack[-1] = pop() ^ stack[-1]
            elif kind == 21:  # SLT: a word is negative from 2^255 on
                stack[-1] = 1 if pop() ^ SIGN_BIT < stack[-1] ^ SIGN_BIT else 0
            else:  # SGT
                stack[-1] = 1 if pop() ^ SIGN_BIT > stack[-1] ^ SIGN_BIT else 0
        ending = run.ending
        if ending == 5:  # JUMPI to a fixed target
            pc = run.end
            if pop():
                pc = run.argument
                if pc not in destinations:
                    raise InvalidJumpDestination
        elif ending == 0:  # a JUMPDEST follows
            pc = run.end
        elif ending == 4:  # JUMP to a fixed target
            pc = run.argument
            if pc not in destinations:
                raise InvalidJumpDestination
        elif ending == 2:  # JUMP
            pc = pop()
            if pc not in destinations:
                raise InvalidJumpDestination
        elif ending == 7:  # SSTORE, a call or a creation
            frame.gas = gas
            run.argument(frame)
            gas = frame.gas
            pc = run.end
        elif ending == 8:  # GAS
            push(gas)
            pc = run.end
        elif ending == 3:  # JUMPI
            at = pop()
            pc = run.end
            if pop():
                pc = at
                if pc not in destinations:
                    raise InvalidJumpDestination
        elif ending == 1:  # STOP
            frame.gas = gas
            return
        elif ending == 6:  # RETURN, REVERT, SELFDESTRUCT
            frame.gas = gas
            try:
                run.argument(frame)
            except Stopped:
                pass
            return
        else:
            raise InvalidInstruction(f"opcode {run.argument:#04x}")
