"""ChannelManager: opening, paying in and out, ending by consent."""

from __future__ import annotations

import ape
import pytest

from tandem.channels.states import Lane
from tandem.primitives.hashing import keccak
from tests.contracts.channel_table import CHANNEL_WINDOW, Pair, address
from tests.contracts.world import ZERO_ADDRESS, now, pass_time

NONE, OPEN, CLOSING, SETTLED = range(4)
ETHER = 10**18
LATER = 600


@pytest.fixture
def pair(channel_manager, alice, bob):
    return Pair(channel_manager, (alice, bob))


@pytest.fixture
def opened(pair):
    return pair.open(3 * ETHER, ETHER)


def coop(pair, balances, valid_until=None, by=None):
    """Arguments of coopClose."""
    valid_until = now() + LATER if valid_until is None else valid_until
    digest = pair.domain.coop_close(pair.key.id, balances, valid_until)
    return (pair.abi, (*balances, valid_until), *pair.sign(digest, by=by))


def taking(pair, side, total, valid_until=None, by=None):
    """Arguments of withdraw."""
    valid_until = now() + LATER if valid_until is None else valid_until
    digest = pair.domain.withdraw(pair.key.id, pair.key.party(side), total, valid_until)
    return (pair.abi, (side, total, valid_until), *pair.sign(digest, by=by))


class TestOpen:
    def test_names_the_channel_and_keeps_the_deposit(self, pair, alice, bob):
        logs = pair.manager.open(pair.abi, ETHER, sender=alice, value=ETHER).decode_logs()
        assert [log.event_name for log in logs] == ["ChannelOpened", "Deposited"]
        assert (bytes(logs[0].id), logs[0].party0, logs[0].party1) == (pair.key.id, alice.address, bob.address)
        assert (logs[0].token, logs[0].window, bytes(logs[0].salt)) == (ZERO_ADDRESS, CHANNEL_WINDOW, pair.key.salt)
        channel = pair.manager.getChannel(pair.key.id)
        assert (channel.deposit0, channel.deposit1, channel.settleAt, channel.status) == (ETHER, 0, 0, OPEN)
        assert pair.manager.balance == ETHER

    def test_is_for_either_party_on_its_own_side(self, pair, bob):
        pair.manager.open(pair.abi, ETHER, sender=bob, value=ETHER)
        assert pair.manager.getChannel(pair.key.id).deposit1 == ETHER

    def test_is_for_parties_alone(self, pair, deployer):
        """Whoever else could take the name before them."""
        with ape.reverts(pair.manager.NotAParty, sender=deployer.address):
            pair.manager.open(pair.abi, 0, sender=deployer)

    def test_needs_the_ether_it_says(self, pair, alice):
        for value in (0, ETHER - 1, ETHER + 1):
            with ape.reverts(pair.manager.WrongValue, expected=ETHER):
                pair.manager.open(pair.abi, ETHER, sender=alice, value=value)

    def test_happens_once_for_a_name(self, opened, alice):
        with ape.reverts(opened.manager.WrongStatus, id=opened.key.id, status=OPEN):
            opened.manager.open(opened.abi, 0, sender=alice)

    def test_happens_once_even_when_the_channel_has_ended(self, opened, alice, bob):
        """Or what was signed for the first would count for the second."""
        opened.manager.coopClose(*coop(opened, (ETHER, 3 * ETHER)), sender=bob)
        with ape.reverts(opened.manager.WrongStatus, id=opened.key.id, status=SETTLED):
            opened.manager.open(opened.abi, 0, sender=alice)

    def test_needs_two_parties(self, channel_manager, alice):
        class Nobody:
            address = ZERO_ADDRESS

        for other in (alice, Nobody(), channel_manager):
            pair = Pair(channel_manager, (alice, other))
            with ape.reverts(channel_manager.WrongParties):
                channel_manager.open(pair.abi, 0, sender=alice)

    @pytest.mark.parametrize("window", [0, 59, 90 * 86_400 + 1])
    def test_has_a_window_within_bounds(self, channel_manager, alice, bob, window):
        pair = Pair(channel_manager, (alice, bob), window=window)
        with ape.reverts(channel_manager.WrongWindow, least=60, most=90 * 86_400):
            channel_manager.open(pair.abi, 0, sender=alice)

    def test_needs_a_token_that_is_there(self, channel_manager, alice, bob):
        pair = Pair(channel_manager, (alice, bob), token=address(bob))
        with ape.reverts(channel_manager.NoToken, token=bob.address):
            channel_manager.open(pair.abi, 0, sender=alice)


class TestDeposit:
    def test_adds_up(self, opened, deployer):
        receipt = opened.manager.deposit(opened.abi, 0, 5, sender=deployer, value=5)
        [log] = receipt.decode_logs()
        assert (log.side, log.amount, log.total) == (0, 5, 3 * ETHER + 5)

    def test_has_two_sides(self, opened, deployer):
        with ape.reverts(opened.manager.WrongSide, side=2):
            opened.manager.deposit(opened.abi, 2, 5, sender=deployer, value=5)

    def test_is_for_open_channels(self, pair, opened, alice):
        opened.close(0)
        with ape.reverts(pair.manager.WrongStatus, id=pair.key.id, status=CLOSING):
            pair.manager.deposit(pair.abi, 0, 5, sender=alice, value=5)

    def test_is_limited_by_what_can_be_kept(self, opened, deployer):
        for amount in (2**96, 2**96 - 3 * ETHER, 2**255):
            with ape.reverts(opened.manager.TooMuch, most=2**96 - 1):
                opened.manager.deposit(opened.abi, 0, amount, sender=deployer, value=5)


class TestWithdraw:
    def test_pays_the_difference_to_all_that_was_taken(self, opened, alice, deployer):
        before = alice.balance
        opened.manager.withdraw(*taking(opened, 0, ETHER), sender=deployer)
        assert alice.balance == before + ETHER
        opened.manager.withdraw(*taking(opened, 0, 3 * ETHER), sender=deployer)
        assert alice.balance == before + 3 * ETHER
        assert opened.manager.withdrawn(opened.key.id, 0) == 3 * ETHER
        assert opened.status == OPEN

    def test_happens_once(self, opened, deployer):
        call = taking(opened, 0, ETHER)
        opened.manager.withdraw(*call, sender=deployer)
        with ape.reverts(opened.manager.WrongAmounts, available=4 * ETHER):
            opened.manager.withdraw(*call, sender=deployer)

    def test_takes_no_more_than_is_there(self, opened, deployer):
        opened.manager.withdraw(*taking(opened, 0, 3 * ETHER), sender=deployer)
        with ape.reverts(opened.manager.WrongAmounts, available=ETHER):
            opened.manager.withdraw(*taking(opened, 1, ETHER + 1), sender=deployer)

    def test_needs_both_signatures(self, opened, alice, bob, deployer):
        for by, missing in (((alice, deployer), bob), ((deployer, bob), alice)):
            with ape.reverts(opened.manager.BadSignature, signer=missing.address):
                opened.manager.withdraw(*taking(opened, 0, ETHER, by=by), sender=alice)

    def test_expires(self, opened, deployer):
        call = taking(opened, 0, ETHER, valid_until=now() + 10)
        pass_time(20)
        with ape.reverts(opened.manager.Expired, at=call[1][2]):
            opened.manager.withdraw(*call, sender=deployer)

    def test_stops_when_a_side_closes(self, opened, deployer):
        """Who closes has counted on what is there."""
        call = taking(opened, 0, ETHER)
        opened.close(1)
        with ape.reverts(opened.manager.WrongStatus, id=opened.key.id, status=CLOSING):
            opened.manager.withdraw(*call, sender=deployer)


class TestCoopClose:
    def test_pays_both_at_once(self, opened, alice, bob, deployer):
        before = alice.balance, bob.balance
        receipt = opened.manager.coopClose(*coop(opened, (ETHER, 3 * ETHER)), sender=deployer)
        assert opened.paid(receipt) == (ETHER, 3 * ETHER)
        assert (alice.balance, bob.balance) == (before[0] + ETHER, before[1] + 3 * ETHER)
        assert opened.manager.balance == 0
        assert opened.status == SETTLED

    def test_counts_what_was_taken(self, opened, deployer):
        opened.manager.withdraw(*taking(opened, 0, ETHER), sender=deployer)
        for balances in ((0, 3 * ETHER + 1), (ETHER, 3 * ETHER)):
            with ape.reverts(opened.manager.WrongAmounts, available=3 * ETHER):
                opened.manager.coopClose(*coop(opened, balances), sender=deployer)
        opened.manager.coopClose(*coop(opened, (0, 3 * ETHER)), sender=deployer)

    def test_is_not_spoilt_by_a_deposit(self, opened, deployer):
        """Anyone can pay in a wei before it; side 0 has it then."""
        call = coop(opened, (ETHER, 3 * ETHER))
        opened.manager.deposit(opened.abi, 1, 1, sender=deployer, value=1)
        assert opened.paid(opened.manager.coopClose(*call, sender=deployer)) == (ETHER + 1, 3 * ETHER)

    def test_ends_a_channel_that_is_closing(self, opened, deployer):
        opened.close(0, lane1=Lane(1, 5))
        receipt = opened.manager.coopClose(*coop(opened, (4 * ETHER, 0)), sender=deployer)
        assert opened.paid(receipt) == (4 * ETHER, 0)
        assert opened.manager.getLane(opened.key.id, 1).nonce == 0, "nothing is left of it"
        with ape.reverts(opened.manager.WrongStatus, id=opened.key.id, status=SETTLED):
            opened.settle(deployer)

    def test_needs_both_signatures(self, opened, alice, bob, deployer):
        for by, missing in (((alice, deployer), bob), ((deployer, bob), alice)):
            with ape.reverts(opened.manager.BadSignature, signer=missing.address):
                opened.manager.coopClose(*coop(opened, (4 * ETHER, 0), by=by), sender=alice)

    def test_expires(self, opened, deployer):
        call = coop(opened, (4 * ETHER, 0), valid_until=now() + 10)
        pass_time(20)
        with ape.reverts(opened.manager.Expired, at=call[1][2]):
            opened.manager.coopClose(*call, sender=deployer)

    def test_is_of_one_channel(self, opened, channel_manager, alice, bob):
        """Of another name, contract or chain it is worth nothing."""
        other = Pair(channel_manager, (alice, bob), salt=keccak(b"another")).open(3 * ETHER, ETHER)
        call = coop(opened, (4 * ETHER, 0))
        with ape.reverts(channel_manager.BadSignature, signer=alice.address):
            channel_manager.coopClose(other.abi, *call[1:], sender=alice)
