"""All scenarios, and how one is proven: derivation, the stepper and the contracts must come to the same."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from tandem.chain.header import Header
from tandem.chain.spec import ChainParameters
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode
from tandem.machine.stepper import kind_of, step
from tandem.machine.structures import Cursor, State
from tandem.primitives.types import Gas
from tests.conformance.judging import Disagreement, Report, Row, prove
from tests.conformance.scenarios import beyond, calling, generic, inbox, instructions, precompiles, transactions
from tests.conformance.scenarios.stage import Stage
from tests.support.chain import CHAIN_ID
from tests.support.verifier import Verifier

SAMPLE = 10_000
"""Most steps of a scenario to judge."""
ROOMY = ChainParameters(CHAIN_ID, gas_limit=Gas(2**30))
"""A block has room for all that a scenario sends."""
ORDINARY = ChainParameters(CHAIN_ID)
STRICT = ChainParameters(CHAIN_ID, allow_unprotected=False)


class Play(Protocol):
    """What is proven."""

    verifier: Verifier

    def machine(self) -> Machine:
        """The machine before the first step; a new one each time."""
        ...

    def follow(self, m: Machine) -> Iterator[Row]:
        """To the end without witnesses. Disagreement where that is not the engine's."""
        ...


class Chain:
    """The batches of a stage, from its genesis block to HALT."""

    def __init__(self, stage: Stage) -> None:
        stage.close()
        self.verifier = stage.verifier
        self._headers = stage.derive()
        self._machines = stage.machines()
        self._batches = len(stage.inbox.batches)

    def machine(self) -> Machine:
        """Before the first batch."""
        return next(self._machines)

    def follow(self, m: Machine) -> Iterator[Row]:
        """Every block must be derivation's, and the end what an assertion on it claims."""
        while True:
            name, halted = kind_of(m).name, m.mode == Mode.HALTED
            yield name, step(m)
            if name == "BLOCK_END":
                self._compare(m)
            if halted:
                break
        last = self._headers[-1]
        end = State(Mode.HALTED, last, Cursor(self._batches, self._batches, last.messages_consumed))
        if m.hash() != end.hash():
            raise Disagreement("the stepper does not halt at derivation's last block")

    def _compare(self, m: Machine) -> None:
        assert isinstance(m.block, Header)
        number = m.block.number
        if number >= len(self._headers) or m.block.hash != self._headers[number].hash:
            raise Disagreement(f"the stepper's block {number} is not derivation's")


def on_chain(act: Callable[[Stage], None]) -> Callable[[Stage], Play]:
    """What a stage's batches make of what was done on it."""

    def made(stage: Stage) -> Play:
        act(stage)
        return Chain(stage)

    return made


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario."""

    make: Callable[[Stage], Play]
    parameters: ChainParameters = ROOMY


SCENARIOS = {
    "every instruction": Scenario(on_chain(generic.successes)),
    "stacks too low and too high": Scenario(on_chain(generic.without_a_stack)),
    "too little gas": Scenario(on_chain(generic.without_gas)),
    "undefined bytes": Scenario(on_chain(generic.undefined)),
    "jumps": Scenario(on_chain(instructions.jumps)),
    "long hashes": Scenario(on_chain(instructions.long_hashes)),
    "copies": Scenario(on_chain(instructions.copies)),
    "accounts": Scenario(on_chain(instructions.accounts)),
    "storage": Scenario(on_chain(instructions.storage)),
    "static writes": Scenario(on_chain(instructions.static_writes)),
    "calls": Scenario(on_chain(calling.calls)),
    "returns": Scenario(on_chain(calling.returns)),
    "creations": Scenario(on_chain(calling.creations)),
    "deposits": Scenario(on_chain(calling.deposits)),
    "creating transactions": Scenario(on_chain(calling.creating_transactions)),
    "destructions": Scenario(on_chain(calling.destructions)),
    "precompiles": Scenario(on_chain(precompiles.precompiles)),
    "starved precompiles": Scenario(on_chain(precompiles.starved_precompiles)),
    "refused transactions": Scenario(on_chain(transactions.refusals), STRICT),
    "kinds of transactions": Scenario(on_chain(transactions.kinds)),
    "access lists": Scenario(on_chain(transactions.access_lists)),
    "batches": Scenario(on_chain(inbox.batches), ORDINARY),
    "too many items": Scenario(on_chain(inbox.items), ORDINARY),
    "forced blocks": Scenario(on_chain(inbox.forced), ORDINARY),
    "messages without room": Scenario(on_chain(inbox.room), ORDINARY),
    "messages": Scenario(on_chain(inbox.messages), ORDINARY),
    "many blocks": Scenario(on_chain(inbox.many_blocks), ORDINARY),
    "the depth of calls": Scenario(beyond.depth),
    "blobs": Scenario(beyond.blobs),
}
"""By name."""


def play(name: str) -> Report:
    """Play a scenario to its end and have its steps judged. Disagreement."""
    scenario = SCENARIOS[name]
    made = scenario.make(Stage(scenario.parameters))
    return prove(made.machine, made.follow, SAMPLE, made.verifier, name)
