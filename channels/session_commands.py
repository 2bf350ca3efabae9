"""`python -m channels session`: application sessions with the other side of a channel."""

import time
from typing import Any

import click

from channels.commands import AMOUNT, Answer, Client, make_command, say, short, show_amount, tabulate


@click.argument("channel")
@click.option("--app", default="tic-tac-toe", show_default=True, help="What to play.")
@click.option("--stake", type=AMOUNT, required=True, help="What each player can lose.")
@click.option("--second", is_flag=True, help="The other side begins.")
@click.option("--life", type=int, help="Seconds until it must have begun. Default: an hour.")
@click.option("--timeout", type=int, help="Seconds of each player in a dispute. Default: the longest.")
def _offer(
    node: Client, channel: str, app: str, stake: str, second: bool, life: int | None, timeout: int | None
) -> Answer:
    """Ask the other side of CHANNEL to play."""
    body = {"channel": channel, "app": app, "stake": stake, "first": not second, "life": life, "timeout": timeout}
    content = node.post("/sessions", **body)
    return say(content, f"session {content['id']} is offered")


@click.argument("session")
def _accept(node: Client, session: str) -> Answer:
    """Play what SESSION offers."""
    return say(node.post(f"/sessions/{session}/decide", accept=True), "accepted; it begins when both stakes are there")


@click.argument("session")
def _decline(node: Client, session: str) -> Answer:
    """Do not play SESSION, while it has not begun."""
    return say(node.post(f"/sessions/{session}/decide", accept=False), "declined")


@click.argument("session")
@click.argument("move")
def _move(node: Client, session: str, move: str) -> Answer:
    """Make our turn in SESSION; in tic-tac-toe MOVE is a cell, 1 to 9."""
    content = node.post(f"/sessions/{session}/move", move=move)
    return say(content, str(content["board"]))


def _list(node: Client) -> Answer:
    """The newest sessions."""
    content = node.get("/sessions")
    rows = [
        (
            short(session["id"]),
            session["app"],
            show_amount(session["stake"]),
            _state(session),
            session["board"] or "",
            _time(session),
            f"{show_amount(session['won'])} / {show_amount(session['lost'])}" if session["won"] is not None else "",
        )
        for session in content
    ]
    return tabulate(content, "sessions", ("session", "app", "stake", "state", "stands", "time", "won / lost"), rows)


def _time(session: dict[str, Any]) -> str:
    """Of each player in a dispute; when it is on chain, until when who is at turn there has to move."""
    text = f"{session['timeout']} s"
    if session["deadline"] is None:
        return text
    return text + time.strftime(", until %Y-%m-%d %H:%M:%S", time.localtime(session["deadline"]))


def _state(session: dict[str, Any]) -> str:
    if session["state"] == "playing":
        return "our turn" if session["is_our_turn"] else "the other's turn"
    if session["state"] == "offered":
        return "offered" if session["is_ours"] else "waits for our answer"
    return f"void: {session['reason']}" if session["reason"] else str(session["state"])


@click.group()
def session() -> None:
    """Application sessions: games for a stake in a channel."""


for command in (_offer, _accept, _decline, _move, _list):
    session.add_command(make_command(command))
