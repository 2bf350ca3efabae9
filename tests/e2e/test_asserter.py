"""The asserter's round: assert, wait for the window, confirm, fetch the bond; a restart in between changes nothing."""

from typing import Any

import pytest

from localnet import LocalNet
from story.stage import ETHER
from tests.support.network import USERS, Harness

pytestmark = pytest.mark.e2e


def test_what_is_asserted_is_confirmed_and_its_bond_comes_back(net: LocalNet) -> None:
    harness = Harness(net)
    rollup, start = harness.contracts.rollup, harness.deployment.l1.start_block

    def events(name: str) -> list[Any]:
        return [log["args"] for log in rollup.events[name]().get_logs(from_block=start)]

    def made() -> list[Any]:
        return [args for args in events("AssertionCreated") if int(args["asserter"], 16)]

    def covered() -> bool:
        batches = harness.contracts.inbox.functions.batchCount().call()
        return batches > 0 and any(args["state"]["batches"] >= batches for args in made())

    harness.deposit(USERS[0], ETHER)
    harness.all_on_l1()
    harness.wait("an assertion on each batch", covered)
    net.kill("sequencer")
    net.start_sequencer("--batch-age", "1000")
    harness.deposit(USERS[0], ETHER)
    harness.all_on_l1()
    harness.wait("an assertion on what came after the restart", covered)

    ids = {args["id"] for args in made()}
    assert len(ids) == len({args["parentId"] for args in made()}), "one child for each parent: none has a rival"
    harness.l1_rpc("evm_increaseTime", harness.deployment.l1.challenge_window)
    harness.l1_rpc("evm_mine")
    harness.wait("all are confirmed", lambda: ids <= {args["id"] for args in events("AssertionConfirmed")})
    harness.wait("all bonds come back", lambda: ids <= {args["id"] for args in events("BondClaimed")})
    bond = rollup.functions.bond().call()
    assert all(args["amount"] == bond for args in events("BondClaimed"))
    harness.assert_challenger_agrees()
