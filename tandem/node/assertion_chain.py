"""Where the store's own chain stands in L1's tree of assertions."""

from dataclasses import dataclass
from enum import IntEnum

from tandem.l1.contracts import L1
from tandem.node.claims import make_claim, right_child
from tandem.node.commitments import Commitments
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Claim, Opening
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
    unclaimed: tuple[Hash, ...]
    """Right, confirmed, and their asserter (the one asked about) has not claimed the bond back."""
    next: Claim | None
    """Right, not on L1, and every batch that it consumes is known; None while there is nothing to assert."""


def right_path(
    l1: L1, session: ReadSession, commitments: Commitments, start: Opening, asserter: str
) -> tuple[Position, Opening]:
    """Walk the right assertions from `start` (right itself) on.

    Also returns where the next walk may start: the last confirmed one before which `asserter` has nothing to claim.
    """
    rollup = l1.rollup.functions
    restart, current = start, start
    pending: list[Hash] = []
    unclaimed: list[Hash] = []
    while True:
        required = rollup.requiredBatches(current.id()).call()
        if required > session.batch_count():
            return Position(tuple(pending), tuple(unclaimed), None), restart
        child = right_child(session, commitments, current.id(), current.state.batches, required)
        _, owner, _, status, is_claimed, *_ = rollup.getAssertion(child.id()).call()
        if status == Status.NONE:
            claim = make_claim(session, commitments, child, current.state.batches)
            return Position(tuple(pending), tuple(unclaimed), claim), restart
        if status != Status.CONFIRMED:
            pending.append(child.id())
        elif owner == asserter and not is_claimed:
            unclaimed.append(child.id())
        elif not unclaimed:
            restart = child
        current = child
