"""The challenger from scratch, and what it says of a wrong assertion."""

import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from localnet import LocalNet
from story.stage import ETHER
from tandem.chain.spec import Deployment
from tandem.l1.contracts import L1, connect
from tandem.l1.encoding import claim_arguments
from tandem.node.claims import genesis_opening, make_claim, right_child
from tandem.node.replica import catch_up
from tandem.primitives.types import Gas
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


def test_a_wrong_assertion_raises_an_alarm(net: LocalNet, tmp_path: Path) -> None:
    harness = Harness(net)
    harness.deposit(USERS[0], ETHER)
    harness.all_on_l1()
    rollup = harness.contracts.rollup.functions
    with derive(net.deployment, harness.contracts, tmp_path / "attacker") as store, store.read() as session:
        genesis = genesis_opening(session)
        batches = rollup.requiredBatches(genesis.id()).call()
        right = make_claim(session, right_child(session, genesis.id(), 0, batches))
    header = replace(right.header, gas_used=Gas(right.header.gas_used + 1))
    state = replace(right.opening.state, block_hash=header.hash)
    wrong = replace(right, opening=replace(right.opening, state=state), header=header)
    attacker = USERS[4]
    call = rollup.createAssertion(*claim_arguments(wrong))
    harness.l1.call(attacker, call, rollup.bond().call())

    status = harness.wait("an alarm", lambda: (s := net.challenger_status()) and s["alarms"] and s)
    assert wrong.opening.id().hex() in status["alarms"][0]
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(f"{net.status_url}/health", timeout=5)
    with urllib.request.urlopen(f"{net.status_url}/status", timeout=5) as page:
        assert "ALARM" in page.read().decode()
