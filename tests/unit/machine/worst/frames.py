"""The dearest forms of steps that begin and end frames, and of the loops within one."""

from dataclasses import replace

from tandem.machine import (
    frames,
    memory_ops,
    sponge,
)
from tandem.machine.frames import contract_address
from tandem.machine.modes import AccessTag, Mode, Prover
from tandem.machine.state_trees import access_key
from tandem.machine.structures import (
    CallMessage,
    CopyJob,
    CreateMessage,
    Exit,
    HashJob,
)
from tandem.machine.word_tree import EMPTY_SLICE, Slice, WordTree
from tandem.state.account import EMPTY_ACCOUNT
from tests.unit.machine.costs import (
    DEAD,
    crowded_tree,
    noise,
    put_account,
    usual,
    usual_code,
    words,
)
from tests.unit.machine.on_inbox import OneChain
from tests.unit.machine.support import CONTRACT
from tests.unit.machine.worst.case import (
    CODE_BYTE,
    LEVELS,
    MAX_CODE,
    MAX_INIT_CODE,
    MEMORY_WORDS,
    RATE,
    THERE,
    WORD,
    Numbers,
    Step,
    Worst,
    deepen,
)


def enter_call() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        m = usual(usual_code(b"\x5b"), mode=Mode.CALL, depth=numbers["depth"])
        target = (THERE, DEAD)[numbers["target"] % 2]
        assert m.world is not None
        if numbers["target"] == 3:  # there, and empty: touched, it goes
            root = put_account(m.chain.nodes, m.world.state_root, target, EMPTY_ACCOUNT)
            m.world = replace(m.world, state_root=root)
        value = 10**15 * numbers["value"]
        m.aux = CallMessage(False, CONTRACT, target, target, value, True, 500_000, EMPTY_SLICE, 0, 32)
        return deepen(m, numbers, (target, CONTRACT)), Prover.FRAMES, frames.enter_call

    return Worst(LEVELS | {"depth": (0, 1), "target": (0, 3), "value": (0, 1)}, build)


def enter_creation() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        size, offset = numbers["size"], numbers["offset"]
        code = code_of(numbers, size)
        view = Slice.of(
            crowded_tree(code, offset, max(numbers["memory words"], (offset + size + 31) // 32)), offset, size
        )
        m = usual(usual_code(b"\x5b"), mode=Mode.CREATE, memory=b"\1" * 32)
        aux = CreateMessage(
            CONTRACT, numbers["value"], 1_000_000, 2**64 - 2, bool(numbers["create2"]), WORD * numbers["create2"], view
        )
        m.aux = aux
        new = contract_address(aux, code)
        keys = (access_key(AccessTag.ADDRESS, new), access_key(AccessTag.CREATED, new))
        return deepen(m, numbers, (new, CONTRACT), keys), Prover.FRAMES, frames.enter_creation

    sizes = {"size": (0, MAX_INIT_CODE), "offset": (0, 1 << 20), "memory words": (0, MEMORY_WORDS), "fill": (0, 3)}
    return Worst(LEVELS | sizes | {"value": (0, 1), "create2": (0, 1)}, build)


def code_of(numbers: Numbers, size: int) -> bytes:
    """Code of one instruction over and over, or of any."""
    fill = numbers["fill"]
    return noise(size) if fill == 3 else bytes([list(CODE_BYTE.values())[fill]]) * size


def deposit() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        size, offset = numbers["size"], numbers["offset"]
        code = code_of(numbers, size)
        memory = crowded_tree(code, offset, max(numbers["memory words"], (offset + size + 31) // 32))
        m = usual(usual_code(b"\x5b"), mode=Mode.DEPOSIT, is_create=True, target=THERE, memory=memory)
        m.aux = Exit(1, Slice.of(memory, offset, size))
        return deepen(m, numbers, (THERE,)), Prover.FRAMES, frames.deposit_code

    sizes = {"size": (0, MAX_CODE), "offset": (0, 1 << 20), "memory words": (0, MEMORY_WORDS), "fill": (0, 3)}
    return Worst(LEVELS | sizes, build)


def exit_frame() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        m = usual(usual_code(b"\x5b"), mode=Mode.EXIT, depth=numbers["depth"], is_create=bool(numbers["creates"]))
        assert m.frame is not None
        m.aux = Exit(numbers["status"], Slice.of(m.frame.memory, 100, numbers["size"] if numbers["status"] else 0))
        return m, Prover.FRAMES, frames.exit_frame

    return Worst({"depth": (0, 1), "creates": (0, 1), "status": (0, 2), "size": (0, 200)}, build)


def copy() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        to, size = numbers["to"], numbers["size"]
        m = usual(usual_code(b"\x5b"), mode=Mode.COPY, memory=crowded_tree(noise(1_024), to, MEMORY_WORDS))
        source = WordTree(noise(MAX_INIT_CODE, 9), 11)
        if not numbers["code"]:
            source = crowded_tree(noise(1_200), numbers["from"], MEMORY_WORDS)
        start = min(numbers["from"], MAX_INIT_CODE - 2_000) if numbers["code"] else numbers["from"]
        m.aux = CopyJob(numbers["code"], source, start, 5_000, to, size)
        return m, Prover.MEMORY_OPS, memory_ops.copy

    return Worst({"code": (0, 1), "to": (0, 1 << 20), "from": (0, 1 << 20), "size": (1, 4_096)}, build)


def absorb() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        offset, size = numbers["offset"], numbers["size"]
        memory = crowded_tree(noise(RATE), offset, max(numbers["memory words"], offset // 32 + 6))
        m = usual(usual_code(b"\x5b"), mode=Mode.KECCAK)
        lanes = (*words(6, 10), 2**64 - 1)
        topics = (WORD, WORD, WORD, WORD) if numbers["log"] else (0, 0, 0, 0)
        m.aux = HashJob(lanes, memory, offset, size, 5 * numbers["log"], topics)  # type: ignore[arg-type]
        return m, Prover.SPONGE, sponge.absorb_next

    return Worst(
        {"offset": (0, 1 << 21), "size": (0, 2 * RATE), "memory words": (0, MEMORY_WORDS), "log": (0, 1)}, build
    )
