"""The exact loop, for tracing: one instruction after the other, each with its own gas, checks and hook.

What it computes is what `tandem.evm.interpreter` computes, to the bit (tests run both); only there gas and stack are
settled a run of instructions at a time. Longer than a screen on purpose: a tree of comparisons, the frequent
instructions first; the others are looked up in the fork's table.
"""

from eth.exceptions import FullStack, InsufficientStack, InvalidInstruction, InvalidJumpDestination, OutOfGas

from tandem.evm.analysis import Operations, program
from tandem.evm.frame import STACK_LIMIT, Frame, Stopped
from tandem.evm.interpreter import SIGN_BIT, WORD_MASK
from tandem.evm.tracing import Tracer

STOP, RETURN, REVERT = 0x00, 0xF3, 0xFD


def interpret_traced(frame: Frame, operations: Operations, tracer: Tracer) -> None:
    """Run until STOP, RETURN or the like; raises a VMError for REVERT and exceptional halts."""
    prepared = program(frame.code, operations)
    code, destinations, table = prepared.code, prepared.destinations, operations.entries
    stack, memory = frame.stack, frame.memory
    push, pop = stack.append, stack.pop
    gas, pc = frame.gas, 0
    try:
        while True:
            op = code[pc]
            frame.gas, frame.pc = gas, pc
            tracer.step(frame, pc, op)
            pc += 1
            if op >= 0x60:
                if op < 0x80:  # PUSH1..PUSH32
                    gas -= 3
                    end = pc + op - 0x5F
                    push(int.from_bytes(code[pc:end], "big"))
                    pc = end
                elif op < 0x90:  # DUP1..DUP16
                    gas -= 3
                    push(stack[0x7F - op])
                elif op < 0xA0:  # SWAP1..SWAP16
                    gas -= 3
                    at = 0x8E - op
                    stack[at], stack[-1] = stack[-1], stack[at]
                    if gas < 0:
                        raise OutOfGas("SWAP")
                    continue
                else:
                    entry = table[op]
                    if entry is None:
                        raise InvalidInstruction(f"opcode {op:#04x}")
                    frame.gas, frame.pc = gas - entry[0], pc - 1
                    if frame.gas < 0:
                        raise OutOfGas(f"opcode {op:#04x}")
                    entry[1](frame)
                    gas = frame.gas
                    if op in (RETURN, REVERT):
                        return
                    continue
                if gas < 0:
                    raise OutOfGas("PUSH, DUP")
                if len(stack) > STACK_LIMIT:
                    raise FullStack("PUSH, DUP")
            elif op >= 0x50:
                if op == 0x50:  # POP
                    gas -= 2
                    pop()
                elif op == 0x57:  # JUMPI
                    gas -= 10
                    target = pop()
                    if pop():
                        if target not in destinations:
                            raise InvalidJumpDestination("JUMPI")
                        pc = target
                elif op == 0x5B:  # JUMPDEST
                    gas -= 1
                elif op == 0x56:  # JUMP
                    gas -= 8
                    pc = pop()
                    if pc not in destinations:
                        raise InvalidJumpDestination("JUMP")
                elif op == 0x52 or op == 0x51:  # MSTORE, MLOAD
                    gas -= 3
                    at = pop()
                    end = at + 32
                    if end > len(memory):
                        frame.gas = gas
                        frame.extend_memory(at, 32)
                        gas = frame.gas
                    if op == 0x52:
                        memory[at:end] = pop().to_bytes(32, "big")
                    else:
                        push(int.from_bytes(memory[at:end], "big"))
                elif op == 0x5F:  # PUSH0
                    gas -= 2
                    push(0)
                    if len(stack) > STACK_LIMIT:
                        raise FullStack("PUSH0")
                elif op == 0x5A:  # GAS
                    gas -= 2
                    push(gas)
                    if len(stack) > STACK_LIMIT:
                        raise FullStack("GAS")
                else:
                    entry = table[op]
                    if entry is None:
                        raise InvalidInstruction(f"opcode {op:#04x}")
                    frame.gas, frame.pc = gas - entry[0], pc - 1
                    if frame.gas < 0:
                        raise OutOfGas(f"opcode {op:#04x}")
                    entry[1](frame)
                    gas = frame.gas
                    continue
                if gas < 0:
                    raise OutOfGas(f"opcode {op:#04x}")
            elif 0x01 <= op <= 0x1C and op not in _RARE:
                gas -= 3
                if op == 0x01:  # ADD
                    stack[-1] = (pop() + stack[-1]) & WORD_MASK
                elif op == 0x15:  # ISZERO
                    stack[-1] = 0 if stack[-1] else 1
                elif op == 0x16:  # AND
                    stack[-1] = pop() & stack[-1]
                elif op == 0x03:  # SUB
                    stack[-1] = (pop() - stack[-1]) & WORD_MASK
                elif op == 0x14:  # EQ
                    stack[-1] = 1 if pop() == stack[-1] else 0
                elif op == 0x10:  # LT
                    stack[-1] = 1 if pop() < stack[-1] else 0
                elif op == 0x11:  # GT
                    stack[-1] = 1 if pop() > stack[-1] else 0
                elif op == 0x1C:  # SHR
                    at = pop()
                    stack[-1] = stack[-1] >> at if at < 256 else 0
                elif op == 0x1B:  # SHL
                    at = pop()
                    stack[-1] = (stack[-1] << at) & WORD_MASK if at < 256 else 0
                elif op == 0x02:  # MUL
                    gas -= 2
                    stack[-1] = (pop() * stack[-1]) & WORD_MASK
                elif op == 0x04:  # DIV
                    gas -= 2
                    at = pop()
                    stack[-1] = at // stack[-1] if stack[-1] else 0
                elif op == 0x17:  # OR
                    stack[-1] = pop() | stack[-1]
                elif op == 0x19:  # NOT
                    stack[-1] ^= WORD_MASK
                elif op == 0x18:  # XOR
                    stack[-1] = pop() ^ stack[-1]
                elif op == 0x12:  # SLT: a word is negative from 2^255 on
                    stack[-1] = 1 if pop() ^ SIGN_BIT < stack[-1] ^ SIGN_BIT else 0
                else:  # SGT
                    stack[-1] = 1 if pop() ^ SIGN_BIT > stack[-1] ^ SIGN_BIT else 0
                if gas < 0:
                    raise OutOfGas(f"opcode {op:#04x}")
            elif op == STOP:
                frame.gas = gas
                return
            else:
                entry = table[op]
                if entry is None:
                    raise InvalidInstruction(f"opcode {op:#04x}")
                frame.gas, frame.pc = gas - entry[0], pc - 1
                if frame.gas < 0:
                    raise OutOfGas(f"opcode {op:#04x}")
                entry[1](frame)
                gas = frame.gas
    except IndexError as error:
        raise InsufficientStack(f"opcode {op:#04x}") from error
    except Stopped:
        return


_RARE = frozenset({0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x1A})
"""Opcodes below SHR that go through the table: the divisions with sign, the modular ones, EXP, SIGNEXTEND, BYTE."""
