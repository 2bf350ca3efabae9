"""Bonds are settled and all honest moves paid, by no more calls than it takes."""

from random import Random

import pytest
from hypothesis import given, settings

from tandem.disputes.board import Board
from tandem.disputes.edges import Level
from tandem.disputes.events import Opened, StepRootLost, StepRootWon
from tandem.disputes.moves import RefundSteps, RefundTrace, SettleSteps
from tandem.disputes.settlement import LOSERS_AT_ONCE, refunds, settlements
from tandem.disputes.updates import updates
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import ZERO_HASH, Hash
from tests.support.referee import Refused
from tests.unit.disputes.match import ASSERTION, HONEST, LIAR, WINDOW, Match, claims_on, toy_trace
from tests.unit.disputes.test_strategy import DEEP, LIES, PATCHES, SEEDS, begun, play_out, won_but_for_a_bond

FEW = [(0, 1, 0), (3, 2, 0), (5, 0, 0)]


def brought_up(lies: list[tuple[int, int, int]], patches: list[int], seed: int) -> Match:
    """After a game and its updates; by odd seeds later, when level 1 has won too."""
    match = Match.of(lies, patches)
    match.play(Random(seed))
    match.referee.now += WINDOW * (seed % 2)
    bring_up(match)
    return match


def played_out() -> Match:
    """After a game down to three proofs, confirmed, nothing settled."""
    match = begun(*FEW)
    play_out(match)
    match.referee.now += 2 * WINDOW
    bring_up(match)
    match.referee.confirm(ASSERTION, match.honest.root)
    return match


def bring_up(match: Match) -> None:
    for move in updates(match.look(), match.honest, match.referee.now, WINDOW):
        match.referee.move(move, HONEST)
    match.look()


def settled(lies: list[tuple[int, int, int]], patches: list[int], seed: int) -> Match:
    """After a game, confirmed, all its bonds settled."""
    match = brought_up(lies, patches, seed)
    match.referee.confirm(ASSERTION, match.honest.root)
    settle(match)
    return match


def settle(match: Match) -> list[SettleSteps]:
    moves = settlements(match.look(), match.honest, match.referee.now, WINDOW)
    for move in moves:
        match.referee.move(move, HONEST)
    match.look()
    return moves


def paid_back(match: Match) -> list[RefundTrace | RefundSteps]:
    return refunds(match.look(), match.honest, ASSERTION, match.referee)


def unpaid(match: Match) -> list[Hash]:
    """Own edges whose cost is still kept, of roots that have won; an assertion that nobody rivals is not paid."""
    board = match.look()
    roots = [board.record(match.honest.root.id)]
    for edge in match.honest.step_roots():
        record = board.get(edge.id)
        if record is not None and record.place.winner == record.id:
            roots.append(record)
    found = []
    while roots:
        record = roots.pop()
        roots += record.children or ()
        if record.is_rivalled or record.edge != match.honest.root:
            found += [record.id] if match.referee.unpaid(record.id) else []
    return found


@settings(max_examples=80, deadline=None)
@given(LIES, PATCHES, SEEDS)
def test_all_that_won_is_settled_with_all_that_lost(
    lies: list[tuple[int, int, int]], patches: list[int], seed: int
) -> None:
    match = brought_up(lies, patches, seed)
    own = [edge for edge in match.honest.step_roots() if edge.id in match.goals()]
    assert [move.root for move in settle(match)] == own
    for root in own:
        assert all(record.is_settled for record in match.board.record(root.id).place.records)
        assert match.referee.winners[root.place] == root.id
    assert settle(match) == []


@settings(max_examples=80, deadline=None)
@given(LIES, PATCHES, SEEDS)
def test_every_honest_move_is_paid(lies: list[tuple[int, int, int]], patches: list[int], seed: int) -> None:
    match = settled(lies, patches, seed)
    assert bool(unpaid(match)) == match.board.record(match.honest.root.id).is_rivalled
    for move in paid_back(match):
        match.referee.move(move, HONEST)
    assert unpaid(match) == []
    assert paid_back(match) == []


@settings(max_examples=80, deadline=None)
@given(LIES, PATCHES, SEEDS)
def test_no_refund_is_superfluous(lies: list[tuple[int, int, int]], patches: list[int], seed: int) -> None:
    moves = paid_back(settled(lies, patches, seed))
    for left_out in range(len(moves)):
        match = settled(lies, patches, seed)
        for move in moves[:left_out] + moves[left_out + 1 :]:
            try:
                match.referee.move(move, HONEST)
            except Refused:
                assert isinstance(move, RefundSteps)  # its leaf was not shown to be true
        assert unpaid(match)


def test_nothing_is_settled_before_timers_are_brought_up() -> None:
    match = begun(*FEW)
    play_out(match)
    match.referee.now += 2 * WINDOW
    assert settle(match) == []
    bring_up(match)
    assert len(settle(match)) == len(match.honest.step_roots()) == len(FEW)


def test_level_1_is_not_paid_before_it_is_settled() -> None:
    match = played_out()
    assert {type(move) for move in paid_back(match)} == {RefundTrace}
    settle(match)
    assert {type(move) for move in paid_back(match)} == {RefundTrace, RefundSteps}


def test_a_leaf_that_was_not_shown_is_shown_though_its_way_is_paid() -> None:
    match = played_out()
    for move in paid_back(match):
        match.referee.move(move, HONEST)
    settle(match)
    moves = paid_back(match)
    assert isinstance(moves[0], RefundTrace)
    for move in moves:
        match.referee.move(move, HONEST)
    assert unpaid(match) == []


def test_late_losers_are_settled_too() -> None:
    match = won_but_for_a_bond()
    match.referee.now += 2 * WINDOW
    board, own, late = match.look(), match.honest.step_root(DEEP), match.liars[1].step_root(DEEP)
    place = board.record(own.id).place
    early = next(record for record in place.records if record.edge not in (own, late))
    board.apply(StepRootWon(place.id, own.id))
    board.apply(StepRootLost(place.id, early.id))
    assert settlements(board, match.honest, match.referee.now, WINDOW) == [SettleSteps(own, (late.root,))]


def test_someone_else_s_win_is_not_settled() -> None:
    match = played_out()
    first = match.honest.step_roots()[0]
    match.board.record(first.id).place.winner = match.board.rivals(first.id)[0].id
    moves = settlements(match.board, match.honest, match.referee.now, WINDOW)
    assert [move.root for move in moves] == match.honest.step_roots()[1:]


def test_a_bond_without_rivals_comes_back_alone() -> None:
    match = begun((DEEP, 1, 0))
    while not match.honest.step_roots() or match.honest.step_roots()[0].id not in match.look():
        match.answer()
        for due in match.due(match.liars[0]):
            if not due.opens_steps:
                match.try_answer(match.liars[0], due)
    match.referee.now += WINDOW
    assert settle(match) == [SettleSteps(match.honest.step_roots()[0], ())]
    assert settle(match) == []


def test_many_losers_take_several_calls() -> None:
    claims = claims_on(toy_trace())
    claims.steps(DEEP)
    root = claims.step_root(DEEP)
    leaf = claims.leaf(DEEP)
    board = Board([Opened(leaf, ZERO_HASH, HONEST, 1), Opened(root, leaf.id, HONEST, 1)])
    roots = [keccak(word(number)) for number in range(2 * LOSERS_AT_ONCE + 1)]
    for other in roots:
        edge = type(root)(root.origin, Level.STEPS, root.height, 0, root.prefix, other)
        board.apply(Opened(edge, leaf.id, LIAR, 1 + WINDOW))
    moves = settlements(board, claims, 5 * WINDOW, WINDOW)
    assert [len(move.losers) for move in moves] == [LOSERS_AT_ONCE, LOSERS_AT_ONCE, 1]
    assert sum((move.losers for move in moves), ()) == tuple(roots)


def test_without_an_own_root_nothing_is_paid() -> None:
    match = begun((DEEP, 1, 0))
    assert refunds(Board(), match.honest, ASSERTION, match.referee) == []


@pytest.mark.parametrize("kind", [RefundTrace, RefundSteps])
def test_refunds_describe_themselves(kind: type) -> None:
    match = played_out()
    settle(match)
    lines = [move.describe() for move in paid_back(match) if isinstance(move, kind)]
    assert lines
    assert all("refund moves of " in line and " down to height " in line for line in lines)
