"""Lies: right up to one step, which no contract bears out, and provable from there on to a claim that L1 would take."""

from dataclasses import dataclass, replace

import pytest

from tandem.chain.header import Header
from tandem.chain.spec import MESSAGE_PASSER
from tandem.disputes.lies import FORGED_BALANCE, Cheat, Lie, NothingToLieAbout
from tandem.disputes.lying_trace import LyingTrace
from tandem.errors import StateMissing
from tandem.machine.chain import Chain
from tandem.machine.modes import Mode
from tandem.machine.structures import BlockState
from tandem.machine.trace import AssertionTrace, Steps, first_boundary, walk
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address
from tandem.rollup.withdrawals import prove_withdrawal
from tandem.state.account import EMPTY_ACCOUNT, Account
from tandem.state.database import HistoricalState, address_key
from tandem.state.proof import prove, root_of
from tandem.state.tables import StateTables
from tests.support.chain import ADDRESSES, ETHER
from tests.unit.disputes.eventful import Eventful

STRANGER = Address(b"\x57" * 20)
NEVER_SENT = keccak(b"a withdrawal that nobody initiated")


@pytest.fixture(scope="module")
def world() -> Eventful:
    return Eventful()


@pytest.fixture(scope="module")
def honest(world: Eventful) -> AssertionTrace:
    return world.honest()


@dataclass(frozen=True, slots=True)
class Told:
    """A trace and the chain that it was made on."""

    trace: LyingTrace
    chain: Chain

    @property
    def header(self) -> Header:
        """The last block that is claimed."""
        assert isinstance(self.trace.end.block, Header)
        return self.trace.end.block

    def state(self) -> HistoricalState:
        """The state that is claimed."""
        return HistoricalState(StateTables(preimages=self.chain.nodes), self.header.state_root)

    def account(self, address: Address) -> Account:
        """An account of that state."""
        return self.state().account(address) or EMPTY_ACCOUNT

    def block_behind_lie(self) -> BlockState:
        """The block in the making, behind the step of level 0 that is false."""
        block = self.trace.steps(self.trace.lie_leaf).end.block
        assert isinstance(block, BlockState)
        return block


def lie_about(cheat: Cheat, skip_places: int = 0, skip_steps: int = 0, salt: int = 0) -> Lie:
    return Lie(cheat, skip_places, skip_steps, salt, beneficiary=STRANGER, withdrawal=NEVER_SENT)


def tell(world: Eventful, lie: Lie) -> Told:
    chain, start = world.begin()
    return Told(LyingTrace(chain, start, lie), chain)


def refuted(world: Eventful, steps: Steps) -> list[int]:
    """Steps of level 1 that the contracts take to another state than the trace does."""
    found = []
    for index in range(len(steps.tree)):
        proven = steps.prove(index)
        assert proven is not None and proven.before == steps.state_before(index)
        if world.verifier.verify(proven) != steps.tree.node(0, index):
            found.append(index)
    assert steps.prove(len(steps.tree)) is None
    return found


@pytest.mark.parametrize("cheat", Cheat)
class TestEachLie:
    def test_all_is_right_before_it(self, world: Eventful, honest: AssertionTrace, cheat: Cheat) -> None:
        lying = tell(world, lie_about(cheat)).trace
        leaf = lying.lie_leaf
        assert [lying.tree.node(0, i) for i in range(leaf)] == [honest.tree.node(0, i) for i in range(leaf)]
        assert lying.tree.node(0, leaf) != honest.tree.node(0, leaf)
        assert lying.tree.root != honest.tree.root
        mine, right = lying.steps(leaf), honest.steps(leaf)
        assert mine.state_before(0) == right.state_before(0)
        for step in range(lying.lie_step):
            assert mine.tree.node(0, step) == right.tree.node(0, step)
        assert mine.tree.node(0, lying.lie_step) != right.tree.node(0, lying.lie_step)

    def test_one_step_of_level_0_is_false(self, world: Eventful, cheat: Cheat) -> None:
        lying = tell(world, lie_about(cheat)).trace
        false = []
        for leaf in range(len(lying.tree)):
            m = lying.origin(leaf)
            assert not leaf or m.hash() == lying.tree.node(0, leaf - 1)
            walk(m)
            if m.hash() != lying.tree.node(0, leaf):
                false.append(leaf)
        assert false == [lying.lie_leaf]

    def test_one_step_of_level_1_is_refuted(self, world: Eventful, cheat: Cheat) -> None:
        lying = tell(world, lie_about(cheat)).trace
        steps = lying.steps(lying.lie_leaf)
        assert steps.tree.node(0, (1 << 26) - 1) == lying.tree.node(0, lying.lie_leaf)
        assert refuted(world, steps) == [lying.lie_step]

    def test_what_follows_is_provable(self, world: Eventful, cheat: Cheat) -> None:
        lying = tell(world, lie_about(cheat)).trace
        for leaf in {lying.lie_leaf + 1, len(lying.tree) - 2, len(lying.tree) - 1}:
            steps = lying.steps(leaf)
            assert steps.state_before(0) == lying.tree.node(0, leaf - 1)
            assert refuted(world, steps) == []

    def test_l1_would_take_the_claim(self, world: Eventful, honest: AssertionTrace, cheat: Cheat) -> None:
        told = tell(world, lie_about(cheat))
        end, header = told.trace.end, told.header
        assert end.mode == Mode.HALTED and end != honest.end
        assert end.machine(told.chain).hash() == told.trace.tree.node(0, (1 << 20) - 1)
        assert header.hash == keccak(header.encode())
        assert header.messages_consumed == end.cursor.messages == honest.end.cursor.messages
        key = address_key(MESSAGE_PASSER)
        shown = prove(told.chain.nodes, header.state_root, key)
        assert root_of(key, shown) == header.state_root
        assert shown.value(key) == keccak(told.account(MESSAGE_PASSER).encode())

    def test_it_is_the_same_every_time(self, world: Eventful, cheat: Cheat) -> None:
        first, again = tell(world, lie_about(cheat)).trace, tell(world, lie_about(cheat)).trace
        assert (first.tree.root, first.lie_leaf, first.lie_step) == (again.tree.root, again.lie_leaf, again.lie_step)

    def test_the_chain_it_is_told_about_stays_right(
        self, world: Eventful, honest: AssertionTrace, cheat: Cheat
    ) -> None:
        chain, start = world.begin()
        LyingTrace(chain, start, lie_about(cheat))
        assert AssertionTrace(chain, start).tree.root == honest.tree.root

    def test_other_places_have_other_roots(self, world: Eventful, cheat: Cheat) -> None:
        roots, leaves = set(), []
        with pytest.raises(NothingToLieAbout):
            for places in range(100):
                lying = tell(world, lie_about(cheat, skip_places=places)).trace
                roots.add(lying.tree.root)
                leaves.append(lying.lie_leaf)
        assert leaves == sorted(set(leaves))
        assert len(roots) == len(leaves) >= 2

    def test_it_has_a_description(self, cheat: Cheat) -> None:
        assert Cheat(cheat.value) is cheat and "\n" not in cheat.description
        assert 20 < len(cheat.description) < 80


@pytest.mark.parametrize("cheat", [Cheat.BALANCE, Cheat.STORAGE, Cheat.OPCODE, Cheat.GAS, Cheat.LOG, Cheat.BAD_BATCH])
def test_a_salt_makes_another_lie_in_the_same_place(world: Eventful, cheat: Cheat) -> None:
    told = [tell(world, lie_about(cheat, salt=salt)).trace for salt in range(3)]
    assert len({trace.lie_leaf for trace in told}) == 1
    assert len({trace.tree.root for trace in told}) == 3
    assert len({trace.end for trace in told}) == 3
    assert refuted(world, told[2].steps(told[2].lie_leaf)) == [told[2].lie_step]


class TestWhatEachComesTo:
    def test_balance(self, world: Eventful, honest: AssertionTrace) -> None:
        assert tell(world, lie_about(Cheat.BALANCE)).account(STRANGER).balance == FORGED_BALANCE == 1_000 * ETHER
        less = replace(lie_about(Cheat.BALANCE, salt=2), amount=5)
        assert tell(world, less).account(STRANGER).balance == 7

    def test_storage(self, world: Eventful) -> None:
        """The first place is a slot of the inbox's news; a later one is the counter's, which went on from 5 to 11."""
        told = tell(world, lie_about(Cheat.STORAGE, skip_places=1))
        assert counted(told, world) == 12

    def test_opcode(self, world: Eventful) -> None:
        """The call that reverts has nothing to show for it; the counter has."""
        assert counted(tell(world, lie_about(Cheat.OPCODE)), world) == 12

    def test_opcode_prefers_additions(self, world: Eventful) -> None:
        for places in range(3):
            lying = tell(world, lie_about(Cheat.OPCODE, skip_places=places)).trace
            m = lying.steps(lying.lie_leaf).before(lying.lie_step)
            assert m.frame is not None and m.frame.code.data[m.frame.pc] == 0x01

    def test_gas(self, world: Eventful, honest: AssertionTrace) -> None:
        told = tell(world, lie_about(Cheat.GAS, salt=1))
        right = honest.steps(told.trace.lie_leaf).end.block
        assert isinstance(right, BlockState)
        assert told.block_behind_lie().gas_used == right.gas_used - 2

    def test_log(self, world: Eventful, honest: AssertionTrace) -> None:
        told = tell(world, lie_about(Cheat.LOG))
        right = honest.steps(told.trace.lie_leaf).end.block
        assert isinstance(right, BlockState)
        mine = told.block_behind_lie()
        assert mine == replace(right, receipts_acc=mine.receipts_acc)
        assert mine.receipts_acc != right.receipts_acc

    def test_skip_forced(self, world: Eventful) -> None:
        """The deposit of the first batch, then the message that was forced."""
        rich = world.stage.accounts[ADDRESSES[4]].balance
        told = tell(world, lie_about(Cheat.SKIP_FORCED))
        assert told.account(ADDRESSES[4]).balance == rich
        assert told.account(ADDRESSES[6]).balance == rich + ETHER
        told = tell(world, lie_about(Cheat.SKIP_FORCED, skip_places=1))
        assert told.account(ADDRESSES[4]).balance == rich + ETHER
        assert told.account(ADDRESSES[6]).balance == rich

    def test_bad_batch(self, world: Eventful, honest: AssertionTrace) -> None:
        right = honest.end.block
        told = tell(world, lie_about(Cheat.BAD_BATCH))
        assert isinstance(right, Header) and told.header.number < right.number
        assert counted(told, world) == 0
        more = tell(world, lie_about(Cheat.BAD_BATCH, skip_places=1, salt=9))
        assert more.header.number == right.number + 1

    def test_fake_withdrawal(self, world: Eventful, honest: AssertionTrace) -> None:
        told = tell(world, lie_about(Cheat.FAKE_WITHDRAWAL))
        tables = StateTables(preimages=told.chain.nodes)
        prove_withdrawal(tables, told.account(MESSAGE_PASSER).storage_root, NEVER_SENT)
        chain, start = world.begin()
        right = AssertionTrace(chain, start).end.block
        assert isinstance(right, Header)
        passer = HistoricalState(StateTables(preimages=chain.nodes), right.state_root).account(MESSAGE_PASSER)
        assert passer is not None
        with pytest.raises(StateMissing):
            prove_withdrawal(StateTables(preimages=chain.nodes), passer.storage_root, NEVER_SENT)

    def test_invalid_transaction(self, world: Eventful) -> None:
        """A transfer that was replayed, then one that nobody could pay."""
        rich = world.stage.accounts[ADDRESSES[7]].balance
        replayed = tell(world, lie_about(Cheat.INVALID_TRANSACTION))
        assert replayed.account(ADDRESSES[7]).balance == rich + 2 * ETHER
        assert replayed.account(ADDRESSES[0]).nonce > 4
        unpaid = tell(world, lie_about(Cheat.INVALID_TRANSACTION, skip_places=1))
        assert unpaid.account(ADDRESSES[7]).balance == rich + 10_001 * ETHER
        assert unpaid.account(ADDRESSES[2]).nonce == 1


def counted(told: Told, world: Eventful) -> int:
    """What the counter says in the claimed state."""
    return told.state().storage(world.counter, 0)


def test_a_lie_within_a_call_that_reverts_is_none(world: Eventful, honest: AssertionTrace) -> None:
    """The first call adds, stores and logs, and reverts: only its gas can be lied about."""
    first = next(leaf for leaf in range(len(honest.tree)) if len(honest.steps(leaf).tree) > 20)
    assert tell(world, lie_about(Cheat.GAS)).trace.lie_leaf == first
    for cheat in (Cheat.STORAGE, Cheat.OPCODE, Cheat.LOG):
        assert tell(world, lie_about(cheat)).trace.lie_leaf > first


def test_two_lies_that_agree_at_level_0(world: Eventful) -> None:
    """A gas less is a gas less, whichever instruction it was: one leaf, two ways that claim to lead there."""
    one, other = (tell(world, lie_about(Cheat.GAS, skip_steps=steps)).trace for steps in range(2))
    assert one.tree.root == other.tree.root
    assert one.lie_step < other.lie_step
    assert one.steps(one.lie_leaf).tree.root != other.steps(one.lie_leaf).tree.root
    assert refuted(world, other.steps(other.lie_leaf)) == [other.lie_step]


def test_a_lie_about_a_later_assertion(world: Eventful, honest: AssertionTrace) -> None:
    chain, start = world.begin()
    first = AssertionTrace(chain, replace(start, cursor=replace(start.cursor, target=1)))
    assert isinstance(first.end.block, Header)
    later = first_boundary(first.end.block, 1, world.batches)
    lying = LyingTrace(chain, later, lie_about(Cheat.BALANCE))
    assert lying.end.cursor == honest.end.cursor
    assert refuted(world, lying.steps(lying.lie_leaf)) == [lying.lie_step]


@pytest.mark.parametrize("cheat", [Cheat.BALANCE, Cheat.BAD_BATCH])
def test_an_assertion_on_a_false_one(world: Eventful, cheat: Cheat) -> None:
    """A liar goes on from its own blocks, honestly: their hashes are in those that follow."""
    chain, start = world.begin()
    lying = LyingTrace(chain, replace(start, cursor=replace(start.cursor, target=1)), lie_about(cheat))
    assert isinstance(lying.end.block, Header)
    later = AssertionTrace(lying.chain, first_boundary(lying.end.block, 1, world.batches))
    whole = LyingTrace(chain, start, lie_about(cheat))
    assert later.end == whole.end
    assert refuted(world, later.steps(2)) == []


def test_there_may_be_nothing_to_lie_about(world: Eventful) -> None:
    chain, start = world.begin()
    nothing = replace(start, cursor=replace(start.cursor, target=0))
    for cheat in Cheat:
        with pytest.raises(NothingToLieAbout, match=cheat):
            LyingTrace(chain, nothing, lie_about(cheat))
    with pytest.raises(NothingToLieAbout, match="0 places"):
        LyingTrace(chain, start, lie_about(Cheat.GAS, salt=2**24))


def test_some_lies_need_an_object() -> None:
    with pytest.raises(ValueError, match="beneficiary"):
        Lie(Cheat.BALANCE)
    with pytest.raises(ValueError, match="hash"):
        Lie(Cheat.FAKE_WITHDRAWAL)


def test_a_long_trace_starts_again_behind_the_lie(world: Eventful, monkeypatch: pytest.MonkeyPatch) -> None:
    """States to start again from are kept every so many boundaries: before, at and behind the lie."""
    whole = tell(world, lie_about(Cheat.BALANCE, skip_places=2)).trace.tree
    for every in (1, 2, 5):
        monkeypatch.setattr("tandem.machine.trace.CHECKPOINT", every)
        lying = tell(world, lie_about(Cheat.BALANCE, skip_places=2)).trace
        for leaf in range(1, len(whole) + 1):
            assert lying.origin(leaf).hash() == whole.node(0, leaf - 1)
