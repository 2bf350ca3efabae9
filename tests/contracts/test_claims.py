"""What nodes say about assertions, on real contracts: the path that an asserter goes on, and a judge's verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import ape
import pytest

from challenger.judge import Judge, Verdict
from scripts.deploy import PRESETS, deploy
from tandem.batch.payload import PackedBlock, encode_batch
from tandem.chain.spec import ChainParameters
from tandem.l1.contracts import L1
from tandem.l1.encoding import claim_arguments
from tandem.l1.game_reader import GameReader
from tandem.node import commitments as commitments_module
from tandem.node.assertion_chain import OffChain, Position, right_path
from tandem.node.claims import make_claim, right_child
from tandem.node.commitments import Commitments
from tandem.node.machine_chain import boundary_behind, machine_chain
from tandem.node.replica import catch_up
from tandem.primitives.types import Address, Gas, Hash
from tandem.rollup.assertions import TRACE_DEPTH, Claim, commitment
from tandem.rollup.trace_tree import TraceTree
from tandem.store import ChainStore
from tests.contracts.world import pass_time
from tests.support.chain import CHAIN_ID

PRESET = PRESETS["development"]
EMPTY_BATCH = b"\x07 nothing that decodes"
BLOCKS = encode_batch([PackedBlock(1, 0, ()), PackedBlock(1, 0, ())])


class Chain:
    """A chain of its own on L1, and a node that derives it."""

    def __init__(self, owner: Any, sequencer: Any, folder: Path) -> None:
        address = Address(bytes.fromhex(sequencer.address[2:]))
        self.deployment, self.contracts = deploy(owner, PRESET, ChainParameters(CHAIN_ID), address, address)
        self.owner, self.sequencer = owner, sequencer
        self.l1 = L1(ape.chain.provider.web3, self.deployment.l1)
        self.store = ChainStore(folder)
        self.commitments = Commitments(self.store, self.deployment.parameters)
        self.reader = GameReader(self.l1)
        self.judge = Judge(self.l1, self.commitments)

    def batch(self, data: bytes, messages: int = 0) -> None:
        """Whose blocks are those that `data` says, if it consumes no more messages than the batch before."""
        self.contracts["Inbox"].submitBatch(data, messages, sender=self.sequencer)

    def look(self) -> Position:
        """As the asserter does it."""
        catch_up(self.store, self.deployment, self.l1)
        while not self.reader.poll():
            pass
        with self.store.read() as session:
            return right_path(self.reader.book, session, self.commitments)

    def next(self) -> Claim:
        claim = self.look().next
        assert claim is not None
        return claim

    def claim(self, claim: Claim) -> Hash:
        self.contracts["Rollup"].createAssertion(*claim_arguments(claim), sender=self.owner, value=PRESET.bond)
        return claim.opening.id()

    def confirm(self, assertion: Hash) -> None:
        pass_time(PRESET.challenge_window)
        self.contracts["Rollup"].confirmAssertion(assertion, sender=self.owner)

    def verdicts(self) -> dict[Hash, Verdict]:
        catch_up(self.store, self.deployment, self.l1)
        with self.store.read() as session:
            self.judge.update(session)
        return {judged.id: judged.verdict for judged in self.judge.assertions.values()}

    def by_another_way(self, claim: Claim) -> Claim:
        """The same state, but a trace that does not lead there."""
        with self.store.read() as session:
            end = boundary_behind(session, claim.opening.state.batches)
            last = end.machine(machine_chain(session, self.deployment.parameters)).hash()
        shown = commitment(TraceTree(b"a state that never was".ljust(32) + last, TRACE_DEPTH))
        return replace(claim, opening=replace(claim.opening, trace_root=shown.root), end_proof=shown.end_proof)

    def with_another_block(self, claim: Claim) -> Claim:
        """A state that is not the chain's."""
        header = replace(claim.header, gas_used=Gas(claim.header.gas_used + 1))
        state = replace(claim.opening.state, block_hash=header.hash)
        with self.store.read() as session:
            end = replace(boundary_behind(session, state.batches), block=header)
            last = end.machine(machine_chain(session, self.deployment.parameters)).hash()
        shown = commitment(TraceTree(last, TRACE_DEPTH))
        opening = replace(claim.opening, state=state, trace_root=shown.root)
        return replace(claim, opening=opening, header=header, end_proof=shown.end_proof)


@pytest.fixture
def chain(accounts: Any, tmp_path: Path) -> Iterator[Chain]:
    made = Chain(accounts[7], accounts[8], tmp_path / "store")
    yield made
    made.store.close()


def test_l1_takes_what_a_node_claims(chain: Chain) -> None:
    """Batches with blocks, and one without: its assertion has the state of its parent, and two steps to it."""
    assert chain.look() == Position((), None)
    made = []
    for data in (BLOCKS, EMPTY_BATCH, BLOCKS):
        chain.batch(data)
        made.append(chain.claim(chain.next()))
        position = chain.look()
        assert [assertion.id for assertion in position.pending] == made
        assert position.next is None
    assert set(chain.verdicts().values()) == {Verdict.RIGHT}
    pending = chain.look().pending
    assert pending[0].opening.state.block_hash == pending[1].opening.state.block_hash
    for assertion in made:
        chain.confirm(assertion)
    assert chain.look() == Position((), None)


def test_messages_are_counted_as_l1_counts_them(chain: Chain) -> None:
    chain.contracts["Bridge"].depositETH(chain.owner, 100_000, b"", sender=chain.owner, value=1)
    chain.batch(encode_batch([PackedBlock(1, 1, ())]), 1)
    claim = chain.next()
    assert claim.opening.state.messages == claim.header.messages_consumed == 1
    chain.confirm(chain.claim(claim))


def test_a_wrong_trace_to_the_right_state_is_wrong(chain: Chain) -> None:
    chain.batch(BLOCKS)
    right = chain.next()
    wrong = chain.claim(chain.by_another_way(right))
    assert chain.look() == Position((), right), "it is no part of the right path"
    assert chain.verdicts()[wrong] == Verdict.WRONG
    assert [alarm.assertion for alarm in chain.judge.alarms()] == [wrong]
    own = chain.claim(right)
    assert [assertion.id for assertion in chain.look().pending] == [own]
    assert (chain.verdicts()[own], chain.verdicts()[wrong]) == (Verdict.RIGHT, Verdict.WRONG)


def test_what_is_confirmed_is_followed_by_its_state(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody objected to a wrong trace, and its state is right: the chain goes on from it, and nobody executes it."""
    chain.batch(BLOCKS)
    wrong = chain.claim(chain.by_another_way(chain.next()))
    chain.batch(BLOCKS)
    catch_up(chain.store, chain.deployment, chain.l1)
    with chain.store.read() as session:
        opening = right_child(session, chain.commitments, wrong, 1, 2)
        on_it = chain.claim(make_claim(session, chain.commitments, opening, 1))
    assert (chain.verdicts()[wrong], chain.verdicts()[on_it]) == (Verdict.WRONG, Verdict.WRONG)
    assert chain.look().pending == ()
    chain.confirm(wrong)
    assert (chain.verdicts()[wrong], chain.verdicts()[on_it]) == (Verdict.RIGHT, Verdict.RIGHT)
    assert [assertion.id for assertion in chain.look().pending] == [on_it]
    chain.confirm(on_it)
    monkeypatch.setattr(commitments_module, "AssertionTrace", None)
    chain.judge = Judge(chain.l1, Commitments(chain.store, chain.deployment.parameters))
    chain.commitments = Commitments(chain.store, chain.deployment.parameters)
    assert set(chain.verdicts().values()) == {Verdict.RIGHT}
    assert chain.look() == Position((), None)


def test_a_wrong_state_is_wrong_even_if_confirmed(chain: Chain) -> None:
    chain.batch(BLOCKS)
    wrong = chain.claim(chain.with_another_block(chain.next()))
    assert chain.verdicts()[wrong] == Verdict.WRONG
    chain.confirm(wrong)
    assert chain.verdicts()[wrong] == Verdict.WRONG
    assert "CONFIRMED although it is wrong" in chain.judge.alarms()[0].message
    chain.batch(BLOCKS, 1)
    with pytest.raises(OffChain):
        chain.look()
