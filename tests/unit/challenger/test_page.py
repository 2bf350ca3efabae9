"""What the status page makes of games: which are open, how near a lie is to winning, and no HTML but its own."""

from typing import Any

from challenger.alarms import timer_alarms
from challenger.judge import Judged, Verdict
from challenger.page import depth, render
from challenger.playing import NextMoves, Playing
from challenger.status import as_json
from challenger.view import Game, open_games
from challenger.watcher import Snapshot
from tandem.disputes.board import Board
from tandem.disputes.edges import Edge, Level
from tandem.disputes.events import Opened
from tandem.disputes.fronts import Front
from tandem.l1.assertion_book import Assertion, AssertionBook
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_HASH, Address, Hash
from tandem.rollup.assertions import Status

WINDOW = 1000
LIAR = Address(bytes(19) + b"\x02")
START = keccak(b"the state that the children begin with")


def made(parent: Hash, name: bytes) -> dict[str, Any]:
    """An AssertionCreated event's arguments."""
    hashes = {"blockHash": keccak(name), "stateRoot": ZERO_HASH, "withdrawalRoot": ZERO_HASH}
    return {
        "parentId": parent,
        "asserter": "0x" + LIAR.hex(),
        "state": {**hashes, "batches": 1, "messages": 0},
        "traceRoot": keccak(b"trace of " + name),
        "inboxAcc": ZERO_HASH,
        "requiredBatches": 2,
    }


class World:
    """Genesis and its children, each with the root of its trace."""

    def __init__(self) -> None:
        self.book = AssertionBook()
        self.board = Board()
        self.verdicts: dict[Hash, Verdict] = {}
        self.genesis = self._add(ZERO_HASH, b"genesis", Verdict.RIGHT, 0)
        self.book.apply("AssertionConfirmed", {"id": self.genesis.id}, 0)

    def child(self, name: bytes, verdict: Verdict, at: int) -> Assertion:
        entry = self._add(self.genesis.id, name, verdict, at)
        edge = Edge(self.genesis.id, Level.TRACE, 20, 0, START, entry.opening.trace_root)
        self.board.apply(Opened(edge, ZERO_HASH, LIAR, at))
        return entry

    def _add(self, parent: Hash, name: bytes, verdict: Verdict, at: int) -> Assertion:
        self.book.apply("AssertionCreated", made(parent, name), at)
        entry = list(self.book)[-1]
        self.verdicts[entry.id] = verdict
        return entry

    def games(self, now: int) -> tuple[Game, ...]:
        return open_games(self.board, self.book, self.verdicts.__getitem__, now)


def test_a_game_is_open_from_the_lie_on_until_it_is_rejected() -> None:
    world = World()
    right = world.child(b"right", Verdict.RIGHT, 10)
    assert world.games(50) == ()
    lie = world.child(b"lie", Verdict.WRONG, 100)
    [game] = world.games(400)
    assert (game.own, game.status, game.timer, game.edges) == (right.id, Status.PENDING, 90, 2)
    [wrong] = game.false_roots
    assert (wrong.assertion, wrong.timer, wrong.is_rivalled) == (lie.id, 0, True)
    assert wrong.front == Front(0, 20, 0, "us")
    world.book.apply("AssertionConfirmed", {"id": right.id}, 1200)
    assert world.games(1200)[0].status == Status.CONFIRMED
    world.book.apply("AssertionRejected", {"id": lie.id}, 1300)
    assert world.games(1300) == ()


def test_a_lie_that_stands_alone_is_an_alarm_at_half_the_window() -> None:
    world = World()
    world.child(b"lie", Verdict.WRONG, 100)
    assert timer_alarms(world.games(599), WINDOW) == []
    [alarm] = timer_alarms(world.games(600), WINDOW)
    assert "nothing right stands beside it" in alarm


def test_a_rivalled_lie_is_an_alarm_at_four_fifths() -> None:
    for rivalled_at, is_alarm in ((899, False), (900, True)):
        world = World()
        world.child(b"lie", Verdict.WRONG, 100)
        world.child(b"right", Verdict.RIGHT, rivalled_at)
        assert bool(timer_alarms(world.games(2000), WINDOW)) == is_alarm


def test_children_of_what_is_wrong_are_no_games() -> None:
    world = World()
    lie = world.child(b"lie", Verdict.WRONG, 100)
    world.book.apply("AssertionCreated", made(lie.id, b"grandchild"), 200)
    world.verdicts[list(world.book)[-1].id] = Verdict.WRONG
    assert [game.parent for game in world.games(300)] == [world.genesis.id]


def test_the_depth_counts_the_right_sides_answers() -> None:
    assert depth(Front(0, 20, 0, "us")) == 0
    assert depth(Front(0, 20, 0, "them")) == 1
    assert depth(Front(0, 0, 7, "us")) == 20
    assert depth(Front(1, 26, 0, "us")) == 21
    assert depth(Front(1, 0, 9, "us")) == 47
    assert depth(Front(1, 0, 9, "nobody")) == 48


def snapshot(world: World) -> Snapshot:
    judged = tuple(
        Judged(entry.opening, entry.id, entry.asserter, 7, world.verdicts[entry.id], entry.status == Status.CONFIRMED)
        for entry in world.book
    )
    return Snapshot(l1_connected=True, assertions=judged, games=world.games(400), window=WINDOW)


def test_the_page_shows_the_game_and_escapes_what_others_wrote() -> None:
    world = World()
    world.child(b"right", Verdict.RIGHT, 10)
    lie = world.child(b"lie", Verdict.WRONG, 100)
    due = NextMoves(world.genesis.id, 3, ("bisect <b>this</b>",))
    playing = Playing("0x01", doing="<i>working</i>", moves=5, next_moves=(due,))
    page = render(snapshot(world), playing, ("<script>alarm</script>",))
    assert "ALARM: &lt;script&gt;alarm" in page and "<b>this</b>" not in page and "<i>working</i>" not in page
    assert f"0x{lie.id[:8].hex()}" in page and "90 of 1,000 s" in page and "our move, 0 of 48 answered" in page
    assert "and 2 more" in page and "plays as" in page
    assert "watches only" in render(snapshot(world), None, ())


def test_json_has_hex_and_names() -> None:
    assert as_json({"a": (b"\x01", Status.PENDING), "b": [None, 5]}) == {"a": ["0x01", "pending"], "b": [None, 5]}
