"""The machine as `ape run deploy` deploys it, on py-evm: the steps of a small chain, and some instructions."""

from __future__ import annotations

from typing import Any, NamedTuple

import ape
import pytest

from scripts.deploy import PRESETS, deploy
from story.steps import Step, take_steps
from tandem.batch.packed import pack
from tandem.batch.payload import PackedBlock, encode_batch
from tandem.chain.spec import ChainParameters, Deployment
from tandem.l1.contracts import L1, PROVERS
from tandem.machine.modes import Mode, Prover
from tandem.machine.stepper import prove_step
from tandem.machine.stepping import Proven
from tandem.node.machine_chain import assertion_trace
from tandem.node.replica import catch_up
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address
from tandem.store import ChainStore
from tests.support.assembler import assemble
from tests.support.chain import ADDRESSES, CHAIN_ID, ETHER, transfer
from tests.unit.machine.support import make_machine

SHA256 = Address((2).to_bytes(20, "big"))


class Deployed(NamedTuple):
    """A deployment, and a chain with a deposit, a transfer and a call of a precompile on it."""

    deployment: Deployment
    contracts: dict[str, Any]
    steps: list[Step]
    """All of that chain."""


@pytest.fixture(scope="module")
def deployed(project: Any, accounts: Any, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    owner, sequencer, anyone = accounts[7], accounts[8], accounts[3]
    address = Address(bytes.fromhex(sequencer.address[2:]))
    parameters = ChainParameters(CHAIN_ID)
    deployment, contracts = deploy(owner, PRESETS["development"], parameters, address, address)
    contracts["Bridge"].depositETH("0x" + ADDRESSES[0].hex(), 100_000, b"", sender=anyone, value=2 * ETHER)
    signed = (transfer(0, 0, ADDRESSES[1], 7), transfer(0, 1, SHA256, 0, data=b"abc"), transfer(0, 99, ADDRESSES[1]))
    batch = encode_batch([PackedBlock(1, 1, tuple(pack(item) for item in signed))])
    contracts["Inbox"].submitBatch(batch, 1, sender=sequencer)
    with ChainStore(tmp_path_factory.mktemp("chain")) as store:
        catch_up(store, deployment, L1(ape.chain.provider.web3, deployment.l1))
        with store.read() as session:
            trace = assertion_trace(session, parameters, 0, 1)
            steps = [taken for leaf in range(len(trace.tree) + 1) for taken in take_steps(trace, leaf)]
    return Deployed(deployment, contracts, steps)


def run(code: str, *stack: int, memory: bytes = b"") -> list[Proven]:
    """The steps of one instruction of L2, and of what it takes further."""
    m = make_machine(assemble(code), stack, memory=memory)
    proven = [prove_step(m)]
    while m.mode in (Mode.COPY, Mode.KECCAK) and len(proven) < 3:
        proven.append(prove_step(m))
    return proven


def test_the_machine_knows_its_provers(deployed: Deployed) -> None:
    machine = deployed.contracts["Machine"]
    assert [machine.prover(number) for number in Prover] == [deployed.contracts[name].address for name in PROVERS]
    assert bytes.fromhex(machine.address[2:]) == deployed.deployment.l1.machine


def test_it_judges_a_chain(deployed: Deployed) -> None:
    for taken in deployed.steps:
        verdict = deployed.contracts["Machine"].verify(taken.proven.before, taken.proven.witness)
        assert bytes(verdict) == taken.proven.after, f"{taken.leaf}.{taken.number} {taken.kind}"
    kinds = {taken.kind for taken in deployed.steps}
    assert {"BATCH_LOAD", "MESSAGE_LOAD", "TX_BEGIN", "PRECOMPILE", "TX_END", "BLOCK_END", "HALT"} <= kinds
    assert "nonce_too_high" in {taken.proven.outcome for taken in deployed.steps}


@pytest.mark.parametrize(
    "proven",
    [
        *run("ADD", 2, 3),
        *run("BALANCE", 0xC0),
        *run("SSTORE", 5, 1),
        *run("CALL", *[0] * 5, 0xC0, 50_000),
        *run("CODECOPY", 40, 0, 0),
        *run("KECCAK256", 70_000, 0, memory=b"\xab" * 70_000),
    ],
    ids=lambda proven: f"{Prover(proven.witness[0]).name} {proven.outcome}",
)
def test_it_judges_instructions(deployed: Deployed, proven: Proven) -> None:
    assert bytes(deployed.contracts["Machine"].verify(proven.before, proven.witness)) == proven.after


def test_it_refuses_what_is_not_a_proof(deployed: Deployed) -> None:
    machine, proven = deployed.contracts["Machine"], deployed.steps[0].proven
    flipped = proven.witness[:-1] + bytes([proven.witness[-1] ^ 1])
    for before, witness in (
        (proven.before, flipped),
        (proven.before, proven.witness + b"\0"),
        (proven.before, b""),
        (proven.before, bytes([len(PROVERS)]) + proven.witness[1:]),
        (keccak(b"another state"), proven.witness),
    ):
        with ape.reverts():
            machine.verify(before, witness)


class TestNext:
    """The steps of a level-1 trace: a state of level 0 repeats where it is not the trace's first."""

    @pytest.fixture
    def machine(self, deployed: Deployed) -> Any:
        return deployed.contracts["Machine"]

    def boundaries(self, deployed: Deployed) -> list[Proven]:
        """Steps from states of level 0, one for each mode."""
        first = [taken.proven for taken in deployed.steps if taken.number == 0]
        return list({mode_of(proven): proven for proven in first}.values())

    def test_takes_each_step_of_a_trace(self, deployed: Deployed, machine: Any) -> None:
        for taken in deployed.steps:
            assert bytes(machine.next(taken.proven.before, taken.number, taken.proven.witness)) == taken.proven.after

    def test_repeats_a_boundary_behind_the_first_step(self, deployed: Deployed, machine: Any) -> None:
        boundaries = self.boundaries(deployed)
        assert {mode_of(proven) for proven in boundaries} == {Mode.BATCH, Mode.BLOCK, Mode.ITEM, Mode.HALTED}
        for proven in boundaries:
            for index in (1, 2**26 - 1):
                assert bytes(machine.next(proven.before, index, repetition(proven))) == proven.before

    def test_always_takes_the_first_step(self, deployed: Deployed, machine: Any) -> None:
        for proven in self.boundaries(deployed):
            assert bytes(machine.next(proven.before, 0, proven.witness)) == proven.after
            with ape.reverts(machine.WrongProver):
                machine.next(proven.before, 0, repetition(proven))

    def test_halted_stays_halted_as_a_trace_of_its_own(self, deployed: Deployed, machine: Any) -> None:
        [halted] = [proven for proven in self.boundaries(deployed) if mode_of(proven) == Mode.HALTED]
        assert bytes(machine.next(halted.before, 0, halted.witness)) == halted.before == halted.after

    def test_refuses_a_step_where_the_state_repeats(self, deployed: Deployed, machine: Any) -> None:
        for proven in self.boundaries(deployed):
            with ape.reverts(machine.WrongProver):
                machine.next(proven.before, 1, proven.witness)

    def test_refuses_a_repetition_where_there_is_a_step(self, deployed: Deployed, machine: Any) -> None:
        within = next(taken for taken in deployed.steps if taken.number)
        with ape.reverts(machine.WrongProver):
            machine.next(within.proven.before, within.number, repetition(within.proven))

    def test_refuses_what_is_not_the_state(self, deployed: Deployed, machine: Any) -> None:
        proven = self.boundaries(deployed)[0]
        right = repetition(proven)
        for wrong in (right[:-1] + bytes([right[-1] ^ 1]), right[:33] + keccak(b"world") + right[65:]):
            with ape.reverts(machine.WrongPreState):
                machine.next(proven.before, 1, wrong)
        with ape.reverts(machine.WrongPreState):
            machine.next(keccak(b"another state"), 1, right)
        with ape.reverts(machine.TapeTooLong):
            machine.next(proven.before, 1, right + b"\0")
        for short in (b"", right[:1], right[:-1]):
            for index in (0, 1):
                with ape.reverts(machine.TapeTooShort):
                    machine.next(proven.before, index, short)


def mode_of(proven: Proven) -> int:
    """Of the state before a step: the first of the words that a witness begins with."""
    return int.from_bytes(proven.witness[1:33], "big")


def repetition(proven: Proven) -> bytes:
    """The witness of the state before a step when it repeats: the number of no prover, and the state's words."""
    return bytes([len(PROVERS)]) + proven.witness[1 : 1 + 7 * 32]
