"""The command line: arguments in the order in which people are told to give them."""

import click
import pytest

from channels.commands import commands
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
