"""Updates bring an own root's timer to the window, and none of them is superfluous."""

import copy
from random import Random

from hypothesis import given, settings

from tandem.disputes.board import Board
from tandem.disputes.edges import Edge, Level
from tandem.disputes.moves import Update
from tandem.disputes.updates import updates
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


def planned(match: Match) -> list[Update]:
    return updates(match.look(), match.honest, match.referee.now, WINDOW)


def after(match: Match, moves: list[Update]) -> Referee:
    """A copy of the referee after these."""
    referee = copy.deepcopy(match.referee)
    for move in moves:
        referee.move(move, HONEST)
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
    assert updates(Board(referee.events), match.honest, referee.now, WINDOW) == []
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
        match.referee.move(move, HONEST)
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
            match.referee.move(plan[count], HONEST)


def test_an_update_by_someone_else_spares_one() -> None:
    match = played_out((0, 1, 0), (3, 2, 0))
    plan = planned(match)
    match.referee = match.all_brought_up()
    assert len(plan) >= 2
    assert planned(match) == []


def test_updates_describe_themselves() -> None:
    match = played_out((0, 1, 0))
    lines = [move.describe() for move in planned(match)]
    assert any("from height 0 index 0, 1 level-1 root" in line for line in lines)
    assert all(line.startswith("update level ") for line in lines)


def test_a_bond_that_is_lost_is_not_brought_up() -> None:
    match = won_but_for_a_bond()
    for move in planned(match):
        match.referee.move(move, HONEST)
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
