"""x402's BatchSettlement: who is paid and who gets back, odd tokens, contracts that sign; no token is lost or made."""

from __future__ import annotations

import random

import ape
import pytest
from eth_utils import keccak

from tests.contracts.world import ZERO_ADDRESS, now, pass_time, place
from tests.contracts.x402_table import DELAY, Line, claims_of, sign_batch, told

AMOUNT = 10_000
OPERATIONS = 70
ACCEPT, CALL_BACK = 0, 4


@pytest.fixture
def odd_token(settlement, project, deployer, pull, alice):
    odd = deployer.deploy(project.OddERC20)
    odd.mint(alice, 10 * AMOUNT, sender=deployer)
    odd.approve(pull, 10 * AMOUNT, sender=alice)
    return odd


@pytest.fixture
def token(settlement, payment_token, pull, alice, deployer):
    payment_token.mint(alice, 10 * AMOUNT, sender=deployer)
    payment_token.approve(pull, 10 * AMOUNT, sender=alice)
    return payment_token


@pytest.fixture
def authorizer(accounts):
    """Signs for the receiver."""
    return accounts[7]


@pytest.fixture
def line(settlement, token, alice, bob, authorizer):
    """From Alice to Bob. Nothing is paid in."""
    return Line(settlement, token, alice, bob, authorizer)


@pytest.fixture
def funded(line, pull, deployer):
    line.pay_in(AMOUNT, pull, deployer)
    return line


class TestSettle:
    def test_pays_what_was_claimed_of_all_channels(self, funded, token, alice, bob, authorizer, pull, deployer):
        other = Line(funded.settlement, token, alice, bob, authorizer, salt=keccak(b"another"))
        other.pay_in(AMOUNT, pull, deployer)
        funded.claim(300, 300)
        other.claim(900, 900)
        [log] = told(funded, funded.settlement.settle(bob, token, sender=deployer))
        assert (log.event_name, log.receiver, log.token, log.sender) == (
            "Settled",
            bob.address,
            token.address,
            deployer.address,
        )
        assert log.amount == token.balanceOf(bob) == 1_200
        assert tuple(funded.settlement.receivers(bob, token)) == (1_200, 1_200)

    def test_of_nothing_does_nothing(self, funded, token, bob, deployer):
        assert funded.settlement.settle(bob, token, sender=deployer).decode_logs() == []
        funded.claim(300, 300)
        funded.settlement.settle(bob, token, sender=deployer)
        assert funded.settlement.settle(bob, token, sender=deployer).decode_logs() == []
        assert token.balanceOf(bob) == 300

    def test_a_receiver_who_cannot_be_paid_keeps_his_claim_and_nobody_waiting(self, funded, token, bob, deployer):
        funded.claim(300, 300)
        token.block_(bob, sender=deployer)
        with ape.reverts(token.Blocked):
            funded.settlement.settle(bob, token, sender=deployer)
        assert tuple(funded.settlement.receivers(bob, token)) == (300, 0)
        funded.refund(AMOUNT, deployer)
        assert funded.numbers == (300, 300)


class TestRefund:
    def test_gives_back_what_was_not_claimed(self, funded, token, alice, deployer):
        funded.claim(3_000, 3_000)
        before = token.balanceOf(alice)
        [log, *_] = told(funded, funded.refund(2_000, deployer))
        assert (log.event_name, bytes(log.channelId), log.amount) == ("Refunded", funded.id, 2_000)
        assert funded.numbers == (8_000, 3_000)
        assert token.balanceOf(alice) == before + 2_000

    def test_gives_no_more_than_there_is(self, funded, token, alice, deployer):
        funded.claim(3_000, 3_000)
        before = token.balanceOf(alice)
        funded.refund(2**128 - 1, deployer)
        assert token.balanceOf(alice) == before + 7_000
        assert funded.numbers == (3_000, 3_000)

    def test_of_all_where_nothing_was_claimed_closes_the_channel(self, funded, pull, deployer):
        names = [log.event_name for log in told(funded, funded.refund(AMOUNT, deployer))]
        assert names == ["Refunded", "ChannelClosed"]
        names = [log.event_name for log in told(funded, funded.pay_in(5, pull, deployer))]
        assert names == ["ChannelCreated", "Deposited"]

    def test_leaves_old_vouchers_worth_nothing(self, funded, pull, bob, deployer):
        """What was claimed never starts anew."""
        funded.claim(3_000, 3_000)
        funded.refund(AMOUNT, deployer)
        names = [log.event_name for log in told(funded, funded.pay_in(5_000, pull, deployer))]
        assert names == ["Deposited"]
        assert claims_of(funded, funded.claim(3_000, 3_000)) == []
        funded.claim(4_000, 4_000)
        assert funded.numbers == (8_000, 4_000)

    def test_happens_once_for_a_signature(self, funded, deployer):
        signature = funded.sign_refund(100, 0)
        funded.settlement.refundWithSignature(funded.abi, 100, 0, signature, sender=deployer)
        with ape.reverts(funded.settlement.WrongNonce, expected=1):
            funded.settlement.refundWithSignature(funded.abi, 100, 0, signature, sender=deployer)
        with ape.reverts(funded.settlement.WrongNonce, expected=1):
            funded.settlement.refundWithSignature(funded.abi, 100, 2, funded.sign_refund(100, 2), sender=deployer)

    def test_uses_the_nonce_even_where_there_is_nothing(self, funded, deployer):
        """Or what was signed for an empty channel could be brought when there is money in it again."""
        funded.claim(AMOUNT, AMOUNT)
        [log] = told(funded, funded.refund(100, deployer))
        assert (log.event_name, log.amount) == ("Refunded", 0)
        assert funded.settlement.refundNonce(funded.id) == 1

    def test_by_the_receiver_himself_uses_the_same_nonce(self, funded, alice, bob, authorizer, deployer):
        signature = funded.sign_refund(100, 0)
        funded.settlement.refund(funded.abi, 40, sender=bob)
        with ape.reverts(funded.settlement.WrongNonce, expected=1):
            funded.settlement.refundWithSignature(funded.abi, 100, 0, signature, sender=deployer)
        funded.settlement.refund(funded.abi, 60, sender=authorizer)
        assert funded.numbers == (AMOUNT - 100, 0)
        for other in (alice, deployer):
            with ape.reverts(funded.settlement.NotReceiving, sender=other.address):
                funded.settlement.refund(funded.abi, 1, sender=other)

    def test_is_of_something(self, funded, bob, deployer):
        with ape.reverts(funded.settlement.ZeroAmount):
            funded.refund(0, deployer)
        with ape.reverts(funded.settlement.ZeroAmount):
            funded.settlement.refund(funded.abi, 0, sender=bob)

    @pytest.mark.parametrize("what", ["signer", "amount", "channel", "contract", "chain"])
    def test_needs_the_authorizers_signature(self, funded, alice, bob, authorizer, deployer, what):
        signature = {
            "signer": funded.sign_refund(100, 0, by=alice),
            "amount": funded.sign_refund(99, 0),
            "channel": funded.sign_refund(100, 0, of=keccak(b"another")),
            "contract": funded.sign_refund(100, 0, verifyingContract=deployer.address),
            "chain": funded.sign_refund(100, 0, chainId=1),
        }[what]
        with ape.reverts(funded.settlement.BadSignature, signer=authorizer.address):
            funded.settlement.refundWithSignature(funded.abi, 100, 0, signature, sender=deployer)

    def test_with_a_claim_in_one_call(self, funded, token, alice, deployer):
        """As services do: nothing that was charged is given back."""
        settlement, before = funded.settlement, token.balanceOf(alice)
        rows = [funded.row(3_000, 3_000)]
        calls = [
            settlement.claimWithSignature.encode_input(rows, sign_batch([funded], rows, funded.authorizer)),
            settlement.refundWithSignature.encode_input(funded.abi, AMOUNT, 0, funded.sign_refund(AMOUNT, 0)),
        ]
        settlement.multicall(calls, sender=deployer)
        assert funded.numbers == (3_000, 3_000)
        assert token.balanceOf(alice) == before + 7_000


class TestMulticall:
    def test_is_all_or_nothing_and_tells_why(self, funded, bob, deployer):
        settlement = funded.settlement
        calls = [
            settlement.settle.encode_input(bob, funded.token),
            settlement.refund.encode_input(funded.abi, 5),
        ]
        with ape.reverts(settlement.NotReceiving, sender=deployer.address):
            settlement.multicall(calls, sender=deployer)

    def test_speaks_for_its_sender(self, funded, bob):
        settlement = funded.settlement
        calls = [
            settlement.claim.encode_input([funded.row(300, 300)]),
            settlement.settle.encode_input(bob, funded.token),
        ]
        settlement.multicall(calls, sender=bob)
        assert funded.token.balanceOf(bob) == 300

    def test_has_at_most_256_calls(self, funded, bob):
        with ape.reverts(funded.settlement.TooMany, most=256):
            funded.settlement.multicall([b""] * 257, sender=bob)


class TestWithdraw:
    def test_pays_when_the_delay_is_over(self, funded, token, alice):
        before = token.balanceOf(alice)
        [log] = told(funded, funded.settlement.initiateWithdraw(funded.abi, 4_000, sender=alice))
        assert (log.event_name, log.amount, log.finalizeAfter) == ("WithdrawInitiated", 4_000, now() + DELAY)
        assert tuple(funded.settlement.pendingWithdrawals(funded.id)) == (4_000, now())
        pass_time(DELAY - 5)
        with ape.reverts(funded.settlement.TooEarly, finalizeAfter=log.finalizeAfter):
            funded.settlement.finalizeWithdraw(funded.abi, sender=alice)
        pass_time(5)
        logs = told(funded, funded.settlement.finalizeWithdraw(funded.abi, sender=alice))
        assert (logs[0].event_name, logs[0].sender, logs[0].amount) == ("WithdrawFinalized", alice.address, 4_000)
        assert funded.numbers == (6_000, 0)
        assert token.balanceOf(alice) == before + 4_000
        with ape.reverts(funded.settlement.NoWithdrawal):
            funded.settlement.finalizeWithdraw(funded.abi, sender=alice)

    def test_of_all_where_nothing_was_claimed_closes_the_channel(self, funded, alice):
        funded.settlement.initiateWithdraw(funded.abi, AMOUNT, sender=alice)
        pass_time(DELAY)
        logs = told(funded, funded.settlement.finalizeWithdraw(funded.abi, sender=alice))
        assert [log.event_name for log in logs] == ["WithdrawFinalized", "ChannelClosed"]

    def test_is_for_the_payer_or_his_authorizer(
        self, settlement, token, alice, bob, authorizer, pull, accounts, deployer
    ):
        line = Line(settlement, token, alice, bob, authorizer, payer_authorizer=accounts[8])
        line.pay_in(AMOUNT, pull, deployer)
        for other in (bob, authorizer, deployer):
            with ape.reverts(settlement.NotPaying, sender=other.address):
                settlement.initiateWithdraw(line.abi, 5, sender=other)
        before = token.balanceOf(alice)
        settlement.initiateWithdraw(line.abi, 5, sender=accounts[8])
        pass_time(DELAY)
        with ape.reverts(settlement.NotPaying, sender=bob.address):
            settlement.finalizeWithdraw(line.abi, sender=bob)
        settlement.finalizeWithdraw(line.abi, sender=accounts[8])
        assert token.balanceOf(alice) == before + 5, "to the payer, whoever asks"

    def test_is_of_what_is_there(self, funded, alice):
        funded.claim(3_000, 3_000)
        with ape.reverts(funded.settlement.ZeroAmount):
            funded.settlement.initiateWithdraw(funded.abi, 0, sender=alice)
        with ape.reverts(funded.settlement.TooMuch, available=7_000):
            funded.settlement.initiateWithdraw(funded.abi, 7_001, sender=alice)

    def test_is_one_at_a_time(self, funded, alice):
        """Or the delay could be waited for in advance."""
        funded.settlement.initiateWithdraw(funded.abi, 1, sender=alice)
        since = now()
        with ape.reverts(funded.settlement.WithdrawalPending, initiatedAt=since):
            funded.settlement.initiateWithdraw(funded.abi, 5, sender=alice)

    def test_a_claim_in_time_comes_first(self, funded, token, alice):
        """The payer has asked for all of it; the receiver has a voucher."""
        funded.settlement.initiateWithdraw(funded.abi, AMOUNT, sender=alice)
        pass_time(DELAY)
        funded.claim(3_000, 3_000)
        before = token.balanceOf(alice)
        funded.settlement.finalizeWithdraw(funded.abi, sender=alice)
        assert token.balanceOf(alice) == before + 7_000
        assert funded.numbers == (3_000, 3_000)

    def test_a_claim_too_late_finds_what_is_left(self, funded, alice):
        """A voucher reserves nothing: that is what the delay is for."""
        funded.settlement.initiateWithdraw(funded.abi, 8_000, sender=alice)
        pass_time(DELAY)
        funded.settlement.finalizeWithdraw(funded.abi, sender=alice)
        with ape.reverts(funded.settlement.AboveBalance, balance=2_000):
            funded.claim(3_000, 3_000)
        funded.claim(3_000, 2_000)

    def test_of_what_was_claimed_meanwhile_ends_with_nothing(self, funded, alice):
        funded.settlement.initiateWithdraw(funded.abi, AMOUNT, sender=alice)
        funded.claim(AMOUNT, AMOUNT)
        pass_time(DELAY)
        [log] = told(funded, funded.settlement.finalizeWithdraw(funded.abi, sender=alice))
        assert (log.event_name, log.amount) == ("WithdrawFinalized", 0)

    def test_a_refund_counts_towards_it(self, funded, alice, deployer):
        """Nobody gets the same money twice."""
        funded.settlement.initiateWithdraw(funded.abi, 4_000, sender=alice)
        funded.refund(1_000, deployer)
        assert funded.settlement.pendingWithdrawals(funded.id).amount == 3_000
        funded.refund(3_000, deployer)
        assert tuple(funded.settlement.pendingWithdrawals(funded.id)) == (0, 0)
        pass_time(DELAY)
        with ape.reverts(funded.settlement.NoWithdrawal):
            funded.settlement.finalizeWithdraw(funded.abi, sender=alice)

    def test_a_refund_of_nothing_leaves_it(self, funded, alice, deployer):
        funded.settlement.initiateWithdraw(funded.abi, 4_000, sender=alice)
        funded.claim(AMOUNT, AMOUNT)
        funded.refund(1_000, deployer)
        assert funded.settlement.pendingWithdrawals(funded.id).amount == 4_000


class TestOddTokens:
    def test_that_keep_a_fee_are_refused(self, settlement, odd_token, alice, bob, pull, deployer):
        odd_token.configure(10, False, False, 0, sender=deployer)
        line = Line(settlement, odd_token, alice, bob, bob)
        with ape.reverts(settlement.WrongAmountReceived, expected=AMOUNT, received=AMOUNT * 9 // 10):
            line.pay_in(AMOUNT, pull, deployer)

    def test_that_return_false_are_not_paid_out(self, settlement, odd_token, alice, bob, pull, deployer):
        line = Line(settlement, odd_token, alice, bob, bob)
        line.pay_in(AMOUNT, pull, deployer)
        line.claim(500, 500)
        odd_token.configure(0, False, True, 0, sender=deployer)
        with ape.reverts():
            settlement.settle(bob, odd_token, sender=deployer)
        odd_token.configure(0, True, False, 0, sender=deployer)
        settlement.settle(bob, odd_token, sender=deployer)
        assert odd_token.balanceOf(bob) == 500

    @pytest.mark.parametrize("what", ["deposit", "settle", "claimWithSignature", "refundWithSignature", "multicall"])
    def test_with_hooks_cannot_call_back(self, settlement, odd_token, alice, bob, authorizer, pull, deployer, what):
        """While tokens come in that are booked already, nothing else can be done."""
        line = Line(settlement, odd_token, alice, bob, authorizer)
        line.pay_in(AMOUNT, pull, deployer)
        line.claim(500, 500)
        rows = [line.row(900, 900)]
        settle = settlement.settle.encode_input(bob, odd_token)
        call = {
            "deposit": lambda: settlement.deposit.encode_input(line.abi, 1, pull, b""),
            "settle": lambda: settle,
            "claimWithSignature": lambda: settlement.claimWithSignature.encode_input(
                rows, sign_batch([line], rows, authorizer)
            ),
            "refundWithSignature": lambda: settlement.refundWithSignature.encode_input(
                line.abi, AMOUNT, 0, line.sign_refund(AMOUNT, 0)
            ),
            "multicall": lambda: settlement.multicall.encode_input([settle]),
        }[what]()
        odd_token.setHook(settlement, call, sender=deployer)
        with ape.reverts(settlement.ReentrancyGuardReentrantCall):
            line.pay_in(AMOUNT, pull, deployer)
        with ape.reverts(settlement.ReentrancyGuardReentrantCall):
            settlement.settle(bob, odd_token, sender=deployer)

    def test_that_lie_harm_no_other_token(self, settlement, project, funded, odd_token, alice, bob, pull, deployer):
        """What is in the contract of one token is nobody's by way of another."""
        line = Line(settlement, odd_token, alice, bob, bob)
        line.pay_in(AMOUNT, pull, deployer)
        line.claim(AMOUNT, AMOUNT)
        settlement.settle(bob, odd_token, sender=deployer)
        assert funded.numbers == (AMOUNT, 0)
        assert funded.token.balanceOf(settlement) == AMOUNT

    def test_never_outgrows_what_can_be_kept(self, settlement, odd_token, alice, bob, pull, deployer):
        line = Line(settlement, odd_token, alice, bob, bob)
        odd_token.mint(alice, 2**128, sender=deployer)
        odd_token.approve(pull, 2**255, sender=alice)
        line.pay_in(2**128 - 1, pull, deployer)
        with ape.reverts():
            line.pay_in(1, pull, deployer)


class TestContractsAsSigners:
    @pytest.fixture
    def party(self, project, deployer, alice):
        """A contract that signs by Alice's key (ERC-1271)."""
        return deployer.deploy(project.OddParty, alice)

    @pytest.fixture
    def owned(self, settlement, odd_token, party, bob, authorizer, pull, deployer):
        """A channel of the contract's, who signs vouchers himself."""
        line = Line(settlement, odd_token, party, bob, authorizer, payer_authorizer="payer")
        odd_token.mint(party, AMOUNT, sender=deployer)
        party.set(CALL_BACK, False, odd_token, odd_token.approve.encode_input(pull, AMOUNT), sender=deployer)
        deployer.transfer(party, 1)
        line.pay_in(AMOUNT, pull, deployer)
        return line

    def test_a_payer_may_be_one(self, owned, alice, bob):
        owned.settlement.claim([owned.row(500, 500, by=alice)], sender=bob)
        assert owned.numbers == (AMOUNT, 500)
        with ape.reverts(owned.settlement.BadSignature, signer=owned.payer.address):
            owned.settlement.claim([owned.row(600, 600, by=bob)], sender=bob)

    def test_a_payer_who_is_one_can_take_vouchers_back(self, owned, alice, bob, deployer):
        """So the example service takes none of them."""
        owned.payer.set(ACCEPT, True, ZERO_ADDRESS, b"", sender=deployer)
        with ape.reverts(owned.settlement.BadSignature, signer=owned.payer.address):
            owned.settlement.claim([owned.row(500, 500, by=alice)], sender=bob)

    def test_a_payers_authorizer_is_a_key(self, settlement, token, party, alice, bob, authorizer, pull, deployer):
        """A contract as authorizer signs nothing, whatever it says."""
        line = Line(settlement, token, alice, bob, authorizer, payer_authorizer=party)
        line.pay_in(AMOUNT, pull, deployer)
        with ape.reverts(settlement.BadSignature, signer=party.address):
            settlement.claim([line.row(500, 500, by=alice)], sender=bob)

    def test_a_receivers_authorizer_may_be_one(self, settlement, token, party, alice, bob, pull, deployer):
        line = Line(settlement, token, alice, bob, party)
        line.pay_in(AMOUNT, pull, deployer)
        rows = [line.row(500, 500)]
        settlement.claimWithSignature(rows, sign_batch([line], rows, alice), sender=deployer)
        settlement.refundWithSignature(line.abi, 100, 0, line.sign_refund(100, 0, by=alice), sender=deployer)
        assert line.numbers == (AMOUNT - 100, 500)

    def test_a_key_counts_whatever_code_its_account_was_given(self, settlement, token, alice, bob, pull, deployer):
        """EIP-7702: neither an authorizer nor a payer takes back by it what was signed."""
        line = Line(settlement, token, alice, bob, bob, payer_authorizer="payer")
        line.pay_in(AMOUNT, pull, deployer)
        place(alice.address, bytes.fromhex("60006000fd"))
        line.claim(500, 500)
        other = Line(settlement, token, alice, bob, bob)
        other.pay_in(AMOUNT, pull, deployer)
        other.claim(500, 500)


def test_no_token_is_lost_or_made(settlement, token, alice, bob, authorizer, pull, accounts, deployer):
    """Whatever is done in whatever order: what the contract has is what payers and receivers can have."""
    chance = random.Random(402)
    lines = [
        Line(settlement, token, alice, payee, authorizer, salt=keccak(b"%d" % n))
        for n, payee in enumerate((bob, bob, accounts[8]))
    ]
    signed = dict.fromkeys(range(len(lines)), 0)
    done: dict[str, int] = {}
    for _ in range(OPERATIONS):
        number = chance.randrange(len(lines))
        line = lines[number]
        kind = chance.choice(("deposit", "deposit", "claim", "claim", "refund", "settle", "initiate", "finalize"))
        try:
            match kind:
                case "deposit":
                    line.pay_in(chance.randrange(1, 900), pull, deployer)
                case "claim":
                    signed[number] += chance.randrange(400)
                    line.claim(signed[number], signed[number])
                case "refund":
                    line.refund(chance.randrange(1, 500), deployer)
                case "settle":
                    settlement.settle(line.receiver, token, sender=deployer)
                case "initiate":
                    settlement.initiateWithdraw(line.abi, chance.randrange(1, 400), sender=alice)
                case _:
                    pass_time(DELAY)
                    settlement.finalizeWithdraw(line.abi, sender=alice)
            done[kind] = done.get(kind, 0) + 1
        except ape.exceptions.ContractLogicError:
            signed[number] = min(signed[number], line.numbers[0])
        numbers = [each.numbers for each in lines]
        assert all(balance >= claimed for balance, claimed in numbers)
        receipts = [tuple(settlement.receivers(each, token)) for each in (bob, accounts[8])]
        owed = sum(claimed - settled for claimed, settled in receipts)
        assert token.balanceOf(settlement) == sum(balance - claimed for balance, claimed in numbers) + owed
        assert sum(claimed for _, claimed in numbers) == sum(claimed for claimed, _ in receipts)
    assert len(done) == 6, done
