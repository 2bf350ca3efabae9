"""Plays one party's game about one parent assertion on L1, whatever that party claims: the right child or a lie.

    claims = Claims(parent_id, start, trace)            # what the party believes: a trace, honest or not
    player = Player(claims, sender.address)
    while not decided:
        reader.poll()                                   # a GameReader: L1's events are the only state
        for answers in player.rounds(reader.board):
            make_moves(l1, sender, answers)

It keeps nothing that matters: what is to be done follows from the board alone, so a player that was killed goes on,
and two players with the same claim help one another. The assertion itself is made by whoever plays, before or after
(Rollup.createAssertion); what decides and settles the game is in tandem.node.housekeeping.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tandem.disputes.board import Board, Record
from tandem.disputes.moves import Answer, Due, OpenSteps
from tandem.disputes.strategy import next_moves
from tandem.disputes.traces import Claims
from tandem.l1.contracts import L1
from tandem.l1.game_encoding import move_call
from tandem.l1.sender import L1Rejected, L1Sender, SendFailure
from tandem.node.reserve import STEPS_GAS, wei_of
from tandem.node.verification import Disagreement
from tandem.primitives.types import Address

SPELL = 5.0
"""Seconds of work on level-1 traces and far proofs after which L1 is looked at again, but for what cannot be parted."""
MADE_BEFORE = ("EdgeExists", "AlreadyProven")
"""What L1 says of a move that someone else was quicker with."""


class Player:
    """One game. `decided` is, in all that it is asked, whether L1 has confirmed the own assertion."""

    def __init__(self, claims: Claims, address: str, spell: float = SPELL) -> None:
        """`address`: whose earlier openings need not be worked out again. `spell`: seconds of work at a time."""
        self.claims = claims
        self.disagreements: dict[int, Disagreement] = {}
        """Leaves below which no move is made: what the trace says there is not what the stepper does."""
        self._address = Address(bytes.fromhex(address[2:]))
        self._spell = spell

    def dues(self, board: Board, decided: bool = False) -> list[Due]:
        """Own edges that need an answer, without working any out."""
        self.recall(board)
        return [due for due in next_moves(board, self.claims, decided) if due.leaf not in self.disagreements]

    def rounds(self, board: Board, decided: bool = False) -> Iterator[list[Answer]]:
        """The answers due, in rounds to be sent as they come: those at hand, then what a spell of work gives. None
        depends on another one. When there is more to do, it is after the next look at the board."""
        for answers in (self.at_hand(board, decided), self.work(board, decided)):
            if answers:
                yield answers

    def at_hand(self, board: Board, decided: bool = False) -> list[Answer]:
        """The answers due that take no time."""
        return self._make(board, [due for due in self.dues(board, decided) if self.claims.is_at_hand(due)], decided)

    def work(self, board: Board, decided: bool = False) -> list[Answer]:
        """The first of the others, as many as a spell allows: for them level-1 traces are made, or steps taken again.
        A single one can take minutes, and is at hand from then on."""
        until = time.monotonic() + self._spell
        return self._make(board, _for_a_spell(self.far(board, decided), until), decided)

    def far(self, board: Board, decided: bool = False) -> list[Due]:
        """What is due and takes work."""
        return [due for due in self.dues(board, decided) if not self.claims.is_at_hand(due)]

    def recall(self, board: Board) -> None:
        """Learn the own level-1 roots that were opened before a restart from the board."""
        root = board.get(self.claims.root.id)
        for leaf in leaves_below(root) if root else ():
            index = leaf.edge.index
            if self.claims.step_root(index) is None:
                for opened in leaf.step_roots:
                    if opened.mover == self._address:
                        self.claims.recall(index, opened.edge.root)

    def _make(self, board: Board, dues: Iterable[Due], decided: bool) -> list[Answer]:
        answers = []
        for due in dues:
            if due.leaf in self.disagreements:
                continue
            try:
                answer = self.claims.make(due)
            except Disagreement as disagreement:
                self.disagreements[disagreement.leaf] = disagreement
                continue
            if not isinstance(answer, OpenSteps) or not (decided or self._is_open(board, answer)):
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
    """Wei that the account lacks for openings, which were not made: bonds, and the gas to play on with."""


def make_moves(l1: L1, sender: L1Sender, answers: Sequence[Answer], gas_ahead: int = 0) -> RoundResult:
    """Send a round at once. A move that L1 has already, or that someone else is quicker with, does no harm.

    `gas_ahead`: of all games that the account is in (tandem.node.reserve). No bond is staked that would eat its price,
    or that of the game which the opening begins.
    """
    bond, stake, funds = 0, 0, 0
    if any(isinstance(item, OpenSteps) for item in answers):
        bond = l1.game.functions.stepBond().call()
        stake = bond + wei_of(l1, STEPS_GAS)
        funds = sender.balance() - wei_of(l1, gas_ahead)
    chosen, missing = affordable(answers, funds, stake)
    calls = [(move_call(l1.game, item), bond if isinstance(item, OpenSteps) else 0) for item in chosen]
    outcomes = sender.send_all(calls)
    made = [item for item, outcome in zip(chosen, outcomes, strict=True) if not isinstance(outcome, SendFailure)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, SendFailure)]
    refused = [str(failure) for failure in failures if not is_made_before(failure)]
    return RoundResult(tuple(made), tuple(refused), missing)


def is_made_before(failure: SendFailure) -> bool:
    """Whether L1 refused a move because it is made."""
    return isinstance(failure, L1Rejected) and any(name in str(failure) for name in MADE_BEFORE)


def affordable(answers: Sequence[Answer], funds: int, stake: int) -> tuple[list[Answer], int]:
    """The answers for which the account has enough, and the wei that it lacks for the rest. `stake`: of an opening."""
    chosen: list[Answer] = []
    missing = 0
    for answer in answers:
        if not isinstance(answer, OpenSteps):
            chosen.append(answer)
        elif funds >= stake:
            chosen.append(answer)
            funds -= stake
        else:
            missing += stake - funds
            funds = 0
    return chosen, missing


def _for_a_spell(dues: Iterable[Due], until: float) -> Iterator[Due]:
    """The first, and more of them until then."""
    for due in dues:
        yield due
        if time.monotonic() >= until:
            return
