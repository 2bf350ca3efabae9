"""Games for a stake in a channel, between real nodes: off chain to the end, and on chain where one side stops."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from localnet.channel_node import ChannelNode, NodeSays
from localnet.network import ROOT
from tandem.primitives.hashing import keccak
from tests.support.channel_net import ChannelNet, ether

pytestmark = pytest.mark.e2e
STAKE = ether(0.1)
TIMEOUT = 60
"""Of a player in a dispute, seconds: the least that the registry takes."""


@pytest.fixture
def world(channel_l1: ChannelNet, request: pytest.FixtureRequest) -> Iterator[ChannelNet]:
    """New nodes."""
    world = ChannelNet(channel_l1.net, f"{keccak(request.node.name.encode())[:3].hex()}-")
    yield world
    world.stop()


class Game:
    """A and B, with a channel; A begins."""

    def __init__(self, world: ChannelNet) -> None:
        self.world = world
        self.a, self.b = world.start("AB")
        self.channel = self.a.open(self.b, ether(1))
        self.b.post(f"/channels/{self.channel}/deposit", amount=str(ether(1)))
        self.b.wait_for(self.channel, "spendable", ether(1))
        self.a.wait_for(self.channel, "receivable", ether(1))
        self.id = ""

    def offer(self) -> None:
        body = {"channel": self.channel, "app": "tic-tac-toe", "stake": str(STAKE), "timeout": TIMEOUT}
        self.id = self.a.post("/sessions", **body)["id"]
        self.b.wait("the offer", lambda: self.at(self.b)["state"] == "offered")

    def begin(self) -> "Game":
        self.offer()
        self.b.post(f"/sessions/{self.id}/decide", accept=True)
        self.a.wait("the start", lambda: self.at(self.a)["is_our_turn"])
        return self

    def play(self, moves: str, first: int = 0) -> None:
        """Cells by turns; who begins waits for his turn."""
        for at, cell in enumerate(moves, first):
            node = (self.a, self.b)[at % 2]
            node.wait(f"turn {at}", lambda node=node: self.at(node)["is_our_turn"])
            node.post(f"/sessions/{self.id}/move", move=cell)

    def at(self, node: ChannelNode) -> dict[str, Any]:
        return dict(node.get(f"/sessions/{self.id}"))

    def has(self, node: ChannelNode, amount: int, *, timeout: float = 90.0) -> None:
        """Until so much can be spent, and no lock is left."""

        def is_so() -> bool:
            channel = node.channel(self.channel)
            return int(channel["spendable"]) == amount and not channel["locks"]

        node.wait(f"{node.name} to have {amount}", is_so, timeout)

    def transactions(self) -> list[int]:
        return [node.get("/info")["chains"][0]["transactions"] for node in (self.a, self.b)]


def test_a_game_is_played_and_paid_without_a_transaction(world: ChannelNet) -> None:
    game = Game(world)
    before = game.transactions()
    game.begin()
    assert [int(node.channel(game.channel)["spendable"]) for node in (game.a, game.b)] == [ether(1) - STAKE] * 2
    with pytest.raises(NodeSays, match="the other player's turn"):
        game.b.post(f"/sessions/{game.id}/move", move="1")
    with pytest.raises(NodeSays, match="no cell"):
        game.a.post(f"/sessions/{game.id}/move", move="10")
    game.play("14253")
    game.has(game.a, ether(1) + STAKE)
    game.has(game.b, ether(1) - STAKE)
    assert game.transactions() == before
    assert game.at(game.a)["won"] == game.at(game.b)["lost"] == str(STAKE)
    assert game.at(game.b)["board"] == "XXX OO. ..."
    assert game.begin().at(game.b)["state"] == "playing", "and another one"


def test_a_game_by_commands(world: ChannelNet) -> None:
    game, wide = Game(world), {**os.environ, "COLUMNS": "200"}

    def command(node: ChannelNode, *arguments: str) -> str:
        line = [sys.executable, "-m", "channels", "session", *arguments, "--data", str(node.folder)]
        done = subprocess.run(line, cwd=ROOT, env=wide, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    offered = command(
        game.a, "offer", game.channel, "--stake", "0.1eth", "--timeout", str(TIMEOUT), "--second", "--json"
    )
    game.id = json.loads(offered)["id"]
    game.b.wait("the offer", lambda: game.at(game.b)["state"] == "offered")
    assert "waits for our answer" in command(game.b, "list")
    command(game.b, "accept", game.id[:10])
    game.b.wait("the start", lambda: game.at(game.b)["is_our_turn"])
    assert "... .X. ..." in command(game.b, "move", game.id, "5")
    game.a.wait("the turn", lambda: game.at(game.a)["is_our_turn"])
    assert "our turn" in command(game.a, "list")


@pytest.mark.slow
def test_an_offer_that_is_declined_costs_nothing(world: ChannelNet) -> None:
    game = Game(world)
    game.offer()
    game.b.post(f"/sessions/{game.id}/decide", accept=False)
    game.a.wait("the answer", lambda: game.at(game.a)["state"] == "void")
    for node in (game.a, game.b):
        game.has(node, ether(1))
    body = {"channel": game.channel, "app": "tic-tac-toe", "stake": str(ether(2))}
    with pytest.raises(NodeSays, match="can be staked here"):
        game.a.post("/sessions", **body)
    with pytest.raises(NodeSays, match="a player's time must be 60 to"):
        game.a.post("/sessions", **(body | {"stake": "1", "timeout": 59}))


@pytest.mark.slow
def test_who_is_killed_in_the_middle_goes_on(world: ChannelNet) -> None:
    game = Game(world)
    game.begin().play("14")
    for node in (game.a, game.b):
        node.kill()
        node.start()
        node.wait("the connection", lambda node=node: node.channel(game.channel)["is_connected"])
    game.a.post(f"/sessions/{game.id}/move", move="2")
    game.a.kill()
    game.b.wait("the turn", lambda: game.at(game.b)["is_our_turn"])
    game.b.post(f"/sessions/{game.id}/move", move="5")
    game.a.start()
    game.play("3", first=4)
    game.has(game.a, ether(1) + STAKE)
    game.has(game.b, ether(1) - STAKE)


@pytest.mark.slow
def test_who_is_silent_loses_by_time(world: ChannelNet) -> None:
    """B stops at its turn: A takes the game to the chain, waits, and B pays when it is back."""
    game = Game(world)
    game.begin().play("1")
    game.a.wait("the answer", lambda: game.at(game.a)["is_answered"])
    game.b.signal(signal.SIGSTOP)
    world.travel(TIMEOUT + 5)
    game.a.wait("A to go to the chain", lambda: game.at(game.a)["on_chain"] == 1)
    world.travel(TIMEOUT + 5)
    game.a.wait("the ruling", lambda: game.at(game.a)["won"] == str(STAKE))
    game.b.signal(signal.SIGCONT)
    game.has(game.a, ether(1) + STAKE)
    game.has(game.b, ether(1) - STAKE)
    assert game.a.channel(game.channel)["status"] == "open"


def settled(game: Game) -> int:
    """What A has of the channel's end."""

    def ends() -> list[dict[str, Any]]:
        return [event for event in game.a.get("/history?count=200") if event["kind"] == "settled"]

    return int(game.a.wait("the settlement", ends)[0]["amount"])


def last_turn_against(game: Game) -> None:
    """B is gone when A wins."""
    game.begin().play("1425")
    game.a.wait("the turn", lambda: game.at(game.a)["is_our_turn"])
    game.b.kill()
    game.a.post(f"/sessions/{game.id}/move", move="3")


def test_a_sore_loser_is_made_to_pay_by_the_chain(world: ChannelNet) -> None:
    """B neither signs A's last turn nor pays: A takes it to the chain, closes alone, and has the stake in the end."""
    game = Game(world)
    last_turn_against(game)
    world.travel(TIMEOUT + 5)
    game.a.wait("A's last turn on chain", lambda: game.at(game.a)["on_chain"] == 5)
    world.travel(TIMEOUT + 5)
    game.a.wait("the ruling", lambda: game.at(game.a)["won"] == str(STAKE))
    game.a.wait("A to close alone", lambda: game.a.channel(game.channel)["status"] == "closing")
    world.travel(400)
    assert settled(game) == ether(1) + STAKE


@pytest.mark.slow
def test_a_game_in_a_channel_that_is_being_closed_ends_before_the_window(world: ChannelNet) -> None:
    game = Game(world)
    last_turn_against(game)
    window = game.a.channel(game.channel)["window"]
    game.a.post(f"/channels/{game.channel}/close", alone=True)
    game.a.wait("A's last turn on chain", lambda: game.at(game.a)["on_chain"] == 5)
    world.travel(TIMEOUT + 5)
    game.a.wait("the ruling", lambda: game.at(game.a)["won"] == str(STAKE))
    world.travel(window)
    assert settled(game) == ether(1) + STAKE
    assert game.at(game.a)["state"] == "over"
