"""Where the store's own chain stands in L1's tree of assertions."""

from dataclasses import dataclass

from tandem.errors import TandemError
from tandem.l1.assertion_book import Assertion, AssertionBook
from tandem.node.claims import make_claim, right_child, state_after
from tandem.node.commitments import Commitments
from tandem.rollup.assertions import Claim, Status
from tandem.store import ReadSession


class OffChain(TandemError):
    """The last confirmed assertion is about another chain than the store's: L1 re-organises, or it is wrong."""


@dataclass(frozen=True, slots=True)
class Position:
    """The right assertions behind the last confirmed one, and the one that may be added to them."""

    pending: tuple[Assertion, ...]
    """On L1, oldest first."""
    next: Claim | None
    """Not on L1, and every batch that it consumes is known; None while there is nothing to assert."""


def right_path(book: AssertionBook, session: ReadSession, commitments: Commitments) -> Position:
    """Walk from the last confirmed assertion on. What is confirmed is followed by its state alone: its trace decides
    nothing any more. OffChain where it has another state than the store's chain."""
    pending: list[Assertion] = []
    current = book.get(book.latest_confirmed)
    if current is None or current.required_batches > session.batch_count():
        return Position((), None)
    if current.opening.state != state_after(session, current.opening.state.batches):
        raise OffChain(f"assertion 0x{current.id.hex()} is confirmed, with another state than the chain has")
    while current.required_batches <= session.batch_count():
        batches = current.opening.state.batches
        opening = right_child(session, commitments, current.id, batches, current.required_batches)
        child = book.get(opening.id())
        if child is None:
            return Position(tuple(pending), make_claim(session, commitments, opening, batches))
        if child.status != Status.PENDING:
            break
        pending.append(child)
        current = child
    return Position(tuple(pending), None)
