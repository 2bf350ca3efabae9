"""Money taken out and channels ended by consent: what was signed may be done on chain at any time that it is valid.

The same honest side as in test_endpoint.py, with a chain. Whatever the other side has done of all that was ever signed,
and however late the honest one hears of it, it ends with no less than it was sure of.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from tandem.channels.endpoint import (
    LONGEST_CONSENT,
    Ack,
    AskClose,
    AskWithdrawal,
    Consent,
    Endpoint,
    Proposal,
    Sign,
    SignedLane,
)
from tandem.channels.operations import AddLock, InvalidUpdate, Operation, Pay
from tandem.channels.settlement import Funds
from tandem.channels.signing import BadSignature, sign_digest
from tandem.channels.states import CoopClose, Lane, Side, Withdrawal
from tandem.primitives.types import Seconds
from tests.unit.channels.test_endpoint import (
    DEPOSITS,
    DOMAIN,
    KEY,
    KEYS,
    PARTIES,
    SIDES,
    START,
    TERMS,
    Against,
    Pair,
    lock,
    signer,
)

UNTIL = Seconds(START + 600)
FREE = UNTIL + TERMS.grace + 1
"""From when on a side may count again on what it has agreed to."""
TIMES = st.integers(1, LONGEST_CONSENT)
TENTHS = st.integers(1, 11)


class Agreeing(Pair):
    """Two honest sides that ask one another; every answer comes through."""

    def take_out(self, side: Side, amount: int, until: Seconds = UNTIL, now: Seconds = START) -> Withdrawal:
        self.sides[side], ask = self.sides[side].ask_withdrawal(amount, until)
        other = self.sides[side].other
        self.sides[other], consent = self.sides[other].sign_withdrawal(ask, signer(other), now)
        self.sides[side] = self.sides[side].check_consent(consent)
        return Withdrawal(side, ask.total, until)

    def end(self, side: Side, until: Seconds = UNTIL, now: Seconds = START) -> CoopClose:
        self.sides[side], ask = self.sides[side].ask_close(until)
        other = self.sides[side].other
        self.sides[other], consent = self.sides[other].sign_close(ask, signer(other), now)
        self.sides[side] = self.sides[side].check_consent(consent)
        return CoopClose((ask.balance0, ask.balance1), until)

    def hear(self, funds: Funds, time: int) -> None:
        self.sides = [side.informed(funds, Seconds(time)) for side in self.sides]


@pytest.fixture
def pair() -> Agreeing:
    return Agreeing()


def refused(reason: str, action: Callable[..., object], *arguments: object) -> None:
    with pytest.raises(InvalidUpdate, match=reason):
        action(*arguments)


# -- withdrawals


def test_what_is_being_taken_out_is_nobodys_to_spend(pair: Agreeing) -> None:
    pair.do(0, Pay(300))
    taken = pair.take_out(1, 1_200)
    assert [side.withdrawals for side in pair.sides] == [(None, taken)] * 2
    assert [side.spendable for side in pair.sides] == [700, 100]
    assert [side.receivable for side in pair.sides] == [100, 700]
    pair.do(1, Pay(100))
    refused("1 are missing: 0 can be paid", pair.do, 1, Pay(1))


def test_a_withdrawal_is_reckoned_with_until_the_chain_has_it_or_it_is_void(pair: Agreeing) -> None:
    taken = pair.take_out(0, 400)
    before = list(pair.sides)
    for funds, time, own, others in (
        (Funds((1_000, 1_000)), UNTIL, 600, 600),
        (Funds((1_000, 1_000)), UNTIL + 1, 600, 1_000),
        (Funds((1_000, 1_000)), FREE - 1, 600, 1_000),
        (Funds((1_000, 1_000)), FREE, 1_000, 1_000),
        (Funds((1_000, 1_000), (399, 0)), START, 600, 600),
        (Funds((1_000, 1_000), (400, 0)), START, 600, 600),
    ):
        pair.sides = list(before)
        pair.hear(funds, time)
        assert [pair.sides[0].spendable, pair.sides[1].receivable] == [own, others]
        is_over = time >= FREE or funds.withdrawn[0] == taken.total
        assert pair.sides[0].withdrawals == ((None if is_over else taken), None)


def test_the_next_withdrawal_counts_on_from_what_was_taken_out(pair: Agreeing) -> None:
    pair.take_out(0, 400)
    pair.hear(Funds((1_000, 1_000), (400, 0)), START)
    assert pair.take_out(0, 50).total == 450
    pair.hear(Funds((1_000, 1_000), (450, 0)), START)
    for total in (0, 400, 450):
        asked = AskWithdrawal(KEY.id, total, UNTIL)
        refused("450 were taken out before", pair.sides[1].sign_withdrawal, asked, signer(1), START)


def test_a_withdrawal_is_asked_for_only_as_it_can_be_had(pair: Agreeing) -> None:
    for amount in (0, 1_001):
        refused(f"{amount} cannot be taken out: 1000 can be", pair.sides[0].ask_withdrawal, amount, UNTIL)
    pair.take_out(0, 5)
    refused("a withdrawal is under way", pair.sides[0].ask_withdrawal, 5, UNTIL)


def test_a_withdrawal_is_signed_only_if_the_other_side_can_spare_it(pair: Agreeing) -> None:
    pair.do(1, AddLock(lock(0, 300)))
    one = pair.sides[0]

    def sign(total: int, until: int = UNTIL) -> Endpoint:
        return one.sign_withdrawal(AskWithdrawal(KEY.id, total, Seconds(until)), signer(0), START)[0]

    refused("the lane pays 300, the other side has 299", sign, 701)
    for until in (START, START - 1, START + LONGEST_CONSENT + 1):
        refused(f"valid for up to 3600 s, not {until - START}", sign, 1, until)
    assert sign(700, START + LONGEST_CONSENT).receivable == 0
    one = sign(5)
    refused("a withdrawal is under way", sign, 6)
    assert sign(5) == one, "an answer that was lost"


def test_a_withdrawal_that_is_declined_is_forgotten_and_the_others_is_not(pair: Agreeing) -> None:
    others = pair.take_out(1, 70)
    asking, _ = pair.sides[0].ask_withdrawal(400, UNTIL)
    assert asking.declined() == pair.sides[0]
    assert asking.declined().withdrawals == (None, others)


@pytest.mark.parametrize("side", [0, 1])
def test_a_consent_is_by_the_other_side_and_to_what_was_asked(pair: Agreeing, side: Side) -> None:
    fresh = pair.sides[side]
    asking, ask = fresh.ask_withdrawal(400, UNTIL)
    wanted, other = Withdrawal(side, ask.total, UNTIL), signer(fresh.other)
    right = Consent(KEY.id, UNTIL, other(fresh.withdrawal_digest(wanted)))
    assert asking.check_consent(right) == asking
    refused("nothing was asked for", fresh.check_consent, right)
    refused("nothing was asked for", asking.check_consent, replace(right, valid_until=Seconds(UNTIL + 1)))
    for signature in (
        signer(side)(fresh.withdrawal_digest(wanted)),
        other(fresh.withdrawal_digest(replace(wanted, total=399))),
        other(fresh.withdrawal_digest(replace(wanted, side=fresh.other))),
    ):
        with pytest.raises(BadSignature):
            asking.check_consent(replace(right, signature=signature))


# -- the end


def test_an_end_gives_each_what_it_has(pair: Agreeing) -> None:
    pair.do(0, Pay(300))
    pair.do(1, Pay(50))
    pair.take_out(0, 100)
    pair.hear(Funds((1_000, 1_000), (100, 0)), START)
    end = pair.end(1)
    assert end.balances == (650, 1_250)
    assert [side.signed_close for side in pair.sides] == [end, end]
    assert [side.guaranteed for side in pair.sides] == [650, 1_250]


@pytest.mark.parametrize("side", [0, 1])
def test_nothing_goes_on_in_a_channel_that_ends_before_that_is_void(pair: Agreeing, side: Side) -> None:
    proposal = pair.sides[side].propose((Pay(1),), signer(side))[1]
    end = pair.end(side)
    one, other = pair.sides[side], pair.sides[pair.sides[side].other]
    reason, ask = "the channel ends by consent", AskClose(KEY.id, *end.balances, Seconds(UNTIL + 1))
    refused(reason, other.take, proposal, signer(other.side), START)
    refused(reason, one.propose, (Pay(1),), signer(side))
    refused(reason, one.ask_withdrawal, 1, UNTIL)
    refused(reason, one.ask_close, Seconds(UNTIL + 1))
    refused(reason, other.sign_close, ask, signer(other.side), START)
    assert (one.declined().signed_close, other.declined().signed_close) == (end, end), "both may use it"
    pair.hear(one.funds, UNTIL)
    assert pair.sides[side].signed_close == end
    pair.hear(one.funds, FREE)
    pair.do(side, Pay(1))


def test_a_side_that_asks_for_the_end_pays_nothing_until_it_is_declined_paid_or_too_late(pair: Agreeing) -> None:
    asking, ask = pair.sides[0].ask_close(UNTIL)
    refused("the channel ends by consent", asking.propose, (Pay(1),), signer(0))
    refused("the channel ends by consent", asking.ask_withdrawal, 1, UNTIL)
    consent = pair.sides[1].sign_close(ask, signer(1), START)[1]
    paid = asking.take(pair.sides[1].propose((Pay(1),), signer(1))[1], signer(0), START)[0]
    assert paid.guaranteed == 1_001, "it would not get that in the end that it has asked for"
    for free in (asking.declined(), paid, asking.informed(asking.funds, Seconds(FREE))):
        refused("nothing was asked for", free.check_consent, consent)
        free.propose((Pay(1),), signer(0))


def test_a_channel_is_ended_only_when_nothing_is_under_way(pair: Agreeing) -> None:
    ask = AskClose(KEY.id, 1_000, 1_000, UNTIL)

    def busy(side: Endpoint) -> None:
        refused("payments or withdrawals are under way", side.ask_close, UNTIL)
        refused("payments or withdrawals are under way", side.sign_close, ask, signer(side.side), START)

    busy(pair.sides[0].propose((Pay(1),), signer(0))[0])
    busy(pair.sides[0].ask_withdrawal(1, UNTIL)[0])
    pair.do(0, AddLock(lock(0, 1)))
    for side in pair.sides:
        busy(side)
    other = Agreeing()
    other.take_out(0, 1)
    for side in other.sides:
        busy(side)


def test_an_end_is_signed_only_with_the_right_balances_and_for_a_while(pair: Agreeing) -> None:
    pair.do(0, Pay(300))

    def sign(balance0: int, balance1: int, until: int = UNTIL) -> tuple[Endpoint, Consent]:
        return pair.sides[1].sign_close(AskClose(KEY.id, balance0, balance1, Seconds(until)), signer(1), START)

    for wrong in ((701, 1_299), (700, 1_299), (700, 1_301), (1_300, 700)):
        refused(r"the balances are \(700, 1300\) here, not", sign, *wrong)
    for until in (START, START - 1, START + LONGEST_CONSENT + 1):
        refused(f"valid for up to 3600 s, not {until - START}", sign, 700, 1_300, until)
    ending, consent = sign(700, 1_300)
    ask = AskClose(KEY.id, 700, 1_300, UNTIL)
    later = Seconds(UNTIL + 1)
    assert ending.sign_close(ask, signer(1), later) == (ending, consent), "an answer that was lost"


def test_the_consent_to_an_end_is_the_other_sides_signature(pair: Agreeing) -> None:
    asking, ask = pair.sides[0].ask_close(UNTIL)
    end = CoopClose((ask.balance0, ask.balance1), UNTIL)
    for digest, by in ((asking.close_digest(end), 0), (asking.close_digest(replace(end, balances=(0, 2_000))), 1)):
        with pytest.raises(BadSignature):
            asking.check_consent(Consent(KEY.id, UNTIL, signer(by)(digest)))
    agreed = asking.check_consent(Consent(KEY.id, UNTIL, signer(1)(asking.close_digest(end))))
    assert (agreed.asked_close, agreed.signed_close) == (None, end)


def test_what_is_paid_in_while_a_channel_ends_is_not_counted_on(pair: Agreeing) -> None:
    """The contract gives it to side 0."""
    asking = pair.sides[1].ask_close(UNTIL)[0]
    assert asking.informed(Funds((1_000, 1_400)), START).guaranteed == 1_000
    pair.end(1)
    pair.hear(Funds((1_000, 1_400)), START)
    assert pair.sides[1].guaranteed == 1_000
    pair.hear(Funds((1_000, 1_400)), FREE)
    assert pair.sides[1].guaranteed == 1_400


@pytest.mark.parametrize("is_end", [False, True], ids=["withdrawal", "end"])
def test_who_hears_first_that_a_consent_is_void_is_not_refused_what_it_pays(pair: Agreeing, is_end: bool) -> None:
    """It waits for so long that the other side has heard it too."""
    if is_end:
        pair.end(0)
    else:
        pair.take_out(0, 800)
    funds = pair.sides[0].funds
    pair.sides[0] = pair.sides[0].informed(funds, Seconds(UNTIL + TERMS.grace))
    with pytest.raises(InvalidUpdate):
        pair.sides[0].propose((Pay(500),), signer(0))
    pair.sides[1] = pair.sides[1].informed(funds, Seconds(UNTIL + 1))
    pair.sides[0] = pair.sides[0].informed(funds, Seconds(UNTIL + TERMS.grace + 1))
    pair.do(0, Pay(500))
    assert pair.sides[1].theirs.lane.transferred == 500


# -- what the other side counts


def test_only_what_the_other_side_counts_is_spent_and_all_is_guaranteed(pair: Agreeing) -> None:
    pair.do(1, Pay(50))
    behind = pair.sides[0].with_counted(400)
    assert (behind.spendable, behind.guaranteed, behind.receivable) == (450, 1_050, 950)
    refused("1 are missing: 450 can be paid", behind.propose, (Pay(451),), signer(0))
    refused("451 cannot be taken out", behind.ask_withdrawal, 451, UNTIL)
    assert behind.with_counted(5_000).spendable == behind.with_counted(None).spendable == 1_050
    assert behind.with_counted(400) is behind


class AgainstOnChain(Against):
    """The other side may have done whatever was signed, when it likes; the honest one hears of it when that is sure."""

    @initialize(side=SIDES, deposits=DEPOSITS)
    def begin(self, side: Side, deposits: tuple[int, int]) -> None:
        super().begin(side=side, deposits=deposits)
        self.chain = Funds(deposits)
        self.blocks: list[tuple[int, Funds]] = [(0, self.chain)]
        """Times of what has happened on chain."""
        self.heard = 0
        """Of which block the honest side has heard last."""
        self.asked: list[Withdrawal | CoopClose] = []
        """By the honest side."""
        self.withdrawals: set[Withdrawal] = set()
        """That can be shown to the contract."""
        self.ends: dict[CoopClose, Funds] = {}
        """The same, and what there was in the channel when they were agreed on."""
        self.floor = self.worth

    @property
    def worth(self) -> int:
        """What it is sure of, with what it has taken out, or may."""
        own, taken = self.honest.withdrawals[self.side], self.honest.funds.withdrawn[self.side]
        return self.honest.guaranteed + (taken if own is None else max(taken, own.total))

    def spent(self, amount: int) -> None:
        self.floor -= amount

    # -- the honest side

    @rule(amount=st.integers(1, 400), time=TIMES)
    def take_out(self, amount: int, time: int) -> None:
        before = self.honest.guaranteed
        try:
            self.honest, ask = self.honest.ask_withdrawal(amount, Seconds(self.now + time))
        except InvalidUpdate:
            return
        assert self.honest.guaranteed == before - amount
        self.asked.append(Withdrawal(self.side, ask.total, ask.valid_until))

    @rule(time=TIMES)
    def end(self, time: int) -> None:
        before = self.honest.guaranteed
        try:
            self.honest, ask = self.honest.ask_close(Seconds(self.now + time))
        except InvalidUpdate:
            return
        assert self.honest.guaranteed == before == (ask.balance0, ask.balance1)[self.side]
        self.asked.append(CoopClose((ask.balance0, ask.balance1), ask.valid_until))

    @rule(late=st.integers(1, 900))
    def hear(self, late: int) -> None:
        """Of the chain as it was some time ago, by its blocks' times."""
        time = max(self.heard, self.now - late)
        funds = [funds for at, funds in self.blocks if at <= time][-1]
        self.heard = time
        self.receive(lambda: self.honest.informed(funds, Seconds(time)))

    # -- the other side

    @rule(data=st.data(), is_right=st.booleans())
    @precondition(lambda self: getattr(self, "asked", ()))
    def foe_consents(self, data: st.DataObject, is_right: bool) -> None:
        """Perhaps to what was asked long ago, or with a signature that is none."""
        wanted = data.draw(st.sampled_from(self.asked))
        is_end = isinstance(wanted, CoopClose)
        digest = self.honest.close_digest(wanted) if is_end else self.honest.withdrawal_digest(wanted)
        signature = sign_digest(digest, KEYS[self.foe if is_right else self.side])
        before = self.honest
        if self.receive(lambda: self.honest.check_consent(Consent(KEY.id, wanted.valid_until, signature))):
            if before.asked_close is not None and self.honest.signed_close == before.asked_close:
                self.ends.setdefault(before.asked_close, before.funds)
            else:
                own = before.withdrawals[self.side]
                assert own is not None
                self.withdrawals.add(own)

    @rule()
    def foe_declines(self) -> None:
        self.receive(lambda: self.honest.declined())

    @rule(tenths=TENTHS, time=st.integers(0, 4_000))
    def foe_takes_out(self, tenths: int, time: int) -> None:
        total = self.honest.funds.withdrawn[self.foe] + self.of_the_foes(tenths)
        ask = AskWithdrawal(KEY.id, total, Seconds(self.now + time))
        if self.receive(lambda: self.honest.sign_withdrawal(ask, signer(self.side), self.now)[0]):
            self.withdrawals.add(Withdrawal(self.foe, ask.total, ask.valid_until))

    def of_the_foes(self, tenths: int) -> int:
        """Of what it has left."""
        return max(1, self.honest.receivable * tenths // 10)

    @rule(time=st.integers(0, 4_000), shift=st.just(0) | st.integers(-100, 100))
    def foe_ends(self, time: int, shift: int) -> None:
        """Perhaps with other balances."""
        own, others = self.honest.guaranteed + shift, self.honest.funds.total - self.honest.guaranteed - shift
        if own < 0 or others < 0:
            return
        ask = AskClose(KEY.id, *((others, own) if self.side else (own, others)), Seconds(self.now + time))
        if self.receive(lambda: self.honest.sign_close(ask, signer(self.side), self.now)[0]):
            self.ends.setdefault(CoopClose((ask.balance0, ask.balance1), ask.valid_until), self.honest.funds)

    @rule(deposits=st.none() | st.integers(0, 1_000))
    def foe_counts(self, deposits: int | None) -> None:
        self.receive(lambda: self.honest.with_counted(deposits))

    @rule(data=st.data(), is_forged=st.booleans())
    def foe_shows(self, data: st.DataObject, is_forged: bool) -> None:
        """States that both have signed, as if the honest side had lost its own; or one that it never signed."""
        mine, theirs = (data.draw(st.sampled_from(self.foes_copies[side])) for side in (self.side, self.foe))
        if is_forged:
            theirs = replace(theirs, nonce=self.honest.theirs.lane.nonce + 1)
        copies = [self.signed(self.side, mine), self.signed(self.foe, theirs, by=self.foe if is_forged else None)]
        self.receive(lambda: self.honest.restore(*copies))

    def signed(self, side: Side, lane: Lane, by: Side | None = None) -> SignedLane:
        """By both sides, or by one in both names."""
        digest = DOMAIN.lane(KEY.id, PARTIES[side], lane)
        one, other = (sign_digest(digest, KEYS[each if by is None else by]) for each in (0, 1))
        return SignedLane(lane, (one, other)) if lane.nonce else SignedLane()

    # -- the chain

    @rule(side=SIDES, amount=st.integers(1, 300))
    def someone_pays_in(self, side: Side, amount: int) -> None:
        one, other = self.chain.deposits
        self.mine(replace(self.chain, deposits=(one, other + amount) if side else (one + amount, other)))

    @rule(data=st.data())
    @precondition(lambda self: getattr(self, "withdrawals", ()))
    def a_withdrawal_is_done(self, data: st.DataObject) -> None:
        """ChannelManager.withdraw."""
        done = data.draw(st.sampled_from(sorted(self.withdrawals, key=repr)))
        before = self.chain.withdrawn[done.side]
        if self.now <= done.valid_until and before < done.total <= self.chain.total + before:
            one, other = self.chain.withdrawn
            self.mine(replace(self.chain, withdrawn=(one, done.total) if done.side else (done.total, other)))

    def mine(self, funds: Funds) -> None:
        """A block."""
        self.chain = funds
        self.blocks.append((self.now, funds))

    @rule(seconds=st.integers(1, 2_500))
    def wait(self, seconds: int) -> None:
        super().wait(seconds=seconds)

    # -- what must hold

    @invariant()
    def whatever_is_shown_the_honest_side_gets_what_it_was_sure_of(self) -> None:
        if not hasattr(self, "floor"):
            return
        self.floor = max(self.floor, self.worth)
        for funds in self.possible_funds():
            own = funds.withdrawn[self.side]
            assert own + self.worst(funds) >= self.floor
            for end in self.ends:
                if self.now <= end.valid_until:
                    assert own + self.share(end, funds) >= self.floor

    def possible_funds(self) -> list[Funds]:
        """With any withdrawals done that still can be. The foe pays in what is missing for that."""
        totals: tuple[list[int], list[int]] = ([self.chain.withdrawn[0]], [self.chain.withdrawn[1]])
        for each in self.withdrawals:
            if self.now <= each.valid_until and each.total > self.chain.withdrawn[each.side]:
                totals[each.side].append(each.total)
        return [self.filled(Funds(self.chain.deposits, (one, other))) for one in totals[0] for other in totals[1]]

    def filled(self, funds: Funds) -> Funds:
        missing = max(0, -funds.total)
        one, other = funds.deposits
        return replace(funds, deposits=(one, other + missing) if self.foe else (one + missing, other))

    def share(self, end: CoopClose, funds: Funds) -> int:
        """ChannelManager.coopClose: what was paid in since is side 0's. The foe pays in what is missing."""
        total = max(funds.total, sum(end.balances))
        return end.balances[1] if self.side else total - end.balances[1]

    @invariant()
    def an_end_is_agreed_on_only_where_nothing_else_can_come_of_the_lanes(self) -> None:
        """Until the honest side is certain that it is void; then the other may pay again, before this one does."""
        end = self.honest.signed_close if hasattr(self, "ends") else None
        if end is not None and self.honest.time <= end.valid_until:
            assert self.worst(self.ends[end]) == end.balances[self.side]


class WithFewLocks(AgainstOnChain):
    """A quieter channel: there is more to agree on."""

    lock = unlock = give_up = foe_proposes = foe_drops = foe_replaces = foe_reveals = foe_shows = None

    @rule(tenths=TENTHS)
    def foe_pays(self, tenths: int) -> None:
        self.offer(Pay(self.of_the_foes(tenths)))


class AboutWithdrawals(WithFewLocks):
    end = foe_ends = foe_counts = learn = foe_locks = None


class AboutEnds(WithFewLocks):
    take_out = foe_takes_out = a_withdrawal_is_done = foe_counts = None


AgainstOnChain.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestAgainstOnChain = AgainstOnChain.TestCase


class GoesOnAfterTheEnd(Endpoint):
    def take(self, proposal: Proposal, sign: Sign, now: Seconds) -> tuple[Endpoint, Ack]:
        after, ack = Endpoint.take(replace(self, signed_close=None), proposal, sign, now)
        return replace(after, signed_close=self.signed_close), ack


class PaysAfterTheEnd(Endpoint):
    def propose(self, operations: tuple[Operation, ...], sign: Sign) -> tuple[Endpoint, Proposal]:
        after, proposal = Endpoint.propose(replace(self, signed_close=None), operations, sign)
        return replace(after, signed_close=self.signed_close), proposal


class WantsAnEndThatIsOutOfDate(Endpoint):
    def take(self, proposal: Proposal, sign: Sign, now: Seconds) -> tuple[Endpoint, Ack]:
        after, ack = Endpoint.take(self, proposal, sign, now)
        return replace(after, asked_close=self.asked_close), ack


class EndsWhileItPays(Endpoint):
    def _check_quiet(self) -> None:
        Endpoint._check_quiet(replace(self, proposal=None))


class EndsOverLocks(Endpoint):
    def _check_quiet(self) -> None:
        mine, theirs = (replace(each, lane=replace(each.lane, locks=())) for each in (self.mine, self.theirs))
        Endpoint._check_quiet(replace(self, mine=mine, theirs=theirs))


class EndsAsItIsTold(Endpoint):
    def sign_close(self, ask: AskClose, sign: Sign, now: Seconds) -> tuple[Endpoint, Consent]:
        wanted = CoopClose((ask.balance0, ask.balance1), ask.valid_until)
        return Endpoint.sign_close(replace(self, signed_close=wanted), ask, sign, now)


class ForgetsTheEndWhenDeclined(Endpoint):
    def declined(self) -> Endpoint:
        return replace(Endpoint.declined(self), signed_close=None)


class ForgetsWithdrawalsWhenDeclined(Endpoint):
    def declined(self) -> Endpoint:
        return replace(self, withdrawals=(None, None), asked_close=None)


class OverlooksWithdrawals(Endpoint):
    def _check_funds(self, lane: Lane) -> None:
        Endpoint._check_funds(replace(self, withdrawals=(None, None)), lane)


class SignsOneWithdrawalAfterAnother(Endpoint):
    def sign_withdrawal(self, ask: AskWithdrawal, sign: Sign, now: Seconds) -> tuple[Endpoint, Consent]:
        own = self.withdrawals[self.side]
        return Endpoint.sign_withdrawal(
            replace(self, withdrawals=(None, own) if self.side else (own, None)), ask, sign, now
        )


class GoesByItsOwnClock(Endpoint):
    def informed(self, funds: Funds, time: Seconds) -> Endpoint:
        return Endpoint.informed(self, funds, Seconds(time + LONGEST_CONSENT))


class CountsGiftsWhileItEnds(Endpoint):
    @property
    def guaranteed(self) -> int:
        return Endpoint.guaranteed.fget(replace(self, asked_close=None, signed_close=None))  # type: ignore[attr-defined]


FLAWED = {
    OverlooksWithdrawals: AboutWithdrawals,
    SignsOneWithdrawalAfterAnother: AboutWithdrawals,
    ForgetsWithdrawalsWhenDeclined: AboutWithdrawals,
    GoesByItsOwnClock: AboutWithdrawals,
    GoesOnAfterTheEnd: AboutEnds,
    PaysAfterTheEnd: AboutEnds,
    WantsAnEndThatIsOutOfDate: AboutEnds,
    EndsWhileItPays: AboutEnds,
    EndsOverLocks: AboutEnds,
    EndsAsItIsTold: AboutEnds,
    ForgetsTheEndWhenDeclined: AboutEnds,
    CountsGiftsWhileItEnds: AboutEnds,
}


@pytest.mark.parametrize("flawed", FLAWED)
def test_a_rule_that_is_broken_is_noticed(flawed: type[Endpoint]) -> None:
    broken = type(flawed.__name__, (FLAWED[flawed],), {"kind": flawed})
    steps = {"max_examples": 10_000, "stateful_step_count": 40, "deadline": None}
    search = settings(**steps, derandomize=True, phases=[Phase.generate])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(broken, settings=search)
