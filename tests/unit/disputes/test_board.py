"""The board says what the contract does, and what it would say were everything brought up."""

from random import Random

import pytest

from tandem.disputes.board import Board, UnknownEdge
from tandem.disputes.edges import INFINITE
from tandem.disputes.events import Bisected, Inherited, Opened, Proven
from tandem.primitives.types import ZERO_HASH
from tests.unit.disputes.match import HONEST, LIAR, Match, claims_on, lie_at, toy_trace

LIES = [(1, 2, 0), (4, 0, 0), (1, 2, 5)]


@pytest.fixture(scope="module", params=range(5))
def match(request: pytest.FixtureRequest) -> Match:
    """After a whole game, nothing brought up."""
    match = Match.of(LIES, [3])
    match.play(Random(request.param))
    return match


def test_timers_kept_are_the_contract_s(match: Match) -> None:
    now = match.referee.now
    assert len(match.board) == len(match.referee.kept) > 20
    for record in match.board:
        assert match.board.timer_kept(record.id, now) == match.referee.timer(record.edge)


def test_true_timers_are_those_after_every_update(match: Match) -> None:
    now = match.referee.now
    brought_up = match.all_brought_up()
    differ = 0
    for record in match.board:
        assert match.board.timer_true(record.id, now) == brought_up.timer(record.edge)
        differ += match.board.timer_true(record.id, now) != match.board.timer_kept(record.id, now)
    assert differ
    after = Board(brought_up.events)
    assert all(after.timer_kept(record.id, now) == after.timer_true(record.id, now) for record in after)


def test_every_beginning_of_the_events_is_a_board(match: Match) -> None:
    events = match.referee.events
    board = Board()
    for count, event in enumerate(events):
        assert len(board) == len(Board(events[:count]))
        board.apply(event)
    assert [record.id for record in board] == [record.id for record in match.board]


def test_places_and_leaves_know_their_edges(match: Match) -> None:
    board = match.board
    for record in board:
        assert record in record.place.records
        assert board.place(record.edge.place) is record.place
        assert record.is_rivalled == bool(board.rivals(record.id))
        assert {other.edge.place for other in board.rivals(record.id)} <= {record.edge.place}
        for root in record.step_roots:
            assert root.claim is record
            assert root.edge.origin == record.edge.place
    assert match.honest.root in [record.edge for record in board.trace_roots(match.honest.origin)]
    assert board.trace_roots(ZERO_HASH) == ()


@pytest.mark.parametrize("event", [Bisected, Proven, Inherited])
def test_an_event_about_an_edge_that_was_never_made(event: type) -> None:
    claims = claims_on(toy_trace())
    left, right = claims.children(claims.root)
    about = {
        Bisected: Bisected(claims.root.id, left.root, right.root, 5),
        Proven: Proven(claims.root.id, HONEST),
        Inherited: Inherited(claims.root.id, 1),
    }[event]
    with pytest.raises(UnknownEdge):
        Board([about])
    Board([Opened(claims.root, ZERO_HASH, HONEST, 1), about])


def test_only_the_first_in_a_place_has_time_of_its_own() -> None:
    first, second, third = (claims_on(toy_trace(lie_at(2, 1, salt))).root for salt in range(3))
    board = Board([Opened(first, ZERO_HASH, HONEST, 10)])
    assert board.timer_kept(first.id, 10) == 0
    assert board.timer_kept(first.id, 25) == 15
    board.apply(Opened(second, ZERO_HASH, LIAR, 30))
    board.apply(Opened(third, ZERO_HASH, LIAR, 40))
    assert [board.timer_kept(edge.id, 99) for edge in (first, second, third)] == [20, 0, 0]
    assert [other.edge for other in board.rivals(second.id)] == [first, third]


def test_a_half_that_two_rivals_share_is_one_edge() -> None:
    one, two = claims_on(toy_trace()), claims_on(toy_trace(lie_at(5, 1)))
    events = [Opened(claims.root, ZERO_HASH, HONEST, 1) for claims in (one, two)]
    events += [
        Bisected(claims.root.id, *(half.root for half in claims.children(claims.root)), 7) for claims in (one, two)
    ]
    board = Board(events)
    shared = board.record(one.children(one.root)[0].id)
    assert len(board) == 5
    assert [record.children[0] for record in board.trace_roots(one.origin)] == [shared, shared]
    assert not shared.is_rivalled
    assert board.timer_kept(shared.id, 10) == 3


def test_what_is_proven_has_all_the_time_there_is() -> None:
    root = claims_on(toy_trace()).root
    board = Board([Opened(root, ZERO_HASH, HONEST, 1), Proven(root.id, HONEST), Inherited(root.id, INFINITE)])
    assert board.record(root.id).is_proven
    assert board.timer_kept(root.id, 50) == board.timer_true(root.id, 50) == INFINITE
