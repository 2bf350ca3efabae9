"""What a long run has done already, so that it can be interrupted and go on."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from tests.conformance.tally import Tally
from tests.conformance.work import Options, Task, label

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("contracts", "tandem", "tests/conformance", "tests/support")
FOLDER = ROOT / ".cache" / "prove-state-tests"


class Journal:
    """The tasks of a folder that went well. A change of options or of any source begins another journal."""

    def __init__(self, directory: Path, options: Options, *, fresh: bool = False) -> None:
        digest = hashlib.sha256(f"{directory.resolve()}|{options.fork}|{options.sample}|{options.match}".encode())
        for source in SOURCES:
            for path in sorted((ROOT / source).rglob("*")):
                if path.suffix in (".py", ".sol"):
                    digest.update(path.read_bytes())
        self._path = FOLDER / f"{digest.hexdigest()[:16]}.jsonl"
        if fresh:
            self._path.unlink(missing_ok=True)
        self._done = self._read()

    def _read(self) -> dict[str, Tally]:
        done = {}
        if self._path.exists():
            for line in self._path.read_text().splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:  # the line that an interruption cut short
                    continue
                done[entry.pop("task")] = Tally.from_json(entry)
        return done

    def done(self, task: Task) -> Tally | None:
        """What came of a task in an earlier run."""
        return self._done.get(label(task))

    def left(self, tasks: Sequence[Task]) -> list[Task]:
        """Those that are still to do."""
        return [task for task in tasks if label(task) not in self._done]

    def write(self, task: Task, tally: Tally) -> None:
        """Remember a task. One that failed is run again."""
        if not tally.failures:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.write(json.dumps({"task": label(task)} | tally.to_json()) + "\n")
