"""ChannelManager: tokens, receivers that will not be paid, towers, contracts as parties."""

from __future__ import annotations

import ape
import pytest
from eth_account.messages import encode_typed_data

from tandem.channels.states import Lane
from tests.contracts.channel_table import CHANNEL_WINDOW, Pair, address, sign_with
from tests.contracts.test_channel_life import coop, taking
from tests.contracts.world import ZERO_ADDRESS, now, pass_time, place

AMOUNT = 1_000
ACCEPT, REVERT, BURN, BOMB, CALL_BACK = range(5)


@pytest.fixture(scope="session")
def payment_token(project, deployer):
    return deployer.deploy(project.PaymentToken)


@pytest.fixture
def token(payment_token, channel_manager, alice, bob, deployer):
    for account in (alice, bob):
        payment_token.mint(account, 10 * AMOUNT, sender=deployer)
        payment_token.approve(channel_manager, 10 * AMOUNT, sender=account)
    return payment_token


@pytest.fixture
def odd_token(project, deployer, channel_manager, alice):
    odd = deployer.deploy(project.OddERC20)
    odd.mint(alice, 10 * AMOUNT, sender=deployer)
    odd.approve(channel_manager, 10 * AMOUNT, sender=alice)
    return odd


@pytest.fixture
def pair(channel_manager, alice, bob, token):
    return Pair(channel_manager, (alice, bob), token=address(token))


@pytest.fixture
def odd_party(project, deployer, alice):
    return deployer.deploy(project.OddParty, alice)


def signed_by(account, typed):
    """v, r, s of EIP-712 data."""
    signature = account.sign_message(encode_typed_data(full_message=typed))
    return signature.v, signature.r, signature.s


def typed(token, primary, members, message):
    """EIP-712 data of the token's."""
    domain = {
        "name": "Payment token",
        "version": "1",
        "chainId": ape.chain.chain_id,
        "verifyingContract": token.address,
    }
    fields = [{"name": name, "type": kind} for kind, name in (member.split() for member in members.split(","))]
    return {
        "types": {"EIP712Domain": DOMAIN, primary: fields},
        "primaryType": primary,
        "domain": domain,
        "message": message,
    }


DOMAIN = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
PERMIT = "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline"
RECEIVE = "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce"


class TestTokens:
    def test_are_paid_in_and_out(self, pair, token, alice, bob, deployer):
        pair.manager.open(pair.abi, AMOUNT, sender=alice)
        pair.manager.deposit(pair.abi, 1, 200, sender=bob)
        assert token.balanceOf(pair.manager) == AMOUNT + 200
        pair.manager.withdraw(*taking(pair, 1, 50), sender=deployer)
        pair.close(1, Lane(1, 300), Lane(1, 10))
        pass_time(CHANNEL_WINDOW)
        assert pair.paid(pair.settle(deployer)) == (710, 440)
        assert token.balanceOf(alice) == 10 * AMOUNT - 290
        assert token.balanceOf(bob) == 10 * AMOUNT + 290
        assert token.balanceOf(pair.manager) == 0

    def test_take_no_ether_along(self, pair, alice):
        with ape.reverts(pair.manager.WrongValue, expected=0):
            pair.manager.open(pair.abi, AMOUNT, sender=alice, value=1)

    def test_come_by_a_permit(self, pair, token, alice, deployer):
        token.approve(pair.manager, 0, sender=alice)
        deadline = now() + 600
        message = {
            "owner": alice.address,
            "spender": pair.manager.address,
            "value": AMOUNT,
            "nonce": 0,
            "deadline": deadline,
        }
        permit = signed_by(alice, typed(token, "Permit", PERMIT, message))
        token.permit(alice, pair.manager, AMOUNT, deadline, *permit, sender=deployer)  # somebody was quicker
        pair.manager.openWithPermit(pair.abi, AMOUNT, deadline, *permit, sender=alice)
        assert pair.manager.getChannel(pair.key.id).deposit0 == AMOUNT

    def test_come_by_an_authorization_that_anyone_may_bring(self, pair, token, bob, deployer):
        """Bob has no ether to spend."""
        before = now() + 600
        message = {
            "from": bob.address,
            "to": pair.manager.address,
            "value": AMOUNT,
            "validAfter": 0,
            "validBefore": before,
        }
        signature = signed_by(bob, typed(token, "ReceiveWithAuthorization", RECEIVE, message | {"nonce": pair.key.id}))
        for side, key in ((0, pair.abi), (1, (*pair.abi[:4], b"\1" * 32))):
            with ape.reverts(token.BadAuthorization):  # another side, another channel
                pair.manager.openWithAuthorization(key, side, AMOUNT, 0, before, *signature, sender=deployer)
        pair.manager.openWithAuthorization(pair.abi, 1, AMOUNT, 0, before, *signature, sender=deployer)
        assert pair.manager.getChannel(pair.key.id).deposit1 == AMOUNT

    def test_come_by_an_authorization_to_a_channel_that_is_open(self, pair, token, alice, bob, deployer):
        """Whoever opens it first makes none worthless."""
        pair.manager.open(pair.abi, 0, sender=alice)
        before = now() + 600
        message = {"from": bob.address, "to": pair.manager.address, "value": 7, "validAfter": 0, "validBefore": before}
        signature = signed_by(bob, typed(token, "ReceiveWithAuthorization", RECEIVE, message | {"nonce": pair.key.id}))
        with ape.reverts(pair.manager.WrongAmounts):
            pair.manager.openWithAuthorization(pair.abi, 1, 0, 0, before, *signature, sender=deployer)
        pair.manager.openWithAuthorization(pair.abi, 1, 7, 0, before, *signature, sender=deployer)
        assert pair.manager.getChannel(pair.key.id).deposit1 == 7
        pair.close(0)
        with ape.reverts(pair.manager.WrongStatus):
            pair.manager.openWithAuthorization(pair.abi, 1, 7, 0, before, *signature, sender=deployer)

    def test_that_keep_a_fee_are_refused(self, channel_manager, odd_token, alice, bob, deployer):
        odd_token.configure(10, False, False, 0, sender=deployer)
        pair = Pair(channel_manager, (alice, bob), token=address(odd_token))
        with ape.reverts(channel_manager.WrongAmountReceived, expected=AMOUNT, received=AMOUNT * 9 // 10):
            channel_manager.open(pair.abi, AMOUNT, sender=alice)

    @pytest.mark.parametrize(("nothing", "false"), [(True, False), (False, True)])
    def test_that_return_nothing_are_taken_and_those_that_return_false_wait(
        self, channel_manager, odd_token, alice, bob, deployer, nothing, false
    ):
        pair = Pair(channel_manager, (alice, bob), token=address(odd_token))
        channel_manager.open(pair.abi, AMOUNT, sender=alice)
        odd_token.configure(0, nothing, false, 0, sender=deployer)
        channel_manager.coopClose(*coop(pair, (0, AMOUNT)), sender=deployer)
        assert channel_manager.claimable(odd_token, bob) == (AMOUNT if false else 0)

    def test_with_hooks_gain_nothing_by_ending_a_channel_within_a_deposit(self, channel_manager, odd_token, alice, bob):
        """It is booked already, and the money is still to come: what is paid waits until it has."""
        pair = Pair(channel_manager, (alice, bob), token=address(odd_token))
        channel_manager.open(pair.abi, AMOUNT, sender=alice)
        call = coop(pair, (2 * AMOUNT, 0))
        odd_token.setHook(channel_manager, channel_manager.coopClose.encode_input(*call), sender=alice)
        channel_manager.deposit(pair.abi, 0, AMOUNT, sender=alice)
        assert odd_token.balanceOf(channel_manager) == channel_manager.claimable(odd_token, alice) == 2 * AMOUNT


class TestFailingPayouts:
    def test_a_blocked_receiver_keeps_nobody_waiting(self, pair, token, alice, bob, deployer):
        pair.manager.open(pair.abi, AMOUNT, sender=alice)
        token.block_(bob, sender=deployer)
        logs = pair.manager.coopClose(*coop(pair, (300, 700)), sender=deployer).decode_logs()
        assert token.balanceOf(alice) == 9 * AMOUNT + 300
        [failed] = [log for log in logs if log.event_name == "PayoutFailed"]
        assert (failed.token, failed.to, failed.amount) == (token.address, bob.address, 700)
        assert pair.manager.claimable(token, bob) == 700
        with ape.reverts(token.Blocked):
            pair.manager.claim(token, bob, sender=deployer)

    @pytest.mark.parametrize("mood", [REVERT, BURN, BOMB])
    def test_a_receiver_that_refuses_ether_can_fetch_it_later(
        self, channel_manager, odd_party, alice, bob, deployer, mood
    ):
        pair = contract_pair(channel_manager, odd_party, bob)
        odd_party.set(mood, False, ZERO_ADDRESS, b"", sender=deployer)
        receipt = channel_manager.coopClose(*coop(pair, (300, 700), by=(alice, bob)), sender=deployer)
        assert receipt.gas_used < 250_000
        assert channel_manager.claimable(ZERO_ADDRESS, odd_party) == 300
        if mood == REVERT:
            with ape.reverts(channel_manager.TransferFailed):
                channel_manager.claim(ZERO_ADDRESS, odd_party, sender=bob)
        odd_party.set(ACCEPT, False, ZERO_ADDRESS, b"", sender=deployer)
        channel_manager.claim(ZERO_ADDRESS, odd_party, sender=bob)
        assert odd_party.balance == 300
        with ape.reverts(channel_manager.NothingToClaim, owner=odd_party.address):
            channel_manager.claim(ZERO_ADDRESS, odd_party, sender=bob)

    def test_a_receiver_that_calls_back_finds_all_done(self, channel_manager, odd_party, alice, bob, deployer):
        pair = contract_pair(channel_manager, odd_party, bob)
        call = coop(pair, (300, 700), by=(alice, bob))
        odd_party.set(CALL_BACK, False, channel_manager, channel_manager.coopClose.encode_input(*call), sender=deployer)
        channel_manager.coopClose(*call, sender=deployer)
        assert not odd_party.callbackSucceeded()
        waiting = channel_manager.claimable(ZERO_ADDRESS, odd_party)
        assert channel_manager.balance == waiting
        assert odd_party.balance + waiting == 300

    def test_who_calls_cannot_starve_a_payout(self, channel_manager, alice, bob, deployer):
        """With too little gas the call fails; it never just leaves the money to be claimed."""
        pair = Pair(channel_manager, (alice, bob)).open(AMOUNT)
        call = coop(pair, (300, 700))
        outcomes = set()
        for gas in range(80_000, 240_000, 10_000):
            before = bob.balance
            try:
                channel_manager.coopClose(*call, sender=deployer, gas_limit=gas)
            except ape.exceptions.TransactionError:
                outcomes.add("failed")
                continue
            outcomes.add("paid")
            assert bob.balance == before + 700
            break
        assert outcomes == {"failed", "paid"}


def contract_pair(channel_manager, odd_party, bob):
    """A channel of a contract's, with ether of Bob's."""
    pair = Pair(channel_manager, (odd_party, bob))
    channel_manager.open(pair.abi, AMOUNT, sender=bob, value=AMOUNT)
    return pair


class TestContractsAsParties:
    def test_sign_by_erc_1271(self, channel_manager, odd_party, alice, bob, deployer):
        pair = contract_pair(channel_manager, odd_party, bob)
        pair.close(1)
        proof = pair.proof(1, Lane(1, 40), by=(alice, bob))
        channel_manager.update(pair.abi, 1, proof, sender=deployer)
        assert channel_manager.getLane(pair.key.id, 1).transferred == 40

    def test_can_revoke_what_they_signed(self, channel_manager, odd_party, alice, bob, deployer):
        """So nodes do not open channels with contracts unless told to."""
        pair = contract_pair(channel_manager, odd_party, bob)
        pair.close(1)
        proof = pair.proof(0, Lane(1, 40), by=(alice, bob))
        odd_party.set(ACCEPT, True, ZERO_ADDRESS, b"", sender=deployer)
        with ape.reverts(channel_manager.BadSignature, signer=odd_party.address):
            channel_manager.update(pair.abi, 0, proof, sender=deployer)

    def test_a_key_counts_whatever_code_its_account_was_given(
        self, channel_manager, project, odd_party, alice, bob, deployer
    ):
        """EIP-7702: code that signs nothing takes back no signature."""
        pair = Pair(channel_manager, (alice, bob)).open(AMOUNT)
        proof = pair.proof(0, Lane(1, 40))
        pair.close(1)
        place(alice.address, bytes.fromhex("60006000fd"))
        channel_manager.update(pair.abi, 0, proof, sender=deployer)
        assert channel_manager.getLane(pair.key.id, 0).transferred == 40


class TestTowers:
    @pytest.fixture
    def opened(self, channel_manager, alice, bob):
        return Pair(channel_manager, (alice, bob)).open(AMOUNT, AMOUNT)

    @pytest.fixture
    def rescue(self, opened, bob, accounts):
        """Bob is away; a tower shows a state for him."""

        def show(lane, *, lane_of=0, reward=30, min_nonce=1, valid_for=CHANNEL_WINDOW, tower=accounts[5], signer=bob):
            until = now() + valid_for
            digest = opened.domain.tower_pay(opened.key.id, address(bob), min_nonce, address(tower), reward, until)
            pay = (1, min_nonce, tower.address, reward, until)
            proof = opened.proof(lane_of, lane)
            return opened.manager.updateForReward(
                opened.abi, lane_of, proof, pay, sign_with(signer, digest), sender=accounts[6]
            )

        return show

    def test_are_paid_by_the_side_that_they_saved(self, opened, rescue, alice, bob, accounts, deployer):
        before = accounts[5].balance, bob.balance
        opened.close(0, Lane(3, 100))
        rescue(Lane(9, 800))
        pass_time(CHANNEL_WINDOW)
        assert opened.paid(opened.settle(deployer)) == (200, 1_800)
        assert accounts[5].balance == before[0] + 30
        assert bob.balance == before[1] + 1_770

    def test_are_paid_nothing_for_nothing_new(self, opened, rescue):
        opened.close(0, Lane(9, 800))
        with ape.reverts(opened.manager.NotNewer, nonce=9):
            rescue(Lane(9, 800))

    def test_are_paid_for_what_is_worth_it(self, opened, rescue):
        opened.close(0)
        with ape.reverts(opened.manager.NotWorthIt, minNonce=5):
            rescue(Lane(4, 800), min_nonce=5)

    def test_the_newest_state_is_paid(self, opened, rescue, accounts, deployer):
        opened.close(0)
        rescue(Lane(4, 700), tower=accounts[7])
        rescue(Lane(9, 800))
        assert opened.manager.getRescue(opened.key.id, 1).tower == accounts[5].address
        before = accounts[7].balance
        pass_time(CHANNEL_WINDOW)
        opened.settle(deployer)
        assert accounts[7].balance == before

    def test_an_old_tower_is_not_paid_when_someone_shows_a_newer_state(self, opened, rescue, accounts, deployer):
        opened.close(0)
        rescue(Lane(4, 700))
        opened.update(1, Lane(1, 5), deployer)
        assert opened.manager.getRescue(opened.key.id, 1).reward == 30, "of the other lane, that changes nothing"
        opened.update(0, Lane(9, 800), deployer)
        assert opened.manager.getRescue(opened.key.id, 1).reward == 0

    def test_are_not_paid_for_states_of_their_clients_own_lane(self, opened, rescue):
        """Who withheld its signature could show them, and have the client pay for what harms it."""
        opened.close(1)
        with ape.reverts(opened.manager.WrongSide, side=1):
            rescue(Lane(9, 800), lane_of=1)

    def test_take_no_more_than_the_side_gets(self, opened, rescue, alice, bob, accounts, deployer):
        before = accounts[5].balance, bob.balance
        opened.close(0, None, Lane(2, 990))
        rescue(Lane(1, 5), reward=100)
        pass_time(CHANNEL_WINDOW)
        assert opened.paid(opened.settle(deployer)) == (1_985, 15)
        assert (accounts[5].balance, bob.balance) == (before[0] + 15, before[1])

    def test_need_the_clients_signature_in_time(self, opened, rescue, alice, bob):
        opened.close(0)
        with ape.reverts(opened.manager.BadSignature, signer=bob.address):
            rescue(Lane(4, 700), signer=alice)
        with ape.reverts(opened.manager.Expired):
            rescue(Lane(4, 700), valid_for=-10)
