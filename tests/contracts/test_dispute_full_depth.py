"""A whole game over trees of 20 and 26 levels, from the assertions to the last wei."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import pytest

from tests.contracts.table import Player, Table
from tests.contracts.world import WINDOW, L2State, Withdrawal, World, pass_time
from tests.support.toy_machine import lie_at

MOST_MOVES = 60
LEAVES = 40
RECEIVER = "0x000000000000000000000000000000000000bEEF"


class Game(NamedTuple):
    """One that was played to its end."""

    table: Table
    honest: Player
    liar: Player
    stolen: Withdrawal
    """What the liar's state holds, and nobody initiated."""
    before: dict[str, int]
    """Wei that each had before."""


@pytest.fixture(scope="module")
def game(project: Any, accounts: Any) -> Game:
    world = World(project, accounts[5], accounts[6])
    alice, bob = accounts[2], accounts[3]
    world.bridge.depositETH(alice, 21_000, b"", sender=alice, value=5)
    world.batch()
    stolen, owed = Withdrawal(RECEIVER, value=5), Withdrawal(RECEIVER, nonce=1, value=1)
    truth = world.assertion(world.genesis_id, L2State([owed], batches=1, messages=2), leaves=LEAVES)
    lie = world.assertion(
        world.genesis_id, L2State([owed, stolen], batches=1, messages=2), leaves=LEAVES, alter=lie_at(21, 0)
    )
    table = Table(world.teach(truth))
    before = {account.address: account.balance for account in (alice, bob)}
    liar, honest = table.sit(bob, lie), table.sit(alice, truth)
    table.play(honest, liar)
    pass_time(WINDOW)
    table.bring_up(honest)
    table.confirm(honest)
    table.settle(honest, lie)
    table.refund(honest)
    table.cash(honest)
    return Game(table, honest, liar, stolen, before)


def test_takes_the_honest_party_60_moves_at_most(game: Game) -> None:
    moves = Counter(made.name for made in game.table.by(game.honest.account))
    print(dict(moves), "in all", moves.total())
    assert moves["bisect"] == 20 + 26
    assert (moves["createAssertion"], moves["openSteps"], moves["prove"]) == (1, 1, 1)
    assert moves.total() <= MOST_MOVES
