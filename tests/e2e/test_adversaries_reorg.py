"""L1 re-organises in mid-game, several times and deeper than a few moves: both sides go on from what is left."""

from random import Random

import pytest

from tandem.disputes.lies import Cheat
from tests.support import aftermath
from tests.support.battle import Battle
from tests.support.eventful_chain import make_eventful

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
SEED = 4
STAGES = (20, 60, 110, 150)
"""Edges on the board at which L1 re-organises."""
DEEPEST = 8
"""L1 blocks."""
ANSWER_TIME = 10


def test_reorgs_in_mid_game(battle: Battle) -> None:
    make_eventful(battle.harness)
    battle.observer.look()
    parent = battle.advance(battle.observer.genesis)
    since, before = battle.harness.l1.web3.eth.block_number, battle.wealth()
    attack = battle.attack(parent, f"{Cheat.STORAGE}/3", name="liar")
    battle.wait_for_assertions(attack, 1)
    battle.right_child(parent)
    random, lost = Random(SEED), 0
    for edges in STAGES:
        battle.wait_for_edges(edges)
        known = battle.edges()
        battle.harness.l1_rpc("anvil_reorg", random.randint(3, DEEPEST), [])
        lost += known > battle.edges()
    assert lost, "moves were lost"
    battle.rest()
    took = battle.wait_out(battle.right_child(parent))
    assert took <= battle.window + ANSWER_TIME * (20 + 26 + 3)
    aftermath.wait_until_settled(battle, parent)
    aftermath.assert_whole(battle, [attack], since, before)
    aftermath.assert_refused(attack)
