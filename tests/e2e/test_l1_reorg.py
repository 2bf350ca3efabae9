"""L1 re-organises: lost batches are posted again, lost deposits vanish from L2, the challenger follows."""

import pytest

from localnet import LocalNet
from story.stage import ETHER
from tests.support.network import USERS, Harness

pytestmark = pytest.mark.e2e


def test_a_lost_batch_is_posted_again_and_a_lost_deposit_is_undone(net: LocalNet) -> None:
    harness = Harness(net)
    harness.deposit(USERS[0], 10 * ETHER)
    harness.l2.send(USERS[0], {"to": USERS[3].address, "value": ETHER, "gas": 200_000})
    harness.all_on_l1()
    kept = harness.l2.web3.eth.get_block("safe")

    before = harness.l1.web3.eth.block_number
    harness.deposit(USERS[1], 7 * ETHER)
    harness.l2.send(USERS[0], {"to": USERS[3].address, "value": ETHER, "gas": 200_000})
    harness.all_on_l1()
    depth = harness.l1.web3.eth.block_number - before
    harness.l1_rpc("anvil_reorg", depth, [])

    harness.wait("the deposit is gone", lambda: harness.l2.web3.eth.get_balance(USERS[1].address) == 0)
    assert harness.l2.web3.eth.get_block(kept["number"])["hash"] == kept["hash"], "what L1 kept, L2 keeps"
    harness.wait(
        "the transfer behind the lost deposit is in a block again",
        lambda: harness.l2.web3.eth.get_balance(USERS[3].address) >= 2 * ETHER,
    )
    harness.assert_challenger_agrees()
    harness.assert_money()


def test_a_reorg_that_loses_no_entry_of_the_inbox_is_followed(net: LocalNet) -> None:
    harness = Harness(net)
    harness.deposit(USERS[0], ETHER)
    harness.all_on_l1()
    for _ in range(3):
        harness.l1_rpc("evm_mine")
    read = harness.l1.web3.eth.block_number
    harness.wait("the challenger has read so far", lambda: (net.challenger_status() or {})["l1_cursor"] >= read)
    harness.l1_rpc("anvil_reorg", 2, [])
    harness.deposit(USERS[1], ETHER)
    harness.assert_challenger_agrees()
