"""Turns of a session between two players, and what one of them can do on chain."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.channels.appeals import MoveOn, Put, Registered, Resolve, appeal
from tandem.channels.play import Answer, InvalidMove, NotNow, Play, Turn
from tandem.channels.sessions import AppDomain, Player, Session, other_player
from tandem.channels.signing import BadSignature
from tandem.channels.tic_tac_toe import TicTacToe
from tandem.errors import EncodingError
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Seconds
from tests.unit.channels.test_endpoint import KEY, PARTIES, signer

STAKE = 100
RULES = TicTacToe()
APPS = AppDomain(31337, Address(b"\x22" * 20))
TIMEOUT = Seconds(600)
NAME = keccak(b"name")
SESSION = Session(PARTIES[0], PARTIES[1], Address(b"\x33" * 20), TIMEOUT, keccak(b"salt"), RULES.terms(STAKE))
WON = "14253"
"""Cells by turns: player 0 has the first row."""
DRAWN = "123546879"
"""Nobody has one."""


def play(player: Player) -> Play:
    return Play(SESSION, player, RULES, APPS, KEY.id, NAME)


class Table:
    """Two honest players; every message comes through."""

    def __init__(self, moves: str = "", *, begin: bool = True) -> None:
        self.players = [play(0), play(1)]
        if begin:
            for player in (0, 1):
                self.players[player], start = self.players[player].sign_start(signer(player))
                self.players[1 - player], _ = self.players[1 - player].take(start, signer(1 - player))
            self.players[0] = self.players[0].take_answer(self.answer(1, 0))
        for at, move in enumerate(moves):
            self.move(1 if at & 1 else 0, move)

    def answer(self, player: Player, turn: int) -> Answer:
        state = self.players[player].agreed
        assert state is not None
        return Answer(KEY.id, NAME, turn, state.signatures[player])

    def signed(self, player: Player, cell: str) -> Turn:
        stands = self.players[player].position
        assert stands is not None
        self.players[player], turn = self.players[player].move(RULES.write(stands.state, cell), signer(player))
        return turn

    def move(self, player: Player, cell: str) -> None:
        turn, other = self.signed(player, cell), 1 - player
        self.players[other], answer = self.players[other].take(turn, signer(other))
        assert answer is not None
        self.players[player] = self.players[player].take_answer(answer)


def forged(player: Player, turn: int, state: bytes) -> Turn:
    """Signed, whatever it says."""
    return Turn(KEY.id, NAME, turn, state, signer(player)(APPS.state(SESSION.id, turn, state)))


def board(moves: str) -> bytes:
    state = RULES.start(SESSION.terms)
    for move in moves:
        state = RULES.write(state, move)
    return state


def test_a_game_to_its_end() -> None:
    table = Table(WON)
    assert [each.end for each in table.players] == [(STAKE, 0)] * 2
    assert table.players[0].agreed == table.players[1].agreed
    assert {each.mover for each in table.players} == {None}
    with pytest.raises(NotNow, match="it is over"):
        table.players[1].move(board(WON + "6"), signer(1))


def test_nobody_moves_before_both_have_signed_the_start() -> None:
    one, start = play(0).sign_start(signer(0))
    with pytest.raises(NotNow, match="has not begun"):
        one.move(board("1"), signer(0))
    with pytest.raises(NotNow, match="signed already"):
        one.sign_start(signer(0))
    other, answer = play(1).take(start, signer(1))
    assert (other.agreed, other.own, answer) == (None, None, None), "this one has not said yes"
    with pytest.raises(InvalidMove, match="has not begun"):
        other.take(forged(0, 1, board("1")), signer(1))
    with pytest.raises(InvalidMove, match="not how the game starts"):
        other.take(forged(0, 0, board("1")), signer(1))
    other, back = other.sign_start(signer(1))
    assert other.agreed is not None and one.take(back, signer(0))[0].agreed == other.agreed


def test_turns_are_made_one_after_the_other_by_whose_turn_it_is() -> None:
    table = Table("1")
    with pytest.raises(NotNow, match="the other player's turn"):
        table.players[0].move(board("12"), signer(0))
    with pytest.raises(InvalidMove, match="do not allow"):
        table.players[1].move(board("123"), signer(1))
    with pytest.raises(InvalidMove, match="bytes"):
        table.players[1].move(b"", signer(1))
    table.signed(1, "5")
    with pytest.raises(NotNow, match="waits for the other"):
        table.players[1].move(board("14"), signer(1))


def test_what_breaks_the_rules_is_not_signed() -> None:
    one = Table("1").players[0]
    for turn, state in ((2, board("123")), (2, board("1")), (2, b"x"), (3, board("15")), (1, board("2")), (9, b"")):
        try:
            after, answer = one.take(forged(1, turn, state), signer(0))
        except InvalidMove:
            continue
        assert (after, answer) == (one, None)
    for wrong in (forged(0, 2, board("15")), replace(forged(1, 2, board("15")), state=board("16"))):
        with pytest.raises(BadSignature):
            one.take(wrong, signer(0))


def test_an_answer_that_was_lost_is_given_again() -> None:
    table = Table("1")
    turn = table.signed(1, "5")
    one, answer = table.players[0].take(turn, signer(0))
    assert one.take(turn, signer(0)) == (one, answer)
    assert table.players[1].again() == [table.answer(1, 1), turn]
    assert answer is not None
    other = table.players[1].take_answer(answer)
    assert other.take_answer(answer) == other
    assert other.agreed is not None
    assert other.again() == [Answer(KEY.id, NAME, 2, other.agreed.signatures[1])]
    with pytest.raises(BadSignature):
        table.players[1].take_answer(replace(answer, signature=turn.signature))


def test_after_a_reconnect_the_answer_comes_before_the_next_turn() -> None:
    """Who has lost it would take the turn for one out of order."""
    table = Table("1")
    turn = table.signed(1, "5")
    table.players[0], _ = table.players[0].take(turn, signer(0))
    table.signed(0, "2")
    late = table.players[1]
    for message in table.players[0].again():
        late = late.take_answer(message) if isinstance(message, Answer) else late.take(message, signer(1))[0]
    assert late.agreed is not None and late.agreed.turn == 3 and late.is_our_turn


def test_a_turn_that_the_chain_shows_is_sent_again_until_the_other_has_signed_it() -> None:
    """So a game that has ended by it ends between the two."""
    table = Table(DRAWN[:-1])
    turn = table.signed(0, DRAWN[-1])
    one, other = (each.with_shown(9, board(DRAWN)) for each in table.players)
    assert one.waiting is None and one.again()[-1] == turn
    other, answer = other.take(turn, signer(1))
    assert answer is not None and other.end == (0, 0)
    one = one.take_answer(answer)
    assert one.end == (0, 0) and turn not in one.again()


def test_a_turn_that_the_chain_has_gone_on_from_is_not_sent_again_and_not_refused() -> None:
    table = Table("1")
    turn = table.signed(1, "5")
    one, other = table.players[0].with_shown(2, board("15")), table.players[1].with_shown(3, board("152"))
    assert turn not in other.again()
    assert one.with_shown(3, board("152")).take(turn, signer(0))[1] is None


def test_a_turn_that_is_signed_is_never_signed_otherwise() -> None:
    """Also where the chain goes on meanwhile."""
    table = Table("1")
    table.signed(1, "5")
    waiting = table.players[1]
    for shown in ((0, board("")), (1, board("1"))):
        with pytest.raises(NotNow):
            waiting.with_shown(*shown).move(board("16"), signer(1))
    moved = waiting.with_shown(2, board("15"))
    assert (moved.waiting, moved.mover) == (None, 0)


def test_moves_on_chain_need_no_answer() -> None:
    one = Table("1").players[0].with_shown(2, board("15"))
    assert one.is_our_turn
    one, turn = one.move(board("152"), signer(0))
    late, answer = one.take(forged(1, 2, board("15")), signer(0))
    assert answer is not None and late.agreed is not None and late.agreed.turn == 2
    assert late.own == one.own and late.again()[-1] == turn, "what was signed behind it stays"
    with pytest.raises(InvalidMove):
        one.take(forged(1, 2, board("16")), signer(0))


def test_who_never_answered_the_start_may_begin_on_chain() -> None:
    one = play(0).sign_start(signer(0))[0].with_shown(0, board(""))
    one, turn = one.move(board("1"), signer(0))
    assert turn.turn == 1
    late = one.take(forged(1, 0, board("")), signer(0))[0]
    assert late.own == one.own


def test_there_are_other_words_than_cells() -> None:
    for move in ("", "0", "10", "1"):
        with pytest.raises(EncodingError):
            RULES.write(board("1"), move)
    assert RULES.show(board("152")) == "XX. .O. ..."


# -- on chain


def registered(turn: int, state: bytes, **fields: object) -> Registered:
    return replace(Registered(turn, state, True, Seconds(1_000)), **fields)  # type: ignore[arg-type]


def test_nothing_is_put_on_chain_without_need() -> None:
    one = Table("15").players[0]
    assert appeal(one, None, False, Seconds(0)) is None
    assert one.agreed is not None
    assert appeal(one, None, True, Seconds(0)) == Put(one.agreed)
    assert appeal(one, registered(2, board("15")), True, Seconds(0)) is None, "it is our turn, there too"
    assert appeal(play(0), None, True, Seconds(0)) is None


@pytest.mark.parametrize(
    ("turn", "moves", "is_agreed", "is_answered"),
    [(1, "1", True, True), (2, "16", False, True), (2, "15", False, False), (2, "15", True, False)],
)
def test_an_old_state_is_answered_whether_or_not_that_is_wanted(
    turn: int, moves: str, is_agreed: bool, is_answered: bool
) -> None:
    one = Table("15").players[0]
    assert one.agreed is not None
    found = appeal(one, registered(turn, board(moves), is_agreed=is_agreed), False, Seconds(0))
    assert found == (Put(one.agreed) if is_answered else None)


def test_what_the_other_does_not_sign_is_moved_to_on_chain() -> None:
    table = Table("15")
    table.signed(0, "2")
    one = table.players[0]
    assert one.agreed is not None and one.own is not None
    assert appeal(one, None, True, Seconds(0)) == Put(one.agreed)
    there = registered(2, board("15"))
    assert appeal(one, there, False, Seconds(999)) == MoveOn(board("15"), one.own)
    assert appeal(one, there, False, Seconds(1_000)) is None, "its time is up"
    assert appeal(one, registered(2, board("16")), False, Seconds(0)) is None, "it does not follow from there"


def test_an_end_that_pays_something_is_resolved() -> None:
    one, other = Table(WON).players
    end = registered(5, board(WON))
    assert appeal(one, end, False, Seconds(0)) == Resolve(board(WON))
    assert appeal(other, end, False, Seconds(0)) is None
    assert one.agreed is not None
    assert appeal(one, replace(end, is_agreed=False), False, Seconds(0)) == Put(one.agreed), "then it counts at once"
    assert appeal(one, replace(end, is_resolved=True), False, Seconds(0)) is None


def test_a_draw_that_one_has_moved_to_alone_is_resolved() -> None:
    """By either side: it pays nobody, and both stakes wait for it."""
    table = Table(DRAWN[:-1])
    table.signed(0, DRAWN[-1])
    lone = registered(9, board(DRAWN), is_agreed=False)
    for one in table.players:
        one = one.with_shown(9, board(DRAWN))
        assert one.end is None
        assert [appeal(one, lone, False, Seconds(now)) for now in (999, 1_000)] == [None, Resolve(board(DRAWN))]
    agreed = registered(9, board(DRAWN))
    assert appeal(Table(DRAWN).players[0], agreed, False, Seconds(1_000)) is None, "both have signed it"


def test_a_lone_end_and_silence_count_when_the_time_is_up() -> None:
    table = Table(WON[:4])
    table.signed(0, "3")
    lone = registered(5, board(WON), is_agreed=False)
    assert [appeal(table.players[0], lone, False, Seconds(now)) for now in (999, 1_000)] == [None, Resolve(board(WON))]
    silent = registered(4, board(WON[:4]))
    assert appeal(table.players[1], silent, False, Seconds(999)) is None
    assert appeal(table.players[1], silent, False, Seconds(1_000)) == Resolve(board(WON[:4]))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=25))
def test_whatever_is_lost_both_go_on_after_a_reconnect(breaks: list[int]) -> None:
    """`breaks`: after so many messages the connection is gone; what was on its way is lost, and said again."""
    players = [play(0), play(1)]
    on_way: list[tuple[Player, Turn | Answer]] = []

    def deliver(most: int) -> None:
        for _ in range(most):
            if on_way:
                player, message = on_way.pop(0)
                if isinstance(message, Answer):
                    players[player] = players[player].take_answer(message)
                else:
                    players[player], answer = players[player].take(message, signer(player))
                    on_way.extend([] if answer is None else [(other_player(player), answer)])

    def act(player: Player) -> None:
        one = players[player]
        if one.own is None and one.agreed is None:
            players[player], turn = one.sign_start(signer(player))
            on_way.append((one.other, turn))
        elif one.is_our_turn and one.position is not None:
            free = next(cell for cell in "142536789" if not one.position.state[15 + int(cell)])
            players[player], turn = one.move(RULES.write(one.position.state, free), signer(player))
            on_way.append((one.other, turn))

    for count in (*breaks, 99):
        act(0), act(1)
        deliver(count)
        if on_way:
            on_way[:] = [(each.other, message) for each in players for message in each.again()]
    deliver(99)
    one, other = players
    assert one.agreed == other.agreed is not None
    assert one.waiting is other.waiting is None
