"""A chain on the real inbox contract, filled by transactions: its blocks by the nodes' way and by the machine's."""

from collections import Counter
from collections.abc import Container
from dataclasses import astuple, dataclass
from typing import Any

from pyrevm import BlockEnv

from tandem.chain.genesis import genesis_header
from tandem.chain.header import Header
from tandem.chain.predeploys import PREDEPLOYS, genesis_accounts
from tandem.chain.spec import L1_INFO, ChainParameters, Genesis, GenesisAccount
from tandem.derivation.stages import execute, plan
from tandem.inbox.queues import (
    EMPTY_ACCUMULATOR,
    SYSTEM_SENDER,
    BatchEntry,
    DataLocation,
    L1Context,
    Message,
    QueuedBatch,
    QueuedMessage,
    accumulate,
)
from tandem.machine.chain import Ancestry, Chain, Overlay
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode, Prover
from tandem.machine.stepper import kind_of
from tandem.machine.stepping import Proven, take
from tandem.machine.structures import Cursor, State
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import ZERO_ADDRESS, ZERO_HASH, Address, Gas, Hash, Seconds, Wei
from tandem.state.database import StateDatabase
from tandem.state.tables import StateTables
from tests.support.chain import ADDRESSES, CHAIN_ID, ETHER, START
from tests.support.revm import GAS, Revm, call_data
from tests.support.solidity import compile_contracts
from tests.unit.machine.support import Provers

BRIDGE = Address(b"\xb1" * 20)
SEQUENCER = Address(b"\x5e" * 20)
DELAY = 600
"""Force inclusion, seconds."""
SYSTEM_GAS = Gas(200_000)
BLOCK_TIME = 12


class L1Inbox:
    """The inbox contract, with all that is in it. An InboxSource whose every entry the contract has confirmed."""

    def __init__(self, revm: Revm) -> None:
        contract = compile_contracts("inbox/Inbox.sol")["Inbox"]
        self._revm = revm
        self.address = revm.deploy(contract, ("address", "address", "uint64"), (BRIDGE, SEQUENCER, DELAY))
        self._number = 1
        self.time = START
        self.messages: list[QueuedMessage] = []
        self.batches: list[QueuedBatch] = []
        self.consumed = 0

    # -- what goes in

    def enqueue(
        self,
        sender: Address,
        to: Address | None,
        *,
        mint: int = 0,
        value: int = 0,
        gas: int = 100_000,
        data: bytes = b"",
    ) -> QueuedMessage:
        """A message through the bridge."""
        context = self._send(
            BRIDGE,
            "enqueue(address,address,bool,uint256,uint256,uint64,bytes)",
            sender, to or ZERO_ADDRESS, to is None, mint, value, gas, data,
        )  # fmt: skip
        message = Message(sender, to, Wei(mint), Wei(value), Gas(gas), data, context)
        return self._queue(message)

    def submit(self, data: bytes, consumed: int | None = None) -> QueuedBatch:
        """A batch of the sequencer; it consumes all messages unless told otherwise."""
        consumed = len(self.messages) if consumed is None else consumed
        context = self._send(SEQUENCER, "submitBatch(bytes,uint64)", data, consumed)
        return self._batch(BatchEntry(DataLocation.CALLDATA, keccak(data), consumed, context), data)

    def force(self) -> QueuedBatch:
        """A forced batch. All messages so far must be overdue, or become so."""
        self.time += DELAY + 1
        context = self._send(ADDRESSES[7], "forceInclude()")
        return self._batch(BatchEntry(DataLocation.NONE, ZERO_HASH, len(self.messages), context), b"")

    def _batch(self, entry: BatchEntry, data: bytes) -> QueuedBatch:
        before = self.batches[-1].accumulator if self.batches else EMPTY_ACCUMULATOR
        queued = QueuedBatch(len(self.batches), entry, data, accumulate(before, entry.hash()))
        self.batches.append(queued)
        self.consumed = entry.messages_consumed
        assert self._view("batchAcc(uint64)", len(self.batches)) == queued.accumulator
        context = entry.context
        news = call_data("setOrigin(uint64,bytes32,uint64,uint256)", *astuple(context))
        self._queue(Message(SYSTEM_SENDER, L1_INFO, Wei(0), Wei(0), SYSTEM_GAS, news, context))
        return queued

    def _queue(self, message: Message) -> QueuedMessage:
        before = self.messages[-1].accumulator if self.messages else EMPTY_ACCUMULATOR
        queued = QueuedMessage(len(self.messages), message, accumulate(before, message.hash()))
        self.messages.append(queued)
        assert self._view("messageAcc(uint64)", len(self.messages)) == queued.accumulator
        return queued

    def _send(self, sender: Address, signature: str, *values: Any) -> L1Context:
        """A transaction in a block of its own; the context that the inbox sees in it."""
        evm = self._revm.evm
        self._number += 1
        self.time += BLOCK_TIME
        evm.set_block_env(BlockEnv(number=self._number, timestamp=self.time))
        evm.message_call("0x" + sender.hex(), self.address, calldata=call_data(signature, *values), gas=GAS)
        return self._context(Wei(0))

    def _context(self, base_fee: Wei) -> L1Context:
        parent = self._number - 1
        return L1Context(parent, Hash(self._revm.evm.block_hash(parent)), Seconds(self.time), base_fee)

    def _view(self, signature: str, value: int) -> bytes:
        return self._revm.call(self.address, call_data(signature, value))

    def plant(self, message: Message) -> QueuedMessage:
        """A message that the contract would refuse, or with a base fee (pyrevm has none): put into its storage.

        Slot 0 has the counts of messages, batches and messages consumed, 64 bits each; slot 1 the accumulators.
        """
        evm, count = self._revm.evm, len(self.messages)
        before = self.messages[-1].accumulator if count else EMPTY_ACCUMULATOR
        accumulator = accumulate(before, message.hash())
        slot = int.from_bytes(keccak(word(count + 1) + word(1)), "big")
        evm.insert_account_storage(self.address, slot, int.from_bytes(accumulator, "big"))
        evm.insert_account_storage(self.address, 0, evm.storage(self.address, 0) + 1)
        return self._queue(message)

    # -- what comes out

    def message(self, index: int) -> QueuedMessage:
        """The message at `index`."""
        return self.messages[index]

    def batch(self, index: int) -> QueuedBatch:
        """The batch at `index`."""
        return self.batches[index]


class InboxProvers(Provers):
    """The prover contracts, on an inbox and with a chain's parameters."""

    def __init__(self, parameters: ChainParameters) -> None:
        super().__init__()
        self.inbox = L1Inbox(self.revm)
        self._parameters = parameters

    def arguments(self, prover: Prover) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """The inbox's address, or the parameters."""
        if prover == Prover.BLOCKS:
            return ("(uint256,uint256,uint256,uint256,uint256,uint256,uint256,bool)",), (astuple(self._parameters),)
        if prover in (Prover.BATCHES, Prover.MESSAGES):
            return ("address",), (self.inbox.address,)
        return (), ()


@dataclass(frozen=True, slots=True)
class Run:
    """What a run of the machine came to."""

    blocks: list[Hash]
    outcomes: Counter[tuple[str, str]]
    """By kind of step and outcome."""
    steps: list[Proven]
    """Those that were judged."""


class OneChain:
    """A chain's genesis and inbox. `derive` and `machine` come to its blocks by the two ways."""

    def __init__(self, provers: InboxProvers, genesis: Genesis, parameters: ChainParameters) -> None:
        self.provers = provers
        self.inbox = provers.inbox
        self.parameters = parameters
        self.tables = StateTables()
        self.genesis = genesis_header(parameters, genesis, self.tables)
        self._accounts = genesis

    def derive(self) -> list[list[Header]]:
        """The blocks of each batch, as nodes derive them."""
        tables = StateTables()
        parent = genesis_header(self.parameters, self._accounts, tables)
        hashes = [parent.hash]
        result = []
        for batch in self.inbox.batches:
            blocks = []
            messages = self.inbox.messages[parent.messages_consumed : batch.entry.messages_consumed]
            for block_plan in plan(self.parameters, parent, batch, messages):
                block = execute(self.parameters, StateDatabase(tables), parent, block_plan, hashes.__getitem__)
                parent = block.header
                hashes.append(parent.hash)
                blocks.append(parent)
            result.append(blocks)
        return result

    def machine(self, target: int | None = None) -> Machine:
        """The machine before the first batch."""
        chain = Chain(
            Overlay(self.tables.preimages), self.parameters, self.inbox, Ancestry([self.genesis.hash].__getitem__)
        )
        target = len(self.inbox.batches) if target is None else target
        return Machine(chain, State(Mode.BATCH, self.genesis, Cursor(0, target, 0)))

    def machine_behind(self, m: Machine, target: int) -> Machine:
        """A machine that starts where another has halted, as the next assertion's does."""
        assert m.mode == Mode.HALTED and isinstance(m.block, Header)
        cursor = Cursor(m.cursor.batches, target, m.block.messages_consumed)
        chain = Chain(m.chain.nodes, self.parameters, self.inbox, Ancestry(m.chain.ancestry.block_hash))
        return Machine(chain, State(Mode.BATCH, m.block, cursor))


def make_genesis() -> Genesis:
    """Predeploys that do nothing, and funded keys."""
    accounts = genesis_accounts(dict.fromkeys(PREDEPLOYS, b"\0"), ZERO_ADDRESS, ZERO_ADDRESS)
    accounts |= {address: GenesisAccount(Wei(5 * ETHER)) for address in ADDRESSES[:4]}
    return Genesis(Seconds(START), accounts)


def make_chain(**parameters: Any) -> OneChain:
    """A chain with an inbox that is empty."""
    chosen = ChainParameters(CHAIN_ID, **parameters)
    return OneChain(InboxProvers(chosen), make_genesis(), chosen)


def run(m: Machine, provers: Provers, *, judged: Container[Prover] = frozenset(Prover)) -> Run:
    """Step to the halt and one step further, steps of the provers in `judged` before their contracts."""
    done = Run([], Counter(), [])
    halted = False
    while not halted:
        halted = m.mode == Mode.HALTED
        kind = kind_of(m)
        if kind.prover in judged:
            proven = provers.check(m, kind.prover, kind.function)
            done.steps.append(proven)
            outcome = proven.outcome
        else:
            outcome = take(m, kind.function)
        done.outcomes[kind.name, outcome] += 1
        if kind.name == "BLOCK_END":
            assert isinstance(m.block, Header)
            done.blocks.append(m.block.hash)
    return done
