"""A store as the machine's surroundings: the traces of the chain that was derived into it."""

import pytest

from tandem.chain.spec import Deployment
from tandem.errors import StateMissing
from tandem.machine.trace import AssertionTrace, first_boundary
from tandem.node.machine_chain import StoreInbox, assertion_trace, boundary_after, machine_chain
from tandem.store import ReadSession
from tests.support.chain import Inbox
from tests.unit.machine.test_trace import Settled


def test_a_store_gives_the_trace_of_its_chain(session: ReadSession, deployment: Deployment, inbox: Inbox) -> None:
    settled = Settled()
    count = len(inbox.batches)
    own = AssertionTrace(settled.chain(), first_boundary(settled.headers[0], 0, count))
    trace = assertion_trace(session, deployment.parameters, 0, count)
    assert (trace.tree.root, len(trace.tree)) == (own.tree.root, len(own.tree))
    assert trace.end.block == session.head()


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_an_assertion_begins_behind_any_batch(session: ReadSession, deployment: Deployment, batches: int) -> None:
    trace = assertion_trace(session, deployment.parameters, batches, session.batch_count())
    start = boundary_after(session, batches, session.batch_count())
    assert start.block == session.header(session.batch(batches - 1).last_block)
    assert trace.origin(0).hash() == start.machine(machine_chain(session, deployment.parameters)).hash()
    assert trace.end.block == session.head()


def test_steps_are_proved_from_a_store_that_only_reads(session: ReadSession, deployment: Deployment) -> None:
    trace = assertion_trace(session, deployment.parameters, 0, session.batch_count())
    for leaf in range(len(trace.tree)):
        steps = trace.steps(leaf)
        assert steps.tree.node(0, len(steps.tree) - 1) == trace.tree.node(0, leaf)
        proven = steps.prove(len(steps.tree) // 2)
        assert proven is not None and proven.after == steps.tree.node(0, len(steps.tree) // 2)


def test_what_l1_has_not_said_yet_is_missing(session: ReadSession) -> None:
    source = StoreInbox(session)
    assert source.batch(0) == session.batch(0).queued
    assert source.message(1) == session.message(1).queued
    with pytest.raises(StateMissing):
        source.batch(session.batch_count())
    with pytest.raises(StateMissing):
        source.message(session.message_count())
