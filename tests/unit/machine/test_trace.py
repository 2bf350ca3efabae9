"""The two traces of an assertion: boundaries by the engine, steps by the stepper, and that both meet."""

import pytest

from tandem.batch.packed import pack
from tandem.batch.payload import PackedBlock, encode_batch
from tandem.chain.genesis import genesis_header
from tandem.chain.header import Header
from tandem.chain.spec import Genesis, GenesisAccount
from tandem.derivation.stages import execute, plan
from tandem.inbox.queues import QueuedBatch, QueuedMessage
from tandem.machine.chain import Ancestry, Chain, Overlay
from tandem.machine.modes import Mode
from tandem.machine.structures import Cursor, State
from tandem.machine.trace import AssertionTrace, first_boundary, walk
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Hash, Seconds, Wei
from tandem.state.database import StateDatabase
from tandem.state.tables import MemoryTable, StateTables
from tandem.state.words import climb
from tandem.transactions.transaction import SignedTransaction
from tests.support.chain import ADDRESSES, ETHER, START, Inbox, make_deployment, transfer

COUNTER = Address(b"\xc1" * 20)
COUNTER_CODE = bytes.fromhex("60003560005401600055600054600052602060002060005260206000a000")
"""Adds its argument to slot 0, and logs the hash of the sum."""
PARAMETERS = make_deployment().parameters


class Source:
    """The inbox of a test as the machine asks for it."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def message(self, index: int) -> QueuedMessage:
        return self._inbox.messages[index]

    def batch(self, index: int) -> QueuedBatch:
        return self._inbox.batches[index]


def add(sender: int, nonce: int, argument: int) -> SignedTransaction:
    """A call of the counter."""
    return transfer(sender, nonce, COUNTER, 0, data=argument.to_bytes(32, "big"), gas=300_000)


def make_inbox() -> Inbox:
    """Deposits (each takes one of its sender's nonces), transfers, calls, and batches of every kind."""
    inbox = Inbox()
    for address in ADDRESSES[:3]:
        inbox.deposit(address, 3 * ETHER)
    adds = tuple(pack(add(0, nonce, nonce + 5)) for nonce in range(1, 5))
    first = PackedBlock(2, 3, (*adds, b"no transaction", pack(transfer(0, 9, COUNTER))))
    second = PackedBlock(2, 0, (pack(transfer(1, 1, ADDRESSES[5], ETHER // 2)), pack(add(2, 1, 1))))
    inbox.batch(encode_batch([first, second, PackedBlock(1, 0, ())]), 3)
    inbox.batch(b"\x07 nothing that decodes", 3)
    inbox.deposit(COUNTER, 7, data=b"\x01" * 32, mint=0)
    inbox.batch(None, 4)
    inbox.batch(encode_batch([PackedBlock(60, 0, (pack(add(1, 2, 2)),))]), 4)
    return inbox


class Settled:
    """A derived chain, and its surroundings for a machine."""

    def __init__(self) -> None:
        self.inbox = make_inbox()
        tables = StateTables(MemoryTable(), MemoryTable(), MemoryTable())
        genesis = Genesis(
            Seconds(START),
            {
                **{address: GenesisAccount(Wei(ETHER)) for address in ADDRESSES},
                COUNTER: GenesisAccount(code=COUNTER_CODE, nonce=1),
            },
        )
        self.headers: list[Header] = [genesis_header(PARAMETERS, genesis, tables)]
        self.ends: list[int] = []
        database = StateDatabase(tables)
        self.receipts = []
        for batch in self.inbox.batches:
            parent = self.headers[-1]
            messages = self.inbox.messages[parent.messages_consumed : batch.entry.messages_consumed]
            for block_plan in plan(PARAMETERS, parent, batch, messages):
                block = execute(PARAMETERS, database, self.headers[-1], block_plan, self.block_hash)
                self.headers.append(block.header)
                self.receipts += block.receipts
            self.ends.append(len(self.headers) - 1)
        self.preimages = tables.preimages

    def block_hash(self, number: int) -> Hash:
        return self.headers[number].hash

    def chain(self) -> Chain:
        ancestry = Ancestry(lambda number: self.headers[number].hash)
        return Chain(Overlay(self.preimages), PARAMETERS, Source(self.inbox), ancestry)


@pytest.fixture(scope="module")
def settled() -> Settled:
    return Settled()


@pytest.fixture(scope="module")
def trace(settled: Settled) -> AssertionTrace:
    return AssertionTrace(settled.chain(), first_boundary(settled.headers[0], 0, len(settled.inbox.batches)))


def test_the_chain_does_something(settled: Settled) -> None:
    assert len(settled.headers) == 6
    assert sum(receipt.status for receipt in settled.receipts) == 10


def test_an_assertion_ends_where_derivation_does(settled: Settled, trace: AssertionTrace) -> None:
    last, count = settled.headers[-1], len(settled.inbox.batches)
    end = Cursor(count, count, last.messages_consumed)
    assert trace.end.block == last
    assert trace.tree.node(0, (1 << 20) - 1) == State(Mode.HALTED, last, end).hash()


def test_every_boundary_is_where_the_steps_lead(settled: Settled, trace: AssertionTrace) -> None:
    for leaf in range(len(trace.tree)):
        m = trace.origin(leaf)
        assert m.hash() == (trace.tree.node(0, leaf - 1) if leaf else m.hash())
        walk(m)
        assert m.hash() == trace.tree.node(0, leaf), f"leaf {leaf}: engine and stepper differ"


def test_an_assertion_may_begin_at_any_batch(settled: Settled, trace: AssertionTrace) -> None:
    start = settled.headers[settled.ends[0]]
    later = AssertionTrace(settled.chain(), first_boundary(start, 1, len(settled.inbox.batches)))
    assert later.tree.node(0, len(later.tree) - 1) == trace.tree.node(0, len(trace.tree) - 1)


def test_steps_lead_from_one_boundary_to_the_next(trace: AssertionTrace) -> None:
    leaf = next(leaf for leaf in range(len(trace.tree)) if len(trace.steps(leaf).tree) > 20)
    steps = trace.steps(leaf)
    assert steps.tree.node(0, (1 << 26) - 1) == trace.tree.node(0, leaf)
    assert steps.state_before(0) == trace.tree.node(0, leaf - 1)
    for index in (0, 1, len(steps.tree) - 1):
        proven = steps.prove(index)
        assert proven is not None
        assert (proven.before, proven.after) == (steps.state_before(index), steps.tree.node(0, index))
        assert climb(proven.after, index, steps.tree.proof(index)) == steps.tree.root
    assert steps.prove(len(steps.tree)) is None


def test_a_trace_that_halts_repeats_its_end(settled: Settled, trace: AssertionTrace) -> None:
    behind = trace.steps(len(trace.tree) + 3)
    assert len(behind.tree) == 1
    assert behind.tree.root == filled(trace)


def filled(trace: AssertionTrace) -> Hash:
    """Root of a level-1 tree whose leaves are all the last state."""
    node = trace.tree.node(0, len(trace.tree) - 1)
    for _ in range(26):
        node = keccak(node + node)
    return node
