"""A chain on the real inbox contract, filled by transactions: its blocks by the nodes' way and by the machine's."""

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from tandem.chain.genesis import genesis_header
from tandem.chain.header import Header
from tandem.chain.predeploys import PREDEPLOYS, genesis_accounts
from tandem.chain.spec import ChainParameters, Genesis, GenesisAccount
from tandem.derivation.stages import execute, plan
from tandem.machine.chain import Ancestry, Chain, Overlay
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode, Prover
from tandem.machine.stepper import kind_of
from tandem.machine.stepping import Proven, take
from tandem.machine.structures import Cursor, State
from tandem.primitives.types import ZERO_ADDRESS, Hash, Seconds, Wei
from tandem.state.database import StateDatabase
from tandem.state.tables import StateTables
from tests.support.chain import ADDRESSES, CHAIN_ID, ETHER, START
from tests.support.l1_inbox import L1Inbox
from tests.support.solidity import compile_contracts
from tests.support.verifier import constructor_arguments
from tests.unit.machine.support import Provers


class InboxProvers(Provers):
    """The prover contracts, on an inbox and with a chain's parameters."""

    def __init__(self, parameters: ChainParameters) -> None:
        super().__init__()
        self.inbox = L1Inbox(self.revm, compile_contracts("inbox/Inbox.sol")["Inbox"])
        self._parameters = parameters

    def arguments(self, prover: Prover) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """The inbox's address, or the parameters."""
        return constructor_arguments(prover, self.inbox, self._parameters)


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
