"""Inbox: queueing batches (submitBatch, forceInclude) and the deadline of messages."""

from __future__ import annotations

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak, to_canonical_address

from tests.contracts.tree_model import EMPTY, abi_hash
from tests.contracts.world import DELAY, L1_INFO, SYSTEM_SENDER, context_of, pass_time, place

BATCH_TYPES = ["uint8", "bytes32", "uint64", "uint64", "bytes32", "uint64", "uint256"]
TARGET = "0x000000000000000000000000000000000000bEEF"
DATA = b"\x00\x00\xc0"


@pytest.fixture
def send(inbox, alice):
    def send_messages(count: int = 1) -> None:
        for _ in range(count):
            inbox.sendMessage(TARGET, 21_000, b"", sender=alice)

    return send_messages


def expected_hash(log) -> bytes:
    return abi_hash(BATCH_TYPES, [log.location, log.dataHash, log.messagesConsumed, *context_of(log)])


class TestSubmitBatch:
    def test_records_hash_and_place_of_the_data(self, inbox, sequencer, chain):
        receipt = inbox.submitBatch(DATA, 0, sender=sequencer)
        batch, _ = receipt.decode_logs()
        assert (batch.index, batch.location, batch.dataHash, batch.messagesConsumed) == (0, 1, keccak(DATA), 0)
        assert context_of(batch).number == receipt.block_number - 1
        assert batch.acc == keccak(EMPTY + expected_hash(batch))
        assert bytes(inbox.batchAcc(1)) == batch.acc
        second, _ = inbox.submitBatch(b"", 0, sender=sequencer).decode_logs()
        assert second.acc == keccak(batch.acc + expected_hash(second))
        assert inbox.batchCount() == 2

    def test_queues_a_system_message_that_it_cannot_consume(self, inbox, sequencer, send):
        send()
        with ape.reverts(inbox.MessagesUnknown, queued=1):
            inbox.submitBatch(DATA, 2, sender=sequencer)
        batch, message = inbox.submitBatch(DATA, 1, sender=sequencer).decode_logs()
        assert (message.index, message.sender, message.to) == (1, SYSTEM_SENDER, L1_INFO)
        assert (message.isCreation, message.mint, message.value, message.gasLimit) == (False, 0, 0, 200_000)
        selector = keccak(b"setOrigin(uint64,bytes32,uint64,uint256)")[:4]
        assert message.data == selector + encode(["uint64", "bytes32", "uint64", "uint256"], context_of(batch))
        assert message.context == batch.context
        assert inbox.messageCount() == 2
        assert inbox.messagesConsumed() == 1

    def test_keeps_what_each_batch_consumed(self, inbox, sequencer, send):
        consumed = []
        for _ in range(6):  # more than share a storage slot
            send()
            consumed.append(inbox.messageCount())
            inbox.submitBatch(DATA, consumed[-1], sender=sequencer)
        assert [inbox.messagesConsumedBy(i) for i in range(7)] == [0, *consumed]

    def test_may_leave_messages_that_are_young(self, inbox, sequencer, send):
        send(3)
        inbox.submitBatch(DATA, 1, sender=sequencer)
        inbox.submitBatch(DATA, 1, sender=sequencer)
        assert inbox.messagesConsumed() == 1

    def test_refuses_to_give_messages_back(self, inbox, sequencer, send):
        send(2)
        inbox.submitBatch(DATA, 2, sender=sequencer)
        with ape.reverts(inbox.MessagesFall, consumed=2):
            inbox.submitBatch(DATA, 1, sender=sequencer)

    def test_refuses_to_leave_out_an_overdue_message(self, inbox, sequencer, send):
        send(2)
        pass_time(DELAY // 2)
        send()
        pass_time(DELAY // 2 + 10)
        with ape.reverts(inbox.OverdueMessageSkipped, index=1):
            inbox.submitBatch(DATA, 1, sender=sequencer)
        inbox.submitBatch(DATA, 2, sender=sequencer)

    def test_accepts_data_up_to_the_cap(self, inbox, sequencer):
        inbox.submitBatch(b"\x01" * 98_304, 0, sender=sequencer)
        with ape.reverts(inbox.BatchTooLarge, maximum=98_304):
            inbox.submitBatch(b"\x01" * 98_305, 0, sender=sequencer)

    def test_is_for_the_sequencer_alone(self, inbox, alice, deployer):
        for other in (alice, deployer):
            with ape.reverts(inbox.OnlySequencer):
                inbox.submitBatch(DATA, 0, sender=other)

    def test_refuses_a_sequencer_that_is_a_contract(self, project, deployer, caller, alice):
        inbox = deployer.deploy(project.Inbox, alice, caller, DELAY)
        with ape.reverts(inbox.OnlySequencer):
            caller.forward(inbox, 0, inbox.submitBatch.encode_input(DATA, 0), sender=alice)

    def test_refuses_a_sequencer_that_has_delegated_to_code(self, inbox, sequencer, caller):
        place(sequencer.address, b"\xef\x01\x00" + to_canonical_address(caller.address))
        with ape.reverts(inbox.OnlySequencer):
            inbox.submitBatch(DATA, 0, sender=sequencer)

    def test_refuses_calldata_that_nodes_would_have_to_guess_at(self, inbox, sequencer):
        canonical = bytes(inbox.submitBatch.encode_input(DATA, 0))
        selector, rest = canonical[:4], canonical[68:]
        shifted = selector + encode(["uint256", "uint64"], [0x60, 0]) + bytes(32) + rest
        with ape.reverts(inbox.NonCanonicalCalldata):
            sequencer.transfer(inbox, 0, data=shifted)
        sequencer.transfer(inbox, 0, data=canonical)
        assert inbox.batchCount() == 1


class TestForceInclude:
    def test_takes_every_overdue_message_and_no_other(self, inbox, alice, send):
        send(5)
        pass_time(DELAY // 2)
        send(2)
        pass_time(DELAY // 2 + 10)
        assert inbox.isOverdue()
        batch, message = inbox.forceInclude(sender=alice).decode_logs()
        assert (batch.location, batch.dataHash, batch.messagesConsumed) == (0, EMPTY, 5)
        assert batch.acc == keccak(EMPTY + expected_hash(batch))
        assert message.sender == SYSTEM_SENDER
        assert not inbox.isOverdue()

    def test_takes_all_when_all_are_overdue(self, inbox, alice, send):
        send(3)
        pass_time(DELAY + 10)
        inbox.forceInclude(sender=alice)
        assert inbox.messagesConsumed() == 3

    @pytest.mark.parametrize("count", [0, 1], ids=["no message", "a young message"])
    def test_refuses_when_nothing_is_overdue(self, inbox, alice, send, count):
        send(count)
        with ape.reverts(inbox.NothingOverdue):
            inbox.forceInclude(sender=alice)

    def test_waits_for_the_very_second(self, inbox, alice, send, chain):
        send()
        chain.pending_timestamp = inbox.messageTimestamp(0) + DELAY
        with ape.reverts(inbox.NothingOverdue):
            inbox.forceInclude(sender=alice)
        chain.pending_timestamp = inbox.messageTimestamp(0) + DELAY + 1
        inbox.forceInclude(sender=alice)

    def test_moves_a_silent_chain_again_and_again(self, inbox, alice, send):
        send()
        for consumed in (1, 2, 3):  # each forced batch queues a system message that falls due in turn
            pass_time(DELAY + 10)
            inbox.forceInclude(sender=alice)
            assert inbox.messagesConsumed() == consumed


class TestMessageCap:
    """A queue of more messages than one batch may consume."""

    @pytest.fixture
    def crowded(self, inbox):
        # Written straight into the counters' slot: 1,100 real messages take py-evm a minute. Their times are 0.
        place(inbox.address, storage={0: 1100})
        return inbox

    def test_bounds_what_a_batch_consumes(self, crowded, sequencer, alice):
        assert crowded.messageCount() == 1100
        with ape.reverts(crowded.TooManyMessages, maximum=1024):
            crowded.submitBatch(DATA, 1025, sender=sequencer)
        with ape.reverts(crowded.OverdueMessageSkipped, index=1023):
            crowded.submitBatch(DATA, 1023, sender=sequencer)
        # Overdue messages beyond the cap wait for the next batch.
        crowded.forceInclude(sender=alice)
        assert crowded.messagesConsumed() == 1024
        crowded.submitBatch(DATA, 1100, sender=sequencer)
        assert crowded.messagesConsumed() == 1100
