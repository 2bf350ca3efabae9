"""Ways through the edges of the board, as calls are given them."""

from collections.abc import Sequence
from itertools import pairwise

from tandem.disputes.board import Record
from tandem.disputes.edges import Path


def path_up(records: Sequence[Record]) -> Path:
    """The way along these edges, each one a child of the next."""
    end = records[0]
    siblings = []
    for child, parent in pairwise(records):
        assert parent.children is not None
        left, right = parent.children
        siblings.append(left.edge.root if child is right else right.edge.root)
    return Path(end.edge.index, end.edge.root, tuple(siblings))
