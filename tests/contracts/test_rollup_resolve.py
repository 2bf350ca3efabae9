"""Rollup: what becomes of assertions (confirmAssertion, rejectAssertion) and of their bonds (claimBond)."""

from __future__ import annotations

import ape
import pytest
from eth_utils import keccak

from tests.contracts.world import BOND, WINDOW, L2State, now, pass_time, place

PENDING, CONFIRMED, REJECTED = 1, 2, 3


@pytest.fixture
def child(world, alice):
    """Alice's child of genesis."""
    world.batch(2)
    assertion = world.assertion(world.genesis_id, L2State(batches=1))
    world.create(assertion, alice)
    return assertion


@pytest.fixture
def rival(world, child, bob):
    """Bob's rival to it, at once."""
    return rival_of(world, bob)


@pytest.fixture
def late_rival(world, child, bob):
    """Bob's rival to it, when Alice's has stood alone for the window."""
    pass_time(WINDOW)
    return rival_of(world, bob)


@pytest.fixture
def decided(rollup, child, late_rival, alice):
    """The contest, after it was decided for Alice."""
    rollup.confirmAssertion(child.id, sender=alice)


def rival_of(world, asserter):
    assertion = world.assertion(world.genesis_id, L2State(batches=1, salt=1))
    world.create(assertion, asserter)
    return assertion


class TestConfirm:
    def test_waits_for_the_window(self, rollup, child, bob, chain):
        until = now() + WINDOW
        for early in (until - 100, until - 1):
            chain.pending_timestamp = early
            with ape.reverts(rollup.NotWon, id=child.id):
                rollup.confirmAssertion(child.id, sender=bob)
        chain.pending_timestamp = until
        (log,) = rollup.confirmAssertion(child.id, sender=bob).decode_logs()
        assert (log.event_name, log.id) == ("AssertionConfirmed", child.id)
        assert bytes(rollup.latestConfirmed()) == child.id
        assert rollup.isConfirmed(child.id)

    def test_says_beforehand_whether_it_would(self, rollup, child):
        assert not rollup.isConfirmable(child.id)
        assert not rollup.isConfirmable(keccak(b"nobody"))
        pass_time(WINDOW)
        assert rollup.isConfirmable(child.id)

    def test_needs_a_pending_assertion(self, rollup, world, child, bob):
        pass_time(WINDOW)
        rollup.confirmAssertion(child.id, sender=bob)
        for id_ in (child.id, world.genesis_id, keccak(b"nobody")):
            with ape.reverts(rollup.NotPending, id=id_):
                rollup.confirmAssertion(id_, sender=bob)

    def test_goes_from_parent_to_child(self, world, rollup, child, alice):
        grandchild = world.assertion(child.id, L2State(batches=2))
        world.create(grandchild, alice)
        pass_time(WINDOW)
        assert not rollup.isConfirmable(grandchild.id)
        with ape.reverts(rollup.ParentNotLatest, parentId=child.id):
            rollup.confirmAssertion(grandchild.id, sender=alice)
        rollup.confirmAssertion(child.id, sender=alice)
        rollup.confirmAssertion(grandchild.id, sender=alice)
        # Ancestors stay confirmed: withdrawals under them stay good.
        assert all(rollup.isConfirmed(id_) for id_ in (world.genesis_id, child.id, grandchild.id))

    def test_leaves_a_contest_to_the_game(self, rollup, child, rival, alice):
        pass_time(10 * WINDOW)
        for assertion in (child, rival):
            assert not rollup.isConfirmable(assertion.id)
            with ape.reverts(rollup.NotWon, id=assertion.id):
                rollup.confirmAssertion(assertion.id, sender=alice)

    def test_a_rival_that_comes_too_late_changes_nothing(self, rollup, child, late_rival, alice):
        assert rollup.isConfirmable(child.id)
        assert not rollup.isConfirmable(late_rival.id)
        pass_time(10 * WINDOW)
        with ape.reverts(rollup.NotWon, id=late_rival.id):
            rollup.confirmAssertion(late_rival.id, sender=alice)
        rollup.confirmAssertion(child.id, sender=alice)

    def test_never_confirms_two_rivals(self, world, rollup, late_rival, decided, alice):
        with ape.reverts(rollup.ParentNotLatest, parentId=world.genesis_id):
            rollup.confirmAssertion(late_rival.id, sender=alice)


class TestReject:
    def test_moves_a_losers_bond_to_the_pool(self, world, rollup, late_rival, decided, bob):
        log, funded, credited = rollup.rejectAssertion(late_rival.id, sender=bob).decode_logs()
        assert (log.event_name, log.id) == ("AssertionRejected", late_rival.id)
        assert (funded.event_name, funded.amount) == ("PoolFunded", BOND)
        assert (credited.event_name, credited.to) == ("Credited", bob.address)
        assert world.game.pool() == BOND - credited.amount
        assert world.game.credit(bob) == credited.amount
        assert (rollup.balance, world.game.balance) == (BOND, BOND)
        assert rollup.getAssertion(late_rival.id).status == REJECTED
        with ape.reverts(rollup.NotPending, id=late_rival.id):
            rollup.rejectAssertion(late_rival.id, sender=bob)

    def test_reaches_the_losers_descendants(self, world, rollup, child, late_rival, alice, bob):
        heir = world.assertion(late_rival.id, L2State(batches=2))
        world.create(heir, bob)
        with ape.reverts(rollup.NotDefeated, id=heir.id):
            rollup.rejectAssertion(heir.id, sender=alice)
        rollup.confirmAssertion(child.id, sender=alice)
        with ape.reverts(rollup.NotDefeated, id=heir.id):  # its parent first
            rollup.rejectAssertion(heir.id, sender=alice)
        rollup.rejectAssertion(late_rival.id, sender=alice)
        rollup.rejectAssertion(heir.id, sender=alice)
        assert world.game.pool() + world.game.credit(alice) == 2 * BOND == world.game.balance

    def test_spares_the_undecided_and_the_confirmed(self, world, rollup, child, late_rival, alice):
        for assertion in (child, late_rival):
            with ape.reverts(rollup.NotDefeated, id=assertion.id):
                rollup.rejectAssertion(assertion.id, sender=alice)
        rollup.confirmAssertion(child.id, sender=alice)
        for id_ in (child.id, world.genesis_id):
            with ape.reverts(rollup.NotPending, id=id_):
                rollup.rejectAssertion(id_, sender=alice)

    def test_spares_the_winners_children(self, world, rollup, child, late_rival, alice):
        heir = world.assertion(child.id, L2State(batches=2))
        world.create(heir, alice)
        rollup.confirmAssertion(child.id, sender=alice)
        with ape.reverts(rollup.NotDefeated, id=heir.id):
            rollup.rejectAssertion(heir.id, sender=alice)


class TestClaimBond:
    def test_pays_the_asserter_once(self, rollup, child, decided, alice, bob):
        before = alice.balance
        (log,) = rollup.claimBond(child.id, sender=bob).decode_logs()
        assert (log.event_name, log.asserter, log.amount) == ("BondClaimed", alice.address, BOND)
        assert alice.balance == before + BOND
        with ape.reverts(rollup.NoBond, id=child.id):
            rollup.claimBond(child.id, sender=bob)

    def test_pays_nothing_for_what_is_not_confirmed(self, world, rollup, child, rival, bob):
        for id_ in (child.id, world.genesis_id, keccak(b"nobody")):
            with ape.reverts(rollup.NoBond, id=id_):
                rollup.claimBond(id_, sender=bob)

    def test_never_pays_a_loser(self, rollup, late_rival, decided, bob):
        for _ in range(2):
            with ape.reverts(rollup.NoBond, id=late_rival.id):
                rollup.claimBond(late_rival.id, sender=bob)
            if rollup.getAssertion(late_rival.id).status == PENDING:
                rollup.rejectAssertion(late_rival.id, sender=bob)

    def test_waits_for_a_receiver_that_refuses(self, world, project, deployer, rollup, alice):
        """A refusal harms the one who refuses, and nobody else."""
        refuser = deployer.deploy(project.WithdrawalTarget, world.bridge)  # reads the L2 sender: refuses plain ether
        world.batch()
        claim = world.assertion(world.genesis_id, L2State(batches=1))
        forwarder = deployer.deploy(project.Caller)
        call = rollup.createAssertion.encode_input(*claim.arguments)
        forwarder.forward(rollup, BOND, call, sender=alice, value=BOND)
        pass_time(WINDOW)
        rollup.confirmAssertion(claim.id, sender=alice)
        code = refuser.contract_type.runtime_bytecode.bytecode
        place(forwarder.address, bytes.fromhex(code.removeprefix("0x")))
        with ape.reverts(rollup.TransferFailed):
            rollup.claimBond(claim.id, sender=alice)
        assert rollup.balance == BOND
