"""Where two rival traces stand, for who looks on."""

from dataclasses import dataclass

from tandem.disputes.board import Record
from tandem.disputes.edges import Level


@dataclass(frozen=True, slots=True)
class Front:
    """The lowest pair of edges in one place that part two traces."""

    level: int
    height: int
    index: int
    turn: str
    """Who is to answer: us, them, or nobody because the step is proven."""


def front(own: Record, other: Record) -> Front:
    """Follow two rival edges down to where one of them is not answered yet."""
    edge = own.edge
    if edge.height and own.children and other.children:
        left, right = zip(own.children, other.children, strict=True)
        return front(*left) if left[0] is not left[1] else front(*right)
    if edge.level == Level.TRACE and not edge.height and own.step_roots and other.step_roots:
        return front(own.step_roots[0], other.step_roots[0])
    return Front(int(edge.level), edge.height, edge.index, _turn(own))


def _turn(own: Record) -> str:
    if own.is_proven:
        return "nobody"
    answered = own.children is not None or bool(own.step_roots)
    return "them" if answered else "us"
