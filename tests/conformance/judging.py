"""Steps of a machine, judged by the contracts: all of them, or a sample that leaves out no kind."""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import zip_longest

from tandem.machine.machine import Machine
from tandem.machine.stepper import kind_of, prove_step, step
from tests.support.revm import Reverted
from tests.support.verifier import Verifier

Row = tuple[str, str]
"""Kind of step and outcome: a row of the coverage table."""


class Disagreement(Exception):
    """Two ways to the same end do not end alike. The message says where."""


@dataclass(slots=True)
class Report:
    """What came of a case: steps judged right, what was wrong, and how many steps each row had."""

    engine_alone: str = ""
    """Why the machine cannot run it; empty where it can."""
    passed: int = 0
    steps: int = 0
    failures: list[str] = field(default_factory=list)
    rows: Counter[Row] = field(default_factory=Counter)


class Sampler:
    """Chooses steps while they go by: all, or `sample` of them spread evenly over the rows, by chance within a row.

    It keeps `sample` indexes of a row at most: a case may have tens of millions of steps.
    """

    def __init__(self, sample: int, dice: random.Random) -> None:
        self.steps = 0
        """Seen so far."""
        self._sample = sample
        self._dice = dice
        self._kept: dict[Row, list[int]] = {}
        self._seen: Counter[Row] = Counter()

    def see(self, row: Row) -> None:
        """The next step was of this row. Of a row's n steps each stays with the same chance (reservoir sampling)."""
        kept, seen = self._kept.setdefault(row, []), self._seen[row]
        if seen < self._sample:
            kept.append(self.steps)
        else:
            place = int(self._dice.random() * (seen + 1))
            if place < self._sample:
                kept[place] = self.steps
        self._seen[row] = seen + 1
        self.steps += 1

    def chosen(self) -> set[int]:
        """Indexes of the steps to judge."""
        found: set[int] = set()
        groups = [self._dice.sample(kept, len(kept)) for kept in self._kept.values()]
        for one_of_each in zip_longest(*groups):
            for index in one_of_each:
                if index is not None and len(found) < self._sample:
                    found.add(index)
        return found


def choose(rows: Iterable[Row], sample: int, dice: random.Random) -> set[int]:
    """Indexes of steps to judge, of these."""
    sampler = Sampler(sample, dice)
    for row in rows:
        sampler.see(row)
    return sampler.chosen()


def judge(m: Machine, chosen: set[int], verifier: Verifier) -> Report:
    """Step from here on, and let the contracts judge the chosen ones."""
    report = Report()
    for index in range(max(chosen, default=-1) + 1):
        if index not in chosen:
            step(m)
            continue
        name = kind_of(m).name
        proven = prove_step(m)
        try:
            judged = verifier.verify(proven)
        except Reverted as error:
            report.failures.append(f"step {index}, {name} ({proven.outcome}): the verifier reverts: {error}")
            continue
        if judged != proven.after:
            report.failures.append(f"step {index}, {name} ({proven.outcome}): the verifier gives another hash")
            continue
        report.passed += 1
        report.rows[name, proven.outcome] += 1
    return report


def prove(
    make: Callable[[], Machine], follow: Callable[[Machine], Iterable[Row]], sample: int, verifier: Verifier, seed: str
) -> Report:
    """Go all the way once without witnesses, then once more with those of the steps that were chosen. Disagreement."""
    sampler = Sampler(sample, random.Random(seed))
    for row in follow(make()):
        sampler.see(row)
    report = judge(make(), sampler.chosen(), verifier)
    report.steps = sampler.steps
    return report
