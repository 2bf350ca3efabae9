"""DisputeGame: the moves, what each makes, and all that it refuses (bisect, openSteps, prove)."""

from __future__ import annotations

from dataclasses import astuple, replace

import ape
import pytest
from eth_utils import keccak

from tandem.disputes.edges import INFINITE, Level, Opening
from tandem.disputes.traces import end_proof
from tests.contracts.table import FEES
from tests.contracts.tree_model import EMPTY
from tests.contracts.world import STEP_BOND, WINDOW, ZERO_ADDRESS, now

NO_OPENING = (EMPTY, EMPTY, ())


@pytest.fixture
def game(small_world):
    return small_world.game


def bisect(game, claim, edge, sender):
    return game.bisect(astuple(edge), *claim.halves(edge), sender=sender, **FEES)


class TestDeployment:
    def test_says_what_it_was_given(self, small_world, game):
        assert (game.rollup(), game.verifier()) == (small_world.rollup.address, small_world.toy.address)
        assert (game.traceHeight(), game.stepHeight()) == (3, 3)
        assert (game.challengeWindow(), game.stepBond(), game.INFINITE()) == (WINDOW, STEP_BOND, INFINITE)

    @pytest.mark.parametrize("heights", [(64, 3), (3, 64)])
    def test_refuses_trees_that_an_index_does_not_reach(self, project, deployer, heights):
        with ape.reverts(project.DisputeGame.WrongHeights):
            deployer.deploy(project.DisputeGame, ZERO_ADDRESS, ZERO_ADDRESS, *heights, WINDOW, STEP_BOND)


class TestBisect:
    def test_makes_the_two_halves(self, duel, game, alice, chain):
        claim = duel.honest.assertion.claim
        left, right = claim.edge(2, 0), claim.edge(2, 1)
        receipt = bisect(game, claim, claim.root, alice)
        (log,) = receipt.decode_logs()
        assert (log.event_name, log.id, log.left, log.right) == ("EdgeBisected", claim.root.id, left.root, right.root)
        assert all(game.exists(astuple(edge)) for edge in (left, right))
        assert [game.clock(edge.place) for edge in (left, right)] == [(now(), 0), (now(), 0)]
        record = game.getRecord(right.id)
        assert (record.mover, record.inherited, record.isFirst, record.isTrue) == (alice.address, 0, True, False)
        assert record.cost > 0
        assert game.getRecord(left.id).mover == ZERO_ADDRESS

    def test_shares_a_half_with_a_rival(self, duel, game, alice, bob):
        mine, theirs = duel.honest.assertion.claim, duel.liar.assertion.claim
        assert mine.edge(2, 0) == theirs.edge(2, 0)
        bisect(game, mine, mine.root, alice)
        first = now()
        bisect(game, theirs, theirs.root, bob)
        assert game.clock(mine.edge(2, 0).place) == (first, 0)
        assert game.clock(mine.edge(2, 1).place) == (first, now())
        assert not game.getRecord(theirs.edge(2, 1).id).isFirst

    def test_is_anyones(self, duel, game, deployer):
        claim = duel.honest.assertion.claim
        bisect(game, claim, claim.root, deployer)
        assert game.getRecord(claim.edge(2, 1).id).mover == deployer.address

    def test_happens_once(self, duel, game, alice, bob):
        claim = duel.honest.assertion.claim
        bisect(game, claim, claim.root, alice)
        with ape.reverts(game.EdgeExists, id=claim.edge(2, 1).id):
            bisect(game, claim, claim.root, bob)

    def test_needs_the_halves(self, duel, game, alice):
        claim = duel.honest.assertion.claim
        left, right = claim.halves(claim.root)
        for wrong in ((right, left), (left, left), (keccak(left), right)):
            with ape.reverts(game.WrongChildren):
                game.bisect(astuple(claim.root), *wrong, sender=alice)

    @pytest.mark.parametrize("part", ["origin", "level", "height", "index", "prefix"])
    def test_needs_an_edge_that_is_there(self, duel, game, alice, part):
        claim = duel.honest.assertion.claim
        value = getattr(claim.root, part)
        other = replace(claim.root, **{part: keccak(value) if isinstance(value, bytes) else value + 1})
        with ape.reverts(game.UnknownEdge, id=other.id):
            game.bisect(astuple(other), *claim.halves(claim.root), sender=alice)

    def test_needs_a_half_that_was_made(self, duel, game, alice):
        claim = duel.honest.assertion.claim
        for edge in (claim.edge(2, 0), claim.edge(2, 1)):
            with ape.reverts(game.UnknownEdge, id=edge.id):
                bisect(game, claim, edge, alice)

    def test_needs_a_rival(self, duel, game, alice):
        claim = duel.honest.assertion.claim
        bisect(game, claim, claim.root, alice)
        for edge in (claim.edge(2, 0), claim.edge(2, 1)):
            with ape.reverts(game.NotRivalled, id=edge.id):
                bisect(game, claim, edge, alice)

    def test_is_not_for_single_states(self, duel, game, alice):
        for edge in (*duel.to_the_leaf(), *duel.to_the_proof()):
            with ape.reverts(game.WrongPlace, level=edge.level, height=0):
                game.bisect(astuple(edge), EMPTY, EMPTY, sender=alice)


class TestOpenSteps:
    @pytest.fixture
    def leaf(self, duel):
        """The honest one, rivalled."""
        return duel.to_the_leaf()[0]

    @pytest.fixture
    def call(self, duel, leaf):
        """What opening it takes."""
        claim = duel.step_claim(duel.honest)
        return [astuple(leaf), astuple(duel.honest.claims.opening(leaf)), claim.tree.root, claim.end_proof]

    def test_makes_a_root_that_claims_the_leaf(self, duel, game, leaf, call, alice):
        root = duel.step_claim(duel.honest).root
        held = game.balance
        (log,) = game.openSteps(*call, sender=alice, value=STEP_BOND, **FEES).decode_logs()
        assert (log.event_name, log.id, log.claim, log.mover) == ("EdgeOpened", root.id, leaf.id, alice.address)
        assert tuple(log.edge) == astuple(root)
        assert (root.origin, root.level, root.height, root.index) == (leaf.place, Level.STEPS, 3, 0)
        assert root.prefix == duel.honest.assertion.trace.tree.node(0, duel.leaf - 1)
        assert bytes(game.claimOf(root.id)) == leaf.id
        assert game.exists(astuple(root))
        assert game.getRecord(root.id).isFirst
        assert not game.isSettled(root.id)
        assert game.balance == held + STEP_BOND

    def test_needs_the_exact_bond(self, game, call, alice):
        for value in (0, STEP_BOND - 1, STEP_BOND + 1):
            with ape.reverts(game.WrongStepBond, bond=STEP_BOND):
                game.openSteps(*call, sender=alice, value=value)

    def test_happens_once(self, duel, game, call, alice, bob):
        game.openSteps(*call, sender=alice, value=STEP_BOND)
        with ape.reverts(game.EdgeExists, id=duel.step_claim(duel.honest).root.id):
            game.openSteps(*call, sender=bob, value=STEP_BOND)

    def test_is_for_leaves_of_level_0(self, duel, game, call, alice):
        root = duel.honest.assertion.claim.root
        with ape.reverts(game.WrongPlace, level=0, height=3):
            game.openSteps(astuple(root), *call[1:], sender=alice, value=STEP_BOND)
        edge = duel.to_the_proof()[0]
        with ape.reverts(game.WrongPlace, level=1, height=0):
            game.openSteps(astuple(edge), *call[1:], sender=alice, value=STEP_BOND)

    def test_needs_a_rivalled_leaf(self, duel, game, leaf, call, alice):
        unknown = replace(leaf, root=keccak(leaf.root))
        with ape.reverts(game.UnknownEdge, id=unknown.id):
            game.openSteps(astuple(unknown), *call[1:], sender=alice, value=STEP_BOND)
        claim = duel.honest.assertion.claim
        beside = claim.edge(0, duel.leaf ^ 1)
        with ape.reverts(game.NotRivalled, id=beside.id):
            game.openSteps(astuple(beside), *call[1:], sender=alice, value=STEP_BOND)

    def test_shows_that_its_steps_end_in_the_leaf(self, duel, game, call, alice):
        head, proof = call[:3], call[3]
        for wrong in (proof[1:], (*proof, EMPTY), (keccak(proof[0]), *proof[1:])):
            with ape.reverts(game.WrongEnd):
                game.openSteps(*head, wrong, sender=alice, value=STEP_BOND)
        theirs = duel.step_claim(duel.liar)
        with ape.reverts(game.WrongEnd):
            game.openSteps(*head[:2], theirs.tree.root, theirs.end_proof, sender=alice, value=STEP_BOND)

    def test_may_have_any_steps_to_the_leaf(self, duel, game, leaf, call, alice, bob):
        """Two roots that claim the same leaf are rivals."""
        theirs = list(call[3])
        theirs[-1] = keccak(b"other steps")
        root = leaf.root
        for sibling in theirs:
            root = keccak(sibling + root)
        game.openSteps(*call, sender=alice, value=STEP_BOND)
        game.openSteps(*call[:2], root, theirs, sender=bob, value=STEP_BOND)
        place = duel.step_claim(duel.honest).root.place
        assert game.clock(place)[1] == now()

    def test_shows_the_state_before(self, duel, game, leaf, call, alice):
        right = duel.honest.claims.opening(leaf)
        assert duel.leaf > 0
        for wrong in wrong_openings(right):
            with ape.reverts(game.WrongOpening):
                game.openSteps(call[0], astuple(wrong), *call[2:], sender=alice, value=STEP_BOND)


class TestProve:
    @pytest.fixture
    def edges(self, duel):
        return duel.to_the_proof()

    @pytest.fixture
    def call(self, duel, edges):
        claims = duel.honest.claims
        witness = claims.witness(duel.leaf, duel.step)
        return [astuple(edges[0]), astuple(claims.opening(edges[0])), witness]

    def test_gives_all_the_time_there_is(self, game, edges, call, alice):
        logs = game.prove(*call, sender=alice, **FEES).decode_logs()
        assert [log.event_name for log in logs] == ["TimerInherited", "EdgeProven"]
        assert (logs[0].id, logs[0].inherited) == (edges[0].id, INFINITE)
        assert (logs[1].id, logs[1].mover) == (edges[0].id, alice.address)
        assert game.timer(astuple(edges[0])) == INFINITE
        work = game.getWork(edges[0].id)
        assert work.mover == alice.address
        assert work.cost > 0
        assert game.timer(astuple(edges[1])) < WINDOW

    def test_is_anyones_once(self, game, edges, call, alice, bob):
        game.prove(*call, sender=bob)
        assert game.getWork(edges[0].id).mover == bob.address
        with ape.reverts(game.AlreadyProven, id=edges[0].id):
            game.prove(*call, sender=alice)

    def test_refuses_another_state_than_the_step_leads_to(self, duel, game, edges, call, bob):
        with ape.reverts(game.WrongStep, postHash=edges[0].root):
            game.prove(astuple(edges[1]), *call[1:], sender=bob)
        assert game.timer(astuple(edges[1])) < WINDOW

    def test_refuses_a_witness_of_another_state(self, duel, small_world, game, call, alice):
        with ape.reverts(small_world.toy.WrongPreState):
            game.prove(*call[:2], call[2] + b"\0", sender=alice)

    def test_shows_the_state_before(self, duel, game, edges, call, alice):
        for wrong in wrong_openings(duel.honest.claims.opening(edges[0])):
            with ape.reverts(game.WrongOpening):
                game.prove(call[0], astuple(wrong), call[2], sender=alice)

    def test_is_for_leaves_of_level_1(self, duel, game, call, alice):
        leaf, root = duel.honest.claims.leaf(duel.leaf), duel.step_claim(duel.honest).root
        for edge in (leaf, root):
            with ape.reverts(game.WrongPlace, level=edge.level, height=edge.height):
                game.prove(astuple(edge), *call[1:], sender=alice)

    def test_needs_a_rivalled_edge(self, duel, game, edges, call, alice):
        unknown = replace(edges[0], root=keccak(b"nobody"))
        with ape.reverts(game.UnknownEdge, id=unknown.id):
            game.prove(astuple(unknown), *call[1:], sender=alice)

    def test_is_not_for_what_nobody_disputes(self, duel, game, alice):
        """The first of two halves that only one of them has made."""
        duel.play(duel.honest, duel.liar, but=lambda due: due.edge.level == Level.STEPS and due.edge.height == 1)
        claim = duel.step_claim(duel.honest)
        bisect(game, claim, claim.edge(1, duel.step // 2), alice)
        edge = claim.edge(0, duel.step)
        witness = duel.honest.claims.witness(duel.leaf, duel.step)
        with ape.reverts(game.NotRivalled, id=edge.id):
            game.prove(astuple(edge), astuple(duel.honest.claims.opening(edge)), witness, sender=alice)


def wrong_openings(right: Opening) -> list[Opening]:
    """Every part of it damaged."""
    more = (*right.siblings, keccak(b"more"))
    openings = [
        replace(right, prefix=keccak(right.prefix)),
        replace(right, state=keccak(right.state)),
        replace(right, siblings=more),
        replace(right, siblings=more[:1] * 64),
    ]
    if right.siblings:
        openings += [replace(right, siblings=right.siblings[1:]), replace(right, siblings=more[1:])]
    return openings


def test_an_ends_proof_is_one_of_left_siblings(duel):
    """What the contract takes for the last state of a trace, by the player's own hand."""
    claims = duel.honest.claims
    assert claims.end_proof() == end_proof(duel.honest.assertion.trace.tree) == duel.honest.assertion.claim.end_proof
