"""Rollup: what becomes of assertions (confirmAssertion, rejectAssertion) and of their bonds (claimBond, refund)."""

from __future__ import annotations

import ape
import pytest
from eth_utils import keccak

from tests.contracts.world import BOND, WINDOW, L2State, World, now, pass_time, place

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
    """Bob's rival to it."""
    assertion = world.assertion(world.genesis_id, L2State(batches=1, salt=1))
    world.create(assertion, bob)
    return assertion


@pytest.fixture
def decided(world, rollup, child, rival, alice):
    """The contest, after the game decided for Alice."""
    world.game.declare(child.id, sender=alice)
    rollup.confirmAssertion(child.id, sender=alice)


class TestConfirm:
    def test_waits_for_the_window(self, rollup, child, bob, chain):
        until = now() + WINDOW
        with ape.reverts(rollup.WindowOpen, until=until):
            rollup.confirmAssertion(child.id, sender=bob)
        chain.pending_timestamp = until - 1
        with ape.reverts(rollup.WindowOpen, until=until):
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

    def test_leaves_a_contest_to_the_game(self, world, rollup, child, rival, alice):
        pass_time(10 * WINDOW)
        for assertion in (child, rival):
            assert not rollup.isConfirmable(assertion.id)
            with ape.reverts(rollup.Contested, id=assertion.id):
                rollup.confirmAssertion(assertion.id, sender=alice)
        world.game.declare(rival.id, sender=alice)
        assert rollup.isConfirmable(rival.id)
        rollup.confirmAssertion(rival.id, sender=alice)
        assert bytes(rollup.latestConfirmed()) == rival.id

    def test_never_confirms_two_rivals(self, world, rollup, child, rival, decided, alice):
        world.game.declare(rival.id, sender=alice)
        with ape.reverts(rollup.ParentNotLatest, parentId=world.genesis_id):
            rollup.confirmAssertion(rival.id, sender=alice)

    def test_never_decides_a_contest_without_a_game(self, project, accounts, sequencer, alice):
        world = World(project, accounts[4], sequencer, with_game=False)
        world.batch()
        rivals = [world.assertion(world.genesis_id, L2State(batches=1, salt=salt)) for salt in (0, 1)]
        for rival in rivals:
            world.create(rival, alice)
        pass_time(10 * WINDOW)
        for rival in rivals:
            with ape.reverts(world.rollup.Contested, id=rival.id):
                world.rollup.confirmAssertion(rival.id, sender=alice)


class TestReject:
    def test_moves_a_losers_bond_to_the_pool(self, rollup, rival, decided, alice):
        (log,) = rollup.rejectAssertion(rival.id, sender=alice).decode_logs()
        assert (log.event_name, log.id) == ("AssertionRejected", rival.id)
        assert rollup.pool() == BOND
        assert rollup.getAssertion(rival.id).status == REJECTED
        with ape.reverts(rollup.NotPending, id=rival.id):
            rollup.rejectAssertion(rival.id, sender=alice)

    def test_reaches_the_losers_descendants(self, world, rollup, child, rival, alice, bob):
        heir = world.assertion(rival.id, L2State(batches=2))
        world.create(heir, bob)
        with ape.reverts(rollup.NotDefeated, id=heir.id):
            rollup.rejectAssertion(heir.id, sender=alice)
        world.game.declare(child.id, sender=alice)
        rollup.confirmAssertion(child.id, sender=alice)
        with ape.reverts(rollup.NotDefeated, id=heir.id):  # its parent first
            rollup.rejectAssertion(heir.id, sender=alice)
        rollup.rejectAssertion(rival.id, sender=alice)
        rollup.rejectAssertion(heir.id, sender=alice)
        assert rollup.pool() == 2 * BOND

    def test_spares_the_undecided_and_the_confirmed(self, world, rollup, child, rival, alice):
        with ape.reverts(rollup.NotDefeated, id=child.id):
            rollup.rejectAssertion(child.id, sender=alice)
        world.game.declare(child.id, sender=alice)
        rollup.confirmAssertion(child.id, sender=alice)
        for id_ in (child.id, world.genesis_id):
            with ape.reverts(rollup.NotPending, id=id_):
                rollup.rejectAssertion(id_, sender=alice)

    def test_spares_the_winners_children(self, world, rollup, child, rival, alice):
        heir = world.assertion(child.id, L2State(batches=2))
        world.create(heir, alice)
        world.game.declare(child.id, sender=alice)
        rollup.confirmAssertion(child.id, sender=alice)
        with ape.reverts(rollup.NotDefeated, id=heir.id):
            rollup.rejectAssertion(heir.id, sender=alice)


class TestClaimBond:
    def test_pays_the_asserter_once(self, rollup, child, rival, decided, alice, bob):
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

    def test_never_pays_a_loser(self, rollup, rival, decided, bob):
        for _ in range(2):
            with ape.reverts(rollup.NoBond, id=rival.id):
                rollup.claimBond(rival.id, sender=bob)
            if rollup.getAssertion(rival.id).status == PENDING:
                rollup.rejectAssertion(rival.id, sender=bob)

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


class TestRefund:
    def test_pays_honest_moves_from_the_pool(self, world, rollup, rival, decided, alice, bob):
        rollup.rejectAssertion(rival.id, sender=alice)
        before = bob.balance
        receipt = world.game.refund(rollup, bob, BOND // 4, sender=alice)
        (log,) = receipt.decode_logs(rollup.Refunded)
        assert (log.to, log.amount) == (bob.address, BOND // 4)
        assert bob.balance == before + BOND // 4
        assert rollup.pool() == BOND - BOND // 4

    def test_never_touches_standing_bonds(self, world, rollup, child, rival, decided, alice):
        rollup.rejectAssertion(rival.id, sender=alice)
        with ape.reverts(rollup.PoolExhausted, available=BOND):
            world.game.refund(rollup, alice, BOND + 1, sender=alice)

    def test_is_for_the_game_alone(self, rollup, rival, decided, alice):
        with ape.reverts(rollup.OnlyDisputeGame):
            rollup.refund(alice, 0, sender=alice)

    def test_fails_with_its_receiver(self, world, rollup, rival, decided, inbox, alice):
        rollup.rejectAssertion(rival.id, sender=alice)
        with ape.reverts(rollup.TransferFailed):
            world.game.refund(rollup, inbox, 1, sender=alice)  # the inbox takes no ether
