"""The honest party answers what it has to, and wins."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.disputes.board import Board
from tandem.disputes.edges import Level
from tandem.disputes.events import Opened, StepRootWon
from tandem.disputes.moves import Bisect, Due, OpenSteps, Prove
from tandem.disputes.strategy import next_moves
from tests.unit.disputes.match import (
    DELAY,
    HEIGHTS,
    LEAVES,
    LONGEST,
    WINDOW,
    Counted,
    Match,
    claims_on,
    step_counts,
    toy_trace,
)

LIES = st.lists(st.tuples(st.integers(0, LEAVES - 2), st.integers(0, LONGEST - 1), st.integers(0, 2)), max_size=7)
PATCHES = st.lists(st.integers(0, 100), max_size=3)
SEEDS = st.integers(0, 2**32)
DEEP = next(leaf for leaf, count in enumerate(step_counts()) if count > 3)
"""A leaf with room to lie below it."""


PATCH = 4
"""Salt of a false state below honest leaves."""


class NoSteps(Counted):
    """A trace whose level 1 nobody may ask for."""

    def steps(self, leaf: int) -> None:  # type: ignore[override]
        raise AssertionError("a level-1 trace was made")


def begun(*lies: tuple[int, int, int], patches: tuple[int, ...] = ()) -> Match:
    """All roots are claimed, the honest one first."""
    match = Match.of(list(lies), list(patches))
    assert match.claim(match.honest)
    for liar in match.liars:
        match.claim(liar)
    return match


def play_until(match: Match, level: Level, height: int) -> list[Due]:
    """Both sides move until the honest party is due at such an edge; it has not answered yet."""
    for _ in range(100):
        due = match.due(match.honest)
        if any((each.edge.level, each.edge.height) == (level, height) for each in due):
            return due
        match.answer()
        for liar in match.liars:
            for each in match.hostile(liar):
                match.try_answer(liar, each)
    raise AssertionError("the game never came to it")


def play_out(match: Match) -> None:
    """Both sides move at once until neither can."""
    moved = True
    while moved or match.due(match.honest):
        match.answer()
        moved = False
        for liar in match.liars:
            for due in match.hostile(liar):
                moved |= match.try_answer(liar, due)


def false_roots(match: Match, level: Level) -> int:
    """Roots on the board that are not the honest party's."""
    own = {match.honest.root.id, *(root.id for root in match.honest.step_roots())}
    roots = [event.edge for event in match.referee.events if isinstance(event, Opened)]
    return sum(1 for root in roots if root.level == level and root.id not in own)


@settings(max_examples=120, deadline=None)
@given(LIES, PATCHES, SEEDS)
def test_honesty_wins_in_time_by_few_moves(lies: list[tuple[int, int, int]], patches: list[int], seed: int) -> None:
    match = Match.of(lies, patches)
    match.play(Random(seed))
    board, root = match.board, match.honest.root
    claimed_at = next(event.at for event in match.referee.events if isinstance(event, Opened) and event.edge == root)
    in_time = claimed_at + WINDOW + DELAY * (sum(HEIGHTS) + 3)
    assert match.board_at(in_time).timer_true(root.id, in_time) >= WINDOW
    for other in board.rivals(root.id):
        assert board.timer_true(other.id, match.referee.now) < WINDOW
    bound = sum(false_roots(match, level) * (height + 1) for level, height in zip(Level, HEIGHTS, strict=True))
    assert match.honest_moves <= bound


def test_nothing_is_due_without_an_own_root_on_the_board() -> None:
    match = Match.of([(1, 2, 0)], [])
    match.claim(match.liars[0])
    assert match.due(match.honest) == []


def test_nothing_is_due_without_rivals() -> None:
    match = begun()
    assert match.due(match.honest) == []


def test_a_rivalled_root_is_bisected_once() -> None:
    match = begun((1, 2, 0))
    assert match.due(match.honest) == [Due(match.honest.root, None)]
    move = match.honest.make(Due(match.honest.root, None))
    assert isinstance(move, Bisect)
    match.answer()
    assert match.due(match.honest) == []


def test_no_answer_to_halves_that_nobody_rivals() -> None:
    match = begun((LEAVES - 2, 0, 0))
    while match.due(match.honest):
        match.answer()
        for due in match.due(match.liars[0]):
            match.try_answer(match.liars[0], due)
        edges = [due.edge for due in match.due(match.honest)]
        assert len(edges) <= 1
        assert all(match.board.record(edge.id).is_rivalled for edge in edges)


def test_from_the_root_down_to_one_proof() -> None:
    match = begun((DEEP, 1, 0))
    seen = []
    for _ in range(sum(HEIGHTS) + 2):
        (due,) = match.due(match.honest)
        if due.opens_steps:
            match.honest.steps(DEEP)
        seen.append(type(match.honest.make(due)))
        match.answer()
        for each in match.due(match.liars[0]):
            match.try_answer(match.liars[0], each)
    assert seen == [Bisect] * HEIGHTS[0] + [OpenSteps] + [Bisect] * HEIGHTS[1] + [Prove]
    assert match.due(match.honest) == []
    assert match.honest_moves == sum(HEIGHTS) + 2


def test_steps_are_made_for_rivalled_leaves_alone() -> None:
    match = begun((DEEP, 1, 0), (DEEP + 1, 0, 0))
    trace = match.honest._trace
    play_until(match, Level.TRACE, 0)
    assert trace.made == []
    match.play(Random(0))
    assert set(trace.made) <= {DEEP, DEEP + 1}
    assert DEEP in trace.made


def test_looking_at_the_board_makes_no_trace() -> None:
    match = begun((DEEP, 1, 0))
    due = play_until(match, Level.STEPS, 1)
    fresh = claims_on(NoSteps(toy_trace()))
    fresh.recall(DEEP, match.honest.step_root(DEEP).root)
    assert next_moves(match.board, fresh) == due


def test_who_starts_again_makes_the_steps_first_and_goes_on() -> None:
    match = begun((DEEP, 1, 0))
    due = play_until(match, Level.STEPS, 1)
    fresh = claims_on(toy_trace())
    (first,) = next_moves(match.board, fresh)
    assert first.opens_steps
    assert first.leaf == DEEP
    assert fresh.needs_steps(DEEP)
    fresh.steps(DEEP)
    assert next_moves(match.board, fresh) == due


def test_the_same_board_gives_the_same_moves_in_the_same_order() -> None:
    match = begun((1, 2, 0), (4, 0, 0), (2, 1, 1), patches=(3,))
    for _ in range(12):
        again = next_moves(Board(match.referee.events), match.honest)
        assert again == match.due(match.honest)
        match.answer()
        match.liars_move(Random(1))


def test_who_has_the_window_answers_until_it_is_decided() -> None:
    match = Match.of([(DEEP, 1, 0)], [])
    match.claim(match.honest)
    match.referee.now += WINDOW
    match.claim(match.liars[0])
    assert match.has_won()
    assert match.due(match.honest) == [Due(match.honest.root, None)]
    assert next_moves(match.board, match.honest, decided=True) == []


def test_when_it_is_decided_no_level_1_is_opened() -> None:
    match = begun((DEEP, 1, 0))
    (due,) = play_until(match, Level.TRACE, 0)
    match.honest.steps(due.leaf)
    assert match.due(match.honest) == [due]
    assert next_moves(match.board, match.honest, decided=True) == []


def won_but_for_a_bond() -> Match:
    """The honest root has won, and then someone rivals the honest level-1 root, which has not."""
    match = Match.of([(DEEP, 1, 0)], [PATCH])
    patching = match.liars.pop()
    match.claim(match.honest)
    match.referee.now += WINDOW // 2
    match.claim(match.liars[0])
    play_out(match)
    match.referee.now += WINDOW // 2
    assert match.try_answer(patching, Due(patching.leaf(DEEP), DEEP))
    match.liars.append(patching)
    return match


def test_when_it_is_decided_the_bonds_of_level_1_are_still_played_for() -> None:
    match = won_but_for_a_bond()
    patching = match.liars[1]
    assert match.has_won()
    assert match.honest.step_root(DEEP).id not in match.goals()
    levels = set()
    for _ in range(HEIGHTS[1] + 2):
        for due in next_moves(match.look(), patching):
            match.try_answer(patching, due)
        levels |= {due.edge.level for due in next_moves(match.board, match.honest, decided=True)}
        match.answer()
    assert levels == {Level.STEPS}
    assert sum(record.is_proven for record in match.look()) == 2
    match.referee.now += WINDOW
    assert match.honest.step_root(DEEP).id in match.goals()


def in_dispute_below_a_leaf() -> Match:
    """The honest level-1 root is to be answered for."""
    match = won_but_for_a_bond()
    patching = match.liars[1]
    while not match.due(match.honest):
        (due,) = next_moves(match.look(), patching)
        assert match.try_answer(patching, due)
    return match


def test_below_a_level_1_root_all_is_answered_until_it_is_settled() -> None:
    match = in_dispute_below_a_leaf()
    match.referee.now += 10 * WINDOW
    due = match.due(match.honest)
    assert due != []
    assert next_moves(match.board, match.honest, decided=True) == due
    root = match.honest.step_root(DEEP)
    settled = Board([*match.referee.events, StepRootWon(root.place, root.id)])
    assert next_moves(settled, match.honest) == next_moves(settled, match.honest, decided=True) == []


def test_a_bond_that_is_lost_is_not_played_for_when_the_game_is_decided() -> None:
    match = in_dispute_below_a_leaf()
    root = match.liars[1].step_root(DEEP)
    lost = Board([*match.referee.events, StepRootWon(root.place, root.id)])
    assert next_moves(lost, match.honest, decided=True) == []
    assert next_moves(lost, match.honest) == match.due(match.honest)  # the leaf needs its root's timer


@pytest.mark.parametrize(("level", "height"), [(Level.TRACE, 1), (Level.TRACE, 0), (Level.STEPS, 2), (Level.STEPS, 0)])
def test_due_moves_and_moves_describe_themselves(level: Level, height: int) -> None:
    match = begun((DEEP, 1, 0))
    for due in play_until(match, level, height):
        verb = due.describe().split()[0]
        assert match.honest.make(due).describe().startswith(verb)
        assert f"level {level} height {height} index {due.edge.index}" in due.describe()
