"""The L2 predeploys MessagePasser, L1Info and FeeVault, placed by runtime code as a genesis places them."""

from __future__ import annotations

import ape
import pytest
from eth_utils import keccak, to_canonical_address

from tests.contracts.tree_model import abi_hash
from tests.contracts.world import FEE_VAULT, L1_INFO, MESSAGE_PASSER, SYSTEM_SENDER, Withdrawal, place_contract

TARGET = "0x000000000000000000000000000000000000bEEF"


@pytest.fixture
def passer(project):
    return place_contract(MESSAGE_PASSER, project.MessagePasser)


class TestMessagePasser:
    def test_records_and_announces_the_withdrawal(self, passer, alice, chain):
        for nonce in range(2):
            receipt = passer.initiateWithdrawal(TARGET, 50_000, b"data", sender=alice, value=9)
            expected = Withdrawal(TARGET, nonce, alice.address, 9, 50_000, b"data")
            (log,) = receipt.decode_logs()
            assert (log.nonce, log.sender, log.target, log.value) == (nonce, alice, TARGET, 9)
            assert (log.gasLimit, log.data, log.withdrawalHash) == (50_000, b"data", expected.hash)
            assert passer.sent(expected.hash)
            assert passer.call_view_method("nonce") == nonce + 1  # ape has a nonce of its own
        assert passer.balance == 18

    def test_stores_the_record_where_l1_looks_for_it(self, passer, alice, chain):
        receipt = passer.initiateWithdrawal(TARGET, 50_000, b"data", sender=alice)
        (log,) = receipt.decode_logs()
        slot = int.from_bytes(abi_hash(["bytes32", "uint256"], [log.withdrawalHash, 0]), "big")
        assert int.from_bytes(chain.provider.get_storage(MESSAGE_PASSER, slot), "big") == 1
        assert int.from_bytes(chain.provider.get_storage(MESSAGE_PASSER, 1), "big") == 1  # the nonce

    def test_refuses_what_l1_could_not_perform(self, passer, alice):
        passer.initiateWithdrawal(TARGET, 2**23, b"", sender=alice)
        with ape.reverts(passer.GasLimitTooHigh, maximum=2**23):
            passer.initiateWithdrawal(TARGET, 2**23 + 1, b"", sender=alice)
        with ape.reverts(passer.DataTooLarge, maximum=65_536):
            passer.initiateWithdrawal(TARGET, 0, bytes(65_537), sender=alice)

    def test_takes_no_ether_without_a_withdrawal(self, passer, alice):
        with ape.reverts():
            alice.transfer(passer, 1)


class TestL1Info:
    @pytest.fixture
    def info(self, project):
        return place_contract(L1_INFO, project.L1Info)

    def test_is_told_by_the_system(self, project, info, alice, chain):
        system = place_contract(SYSTEM_SENDER, project.Caller)
        block_hash = keccak(b"block")
        call = info.setOrigin.encode_input(12, block_hash, 1_700_000_000, 7 * 10**9)
        receipt = system.forward(info, 0, call, sender=alice)
        (log,) = receipt.decode_logs(info.OriginSet)
        assert log.event_arguments == {
            "number": 12,
            "hash": block_hash,
            "timestamp": 1_700_000_000,
            "baseFee": 7 * 10**9,
        }
        assert (info.number(), info.timestamp(), info.baseFee()) == (12, 1_700_000_000, 7 * 10**9)
        assert bytes(info.hash()) == block_hash
        slots = [int.from_bytes(chain.provider.get_storage(L1_INFO, slot), "big") for slot in range(3)]
        assert slots == [12 | 1_700_000_000 << 64, int.from_bytes(block_hash, "big"), 7 * 10**9]
        assert receipt.gas_used < 200_000  # the system message's gas limit

    def test_is_told_by_nobody_else(self, info, alice):
        with ape.reverts(info.OnlySystem):
            info.setOrigin(1, keccak(b"block"), 2, 3, sender=alice)


class TestFeeVault:
    @pytest.fixture
    def vault(self, project, passer, bob):
        recipient = int.from_bytes(to_canonical_address(bob.address), "big")
        return place_contract(FEE_VAULT, project.FeeVault, storage={0: recipient})

    def test_sends_its_balance_to_the_recipient_of_genesis(self, vault, passer, alice, bob):
        alice.transfer(vault, 77)
        receipt = vault.withdraw(sender=alice)
        expected = Withdrawal(bob.address, 0, FEE_VAULT, 77, vault.WITHDRAWAL_GAS_LIMIT(), b"")
        (log,) = receipt.decode_logs(vault.FeesWithdrawn)
        assert (log.amount, log.withdrawalHash) == (77, expected.hash)
        assert passer.sent(expected.hash)
        assert (vault.balance, passer.balance, vault.recipient()) == (0, 77, bob.address)

    def test_sends_nothing_where_there_is_nothing(self, vault, alice):
        with ape.reverts(vault.NoFees):
            vault.withdraw(sender=alice)
