"""Escrow == supply after every block, whatever contracts do with ETH: SELFDESTRUCT, fees, failing deposits."""

import pytest

from localnet import LocalNet
from story.stage import ETHER
from tandem.chain.spec import FEE_VAULT
from tandem.l1.contracts import checksum
from tests.support.network import USERS, Harness

pytestmark = pytest.mark.e2e

BURN_IN_CREATION = bytes.fromhex("30ff")
"""Init code ADDRESS SELFDESTRUCT: created and destroyed in one transaction, its ETH is gone (EIP-6780)."""
MOVE_IN_CREATION = bytes.fromhex("33ff")
"""Init code CALLER SELFDESTRUCT: its ETH goes back."""
REVERTING_RUNTIME = bytes.fromhex("635f5ffd005f526004601cf3")
"""Init code that returns PUSH0 PUSH0 REVERT STOP."""


def test_escrow_equals_supply_whatever_happens_to_ether_on_l2(net: LocalNet) -> None:
    harness = Harness(net)
    alice, bob = USERS[0], USERS[1]
    harness.deposit(alice, 20 * ETHER)
    harness.l2.send(alice, {"data": BURN_IN_CREATION, "value": ETHER, "gas": 400_000})
    assert int(harness.rpc("tandem_supply")["burnt"], 16) == ETHER
    harness.l2.send(alice, {"data": MOVE_IN_CREATION, "value": ETHER, "gas": 400_000})
    assert int(harness.rpc("tandem_supply")["burnt"], 16) == ETHER
    assert harness.l2.web3.eth.get_balance(checksum(FEE_VAULT)) > 0, "fees are kept, not burnt"

    created = harness.l2.send(alice, {"data": REVERTING_RUNTIME, "value": 0, "gas": 400_000})
    refusing = created.receipt["contractAddress"]
    before = harness.l2.web3.eth.get_balance(bob.address)
    deposit = harness.contracts.bridge.functions.depositETH(refusing, 100_000, b"")
    harness.l1.call(bob, deposit, 3 * ETHER)
    harness.wait("the deposit", lambda: harness.l2.web3.eth.get_balance(bob.address) == before + 3 * ETHER)
    assert harness.l2.web3.eth.get_balance(refusing) == 0, "the call failed: the ether is the sender's on L2"

    harness.all_on_l1()
    harness.assert_money()
    harness.assert_challenger_agrees()
