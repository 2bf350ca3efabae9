"""A node's store as the machine asks for it: proofs of any step of the chain that was derived from L1."""

from tandem.chain.spec import ChainParameters
from tandem.inbox.queues import QueuedBatch, QueuedMessage
from tandem.machine.chain import Ancestry, Chain, Overlay
from tandem.machine.modes import Mode
from tandem.machine.structures import Cursor
from tandem.machine.trace import AssertionTrace, Boundary, first_boundary
from tandem.store import ReadSession


class StoreInbox:
    """L1's queues, as far as the store knows them. StateMissing beyond."""

    __slots__ = ("_session",)

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    def message(self, index: int) -> QueuedMessage:
        """The message at `index`, counted from 0."""
        return self._session.message(index).queued

    def batch(self, index: int) -> QueuedBatch:
        """The batch at `index`, counted from 0."""
        return self._session.batch(index).queued


def machine_chain(session: ReadSession, parameters: ChainParameters) -> Chain:
    """The machine's surroundings. Good for as long as the session; what the machine adds does not reach the store."""
    nodes = Overlay(session.state_tables.preimages)
    return Chain(nodes, parameters, StoreInbox(session), Ancestry(session.block_hash))


def boundary_after(session: ReadSession, batches: int, target: int) -> Boundary:
    """Where an assertion on the state after `batches` batches begins that goes up to `target`."""
    return first_boundary(session.header(last_block(session, batches)), batches, target)


def boundary_behind(session: ReadSession, batches: int) -> Boundary:
    """Where an assertion up to `batches` batches ends."""
    header = session.header(last_block(session, batches))
    return Boundary(Mode.HALTED, header, Cursor(batches, batches, header.messages_consumed))


def assertion_trace(session: ReadSession, parameters: ChainParameters, batches: int, target: int) -> AssertionTrace:
    """Level 0 of that assertion."""
    return AssertionTrace(machine_chain(session, parameters), boundary_after(session, batches, target))


def last_block(session: ReadSession, batches: int) -> int:
    """Number of the last block of the first `batches` batches."""
    return session.batch(batches - 1).last_block if batches else 0
