"""Rollup: genesis, and adding assertions (createAssertion)."""

from __future__ import annotations

import ape
import pytest
from eth_utils import keccak

from tests.contracts import tree_model
from tests.contracts.tree_model import EMPTY
from tests.contracts.world import BOND, DELAY, WINDOW, ZERO_ADDRESS, L2State, World, now, pass_time

NONE, PENDING, CONFIRMED, REJECTED = range(4)


@pytest.fixture
def child(world):
    """A right child of genesis, not yet created."""
    world.batch()
    return world.assertion(world.genesis_id, L2State(batches=1))


class TestGenesis:
    def test_is_confirmed_from_the_start(self, world, rollup):
        expected = tree_model.abi_hash(["bytes32"] * 4, [EMPTY, world.genesis.hash, EMPTY, EMPTY])
        assert world.genesis_id == expected == bytes(rollup.latestConfirmed())
        assert rollup.isConfirmed(expected)
        assert rollup.getAssertion(expected).asserter == ZERO_ADDRESS
        assert rollup.requiredBatches(expected) == 1

    @pytest.mark.parametrize(
        ("changes", "error"), [({"batches": 1}, "WrongBatches"), ({"messages": 1}, "WrongMessages")]
    )
    def test_must_have_consumed_nothing(self, project, deployer, inbox, changes, error):
        with ape.reverts(getattr(project.Rollup, error, error)):
            deployer.deploy(project.Rollup, inbox, ZERO_ADDRESS, BOND, WINDOW, L2State(**changes).abi)

    def test_counts_the_batches_that_its_inbox_has_already(self, world, project, deployer, inbox):
        world.batch(3)
        late = deployer.deploy(project.Rollup, inbox, ZERO_ADDRESS, BOND, WINDOW, L2State().abi)
        assert late.requiredBatches(late.genesis()) == 3


class TestCreateAssertion:
    def test_records_and_announces_the_claim(self, world, rollup, child, alice):
        world.batch(2)
        receipt = world.create(child, alice)
        (log,) = receipt.decode_logs()
        assert log.event_name == "AssertionCreated"
        assert (log.id, log.parentId, log.asserter) == (child.id, world.genesis_id, alice.address)
        assert (log.traceRoot, log.inboxAcc, log.inboxBatches) == (child.trace_root, child.inbox_acc, 3)
        assert tuple(log.state) == child.state.abi
        stored = rollup.getAssertion(child.id)
        assert (bytes(stored.parent), stored.asserter, stored.status) == (world.genesis_id, alice.address, PENDING)
        assert (stored.createdAt, stored.batches, stored.inboxBatches) == (now(), 1, 3)
        assert rollup.balance == BOND
        assert not rollup.isConfirmed(child.id)

    def test_needs_the_exact_bond(self, rollup, child, alice):
        for value in (0, BOND - 1, BOND + 1):
            with ape.reverts(rollup.WrongBond, bond=BOND):
                rollup.createAssertion(*child.arguments, sender=alice, value=value)

    def test_takes_one_bond_for_one_claim(self, world, rollup, child, alice, bob):
        world.create(child, alice)
        with ape.reverts(rollup.AssertionExists, id=child.id):
            world.create(child, bob)

    def test_needs_a_parent(self, world, rollup, child, alice):
        orphan = world.assertion(keccak(b"nobody"), child.state)
        with ape.reverts(rollup.UnknownParent, parentId=orphan.parent):
            world.create(orphan, alice)

    def test_may_follow_a_pending_parent(self, world, rollup, child, alice):
        world.batch(3)
        world.create(child, alice)
        assert rollup.requiredBatches(child.id) == 4
        world.create(world.assertion(child.id, L2State(batches=4)), alice)

    def test_cannot_follow_a_decided_parent(self, world, rollup, child, alice, bob):
        rival = world.assertion(world.genesis_id, L2State(batches=1, salt=1))
        world.create(child, alice)
        world.create(rival, bob)
        world.game.declare(child.id, sender=alice)
        rollup.confirmAssertion(child.id, sender=alice)
        rollup.rejectAssertion(rival.id, sender=alice)
        world.batch()
        for parent, batches in [(world.genesis_id, 1), (rival.id, 2)]:
            late = world.assertion(parent, L2State(batches=batches, salt=2))
            with ape.reverts(rollup.ParentDecided, parentId=parent):
                world.create(late, bob)


class TestBatchesRule:
    @pytest.mark.parametrize("batches", [0, 1, 3, 4])
    def test_the_child_consumes_what_the_inbox_held_when_the_parent_was_created(
        self, world, rollup, child, alice, batches
    ):
        world.batch()
        world.create(child, alice)  # two batches in the inbox
        world.batch(2)
        with ape.reverts(rollup.WrongBatches, required=2):
            world.create(world.assertion(child.id, L2State(batches=batches)), alice)
        world.create(world.assertion(child.id, L2State(batches=2)), alice)

    def test_the_child_consumes_one_batch_at_least(self, world, rollup, child, alice):
        world.create(child, alice)
        assert rollup.requiredBatches(child.id) == 2
        early = world.assertion(child.id, L2State(batches=2), inbox_acc=EMPTY)
        with ape.reverts(rollup.BatchesMissing, required=2, available=1):
            world.create(early, alice)

    def test_the_child_consumes_64_batches_at_most(self, world, rollup, child, alice):
        world.batch(65)
        world.create(child, alice)
        assert rollup.requiredBatches(child.id) == 65
        world.create(world.assertion(child.id, L2State(batches=65)), alice)

    def test_a_bond_is_not_put_on_batches_that_the_asserter_has_not_seen(self, world, rollup, child, alice):
        other = world.assertion(world.genesis_id, child.state, inbox_acc=keccak(b"another history"))
        with ape.reverts(rollup.WrongInboxAcc, expected=child.inbox_acc):
            world.create(other, alice)

    def test_nothing_is_required_of_a_child_of_nobody(self, rollup):
        with ape.reverts(rollup.UnknownParent):
            rollup.requiredBatches(keccak(b"nobody"))


class TestStateChecks:
    @pytest.mark.parametrize("word", range(17))
    def test_every_header_word_counts(self, rollup, child, alice, word):
        child.state.header[word] = keccak(b"damage")
        with ape.reverts(rollup.WrongHeader):
            rollup.createAssertion(*child.arguments, sender=alice, value=BOND)

    def test_the_header_holds_the_state_root(self, world, rollup, child, alice):
        child.state.state_root = keccak(b"another")
        with ape.reverts(rollup.WrongStateRoot):
            world.create(child, alice)

    def test_the_header_holds_the_messages(self, world, rollup, child, alice):
        child.state.messages = 1
        with ape.reverts(rollup.WrongMessages):
            world.create(child, alice)

    def test_the_withdrawal_root_is_the_message_passers(self, world, rollup, child, alice):
        child.state.withdrawal_root = keccak(b"another")
        with ape.reverts(rollup.WrongWithdrawalRoot):
            world.create(child, alice)

    @pytest.mark.parametrize("member", range(6))
    def test_every_member_of_the_account_counts(self, rollup, child, alice, member):
        record = list(child.state.passer)
        record[member] = keccak(b"damage") if isinstance(record[member], bytes) else record[member] + 1
        child.state.passer = tuple(record)
        with ape.reverts(rollup.WrongWithdrawalRoot):
            rollup.createAssertion(*child.arguments, sender=alice, value=BOND)

    def test_every_sibling_of_the_account_proof_counts(self, rollup, child, alice):
        opening, header, passer, (bitmap, siblings, key, value) = child.arguments
        for i in range(len(siblings)):
            damaged = [*siblings[:i], keccak(siblings[i]), *siblings[i + 1 :]]
            with ape.reverts(rollup.WrongWithdrawalRoot):
                rollup.createAssertion(opening, header, passer, (bitmap, damaged, key, value), sender=alice, value=BOND)

    def test_another_account_is_not_the_message_passer(self, rollup, child, alice):
        stranger = next(key for key in child.state.accounts if key != child.state.passer_key)
        proof = tree_model.prove(child.state.accounts, stranger).abi
        opening, header, passer, _ = child.arguments
        with ape.reverts(rollup.WrongWithdrawalRoot):
            rollup.createAssertion(opening, header, passer, proof, sender=alice, value=BOND)


class TestRivals:
    def test_may_come_while_the_window_is_open(self, world, rollup, child, alice, bob):
        world.create(child, alice)
        pass_time(WINDOW - 100)
        rival = world.assertion(world.genesis_id, L2State(batches=1, salt=1))
        receipt = world.create(rival, bob)
        log = receipt.decode_logs()[1]
        assert log.event_name == "AssertionContested"
        assert (log.parentId, log.rival) == (world.genesis_id, rival.id)
        assert rollup.getAssertion(world.genesis_id).children == 2

    def test_cannot_come_once_the_first_child_stood_alone_for_the_window(self, world, rollup, child, alice, bob):
        world.create(child, alice)
        deadline = now() + WINDOW
        pass_time(WINDOW)
        rival = world.assertion(world.genesis_id, L2State(batches=1, salt=1))
        with ape.reverts(rollup.RivalTooLate, deadline=deadline):
            world.create(rival, bob)

    def test_may_join_a_contest_at_any_time(self, world, child, alice, bob):
        world.create(child, alice)
        world.create(world.assertion(world.genesis_id, L2State(batches=1, salt=1)), bob)
        pass_time(2 * WINDOW)
        world.create(world.assertion(world.genesis_id, L2State(batches=1, salt=2)), bob)

    def test_may_differ_in_the_trace_alone(self, world, rollup, child, alice, bob):
        world.create(child, alice)
        world.create(world.assertion(world.genesis_id, child.state, trace_root=keccak(b"false trace")), bob)
        assert rollup.getAssertion(world.genesis_id).children == 2


def test_worlds_without_a_game_can_be_deployed(project, accounts, sequencer):
    other = World(project, accounts[4], sequencer, with_game=False)
    assert other.rollup.disputeGame() == ZERO_ADDRESS
    assert other.inbox.forceInclusionDelay() == DELAY
