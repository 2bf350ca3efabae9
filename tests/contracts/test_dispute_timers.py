"""DisputeGame: clocks of places, timers of edges, and bringing them up (update, hasWon)."""

from __future__ import annotations

from dataclasses import astuple, replace

import ape
import pytest
from eth_utils import keccak

from tandem.disputes.edges import INFINITE, Level
from tests.contracts.table import FEES, proves
from tests.contracts.tree_model import EMPTY
from tests.contracts.world import STEP_BOND, WINDOW, now, pass_time, taken_back


@pytest.fixture
def game(small_world):
    return small_world.game


@pytest.fixture
def timer(game):
    return lambda edge: game.timer(astuple(edge))


@pytest.fixture
def update(game, alice):
    def send(top, path, *step_roots):
        receipt = game.update([(astuple(top), astuple(path), [astuple(root) for root in step_roots])], sender=alice)
        return [(bytes(log.id), log.inherited) for log in receipt.decode_logs(game.TimerInherited)]

    return send


@pytest.fixture
def halves(duel, game, alice):
    """Alice's root bisected: Bob's has no children yet."""
    claim = duel.honest.assertion.claim
    game.bisect(astuple(claim.root), *claim.halves(claim.root), sender=alice, **FEES)
    return claim.edge(2, 0), claim.edge(2, 1)


class TestOwnTime:
    def test_of_a_rivalled_root_stands_still(self, duel, timer):
        claimed, rivalled = duel.world.game.clock(duel.honest.assertion.claim.root.place)
        pass_time(1_000)
        mine, theirs = (player.assertion.claim.root for player in (duel.honest, duel.liar))
        assert timer(mine) == rivalled - claimed > 0
        assert timer(theirs) == 0, "it never stood alone"

    def test_of_an_edge_alone_runs(self, halves, timer):
        made = now()
        for seconds in (0, 10, 1_000):
            pass_time(seconds)
            assert [timer(edge) for edge in halves] == [now() - made] * 2

    def test_of_a_shared_half_runs_on(self, duel, game, halves, timer, bob):
        made = now()
        theirs = duel.liar.assertion.claim
        pass_time(100)
        game.bisect(astuple(theirs.root), *theirs.halves(theirs.root), sender=bob)
        rivalled = now()
        pass_time(100)
        assert timer(halves[1]) == rivalled - made
        assert timer(theirs.edge(2, 1)) == 0
        assert theirs.edge(2, 0) == halves[0], "they agree about it: there is one edge"
        assert timer(halves[0]) == now() - made

    def test_of_what_was_never_made_is_none(self, duel, halves, timer):
        pass_time(1_000)
        for edge in (duel.liar.assertion.claim.edge(2, 1), replace(halves[0], index=2), replace(halves[1], level=7)):
            assert timer(edge) == 0

    def test_ends_with_a_third_claim_as_with_the_second(self, duel, game, small_world, timer, deployer):
        """A place is rivalled once: more rivals change nothing."""
        mine = duel.honest.assertion.claim.root
        clock, before = game.clock(mine.place), timer(mine)
        pass_time(500)
        third = small_world.assertion(small_world.genesis_id, replace_salt(duel.honest.assertion.state, 3), leaves=8)
        small_world.create(third, deployer)
        assert (game.clock(mine.place), timer(mine), timer(third.claim.root)) == (clock, before, 0)


def replace_salt(state, salt):
    return type(state)(state.withdrawals, state.messages, state.batches, salt)


class TestUpdate:
    def test_gives_the_least_of_both_halves(self, duel, game, halves, timer, update, bob):
        root, own = duel.honest.assertion.claim.root, timer(duel.honest.assertion.claim.root)
        made = now()
        pass_time(100)
        theirs = duel.liar.assertion.claim
        game.bisect(astuple(theirs.root), *theirs.halves(theirs.root), sender=bob)
        least = now() - made  # that one half had alone
        pass_time(1_000)
        for height, index in ((2, 0), (2, 1)):
            with taken_back():
                assert update(root, duel.honest.assertion.claim.path(height, index)) == [(root.id, least)]
                assert timer(root) == own + least
        assert timer(root) == own

    def test_is_repeated_without_effect_and_never_takes(self, duel, halves, timer, update):
        root, path = duel.honest.assertion.claim.root, duel.honest.assertion.claim.path(2, 0)
        pass_time(100)
        [(_, first)] = update(root, path)
        [(_, second)] = update(root, path)
        assert second >= first >= 100
        theirs = duel.liar
        duel.turn(theirs)
        pass_time(1_000)
        [(_, last)] = update(root, path)
        assert update(root, path) == []
        assert timer(root) >= last >= second

    def test_brings_up_a_whole_way_at_once(self, duel, timer, update):
        duel.to_the_leaf()
        claim = duel.honest.assertion.claim
        pass_time(50)
        told = update(claim.root, claim.path(0, duel.leaf))
        inherited = dict(told)
        times = [timer(claim.edge(height, duel.leaf >> height)) for height in range(4)]
        assert times == sorted(times)
        assert set(inherited) == {claim.edge(height, duel.leaf >> height).id for height in (1, 2, 3)}

    def test_starts_anywhere(self, duel, timer, update):
        duel.to_the_leaf()
        claim = duel.honest.assertion.claim
        top = claim.edge(2, duel.leaf >> 2)
        before = timer(claim.root)
        update(top, claim.path(0, duel.leaf, top=2))
        assert timer(claim.root) == before

    def test_of_a_false_edge_gives_it_nothing_that_it_has_not(self, duel, timer, update):
        duel.to_the_leaf()
        pass_time(10 * WINDOW)
        claim = duel.liar.assertion.claim
        update(claim.root, claim.path(0, duel.leaf))
        assert timer(claim.root) < 100

    def test_needs_the_way(self, duel, game, halves, update):
        claim = duel.honest.assertion.claim
        right = claim.path(1, 1)
        long = replace(claim.path(0, 0), siblings=(*claim.path(0, 0).siblings, EMPTY))
        for wrong in (
            replace(right, node=keccak(right.node)),
            replace(right, siblings=right.siblings[1:]),
            replace(right, siblings=right.siblings[::-1]),
            replace(right, index=right.index ^ 1),
            replace(right, index=right.index + 4),
            long,
        ):
            with ape.reverts(game.WrongPath):
                update(claim.root, wrong)

    def test_of_edges_that_nobody_made_does_nothing(self, duel, halves, update):
        claim = duel.liar.assertion.claim
        assert update(claim.root, claim.path(0, 5)) == []


class TestLevelOne:
    @pytest.fixture
    def opened(self, duel):
        """Both leaves with a level-1 root each."""
        leaves = duel.to_the_leaf()
        duel.play(duel.honest, duel.liar, but=lambda due: due.edge.level == Level.STEPS)
        return leaves

    def test_a_root_gives_its_leaf_what_it_has(self, duel, game, opened, timer, update):
        root = duel.step_claim(duel.honest).root
        claimed, rivalled = game.clock(root.place)
        claim = duel.honest.assertion.claim
        before = timer(opened[0])
        told = update(opened[0], claim.path(0, duel.leaf, top=0), root)
        assert told == [(opened[0].id, rivalled - claimed)]
        assert timer(opened[0]) == before + rivalled - claimed

    def test_a_root_gives_no_other_leaf_anything(self, duel, game, opened, update):
        mine, theirs = (duel.step_claim(player).root for player in (duel.honest, duel.liar))
        claim = duel.honest.assertion.claim
        with ape.reverts(game.WrongClaim, claim=opened[1].id):
            update(opened[0], claim.path(0, duel.leaf, top=0), theirs)
        with ape.reverts(game.WrongClaim, claim=EMPTY):
            update(opened[0], claim.path(0, duel.leaf, top=0), replace(mine, root=keccak(b"nobody's")))
        with ape.reverts(game.WrongClaim, claim=opened[0].id):
            update(claim.root, claim.path(1, duel.leaf >> 1), mine)

    def test_the_best_of_several_roots_counts(self, duel, game, opened, timer, update, bob):
        """Somebody else's root with the right end: a rival, that gives the leaf what it has too."""
        proof = list(duel.step_claim(duel.honest).end_proof)
        proof[-1] = keccak(b"other steps")
        patched = opened[0].root
        for sibling in proof:
            patched = keccak(sibling + patched)
        opening = duel.honest.claims.opening(opened[0])
        game.openSteps(astuple(opened[0]), astuple(opening), patched, proof, sender=bob, value=STEP_BOND)
        best = duel.step_claim(duel.honest).root
        path = duel.honest.assertion.claim.path(0, duel.leaf, top=0)
        assert timer(replace(best, root=patched)) == 0 < timer(best)
        assert bytes(game.claimOf(replace(best, root=patched).id)) == opened[0].id
        assert update(opened[0], path, replace(best, root=patched)) == []
        assert update(opened[0], path, best) == [(opened[0].id, timer(best))]
        assert update(opened[0], path, replace(best, root=patched)) == [], "what it has stays"
        with ape.reverts(game.TooManyStepRoots):
            update(opened[0], path, replace(best, root=patched), best)

    def test_what_is_proven_never_runs_out(self, duel, timer, update):
        duel.to_the_proof()
        duel.play(duel.honest, duel.liar)
        claim = duel.step_claim(duel.honest)
        proven = claim.edge(0, duel.step)
        assert timer(proven) == INFINITE
        pass_time(10)
        assert timer(proven) == INFINITE
        update(claim.root, claim.path(0, duel.step))
        assert 0 < timer(claim.edge(1, duel.step >> 1)) < INFINITE, "its sibling counts"

    def test_a_false_step_keeps_its_root_from_winning(self, duel, timer, update):
        duel.play(duel.honest, duel.liar)
        pass_time(10 * WINDOW)
        claim = duel.step_claim(duel.liar)
        update(claim.root, claim.path(0, duel.step))
        assert timer(claim.root) < 100
        leaf = duel.liar.claims.leaf(duel.leaf)
        update(leaf, duel.liar.assertion.claim.path(0, duel.leaf, top=0), claim.root)
        assert timer(leaf) < 100


class TestWinning:
    def test_takes_the_window_whatever_the_liar_does(self, duel, rollup_of, chain):
        """Both answer at once: the true root has the window soon after it, and the false one never."""
        began = now()
        duel.play(duel.honest, duel.liar)
        played = now() - began
        chain.pending_timestamp = began + WINDOW - 100
        chain.mine()
        duel.bring_up(duel.honest)
        assert not rollup_of.isConfirmable(duel.honest.assertion.id)
        chain.pending_timestamp = began + WINDOW + played + 100
        chain.mine()
        duel.bring_up(duel.honest)
        assert rollup_of.isConfirmable(duel.honest.assertion.id)
        pass_time(10 * WINDOW)
        duel.bring_up(duel.liar)
        assert not rollup_of.isConfirmable(duel.liar.assertion.id)

    @pytest.mark.parametrize("silent_from", ["root", "leaf", "step"])
    def test_needs_no_more_than_the_window_when_the_liar_falls_silent(self, duel, rollup_of, silent_from):
        if silent_from == "leaf":
            duel.to_the_leaf()
        if silent_from == "step":
            duel.to_the_proof()
        duel.play(duel.honest)
        pass_time(WINDOW)
        duel.bring_up(duel.honest)
        assert rollup_of.isConfirmable(duel.honest.assertion.id)

    def test_is_lost_by_an_honest_party_that_falls_silent(self, duel, rollup_of):
        duel.play(duel.honest, duel.liar, but=proves)
        duel.play(duel.liar)
        pass_time(10 * WINDOW)
        duel.bring_up(duel.honest)
        assert not rollup_of.isConfirmable(duel.honest.assertion.id)
        duel.play(duel.honest)
        duel.bring_up(duel.honest)
        assert rollup_of.isConfirmable(duel.honest.assertion.id), "one proof is what was missing"

    @pytest.fixture
    def rollup_of(self, small_world):
        return small_world.rollup
