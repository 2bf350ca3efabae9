"""What came of many cases, to be added up and written down."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.coverage import Coverage
from tests.conformance.judging import Report


@dataclass(slots=True)
class Tally:
    """Of state tests, or of scenarios."""

    cases: int = 0
    steps: int = 0
    """That the stepper took."""
    passed: int = 0
    """Steps that the contracts judged right."""
    failures: list[str] = field(default_factory=list)
    engine_alone: Counter[str] = field(default_factory=Counter)
    """Cases that the machine could not run, by the reason."""
    coverage: Coverage = field(default_factory=Coverage)

    def count(self, label: str, report: Report, reasons: list[str]) -> None:
        """One more case. `reasons`: why it could not be finished."""
        self.cases += 1
        self.steps += report.steps
        self.passed += report.passed
        self.failures += [f"{label}: {failure}" for failure in [*report.failures, *reasons]]
        if report.engine_alone:
            self.engine_alone[report.engine_alone] += 1
        for row, steps in report.rows.items():
            self.coverage.count(row, 1, steps)

    def add(self, other: "Tally") -> None:
        """Count those of another too."""
        self.cases += other.cases
        self.steps += other.steps
        self.passed += other.passed
        self.failures += other.failures
        self.engine_alone += other.engine_alone
        self.coverage.add(other.coverage)

    def to_json(self) -> dict[str, Any]:
        """All but the failures: for the journal, where there are none."""
        return {
            "cases": self.cases,
            "steps": self.steps,
            "passed": self.passed,
            "engine_alone": dict(self.engine_alone),
            "rows": [[*row, *counts] for row, counts in self.coverage.counts()],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Tally":
        """The inverse of `to_json`."""
        tally = cls(data["cases"], data["steps"], data["passed"], engine_alone=Counter(data["engine_alone"]))
        for kind, outcome, cases, steps in data["rows"]:
            tally.coverage.count((kind, outcome), cases, steps)
        return tally
