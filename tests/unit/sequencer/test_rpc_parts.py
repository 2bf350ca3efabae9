"""Parts of the rpc process by themselves: coalesced submission, bounded workers, filters' lives, traces, reasons."""

import asyncio
import threading
from itertools import pairwise
from typing import Any

import pytest

from sequencer import bus
from sequencer.rpc.access import AccessTracer
from sequencer.rpc.bloom import bloom, may_match
from sequencer.rpc.config import Limits
from sequencer.rpc.errors import RpcError
from sequencer.rpc.filters import Filter, Filters
from sequencer.rpc.logs import matches
from sequencer.rpc.params import LogCriteria
from sequencer.rpc.reverts import reason, revert_sentence
from sequencer.rpc.submit import FRAMES_IN_FLIGHT, Submitter
from sequencer.rpc.tracers import CallTracer, StepTracer
from sequencer.rpc.workers import Workers
from tandem.chain.block import chain_rules
from tandem.chain.spec import ChainParameters
from tandem.evm import simulate
from tandem.evm.context import BlockContext
from tandem.evm.reader import MemoryState
from tandem.evm.receipt import Log
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import ZERO_HASH, Address, Gas, Hash, Seconds, Wei
from tandem.state.account import Account
from tandem.transactions.codec import UnsignedTransaction

PARAMETERS = ChainParameters(chain_id=42069)
RULES = chain_rules(PARAMETERS)
CONTEXT = BlockContext(1, Seconds(1), Address(bytes(20)), ZERO_HASH, Wei(0), Gas(30_000_000))
CALLER, CALLEE, TARGET = (Address(bytes([index]) * 20) for index in (0xAA, 0xBB, 0xCC))


def raw(nonce: int) -> str:
    tx = UnsignedTransaction(2, 42069, nonce, Wei(1), Wei(10**9), Gas(21_000), TARGET, Wei(0)).sign(b"\1" * 32)
    return "0x" + tx.raw.hex()


class SlowBus:
    """Remembers frames; answers when told to."""

    def __init__(self) -> None:
        self.frames: list[int] = []
        self.gate = asyncio.Event()

    async def request(self, kind: str, body: list[Any], timeout: float | None = None) -> list[Any]:
        assert kind == bus.TRANSACTIONS
        self.frames.append(len(body))
        await self.gate.wait()
        return [["nonce_too_low", "nonce too low"] if item[0].endswith(b"\0") else None for item in body]


def test_submissions_that_arrive_together_share_a_frame() -> None:
    async def scenario() -> list[int]:
        slow = SlowBus()
        submitter = Submitter(slow, PARAMETERS, RULES)  # type: ignore[arg-type]
        tasks = []
        for nonce in range(12):
            tasks.append(asyncio.create_task(submitter.submit([raw(nonce)])))
            if nonce < FRAMES_IN_FLIGHT:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        slow.gate.set()
        outcomes = await asyncio.gather(*tasks)
        assert all(isinstance(outcome, str) for (outcome,) in outcomes)
        return slow.frames

    assert asyncio.run(scenario()) == [1] * FRAMES_IN_FLIGHT + [12 - FRAMES_IN_FLIGHT]


def test_full_workers_refuse_and_slow_ones_time_out() -> None:
    async def scenario() -> None:
        workers = Workers(threads=1, waiting=1, seconds=0.1)
        held = threading.Event()
        first = asyncio.create_task(workers.run(held.wait))
        second = asyncio.create_task(workers.run(lambda: 7))
        await asyncio.sleep(0.01)
        with pytest.raises(RpcError, match="busy"):
            await workers.run(lambda: 8)
        for task in (first, second):
            with pytest.raises(RpcError, match="timed out"):
                await task
        held.set()
        await asyncio.sleep(0.05)
        assert workers.in_use == 0
        assert await workers.run(lambda: 9) == 9
        workers.close()

    asyncio.run(scenario())


def test_a_filter_lives_as_long_as_it_is_asked_for() -> None:
    filters = Filters(Limits(filters=2, filter_seconds=10))
    first, second = filters.add(Filter(0, asked=0)), filters.add(Filter(0, asked=1))
    filters.get(first, now=9)
    with pytest.raises(RpcError, match="there are 2 filters"):
        filters.add(Filter(0, asked=10))
    with pytest.raises(RpcError, match="filter not found"):
        filters.get(second, now=12)
    assert filters.get(first, now=19).asked == 19
    assert len(filters) == 1 and filters.remove(first) and not filters.remove(first)


def test_a_bloom_never_hides_a_match() -> None:
    topic, other = Hash(word(1)), Hash(word(2))
    log = Log(TARGET, (topic, other), b"")
    made = bloom([log])
    for addresses in (frozenset(), frozenset({TARGET}), frozenset({CALLER, TARGET}), frozenset({CALLER})):
        for topics in ((), (None, frozenset({other})), (frozenset({topic, other}),), (frozenset({other}),)):
            criteria = LogCriteria(frozenset(addresses), topics)
            assert may_match(made, criteria) or not matches(log, criteria)
    assert not may_match(made, LogCriteria(frozenset({CALLEE}), ()))


def test_reverts_are_told_in_words() -> None:
    text = bytes.fromhex("08c379a0") + word(32) + word(4) + b"nope".ljust(32, b"\0")
    assert revert_sentence(text) == "execution reverted: nope"
    assert (
        revert_sentence(bytes.fromhex("4e487b71") + word(0x11))
        == "execution reverted: arithmetic underflow or overflow"
    )
    assert revert_sentence(b"") == revert_sentence(b"\1\2\3\4") == "execution reverted"
    for damaged in (
        text[:30],
        text[:68],
        bytes.fromhex("08c379a0") + word(2**255) + word(1),
        text[:4] + word(32) + word(99),
    ):
        assert reason(damaged) is None


def state(**codes: str) -> MemoryState:
    made = MemoryState()
    for name, address in (("caller", CALLER), ("callee", CALLEE)):
        code = bytes.fromhex(codes.get(name, ""))
        digest = keccak(code)
        made.codes[digest] = code
        made.accounts[address] = Account(nonce=1, balance=Wei(10), code_hash=digest, code_size=len(code))
    return made


CALL_CALLEE = "6000600060006000600073" + "bb" * 20 + "61ffff" + "f1" + "00"
"""CALL(65535 gas, callee), STOP."""
LOG_AND_REVERT = "60006000a0" + "60006000fd"


def run(tracer: Any, reader: MemoryState) -> Any:
    return simulate.call(reader, CONTEXT, RULES, simulate.Call(to=CALLER, gas_limit=Gas(200_000)), None, tracer)


def test_a_call_trace_nests_and_drops_logs_of_what_failed() -> None:
    tracer = CallTracer({"withLog": True}, 10)
    receipt = run(tracer, state(caller=CALL_CALLEE, callee=LOG_AND_REVERT))
    shown = tracer.result(receipt, 200_000, {})
    (inner,) = shown["calls"]
    assert (inner["type"], inner["from"], inner["to"]) == ("CALL", "0x" + "aa" * 20, "0x" + "bb" * 20)
    assert inner["error"] == "execution reverted" and "logs" not in inner and int(inner["gas"], 16) == 65_535
    assert shown["gas"] == hex(200_000) and "error" not in shown
    top = CallTracer({"onlyTopCall": True}, 10)
    assert "calls" not in top.result(run(top, state(caller=CALL_CALLEE)), 200_000, {})


def test_costs_of_instructions_add_up() -> None:
    tracer = StepTracer({}, 1000, 10)
    reader = state(caller=CALL_CALLEE, callee="6001600055" + "00")
    steps = tracer.result(run(tracer, reader), 200_000, {})["structLogs"]
    call = next(step for step in steps if step["op"] == "CALL")
    inner = [step for step in steps if step["depth"] == 2]
    assert call["gasCost"] == 2_600 + inner[0]["gas"] and inner[0]["gas"] == 65_535
    assert [step["gasCost"] for step in inner] == [3, 3, 22_100, 0]
    assert inner[2]["storage"] == {"0x" + "00" * 32: "0x" + word(1).hex()}
    for before, after in pairwise(inner):
        assert before["gas"] - before["gasCost"] == after["gas"]
    last = steps[-1]
    assert (last["op"], last["depth"], last["stack"]) == ("STOP", 1, ["0x1"])
    assert last["gas"] == call["gas"] - call["gasCost"] + inner[-1]["gas"]
    short = StepTracer({"limit": 3, "disableStack": True}, 1000, 10)
    assert len(short.result(run(short, reader), 200_000, {})["structLogs"]) == 3


def test_an_access_list_leaves_out_what_is_warm_anyway() -> None:
    tracer = AccessTracer(Address(bytes(20)), CALLER)
    run(tracer, state(caller="600154" + CALL_CALLEE, callee="30315f54" + "6001315000"))
    assert tracer.access_list() == ((CALLER, (Hash(word(1)),)), (CALLEE, (Hash(word(0)),)))
