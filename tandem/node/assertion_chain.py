"""Where the store's own chain stands in L1's tree of assertions."""

from dataclasses import dataclass
from enum import IntEnum

from tandem.l1.contracts import L1
from tandem.node.claims import right_child
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Opening
from tandem.store import ReadSession


class Status(IntEnum):
    """IRollup.Status."""

    NONE = 0
    PENDING = 1
    CONFIRMED = 2
    REJECTED = 3


@dataclass(frozen=True, slots=True)
class Position:
    """The right assertions from the latest confirmed one on, oldest first, and the one that may be added to them."""

    pending: tuple[Hash, ...]
    """Right, on L1, not confirmed."""
    next: Opening | None
    """Right, not on L1, and every batch that it consumes is known; None while there is nothing to assert."""


def right_path(l1: L1, session: ReadSession, start: Opening) -> tuple[Position, Opening]:
    """Walk the right assertions from `start` (right itself) on. Also returns the last confirmed one of them."""
    rollup = l1.rollup.functions
    confirmed, current = start, start
    pending: list[Hash] = []
    while True:
        required = rollup.requiredBatches(current.id()).call()
        if required > session.batch_count():
            return Position(tuple(pending), None), confirmed
        child = right_child(session, current.id(), current.state.batches, required)
        status = Status(rollup.getAssertion(child.id()).call()[3])
        if status == Status.NONE:
            return Position(tuple(pending), child), confirmed
        if status == Status.CONFIRMED:
            confirmed = child
            pending.clear()
        else:
            pending.append(child.id())
        current = child
