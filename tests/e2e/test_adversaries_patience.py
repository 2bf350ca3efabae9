"""Attackers with numbers and patience: twenty false roots, one who never answers, one who answers late, a censor."""

import pytest

from tandem.disputes.lies import Cheat
from tests.support import aftermath
from tests.support.battle import CHALLENGER, Battle
from tests.support.censor import Censor
from tests.support.eventful_chain import make_eventful

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
ANSWER_TIME = 10
"""L1 seconds within which the challenger answers here, on a busy machine."""
PLAY_TIME = ANSWER_TIME * (20 + 26 + 3)
SYBILS = 20
CENSORED_BEFORE, CENSORED_AMID = 1_400, 1_000
"""L1 seconds without the challenger's transactions, before its first one and in mid-game; together less than T."""


def test_a_sybil_an_idler_and_one_who_is_late(battle: Battle) -> None:
    make_eventful(battle.harness)
    battle.observer.look()
    parent = battle.advance(battle.observer.genesis)
    since, before = battle.harness.l1.web3.eth.block_number, battle.wealth()
    roots = [f"{Cheat.BALANCE}//{salt}" for salt in range(SYBILS - 5)] + [
        f"{Cheat.STORAGE}/{place}" for place in range(5)
    ]
    attacks = [
        battle.attack(parent, *roots, name="sybil", each=5),
        battle.attack(parent, f"{Cheat.LOG}/2", name="idler", options=("--behaviour", "idle")),
        battle.attack(parent, f"{Cheat.OPCODE}/3", name="laggard", options=("--behaviour", "lazy")),
    ]
    for attack, count in zip(attacks, (SYBILS, 1, 1), strict=True):
        battle.wait_for_assertions(attack, count)
    right = battle.right_child(parent)
    took = battle.wait_out(right)
    assert took <= battle.window + PLAY_TIME

    aftermath.wait_until_settled(battle, parent)
    aftermath.assert_whole(battle, attacks, since, before)
    assert right.asserter == CHALLENGER.address
    assert not attacks[1].told("moved"), "the idler did nothing"
    assert attacks[2].told("moved"), "the laggard did something"
    battle.stop(*attacks)


def test_a_censor_cannot_outlast_the_window(battle: Battle) -> None:
    make_eventful(battle.harness, calls=2)
    parent = battle.advance(battle.tip())
    with Censor(battle.net.l1_url) as censor:
        battle.net.stop("challenger")
        censor.is_censoring = True
        battle.net.start_challenger("--l1", censor.url, play=True)
        since, before = battle.harness.l1.web3.eth.block_number, battle.wealth()
        attack = battle.attack(parent, f"{Cheat.GAS}/1", name="censored")
        battle.wait_for_assertions(attack, 1)
        [false] = attack.asserted
        battle.harness.wait("the challenger's first attempt", lambda: censor.swallowed)
        battle.travel(CENSORED_BEFORE)
        assert battle.timer(false) >= CENSORED_BEFORE, "nothing right stood beside it"

        censor.is_censoring = False
        right = battle.right_child(parent)
        battle.wait_for_edges(battle.edges() + 40)
        censor.is_censoring = True
        swallowed = censor.swallowed
        battle.harness.wait("the challenger's next attempt", lambda: censor.swallowed > swallowed)
        battle.travel(CENSORED_AMID)
        assert battle.timer(false) < battle.window
        censor.is_censoring = False
        took = battle.wait_out(right)
        assert took <= battle.window + CENSORED_AMID + PLAY_TIME

        aftermath.wait_until_settled(battle, parent)
        aftermath.assert_whole(battle, [attack], since, before)
        aftermath.assert_refused(attack)
        battle.net.stop("challenger")
    battle.net.start_challenger(play=True)
