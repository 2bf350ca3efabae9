"""The rules of the service of examples/paid_api: what makes a payment good, and what a crash leaves behind."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from examples.paid_api import till as till_module
from examples.paid_api.chain import MOST_CLAIMS
from examples.paid_api.collecting import collect
from examples.paid_api.errors import ChainFailed, NotCollected, NotNow, NotPaid, NotSold, OutOfStep, Rejected
from examples.paid_api.scheme import ChannelConfig, RefundRequest, Units
from examples.paid_api.store import OnChain, Promise, Record, Store
from examples.paid_api.till import Till
from tandem.errors import ConfigError
from tandem.primitives.secp256k1 import ORDER, address_of
from tandem.primitives.types import ZERO_ADDRESS, Address, Hash, Seconds
from tests.support.paid_api import (
    CONFIG,
    DELAY,
    DEPOSIT,
    DOMAIN,
    OFFER,
    OTHER,
    PRICE,
    RESOURCE,
    ToyChain,
    payment,
    told,
)


@pytest.fixture
def chain() -> ToyChain:
    return ToyChain()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "channels.sqlite"


@pytest.fixture
def store(path: Path) -> Any:
    with Store(path) as opened:
        yield opened


@pytest.fixture
def till(chain: ToyChain, store: Store) -> Till:
    return Till(chain, store, OFFER)  # type: ignore[arg-type]


def salted(number: int) -> ChannelConfig:
    return replace(CONFIG, salt=Hash(number.to_bytes(32, "big")))


def never() -> str:
    raise AssertionError("no work was to be done")


def work() -> str:
    return "{}"


def code(refusal: pytest.ExceptionInfo[NotPaid]) -> str:
    return refusal.value.code.removeprefix("invalid_batch_settlement_evm_")


def record_of(store: Store, config: ChannelConfig = CONFIG) -> Record:
    found = store.get(DOMAIN.channel_id(config))
    assert found is not None
    return found


class TestSelling:
    def test_a_deposit_and_vouchers_up_to_it(self, till: Till, chain: ToyChain, store: Store) -> None:
        sale = till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        assert told(sale.response)["transaction"] == "0xdeposit"
        assert told(sale.response)["extra"]["chargedAmount"] == str(PRICE)
        for number in range(2, DEPOSIT // PRICE + 1):
            sale = till.sell(payment(number * PRICE), f"{RESOURCE}{number}", work)
            assert told(sale.response)["extra"]["channelState"]["chargedCumulativeAmount"] == str(number * PRICE)
        record = record_of(store)
        assert (record.charged, record.signed, record.chain.balance) == (DEPOSIT, DEPOSIT, DEPOSIT)
        with pytest.raises(OutOfStep):
            till.sell(payment(DEPOSIT + PRICE), "more", never)
        till.sell(payment(DEPOSIT + PRICE, DEPOSIT), "more", work)
        assert record_of(store).charged == DEPOSIT + PRICE

    @pytest.mark.parametrize("most", [0, PRICE, 2 * PRICE - 1, 2 * PRICE + 1, 3 * PRICE, 2**128 - 1])
    def test_a_voucher_is_for_one_price_more(self, till: Till, store: Store, most: int) -> None:
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        with pytest.raises(OutOfStep) as refusal:
            till.sell(payment(most), "another", never)
        state = refusal.value.state
        assert state["channelState"]["chargedCumulativeAmount"] == str(PRICE)
        assert state["voucherState"]["signedMaxClaimable"] == str(PRICE)
        assert state["voucherState"]["signature"] == "0x" + payment(PRICE).signature.hex()
        assert record_of(store).charged == PRICE

    def test_of_a_channel_without_a_record_the_chain_says_what_was_sold(self, till: Till, chain: ToyChain) -> None:
        channel_id = DOMAIN.channel_id(CONFIG)
        chain.balances[channel_id], chain.claimed[channel_id] = DEPOSIT, 50
        with pytest.raises(OutOfStep) as refusal:
            till.sell(payment(PRICE), RESOURCE, never)
        assert "voucherState" not in refusal.value.state
        till.sell(payment(50 + PRICE), RESOURCE, work)

    def test_what_fails_is_not_charged(self, till: Till, chain: ToyChain, store: Store) -> None:
        def fail() -> str:
            raise NotSold("no such thing")

        with pytest.raises(NotSold):
            till.sell(payment(PRICE, DEPOSIT), RESOURCE, fail)
        assert (chain.balances, list(store.all())) == ({}, []), "and no deposit was made for it"

    def test_a_deposit_that_does_not_get_in(self, till: Till, chain: ToyChain, store: Store) -> None:
        chain.failure = Rejected("the token says no")
        with pytest.raises(NotPaid) as refusal:
            till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        assert code(refusal) == "deposit_simulation_failed"
        chain.failure = ChainFailed("no answer")
        with pytest.raises(ChainFailed):
            till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        assert list(store.all()) == []

    def test_a_deposit_that_would_not_get_in_is_worth_no_work(self, till: Till, chain: ToyChain, store: Store) -> None:
        chain.refusal = Rejected("a signature of somebody else")
        with pytest.raises(NotPaid) as refusal:
            till.sell(payment(PRICE, DEPOSIT), RESOURCE, never)
        assert code(refusal) == "deposit_simulation_failed"
        assert list(store.all()) == []

    def test_a_deposit_that_has_got_in_before(self, till: Till, chain: ToyChain, store: Store) -> None:
        """Killed between deposit and charge; the client sends the same again."""
        paid = payment(PRICE, DEPOSIT)
        assert paid.deposit is not None
        chain.deposit(CONFIG, paid.deposit)
        chain.refusal = chain.failure = Rejected("the authorization was used")
        sale = till.sell(paid, RESOURCE, work)
        assert told(sale.response)["transaction"] == ""
        record = record_of(store)
        assert (record.charged, record.chain.balance) == (PRICE, DEPOSIT)

    @pytest.mark.parametrize(
        ("after", "before", "expected"),
        [(0, 5, "valid_before"), (0, -1, "valid_before"), (60, 300, "valid_after"), (0, 9, None), (-1, 300, None)],
    )
    def test_a_deposit_is_good_now_and_for_some_time(
        self, till: Till, after: int, before: int, expected: str | None
    ) -> None:
        now, paid = int(time.time()), payment(PRICE, DEPOSIT)
        assert paid.deposit is not None
        paid = replace(paid, deposit=replace(paid.deposit, valid_after=now + after, valid_before=now + before))
        if expected is None:
            till.sell(paid, RESOURCE, work)
            return
        with pytest.raises(NotPaid) as refusal:
            till.sell(paid, RESOURCE, never)
        assert code(refusal) == f"payload_authorization_{expected}"

    def test_nothing_where_nothing_was_collected_for_long(self, till: Till, chain: ToyChain, store: Store) -> None:
        first = till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        store.collected_at = time.time() - DELAY / 2 - 1
        with pytest.raises(NotCollected, match="last collected 18"):
            till.sell(payment(2 * PRICE), RESOURCE, never)
        assert till.sell(payment(PRICE), RESOURCE, never) == first, "what is paid for is given"
        collect(chain, store)  # type: ignore[arg-type]
        till.sell(payment(2 * PRICE), RESOURCE, work)

    def test_a_database_from_a_backup_learns_what_was_claimed(self, chain: ToyChain, path: Path) -> None:
        """What was claimed is not sold again."""
        with Store(path) as store:
            till = Till(chain, store, OFFER)  # type: ignore[arg-type]
            till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
            backup = record_of(store)
            till.sell(payment(2 * PRICE), RESOURCE, work)
            till.sell(payment(3 * PRICE), RESOURCE, work)
            collect(chain, store)  # type: ignore[arg-type]
            store.put(backup)
            till = Till(chain, store, OFFER)  # type: ignore[arg-type]
            with pytest.raises(OutOfStep) as refusal:
                till.sell(payment(2 * PRICE), "another", never)
            assert refusal.value.state["channelState"]["chargedCumulativeAmount"] == str(3 * PRICE)
            assert "voucherState" not in refusal.value.state, "ours is older: the client asks the chain"
            till.sell(payment(4 * PRICE), "another", work)
            assert collect(chain, store).claimed == PRICE  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("deposit", "expected"), [(PRICE - 1, "cumulative_exceeds_balance"), (DEPOSIT - 1, "deposit_below_min_deposit")]
    )
    def test_a_deposit_is_large_enough(self, till: Till, deposit: int, expected: str) -> None:
        with pytest.raises(NotPaid) as refusal:
            till.sell(payment(PRICE, deposit), RESOURCE, never)
        assert code(refusal) == expected

    def test_one_request_of_a_channel_at_a_time(self, till: Till) -> None:
        def meanwhile() -> str:
            with pytest.raises(NotPaid) as refusal:
                till.sell(payment(PRICE, DEPOSIT), RESOURCE, never)
            assert code(refusal) == "channel_busy"
            till.sell(payment(PRICE, DEPOSIT, config=salted(1)), RESOURCE, work)
            return "{}"

        till.sell(payment(PRICE, DEPOSIT), RESOURCE, meanwhile)
        till.sell(payment(2 * PRICE), RESOURCE, work)


class TestWhatIsSold:
    """A voucher that comes again is of a client who has not had the answer."""

    def test_is_given_again(self, till: Till, store: Store) -> None:
        first = till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        assert till.sell(payment(PRICE, DEPOSIT), RESOURCE, never) == first
        assert till.sell(payment(PRICE), RESOURCE, never) == first
        assert record_of(store).charged == PRICE

    def test_is_given_again_by_who_takes_over(self, till: Till, chain: ToyChain, path: Path) -> None:
        first = till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        with Store(path) as store:
            assert Till(chain, store, OFFER).sell(payment(PRICE), RESOURCE, never) == first  # type: ignore[arg-type]

    def test_is_nothing_else(self, till: Till) -> None:
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        with pytest.raises(OutOfStep):
            till.sell(payment(PRICE), "GET /blocks/2?", never)

    def test_is_not_given_for_ever(self, till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        monkeypatch.setattr(till_module, "REMEMBERED", -1.0)
        with pytest.raises(OutOfStep):
            till.sell(payment(PRICE), RESOURCE, never)

    def test_is_not_given_for_an_older_voucher(self, till: Till) -> None:
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        till.sell(payment(2 * PRICE), RESOURCE, work)
        with pytest.raises(OutOfStep):
            till.sell(payment(PRICE), RESOURCE, never)


class TestAttacks:
    @pytest.mark.parametrize("name", ["receiver", "receiver_authorizer", "token"])
    def test_a_channel_of_others(self, till: Till, name: str) -> None:
        with pytest.raises(NotPaid) as refusal:
            till.sell(payment(PRICE, DEPOSIT, config=replace(CONFIG, **{name: Address(b"\7" * 20)})), RESOURCE, never)
        assert code(refusal) == "channel_id_mismatch"

    def test_a_channel_that_leaves_no_time_to_claim(self, till: Till) -> None:
        with pytest.raises(NotPaid) as refusal:
            till.sell(payment(PRICE, DEPOSIT, config=replace(CONFIG, withdraw_delay=Seconds(900))), RESOURCE, never)
        assert code(refusal) == "channel_id_mismatch"

    def test_the_name_of_a_channel_with_money(self, till: Till) -> None:
        """In the payload, with the terms of another."""
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        with pytest.raises(NotPaid) as refusal:
            till.sell(replace(payment(2 * PRICE), config=salted(1)), RESOURCE, never)
        assert code(refusal) == "channel_id_mismatch"

    def test_another_offer(self, till: Till) -> None:
        for change in ({"amount": "1"}, {"scheme": "exact"}, {"network": "eip155:1"}, {"payTo": "0x" + "07" * 20}):
            with pytest.raises(NotPaid) as refusal:
                till.sell(replace(payment(PRICE, DEPOSIT), accepted=OFFER.json | change), RESOURCE, never)
            assert code(refusal) == "network_mismatch"
        for extra in (None, {}, OFFER.json["extra"] | {"withdrawDelay": 900}):
            with pytest.raises(NotPaid):
                till.sell(replace(payment(PRICE, DEPOSIT), accepted=OFFER.json | {"extra": extra}), RESOURCE, never)

    def test_an_offer_that_we_had_put_more_into(self, till: Till) -> None:
        extra = OFFER.json["extra"] | {"channelState": {"balance": "0"}}
        till.sell(replace(payment(PRICE, DEPOSIT), accepted=OFFER.json | {"extra": extra}), RESOURCE, work)

    def test_someone_elses_signature(self, till: Till) -> None:
        with pytest.raises(NotPaid) as refusal:
            till.sell(payment(PRICE, DEPOSIT, key=OTHER), RESOURCE, never)
        assert code(refusal) == "voucher_signature"

    @pytest.mark.parametrize("what", ["high s", "v", "zero"])
    def test_a_signature_that_the_contract_would_not_take(self, till: Till, what: str) -> None:
        """It is good for eth-account, and worth nothing on the chain."""
        good = payment(PRICE, DEPOSIT)
        r, s, v = good.signature[:32], int.from_bytes(good.signature[32:64], "big"), good.signature[64]
        bad = {
            "high s": r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v]),
            "v": good.signature[:64] + bytes([v - 27]),
            "zero": bytes(65),
        }[what]
        with pytest.raises(NotPaid) as refusal:
            till.sell(replace(good, signature=bad), RESOURCE, never)
        assert code(refusal) == "voucher_signature"

    def test_vouchers_that_a_contract_could_take_back(self, till: Till) -> None:
        with pytest.raises(NotPaid) as refusal:
            till.sell(payment(PRICE, DEPOSIT, config=replace(CONFIG, payer_authorizer=ZERO_ADDRESS)), RESOURCE, never)
        assert code(refusal) == "voucher_signature"

    def test_a_payer_who_asks_for_the_money(self, till: Till, chain: ToyChain, store: Store) -> None:
        """He is found out in a quarter of the delay, and what he has used is claimed at once."""
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        chain.withdraw_since = 5
        till.sell(payment(2 * PRICE), RESOURCE, work)
        record = record_of(store)
        store.put(replace(record, chain=replace(record.chain, read_at=time.time() - DELAY / 4 - 1)))
        with pytest.raises(NotPaid) as refusal:
            till.sell(payment(3 * PRICE), RESOURCE, never)
        assert code(refusal) == "withdrawal_pending"
        assert chain.claimed == {record.id: 2 * PRICE}

    def test_the_chain_is_asked_seldom(self, till: Till, chain: ToyChain) -> None:
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        before = chain.looks
        for number in range(2, 10):
            till.sell(payment(number * PRICE), RESOURCE, work)
        assert chain.looks == before


class TestRefunds:
    def refund(self, till: Till, most: int, amount: int | None = None) -> Any:
        return told(till.refund(RefundRequest(payment(most), None if amount is None else Units(amount))))

    def test_claim_what_was_charged_and_give_back_the_rest(self, till: Till, chain: ToyChain, store: Store) -> None:
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        answer = self.refund(till, PRICE)
        assert (answer["transaction"], answer["amount"]) == ("0xrefund", str(DEPOSIT - PRICE))
        record = record_of(store)
        assert (record.chain.balance, record.chain.claimed, record.charged) == (PRICE, PRICE, PRICE)
        with pytest.raises(NotPaid) as refusal:
            self.refund(till, PRICE)
        assert code(refusal) == "refund_no_balance"
        till.sell(payment(2 * PRICE, DEPOSIT), RESOURCE, work)
        assert record_of(store).spendable == PRICE + DEPOSIT

    def test_of_a_part(self, till: Till, store: Store) -> None:
        till.sell(payment(PRICE, 3 * DEPOSIT), RESOURCE, work)
        assert self.refund(till, PRICE, DEPOSIT)["amount"] == str(DEPOSIT)
        assert record_of(store).spendable == 2 * DEPOSIT
        self.make_older(store)
        assert self.refund(till, PRICE, 2**128 - 1)["amount"] == str(2 * DEPOSIT - PRICE), "as much as there is"

    @pytest.mark.parametrize("amount", [0, 1, DEPOSIT - PRICE - 1])
    def test_are_worth_their_gas(self, till: Till, chain: ToyChain, amount: int) -> None:
        """The whole rest is, however small."""
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        with pytest.raises(NotPaid) as refusal:
            self.refund(till, PRICE, amount)
        assert code(refusal) == "refund_amount_invalid"
        assert self.refund(till, PRICE, DEPOSIT - PRICE)["amount"] == str(DEPOSIT - PRICE)

    def test_are_for_customers(self, till: Till, chain: ToyChain) -> None:
        """Others have paid in by themselves, and can withdraw so."""
        chain.balances[DOMAIN.channel_id(CONFIG)] = DEPOSIT
        with pytest.raises(NotPaid, match="can withdraw by himself") as refusal:
            self.refund(till, 0)
        assert code(refusal) == "refund_amount_invalid"
        assert chain.nonces == {}

    def test_are_one_an_hour(self, till: Till, chain: ToyChain, store: Store) -> None:
        till.sell(payment(PRICE, 3 * DEPOSIT), RESOURCE, work)
        self.refund(till, PRICE, DEPOSIT)
        with pytest.raises(NotNow, match="every 3600 seconds: again in 3"):
            self.refund(till, PRICE)
        self.make_older(store)
        self.refund(till, PRICE)

    def make_older(self, store: Store) -> None:
        """By an hour."""
        record = record_of(store)
        assert record.promise is not None
        store.put(replace(record, promise=replace(record.promise, at=record.promise.at - 3_601)))

    def test_that_are_refused_promise_nothing(self, till: Till, chain: ToyChain, store: Store) -> None:
        """By the token, or L2 does not answer: nothing was signed, and the money can be spent."""
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        for failure in (Rejected("the token does not pay this payer"), ChainFailed("no answer")):
            chain.refusal = failure
            with pytest.raises(ChainFailed):
                self.refund(till, PRICE)
        assert record_of(store).promise is None
        chain.refusal = None
        till.sell(payment(2 * PRICE), RESOURCE, work)
        assert self.refund(till, 2 * PRICE)["amount"] == str(DEPOSIT - 2 * PRICE), "and asked for again at once"

    def test_that_were_signed_before_may_come_instead(self, till: Till, chain: ToyChain, store: Store) -> None:
        """Two for the same nonce, of which either may be mined: the larger one counts."""
        till.sell(payment(PRICE, 3 * DEPOSIT), RESOURCE, work)
        chain.failure = ChainFailed("no receipt yet")
        for amount in (2 * DEPOSIT, DEPOSIT):
            with pytest.raises(ChainFailed):
                self.refund(till, PRICE, amount)
        chain.failure = None
        assert record_of(store).promised == 2 * DEPOSIT
        for number in range(2, DEPOSIT // PRICE + 1):
            till.sell(payment(number * PRICE), f"{number}", work)
        with pytest.raises(OutOfStep, match="a refund of 200 may still come"):
            till.sell(payment(DEPOSIT + PRICE), "more", never)
        chain.refund(CONFIG, [], 0, Units(2 * DEPOSIT))
        assert collect(chain, store).claimed == DEPOSIT  # type: ignore[arg-type]

    def test_that_may_come_have_the_chain_asked(self, till: Till, chain: ToyChain, store: Store) -> None:
        """Before each sale, until it is known what became of them."""
        till.sell(payment(PRICE, 3 * DEPOSIT), RESOURCE, work)
        chain.failure = ChainFailed("no receipt yet")
        with pytest.raises(ChainFailed):
            self.refund(till, PRICE, DEPOSIT)
        chain.failure = None
        chain.refund(CONFIG, [], 0, Units(DEPOSIT))
        till.sell(payment(2 * PRICE), RESOURCE, work)
        record = record_of(store)
        assert (record.promised, record.chain.balance) == (0, 2 * DEPOSIT)

    def test_need_a_voucher_for_what_was_charged(self, till: Till) -> None:
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        with pytest.raises(OutOfStep):
            self.refund(till, 0)

    def test_that_may_still_come_are_not_counted_on(self, till: Till, chain: ToyChain, store: Store) -> None:
        """Killed before the refund was mined: vouchers for that money would be worth nothing."""
        till.sell(payment(PRICE, DEPOSIT + 2 * PRICE), RESOURCE, work)
        chain.failure = KeyboardInterrupt()  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt):
            self.refund(till, PRICE, DEPOSIT)
        chain.failure = None
        record = record_of(store)
        assert (record.promised, record.spendable) == (DEPOSIT, 2 * PRICE)
        till.sell(payment(2 * PRICE), RESOURCE, work)
        with pytest.raises(OutOfStep):
            till.sell(payment(3 * PRICE), RESOURCE, never)
        chain.refund(CONFIG, [], 0, Units(DEPOSIT))
        with pytest.raises(OutOfStep):
            till.sell(payment(3 * PRICE), RESOURCE, never)
        till.sell(payment(3 * PRICE, DEPOSIT), RESOURCE, work)
        assert record_of(store).spendable == 2 * PRICE + DEPOSIT


class TestCollecting:
    def test_claims_all_and_settles(self, till: Till, chain: ToyChain, store: Store) -> None:
        count = MOST_CLAIMS + 5
        for number in range(count):
            till.sell(payment(PRICE, DEPOSIT, config=salted(number)), RESOURCE, work)
        collected = collect(chain, store)  # type: ignore[arg-type]
        assert (collected.channels, collected.claimed, collected.settled) == (count, count * PRICE, count * PRICE)
        assert chain.batches == [MOST_CLAIMS, 5]
        collected = collect(chain, store)  # type: ignore[arg-type]
        assert (collected.channels, collected.claimed, collected.settled) == (0, 0, 0)

    def test_claims_no_more_than_there_is(self, till: Till, chain: ToyChain, store: Store) -> None:
        """One channel whose money is gone would spoil the claims of all."""
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        till.sell(payment(PRICE, DEPOSIT, config=salted(1)), RESOURCE, work)
        chain.balances[DOMAIN.channel_id(salted(1))] = 4
        assert collect(chain, store).claimed == PRICE + 4  # type: ignore[arg-type]

    def test_a_batch_that_fails_leaves_the_others(self, till: Till, chain: ToyChain, store: Store) -> None:
        count = 2 * MOST_CLAIMS
        for number in range(count):
            till.sell(payment(PRICE, DEPOSIT, config=salted(number)), RESOURCE, work)
        chain.refused = {next(iter(store.all())).id}
        store.collected_at = 5.0
        with pytest.raises(ChainFailed, match="a bad row"):
            collect(chain, store)  # type: ignore[arg-type]
        assert sum(chain.claimed.values()) == chain.settled == MOST_CLAIMS * PRICE
        assert store.collected_at == 5.0, "not all is safe"
        chain.refused = set()
        collect(chain, store)  # type: ignore[arg-type]
        assert chain.settled == count * PRICE
        assert store.collected_at > 5.0

    def test_does_not_ask_for_what_is_claimed_for_good(self, till: Till, chain: ToyChain, store: Store) -> None:
        """And asks until then: a re-org may undo a claim."""
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        channel_id = record_of(store).id
        for claimed in (PRICE, 0):
            assert collect(chain, store).claimed == claimed  # type: ignore[arg-type]
        chain.claimed[channel_id] = 0
        assert collect(chain, store).claimed == PRICE  # type: ignore[arg-type]
        chain.final = None
        assert collect(chain, store).claimed == 0  # type: ignore[arg-type]
        chain.final = {channel_id: PRICE}
        collect(chain, store)  # type: ignore[arg-type]
        looks = chain.looks
        collect(chain, store)  # type: ignore[arg-type]
        assert chain.looks == looks
        till.sell(payment(2 * PRICE), RESOURCE, work)
        assert collect(chain, store).claimed == PRICE  # type: ignore[arg-type]

    def test_leaves_channels_of_another_key(self, till: Till, chain: ToyChain, store: Store) -> None:
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        chain.address = address_of(OTHER)
        assert collect(chain, store).channels == 0  # type: ignore[arg-type]


class TestStore:
    def test_a_record_comes_back_as_it_was(self, till: Till, store: Store, path: Path) -> None:
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        record = replace(
            record_of(store),
            charged=Units(2**128 - 1),
            promise=Promise(3, Units(2**127), 2.5),
            chain=OnChain(Units(2**128 - 1), Units(2**128 - 2), Seconds(7), 2**255, 1.5),
        )
        store.put(record)
        with Store(path) as other:
            assert list(other.all()) == [record]

    def test_a_file_of_version_1_is_taken_over(self, till: Till, store: Store, path: Path) -> None:
        """It had neither times of promises nor tables for collecting."""
        till.sell(payment(PRICE, DEPOSIT), RESOURCE, work)
        store.put(replace(record_of(store), promise=Promise(0, Units(DEPOSIT))))
        with closing(sqlite3.connect(path)) as file:
            [text] = file.execute("SELECT record FROM channels").fetchone()
            old = json.dumps(json.loads(text) | {"promise": [0, DEPOSIT]})
            file.executescript("DROP TABLE final; DROP TABLE collected; PRAGMA user_version = 1")
            file.execute("UPDATE channels SET record = ?", (old,))
            file.commit()
        with Store(path) as other:
            assert list(other.all()) == [record_of(store)]
            assert abs(other.collected_at - time.time()) < 10
            assert other.final() == {}

    def test_other_files_are_refused(self, path: Path) -> None:
        path.write_bytes(b"something else" * 100)
        with pytest.raises(ConfigError, match="no database of this service"):
            Store(path)
