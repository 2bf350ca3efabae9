"""x402's BatchSettlement and its collector: what is signed, deposits, claims; and what attackers try with them."""

from __future__ import annotations

import json
from typing import Any

import ape
import pytest
from eth_account import Account
from eth_utils import keccak

from examples.paid_api.scheme import COLLECTOR, ChannelConfig, Claim, Domain, Units
from tandem.channels.signing import check_signature
from tandem.l1.contracts import checksum
from tandem.primitives.secp256k1 import ORDER
from tandem.primitives.types import Address, Hash, Seconds
from tests.contracts.channel_table import address
from tests.contracts.world import ZERO_ADDRESS, now, place_contract
from tests.contracts.x402_table import DELAY, Line, claims_of, sign_batch, told

AMOUNT = 10_000


@pytest.fixture
def collector(settlement, project):
    return place_contract(checksum(COLLECTOR), project.Erc3009Collector)


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


class TestDigests:
    def test_are_eip_712s(self, line):
        row = line.row(70, 50)
        other = Line(line.settlement, line.token, line.payer, line.receiver, line.authorizer, salt=keccak(b"another"))
        assert bytes(line.settlement.getChannelId(line.abi)) == line.id
        python = Domain(ape.chain.chain_id)
        assert python.channel_id(line.config) == line.id
        for ours, contracts, signature, signer in (
            (python.voucher(line.id, 70), line.settlement.getVoucherDigest(line.id, 70), row[1], line.payer),
            (
                python.refund(line.id, 3, 20),
                line.settlement.getRefundDigest(line.id, 3, 20),
                line.sign_refund(20, 3),
                line.authorizer,
            ),
            (
                python.claims([Claim(each.config, Units(70), b"", Units(50)) for each in (line, other)]),
                line.settlement.getClaimBatchDigest([row, other.row(70, 50)]),
                sign_batch([line, other], [row, other.row(70, 50)], line.authorizer),
                line.authorizer,
            ),
        ):
            assert ours == bytes(contracts)
            check_signature(ours, signature, address(signer))

    def test_are_defined_for_an_empty_batch(self, line):
        assert bytes(line.settlement.getClaimBatchDigest([])) == Domain(ape.chain.chain_id).claims([])

    def test_are_those_that_a_released_client_signs(self):
        """Taken from what the package `x402` 2.25.0 sent on chain 42069."""
        payer, receiver, authorizer = (
            Address(bytes.fromhex(Account.from_key(bytes([byte]) * 32).address[2:])) for byte in (0x11, 0x22, 0x33)
        )
        token = Address(bytes.fromhex("5FbDB2315678afecb367f032d93F642f64180aa3"))
        config = ChannelConfig(payer, payer, receiver, authorizer, token, Seconds(900), Hash(bytes(32)))
        domain = Domain(42069)
        channel = domain.channel_id(config)
        assert channel.hex() == "410295cf5257fdbe5b71b6dde929c8594b1b17d2f6d627e4ca6e84ee2ef2a903"
        signature = bytes.fromhex(
            "074a0789bae24755fc8dcbb7a3d50615c78138bcff1407af37999b0d552acab6"
            "657314065f3537bc5f88c8b1562f61dbaddd24a4949c8ff28af6c2f2d46dd8501c"
        )
        check_signature(domain.voucher(channel, Units(1_000)), signature, payer)

    def test_the_interface_has_the_published_selectors(self, project):
        published = (
            "140f1e75 e43ce1f2 9db32a8f b77433e9 cf5cf3dc e88377b1 ac9650d8 7a7ebd7b "
            "b7f06ebe f0dc792e 21ff6389 5e5e0b87 862bb199 e25cf189 488ccc3b"
        )
        found = {keccak(method.selector.encode())[:4].hex() for method in _methods(project.BatchSettlement)}
        assert set(published.split()) <= found
        assert {keccak(method.selector.encode())[:4].hex() for method in _methods(project.Erc3009Collector)} >= {
            "e416d8d3"
        }


def _methods(container: Any) -> list[Any]:
    return [*container.contract_type.mutable_methods, *container.contract_type.view_methods]


class TestDeposit:
    def test_is_booked_and_told(self, line, pull, token, deployer):
        logs = told(line, line.pay_in(AMOUNT, pull, deployer))
        assert [log.event_name for log in logs] == ["ChannelCreated", "Deposited"]
        assert bytes(logs[0].channelId) == line.id
        assert tuple(address.lower() for address in logs[0].config[:5]) == tuple(
            address.lower() for address in line.abi[:5]
        )
        assert (logs[1].sender, logs[1].amount, logs[1].newBalance) == (deployer.address, AMOUNT, AMOUNT)
        assert line.numbers == (AMOUNT, 0)
        assert token.balanceOf(line.settlement) == AMOUNT

    def test_adds_up(self, funded, pull, deployer):
        [log] = told(funded, funded.pay_in(50, pull, deployer))
        assert (log.event_name, log.newBalance) == ("Deposited", AMOUNT + 50)

    @pytest.mark.parametrize("at", [0, 2, 3, 4])
    def test_needs_all_parties_and_a_token(self, line, pull, deployer, at):
        with ape.reverts(line.settlement.ZeroAddress):
            line.settlement.deposit((*line.abi[:at], ZERO_ADDRESS, *line.abi[at + 1 :]), 1, pull, b"", sender=deployer)

    def test_needs_a_collector_that_is_there(self, line, deployer):
        with ape.reverts(line.settlement.ZeroAddress):
            line.settlement.deposit(line.abi, 1, ZERO_ADDRESS, b"", sender=deployer)
        with ape.reverts():
            line.settlement.deposit(line.abi, 1, deployer, b"", sender=deployer)

    def test_needs_a_token_that_is_there(self, settlement, alice, bob, pull, deployer):
        line = Line(settlement, deployer, alice, bob, bob)
        with ape.reverts():
            line.pay_in(1, pull, deployer)

    def test_needs_no_key_beside_the_payers(self, settlement, token, alice, bob, authorizer, pull, deployer):
        line = Line(settlement, token, alice, bob, authorizer, payer_authorizer="payer")
        line.pay_in(1, pull, deployer)
        assert line.numbers == (1, 0)

    @pytest.mark.parametrize("delay", [0, DELAY - 1, 30 * 86_400 + 1, 2**40 - 1])
    def test_has_a_delay_within_bounds(self, settlement, token, alice, bob, pull, deployer, delay):
        line = Line(settlement, token, alice, bob, bob, delay=delay)
        with ape.reverts(settlement.WrongDelay, least=DELAY, most=30 * 86_400):
            line.pay_in(1, pull, deployer)

    @pytest.mark.parametrize("delay", [DELAY, 30 * 86_400])
    def test_takes_the_bounds_themselves(self, settlement, token, alice, bob, pull, deployer, delay):
        Line(settlement, token, alice, bob, bob, delay=delay).pay_in(1, pull, deployer)

    def test_is_of_something(self, line, pull, deployer):
        with ape.reverts(line.settlement.ZeroAmount):
            line.pay_in(0, pull, deployer)

    @pytest.mark.parametrize("brought", [0, AMOUNT - 1, AMOUNT + 1])
    def test_is_what_the_collector_brings(self, line, pull, deployer, brought):
        with ape.reverts(line.settlement.WrongAmountReceived, expected=AMOUNT, received=brought):
            line.pay_in(AMOUNT, pull, deployer, brought)


class TestCollector:
    def test_brings_what_the_payer_has_signed(self, line, collector, token, deployer):
        data = line.authorize(AMOUNT, 7, collector=collector)
        line.settlement.deposit(line.abi, AMOUNT, collector, data, sender=deployer)
        assert line.numbers == (AMOUNT, 0)
        assert token.balanceOf(collector) == 0

    def test_brings_it_once(self, line, collector, token, deployer):
        data = line.authorize(AMOUNT, 7, collector=collector)
        line.settlement.deposit(line.abi, AMOUNT, collector, data, sender=deployer)
        with ape.reverts(token.BadAuthorization):
            line.settlement.deposit(line.abi, AMOUNT, collector, data, sender=deployer)
        line.settlement.deposit(line.abi, 5, collector, line.authorize(5, 8, collector=collector), sender=deployer)
        assert line.numbers == (AMOUNT + 5, 0)

    def test_brings_it_for_no_other_channel(self, line, collector, token, deployer):
        """Someone else's, in which he is the receiver."""
        data = line.authorize(AMOUNT, 7, collector=collector)
        thief = Line(line.settlement, token, line.payer, deployer, deployer)
        with ape.reverts(token.BadAuthorization):
            thief.settlement.deposit(thief.abi, AMOUNT, collector, data, sender=deployer)

    @pytest.mark.parametrize("what", ["amount", "payer", "signer", "time", "target"])
    def test_brings_nothing_else(self, line, collector, token, bob, deployer, what):
        config, amount = line.abi, AMOUNT
        data = line.authorize(AMOUNT, 7, collector=collector)
        match what:
            case "amount":
                amount += 1
            case "payer":
                token.mint(bob, AMOUNT, sender=deployer)
                config = Line(line.settlement, token, bob, bob, line.authorizer).abi
            case "signer":
                data = line.authorize(AMOUNT, 7, collector=collector, by=bob)
            case "time":
                data = line.authorize(AMOUNT, 7, collector=collector, validBefore=now())
            case _:
                data = line.authorize(AMOUNT, 7, collector=collector, to=line.settlement.address)
        with ape.reverts(token.BadAuthorization):
            line.settlement.deposit(config, amount, collector, data, sender=deployer)

    def test_serves_the_settlement_alone(self, line, collector, deployer):
        """Or the tokens would come in without being booked."""
        data = line.authorize(AMOUNT, 7, collector=collector)
        with ape.reverts(collector.OnlySettlement, sender=deployer.address):
            collector.collect(line.payer, line.token, AMOUNT, line.id, data, sender=deployer)

    def test_knows_the_published_address(self, collector, settlement):
        assert collector.SETTLEMENT() == settlement.address == "0x4020074e9dF2ce1deE5A9C1b5c3f541D02a10003"
        assert collector.address == "0x4020806089470a89826cB9fB1f4059150b550004"

    @pytest.mark.parametrize("length", [0, 64, 66])
    def test_takes_signatures_of_65_bytes(self, line, collector, deployer, length):
        data = line.authorize(AMOUNT, 7, collector=collector)
        words, signature = data[: 4 * 32], data[5 * 32 : 5 * 32 + 65]
        padded = (signature + bytes(1))[:length].ljust(96, b"\0")
        with ape.reverts(collector.WrongLength, length=length):
            line.settlement.deposit(
                line.abi, AMOUNT, collector, words + length.to_bytes(32, "big") + padded, sender=deployer
            )


class TestClaim:
    def test_notes_what_is_the_receivers(self, funded, token, bob):
        receipt = funded.claim(3_000, 2_500)
        assert claims_of(funded, receipt) == [(funded.id, 2_500, 2_500)]
        receipt = funded.claim(7_000, 7_000)
        assert claims_of(funded, receipt) == [(funded.id, 4_500, 7_000)]
        assert funded.numbers == (AMOUNT, 7_000), "the balance is all that was paid in"
        assert tuple(funded.settlement.receivers(bob, token)) == (7_000, 0)
        assert token.balanceOf(bob) == 0

    def test_is_for_the_receiver_or_his_authorizer(self, funded, alice, bob, authorizer, deployer):
        funded.claim(10, 10, sender=bob)
        funded.claim(20, 20, sender=authorizer)
        for other in (alice, deployer):
            with ape.reverts(funded.settlement.NotReceiving, sender=other.address):
                funded.claim(30, 30, sender=other)

    def test_of_nothing_new_is_passed_over(self, funded):
        """Whoever gives back sends a claim along, of what was claimed already."""
        funded.claim(3_000, 3_000)
        for most, total in ((3_000, 3_000), (2_000, 2_000), (0, 0), (0, 3_000)):
            receipt = funded.settlement.claim([funded.row(most, total, b"no signature")], sender=funded.receiver)
            assert claims_of(funded, receipt) == []
        assert funded.numbers == (AMOUNT, 3_000)

    def test_is_never_above_the_voucher(self, funded):
        with ape.reverts(funded.settlement.AboveVoucher, maxClaimableAmount=3_000):
            funded.claim(3_000, 3_001)

    def test_is_never_above_the_balance(self, funded):
        with ape.reverts(funded.settlement.AboveBalance, balance=AMOUNT):
            funded.claim(2 * AMOUNT, AMOUNT + 1)
        funded.claim(2 * AMOUNT, AMOUNT)
        assert funded.numbers == (AMOUNT, AMOUNT)

    def test_needs_something_to_claim(self, funded, bob):
        with ape.reverts(funded.settlement.EmptyBatch):
            funded.settlement.claim([], sender=bob)
        with ape.reverts(funded.settlement.EmptyBatch):
            funded.settlement.claimWithSignature([], b"", sender=bob)

    def test_has_at_most_256_rows(self, funded, bob):
        row = funded.row(0, 0, b"")
        with ape.reverts(funded.settlement.TooMany, most=256):
            funded.settlement.claim([row] * 257, sender=bob)

    @pytest.mark.parametrize("what", ["channel", "contract", "chain", "signer", "amount"])
    def test_takes_no_voucher_for_something_else(self, funded, line, alice, bob, deployer, what):
        other = Line(funded.settlement, funded.token, alice, bob, funded.authorizer, salt=keccak(b"another"))
        match what:
            case "channel":
                signature = other.voucher(500)
            case "contract":
                domain = {"verifyingContract": deployer.address}
                signature = funded.voucher(500, of=funded.id_in(funded.domain(**domain)), **domain)
            case "chain":
                domain = {"chainId": ape.chain.chain_id + 1}
                signature = funded.voucher(500, of=funded.id_in(funded.domain(**domain)), **domain)
            case "signer":
                signature = funded.voucher(500, by=bob)
            case _:
                signature = funded.voucher(499)
        with ape.reverts(funded.settlement.BadSignature, signer=alice.address):
            funded.settlement.claim([funded.row(500, 500, signature)], sender=bob)

    def test_takes_no_voucher_of_the_same_name_signed_for_another_contract_or_chain(self, funded, alice, bob, deployer):
        """Even if the name in it were the same."""
        for domain in ({"verifyingContract": deployer.address}, {"chainId": ape.chain.chain_id + 1}):
            with ape.reverts(funded.settlement.BadSignature, signer=alice.address):
                funded.settlement.claim([funded.row(500, 500, **domain)], sender=bob)

    @pytest.mark.parametrize("what", ["high s", "v", "compact", "zero", "empty"])
    def test_takes_signatures_in_one_form_alone(self, funded, alice, bob, what):
        good = funded.voucher(500)
        r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
        bad = {
            "high s": r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v]),
            "v": good[:64] + bytes([v - 27]),
            "compact": r + (s | (v - 27) << 255).to_bytes(32, "big"),
            "zero": bytes(65),
            "empty": b"",
        }[what]
        with ape.reverts(funded.settlement.BadSignature, signer=alice.address):
            funded.settlement.claim([funded.row(500, 500, bad)], sender=bob)

    def test_a_voucher_of_a_key_of_its_own(self, settlement, token, alice, bob, authorizer, pull, accounts, deployer):
        """The payer's own key is worth nothing then."""
        line = Line(settlement, token, alice, bob, authorizer, payer_authorizer=accounts[8])
        line.pay_in(AMOUNT, pull, deployer)
        with ape.reverts(settlement.BadSignature, signer=accounts[8].address):
            settlement.claim([line.row(500, 500, by=alice)], sender=bob)
        line.claim(500, 500)
        assert line.numbers == (AMOUNT, 500)


class TestClaimWithSignature:
    @pytest.fixture
    def lines(self, settlement, token, alice, bob, authorizer, pull, deployer):
        """Two receivers with one authorizer."""
        lines = [
            Line(settlement, token, alice, bob, authorizer),
            Line(settlement, token, alice, deployer, authorizer, salt=keccak(b"another")),
        ]
        for line in lines:
            line.pay_in(AMOUNT, pull, deployer)
        return lines

    def test_is_brought_by_anyone(self, lines, alice, authorizer):
        settlement, token = lines[0].settlement, lines[0].token
        rows = [lines[0].row(400, 300), lines[1].row(900, 900)]
        receipt = settlement.claimWithSignature(rows, sign_batch(lines, rows, authorizer), sender=alice)
        assert claims_of(lines[0], receipt) == [(lines[0].id, 300, 300), (lines[1].id, 900, 900)]
        assert tuple(settlement.receivers(lines[0].receiver, token)) == (300, 0)
        assert tuple(settlement.receivers(lines[1].receiver, token)) == (900, 0)

    def test_can_be_repeated_without_effect(self, lines, alice, authorizer):
        settlement = lines[0].settlement
        rows = [line.row(400, 300) for line in lines]
        signature = sign_batch(lines, rows, authorizer)
        settlement.claimWithSignature(rows, signature, sender=alice)
        assert claims_of(lines[0], settlement.claimWithSignature(rows, signature, sender=alice)) == []
        assert [line.numbers for line in lines] == [(AMOUNT, 300)] * 2

    def test_counts_each_row_behind_the_one_before(self, lines, alice, authorizer):
        line, settlement = lines[0], lines[0].settlement
        rows = [line.row(400, 300), line.row(900, 800), line.row(900, 500)]
        signature = sign_batch([line] * 3, rows, authorizer)
        receipt = settlement.claimWithSignature(rows, signature, sender=alice)
        assert claims_of(lines[0], receipt) == [(line.id, 300, 300), (line.id, 500, 800)]

    @pytest.mark.parametrize("what", ["signer", "rows", "order", "total", "contract", "chain"])
    def test_needs_the_authorizers_signature_of_these_rows(self, lines, alice, authorizer, what):
        settlement = lines[0].settlement
        rows = [line.row(400, 300) for line in lines]
        match what:
            case "signer":
                signature = sign_batch(lines, rows, alice)
            case "rows":
                signature = sign_batch(lines[:1], rows[:1], authorizer)
            case "order":
                signature = sign_batch(lines[::-1], rows[::-1], authorizer)
            case "total":
                signature = sign_batch(lines, [line.row(400, 301) for line in lines], authorizer)
            case "contract":
                signature = sign_batch(lines, rows, authorizer, verifyingContract=alice.address)
            case _:
                signature = sign_batch(lines, rows, authorizer, chainId=1)
        with ape.reverts(settlement.BadSignature, signer=authorizer.address):
            settlement.claimWithSignature(rows, signature, sender=alice)

    def test_has_one_authorizer(self, lines, alice, bob, authorizer, pull, deployer):
        """Or one receiver could claim for another, and less than he wants."""
        other = Line(lines[0].settlement, lines[0].token, alice, bob, bob)
        other.pay_in(AMOUNT, pull, deployer)
        rows = [lines[0].row(400, 300), other.row(400, 300)]
        with ape.reverts(lines[0].settlement.OtherAuthorizer, authorizer=bob.address):
            lines[0].settlement.claimWithSignature(
                rows, sign_batch([lines[0], other], rows, authorizer), sender=authorizer
            )

    def test_one_bad_row_spoils_all(self, lines, alice, authorizer):
        rows = [lines[0].row(400, 300), lines[1].row(AMOUNT + 1, AMOUNT + 1)]
        with ape.reverts(lines[0].settlement.AboveBalance, balance=AMOUNT):
            lines[0].settlement.claimWithSignature(rows, sign_batch(lines, rows, authorizer), sender=alice)
        assert lines[0].numbers == (AMOUNT, 0)


def test_the_runtime_code_stands_anywhere(project):
    """A genesis has no constructor: nothing in the code is filled in by one."""
    for name in ("BatchSettlement", "Erc3009Collector"):
        path = ape.project.path / ".build" / "__local__.json"
        compiled = json.loads(path.read_text())["contractTypes"][name]
        creation = compiled["deploymentBytecode"]["bytecode"]
        runtime = compiled["runtimeBytecode"]["bytecode"]
        assert creation.endswith(runtime[2:]), "the constructor returns it as it is"
