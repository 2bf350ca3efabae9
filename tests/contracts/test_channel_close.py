"""ChannelManager: closing alone, newer states, settling; and what attackers try with old, foreign and forged states."""

from __future__ import annotations

from dataclasses import replace

import ape
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.channels.settlement import Funds, Knowledge, secret_hash, settle
from tandem.channels.signing import SigningDomain, voucher_name, voucher_ref
from tandem.channels.states import Lane, Lock, LockKind
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import ORDER
from tests.contracts.channel_table import CHANNEL_WINDOW, SECRETS, Pair, address, lock, sign_with
from tests.contracts.world import now, pass_time, taken_back

OPEN, CLOSING = 1, 2
DEPOSITS = (1_000, 400)


@pytest.fixture
def pair(channel_manager, alice, bob):
    return Pair(channel_manager, (alice, bob)).open(*DEPOSITS)


class TestClose:
    def test_begins_the_window(self, pair, alice):
        logs = pair.close(0, Lane(3, 70), Lane(2, 5)).decode_logs()
        assert [log.event_name for log in logs] == ["ChannelClosing", "LaneShown", "LaneShown"]
        assert (logs[0].by, logs[0].settleAt) == (alice.address, now() + CHANNEL_WINDOW)
        assert [(log.side, log.nonce, log.transferred) for log in logs[1:]] == [(0, 3, 70), (1, 2, 5)]
        assert pair.status == CLOSING

    def test_is_for_parties(self, pair, deployer):
        with ape.reverts(pair.manager.NotAParty, sender=deployer.address):
            pair.manager.close(pair.abi, *[(0, 0, b"", b"", b"")] * 2, sender=deployer)

    def test_happens_once(self, pair):
        """The window never gets longer."""
        pair.close(0)
        with ape.reverts(pair.manager.WrongStatus, id=pair.key.id, status=CLOSING):
            pair.close(1)

    def test_needs_both_signatures(self, pair, alice, bob, deployer):
        for by, missing in (((alice, deployer), bob), ((deployer, bob), alice)):
            proof = pair.proof(0, Lane(1, 5), by=by)
            with ape.reverts(pair.manager.BadSignature, signer=missing.address):
                pair.manager.close(pair.abi, proof, (0, 0, b"", b"", b""), sender=alice)


class TestUpdate:
    def test_takes_newer_states_from_anyone(self, pair, deployer):
        pair.close(0, Lane(3, 70))
        pair.update(0, Lane(4, 90), deployer)
        assert pair.manager.getLane(pair.key.id, 0).transferred == 90
        for nonce in (1, 3, 4):
            with ape.reverts(pair.manager.NotNewer, nonce=4):
                pair.update(0, Lane(nonce, 10), deployer)

    def test_a_newer_state_may_have_fewer_locks(self, pair, deployer):
        """A lock that was cancelled does not come back."""
        locked = Lane(3, 70, (lock(0, 30),))
        pair.close(1, locked)
        pair.update(0, Lane(4, 70), deployer)
        pair.manager.registerSecrets([SECRETS[0]], sender=deployer)
        pass_time(CHANNEL_WINDOW)
        with ape.reverts(pair.manager.WrongLocks, side=0):
            pair.settle(deployer, locked)
        assert pair.paid(pair.settle(deployer)) == (930, 470)

    def test_stops_when_the_window_is_over(self, pair, deployer):
        [log] = pair.close(0).decode_logs()
        pass_time(CHANNEL_WINDOW)
        with ape.reverts(pair.manager.WrongTime, settleAt=log.settleAt):
            pair.update(0, Lane(1, 5), deployer)

    def test_does_not_make_the_window_longer(self, pair, deployer):
        pair.close(0)
        settle_at = pair.manager.getChannel(pair.key.id).settleAt
        for nonce in range(1, 4):
            pass_time(1_000)
            pair.update(1, Lane(nonce, nonce), deployer)
        assert pair.manager.getChannel(pair.key.id).settleAt == settle_at

    def test_is_for_channels_that_are_closing(self, pair, deployer):
        with ape.reverts(pair.manager.WrongStatus, id=pair.key.id, status=OPEN):
            pair.update(0, Lane(1, 5), deployer)

    @pytest.mark.parametrize("what", ["side", "channel", "contract", "chain"])
    def test_takes_no_state_of_something_else(self, pair, alice, bob, deployer, channel_manager, what):
        pair.close(0)
        lane = Lane(1, 5)
        other = Pair(channel_manager, (alice, bob), salt=keccak(b"another"))
        match what:
            case "side":
                proof = pair.proof(1, lane)
            case "channel":
                proof = other.proof(0, lane)
            case "contract":
                proof = pair.proof(0, lane, domain=SigningDomain(ape.chain.chain_id, address(deployer)))
            case _:
                proof = pair.proof(0, lane, domain=SigningDomain(ape.chain.chain_id + 1, address(channel_manager)))
        with ape.reverts(pair.manager.BadSignature, signer=alice.address):
            pair.manager.update(pair.abi, 0, proof, sender=deployer)

    @pytest.mark.parametrize("what", ["high s", "v", "compact", "zero", "empty"])
    def test_takes_signatures_in_one_form_alone(self, pair, alice, deployer, what):
        pair.close(0)
        nonce, transferred, locks, good, other = pair.proof(0, Lane(1, 5))
        r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
        bad = {
            "high s": r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v]),
            "v": good[:64] + bytes([v - 27]),
            "compact": r + (s | (v - 27) << 255).to_bytes(32, "big"),
            "zero": bytes(65),
            "empty": b"",
        }[what]
        with ape.reverts(pair.manager.BadSignature, signer=alice.address):
            pair.manager.update(pair.abi, 0, (nonce, transferred, locks, bad, other), sender=deployer)

    def test_takes_no_locks_that_were_not_signed(self, pair, alice, deployer):
        pair.close(0)
        nonce, transferred, locks, *signatures = pair.proof(0, Lane(1, 5, (lock(0, 30),)))
        for wrong in (b"", locks * 2, locks[:-1] + bytes([locks[-1] ^ 1])):
            with ape.reverts(pair.manager.BadSignature, signer=alice.address):
                pair.manager.update(pair.abi, 0, (nonce, transferred, wrong, *signatures), sender=deployer)

    @pytest.mark.parametrize("size", [1, 53, 55, 54 * 65])
    def test_takes_no_locks_that_are_none(self, pair, deployer, size):
        pair.close(0)
        nonce, transferred, _, *signatures = pair.proof(0, Lane(1, 5))
        with ape.reverts(pair.manager.MalformedLocks):
            pair.manager.update(pair.abi, 0, (nonce, transferred, bytes(size), *signatures), sender=deployer)

    def test_takes_no_locks_that_sum_up_to_more_than_can_be_signed(self, pair, deployer):
        pair.close(0)
        huge = replace(lock(0, 1), amount=2**128 - 1)
        with ape.reverts(pair.manager.MalformedLocks):
            pair.update(0, Lane(1, 0, (huge, huge)), deployer)


class TestSettle:
    def test_waits_for_the_window(self, pair, deployer):
        [log] = pair.close(0).decode_logs()
        pass_time(CHANNEL_WINDOW - 5)
        with ape.reverts(pair.manager.WrongTime, settleAt=log.settleAt):
            pair.settle(deployer)

    def test_needs_a_close(self, pair, deployer):
        with ape.reverts(pair.manager.WrongStatus, id=pair.key.id, status=OPEN):
            pair.settle(deployer)

    def test_pays_what_lanes_say(self, pair, alice, bob, deployer):
        before = alice.balance, bob.balance
        pair.close(1, Lane(9, 600), Lane(4, 50))
        pass_time(CHANNEL_WINDOW)
        paid = pair.paid(pair.settle(deployer))
        assert paid == (450, 950)
        assert alice.balance == before[0] + 450
        assert pair.manager.balance == 0

    def test_gives_back_deposits_where_nothing_was_paid(self, pair, deployer):
        pair.close(0)
        pass_time(CHANNEL_WINDOW)
        assert pair.paid(pair.settle(deployer)) == DEPOSITS

    @pytest.mark.parametrize(
        ("out0", "out1", "expected"),
        [(5_000, 0, (0, 1_400)), (0, 5_000, (1_400, 0)), (2**128 - 1, 2**128 - 1, (1_000, 400))],
    )
    def test_never_pays_more_than_there_is(self, pair, deployer, out0, out1, expected):
        """Whatever both have signed."""
        pair.close(0, Lane(1, out0), Lane(1, out1))
        pass_time(CHANNEL_WINDOW)
        assert pair.paid(pair.settle(deployer)) == expected

    def test_pays_locks_whose_secret_came_in_time(self, pair, deployer):
        locks = tuple(lock(number, 10 + number, expires_in=3_600 + number) for number in range(4))
        lane = Lane(2, 100, locks)
        pair.close(1, lane)
        pair.manager.registerSecrets([SECRETS[0], SECRETS[2]], sender=deployer)
        ape.chain.pending_timestamp = locks[3].expiry + 1
        pair.manager.registerSecrets([SECRETS[3]], sender=deployer)
        pass_time(CHANNEL_WINDOW)
        assert pair.paid(pair.settle(deployer, lane)) == (1_000 - 100 - 10 - 12, 400 + 122)

    def test_takes_64_locks_on_each_lane(self, pair, deployer):
        lanes = [Lane(1, 0, tuple(lock(number, 1 + side) for number in range(64))) for side in (0, 1)]
        pair.close(0, *lanes)
        pair.manager.registerSecrets(SECRETS, sender=deployer)
        pass_time(CHANNEL_WINDOW)
        receipt = pair.settle(deployer, *lanes)
        assert pair.paid(receipt) == (1_064, 336)
        assert receipt.gas_used < 1_000_000

    def test_happens_once(self, pair, deployer):
        pair.close(0)
        pass_time(CHANNEL_WINDOW)
        pair.settle(deployer)
        with ape.reverts(pair.manager.WrongStatus, id=pair.key.id, status=3):
            pair.settle(deployer)

    def test_of_other_locks_is_refused(self, pair, deployer):
        lane = Lane(1, 0, (lock(0, 5),))
        pair.close(0, lane)
        pass_time(CHANNEL_WINDOW)
        for wrong in (None, replace(lane, locks=(lock(1, 5),))):
            with ape.reverts(pair.manager.WrongLocks, side=0):
                pair.settle(deployer, wrong)


class TestVouchers:
    def test_a_lock_pays_what_the_best_one_says(self, pair, deployer, accounts):
        signer, salt = accounts[5], keccak(b"virtual")
        expiry = now() + 3_600
        ref = voucher_ref(address(signer), salt)
        name = voucher_name(ref, expiry)
        lane = Lane(1, 0, (Lock(200, expiry, LockKind.VOUCHER, ref), Lock(50, expiry - 1, LockKind.VOUCHER, ref)))
        pair.close(1, lane)
        for amount in (30, 170, 90):
            signature = sign_with(signer, pair.domain.voucher(name, amount))
            pair.manager.registerVoucher(signer, expiry, salt, amount, signature, sender=deployer)
        assert pair.manager.vouchers(name) == 170
        pass_time(CHANNEL_WINDOW)
        late = sign_with(signer, pair.domain.voucher(name, 200))
        with ape.reverts(pair.manager.Expired, at=expiry):
            pair.manager.registerVoucher(signer, expiry, salt, 200, late, sender=deployer)
        assert pair.paid(pair.settle(deployer, lane)) == (830, 570), "a lock of another expiry is not paid by it"

    def test_are_signed_by_whom_they_name(self, pair, deployer, accounts):
        expiry, salt = now() + 3_600, keccak(b"virtual")
        name = voucher_name(voucher_ref(address(accounts[5]), salt), expiry)
        forged = sign_with(deployer, pair.domain.voucher(name, 10))
        with ape.reverts(pair.manager.BadSignature, signer=accounts[5].address):
            pair.manager.registerVoucher(accounts[5], expiry, salt, 10, forged, sender=deployer)


class TestSecrets:
    def test_are_kept_with_their_first_time(self, pair, deployer):
        digest = secret_hash(SECRETS[0])
        [log] = pair.manager.registerSecrets([SECRETS[0]], sender=deployer).decode_logs()
        first = now()
        assert (bytes(log.secretHash), bytes(log.secret)) == (digest, SECRETS[0])
        pass_time(100)
        assert pair.manager.registerSecrets([SECRETS[0]], sender=deployer).decode_logs() == []
        assert pair.manager.revealedAt(digest) == first

    def test_come_by_256_at_most(self, pair, deployer):
        with ape.reverts(pair.manager.TooManySecrets, most=256):
            pair.manager.registerSecrets([keccak(bytes([i % 256, i // 256])) for i in range(257)], sender=deployer)


amounts = st.integers(0, 700)
histories = st.lists(st.tuples(amounts, st.lists(amounts, max_size=3), st.integers(0, 7)), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories, histories, st.data())
def test_pays_what_the_model_says_of_any_history_of_states(pair, deployer, one, other, data):
    """Stale first, reordered, in part: the newest that was shown counts."""
    with taken_back():
        lanes = []
        for history in (one, other):
            states, transferred = [], 0
            for nonce, (amount, locked, first) in enumerate(history, 1):
                transferred += amount
                locks = tuple(lock((first + at) % 8, each, expires_in=CHANNEL_WINDOW) for at, each in enumerate(locked))
                states.append(Lane(nonce, transferred, locks))
            lanes.append(states)
        shown = [data.draw(st.integers(0, len(states))) for states in lanes]
        newest = [states[count - 1] if count else Lane() for states, count in zip(lanes, shown, strict=True)]
        pair.close(
            data.draw(st.integers(0, 1)),
            *(states[0] if count else None for states, count in zip(lanes, shown, strict=True)),
        )
        for side in data.draw(st.permutations([side for side in (0, 1) if shown[side] > 1])):
            pair.update(side, newest[side], deployer)
        revealed = data.draw(st.sets(st.integers(0, 7)))
        pair.manager.registerSecrets([SECRETS[number] for number in revealed], sender=deployer)
        known = Knowledge(revealed={secret_hash(SECRETS[number]): now() for number in revealed})
        pass_time(CHANNEL_WINDOW)
        paid = pair.paid(pair.settle(deployer, *newest))
        assert paid == settle(Funds(DEPOSITS), tuple(newest), known)
        assert sum(paid) == sum(DEPOSITS)
