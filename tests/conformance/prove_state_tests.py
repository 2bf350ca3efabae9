"""Proves official Ethereum state tests step by step: engine, stepper and the contracts on L1 must agree.

    python -m tests.conformance.prove_state_tests DIR [--sample N] [--fork Cancun] [--jobs N] [--match TEXT] [--fresh]

Each case runs on the sequencer's engine and on the stepper; all its steps, or N of them spread over instructions and
outcomes, are judged by the verifier contracts in process. So are scenarios of our own, for what state tests cannot
reach. A run that was interrupted goes on where it stopped. The last line is `N passed, N failed`, in steps;
docs/reference/coverage.md says which steps were proven.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.conformance.coverage import TABLE, Coverage, render
from tests.conformance.journal import Journal
from tests.conformance.state_tests import find
from tests.conformance.tally import Tally
from tests.conformance.work import Options, Task, run_all, tasks
from tests.support.solidity import CompilationError

SAMPLE = 100
CASE_LIMIT = 900
"""Seconds a case may take: the longest have tens of millions of steps."""
INTERRUPTED = 130
"""Exit code, as shells have it for Ctrl-C."""


class Run:
    """A run's totals: those of state tests, and those of scenarios."""

    def __init__(self) -> None:
        self.state_tests = Tally()
        self.scenarios = Tally()

    def add(self, task: Task, tally: Tally) -> None:
        """One more task."""
        (self.scenarios if isinstance(task, str) else self.state_tests).add(tally)

    @property
    def passed(self) -> int:
        """Steps judged right."""
        return self.state_tests.passed + self.scenarios.passed

    @property
    def failures(self) -> list[str]:
        """All there are."""
        return self.state_tests.failures + self.scenarios.failures

    def coverage(self) -> Coverage:
        """All rows that were seen."""
        total = Coverage()
        total.add(self.state_tests.coverage)
        total.add(self.scenarios.coverage)
        return total


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    given = _arguments(arguments)
    options = Options(given.fork, given.sample, given.limit, given.match)
    parts = find(given.directory)
    if not parts:
        print(f"No state test was found in {given.directory}: there is no JSON file.\n0 passed, 0 failed", flush=True)
        return 1
    journal = Journal(given.directory, options, fresh=given.fresh)
    todo = tasks(parts)
    run = Run()
    for task in todo:
        run.add(task, journal.done(task) or Tally())
    if run.passed:
        print(f"going on: {run.state_tests.cases:,} cases were done before (--fresh begins anew)", flush=True)
    try:
        _prove(todo, options, max(1, given.jobs), journal, run)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on from here", flush=True)
        return INTERRUPTED
    except CompilationError as error:
        print(f"the verifier contracts do not compile:\n{error}", file=sys.stderr)
        return 1
    return _conclude(run, given.table or (None if given.match else TABLE), given)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="prove_state_tests", description="Prove official Ethereum state tests.")
    parser.add_argument("directory", type=Path, help="a folder of fixtures, or one file")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="most steps of a case to judge")
    parser.add_argument(
        "--fork", default="Cancun", type=str.capitalize, choices=["Cancun"], help="whose entries to run"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--limit", type=float, default=CASE_LIMIT, help="seconds a case may take")
    parser.add_argument("--match", default="", help="only cases whose name has this in it; writes no table")
    parser.add_argument("--fresh", action="store_true", help="do not go on with a run that was interrupted")
    parser.add_argument("--table", type=Path, help="where to write the coverage table")
    given = parser.parse_args(arguments)
    if not given.directory.exists():
        parser.error(f"{given.directory} does not exist")
    if given.sample < 1:
        parser.error("--sample must be at least 1")
    return given


def _prove(todo: Sequence[Task], options: Options, jobs: int, journal: Journal, run: Run) -> None:
    """All that is left to do, with its progress shown."""
    left = journal.left(todo)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as progress:
        shown = progress.add_task("compiling the verifier contracts", total=len(todo), completed=len(todo) - len(left))

        def report(task: Task, tally: Tally) -> None:
            journal.write(task, tally)
            run.add(task, tally)
            for failure in tally.failures:
                progress.console.print(f"FAILED {failure}", markup=False, highlight=False, soft_wrap=True)
            text = f"{run.state_tests.cases:,} cases, {run.passed:,} steps judged, {len(run.failures)} failed"
            progress.update(shown, advance=1, description=text)

        run_all(left, options, jobs, report)


def _conclude(run: Run, table: Path | None, given: argparse.Namespace) -> int:
    """Says what came of it, writes the table. Returns the exit code."""
    seen = run.coverage()
    undeclared = [f"{kind}: {outcome}" for kind, outcome in seen.undeclared()]
    tests, own = run.state_tests, run.scenarios
    if not tests.cases:
        print(f"No state test of {given.fork} was found in {given.directory}.")
    print(
        f"state tests: {tests.cases:,} cases, {tests.steps:,} steps, {tests.passed:,} of them judged by the contracts"
    )
    for reason, count in sorted(tests.engine_alone.items()):
        print(f"  {count:,} of them on the engine alone: {reason}")
    print(f"scenarios: {own.cases:,}, {own.steps:,} steps, {own.passed:,} of them judged by the contracts")
    for name in undeclared:
        print(f"FAILED {name}: a step ended in a way that the coverage table does not declare")
    empty = seen.empty()
    print("rows of coverage without a proof: " + (", ".join(": ".join(row) for row in empty) or "none"))
    if table is not None and tests.cases:
        table.write_text(render(tests.coverage, own.coverage))
        print(f"coverage: {table}")
    failed = len(run.failures) + len(undeclared)
    print(f"{run.passed} passed, {failed} failed", flush=True)
    return 0 if tests.cases and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
