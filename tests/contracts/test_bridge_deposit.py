"""Bridge: deposits (depositETH, receive)."""

from __future__ import annotations

import ape

from tests.contracts.world import DELAY, alias

TO = "0x000000000000000000000000000000000000bEEF"


def the_message(receipt, inbox):
    (log,) = receipt.decode_logs(inbox.MessageSent)
    return log


class TestDepositETH:
    def test_mints_what_it_holds(self, inbox, bridge, alice):
        receipt = bridge.depositETH(TO, 50_000, b"hello", sender=alice, value=10**18)
        message = the_message(receipt, inbox)
        assert (message.sender, message.to) == (alice.address, TO)
        assert (message.mint, message.value, message.gasLimit) == (10**18, 10**18, 50_000)
        assert (message.data, message.isCreation) == (b"hello", False)
        (log,) = receipt.decode_logs(bridge.EtherDeposited)
        assert (log["from"], log.to, log.amount, log.messageIndex) == (alice.address, TO, 10**18, 0)
        assert bridge.balance == 10**18

    def test_aliases_a_contract(self, inbox, bridge, alice, caller):
        call = bridge.depositETH.encode_input(TO, 50_000, b"")
        receipt = caller.forward(bridge, 5, call, sender=alice, value=5)
        assert the_message(receipt, inbox).sender == alias(caller.address)

    def test_follows_the_inboxs_rules(self, inbox, bridge, alice):
        with ape.reverts(inbox.GasLimitTooLow, minimum=21_000):
            bridge.depositETH(TO, 20_999, b"", sender=alice, value=1)
        assert bridge.balance == 0


class TestReceive:
    def test_deposits_to_the_sender_itself(self, inbox, bridge, alice):
        message = the_message(alice.transfer(bridge, 10**18), inbox)
        assert message.sender == message.to == alice.address
        assert (message.mint, message.value, message.gasLimit) == (10**18, 10**18, 100_000)

    def test_deposits_to_a_contracts_alias(self, inbox, bridge, alice, caller):
        message = the_message(caller.forward(bridge, 5, b"", sender=alice, value=5), inbox)
        assert message.sender == message.to == alias(caller.address)


def test_refuses_an_inbox_that_trusts_another_bridge(project, deployer, world, alice):
    foreign = deployer.deploy(project.Inbox, alice, alice, DELAY)
    with ape.reverts(project.Bridge.ForeignInbox):
        deployer.deploy(project.Bridge, foreign, world.rollup)
