"""Runs official Ethereum state tests through Tandem's state database and block executor.

    python -m tests.conformance.state_tests DIR [--fork Cancun] [--jobs N] [--limit SECONDS] [--match TEXT] [--trace]

DIR is searched for *.json at any depth: GeneralStateTests of ethereum/tests, state tests of execution-spec-tests. Each
failure is listed with its reason; the last line is `N passed, N failed`; the exit code is 1 if any failed.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tandem.evm.rules import FORKS
from tests.conformance.cases import Case, Mismatch, check, read

CASE_LIMIT = 300
"""Seconds a case may take. Known to be slow in Python: pairings (30 s), 8 million rounds of BLAKE2 (80 s)."""
BYTES_A_PART, MOST_PARTS = 65_536, 32
"""How finely a file is divided among the processes."""
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


@dataclass(frozen=True, slots=True)
class Part:
    """Every `parts`-th case of a file, from `first` on: large files keep all processes busy."""

    path: Path
    first: int = 0
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Options:
    """What holds for all cases of a run."""

    fork: str
    limit: float = CASE_LIMIT
    match: str = ""
    traced: bool = False


def run_part(part: Part, options: Options) -> list[Verdict]:
    """The part's cases. A file that cannot be read is one failure, its first part's."""
    path = part.path
    try:
        cases = list(read(path, options.fork))[part.first :: part.parts]
    except MALFORMED as error:
        reason = f"malformed fixture: {type(error).__name__}: {error}"
        return [] if part.first else [Verdict(path, path.stem, reason)]
    return [Verdict(path, case.name, judge(case, options)) for case in cases if options.match in case.name]


def judge(case: Case, options: Options) -> str | None:
    """Why the case fails; None where it passes."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TimeUp

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, options.limit)
    try:
        check(case, options.traced)
    except Mismatch as mismatch:
        return str(mismatch)
    except TimeUp:
        return f"took longer than {options.limit:g} s"
    except Exception as error:  # noqa: BLE001 - whatever a case does, the others are to run
        return f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    return None


def run_all(parts: Sequence[Part], options: Options, jobs: int, report: Callable[[list[Verdict]], None]) -> None:
    """All parts on a pool of processes. One that kills its process is run again alone: the second time it fails."""
    suspects = list(_run_pool(parts, options, jobs, report))
    for part in suspects:
        for lost in _run_pool([part], options, 1, report):
            report([Verdict(lost.path, lost.path.stem, "the process that ran it died")])


def _run_pool(
    parts: Sequence[Part], options: Options, jobs: int, report: Callable[[list[Verdict]], None]
) -> Iterator[Part]:
    """Runs parts, reports their verdicts, and gives back those without any because a process died."""
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        futures: dict[Future[list[Verdict]], Part] = {pool.submit(run_part, part, options): part for part in parts}
        for future in as_completed(futures):
            try:
                verdicts = future.result()
            except BrokenProcessPool:
                yield futures[future]
            else:
                report(verdicts)


def find(directory: Path) -> list[Part]:
    """The fixtures below a folder, the large ones first; folders that begin with a dot hold none."""
    paths = [directory]
    if directory.is_dir():
        found = directory.rglob("*.json")
        paths = [path for path in found if not any(name.startswith(".") for name in path.relative_to(directory).parts)]
    sizes = {path: path.stat().st_size for path in paths}
    paths.sort(key=lambda path: (-sizes[path], path))
    counts = {path: min(MOST_PARTS, 1 + sizes[path] // BYTES_A_PART) for path in paths}
    return [Part(path, first, counts[path]) for path in paths for first in range(counts[path])]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="state_tests", description="Run official Ethereum state tests.")
    parser.add_argument("directory", type=Path, help="a folder of fixtures, or one file")
    parser.add_argument(
        "--fork", default="Cancun", type=str.capitalize, choices=sorted(FORKS), help="whose entries to run"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--limit", type=float, default=CASE_LIMIT, help="seconds a case may take")
    parser.add_argument("--match", default="", help="only cases whose name has this in it")
    parser.add_argument("--trace", action="store_true", help="run the loop that tracers use instead of the fast one")
    given = parser.parse_args(arguments)
    if not given.directory.exists():
        parser.error(f"{given.directory} does not exist")
    parts = find(given.directory)
    passed, failures = 0, list[Verdict]()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task(given.fork, total=len(parts))

        def report(verdicts: list[Verdict]) -> None:
            nonlocal passed
            for verdict in verdicts:
                if verdict.reason is None:
                    passed += 1
                    continue
                failures.append(verdict)
                line = f"FAILED {verdict.path}: {verdict.name}: {verdict.reason}"
                progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
            progress.update(task, advance=1, description=f"{given.fork}: {passed} passed, {len(failures)} failed")

        run_all(parts, Options(given.fork, given.limit, given.match, given.trace), max(1, given.jobs), report)
    if not passed and not failures:
        print(f"No state test of {given.fork} was found in {given.directory}.")
    print(f"{passed} passed, {len(failures)} failed", flush=True)
    return 0 if passed and not failures else 1


if __name__ == "__main__":
    sys.exit(main())
