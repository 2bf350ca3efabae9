"""A step has one outcome whoever is asked: every other prover refuses it, or halts it for the same reason."""

import random
from collections import Counter

from tandem.batch.packed import pack
from tandem.batch.payload import PackedBlock, encode_batch
from tandem.machine.modes import Mode, Prover
from tandem.machine.stepper import kind_of
from tandem.machine.stepping import Proven, prove, take
from tandem.machine.structures import BlockState
from tests.support.chain import ADDRESSES, transfer
from tests.support.revm import Reverted
from tests.unit.machine import programs
from tests.unit.machine.on_inbox import make_chain
from tests.unit.machine.support import Provers

FIRST_HALTS = {"undefined", "stack underflow", "stack overflow", "out of gas"}
"""What every prover finds before it looks at the instruction."""


def offer(provers: Provers, proven: Proven, behind: bytes = b"") -> Counter[str]:
    """Ask every prover but the step's own, with bytes behind the witness as well. Gives what they said."""
    said: Counter[str] = Counter()
    for prover in Prover:
        if prover == proven.witness[0]:
            continue
        for tape in {proven.witness[1:], proven.witness[1:] + behind}:
            try:
                judged = provers.verify(prover, proven.before, tape)
            except Reverted as error:
                said[str(error)] += 1
                continue
            assert judged == proven.after, f"{prover.name} gives another state than {Prover(proven.witness[0]).name}"
            said["judged"] += 1
    return said


def test_instructions_and_frames() -> None:
    """Three steps of each kind, from programs by chance."""
    provers = make_chain().provers
    rng = random.Random(15)
    asked: Counter[str] = Counter()
    shared: set[str] = set()
    for _ in range(200):
        m = programs.begin(programs.any_program(rng))
        for _ in range(2_000):
            if m.mode == Mode.END:
                break
            kind, mode = kind_of(m), m.mode
            if asked[kind.name] == 3:
                take(m, kind.function)
                continue
            asked[kind.name] += 1
            assert isinstance(m.block, BlockState)
            proven = prove(m, kind.prover, kind.function)
            if offer(provers, proven, m.block.encode())["judged"]:
                assert mode == Mode.EXEC and proven.outcome in FIRST_HALTS
                shared.add(proven.outcome)
    assert len(asked) > 30 and {"CALL_ENTER", "CREATE_ENTER", "FRAME_EXIT", "CODE_DEPOSIT", "PRECOMPILE"} <= set(asked)
    assert "undefined" in shared


def test_batches_blocks_and_transactions() -> None:
    """Three provers take steps of ITEM. The cursor says which one: the others refuse by rule, not for want of tape."""
    chain = make_chain()
    chain.inbox.enqueue(ADDRESSES[0], ADDRESSES[1], mint=5, value=3)
    one = PackedBlock(5, 1, (pack(transfer(1, 0, ADDRESSES[2])), b"\xff"))
    chain.inbox.submit(encode_batch([one, PackedBlock(1, 0, ())]))
    m = chain.machine()
    items: Counter[str] = Counter()
    for _ in range(200):
        kind, mode = kind_of(m), m.mode
        proven = prove(m, kind.prover, kind.function)
        said = offer(chain.provers, proven)
        assert not said["judged"]
        if mode == Mode.ITEM:
            items[kind.name] += 1
            assert said["WrongProver"] == 2, "the other two of ITEM"
        if mode == Mode.HALTED:
            break
    assert m.mode == Mode.HALTED
    assert items["MESSAGE_LOAD"] and items["TX_BEGIN"] == 2 and items["BLOCK_END"] >= 2
