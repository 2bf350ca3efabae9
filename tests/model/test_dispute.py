"""The game holds against all that the machine tries, and the machine finds what is put wrong into the game.

`make model EXAMPLES=2000` is the longer search, with all flaws.
"""

import os

import pytest

from tandem.disputes.board import UnknownEdge
from tests.model.dispute import build, search
from tests.model.flaws import FLAWS, MORE_FLAWS, Flaw

EXAMPLES = 60
"""Disputes in which a flaw is to be found."""
FEW_EXAMPLES = 25
"""Disputes in which none may be found."""
MORE_EXAMPLES = int(os.environ.get("TANDEM_MODEL_EXAMPLES", "2000"))


@pytest.mark.parametrize("optimize", [True, False], ids=["as deployed", "as flaws are put in"])
def test_the_game_holds(optimize: bool) -> None:
    search(build(optimize=optimize), FEW_EXAMPLES)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_the_game_holds_for_long() -> None:
    search(build(), MORE_EXAMPLES)


FOUND = (AssertionError, UnknownEdge)
"""The contract does what it must not, or tells of edges that nobody made."""


def find(flaw: Flaw) -> None:
    """Raises what it comes to."""
    search(build(flaw.overlay(), optimize=False), EXAMPLES)


@pytest.mark.parametrize("flaw", FLAWS, ids=str)
def test_a_flaw_is_found(flaw: Flaw) -> None:
    with pytest.raises(FOUND):
        find(flaw)


@pytest.mark.slow
@pytest.mark.parametrize("flaw", MORE_FLAWS, ids=str)
def test_more_flaws_are_found(flaw: Flaw) -> None:
    with pytest.raises(FOUND):
        find(flaw)
