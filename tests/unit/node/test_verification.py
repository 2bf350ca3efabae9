"""The engine's states by the stepper."""

from pathlib import Path

import pytest

from tandem.chain.spec import Deployment
from tandem.disputes.traces import repeated
from tandem.machine.chain import Chain
from tandem.machine.modes import Mode
from tandem.machine.structures import BlockState
from tandem.machine.trace import AssertionTrace, Boundary, boundary
from tandem.node import verification
from tandem.node.machine_chain import boundary_after, boundary_behind, machine_chain
from tandem.node.step_files import StepFiles
from tandem.node.verification import Disagreement, verify_assertion, verify_end, verify_leaf
from tandem.primitives.hashing import keccak
from tandem.store import ReadSession
from tests.unit.node.buggy import BuggyTrace

WRONG = 10
PARENT = keccak(b"the parent assertion")


@pytest.fixture
def chain(session: ReadSession, deployment: Deployment) -> Chain:
    return machine_chain(session, deployment.parameters)


@pytest.fixture
def start(session: ReadSession) -> Boundary:
    return boundary_after(session, 0, session.batch_count())


def never() -> bool:
    return False


def test_the_engine_agrees_with_the_stepper(chain: Chain, start: Boundary, session: ReadSession) -> None:
    trace = AssertionTrace(chain, start)
    assert verify_assertion(chain, start, trace, never) == len(trace.tree)
    for leaf in range(len(trace.tree)):
        steps = verify_leaf(trace, leaf)
        assert steps.tree.node(0, len(steps.tree) - 1) == trace.tree.node(0, leaf)
    verify_end(chain, trace, boundary_behind(session, session.batch_count()))


def test_a_difference_is_found_where_it_is(chain: Chain, start: Boundary) -> None:
    trace = BuggyTrace(chain, start, WRONG)
    at = boundary(trace.origin(WRONG))
    assert at.mode == Mode.ITEM and isinstance(at.block, BlockState)
    for check in (
        lambda: verify_assertion(chain, start, trace, never),
        lambda: verify_leaf(trace, WRONG),
    ):
        with pytest.raises(Disagreement, match=f"leaf {WRONG}, in block {at.block.number}") as found:
            check()
        assert (found.value.leaf, found.value.block) == (WRONG, at.block.number)


def test_only_the_leaf_in_question_is_looked_at(chain: Chain, start: Boundary) -> None:
    trace = BuggyTrace(chain, start, WRONG)
    for leaf in (0, WRONG - 1):
        verify_leaf(trace, leaf)


def test_a_leaf_s_steps_are_taken_once(
    chain: Chain, start: Boundary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = AssertionTrace(chain, start)
    in_memory = verify_leaf(trace, WRONG)
    made = verify_leaf(trace, WRONG, StepFiles(tmp_path).game(PARENT, trace.origin(0).hash()))
    monkeypatch.delattr(verification, "states")
    found = verify_leaf(trace, WRONG, StepFiles(tmp_path).game(PARENT, trace.origin(0).hash()))
    last = len(found.tree) - 1
    for steps in (made, found):
        assert (steps.tree.root, repeated(steps.end)) == (in_memory.tree.root, repeated(in_memory.end))
        assert steps.prove(last) == in_memory.prove(last)
        assert steps.prove(last + 1) is None


def test_what_the_stepper_says_otherwise_is_not_taken_from_files(chain: Chain, start: Boundary, tmp_path: Path) -> None:
    files = StepFiles(tmp_path).game(PARENT, start.machine(chain).hash())
    trace = BuggyTrace(chain, start, WRONG)
    for _ in range(2):
        with pytest.raises(Disagreement):
            verify_leaf(trace, WRONG, files)


def test_a_trace_to_another_state_is_found_out(chain: Chain, start: Boundary, session: ReadSession) -> None:
    trace = BuggyTrace(chain, start, WRONG)
    with pytest.raises(Disagreement) as found:
        verify_end(chain, trace, boundary_behind(session, session.batch_count()))
    assert found.value.leaf == len(trace.tree) - 1


@pytest.mark.parametrize("leaves", [0, 1, 2])
def test_it_says_how_far_it_got(chain: Chain, start: Boundary, leaves: int) -> None:
    trace = AssertionTrace(chain, start)
    asked = iter(range(len(trace.tree)))
    assert verify_assertion(chain, start, trace, lambda: next(asked) == leaves) == leaves
