"""Every lie at once about one parent's child, each from an account of its own, and the honest challenger killed thrice.

With them: one who patches a right commitment, one with rotten commitments at level 1, and one who copies the honest
claim with a bond of its own, makes the honest moves up to the first opening of level 1, and then falls silent.
"""

import time
from random import Random

import pytest

from tandem.disputes.lies import Cheat
from tandem.l1.assertion_book import Assertion
from tests.support import aftermath
from tests.support.battle import Battle
from tests.support.eventful_chain import EventfulChain, make_eventful

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
SEED = 20
KILLS = 3
ANSWER_TIME = 10
"""L1 seconds within which the challenger answers here, on a busy machine, but for when it is dead."""


def kill_at_random(battle: Battle, random: Random) -> None:
    """kill -9 in mid-game, several times."""
    for _ in range(KILLS):
        battle.wait_for_edges(battle.edges() + random.randint(50, 250))
        battle.net.kill("challenger")
        time.sleep(random.uniform(0, 2))
        battle.net.start_challenger(play=True)


@pytest.fixture(scope="module")
def chain(battle: Battle) -> EventfulChain:
    return make_eventful(battle.harness)


@pytest.fixture(scope="module")
def parent(battle: Battle, chain: EventfulChain) -> Assertion:
    """The right assertion on genesis, which nobody disputes. Its child consumes all other batches."""
    battle.observer.look()
    genesis = battle.observer.genesis
    return battle.advance(genesis)


@pytest.mark.slow
def test_all_lies_fall(battle: Battle, parent: Assertion, chain: EventfulChain) -> None:
    since, before = battle.harness.l1.web3.eth.block_number, battle.wealth()
    battle.net.kill("challenger")
    copy = battle.attack(parent, "honest", name="copy", options=("--behaviour", "fades"))
    battle.wait_for_assertions(copy, 1)
    liars = [
        battle.attack(
            parent,
            *(Cheat.BALANCE, f"{Cheat.STORAGE}/2", f"{Cheat.OPCODE}/1", f"{Cheat.GAS}/4", f"{Cheat.LOG}/3"),
            *(Cheat.SKIP_FORCED, Cheat.BAD_BATCH, Cheat.INVALID_TRANSACTION, f"{Cheat.FAKE_WITHDRAWAL}/9"),
            name="liars",
            each=3,
        ),
        battle.attack(
            parent, f"{Cheat.STORAGE}/1", "patch", name="patchers", more=2, options=("--rotten", "1", "--shadows", "1")
        ),
    ]
    for attack, count in zip(liars, (9, 2), strict=True):
        battle.wait_for_assertions(attack, count)
    battle.net.start_challenger(play=True)
    kill_at_random(battle, Random(SEED))

    right = battle.right_child(parent)
    assert right.asserter == copy.accounts[0], "the copycat came first"
    assert copy.told("moved"), "and played, for a while"
    took = battle.wait_out(right)
    assert took <= battle.window + ANSWER_TIME * (20 + 26 + 3)
    aftermath.wait_until_settled(battle, parent)
    aftermath.assert_whole(battle, liars, since, before)
    for attack in liars:
        aftermath.assert_refused(attack)
    aftermath.assert_forgery_is_worthless(battle, liars[0])
    aftermath.assert_withdrawal_is_paid(battle, chain.withdrawal, right, chain.head)
