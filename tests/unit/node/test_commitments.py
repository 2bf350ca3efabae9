"""Commitments to traces: right, made once, and found again."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from tandem.batch.packed import pack
from tandem.batch.payload import PackedBlock, encode_batch
from tandem.chain.spec import MESSAGE_PASSER, Deployment
from tandem.errors import StateMissing
from tandem.machine.chain import Chain
from tandem.machine.trace import AssertionTrace, Boundary
from tandem.node import commitments as module
from tandem.node.claims import genesis_opening, make_claim, right_child, state_after
from tandem.node.commitments import Commitments
from tandem.node.machine_chain import assertion_trace, boundary_behind, machine_chain
from tandem.node.verification import Disagreement
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash
from tandem.rollup.assertions import TRACE_DEPTH
from tandem.state.database import address_key
from tandem.store import ReadSession
from tests.support.chain import ADDRESSES, Inbox, Node, make_deployment, transfer
from tests.unit.node.buggy import BuggyTrace

SPANS = [(0, 1), (0, 4), (1, 2), (1, 3), (2, 3), (3, 4)]


class Counting(AssertionTrace):
    """Says how many were made."""

    made = 0

    def __init__(self, chain: Chain, start: Boundary) -> None:
        type(self).made += 1
        super().__init__(chain, start)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> type[Counting]:
    monkeypatch.setattr(Counting, "made", 0)
    monkeypatch.setattr(module, "AssertionTrace", Counting)
    return Counting


@pytest.fixture
def own(inbox: Inbox, deployment: Deployment, tmp_path: Path) -> Iterator[Node]:
    """A store that no other test has written to."""
    node = Node(tmp_path / "store", deployment)
    node.apply(inbox.events)
    yield node
    node.store.close()


def root_of(leaf: Hash, siblings: tuple[Hash, ...]) -> Hash:
    """As L1 works it out for the last leaf: a right child all the way up."""
    for sibling in siblings:
        leaf = keccak(sibling + leaf)
    return leaf


@pytest.mark.parametrize(("batches", "target"), SPANS)
def test_a_commitment_is_to_the_trace(own: Node, batches: int, target: int) -> None:
    parameters = own.deployment.parameters
    with own.store.read() as session:
        found = Commitments(own.store, parameters).get(session, batches, target)
        assert found.root == assertion_trace(session, parameters, batches, target).tree.root
        end = boundary_behind(session, target).machine(machine_chain(session, parameters)).hash()
    assert len(found.end_proof) == TRACE_DEPTH
    assert root_of(end, found.end_proof) == found.root


def test_a_batch_without_blocks_has_a_trace(session: ReadSession) -> None:
    assert session.batch(1).last_block == session.batch(0).last_block, "batch 1 is not one"
    before, behind = state_after(session, 1), state_after(session, 2)
    assert (before.block_hash, before.messages) == (behind.block_hash, behind.messages)


def test_a_trace_is_made_once(own: Node, counting: type[Counting]) -> None:
    commitments = Commitments(own.store, own.deployment.parameters)
    with own.store.read() as session:
        first = commitments.get(session, 0, 4)
        assert commitments.get(session, 0, 4) == first, "the session does not see what it did not store"
        commitments.get(session, 0, 3)
    with own.store.read() as session:
        assert Commitments(own.store, own.deployment.parameters).get(session, 0, 4) == first
    assert counting.made == 2


def test_threads_wait_for_one_another(own: Node, counting: type[Counting]) -> None:
    commitments = Commitments(own.store, own.deployment.parameters)
    found = []

    def ask() -> None:
        with own.store.read() as session:
            found.append(commitments.get(session, 0, 4))

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1
    assert counting.made == 1


def test_memory_is_bounded(own: Node, counting: type[Counting], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    commitments = Commitments(own.store, own.deployment.parameters)
    with own.store.read() as session:
        for batches, target in SPANS:
            commitments.get(session, batches, target)
        assert counting.made == len(SPANS)
        commitments.get(session, *SPANS[-2])
        assert counting.made == len(SPANS)
        commitments.get(session, *SPANS[0])
        assert counting.made == len(SPANS) + 1, "neither in memory nor in what this session sees"


def test_another_chain_has_other_commitments(own: Node, inbox: Inbox, counting: type[Counting]) -> None:
    """L1 re-organises the last batch away, brings another, and then the first again."""
    commitments = Commitments(own.store, own.deployment.parameters)

    def last() -> Hash:
        with own.store.read() as session:
            return commitments.get(session, 3, 4).root

    before = last()
    other = Inbox(messages=list(inbox.messages), batches=list(inbox.batches[:3]), time=inbox.time)
    other.batch(encode_batch([PackedBlock(60, 0, (pack(transfer(1, 2, ADDRESSES[5])),))]), 4)
    own.apply(other.events, kept=(len(inbox.messages), 3))
    between = last()
    own.apply(inbox.events[-1:], kept=(len(inbox.messages), 3))
    assert before == last() != between
    assert counting.made == 2


def test_batches_that_l1_has_not_said_are_missing(own: Node) -> None:
    with own.store.read() as session, pytest.raises(StateMissing):
        Commitments(own.store, own.deployment.parameters).get(session, 3, 5)


def test_no_commitment_to_a_trace_that_ends_elsewhere(own: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AssertionTrace", partial(BuggyTrace, wrong=10))
    commitments = Commitments(own.store, own.deployment.parameters)
    for _ in range(2):
        with own.store.read() as session, pytest.raises(Disagreement):
            commitments.get(session, 0, 4)


def test_a_claim_shows_what_l1_asks_for(tmp_path: Path) -> None:
    node, inbox = Node(tmp_path / "store", make_deployment()), Inbox()
    inbox.deposit(ADDRESSES[0])
    for consumed in (0, 1):
        inbox.batch(encode_batch([PackedBlock(1, consumed, ())]), consumed)
    node.apply(inbox.events)
    commitments = Commitments(node.store, node.deployment.parameters)
    with node.store.read() as session:
        parent = genesis_opening(session)
        first = right_child(session, commitments, parent.id(), 0, 1)
        second = right_child(session, commitments, first.id(), 1, 2)
        claim = make_claim(session, commitments, second, 1)
        trace = commitments.get(session, 1, 2)
    node.store.close()
    assert claim.opening == second
    assert (second.trace_root, claim.end_proof) == (trace.root, trace.end_proof)
    assert (claim.header.hash, claim.header.messages_consumed) == (second.state.block_hash, second.state.messages)
    assert (first.state.messages, second.state.messages) == (0, 1)
    assert claim.proof.value(address_key(MESSAGE_PASSER)) == keccak(claim.message_passer.encode())
