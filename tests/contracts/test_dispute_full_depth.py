"""A whole game over trees of 20 and 26 levels, from the assertions to the last wei."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import ape
import pytest

from tests.contracts.table import Player, Table
from tests.contracts.world import BOND, STEP_BOND, WINDOW, L2State, Withdrawal, World, pass_time
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


def test_ends_where_the_states_part(game: Game) -> None:
    honest, board = game.honest.claims, game.table.board
    [root] = [edge for edge in honest.step_roots() if board.get(edge.id)]
    assert board.record(root.id).claim.edge.index == 21
    [proven] = [record.edge for record in board if record.is_proven]
    assert (proven.origin, proven.height, proven.index) == (root.origin, 0, 0)
    assert len(game.liar.given_up) == 1


def test_pays_the_truth_alone(game: Game, accounts: Any) -> None:
    bystander = accounts[7]
    world, state = game.table.world, game.honest.assertion.state
    assert bytes(world.rollup.latestConfirmed()) == game.honest.assertion.id
    lie, before = game.liar.assertion, ape.chain.provider.get_balance(RECEIVER)
    with ape.reverts(world.bridge.NotConfirmed, id=lie.id):
        world.bridge.finalizeWithdrawal(game.stolen.abi, lie.abi, lie.state.prove(game.stolen), sender=bystander)
    with ape.reverts(world.bridge.InvalidProof):
        world.bridge.finalizeWithdrawal(
            game.stolen.abi, game.honest.assertion.abi, lie.state.prove(game.stolen), sender=bystander
        )
    [owed] = state.withdrawals
    world.bridge.finalizeWithdrawal(owed.abi, game.honest.assertion.abi, state.prove(owed), sender=bystander)
    assert ape.chain.provider.get_balance(RECEIVER) == before + owed.value


def test_costs_the_honest_party_nothing(game: Game) -> None:
    honest = game.honest.account
    gained = honest.balance - game.before[honest.address]
    print(f"paid {sum(made.paid for made in game.table.by(honest)) / 1e18:.6f} ETH, gained {gained / 1e18:.6f} ETH")
    assert 0 <= gained <= (BOND + STEP_BOND) // 10


def test_costs_the_liar_all_that_he_staked(game: Game) -> None:
    liar = game.liar.account
    paid = sum(made.paid for made in game.table.by(liar))
    assert game.before[liar.address] - liar.balance == BOND + STEP_BOND + paid
    assert game.table.world.game.credit(liar) == 0


def test_leaves_what_is_left_in_the_pool(game: Game) -> None:
    dispute = game.table.world.game
    assert dispute.balance == dispute.pool() > 0
    assert game.table.world.rollup.balance == 0


def test_every_move_is_within_its_budget(game: Game) -> None:
    dearest = Counter[str]()
    for made in game.table.made:
        dearest[made.name] = max(dearest[made.name], made.gas)
    print(dict(dearest))
    assert dearest["bisect"] <= 120_000
    assert dearest["openSteps"] <= 250_000
