"""Rollup: genesis, and adding assertions (createAssertion)."""

from __future__ import annotations

from dataclasses import astuple, replace

import ape
import pytest
from eth_utils import keccak

from tandem.machine.modes import Mode
from tests.contracts import tree_model
from tests.contracts.tree_model import EMPTY
from tests.contracts.world import BOND, WINDOW, ZERO_ADDRESS, L2State, machine_words, now, pass_time
from tests.support.toy_machine import lie_at

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
        assert bytes(rollup.rootEdge(expected)) == EMPTY

    @pytest.mark.parametrize(
        ("changes", "error"), [({"batches": 1}, "WrongBatches"), ({"messages": 1}, "WrongMessages")]
    )
    def test_must_have_consumed_nothing(self, project, deployer, inbox, changes, error):
        with ape.reverts(getattr(project.Rollup, error, error)):
            deployer.deploy(project.Rollup, inbox, ZERO_ADDRESS, BOND, L2State(**changes).abi)

    def test_counts_the_batches_that_its_inbox_has_already(self, world, project, deployer, inbox):
        world.batch(3)
        late = deployer.deploy(project.Rollup, inbox, ZERO_ADDRESS, BOND, L2State().abi)
        assert late.requiredBatches(late.genesis()) == 3


class TestCreateAssertion:
    def test_records_and_announces_the_claim(self, world, rollup, child, alice):
        world.batch(2)
        log, opened = world.create(child, alice).decode_logs()
        assert log.event_name == "AssertionCreated"
        assert (log.id, log.parentId, log.asserter) == (child.id, world.genesis_id, alice.address)
        assert (log.traceRoot, log.inboxAcc, log.requiredBatches) == (child.trace_root, child.inbox_acc, 3)
        assert tuple(log.state) == child.state.abi
        root = child.claim.root
        assert (opened.event_name, opened.id, opened.claim, opened.mover) == ("EdgeOpened", root.id, EMPTY, alice)
        assert tuple(opened.edge) == astuple(root)
        stored = rollup.getAssertion(child.id)
        assert (bytes(stored.parent), stored.asserter, stored.status) == (world.genesis_id, alice.address, PENDING)
        assert (stored.bondClaimed, stored.hasChild, stored.requiredBatches) == (False, False, 3)
        assert bytes(stored.childStart) == keccak(machine_words(Mode.BATCH, child.state, 1, 3))
        assert bytes(stored.rootEdge) == bytes(rollup.rootEdge(child.id)) == root.id
        assert rollup.getAssertion(world.genesis_id).hasChild
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
        pass_time(WINDOW)
        world.create(rival, bob)
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
        opening, header, passer, (bitmap, siblings, key, value), end = child.arguments
        for i in range(len(siblings)):
            damaged = [*siblings[:i], keccak(siblings[i]), *siblings[i + 1 :]]
            with ape.reverts(rollup.WrongWithdrawalRoot):
                proof = (bitmap, damaged, key, value)
                rollup.createAssertion(opening, header, passer, proof, end, sender=alice, value=BOND)

    def test_another_account_is_not_the_message_passer(self, rollup, child, alice):
        stranger = next(key for key in child.state.accounts if key != child.state.passer_key)
        proof = tree_model.prove(child.state.accounts, stranger).abi
        opening, header, passer, _, end = child.arguments
        with ape.reverts(rollup.WrongWithdrawalRoot):
            rollup.createAssertion(opening, header, passer, proof, end, sender=alice, value=BOND)


class TestTrace:
    def test_ends_with_the_state_that_is_claimed(self, world, rollup, child, alice):
        *others, end_proof = child.arguments
        later = world.assertion(world.genesis_id, L2State(batches=1, salt=1))
        for proof in (end_proof[1:], (*end_proof, EMPTY), (keccak(b"damage"), *end_proof[1:]), later.claim.end_proof):
            with ape.reverts(world.game.WrongEnd):
                rollup.createAssertion(*others, proof, sender=alice, value=BOND)

    def test_of_another_state_is_not_accepted(self, world, rollup, child, alice):
        other = replace(world.assertion(world.genesis_id, L2State(batches=1, salt=1)), state=child.state)
        with ape.reverts(world.game.WrongEnd):
            world.create(other, alice)

    def test_is_opened_by_the_rollup_alone(self, world, child, alice):
        root = child.claim.root
        with ape.reverts(world.game.OnlyRollup):
            world.game.openTrace(
                root.origin, root.prefix, child.trace.end.hash, root.root, child.claim.end_proof, alice, 0, sender=alice
            )

    def test_goes_on_where_the_parents_ended(self, world, rollup, child, alice):
        world.batch()
        world.create(child, alice)
        heir = world.assertion(child.id, L2State(batches=2))
        world.create(heir, alice)
        assert heir.claim.root.prefix == bytes(rollup.getAssertion(child.id).childStart)
        assert world.game.exists(astuple(heir.claim.root))


class TestRivals:
    @pytest.mark.parametrize("late", [10, WINDOW - 100, 2 * WINDOW])
    def test_may_come_until_one_is_confirmed(self, world, rollup, child, alice, bob, late):
        world.create(child, alice)
        pass_time(late)
        rival = world.assertion(world.genesis_id, L2State(batches=1, salt=1))
        log = world.create(rival, bob).decode_logs()[1]
        assert log.event_name == "AssertionContested"
        assert (log.parentId, log.rival) == (world.genesis_id, rival.id)
        assert world.game.clock(rival.claim.root.place)[1] == now()

    def test_may_be_many(self, world, child, alice, bob):
        world.create(child, alice)
        for salt in (1, 2):
            rival = world.assertion(world.genesis_id, L2State(batches=1, salt=salt))
            assert len(world.create(rival, bob).decode_logs(world.rollup.AssertionContested)) == 1

    def test_may_differ_in_the_trace_alone(self, world, rollup, child, alice, bob):
        world.create(child, alice)
        rival = world.assertion(world.genesis_id, child.state, alter=lie_at(0, 0))
        assert rival.trace_root != child.trace_root
        log = world.create(rival, bob).decode_logs()[1]
        assert (log.event_name, log.rival) == ("AssertionContested", rival.id)
