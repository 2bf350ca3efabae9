"""Three in a row, for a stake: contracts/channels/apps/TicTacToe.sol in Python.

Terms: the stake (16 bytes). State: stake (16) ‖ nine cells, row by row (0 free, 1 of player 0, 2 of player 1).
"""

from tandem.channels.sessions import Player
from tandem.errors import EncodingError

HEAD, CELLS = 16, 9
ROWS = ((2, 4, 6), (0, 4, 8), (2, 5, 8), (1, 4, 7), (0, 3, 6), (6, 7, 8), (3, 4, 5), (0, 1, 2))
"""In the contract's order: it decides on boards that no game leads to, where both players have one."""


class TicTacToe:
    """tandem.channels.sessions.GameRules. Player 0 begins; a draw pays nothing; who lets his time pass loses."""

    name = "tic-tac-toe"
    most_turns = (CELLS + 1) // 2

    def terms(self, stake: int) -> bytes:
        """Of a game for so much, wei or the token's units."""
        _require(0 <= stake < 1 << 8 * HEAD, f"a stake has {HEAD} bytes")
        return stake.to_bytes(HEAD, "big")

    def stakes(self, terms: bytes) -> tuple[int, int]:
        """The same of both."""
        _require(len(terms) == HEAD, f"the terms are a stake of {HEAD} bytes")
        stake = int.from_bytes(terms, "big")
        return stake, stake

    def start(self, terms: bytes) -> bytes:
        """An empty board."""
        self.stakes(terms)
        return terms + bytes(CELLS)

    def mover(self, state: bytes) -> Player:
        """By the number of marks."""
        return 1 if _marks(state) & 1 else 0

    def is_valid_transition(self, before: bytes, after: bytes) -> bool:
        """One mark on a free cell."""
        mark = (_marks(before) & 1) + 1
        _cells(after)
        if _winner(before) or before[:HEAD] != after[:HEAD]:
            return False
        changes = [(old, new) for old, new in zip(before[HEAD:], after[HEAD:], strict=True) if old != new]
        return changes == [(0, mark)]

    def outcome(self, state: bytes, has_timed_out: bool) -> tuple[int, int] | None:
        """Who has won gets the other's stake."""
        marks, winner = _marks(state), _winner(state)
        if not winner and marks < CELLS:
            if not has_timed_out:
                return None
            winner = 2 - (marks & 1)
        stake = int.from_bytes(state[:HEAD], "big")
        return (stake if winner == 1 else 0), (stake if winner == 2 else 0)

    def write(self, state: bytes, move: str) -> bytes:
        """`move`: a cell, 1 to 9, row by row."""
        mark, cells = (_marks(state) & 1) + 1, bytearray(state)
        _require(move in set("123456789"), f"{move!r} is no cell: they are 1 to 9, row by row")
        at = HEAD + int(move) - 1
        _require(not cells[at], f"cell {move} is taken")
        cells[at] = mark
        return bytes(cells)

    def show(self, state: bytes) -> str:
        """X is player 0, O player 1."""
        text = "".join(".XO"[cell] for cell in _cells(state))
        return " ".join((text[:3], text[3:6], text[6:]))


def _cells(state: bytes) -> bytes:
    _require(len(state) == HEAD + CELLS, f"a state has {HEAD + CELLS} bytes, not {len(state)}")
    _require(max(state[HEAD:]) <= 2, "a cell is 0, 1 or 2")
    return state[HEAD:]


def _marks(state: bytes) -> int:
    return CELLS - _cells(state).count(0)


def _winner(state: bytes) -> int:
    """1 or 2: who has three in a row; 0: nobody."""
    cells = state[HEAD:]
    return next((cells[a] for a, b, c in ROWS if cells[a] and cells[a] == cells[b] == cells[c]), 0)


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise EncodingError(reason)
