"""Plays one party's game about one parent assertion on L1, whatever that party claims: the right child or a lie.

    claims = Claims(parent_id, start, trace)            # what the party believes: a trace, honest or not
    player = Player(claims, sender.address, window)
    while not decided:
        reader.poll()                                   # a GameReader: L1's events are the only state
        for answers in player.rounds(reader.board, reader.time):
            make_moves(l1, sender, answers)

It keeps nothing that matters: what is to be done follows from the board alone, so a player that was killed goes on,
and two players with the same claim help one another. The assertion itself is made by whoever plays, before or after
(Rollup.createAssertion); what decides and settles the game is in tandem.node.housekeeping.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tandem.disputes.board import Board, Record
from tandem.disputes.moves import Answer, Due, OpenSteps
from tandem.disputes.strategy import next_moves
from tandem.disputes.traces import Claims
from tandem.l1.contracts import L1
from tandem.l1.game_encoding import move_call
from tandem.l1.sender import L1Rejected, L1Sender, SendFailure
from tandem.node.verification import Disagreement
from tandem.primitives.types import Address

GAS_RESERVE = 5 * 10**16
"""Wei kept back from bonds: to answer, update, confirm and fetch with."""
MADE_BEFORE = ("EdgeExists", "AlreadyProven")
"""What L1 says of a move that someone else was quicker with."""


class Player:
    """One game."""

    def __init__(self, claims: Claims, address: str, window: int) -> None:
        """`address`: whose earlier openings need not be worked out again. `window`: the challenge window, seconds."""
        self.claims = claims
        self.disagreements: dict[int, Disagreement] = {}
        """Leaves below which no move is made: what the trace says there is not what the stepper does."""
        self._address = Address(bytes.fromhex(address[2:]))
        self._window = window

    def dues(self, board: Board, now: int) -> list[Due]:
        """Own edges that need an answer at L1's time `now`, without working any out."""
        self.recall(board)
        dues = next_moves(board, self.claims, now, self._window)
        return [due for due in dues if due.leaf not in self.disagreements]

    def rounds(self, board: Board, now: int) -> Iterator[list[Answer]]:
        """The answers due, in rounds to be sent as they come: first all that are at hand, then, leaf by leaf, those for
        which a level-1 trace is made first, which can take minutes. None depends on another one."""
        at_hand: list[Due] = []
        heavy: dict[int, list[Due]] = {}
        for due in self.dues(board, now):
            if due.leaf is None or not self.claims.needs_steps(due.leaf):
                at_hand.append(due)
            else:
                heavy.setdefault(due.leaf, []).append(due)
        if answers := self._make(board, at_hand):
            yield answers
        for dues in heavy.values():
            if answers := self._make(board, dues):
                yield answers

    def recall(self, board: Board) -> None:
        """Learn the own level-1 roots that were opened before a restart from the board."""
        root = board.get(self.claims.root.id)
        for leaf in leaves_below(root) if root else ():
            index = leaf.edge.index
            if self.claims.step_root(index) is None:
                for opened in leaf.step_roots:
                    if opened.mover == self._address:
                        self.claims.recall(index, opened.edge.root)

    def _make(self, board: Board, dues: Sequence[Due]) -> list[Answer]:
        answers = []
        for due in dues:
            if due.leaf in self.disagreements:
                continue
            try:
                answer = self.claims.make(due)
            except Disagreement as disagreement:
                self.disagreements[disagreement.leaf] = disagreement
                continue
            if not isinstance(answer, OpenSteps) or not self._is_open(board, answer):
                answers.append(answer)
        return answers

    def _is_open(self, board: Board, answer: OpenSteps) -> bool:
        """Whether someone else has opened the same root: then it is answered from in the next round."""
        own = self.claims.step_root(answer.leaf.index)
        return own is not None and own.id in board


def leaves_below(record: Record) -> Iterator[Record]:
    """The level-0 leaves that were made below an edge, from the left."""
    if record.children is not None:
        for child in record.children:
            yield from leaves_below(child)
    elif record.edge.height == 0:
        yield record


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What became of a round of moves."""

    made: tuple[Answer, ...]
    refused: tuple[str, ...]
    """Why others were not made, but for those that someone else had made."""
    missing: int
    """Wei that the account lacks for bonds of openings, which were not made."""


def make_moves(l1: L1, sender: L1Sender, answers: Sequence[Answer]) -> RoundResult:
    """Send a round at once. A move that L1 has already, or that someone else is quicker with, does no harm."""
    bond = l1.game.functions.stepBond().call() if any(isinstance(item, OpenSteps) for item in answers) else 0
    chosen, missing = _affordable(answers, sender.balance() - GAS_RESERVE if bond else 0, bond)
    calls = [(move_call(l1.game, item), bond if isinstance(item, OpenSteps) else 0) for item in chosen]
    outcomes = sender.send_all(calls)
    made = [item for item, outcome in zip(chosen, outcomes, strict=True) if not isinstance(outcome, SendFailure)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, SendFailure)]
    refused = [str(failure) for failure in failures if not is_made_before(failure)]
    return RoundResult(tuple(made), tuple(refused), missing)


def is_made_before(failure: SendFailure) -> bool:
    """Whether L1 refused a move because it is made."""
    return isinstance(failure, L1Rejected) and any(name in str(failure) for name in MADE_BEFORE)


def _affordable(answers: Sequence[Answer], funds: int, bond: int) -> tuple[list[Answer], int]:
    """The answers for which the account has the bonds, and the wei that it lacks for the others."""
    chosen: list[Answer] = []
    missing = 0
    for answer in answers:
        if isinstance(answer, OpenSteps) and funds < bond:
            missing += bond - max(funds, 0)
            funds = 0
            continue
        funds -= bond if isinstance(answer, OpenSteps) else 0
        chosen.append(answer)
    return chosen, missing
