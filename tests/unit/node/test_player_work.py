"""How much a player re-executes: each disputed leaf once, a spell at a time, and nothing again after a restart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from challenger.own_claim import CheckedTrace
from tandem.chain.spec import Deployment
from tandem.disputes.board import Board
from tandem.disputes.events import StepRootWon
from tandem.disputes.moves import Answer, Due
from tandem.disputes.traces import Claims
from tandem.machine.machine import Machine
from tandem.machine.structures import Cursor
from tandem.machine.trace import AssertionTrace, Step, states, take_step
from tandem.node import verification
from tandem.node.machine_chain import boundary_after, machine_chain
from tandem.node.player import Player
from tandem.node.reserve import STEPS_GAS, TRACE_GAS, gas_ahead
from tandem.node.step_files import StepFiles
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash
from tandem.store import ReadSession
from tests.unit.disputes.match import HONEST, WINDOW, Counted, Match, claims_on, toy_trace

ADDRESS = "0x" + HONEST.hex()
PARENT = keccak(b"the parent assertion")
LEAVES = (1, 3, 5)
LIES = [(leaf, 0, leaf) for leaf in LEAVES]
ALL_DAY = 1e9
"""Seconds."""


def begin() -> Match:
    """A liar about each of three leaves, all roots made."""
    match = Match.of(LIES, [])
    for claims in (match.honest, *match.liars):
        assert match.claim(claims)
    return match


def attack(match: Match) -> bool:
    """All that the liars want to do. Whether there was anything."""
    moved = [match.try_answer(claims, due) for claims in match.liars for due in match.hostile(claims)]
    return any(moved)


def play(match: Match, player: Player) -> Iterator[list[list[Answer]]]:
    """The rounds that the player makes at each look at the board, until neither side has anything to do."""
    match.honest = player.claims
    moved = True
    while moved:
        moved = attack(match)
        rounds = list(player.rounds(match.look()))
        for answer in (answer for answers in rounds for answer in answers):
            match.referee.move(answer, HONEST)
            moved = True
        yield rounds


@pytest.mark.parametrize("spell", [0.0, ALL_DAY])
def test_each_disputed_leaf_is_re_executed_once(spell: float) -> None:
    trace = Counted(toy_trace())
    player = Player(claims_on(trace), ADDRESS, spell)
    match = begin()
    for _ in play(match, player):
        pass
    assert sorted(trace.made) == list(LEAVES)
    match.referee.now += WINDOW
    assert match.has_won()


def test_after_a_spell_of_work_l1_is_looked_at_again() -> None:
    trace = Counted(toy_trace())
    player = Player(claims_on(trace), ADDRESS, spell=0.0)
    made = 0
    for rounds in play(begin(), player):
        assert len(trace.made) - made <= 1
        made = len(trace.made)
        assert len(rounds) <= 2
    assert made == len(LEAVES)


def test_light_leaves_are_worked_out_together() -> None:
    match = begin()
    player = Player(claims_on(Counted(toy_trace())), ADDRESS, spell=ALL_DAY)
    match.honest = player.claims
    while len(player.far(match.look())) < len(LEAVES):
        attack(match)
        for answer in player.at_hand(match.look()):
            match.referee.move(answer, HONEST)
    assert [answer.leaf.index for answer in player.work(match.board)] == list(LEAVES)
    assert player.far(match.board) == []
    assert len(player.at_hand(match.board)) == len(LEAVES), "until they are on the board"


def test_the_gas_that_is_kept_back_is_that_of_the_games_still_open() -> None:
    match = begin()
    player = Player(claims_on(toy_trace()), ADDRESS)
    assert gas_ahead(Board(), player.claims) == 0
    assert gas_ahead(match.look(), player.claims) == TRACE_GAS
    seen = set()
    for _ in play(match, player):
        seen.add(gas_ahead(match.look(), player.claims) - TRACE_GAS)
    assert len(LEAVES) * STEPS_GAS in seen
    assert gas_ahead(match.board, player.claims) == TRACE_GAS, "all is proven"
    assert gas_ahead(match.board, player.claims, decided=True) == 0


def test_no_gas_is_kept_back_for_a_place_that_is_settled() -> None:
    match = begin()
    player = Player(claims_on(toy_trace()), ADDRESS)
    rounds = play(match, player)
    while gas_ahead(match.look(), player.claims) < TRACE_GAS + len(LEAVES) * STEPS_GAS:
        next(rounds)
    root = player.claims.step_roots()[0]
    settled = Board([*match.referee.events, StepRootWon(root.place, root.id)])
    assert gas_ahead(settled, player.claims) == TRACE_GAS + (len(LEAVES) - 1) * STEPS_GAS


def test_a_root_that_someone_else_opened_is_played_for_when_all_is_decided_and_the_player_new() -> None:
    match = begin()
    match.honest = claims_on(toy_trace())
    player = Player(match.honest, ADDRESS)
    while len(player.far(match.look())) < len(LEAVES):
        attack(match)
        for answer in player.at_hand(match.look()):
            match.referee.move(answer, HONEST)
    copycat = claims_on(toy_trace())
    assert match.try_answer(copycat, Due(copycat.leaf(LEAVES[0]), LEAVES[0]))
    attack(match)
    trace = Counted(toy_trace())
    restarted = Player(claims_on(trace), ADDRESS)
    assert restarted.at_hand(match.look(), decided=True) == []
    assert restarted.work(match.board, decided=True) == [], "nothing is opened any more"
    assert trace.made == [LEAVES[0]], "where there are bonds"
    root = restarted.claims.step_root(LEAVES[0])
    assert root is not None
    assert [answer.edge for answer in restarted.at_hand(match.board, decided=True)] == [root]
    settled = Board([*match.referee.events, StepRootWon(root.place, root.id)])
    assert Player(claims_on(Counted(toy_trace())), ADDRESS).dues(settled, decided=True) == []


def answers_to_all(claims: Claims, leaves: range, depth: int) -> list[Answer]:
    """Openings, ways down to one step of each, and proofs: in rounds, as a game goes."""
    made = [claims.make(Due(claims.leaf(leaf), leaf)) for leaf in leaves]
    edges = {leaf: claims.step_root(leaf) for leaf in leaves}
    for _ in range(depth + 1):
        for leaf, edge in edges.items():
            assert edge is not None
            made.append(claims.make(Due(edge, leaf)))
            if edge.height:
                edges[leaf] = claims.children(edge)[0]
    return made


def test_after_a_restart_no_step_is_taken_but_for_proofs(
    session: ReadSession, deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Cursor] = []

    def counted(m: Machine, take: Step = take_step) -> Iterator[Hash]:
        runs.append(m.cursor)
        yield from states(m, take)

    monkeypatch.setattr(verification, "states", counted)
    chain = machine_chain(session, deployment.parameters)
    trace = AssertionTrace(chain, boundary_after(session, 0, session.batch_count()))
    start, leaves, made = trace.origin(0).hash(), range(2, 10), []
    for _ in range(2):
        files = StepFiles(tmp_path).game(PARENT, start)
        claims = Claims(PARENT, start, CheckedTrace(trace, files))
        made.append(answers_to_all(claims, leaves, 26))
    assert len(runs) == len(leaves)
    assert made[0] == made[1]
    assert len(made[0]) == len(leaves) * (1 + 26 + 1)
