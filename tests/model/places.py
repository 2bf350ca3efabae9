"""Where edges are, and what openings and ways show: as disputes.md, section 1, has it."""

from tandem.disputes.edges import Edge, Opening, Path, join, last_under
from tandem.primitives.types import Hash

Spot = tuple[Hash, int, int, int, Hash]
"""What rivals share."""


def spot(edge: Edge) -> Spot:
    """Where an edge is."""
    return edge.origin, edge.level, edge.height, edge.index, edge.prefix


class Refused(Exception):
    """The contract has to revert."""


def need(condition: bool, reason: str) -> None:
    """Refused unless the condition holds."""
    if not condition:
        raise Refused(reason)


def state_before(leaf: Edge, opening: Opening) -> Hash:
    """What the opening shows. Refused where it does not open the leaf's prefix."""
    if leaf.index == 0:
        return leaf.prefix
    height = (leaf.index & -leaf.index).bit_length() - 1
    left = last_under(opening.state, opening.siblings)
    need(len(opening.siblings) == height and join(opening.prefix, left) == leaf.prefix, "wrong opening")
    return opening.state


def way_down(top: Edge, path: Path) -> list[tuple[Edge, tuple[Edge, Edge] | None]]:
    """From the top to the end, each edge with the pair that it is of; the top has none. Refused if it leads astray."""
    length = len(path.siblings)
    need(length <= top.height and path.index >> length == top.index, "wrong path")
    pairs = []
    node = path.node
    for depth, sibling in enumerate(path.siblings):
        pair = (sibling, node) if path.index >> depth & 1 else (node, sibling)
        pairs.append(pair)
        node = join(*pair)
    need(node == top.root, "wrong path")
    way: list[tuple[Edge, tuple[Edge, Edge] | None]] = [(top, None)]
    for depth in reversed(range(length)):
        halves = way[-1][0].children(*pairs[depth])
        way.append((halves[path.index >> depth & 1], halves))
    return way


def right_halves(way: list[tuple[Edge, tuple[Edge, Edge] | None]]) -> list[Edge]:
    """The edges that bisections on a way keep their cost with."""
    return [pair[1] for _, pair in way if pair is not None]
