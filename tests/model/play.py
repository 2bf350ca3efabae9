"""A dispute in the course of time: the honest party wakes every DELAY seconds, unless it is censored; what disputes.md
promises it is asked at every wake."""

from collections.abc import Callable
from dataclasses import dataclass

from tandem.disputes.edges import Edge, Level
from tests.model.arena import Arena, Build, Disagreement, terms_for
from tests.model.calls import Call
from tests.model.honest import HONEST, OUTRUN, Honest
from tests.model.knowledge import START, Knowledge

DELAY = 20
"""Seconds within which the honest party answers what it sees."""
CENSORSHIP = 300
"""Seconds in which it can be kept from moving, in all."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a dispute came to."""

    false_roots: int
    false_step_roots: int
    """In places where the honest party has a root."""
    moves: int
    """The honest party's bisections, openings and proofs."""
    late: int
    """Seconds from its root's creation to its confirmation beyond T."""
    censored: int
    """Seconds."""
    gain: int
    """The honest party's wealth at the end less that at the start, wei."""
    is_disputed: bool


class Play:
    """One dispute."""

    def __init__(self, build: Build, heights: tuple[int, int], leaves: int) -> None:
        self.knowledge = Knowledge(heights, leaves)
        self.arena = Arena(build, terms_for(START.hash, heights), self.knowledge)
        self.honest = Honest(self.arena)
        self._wealth = self.arena.balance(HONEST)
        self.censored = 0
        self._censored_until = 0
        self._next_wake = self.arena.time + DELAY
        self._confirmed_at: int | None = None
        self.outruns = 0
        """How many of the honest party's next moves others make before it."""
        self.copier = HONEST
        self.honest.outrun = self._outrun

    # -- what adversaries do besides calls

    def censor(self, seconds: int) -> None:
        """Keeps the honest party from moving."""
        now = self.arena.time
        begin = max(now, self._censored_until)
        seconds = min(seconds, CENSORSHIP - self.censored)
        self._censored_until = begin + seconds
        self.censored += seconds

    def _outrun(self, call: Call) -> None:
        if self.outruns:
            self.outruns -= 1
            self.arena.send(self.copier, call)

    # -- time

    def advance(self, seconds: int) -> None:
        """Lets time pass."""
        until = self.arena.time + seconds
        while self._next_wake <= until:
            self.arena.time = self._next_wake
            self._next_wake += DELAY
            if self.arena.time >= self._censored_until:
                self.honest.wake()
            self.check_promises()
        self.arena.time = until

    def finish(self, when_decided: Callable[[], None] = lambda: None) -> Figures:
        """Plays to the end, settles everything, and gives the figures. The promises about money are asked here.

        `when_decided`: what others do between the decision and the honest party's collecting.
        """
        self.honest.make_assertion()
        for _ in range(4 * self.arena.terms.window // DELAY):
            if self._confirmed_at is not None and not self.honest.is_at_stake:
                break
            self.advance(DELAY)
        else:
            raise Disagreement("bonds of level 1 are never settled")
        self.outruns = 0
        when_decided()
        self.honest.clean_up()
        self.arena.check_timers()
        figures = self._figures()
        if figures.is_disputed and figures.gain < -self.honest.spent[OUTRUN]:
            raise Disagreement(f"the honest party lost {-figures.gain} wei: {figures}, {self.honest.spent}")
        if figures.moves > self.most_moves(figures):
            raise Disagreement(f"{figures.moves} honest moves")
        return figures

    # -- promises

    @property
    def grace(self) -> int:
        """What answers and censors may take, seconds."""
        heights = self.knowledge.heights
        return DELAY * (sum(heights) + 3) + self.censored

    def check_promises(self) -> None:
        """The true root is confirmed in time; no false root comes near to it."""
        model = self.arena.model
        if model.confirmed is not None:
            if model.confirmed.root != self.honest.claims.root:
                raise Disagreement("a false assertion is confirmed")
            self._confirmed_at = self._confirmed_at or self.arena.time
            return
        known: dict[Edge, int] = {}
        for edge in self.false_roots():
            if model.timer_true(edge, known) > self.grace:
                raise Disagreement(f"a false root has {model.timer_true(edge, known)} s of at most {self.grace}")
        made = model.made.get(self.honest.claims.root)
        if made is not None and self.arena.time > made + self.arena.terms.window + self.grace:
            raise Disagreement(f"the true root is not confirmed {self.arena.time - made} s after its creation")

    def false_roots(self) -> list[Edge]:
        """Level-0 roots that claim something else."""
        own = self.honest.claims.root
        height = self.arena.terms.trace_height
        return [edge for edge in self.arena.model.made if is_root(edge, height) and edge != own]

    def most_moves(self, figures: Figures) -> int:
        """What is promised: so many for each false root."""
        at_trace, at_steps = self.knowledge.heights
        return figures.false_roots * (at_trace + 1) + figures.false_step_roots * (at_steps + 1)

    def _figures(self) -> Figures:
        own = {edge.place: edge for edge in self.honest.claims.step_roots()}
        false_steps = [root for root in self.arena.model.claim if root.place in own and own[root.place] != root]
        root = self.honest.claims.root
        assert self._confirmed_at is not None
        return Figures(
            false_roots=len(self.false_roots()),
            false_step_roots=len(false_steps),
            moves=self.honest.moves,
            late=self._confirmed_at - self.arena.model.made[root] - self.arena.terms.window,
            censored=self.censored,
            gain=self.arena.balance(HONEST) - self._wealth,
            is_disputed=self.arena.model.is_rivalled(root),
        )


def is_root(edge: Edge, height: int) -> bool:
    """Whether this is a root of level 0."""
    return edge.level == Level.TRACE and edge.height == height
