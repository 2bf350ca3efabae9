"""The command line: arguments in the order in which people are told to give them."""

from io import StringIO
from types import SimpleNamespace
from typing import cast

import click
import pytest
from rich.console import Console

from channels import session_commands
from channels.commands import Client, commands
from channels.session_commands import session

ORDERS = {
    "deposit": ["channel", "amount"],
    "withdraw": ["channel", "amount"],
    "send": ["channel", "amount"],
    "rebalance": ["out", "into", "amount"],
    "route": ["to", "amount"],
    "move": ["session", "move"],
}


@pytest.mark.parametrize("name", ORDERS)
def test_arguments_are_in_their_order(name: str) -> None:
    known = {command.name: command for command in (*commands(), *session.commands.values())}
    arguments = [each.name for each in known[name].params if isinstance(each, click.Argument)]
    assert arguments == ORDERS[name]


@pytest.mark.parametrize("deadline", [None, 1_000_000])
def test_sessions_are_listed_with_the_time_that_there_is(deadline: int | None) -> None:
    """In a dispute; and on chain, until when."""
    view = {"id": "0x" + 32 * "ab", "app": "chess", "stake": "1", "state": "playing", "board": None, "won": None}
    view |= {"is_our_turn": True, "timeout": 9_000, "deadline": deadline}
    _, show = session_commands._list(cast(Client, SimpleNamespace(get=lambda _: [view])))
    show(Console(file=(page := StringIO()), width=200))
    assert "9000 s" in page.getvalue()
    assert ("9000 s, until 1970-01-1" in page.getvalue()) == (deadline is not None)
