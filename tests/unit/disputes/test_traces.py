"""What a party shows of its traces is what the contracts ask for."""

from dataclasses import dataclass

import pytest

from tandem.disputes.edges import Edge, Level, join, last_under
from tandem.disputes.moves import Due, OpenSteps
from tandem.disputes.traces import QUICK_STEPS, Claims, StepsUnknown, repeated
from tandem.machine.stepping import OK, Proven
from tandem.machine.trace import STEP_DEPTH
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash
from tandem.rollup.assertions import TRACE_DEPTH
from tandem.rollup.trace_tree import TraceTree
from tests.support.revm import Reverted, call_data
from tests.unit.disputes.eventful import Eventful
from tests.unit.disputes.match import END, HEIGHTS, LEAVES, ORIGIN, START, Counted, claims_on, toy_trace

NEXT = "next(bytes32,uint256,bytes)"


@pytest.fixture
def claims() -> Claims:
    return claims_on(Counted(toy_trace()))


@pytest.fixture(scope="module")
def world() -> Eventful:
    return Eventful()


def descend(claims: Claims, index: int) -> list:
    """The edges from the root down to a leaf."""
    edges = [claims.root]
    while edges[-1].height:
        edges.append(claims.children(edges[-1])[index >> (edges[-1].height - 1) & 1])
    return edges


def test_the_root_is_over_the_whole_trace(claims: Claims) -> None:
    root = claims.root
    assert (root.origin, root.level, root.height, root.index) == (ORIGIN, Level.TRACE, HEIGHTS[0], 0)
    assert (root.prefix, root.root) == (START.hash, toy_trace().tree.root)


@pytest.mark.parametrize("index", range(2 ** HEIGHTS[0]))
def test_leaves_are_what_bisections_lead_to(claims: Claims, index: int) -> None:
    assert claims.leaf(index) == descend(claims, index)[-1]


@pytest.mark.parametrize("index", range(2 ** HEIGHTS[0]))
def test_openings_show_the_state_before(claims: Claims, index: int) -> None:
    leaf = claims.leaf(index)
    opening = claims.opening(leaf)
    trace = toy_trace()
    assert opening.state == (trace.tree.node(0, index - 1) if index else START.hash)
    if index:
        assert join(opening.prefix, last_under(opening.state, opening.siblings)) == leaf.prefix
        assert index % 2 ** len(opening.siblings) == 0
        assert index // 2 ** len(opening.siblings) % 2 == 1


def test_the_end_proof_leads_from_the_last_state_to_the_root(claims: Claims) -> None:
    assert last_under(END.hash, claims.end_proof()) == claims.root.root


@pytest.mark.parametrize("leaf", range(LEAVES + 1))
def test_opened_steps_end_in_their_leaf_and_begin_before_it(claims: Claims, leaf: int) -> None:
    move = claims.make(Due(claims.leaf(leaf), leaf))
    assert isinstance(move, OpenSteps)
    assert last_under(claims.leaf(leaf).root, move.end_proof) == move.root
    root = claims.step_root(leaf)
    assert (root.origin, root.root, root.height) == (claims.leaf(leaf).place, move.root, HEIGHTS[1])
    assert root.prefix == claims.opening(claims.leaf(leaf)).state
    assert claims.leaf_of(root) == leaf


def test_someone_else_s_edge_has_no_children_here(claims: Claims) -> None:
    other = type(claims.root)(ORIGIN, Level.TRACE, HEIGHTS[0], 0, START.hash, keccak(b"another root"))
    with pytest.raises(ValueError, match="not the children"):
        claims.children(other)


def test_level_1_edges_below_a_leaf_nobody_looked_at(claims: Claims) -> None:
    other = claims_on(toy_trace())
    other.steps(2)
    with pytest.raises(StepsUnknown):
        claims.children(other.step_root(2))
    assert claims.step_root(2) is None
    claims.steps(2)
    assert claims.children(claims.step_root(2)) == other.children(other.step_root(2))


def test_level_1_traces_are_made_once(claims: Claims) -> None:
    for leaf in (*range(LEAVES), *range(LEAVES)):
        claims.steps(leaf)
        assert not claims.needs_steps(leaf)
        claims.children(claims.step_root(leaf))
    assert claims._trace.made == list(range(LEAVES))
    assert [claims.leaf_of(root) for root in claims.step_roots()] == list(range(LEAVES))


class LongSteps:
    """Level 1 of many steps, which counts how often one was looked for."""

    def __init__(self, count: int) -> None:
        self.tree = TraceTree(START.hash * count, STEP_DEPTH)
        self.proofs = 0

    def prove(self, index: int) -> Proven:
        self.proofs += 1
        return Proven(OK, START.hash, START.preimage, START.hash)


@dataclass
class LongTrace:
    """Level 0 of one step."""

    below: LongSteps
    tree = TraceTree(START.hash, 1)

    def steps(self, leaf: int) -> LongSteps:
        return self.below


def step_leaf(claims: Claims, index: int) -> Edge:
    """An own leaf of level 1 below leaf 0."""
    edge = claims.step_root(0)
    while edge.height:
        edge = claims.children(edge)[index >> (edge.height - 1) & 1]
    return edge


def test_what_is_at_hand_takes_neither_a_trace_nor_many_steps() -> None:
    steps = LongSteps(QUICK_STEPS + 9)
    claims = Claims(ORIGIN, START.hash, LongTrace(steps))
    assert claims.is_at_hand(Due(claims.root, None))
    assert not claims.is_at_hand(Due(claims.leaf(0), 0))
    claims.steps(0)
    assert claims.is_at_hand(Due(claims.leaf(0), 0))
    assert claims.is_at_hand(Due(step_leaf(claims, QUICK_STEPS), 0))
    for index in (QUICK_STEPS + 1, 2**STEP_DEPTH - 1):
        due = Due(step_leaf(claims, index), 0)
        assert not claims.is_at_hand(due)
        proof = claims.make(due)
        assert claims.is_at_hand(due)
        assert claims.make(due) is proof
    assert steps.proofs == 2


def test_a_recalled_root_is_the_one_that_would_be_made(claims: Claims) -> None:
    claims.steps(3)
    again = claims_on(Counted(toy_trace()))
    again.recall(3, claims.step_root(3).root)
    assert again.step_root(3) == claims.step_root(3)
    assert again.needs_steps(3)
    assert again._trace.made == []


def judged(world: Eventful, before: Hash, index: int, witness: bytes) -> bytes:
    """What Machine.next says of a step."""
    verifier = world.verifier
    return verifier.revm.call(verifier._dispatcher, call_data(NEXT, before, index, witness))


def test_the_machine_takes_the_witnesses_of_all_steps(world: Eventful) -> None:
    trace = world.honest()
    claims = Claims(ORIGIN, trace.origin(0).hash(), trace)
    assert (claims.root.height, claims.root.prefix) == (TRACE_DEPTH, trace.origin(0).hash())
    leaf = min(range(1, len(trace.tree)), key=lambda each: abs(len(trace.steps(each).tree) - 12))
    tree = claims.steps(leaf).tree
    last = len(tree) - 1
    for index in (0, 1, last, last + 1, last + 2, 2**STEP_DEPTH - 1):
        node, expected = claims.step_root(leaf), tree.node(0, index)
        while node.height:
            node = claims.children(node)[index >> (node.height - 1) & 1]
        assert node.root == expected
        before = claims.opening(node).state
        assert judged(world, before, index, claims.witness(leaf, index)) == expected


def test_a_state_repeats_behind_the_last_step_alone(world: Eventful) -> None:
    trace = world.honest()
    state = trace.steps(0).end
    witness = repeated(state)
    before = keccak(witness[1:])
    assert before == trace.tree.node(0, 0)
    assert judged(world, before, 1, witness) == before
    with pytest.raises(Reverted):
        judged(world, before, 0, witness)


def test_beyond_the_last_level_0_state_the_machine_has_halted(world: Eventful) -> None:
    trace = world.honest()
    claims = Claims(ORIGIN, trace.origin(0).hash(), trace)
    leaf = len(trace.tree) + 3
    before = claims.opening(claims.leaf(leaf)).state
    assert before == claims.leaf(leaf).root == keccak(repeated(trace.end)[1:])
    for index in (0, 1, 7):
        assert judged(world, before, index, claims.witness(leaf, index)) == before
