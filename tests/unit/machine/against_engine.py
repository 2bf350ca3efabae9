"""One instruction in the sequencer's engine and on the machine, from the same frame to the same end."""

from dataclasses import dataclass

from eth.exceptions import VMError

from tandem.evm.context import BlockContext
from tandem.evm.frame import Environment, Message
from tandem.evm.frame import Frame as EngineFrame
from tandem.evm.interpreter import interpret
from tandem.evm.machine import Machine as Engine
from tandem.evm.reader import MemoryState
from tandem.evm.receipt import Log
from tandem.evm.rules import CANCUN
from tandem.evm.world import World as EngineWorld
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode
from tandem.machine.structures import Exit
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import Address, Gas, Hash, Seconds, Wei
from tandem.state.account import Account
from tests.unit.machine.support import CHAIN_ID, LOGS, ORIGIN

CONTEXT = BlockContext(7, Seconds(1_000), Address(bytes(20)), Hash(bytes(32)), Wei(10), Gas(30_000_000))


@dataclass(frozen=True, slots=True)
class Ended:
    """How a frame ended: 0 halted (then all else is nothing), 1 success, 2 reverted."""

    status: int
    gas: int = 0
    output: bytes = b""
    stack: tuple[int, ...] = ()
    memory: bytes = b""
    logs: bytes = b""


def in_engine(m: Machine) -> Ended:
    """Run the machine's frame, from pc 0, in the engine. The machine stays as it was."""
    assert m.frame is not None and m.frame.pc == 0
    own = m.frame
    engine = Engine(CANCUN, None)
    world = EngineWorld(MemoryState({own.target: Account(nonce=1)}), CONTEXT, CHAIN_ID, engine.precompile_addresses)
    message = Message(
        "CALL", own.caller, own.target, own.target, own.code.data, own.gas, own.value, own.input.bytes(), own.depth,
        own.is_static,
    )  # fmt: skip
    frame = EngineFrame(engine, world, message, Environment(ORIGIN, 11))
    frame.stack[:] = own.stack
    frame.memory[:] = own.memory.data
    frame.return_data = own.returned.bytes()
    status = 1
    try:
        interpret(frame, engine.operations)
    except VMError as error:
        status = 0 if error.burns_gas else 2
    if not status:
        return Ended(0)
    return Ended(status, frame.gas, frame.result, tuple(frame.stack), bytes(frame.memory), accumulated(world.logs))


def accumulated(logs: list[Log]) -> bytes:
    """logAcc behind LOGS, by protocol.md section 2."""
    total = LOGS[0]
    for log in logs:
        topics = b"".join(log.topics).ljust(128, b"\0")
        body = log.address.rjust(32, b"\0") + word(len(log.topics)) + topics + keccak(log.data)
        total = keccak(total + keccak(body))
    return total


def ended(m: Machine) -> Ended:
    """How the machine's frame ended: it is in EXIT or DEPOSIT."""
    assert m.mode in (Mode.EXIT, Mode.DEPOSIT) and isinstance(m.aux, Exit)
    assert m.frame is not None and m.world is not None
    if not m.aux.status:
        assert m.frame.encode()[-9 * 32 :] == bytes(9 * 32)
        return Ended(0)
    return Ended(
        m.aux.status, m.frame.gas, m.aux.output.bytes(), tuple(m.frame.stack), bytes(m.frame.memory.data),
        m.world.log_acc,
    )  # fmt: skip
