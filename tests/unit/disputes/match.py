"""Whole games over the toy machine: one honest party against liars, judged by the referee."""

import copy
from bisect import bisect_right
from dataclasses import dataclass, field
from random import Random

from tandem.disputes.board import Board
from tandem.disputes.edges import INFINITE, Level, Path
from tandem.disputes.moves import Due, Lift, Update
from tandem.disputes.strategy import next_moves
from tandem.disputes.traces import Claims
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Hash
from tests.support.referee import Referee, Refused
from tests.support.toy_machine import Alter, ToyState, ToySteps, ToyTrace, honestly, lie_at

HEIGHTS = (3, 4)
LONGEST = 14
LEAVES = 7
WINDOW = 1000
DELAY = 3
"""Within which the honest party answers, seconds."""
ORIGIN = keccak(b"the parent assertion")
ASSERTION = keccak(b"the honest assertion")
START, END = ToyState(b"start"), ToyState(b"end")
HONEST = Address(bytes(19) + b"\x01")
LIAR = Address(bytes(19) + b"\x02")


class PatchedTrace:
    """A trace whose steps have a state that is none, where there is one between the first and the last."""

    def __init__(self, trace: ToyTrace, salt: int) -> None:
        self.tree = trace.tree
        self._trace = trace
        self._salt = salt

    def steps(self, leaf: int) -> ToySteps:
        steps = self._trace.steps(leaf)
        states = list(steps.states)
        if len(states) > 2:
            at = 1 + self._salt % (len(states) - 2)
            states[at] = ToyState(b"patch %d" % self._salt)
        return ToySteps(states, steps.tree.depth)


class Counted:
    """Tells which level-1 traces were made."""

    def __init__(self, trace: ToyTrace) -> None:
        self.tree = trace.tree
        self.made: list[int] = []
        self._trace = trace

    def steps(self, leaf: int) -> ToySteps:
        self.made.append(leaf)
        return self._trace.steps(leaf)


def toy_trace(alter: Alter = honestly) -> ToyTrace:
    """A trace that ends as all others do."""
    return ToyTrace(START, END, LEAVES, longest=LONGEST, depths=HEIGHTS, alter=alter)


def claims_on(trace: ToyTrace | PatchedTrace | Counted) -> Claims:
    """The party's claims that believes in a trace."""
    return Claims(ORIGIN, START.hash, trace, HEIGHTS[1])


def step_counts() -> list[int]:
    """Steps of the honest trace below each leaf."""
    trace = toy_trace()
    return [len(trace.steps(leaf).tree) for leaf in range(LEAVES)]


@dataclass
class Match:
    """The honest party, liars, and who judges."""

    honest: Claims
    liars: list[Claims]
    referee: Referee
    board: Board = field(default_factory=Board)
    times: list[int] = field(default_factory=list)
    """When each event was, seconds."""
    honest_moves: int = 0

    @classmethod
    def of(cls, lies: list[tuple[int, int, int]], patches: list[int]) -> "Match":
        """`lies`: leaf, step and salt of each liar. `patches`: salts of liars with right level-0 trees."""
        traces = [toy_trace(), *(toy_trace(lie_at(*lie)) for lie in lies)]
        exits = {trace.exit.hash: END.hash for trace in traces}
        patched = [PatchedTrace(traces[salt % len(traces)], salt) for salt in patches]
        liars = [claims_on(trace) for trace in (*traces[1:], *patched)]
        return cls(claims_on(Counted(traces[0])), liars, Referee(exits, LONGEST, *HEIGHTS, WINDOW))

    def claim(self, claims: Claims) -> bool:
        """Opens a party's root; False where it is there already."""
        mover = HONEST if claims is self.honest else LIAR
        try:
            self.referee.claim(claims.root, END.hash, claims.end_proof(), mover)
        except Refused:
            return False
        self.look()
        return True

    def look(self) -> Board:
        """The board with all events so far."""
        for event in self.referee.events[len(self.times) :]:
            self.board.apply(event)
            self.times.append(self.referee.now)
        return self.board

    def board_at(self, time: int) -> Board:
        """The board as it was."""
        return Board(self.referee.events[: bisect_right(self.times, time)])

    def due(self, claims: Claims) -> list[Due]:
        """What a party wants to do."""
        return next_moves(self.look(), claims)

    def try_answer(self, claims: Claims, due: Due) -> bool:
        """A liar's answer, which may be refused."""
        try:
            self.referee.move(claims.make(due), LIAR)
        except Refused:
            return False
        self.look()
        return True

    def answer(self) -> None:
        """All honest moves, one round: what they make is looked at in the next."""
        for due in self.due(self.honest):
            if due.opens_steps and self.honest.step_root(due.leaf) is None:
                self.honest.steps(due.leaf)
                continue
            self.referee.move(self.honest.make(due), HONEST)
            self.honest_moves += 1
        self.look()

    def hostile(self, claims: Claims) -> list[Due]:
        """What a liar wants to do, but for what is the honest party's as well."""
        honest = self.honest_edges()
        return [due for due in self.due(claims) if due.edge.id not in honest]

    def honest_edges(self) -> set[Hash]:
        """Ids of the honest party's edges on the board."""
        board = self.look()
        records = [board.get(edge.id) for edge in (self.honest.root, *self.honest.step_roots())]
        found = set()
        while records:
            record = records.pop()
            if record is not None:
                found.add(record.id)
                records += record.children or ()
        return found

    def liars_move(self, chance: Random) -> bool:
        """Some of the liars' moves, at times useful ones. Whether there was one."""
        moved = False
        for claims in self.liars:
            for due in self.due(claims) if chance.random() < 0.2 else self.hostile(claims):
                if chance.random() < 0.7:
                    moved |= self.try_answer(claims, due)
        return moved

    def has_won(self) -> bool:
        """Whether the honest root has, all edges counted."""
        return self.look().timer_true(self.honest.root.id, self.referee.now) >= WINDOW

    def play(self, chance: Random) -> None:
        """To the end. Liars move when they like, the honest party within DELAY."""
        waiting = [self.honest, *self.liars]
        chance.shuffle(waiting)
        while self.honest.root.id not in self.board or not self.has_won():
            assert self.referee.now < 100 * WINDOW, "nobody wins"
            for claims in [each for each in waiting if chance.random() < 0.5]:
                waiting.remove(claims)
                self.claim(claims)
            self.liars_move(chance)
            if self.honest in waiting:
                waiting.remove(self.honest)
                self.claim(self.honest)
            while self.due(self.honest):
                self.referee.now += chance.randint(0, DELAY)
                self.answer()
            self.referee.now += chance.choice((1, DELAY, WINDOW // 10, WINDOW // 3))

    def all_brought_up(self) -> Referee:
        """A copy of the referee after every update there can be."""
        referee = copy.deepcopy(self.referee)
        records = sorted(self.look(), key=lambda record: (-record.edge.level, record.edge.height))
        for record in records:
            edge = record.edge
            if record.children:
                left, right = (child.edge for child in record.children)
                referee.move(Update((Lift(edge, Path(left.index, left.root, (right.root,))),)), LIAR)
            elif edge.level == Level.TRACE and edge.height == 0:
                for root in record.step_roots:
                    referee.move(Update((Lift(edge, Path(edge.index, edge.root, ()), (root.edge,)),)), LIAR)
        return referee

    def goals(self) -> list[Hash]:
        """Own roots that have truly won."""
        board, now = self.look(), self.referee.now
        own = [edge.id for edge in (*self.honest.step_roots(), self.honest.root) if edge.id in board]
        return [edge_id for edge_id in own if WINDOW <= board.timer_true(edge_id, now) <= INFINITE]
