"""The traces of a party that lies in a dispute: right but for one step, and honest in all that follows from it."""

from dataclasses import dataclass, replace
from itertools import count

from tandem.disputes.lies import FALSIFIERS, Lie, NothingToLieAbout
from tandem.machine.chain import Ancestry, Chain
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode
from tandem.machine.stepper import step
from tandem.machine.trace import (
    AssertionTrace,
    Boundary,
    Step,
    StepTrace,
    boundary,
    skip,
    take_step,
    walk,
)
from tandem.primitives.types import Hash

TRIES = 16
"""Places tried in one step of level 0: where a call reverts, no lie within it lasts."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the lie is: a step of level 0, and a step of level 1 within it."""

    leaf: int
    step: int


def lying_step(lie: Lie, place: int) -> Step:
    """Steps of level 1 of which one is false."""

    def take(m: Machine, index: int) -> None:
        if index == place:
            FALSIFIERS[lie.cheat].take(m, lie)
        else:
            step(m)

    return take


def find_place(chain: Chain, start: Boundary, lie: Lie) -> Place:
    """The first place where the lie applies and outlasts the step of level 0, but for those that it skips."""
    m = start.machine(chain)
    modes = FALSIFIERS[lie.cheat].modes
    skipped = 0
    for leaf in count():
        if m.mode == Mode.HALTED:
            break
        found = _lasting_step(chain, boundary(m), lie) if m.mode in modes else None
        if found is not None:
            if skipped == lie.skip_places:
                return Place(leaf, found)
            skipped += 1
        skip(m)
    raise NothingToLieAbout(f"{lie.cheat}: {skipped} places in this trace, {lie.skip_places} of them to skip")


def _lasting_step(chain: Chain, start: Boundary, lie: Lie) -> int | None:
    """The step of level 1 to falsify. None where the boundary behind them is the same after all."""
    candidates, honest = _candidates(chain, start, lie)
    lasting = 0
    for index in candidates[:TRIES]:
        m = start.machine(chain)
        walk(m, lying_step(lie, index))
        if m.hash() != honest:
            if lasting == lie.skip_steps:
                return index
            lasting += 1
    return None


def _candidates(chain: Chain, start: Boundary, lie: Lie) -> tuple[list[int], Hash]:
    """The steps to try, the likeliest first, and the boundary that they honestly lead to."""
    ranked: list[tuple[int, int]] = []
    rank = FALSIFIERS[lie.cheat].rank

    def take(m: Machine, index: int) -> None:
        ranking = rank(m)
        if ranking is not None:
            ranked.append((ranking, index))
        step(m)

    m = start.machine(chain)
    walk(m, take)
    return [index for _, index in sorted(ranked)], m.hash()


class LyingTrace(AssertionTrace):
    """Level 0 of an assertion with one lie.

    Its end is another than the honest one's, unless what follows mends it: a slot may be stored to again.
    """

    def __init__(self, chain: Chain, start: Boundary, lie: Lie) -> None:
        """Runs to where the lie leads. NothingToLieAbout where there is no place for it."""
        self.lie = lie
        place = find_place(chain, start, lie)
        self.lie_leaf, self.lie_step = place.leaf, place.step
        self.chain = replace(chain, ancestry=Ancestry(chain.ancestry.block_hash))
        """With the blocks that follow from the lie, which `chain` never hears of. Preimages are shared."""
        super().__init__(self.chain, start)

    def _step_of(self, leaf: int) -> Step:
        return lying_step(self.lie, self.lie_step) if leaf == self.lie_leaf else take_step

    def _advance(self, m: Machine, leaf: int) -> None:
        if leaf == self.lie_leaf:
            walk(m, self._step_of(leaf))
        else:
            skip(m)

    def steps(self, leaf: int) -> StepTrace:
        """Level 1 of one step of level 0."""
        return StepTrace(self._chain, boundary(self.origin(leaf)), self._step_of(leaf))
