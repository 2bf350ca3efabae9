"""kill -9 of either player before and after each message of a game: it is played to its end all the same, and paid."""

import time
from collections.abc import Callable, Iterator

import pytest

from localnet.channel_node import ChannelNode, NodeSays
from tests.e2e.test_channel_sessions import STAKE, Game
from tests.support.channel_net import ChannelNet

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
POINTS = [
    ("A", "AskMatch", 1),
    ("B", "AcceptMatch", 1),
    ("A", "AddLock", 1),
    ("B", "AddLock", 1),
    ("A", "Turn", 1),
    ("B", "Turn", 1),
    ("A", "Turn", 2),
    ("B", "Answer", 1),
    ("B", "Turn", 2),
    ("A", "Claim", 1),
    ("B", "GiveUp", 1),
    ("A", "DropLock", 1),
    ("B", "PayPart", 1),
]
"""Who sends what, and for which time: A asks, begins and wins; B's stake is paid, A's is dropped."""


@pytest.fixture(scope="module")
def game(channel_l1: ChannelNet) -> Iterator[Game]:
    world = ChannelNet(channel_l1.net, "sessions-")
    yield Game(world)
    world.stop()


def until_done(game: Game, work: Callable[[], object], is_done: Callable[[], bool]) -> None:
    """Whatever happens to either node meanwhile."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for node in (game.a, game.b):
            if node.child is not None and not node.child.is_running:
                node.start()
        try:
            if is_done():
                return
            work()
        except (OSError, NodeSays):
            time.sleep(0.1)
    raise AssertionError("not done in a minute")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("victim", "message", "count"), POINTS, ids=lambda each: str(each))
def test_a_crash_loses_neither_a_turn_nor_a_stake(game: Game, victim: str, message: str, count: int, when: str) -> None:
    a, b = game.a, game.b
    node: ChannelNode = {"A": a, "B": b}[victim]
    known = {session["id"] for session in a.get("/sessions")}
    node.stop()
    arms = {"TANDEM_CRASH": f"{when}:{message}:{count}"}
    node.launch(module=("-m", "tests.support.crashing_node"), environment=arms).await_ready()
    child = node.child
    assert child is not None
    for each in (a, b):
        each.wait("the connection", lambda each=each: each.channel(game.channel)["is_connected"])
    before = [int(each.channel(game.channel)["spendable"]) for each in (a, b)]
    body = {"channel": game.channel, "app": "tic-tac-toe", "stake": str(STAKE), "timeout": 60}

    def new() -> list[str]:
        return [session["id"] for session in a.get("/sessions") if session["id"] not in known]

    until_done(game, lambda: a.post("/sessions", **body), lambda: bool(new()))
    [game.id] = new()
    answer = f"/sessions/{game.id}/decide"
    until_done(game, lambda: b.post(answer, accept=True), lambda: game.at(b)["state"] != "offered")
    for at, cell in enumerate("14253"):
        mover = (a, b)[at % 2]
        move = f"/sessions/{game.id}/move"
        until_done(
            game,
            lambda mover=mover, cell=cell, move=move: mover.post(move, move=cell),
            lambda mover=mover, at=at: (game.at(mover)["turn"] or 0) > at,
        )
    after = [before[0] + STAKE, before[1] - STAKE]

    def is_paid() -> bool:
        return [int(each.channel(game.channel)["spendable"]) for each in (a, b)] == after

    until_done(game, lambda: time.sleep(0.1), is_paid)
    assert not child.is_running, "it was killed on the way"
    for each in (a, b):
        each.wait("no lock to be left", lambda each=each: not each.channel(game.channel)["locks"])
    b.post(f"/channels/{game.channel}/pay", amount="1")  # nothing has broken
    a.post(f"/channels/{game.channel}/pay", amount=str(STAKE + 1))
