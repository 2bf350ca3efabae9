"""Cases proven by several processes: parts of fixture files, and scenarios of our own."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from types import FrameType

from tests.conformance.cases import Mismatch, read
from tests.conformance.judging import Disagreement, Report
from tests.conformance.proving import prove_case
from tests.conformance.scenarios.play import SCENARIOS, play
from tests.conformance.state_tests import MALFORMED, Part, TimeUp
from tests.conformance.tally import Tally
from tests.support.verifier import Verifier, compiled

RENEWAL = 50_000
"""Steps that one set of contracts judges in a process, about 65 MB."""
Task = Part | str
"""A part of a file of state tests, or a scenario's name."""


@dataclass(frozen=True, slots=True)
class Options:
    """What holds for all cases of a run."""

    fork: str
    sample: int
    limit: float
    """Seconds a case may take."""
    match: str = ""


def tasks(parts: Sequence[Part]) -> list[Task]:
    """All scenarios, then these parts."""
    return [*SCENARIOS, *parts]


def label(task: Task) -> str:
    """What a task is called where it is remembered. A fixture that changes is another."""
    if isinstance(task, str):
        return f"scenario {task}"
    return f"{task.path}#{task.first}/{task.parts}@{task.path.stat().st_mtime_ns}"


def run_task(task: Task, options: Options) -> Tally:
    """The task's cases."""
    tally = Tally()
    if isinstance(task, str):
        tally.count(f"scenario {task}", *_attempt(lambda: play(task), options.limit))
        return tally
    try:
        cases = list(read(task.path, options.fork))[task.first :: task.parts]
    except MALFORMED as error:
        if not task.first:
            tally.failures.append(f"{task.path}: malformed fixture: {type(error).__name__}: {error}")
        return tally
    if _verifier().judged > RENEWAL:
        _verifier.cache_clear()
    for case in cases:
        if options.match in case.name:
            done = _attempt(lambda case=case: prove_case(case, options.sample, _verifier()), options.limit)  # type: ignore[misc]
            tally.count(f"{task.path}: {case.name}", *done)
    return tally


@cache
def _verifier() -> Verifier:
    """This process's contracts."""
    return Verifier()


def _attempt(prove: Callable[[], Report], limit: float) -> tuple[Report, list[str]]:
    """A case's report, and why it could not be finished."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TimeUp

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        return prove(), []
    except (Mismatch, Disagreement) as error:
        return Report(), [str(error)]
    except TimeUp:
        return Report(), [f"took longer than {limit:g} s"]
    except Exception as error:  # noqa: BLE001 - whatever a case does, the others are to run
        return Report(), [f"{type(error).__name__}: {error}"]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def run_all(todo: Sequence[Task], options: Options, jobs: int, report: Callable[[Task, Tally], None]) -> None:
    """All tasks on a pool of processes. One that kills its process is run again alone: the second time it fails."""
    for task in list(_run_pool(todo, options, jobs, report)):
        for lost in _run_pool([task], options, 1, report):
            report(lost, Tally(failures=[f"{label(lost)}: the process that ran it died"]))


def _run_pool(
    todo: Sequence[Task], options: Options, jobs: int, report: Callable[[Task, Tally], None]
) -> Iterator[Task]:
    """Runs tasks, reports what came of them, and gives back those without a result because a process died."""
    compiled()  # once, for all the processes that are forked from this one
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("fork"), _ignore_interrupts)
    try:
        futures: dict[Future[Tally], Task] = {pool.submit(run_task, task, options): task for task in todo}
        for future in as_completed(futures):
            try:
                tally = future.result()
            except BrokenProcessPool:
                yield futures[future]
            else:
                report(futures[future], tally)
    except BaseException:
        # Nobody waits for what the processes are at: it is done again.
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    pool.shutdown()


def _ignore_interrupts() -> None:
    """Ctrl-C is for the process that leads: it ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
