"""The challenger from scratch, and what it says of a wrong assertion."""

import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from localnet import LocalNet
from story.stage import ETHER
from tandem.chain.header import Header
from tandem.chain.spec import ChainParameters, Deployment
from tandem.l1.contracts import L1, connect
from tandem.l1.encoding import claim_arguments
from tandem.machine.chain import Ancestry, Chain, NoInbox
from tandem.machine.modes import Mode
from tandem.machine.structures import Cursor
from tandem.machine.trace import Boundary
from tandem.node.claims import genesis_opening, make_claim, right_child
from tandem.node.commitments import Commitments
from tandem.node.replica import catch_up
from tandem.primitives.types import Gas, Hash
from tandem.rollup.assertions import TRACE_DEPTH, Claim, commitment
from tandem.rollup.trace_tree import TraceTree
from tandem.state.tables import MemoryTable
from tandem.store import ChainStore
from tests.support.network import USERS, Harness

pytestmark = pytest.mark.e2e


def derive(deployment: Deployment, l1: L1, folder: Path) -> ChainStore:
    """The chain from L1 alone."""
    store = ChainStore(folder)
    catch_up(store, deployment, l1)
    return store


def test_a_replica_from_scratch_has_every_block_hash(net: LocalNet, tmp_path: Path) -> None:
    harness = Harness(net)
    harness.deposit(USERS[0], 10 * ETHER)
    for value in range(5):
        harness.l2.send(USERS[0], {"to": USERS[3].address, "value": value, "gas": 200_000})
    head = harness.all_on_l1()
    l1 = L1(connect(net.l1_url), net.deployment.l1)
    with derive(net.deployment, l1, tmp_path / "replica") as store, store.read() as session:
        own = [session.block_hash(number) for number in range(head + 1)]
    assert own == [bytes(harness.l2.web3.eth.get_block(number)["hash"]) for number in range(head + 1)]
    net.stop("challenger")
    net.start_challenger("--data", str(tmp_path / "fresh"))
    harness.assert_challenger_agrees()


def right_claim(net: LocalNet, l1: L1, folder: Path) -> Claim:
    """The right child of genesis."""
    with derive(net.deployment, l1, folder) as store, store.read() as session:
        commitments = Commitments(store, net.deployment.parameters)
        genesis = genesis_opening(session)
        batches = l1.rollup.functions.requiredBatches(genesis.id()).call()
        child = right_child(session, commitments, genesis.id(), 0, batches)
        return make_claim(session, commitments, child, 0)


def with_trace(claim: Claim, *leaves: bytes) -> Claim:
    """The same state, by another trace."""
    shown = commitment(TraceTree(b"".join(leaves), TRACE_DEPTH))
    return replace(claim, opening=replace(claim.opening, trace_root=shown.root), end_proof=shown.end_proof)


def end_of(header: Header, batches: int) -> Hash:
    """The level-0 state that an assertion on this block and so many batches ends with."""
    cursor = Cursor(batches, batches, header.messages_consumed)
    nothing = Chain(MemoryTable(), ChainParameters(1), NoInbox(), Ancestry())
    return Boundary(Mode.HALTED, header, cursor).machine(nothing).hash()


def test_wrong_assertions_raise_an_alarm(net: LocalNet, tmp_path: Path) -> None:
    harness = Harness(net)
    harness.deposit(USERS[0], ETHER)
    harness.all_on_l1()
    right = right_claim(net, harness.contracts, tmp_path / "attacker")
    batches = right.opening.state.batches
    header = replace(right.header, gas_used=Gas(right.header.gas_used + 1))
    state = replace(right.opening.state, block_hash=header.hash)
    wrong_state = replace(right, opening=replace(right.opening, state=state), header=header)
    wrong = [
        with_trace(wrong_state, end_of(header, batches)),
        with_trace(right, b"a state that never was".ljust(32), end_of(right.header, batches)),
    ]
    rollup = harness.contracts.rollup.functions
    for claim in wrong:
        harness.l1.call(USERS[4], rollup.createAssertion(*claim_arguments(claim)), rollup.bond().call())

    status = harness.wait("the alarms", lambda: (s := net.challenger_status()) and len(s["alarms"]) >= 2 and s)
    for claim in wrong:
        assert any(claim.opening.id().hex() in alarm for alarm in status["alarms"])
    verdicts = {item["id"]: item["verdict"] for item in status["assertions"]}
    assert verdicts.pop("0x" + right.opening.id().hex(), "right") == "right"
    assert sorted(verdicts.values()).count("wrong") == 2
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(f"{net.status_url}/health", timeout=5)
    with urllib.request.urlopen(f"{net.status_url}/status", timeout=5) as page:
        assert "ALARM" in page.read().decode()
