"""Calls that are not quite right."""

from dataclasses import replace

from tandem.disputes.edges import Edge, Level, Opening, Path, last_under
from tandem.disputes.moves import Bisect, OpenSteps, Prove, Update
from tandem.primitives.types import Hash
from tests.model.chooser import Chooser

Damaged = Bisect | OpenSteps | Prove | Update


def damaged(call: Damaged, chooser: Chooser, other: Hash) -> Damaged:
    """The call with one part of it wrong; `other` is a hash of nothing."""
    edge = _edge(call)
    edges = [
        replace(edge, level=Level(1 - edge.level)),
        replace(edge, height=edge.height ^ 1),
        replace(edge, index=edge.index ^ 1),
        replace(edge, prefix=other),
        replace(edge, root=other),
        replace(edge, origin=other),
    ]
    wrong_edge = _about(call, chooser.choice(edges))
    return chooser.choice([wrong_edge, chooser.choice(_wrong_rests(call, chooser, other))])


def _edge(call: Damaged) -> Edge:
    match call:
        case Bisect() | Prove():
            return call.edge
        case OpenSteps():
            return call.leaf
        case Update():
            return call.lifts[0].top


def _about(call: Damaged, edge: Edge) -> Damaged:
    match call:
        case Bisect() | Prove():
            return replace(call, edge=edge)
        case OpenSteps():
            return replace(call, leaf=edge)
        case Update():
            return Update((replace(call.lifts[0], top=edge),))


def _wrong_rests(call: Damaged, chooser: Chooser, other: Hash) -> list[Damaged]:
    match call:
        case Bisect():
            return [replace(call, left=other), replace(call, right=other)]
        case OpenSteps():
            siblings = call.end_proof[1:]
            lower = replace(call, root=last_under(call.leaf.root, siblings), end_proof=siblings)
            wrong = replace(call, end_proof=(other, *siblings))
            return [lower, wrong, replace(call, opening=chooser.choice(_wrong_openings(call.opening, other)))]
        case Prove():
            unproven = replace(call, opening=chooser.choice(_wrong_openings(call.opening, other)))
            return [unproven, replace(call, witness=call.witness + b"\0")]
        case Update():
            [lift] = call.lifts
            return [Update((replace(lift, path=path),)) for path in _wrong_paths(lift.path, chooser, other)]


def _wrong_openings(opening: Opening, other: Hash) -> list[Opening]:
    longer = replace(opening, siblings=(other, *opening.siblings))
    return [replace(opening, state=other), replace(opening, prefix=other), longer]


def _wrong_paths(path: Path, chooser: Chooser, other: Hash) -> list[Path]:
    beside = path.index ^ 1 << chooser.number(0, len(path.siblings))
    longer = replace(path, siblings=(other, *path.siblings))
    return [replace(path, node=other), replace(path, index=beside), longer]
