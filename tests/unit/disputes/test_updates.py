"""Updates bring an own root's timer to the window, and none of them is superfluous."""

import copy
from random import Random

import pytest
from hypothesis import given, settings

from tandem.disputes.board import Board
from tandem.disputes.edges import Edge, Level
from tandem.disputes.moves import Lift, Update
from tandem.disputes.updates import EDGES_AT_ONCE, lifts, updates
from tests.support.referee import Referee
from tests.unit.disputes.match import HONEST, WINDOW, Match
from tests.unit.disputes.test_strategy import DEEP, LIES, PATCHES, SEEDS, begun, play_out, won_but_for_a_bond


def played(lies: list[tuple[int, int, int]], patches: list[int], seed: int) -> Match:
    match = Match.of(lies, patches)
    match.play(Random(seed))
    return match


def played_out(*lies: tuple[int, int, int]) -> Match:
    """After a game down to a proof for each lie."""
    match = begun(*lies)
    play_out(match)
    match.referee.now += 2 * WINDOW
    return match


def planned(match: Match) -> list[Lift]:
    return lifts(match.look(), match.honest, match.referee.now, WINDOW)


def lift(referee: Referee, way: Lift) -> None:
    referee.move(Update((way,)), HONEST)


def after(match: Match, ways: list[Lift]) -> Referee:
    """A copy of the referee after these."""
    referee = copy.deepcopy(match.referee)
    for way in ways:
        lift(referee, way)
    return referee


def reached(match: Match, referee: Referee) -> list[bytes]:
    """Own roots that have won as far as the contract knows."""
    own = [*match.honest.step_roots(), match.honest.root]
    return [edge.id for edge in own if edge.id in referee.kept and referee.timer(edge) >= WINDOW]


@settings(max_examples=120, deadline=None)
@given(LIES, PATCHES, SEEDS)
def test_all_that_has_truly_won_has_then_won(lies: list[tuple[int, int, int]], patches: list[int], seed: int) -> None:
    match = played(lies, patches, seed)
    plan = planned(match)
    assert match.honest.root.id in match.goals()
    referee = after(match, plan)
    assert reached(match, referee) == match.goals()
    assert lifts(Board(referee.events), match.honest, referee.now, WINDOW) == []
    assert planned(match) == plan


@settings(max_examples=120, deadline=None)
@given(LIES, PATCHES, SEEDS)
def test_without_any_one_of_them_it_has_not(lies: list[tuple[int, int, int]], patches: list[int], seed: int) -> None:
    match = played(lies, patches, seed)
    plan = planned(match)
    for left_out in range(len(plan)):
        rest = plan[:left_out] + plan[left_out + 1 :]
        assert reached(match, after(match, rest)) != match.goals()


@settings(max_examples=60, deadline=None)
@given(LIES, PATCHES, SEEDS)
def test_no_edge_is_brought_up_twice(lies: list[tuple[int, int, int]], patches: list[int], seed: int) -> None:
    match = played(lies, patches, seed)
    brought: list[Edge] = []
    for move in planned(match):
        before = {record.id: record.inherited for record in Board(match.referee.events)}
        lift(match.referee, move)
        brought += [record.edge for record in match.look() if record.inherited != before[record.id]]
    assert len(brought) == len(set(brought))


def test_nothing_to_bring_up_while_the_root_has_not_won() -> None:
    match = Match.of([(0, 1, 0), (3, 2, 0)], [])
    for claims in (match.honest, *match.liars):
        match.claim(claims)
    while match.due(match.honest) or match.liars_move(Random(0)):
        match.answer()
        assert not match.has_won()
        assert planned(match) == []
    match.referee.now += WINDOW
    assert match.has_won()
    assert planned(match) != []


def test_a_root_that_nobody_rivalled_needs_none() -> None:
    match = Match.of([], [])
    match.claim(match.honest)
    match.referee.now += WINDOW
    assert match.has_won()
    assert planned(match) == []


def test_ways_that_are_up_already_are_left_alone() -> None:
    match = played_out((0, 1, 0), (3, 2, 0), (5, 0, 0))
    plan = planned(match)
    assert len(plan) >= 3
    for count in range(len(plan) + 1):
        assert planned(match) == plan[count:]
        if count < len(plan):
            lift(match.referee, plan[count])


def test_an_update_by_someone_else_spares_one() -> None:
    match = played_out((0, 1, 0), (3, 2, 0))
    plan = planned(match)
    match.referee = match.all_brought_up()
    assert len(plan) >= 2
    assert planned(match) == []


def test_updates_describe_themselves() -> None:
    match = played_out((0, 1, 0))
    ways = planned(match)
    lines = [Update((way,)).describe() for way in ways]
    assert any("from height 0 index 0, 1 level-1 root" in line for line in lines)
    assert all(line.startswith("update level ") for line in lines)
    assert Update(tuple(ways)).describe().startswith(f"update {len(ways) - 1} ways, then level 0 ")


def test_all_ways_go_together_as_far_as_a_transaction_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    match = played_out((0, 1, 0), (3, 2, 0), (5, 0, 0))
    plan = planned(match)
    board, now = match.look(), match.referee.now
    assert updates(board, match.honest, now, WINDOW) == [Update(tuple(plan))]
    longest = max(len(way.path.siblings) + 1 for way in plan)
    assert longest <= EDGES_AT_ONCE
    monkeypatch.setattr("tandem.disputes.updates.EDGES_AT_ONCE", longest)
    moves = updates(board, match.honest, now, WINDOW)
    assert len(moves) > 1
    assert [way for move in moves for way in move.lifts] == plan
    assert all(sum(len(way.path.siblings) + 1 for way in move.lifts) <= longest for move in moves)


def test_a_bond_that_is_lost_is_not_brought_up() -> None:
    match = won_but_for_a_bond()
    for move in planned(match):
        lift(match.referee, move)
    match.referee.now += WINDOW
    own = match.honest.step_root(DEEP)
    assert {move.top.level for move in planned(match)} == {Level.STEPS}
    match.board.record(own.id).place.winner = match.board.rivals(own.id)[0].id
    assert planned(match) == []


def test_the_order_matters() -> None:
    match = played_out((0, 1, 0), (3, 2, 0))
    plan = planned(match)
    assert len(plan) > 2
    assert reached(match, after(match, plan[::-1])) != match.goals()
