"""Bridge: withdrawals (finalizeWithdrawal, replay, l2Sender)."""

from __future__ import annotations

from dataclasses import replace

import ape
import pytest
from eth_utils import keccak

from tests.contracts.tree_model import EMPTY
from tests.contracts.world import L2State, Withdrawal, taken_back

NONE, SUCCEEDED, FAILED = range(3)
ACCEPT, REVERT, BURN_GAS, RETURN_BOMB, CALL_BACK = range(5)
ETHER = 10**18


@pytest.fixture
def target(project, deployer, bridge):
    return deployer.deploy(project.WithdrawalTarget, bridge)


@pytest.fixture
def withdrawal(target):
    return Withdrawal(target.address, value=ETHER, gas_limit=250_000, data=b"from L2")


@pytest.fixture
def escrow(bridge, alice):
    bridge.depositETH(alice, 21_000, b"", sender=alice, value=5 * ETHER)


@pytest.fixture
def confirmed(world, escrow, withdrawal, alice):
    return world.confirmed([withdrawal, replace(withdrawal, nonce=1), replace(withdrawal, nonce=2)], alice)


def finalize(bridge, withdrawal, assertion, sender, **options):
    proof = options.pop("proof", None) or assertion.state.prove(withdrawal)
    return bridge.finalizeWithdrawal(withdrawal.abi, assertion.abi, proof, sender=sender, **options)


def outcome(receipt, bridge, event="WithdrawalFinalized"):
    (log,) = receipt.decode_logs(getattr(bridge, event))
    return log


class TestFinalize:
    def test_makes_the_call(self, bridge, target, withdrawal, confirmed, bob):
        log = outcome(finalize(bridge, withdrawal, confirmed, bob), bridge)
        assert (log.withdrawalHash, log.assertionId, log.success) == (withdrawal.hash, confirmed.id, True)
        assert bridge.statusOf(withdrawal.hash) == SUCCEEDED
        assert (target.lastSender(), target.lastValue(), target.lastData()) == (
            withdrawal.sender,
            ETHER,
            b"from L2",
        )
        assert (target.balance, bridge.balance) == (ETHER, 4 * ETHER)

    def test_pays_once(self, bridge, target, withdrawal, confirmed, bob):
        finalize(bridge, withdrawal, confirmed, bob)
        with ape.reverts(bridge.AlreadyFinalized, withdrawalHash=withdrawal.hash):
            finalize(bridge, withdrawal, confirmed, bob)
        assert target.calls() == 1

    def test_pays_once_however_it_is_proved(self, world, bridge, withdrawal, confirmed, bob):
        finalize(bridge, withdrawal, confirmed, bob)
        again = world.confirmed([withdrawal, replace(withdrawal, nonce=7)], bob)
        with ape.reverts(bridge.AlreadyFinalized):
            finalize(bridge, withdrawal, again, bob)

    def test_tells_apart_withdrawals_that_differ_in_the_nonce(self, bridge, target, withdrawal, confirmed, bob):
        for nonce in range(3):
            finalize(bridge, replace(withdrawal, nonce=nonce), confirmed, bob)
        assert target.calls() == 3

    def test_accepts_an_older_confirmed_assertion(self, world, bridge, withdrawal, confirmed, bob):
        world.confirmed([], bob)
        assert outcome(finalize(bridge, withdrawal, confirmed, bob), bridge).success

    def test_pays_an_account_without_code(self, world, bridge, escrow, bob):
        receiver = "0x00000000000000000000000000000000deadBEEF"
        plain = Withdrawal(receiver, value=3, gas_limit=0)
        finalize(bridge, plain, world.confirmed([plain], bob), bob)
        assert ape.chain.provider.get_balance(receiver) == 3


class TestProof:
    def test_needs_a_confirmed_assertion(self, world, bridge, escrow, withdrawal, alice):
        world.batch()
        pending = world.assertion(world.genesis_id, L2State([withdrawal], batches=1))
        with ape.reverts(bridge.NotConfirmed, id=pending.id):
            finalize(bridge, withdrawal, pending, alice)
        world.create(pending, alice)
        with ape.reverts(bridge.NotConfirmed, id=pending.id):
            finalize(bridge, withdrawal, pending, alice)

    @pytest.mark.parametrize("part", ["parent", "inbox_acc", "trace_root"])
    def test_every_part_of_the_opening_counts(self, bridge, withdrawal, confirmed, bob, part):
        damaged = replace(confirmed, **{part: keccak(b"damage")})
        with ape.reverts(bridge.NotConfirmed, id=damaged.id):
            finalize(bridge, withdrawal, damaged, bob)

    @pytest.mark.parametrize("change", ["block_hash", "state_root", "withdrawal_root", "batches", "messages"])
    def test_every_part_of_the_state_counts(self, bridge, withdrawal, confirmed, bob, change):
        proof = confirmed.state.prove(withdrawal)
        value = getattr(confirmed.state, change)
        setattr(confirmed.state, change, keccak(b"damage") if isinstance(value, bytes) else value + 1)
        with ape.reverts(bridge.NotConfirmed):
            finalize(bridge, withdrawal, confirmed, bob, proof=proof)

    @pytest.mark.parametrize(
        "change",
        [
            {"nonce": 9},
            {"sender": "0x0000000000000000000000000000000000000BAD"},
            {"value": 5 * ETHER},
            {"gas_limit": 1},
            {"data": b"from L2?"},
            {"data": b""},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_every_field_of_the_withdrawal_counts(self, bridge, withdrawal, confirmed, bob, change):
        mutated = replace(withdrawal, **change)
        for proof in (confirmed.state.prove(withdrawal), confirmed.state.prove(mutated)):
            with ape.reverts(bridge.InvalidProof):
                finalize(bridge, mutated, confirmed, bob, proof=proof)

    def test_another_target_is_another_withdrawal(self, bridge, withdrawal, confirmed, bob):
        stolen = replace(withdrawal, target=bob.address)
        with ape.reverts(bridge.InvalidProof):
            finalize(bridge, stolen, confirmed, bob, proof=confirmed.state.prove(withdrawal))

    def test_every_node_of_the_proof_counts(self, bridge, withdrawal, confirmed, bob):
        bitmap, siblings, key, value = confirmed.state.prove(withdrawal)
        damaged = [
            *[(bitmap, [*siblings[:i], keccak(s), *siblings[i + 1 :]], key, value) for i, s in enumerate(siblings)],
            *[(bitmap, [*siblings[:i], *siblings[i + 1 :]], key, value) for i in range(len(siblings))],
            *[(bitmap ^ (1 << i), siblings, key, value) for i in range(8)],
            (bitmap, [*siblings, keccak(b"more")], key, value),
            (bitmap << 1, siblings, key, value),
            (bitmap, siblings, keccak(key), value),
            (bitmap, siblings, key, keccak(value)),
            (bitmap, siblings, key, EMPTY),
            (0, [], key, value),
        ]
        for proof in damaged:
            with ape.reverts(bridge.InvalidProof):
                finalize(bridge, withdrawal, confirmed, bob, proof=proof)
        assert outcome(finalize(bridge, withdrawal, confirmed, bob), bridge).success


class TestFailure:
    @pytest.mark.parametrize("mood", [REVERT, BURN_GAS, RETURN_BOMB], ids=["revert", "burn gas", "return bomb"])
    def test_keeps_the_ether_and_can_be_replayed(self, bridge, target, withdrawal, confirmed, bob, mood):
        target.set(mood, b"", 0, sender=bob)
        log = outcome(finalize(bridge, withdrawal, confirmed, bob, gas_limit=450_000), bridge)
        assert not log.success
        assert bridge.statusOf(withdrawal.hash) == FAILED
        assert bridge.balance == 5 * ETHER
        with ape.reverts(bridge.AlreadyFinalized):
            finalize(bridge, withdrawal, confirmed, bob)

        replayed = bridge.replay(withdrawal.abi, sender=bob, gas_limit=450_000)
        assert not outcome(replayed, bridge, "WithdrawalReplayed").success
        target.set(ACCEPT, b"", 0, sender=bob)
        replayed = bridge.replay(withdrawal.abi, sender=bob, gas_limit=1_000_000)
        assert outcome(replayed, bridge, "WithdrawalReplayed").success
        assert (target.lastSender(), target.lastValue()) == (withdrawal.sender, ETHER)
        assert bridge.balance == 4 * ETHER

    def test_only_what_failed_can_be_replayed(self, bridge, withdrawal, confirmed, bob):
        for _ in range(2):  # before it is finalised, and after its call succeeded
            with ape.reverts(bridge.NotFailed, withdrawalHash=withdrawal.hash):
                bridge.replay(withdrawal.abi, sender=bob)
            if bridge.statusOf(withdrawal.hash) == NONE:
                finalize(bridge, withdrawal, confirmed, bob)

    def test_more_than_the_escrow_is_a_failure_like_another(self, world, bridge, target, escrow, bob):
        huge = Withdrawal(target.address, value=6 * ETHER)
        log = outcome(finalize(bridge, huge, world.confirmed([huge], bob), bob, gas_limit=1_000_000), bridge)
        assert not log.success


class TestGas:
    def test_a_relayer_cannot_starve_the_call(self, bridge, target, withdrawal, confirmed, bob):
        """Whatever gas a transaction has, the call gets what it asks for, or the transaction fails."""
        starved = fed = 0
        for gas in range(200_000, 420_000, 20_000):
            with taken_back():
                try:
                    finalize(bridge, withdrawal, confirmed, bob, gas_limit=gas)
                except ape.exceptions.ContractLogicError:
                    starved += 1
                    assert bridge.statusOf(withdrawal.hash) == NONE
                    continue
                fed += 1
                assert bridge.statusOf(withdrawal.hash) == SUCCEEDED
                assert target.lastGas() >= withdrawal.gas_limit
        assert starved and fed

    def test_says_how_much_is_needed(self, bridge, withdrawal, confirmed, bob):
        with ape.reverts(bridge.InsufficientGas, needed=(250_000 + 40_000) * 64 // 63 + 1):
            finalize(bridge, withdrawal, confirmed, bob, gas_limit=300_000)


class TestForbiddenTargets:
    @pytest.mark.parametrize("name", ["inbox", "bridge"])
    def test_the_bridge_never_calls_where_it_has_powers(self, world, bridge, escrow, bob, name):
        power = getattr(world, name)
        mint = world.inbox.enqueue.encode_input(bob, bob, False, 10**30, 10**30, 21_000, b"")
        withdrawal = Withdrawal(power.address, data=bytes(mint))
        assertion = world.confirmed([withdrawal], bob)
        with ape.reverts(bridge.ForbiddenTarget, target=power.address):
            finalize(bridge, withdrawal, assertion, bob)
        assert bridge.statusOf(withdrawal.hash) == NONE


class TestReentrancy:
    def call_back(self, bridge, target, data, bob, value=0):
        target.set(CALL_BACK, data, value, sender=bob)

    def test_another_withdrawal_must_wait(self, bridge, target, withdrawal, confirmed, bob):
        second = replace(withdrawal, nonce=1)
        call = bridge.finalizeWithdrawal.encode_input(second.abi, confirmed.abi, confirmed.state.prove(second))
        self.call_back(bridge, target, call, bob)
        finalize(bridge, withdrawal, confirmed, bob, gas_limit=3_000_000)
        assert not target.callbackSucceeded()
        assert target.callbackResult()[:4] == keccak(b"WithdrawalInProgress()")[:4]
        assert bridge.statusOf(second.hash) == NONE

    def test_the_same_withdrawal_is_done_already(self, bridge, target, withdrawal, confirmed, bob):
        call = bridge.finalizeWithdrawal.encode_input(withdrawal.abi, confirmed.abi, confirmed.state.prove(withdrawal))
        self.call_back(bridge, target, call, bob)
        finalize(bridge, withdrawal, confirmed, bob, gas_limit=3_000_000)
        assert target.callbackResult()[:4] == keccak(b"AlreadyFinalized(bytes32)")[:4]
        assert (target.calls(), target.balance) == (1, ETHER)

    def test_a_failed_one_cannot_be_replayed_within(self, bridge, target, withdrawal, confirmed, bob):
        second = replace(withdrawal, nonce=1)
        target.set(REVERT, b"", 0, sender=bob)
        finalize(bridge, second, confirmed, bob, gas_limit=1_000_000)
        self.call_back(bridge, target, bridge.replay.encode_input(second.abi), bob)
        finalize(bridge, withdrawal, confirmed, bob, gas_limit=3_000_000)
        assert target.callbackResult()[:4] == keccak(b"WithdrawalInProgress()")[:4]

    def test_a_deposit_within_is_a_deposit(self, inbox, bridge, target, withdrawal, confirmed, bob):
        call = bridge.depositETH.encode_input(bob, 21_000, b"")
        self.call_back(bridge, target, call, bob, value=ETHER // 2)
        before = inbox.messageCount()
        finalize(bridge, withdrawal, confirmed, bob, gas_limit=3_000_000)
        assert target.callbackSucceeded()
        assert inbox.messageCount() == before + 1
        assert bridge.balance == 4 * ETHER + ETHER // 2


class TestL2Sender:
    def test_exists_only_during_a_withdrawal(self, bridge, withdrawal, confirmed, bob):
        with ape.reverts(bridge.NoWithdrawal):
            bridge.l2Sender()
        finalize(bridge, withdrawal, confirmed, bob)
        with ape.reverts(bridge.NoWithdrawal):
            bridge.l2Sender()
