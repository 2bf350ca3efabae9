"""Runs official Ethereum state tests through Tandem's state database and block executor.

    python -m tests.conformance.state_tests DIR [--fork Cancun] [--jobs N] [--limit SECONDS] [--match TEXT]

DIR is searched for *.json at any depth: GeneralStateTests of ethereum/tests, state tests of execution-spec-tests. Each
failure is listed with its reason; the last line is `N passed, N failed`; the exit code is 1 if any failed.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tandem.evm.rules import FORKS
from tests.conformance.cases import Case, Mismatch, check, read

CASE_LIMIT = 300
"""Seconds a case may take. Known to be slow in Python: pairings (30 s), 8 million rounds of BLAKE2 (80 s)."""
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, RecursionError)
"""What reading a file or a field raises where it is no fixture."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one case went. `reason` is None where it passed."""

    path: Path
    name: str
    reason: str | None


class TimeUp(BaseException):
    """The case ran into its limit. No Exception: nothing between here and there may swallow it."""


def run_file(path: Path, fork: str, limit: float, match: str = "") -> list[Verdict]:
    """Every case of a file. A file that cannot be read is one failure."""
    try:
        cases = list(read(path, fork))
    except MALFORMED as error:
        return [Verdict(path, path.stem, f"malformed fixture: {type(error).__name__}: {error}")]
    return [Verdict(path, case.name, _reason(case, limit)) for case in cases if match in case.name]


def _reason(case: Case, limit: float) -> str | None:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TimeUp

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        check(case)
    except Mismatch as mismatch:
        return str(mismatch)
    except TimeUp:
        return f"took longer than {limit:g} s"
    except Exception as error:  # noqa: BLE001 - whatever a case does, the others are to run
        return f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    return None


def run_all(
    paths: Sequence[Path], fork: str, jobs: int, limit: float, match: str, report: Callable[[list[Verdict]], None]
) -> None:
    """All files on a pool of processes. A file that kills its process is run again alone: the second time it fails."""
    suspects = list(_run_pool(paths, fork, jobs, limit, match, report))
    for path in suspects:
        for lost in _run_pool([path], fork, 1, limit, match, report):
            report([Verdict(lost, lost.stem, "the process that ran it died")])


def _run_pool(
    paths: Sequence[Path], fork: str, jobs: int, limit: float, match: str, report: Callable[[list[Verdict]], None]
) -> Iterator[Path]:
    """Runs files, reports their verdicts, and gives back those without any because a process died."""
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        futures: dict[Future[list[Verdict]], Path] = {}
        for path in paths:
            futures[pool.submit(run_file, path, fork, limit, match)] = path
        pending = set(futures)
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    report(future.result())
                except BrokenProcessPool:
                    yield futures[future]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="state_tests", description="Run official Ethereum state tests.")
    parser.add_argument("directory", type=Path, help="a folder of fixtures, or one file")
    parser.add_argument("--fork", default="Cancun", choices=sorted(FORKS), help="whose entries to run")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--limit", type=float, default=CASE_LIMIT, help="seconds a case may take")
    parser.add_argument("--match", default="", help="only cases whose name has this in it")
    options = parser.parse_args(arguments)
    directory: Path = options.directory
    if not directory.exists():
        parser.error(f"{directory} does not exist")
    # The large files first, so that no core is left alone with one at the end.
    paths = (
        sorted(directory.rglob("*.json"), key=lambda path: -path.stat().st_size) if directory.is_dir() else [directory]
    )
    console = Console()
    passed, failures = 0, list[Verdict]()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"{options.fork}", total=len(paths))

        def report(verdicts: list[Verdict]) -> None:
            nonlocal passed
            for verdict in verdicts:
                if verdict.reason is None:
                    passed += 1
                else:
                    failures.append(verdict)
                    progress.console.print(
                        f"FAILED {verdict.path}: {verdict.name}\n       {verdict.reason}", markup=False
                    )
            progress.update(task, advance=1, description=f"{options.fork}: {passed} passed, {len(failures)} failed")

        run_all(paths, options.fork, max(1, options.jobs), options.limit, options.match, report)
    print(f"{passed} passed, {len(failures)} failed", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
