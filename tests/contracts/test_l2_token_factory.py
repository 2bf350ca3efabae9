"""TokenFactory and the tokens that it makes, on L2."""

from __future__ import annotations

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak, to_canonical_address

from tests.contracts.world import MESSAGE_PASSER, TOKEN_FACTORY, ZERO_ADDRESS, Withdrawal, place_contract, unalias

L1_TOKEN = "0x00000000000000000000000000000000000070Ce"
L1_COLLECTION = "0x00000000000000000000000000000000000070Cf"
METADATA = ("Some token", "SOME", 6)
LONGEST = ("n" * 64, "s" * 64, 255)


@pytest.fixture
def passer(project):
    return place_contract(MESSAGE_PASSER, project.MessagePasser)


@pytest.fixture
def gateway(caller):
    """Where messages of L1's token bridge come from: its alias. Here a contract of that address speaks for it."""
    return caller


@pytest.fixture
def l1_bridge(gateway):
    return unalias(gateway.address)


@pytest.fixture
def factory(project, passer, l1_bridge):
    storage = {0: int.from_bytes(to_canonical_address(l1_bridge), "big")}
    return place_contract(TOKEN_FACTORY, project.TokenFactory, storage)


@pytest.fixture
def deposit_erc20(factory, gateway, alice):
    def deposit(to, amount, metadata=METADATA, token=L1_TOKEN):
        call = factory.finalizeERC20Deposit.encode_input(token, alice, to, amount, metadata)
        return gateway.forward(factory, 0, call, sender=alice)

    return deposit


@pytest.fixture
def deposit_erc721(factory, gateway, alice):
    def deposit(to, token_id, metadata=METADATA, token=L1_COLLECTION):
        call = factory.finalizeERC721Deposit.encode_input(token, alice, to, token_id, 1, metadata)
        return gateway.forward(factory, 0, call, sender=alice)

    return deposit


@pytest.fixture
def token(project, factory, deposit_erc20, alice):
    deposit_erc20(alice, 1_000)
    return project.BridgedERC20.at(factory.erc20Of(L1_TOKEN))


@pytest.fixture
def collection(project, factory, deposit_erc721, alice):
    deposit_erc721(alice, 7)
    return project.BridgedERC721.at(factory.erc721Of(L1_COLLECTION))


class TestFinalizeERC20Deposit:
    def test_deploys_the_token_once_and_mints(self, project, factory, deposit_erc20, alice, bob):
        receipt = deposit_erc20(bob, 400)
        address = factory.erc20Of(L1_TOKEN)
        (created,) = receipt.decode_logs(factory.TokenCreated)
        assert (created.l1Token, created.l2Token, bool(created.isERC721)) == (L1_TOKEN, address, False)
        (log,) = receipt.decode_logs(factory.ERC20DepositFinalized)
        assert (log.l1Token, log["from"], log.to, log.amount) == (L1_TOKEN, alice, bob, 400)

        assert not list(deposit_erc20(bob, 100, ("Renamed", "REN", 18)).decode_logs(factory.TokenCreated))
        token = project.BridgedERC20.at(address)
        assert (token.name(), token.symbol(), token.decimals()) == METADATA
        assert (token.l1Token(), token.factory()) == (L1_TOKEN, TOKEN_FACTORY)
        assert token.balanceOf(bob) == token.totalSupply() == 500
        assert factory.l1TokenOf(address) == L1_TOKEN

    def test_fits_the_gas_that_deposits_have(self, token_bridge, deposit_erc20, bob):
        assert deposit_erc20(bob, 400, LONGEST).gas_used < 0.9 * token_bridge.ERC20_GAS_LIMIT()

    def test_is_for_the_token_bridge_alone(self, factory, alice, l1_bridge):
        assert factory.tokenBridge() == l1_bridge
        with ape.reverts(factory.OnlyTokenBridge):
            factory.finalizeERC20Deposit(L1_TOKEN, alice, alice, 1, METADATA, sender=alice)


class TestFinalizeERC721Deposit:
    def test_deploys_the_token_once_and_mints(self, project, factory, deposit_erc721, alice, bob):
        receipt = deposit_erc721(bob, 7)
        address = factory.erc721Of(L1_COLLECTION)
        (created,) = receipt.decode_logs(factory.TokenCreated)
        assert (created.l1Token, created.l2Token, bool(created.isERC721)) == (L1_COLLECTION, address, True)
        (log,) = receipt.decode_logs(factory.ERC721DepositFinalized)
        assert (log.l1Token, log["from"], log.to, log.tokenId) == (L1_COLLECTION, alice, bob, 7)

        assert not list(deposit_erc721(alice, 8).decode_logs(factory.TokenCreated))
        collection = project.BridgedERC721.at(address)
        assert (collection.name(), collection.symbol()) == METADATA[:2]
        assert (collection.ownerOf(7), collection.ownerOf(8)) == (bob, alice)
        assert collection.tokenURI(7) == f"ethereum:{L1_COLLECTION.lower()}@1/tokenURI?uint256=7"

    def test_fits_the_gas_that_deposits_have(self, token_bridge, deposit_erc721, bob):
        assert deposit_erc721(bob, 2**256 - 1, LONGEST).gas_used < 0.9 * token_bridge.ERC721_GAS_LIMIT()

    def test_is_for_the_token_bridge_alone(self, factory, alice):
        with ape.reverts(factory.OnlyTokenBridge):
            factory.finalizeERC721Deposit(L1_COLLECTION, alice, alice, 1, 1, METADATA, sender=alice)


class TestWithdrawERC20:
    def test_burns_and_tells_l1_to_release(self, factory, passer, token, token_bridge, l1_bridge, alice, bob):
        receipt = factory.withdrawERC20(token, bob, 150, 90_000, sender=alice)
        data = bytes(token_bridge.releaseERC20.encode_input(L1_TOKEN, bob, 150))
        expected = Withdrawal(l1_bridge, 0, TOKEN_FACTORY, 0, 90_000, data)
        assert passer.sent(expected.hash)
        (log,) = receipt.decode_logs(factory.ERC20Withdrawn)
        assert (log.l1Token, log["from"], log.to, log.amount) == (L1_TOKEN, alice, bob, 150)
        assert log.withdrawalHash == expected.hash
        assert token.balanceOf(alice) == token.totalSupply() == 850

    def test_burns_no_more_than_the_caller_has(self, factory, token, alice, bob):
        with ape.reverts():
            factory.withdrawERC20(token, bob, 1_001, 0, sender=alice)
        with ape.reverts():
            factory.withdrawERC20(token, bob, 1, 0, sender=bob)

    def test_refuses_tokens_of_others_and_of_the_other_kind(self, project, factory, collection, deployer, alice):
        impostor = deployer.deploy(project.OddERC20)
        for address in (impostor, collection, alice):
            with ape.reverts(factory.NotBridged, l2Token=address.address):
                factory.withdrawERC20(address, alice, 7, 0, sender=alice)

    def test_refuses_a_receiver_to_whom_nothing_can_be_released(self, factory, token, alice):
        with ape.reverts(factory.ZeroReceiver):
            factory.withdrawERC20(token, ZERO_ADDRESS, 1, 0, sender=alice)


class TestWithdrawERC721:
    def test_burns_and_tells_l1_to_release(self, factory, passer, collection, token_bridge, l1_bridge, alice, bob):
        receipt = factory.withdrawERC721(collection, bob, 7, 90_000, sender=alice)
        data = bytes(token_bridge.releaseERC721.encode_input(L1_COLLECTION, bob, 7))
        expected = Withdrawal(l1_bridge, 0, TOKEN_FACTORY, 0, 90_000, data)
        assert passer.sent(expected.hash)
        (log,) = receipt.decode_logs(factory.ERC721Withdrawn)
        assert (log.l1Token, log["from"], log.to, log.tokenId) == (L1_COLLECTION, alice, bob, 7)
        assert log.withdrawalHash == expected.hash
        assert collection.balanceOf(alice) == 0

    def test_can_come_back(self, factory, collection, deposit_erc721, alice, bob):
        factory.withdrawERC721(collection, bob, 7, 0, sender=alice)
        deposit_erc721(bob, 7)
        assert collection.ownerOf(7) == bob

    def test_burns_the_callers_own_token_alone(self, factory, collection, alice, bob):
        collection.approve(bob, 7, sender=alice)  # an approval is not ownership
        with ape.reverts(collection.NotOwner, account=bob.address, tokenId=7):
            factory.withdrawERC721(collection, bob, 7, 0, sender=bob)
        with ape.reverts():
            factory.withdrawERC721(collection, bob, 8, 0, sender=alice)

    def test_refuses_tokens_of_others_and_of_the_other_kind(self, factory, token, alice):
        for address in (token, alice):
            with ape.reverts(factory.NotBridged, l2Token=address.address):
                factory.withdrawERC721(address, alice, 7, 0, sender=alice)

    def test_refuses_a_receiver_to_whom_nothing_can_be_released(self, factory, collection, alice):
        with ape.reverts(factory.ZeroReceiver):
            factory.withdrawERC721(collection, ZERO_ADDRESS, 7, 0, sender=alice)


class TestBridgedTokens:
    def test_are_minted_and_burnt_by_the_factory_alone(self, token, collection, alice):
        for call in (token.mint, token.burn, collection.mint, collection.burn):
            with ape.reverts(token.OnlyFactory if call in (token.mint, token.burn) else collection.OnlyFactory):
                call(alice, 7, sender=alice)

    def test_one_address_may_stand_for_both_kinds(self, factory, deposit_erc20, deposit_erc721, alice):
        deposit_erc20(alice, 5, token=L1_TOKEN)
        deposit_erc721(alice, 5, token=L1_TOKEN)
        assert factory.erc20Of(L1_TOKEN) != factory.erc721Of(L1_TOKEN)

    def test_have_the_address_that_create2_gives(self, project, factory, token):
        code = bytes.fromhex(project.BridgedERC20.contract_type.deployment_bytecode.bytecode[2:])
        init = keccak(code + encode(["address", "(string,string,uint8)"], [L1_TOKEN, METADATA]))
        salt = to_canonical_address(L1_TOKEN).rjust(32, b"\0")
        assert (
            token.address.lower()
            == "0x" + keccak(b"\xff" + to_canonical_address(TOKEN_FACTORY) + salt + init)[12:].hex()
        )
