"""Patched commitments: the right end, with one state in between that is none."""

import pytest

from tandem.disputes.patched_trace import patched
from tandem.machine.trace import AssertionTrace, Steps
from tests.unit.disputes.eventful import Eventful


@pytest.fixture(scope="module")
def world() -> Eventful:
    return Eventful()


@pytest.fixture(scope="module")
def honest(world: Eventful) -> AssertionTrace:
    return world.honest()


def busy(honest: AssertionTrace) -> int:
    """A step of level 0 that takes many of level 1."""
    return next(leaf for leaf in range(len(honest.tree)) if len(honest.steps(leaf).tree) > 20)


def refuted(world: Eventful, steps: Steps) -> list[int]:
    """Steps of level 1 that start or end elsewhere than the trace has it."""
    found = []
    for index in range(len(steps.tree)):
        proven = steps.prove(index)
        assert proven is not None
        judged = world.verifier.verify(proven)
        if (proven.before, judged) != (steps.state_before(index), steps.tree.node(0, index)):
            found.append(index)
    return found


def test_a_patch_of_level_0(world: Eventful, honest: AssertionTrace) -> None:
    leaf = busy(honest)
    trace = patched(honest, leaf)
    count = len(honest.tree)
    assert len(trace.tree) == count
    assert [i for i in range(count) if trace.tree.node(0, i) != honest.tree.node(0, i)] == [leaf]
    assert trace.tree.root != honest.tree.root
    assert trace.tree.node(0, (1 << 20) - 1) == honest.tree.node(0, count - 1)
    assert trace.end == honest.end
    assert trace.origin(leaf).hash() == honest.tree.node(0, leaf - 1)


def test_level_1_below_a_patch_leads_to_it_and_from_it(world: Eventful, honest: AssertionTrace) -> None:
    leaf = busy(honest)
    trace = patched(honest, leaf)
    into, out_of = trace.steps(leaf), trace.steps(leaf + 1)
    assert into.state_before(0) == trace.tree.node(0, leaf - 1)
    assert into.tree.node(0, (1 << 26) - 1) == trace.tree.node(0, leaf)
    assert refuted(world, into) == [len(into.tree) - 1] == [trace.lie_step]
    assert out_of.state_before(0) == trace.tree.node(0, leaf)
    assert out_of.tree.node(0, (1 << 26) - 1) == trace.tree.node(0, leaf + 1)
    assert refuted(world, out_of) == [0]
    assert refuted(world, trace.steps(leaf + 2)) == []


def test_a_patch_of_level_1(world: Eventful, honest: AssertionTrace) -> None:
    leaf, step = busy(honest), 5
    trace = patched(honest, leaf, step)
    assert trace.tree.root == honest.tree.root
    assert (trace.lie_leaf, trace.lie_step) == (leaf, step)
    mine, right = trace.steps(leaf), honest.steps(leaf)
    assert mine.end.block == right.end.block
    assert [i for i in range(len(right.tree)) if mine.tree.node(0, i) != right.tree.node(0, i)] == [step]
    assert mine.tree.node(0, (1 << 26) - 1) == honest.tree.node(0, leaf)
    assert refuted(world, mine) == [step, step + 1]
    assert refuted(world, trace.steps(leaf + 1)) == []


def test_many_patches_have_as_many_roots(honest: AssertionTrace) -> None:
    count = len(honest.tree) - 1
    assert len({patched(honest, leaf).tree.root for leaf in range(count)}) == count


def test_the_end_stays(honest: AssertionTrace) -> None:
    leaf = busy(honest)
    with pytest.raises(ValueError, match="last"):
        patched(honest, len(honest.tree) - 1)
    with pytest.raises(ValueError, match="last"):
        patched(honest, leaf, len(honest.steps(leaf).tree) - 1)
    with pytest.raises(ValueError, match="last"):
        patched(honest, -1)
