"""What a person should look at, of games: a wrong assertion that comes near to being confirmed."""

from collections.abc import Iterable

from challenger.view import Game
from tandem.rollup.assertions import Status

UNRIVALLED_PERCENT = 50
"""Of the challenge window: where nothing right stands beside a wrong assertion by then, something is broken."""
RIVALLED_PERCENT = 80
"""Of the challenge window: a rivalled wrong root gets there only if moves are left unanswered."""


def timer_alarms(games: Iterable[Game], window: int) -> list[str]:
    """Of wrong roots that have collected too much of the challenge window, seconds."""
    return [
        f"wrong assertion 0x{wrong.assertion.hex()} has {wrong.timer} s of the {window} s that confirm it, "
        + ("against a right one" if game.own else "and nothing right stands beside it")
        for game in games
        if game.status != Status.CONFIRMED
        for wrong in game.false_roots
        if wrong.timer * 100 >= window * (RIVALLED_PERCENT if game.own else UNRIVALLED_PERCENT)
    ]
