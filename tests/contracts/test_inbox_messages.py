"""Inbox: queueing messages (sendMessage, depositTransaction, enqueue)."""

from __future__ import annotations

import ape
import pytest
from eth_utils import keccak

from tests.contracts.tree_model import EMPTY, abi_hash
from tests.contracts.world import ZERO_ADDRESS, alias, context_of, pass_time

CONTEXT_TYPES = ["uint64", "bytes32", "uint64", "uint256"]
MESSAGE_TYPES = ["address", "address", "bool", "uint256", "uint256", "uint64", "bytes32", *CONTEXT_TYPES]
TARGET = "0x000000000000000000000000000000000000bEEF"


def the_message(receipt):
    (log,) = receipt.decode_logs()
    assert log.event_name == "MessageSent"
    return log


def expected_hash(log) -> bytes:
    fields = [log.sender, log.to, bool(log.isCreation), log.mint, log.value, log.gasLimit, keccak(log.data)]
    return abi_hash(MESSAGE_TYPES, [*fields, *context_of(log)])


class TestSendMessage:
    def test_announces_the_message_and_extends_the_accumulator(self, inbox, alice, chain):
        first = the_message(inbox.sendMessage(TARGET, 21_064, b"\x01\x02\x03\x04", sender=alice))
        second = the_message(inbox.sendMessage(TARGET, 21_000, b"", sender=alice))
        assert (first.index, second.index) == (0, 1)
        assert (first.sender, first.to, first.isCreation) == (alice.address, TARGET, False)
        assert (first.mint, first.value, first.gasLimit, first.data) == (0, 0, 21_064, b"\x01\x02\x03\x04")
        assert first.acc == keccak(EMPTY + expected_hash(first))
        assert second.acc == keccak(first.acc + expected_hash(second))
        assert inbox.messageCount() == 2
        assert [bytes(inbox.messageAcc(i)) for i in range(3)] == [EMPTY, first.acc, second.acc]

    def test_records_the_parent_block_and_this_blocks_time_and_base_fee(self, inbox, alice, chain):
        receipt = inbox.sendMessage(TARGET, 21_000, b"", sender=alice)
        context = context_of(the_message(receipt))
        block = chain.blocks[receipt.block_number]
        assert context.number == block.number - 1
        assert context.hash == bytes(block.parent_hash)
        assert context.timestamp == block.timestamp
        assert context.base_fee == block.base_fee

    def test_keeps_the_time_of_each_of_many_messages(self, inbox, alice):
        times = []
        for _ in range(8):  # more than share a storage slot
            log = the_message(inbox.sendMessage(TARGET, 21_000, b"", sender=alice))
            times.append(context_of(log).timestamp)
            pass_time(11)
        assert [inbox.messageTimestamp(i) for i in range(8)] == times
        assert len(set(times)) == 8

    def test_aliases_a_contract(self, inbox, alice, caller):
        call = inbox.sendMessage.encode_input(TARGET, 21_000, b"")
        receipt = caller.forward(inbox, 0, call, sender=alice)
        log = next(iter(receipt.decode_logs(inbox.MessageSent)))
        assert log.sender == alias(caller.address)

    @pytest.mark.parametrize(("data", "minimum"), [(b"", 21_000), (bytes(3), 21_048)], ids=["empty", "three bytes"])
    def test_refuses_less_than_the_intrinsic_gas(self, inbox, alice, data, minimum):
        with ape.reverts(inbox.GasLimitTooLow, minimum=minimum):
            inbox.sendMessage(TARGET, minimum - 1, data, sender=alice)
        inbox.sendMessage(TARGET, minimum, data, sender=alice)

    def test_refuses_more_gas_than_one_transaction_may_have(self, inbox, alice):
        with ape.reverts(inbox.GasLimitTooHigh, maximum=2**24):
            inbox.sendMessage(TARGET, 2**24 + 1, b"", sender=alice)

    def test_accepts_data_up_to_the_cap(self, inbox, alice):
        inbox.sendMessage(TARGET, 2**21, bytes(65_536), sender=alice)
        with ape.reverts(inbox.MessageTooLarge, maximum=65_536):
            inbox.sendMessage(TARGET, 2**21, bytes(65_537), sender=alice)

    def test_burns_a_thirty_second_of_the_gas_limit(self, inbox, alice):
        inbox.sendMessage(TARGET, 21_000, b"", sender=alice)  # the slots that both share are no longer fresh
        small = inbox.sendMessage(TARGET, 32_000, b"", sender=alice).gas_used
        large = inbox.sendMessage(TARGET, 32_000 + 3_200_000, b"", sender=alice).gas_used
        assert 0 <= large - small - 100_000 < 300


class TestDepositTransaction:
    def test_spends_the_senders_own_balance_and_mints_nothing(self, inbox, alice):
        log = the_message(inbox.depositTransaction(TARGET, 10**18, 50_000, False, b"", sender=alice))
        assert (log.mint, log.value, log.to) == (0, 10**18, TARGET)
        assert log.acc == keccak(EMPTY + expected_hash(log))

    def test_can_create_a_contract(self, inbox, alice):
        minimum = 53_000 + 33 * 16 + 2 * 2
        log = the_message(inbox.depositTransaction(ZERO_ADDRESS, 0, minimum, True, bytes(33), sender=alice))
        assert (log.isCreation, log.to) == (True, ZERO_ADDRESS)
        assert log.acc == keccak(EMPTY + expected_hash(log))
        with ape.reverts(inbox.GasLimitTooLow, minimum=minimum):
            inbox.depositTransaction(ZERO_ADDRESS, 0, minimum - 1, True, bytes(33), sender=alice)

    def test_refuses_a_creation_with_a_callee(self, inbox, alice):
        with ape.reverts(inbox.CreationWithCallee):
            inbox.depositTransaction(TARGET, 0, 100_000, True, b"", sender=alice)

    def test_refuses_init_code_that_no_chain_would_run(self, inbox, alice):
        inbox.depositTransaction(ZERO_ADDRESS, 0, 2**21, True, bytes(49_152), sender=alice)
        with ape.reverts(inbox.MessageTooLarge, maximum=49_152):
            inbox.depositTransaction(ZERO_ADDRESS, 0, 2**21, True, bytes(49_153), sender=alice)


class TestEnqueue:
    @pytest.mark.parametrize("who", ["deployer", "sequencer", "alice"])
    def test_is_for_the_bridge_alone(self, inbox, request, who):
        with ape.reverts(inbox.OnlyBridge):
            inbox.enqueue(TARGET, TARGET, False, 10**18, 0, 21_000, b"", sender=request.getfixturevalue(who))


class TestViews:
    def test_know_no_index_beyond_the_queue(self, inbox):
        count = inbox.messageCount()
        for view, index in [
            (inbox.messageAcc, count + 1),
            (inbox.messageTimestamp, count),
            (inbox.batchAcc, 1),
            (inbox.messagesConsumedBy, 1),
        ]:
            with ape.reverts(inbox.IndexOutOfRange):
                view(index)

    def test_start_from_zero(self, inbox):
        assert bytes(inbox.messageAcc(0)) == bytes(inbox.batchAcc(0)) == EMPTY
        assert inbox.messageCount() == inbox.batchCount() == inbox.messagesConsumed() == 0
        assert inbox.messagesConsumedBy(0) == 0
        assert not inbox.isOverdue()
