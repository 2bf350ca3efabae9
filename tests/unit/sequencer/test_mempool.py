"""The mempool: its rules one by one, then all of them against a model too simple to be wrong."""

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sequencer.mempool import Mempool, PoolLimits, PoolRefusal
from tandem.batch.packed import MAX_PACKED_BYTES, pack
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Gas, Wei
from tandem.transactions.codec import UnsignedTransaction
from tandem.transactions.transaction import SignedTransaction

RICH = 10**30
ALICE, BOB, CAROL = (Address(bytes([index]) * 20) for index in (1, 2, 3))


def make(
    sender: Address, nonce: int, fee: int = 100, tip: int = 10, value: int = 0, size: int = 100
) -> SignedTransaction:
    raw = repr((sender, nonce, fee, tip, value)).encode().ljust(size, b".")
    return SignedTransaction(
        2, 1, nonce, Wei(tip), Wei(fee), Gas(21_000), BOB, Wei(value), b"", (), 0, 1, 1, raw, keccak(raw), sender
    )


def refusal(pool: Mempool, tx: SignedTransaction, nonce: int = 0, balance: int = RICH) -> str:
    with pytest.raises(PoolRefusal) as caught:
        pool.add(tx, nonce, balance, 50)
    return caught.value.code


def filled(*txs: SignedTransaction, limits: PoolLimits | None = None) -> Mempool:
    pool = Mempool(limits)
    for tx in txs:
        pool.add(tx, 0, RICH, 50)
    return pool


class TestAdmission:
    def test_a_transaction_is_taken_once(self) -> None:
        pool = filled(make(ALICE, 0))
        assert refusal(pool, make(ALICE, 0)) == "already_known"

    def test_a_used_nonce_is_too_low_and_a_far_one_too_high(self) -> None:
        assert refusal(Mempool(), make(ALICE, 4), nonce=5) == "nonce_too_low"
        assert refusal(Mempool(PoolLimits(nonce_gap=3)), make(ALICE, 4)) == "nonce_too_high"

    def test_a_sender_can_be_refused(self) -> None:
        pool = Mempool()
        pool.refuse.add(ALICE)
        assert refusal(pool, make(ALICE, 0)) == "sender_refused"

    def test_the_balance_must_cover_all_that_waits(self) -> None:
        cost = 21_000 * 100
        pool = Mempool()
        pool.add(make(ALICE, 0), 0, 2 * cost, 50)
        pool.add(make(ALICE, 1), 0, 2 * cost, 50)
        assert refusal(pool, make(ALICE, 2), balance=2 * cost) == "insufficient_funds"

    def test_floors_and_sizes(self) -> None:
        pool = Mempool(PoolLimits(fee_floor=Wei(50), tip_floor=Wei(1), raw_bytes=200, gas=Gas(20_000)))
        assert refusal(pool, make(ALICE, 0, size=201)) == "oversized"
        assert refusal(pool, make(ALICE, 0)) == "gas_cap"
        pool = Mempool(PoolLimits(fee_floor=Wei(50), tip_floor=Wei(1)))
        assert refusal(pool, make(ALICE, 0, fee=49)) == "underpriced"
        assert refusal(pool, make(ALICE, 0, tip=0)) == "underpriced"
        assert refusal(pool, make(ALICE, 0, fee=60, tip=61)) == "tip_above_cap"

    def test_what_derivation_would_skip_for_its_packed_length_is_refused(self) -> None:
        """A small signature, for which anyone can make up a sender: short in its standard form, 64 bytes packed."""

        def with_data(length: int) -> SignedTransaction:
            to, data = BOB, b"\1" * length
            return UnsignedTransaction(2, 1, 0, Wei(1), Wei(100), Gas(2**24), to, Wei(0), data).with_signature(0, 1, 1)

        length = MAX_PACKED_BYTES - len(pack(with_data(60_001))) + 60_001
        filled(with_data(length))
        too_long = with_data(length + 1)
        assert len(too_long.raw) < MAX_PACKED_BYTES < len(pack(too_long))
        assert refusal(Mempool(), too_long) == "oversized"

    def test_a_replacement_pays_a_tenth_more_of_both_fees(self) -> None:
        pool = filled(make(ALICE, 0, 100, 10), make(ALICE, 1))
        assert refusal(pool, make(ALICE, 0, 109, 11)) == "replacement_underpriced"
        assert refusal(pool, make(ALICE, 0, 110, 10)) == "replacement_underpriced"
        pool.add(make(ALICE, 0, 110, 11), 0, RICH, 50)
        assert [tx.max_fee for tx in pool.best(50)] == [110, 100]

    def test_what_the_open_block_has_taken_cannot_be_replaced(self) -> None:
        pool = filled(make(ALICE, 0))
        assert pool.best(50).pop() is not None
        assert refusal(pool, make(ALICE, 0, 200, 20)) == "nonce_too_low"

    def test_one_sender_cannot_fill_the_pool(self) -> None:
        pool = filled(make(ALICE, 0), make(ALICE, 1), limits=PoolLimits(per_sender=2))
        assert refusal(pool, make(ALICE, 2)) == "pool_full"
        pool.add(make(BOB, 0), 0, RICH, 50)

    def test_a_full_pool_drops_gapped_and_cheap_transactions_for_dearer_ones(self) -> None:
        limits = PoolLimits(transactions=3, queued=1)
        pool = filled(make(ALICE, 0, 60), make(BOB, 0, 90), make(CAROL, 5, 500), limits=limits)
        assert refusal(pool, make(BOB, 7)) == "pool_full"
        pool.add(make(ALICE, 1, 60), 0, RICH, 50)
        assert pool.content(CAROL) == []
        dave = Address(b"\4" * 20)
        assert refusal(pool, make(dave, 0, 65)) == "pool_full"
        pool.add(make(dave, 0, 66), 0, RICH, 50)
        assert [entry[:2] for entry in pool.content()] == [(ALICE, 0), (BOB, 0), (dave, 0)]


class TestSelection:
    def test_the_highest_tip_goes_first_then_the_earliest(self) -> None:
        pool = filled(make(ALICE, 0, 100, 5), make(BOB, 0, 100, 7), make(CAROL, 0, 55, 50), make(CAROL, 1, 99, 9))
        assert [tx.sender for tx in pool.best(50)] == [BOB, ALICE, CAROL, CAROL]

    def test_a_gap_holds_later_ones_back_until_it_is_filled(self) -> None:
        pool = filled(make(ALICE, 1), make(ALICE, 2))
        selection = pool.best(50)
        assert selection.pop() is None
        pool.add(make(ALICE, 0), 0, RICH, 50)
        assert [tx.nonce for tx in selection] == [0, 1, 2]

    def test_fees_below_the_base_fee_wait_for_it_to_fall(self) -> None:
        pool = filled(make(ALICE, 0, 100))
        assert pool.best(101).pop() is None
        assert pool.best(100).pop() is not None

    def test_what_was_taken_but_not_included_comes_again(self) -> None:
        pool = filled(make(ALICE, 0), make(ALICE, 1), make(BOB, 0))
        selection = pool.best(50)
        first = selection.pop()
        assert first is not None and first.sender == ALICE
        selection.skip_sender(ALICE)
        assert [tx.sender for tx in selection] == [BOB]
        pool.on_block([(BOB, 1)])
        assert [tx.nonce for tx in pool.best(50)] == [0, 1]

    def test_an_invalid_one_is_removed_and_its_followers_wait(self) -> None:
        pool = filled(make(ALICE, 0), make(ALICE, 1), make(ALICE, 2))
        selection = pool.best(50)
        first = selection.pop()
        assert first is not None
        pool.remove(first)
        assert selection.pop() is None
        assert (len(pool), pool.executable_count, pool.queued_count) == (2, 0, 2)
        pool.add(make(ALICE, 0, 120, 12), 0, RICH, 50)
        assert [tx.nonce for tx in selection] == [0, 1, 2]

    def test_a_new_selection_ends_the_old(self) -> None:
        pool = filled(make(ALICE, 0))
        old = pool.best(50)
        pool.best(50)
        assert old.pop() is None


class TestBlocks:
    def test_included_transactions_go_and_the_nonce_follows(self) -> None:
        pool = filled(make(ALICE, 0), make(ALICE, 1), make(ALICE, 3))
        assert pool.pending_nonce(ALICE, 0) == 2
        pool.on_block([(ALICE, 1)])
        assert pool.pending_nonce(ALICE, 1) == 2
        assert [entry[1::2] for entry in pool.content(ALICE)] == [(1, True), (3, False)]
        assert pool.pending_nonce(BOB, 7) == 7

    def test_a_deposit_that_uses_a_nonce_takes_its_transaction_away(self) -> None:
        pool = filled(make(ALICE, 0), make(ALICE, 1))
        pool.on_block([(ALICE, 2)])
        assert len(pool) == 0

    def test_a_reorg_puts_dropped_transactions_back(self) -> None:
        pool = filled(make(ALICE, 0), make(ALICE, 1), make(ALICE, 2))
        dropped = list(pool.best(50))[:2]
        pool.on_block([(ALICE, 2)])
        assert pool.on_reorg(lambda _: (0, RICH), dropped, 50) == []
        assert [tx.nonce for tx in pool.best(50)] == [0, 1, 2]
        assert pool.on_reorg(lambda _: (0, 0), [make(BOB, 0)], 50) == [make(BOB, 0)]


@dataclass
class Model:
    """The rules told in the plainest way: a list, sorted and searched each time."""

    txs: list[tuple[int, SignedTransaction]] = field(default_factory=list)
    nonces: dict[Address, int] = field(default_factory=dict)
    taken: dict[Address, int] = field(default_factory=dict)
    skipped: set[Address] = field(default_factory=set)
    base_fee: int = 50
    arrivals: int = 0

    def at(self, sender: Address, nonce: int) -> tuple[int, SignedTransaction] | None:
        return next((item for item in self.txs if (item[1].sender, item[1].nonce) == (sender, nonce)), None)

    def add(self, tx: SignedTransaction, balance: int) -> str | None:
        old = self.at(tx.sender, tx.nonce)
        if any(tx.hash == other.hash for _, other in self.txs):
            return "already_known"
        if tx.nonce < self.nonces.get(tx.sender, 0):
            return "nonce_too_low"
        if tx.max_priority_fee > tx.max_fee:
            return "tip_above_cap"
        if old is not None:
            if tx.nonce < self.taken.get(tx.sender, 0):
                return "nonce_too_low"
            if tx.max_fee < old[1].max_fee * 1.1 or tx.max_priority_fee < old[1].max_priority_fee * 1.1:
                return "replacement_underpriced"
        kept = [item for item in self.txs if item is not old]
        cost = sum(21_000 * other.max_fee for other in [tx, *(item[1] for item in kept)] if other.sender == tx.sender)
        if cost > balance:
            return "insufficient_funds"
        self.arrivals += 1
        self.txs = [*kept, (self.arrivals, tx)]
        return None

    def executable(self, sender: Address) -> int:
        nonce = self.nonces.get(sender, 0)
        while self.at(sender, nonce):
            nonce += 1
        return nonce

    def pop(self) -> SignedTransaction | None:
        heads = []
        for sender in {tx.sender for _, tx in self.txs} - self.skipped:
            cursor = max(self.taken.get(sender, 0), self.nonces.get(sender, 0))
            head = self.at(sender, cursor)
            if head is not None and cursor < self.executable(sender) and head[1].max_fee >= self.base_fee:
                tip = min(head[1].max_priority_fee, head[1].max_fee - self.base_fee)
                heads.append((-tip, head[0], head[1]))
        if not heads:
            return None
        tx = min(heads)[2]
        self.taken[tx.sender] = tx.nonce + 1
        return tx

    def remove(self, tx: SignedTransaction) -> None:
        self.txs = [item for item in self.txs if item[1] is not tx]
        self.taken[tx.sender] = min(self.taken.get(tx.sender, 0), tx.nonce)


senders = st.sampled_from([ALICE, BOB, CAROL])


class PoolMachine(RuleBasedStateMachine):
    """Pool and model get the same commands and must agree on every answer."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.model = Mempool(), Model()
        self.selection = self.pool.best(50)
        self.included: list[SignedTransaction] = []

    @rule(
        sender=senders, ahead=st.integers(-1, 4), fee=st.integers(40, 150), tip=st.integers(0, 60),
        balance=st.sampled_from([RICH, RICH, 21_000 * 300]),
    )  # fmt: skip
    def add(self, sender: Address, ahead: int, fee: int, tip: int, balance: int) -> None:
        nonce = self.model.nonces.get(sender, 0)
        tx = make(sender, max(0, nonce + ahead), fee, tip)
        expected = self.model.add(tx, balance)
        try:
            self.pool.add(tx, nonce, balance, self.model.base_fee)
            code = None
        except PoolRefusal as refused:
            code = refused.code
        assert code == expected

    @rule()
    def take(self) -> None:
        expected = self.model.pop()
        assert self.selection.pop() is expected
        if expected is not None:
            self.included.append(expected)

    @rule()
    def find_the_last_taken_invalid(self) -> None:
        if self.included:
            tx = self.included.pop()
            self.pool.remove(tx)
            self.model.remove(tx)

    @rule()
    def skip_the_sender_of_the_last_taken(self) -> None:
        if self.included:
            tx = self.included.pop()
            self.selection.skip_sender(tx.sender)
            self.model.skipped.add(tx.sender)

    @rule(base_fee=st.sampled_from([50, 50, 60, 45]))
    def commit_and_begin_a_block(self, base_fee: int) -> None:
        nonces = {tx.sender: tx.nonce + 1 for tx in self.included}
        self.pool.on_block(nonces.items())
        model = self.model
        model.nonces.update(nonces)
        model.txs = [item for item in model.txs if item[1].nonce >= model.nonces.get(item[1].sender, 0)]
        self._begin(base_fee)

    @rule(back=st.integers(1, 3), sender=senders)
    def undo(self, back: int, sender: Address) -> None:
        model = self.model
        nonce = max(0, model.nonces.get(sender, 0) - back)
        model.nonces[sender] = nonce
        lost = self.pool.on_reorg(lambda who: (model.nonces.get(who, 0), RICH), [], model.base_fee)
        assert lost == []
        self._begin(model.base_fee)

    def _begin(self, base_fee: int) -> None:
        self.model.base_fee = base_fee
        self.model.taken.clear()
        self.model.skipped.clear()
        self.included.clear()
        self.selection = self.pool.best(base_fee)

    @invariant()
    def they_hold_the_same(self) -> None:
        model = self.model
        expected = {(tx.sender, tx.nonce, tx.raw, tx.nonce < model.executable(tx.sender)) for _, tx in model.txs}
        content = self.pool.content()
        assert set(content) == expected and len(content) == len(self.pool) == len(expected)
        assert self.pool.executable_count == sum(entry[3] for entry in content)
        for sender in (ALICE, BOB, CAROL):
            nonce = model.nonces.get(sender, 0)
            assert self.pool.pending_nonce(sender, nonce) == model.executable(sender)


TestAgainstTheModel = PoolMachine.TestCase
TestAgainstTheModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
