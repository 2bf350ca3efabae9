"""The machine's steps, all together: which function takes the next one, and which contract judges it."""

from dataclasses import dataclass

from tandem.machine import (
    batches,
    blocks,
    calls,
    compute,
    environment,
    frames,
    memory_ops,
    messages,
    precompiles,
    sponge,
    storage,
    transaction_begin,
    transaction_end,
)
from tandem.machine.execution import fetch
from tandem.machine.machine import Machine
from tandem.machine.modes import BOUNDARIES, Mode, Prover
from tandem.machine.opcodes import OPCODES
from tandem.machine.stepping import Instruction, Proven, StepFunction, instruction, prove, take

INSTRUCTIONS: dict[int, Instruction] = {
    **compute.INSTRUCTIONS,
    **memory_ops.INSTRUCTIONS,
    **environment.INSTRUCTIONS,
    **storage.INSTRUCTIONS,
    **calls.INSTRUCTIONS,
}
execute = instruction(INSTRUCTIONS)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of step."""

    name: str
    prover: Prover
    function: StepFunction


KINDS: dict[Mode, Kind] = {
    Mode.HALTED: Kind("HALT", Prover.BLOCKS, blocks.halt),
    Mode.BATCH: Kind("BATCH_LOAD", Prover.BATCHES, batches.load),
    Mode.CHECK: Kind("BATCH_CHECK", Prover.BATCHES, batches.check),
    Mode.BLOCK: Kind("BLOCK_BEGIN", Prover.BLOCKS, blocks.begin),
    Mode.SCAN: Kind("MESSAGE_SCAN", Prover.MESSAGES, messages.scan),
    Mode.WARM: Kind("TX_WARM", Prover.TRANSACTION_END, transaction_end.warm_next),
    Mode.CALL: Kind("CALL_ENTER", Prover.FRAMES, frames.enter_call),
    Mode.CREATE: Kind("CREATE_ENTER", Prover.FRAMES, frames.enter_creation),
    Mode.COPY: Kind("COPY", Prover.MEMORY_OPS, memory_ops.copy),
    Mode.KECCAK: Kind("KECCAK", Prover.SPONGE, sponge.absorb_next),
    Mode.PRECOMPILE: Kind("PRECOMPILE", Prover.PRECOMPILES, precompiles.run),
    Mode.EXIT: Kind("FRAME_EXIT", Prover.FRAMES, frames.exit_frame),
    Mode.DEPOSIT: Kind("CODE_DEPOSIT", Prover.FRAMES, frames.deposit_code),
    Mode.END: Kind("TX_END", Prover.TRANSACTION_END, transaction_end.end),
    Mode.SWEEP: Kind("SELFDESTRUCT_SWEEP", Prover.TRANSACTION_END, transaction_end.sweep),
}
"""By mode. EXEC has a kind for each instruction, ITEM one for each thing that a block holds."""
MESSAGE_LOAD = Kind("MESSAGE_LOAD", Prover.MESSAGES, messages.load)
TX_BEGIN = Kind("TX_BEGIN", Prover.TRANSACTION_BEGIN, transaction_begin.begin)
BLOCK_END = Kind("BLOCK_END", Prover.BLOCKS, blocks.end)
EXEC_KINDS = tuple(
    Kind(opcode.name, opcode.prover, execute) if opcode else Kind("INVALID", Prover.COMPUTE, execute)
    for opcode in OPCODES
)


def kind_of(m: Machine) -> Kind:
    """What the next step is."""
    if m.mode == Mode.EXEC:
        assert m.frame is not None
        return EXEC_KINDS[fetch(m.frame)]
    if m.mode != Mode.ITEM:
        return KINDS[m.mode]
    cursor = m.cursor
    if cursor.messages < cursor.block_messages_end:
        return MESSAGE_LOAD
    return TX_BEGIN if cursor.position < cursor.list_end else BLOCK_END


def step(m: Machine) -> str:
    """Take the next step. Gives its outcome."""
    return take(m, kind_of(m).function)


def prove_step(m: Machine) -> Proven:
    """Take the next step and keep its witness."""
    kind = kind_of(m)
    return prove(m, kind.prover, kind.function)


def at_boundary(m: Machine) -> bool:
    """Whether the state is one of level 0."""
    return m.mode in BOUNDARIES or m.mode == Mode.HALTED
