"""Steps judged by the contracts: all that can happen, by scenarios of our own, and a sample of official state tests.

`make prove-state-tests` runs whole folders.
"""

import json
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tandem.machine.stepping import Proven
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import address_of
from tests.conformance import journal, work
from tests.conformance.cases import Case, Mismatch, check
from tests.conformance.coverage import Coverage, render, rows
from tests.conformance.judging import Row, choose
from tests.conformance.prove_state_tests import INTERRUPTED, main
from tests.conformance.scenarios.play import SCENARIOS
from tests.conformance.state_tests import find
from tests.conformance.tally import Tally
from tests.conformance.vectors import HOW_TO_GET, VECTORS, sampled
from tests.conformance.work import Options, Task, run_all
from tests.support.verifier import Verifier

ONE_IN = 6
SAMPLE = 80
LEAST = 20_000
"""Steps of state tests to be judged."""
LIMIT = 120.0


def prove(tasks: list[Task]) -> Tally:
    """All of these, on all processors."""
    total = Tally()
    run_all(tasks, Options("Cancun", SAMPLE, LIMIT), os.cpu_count() or 1, lambda _task, tally: total.add(tally))
    return total


def test_scenarios_leave_no_row_without_a_proof() -> None:
    done = prove(list(SCENARIOS))
    assert done.failures == []
    assert done.coverage.empty() == []
    assert done.coverage.undeclared() == []


@pytest.mark.timeout(900)
@pytest.mark.skipif(not VECTORS.is_dir(), reason=HOW_TO_GET)
def test_steps_of_official_state_tests() -> None:
    parts = {part.path: part for part in reversed(find(VECTORS))}
    done = prove([parts[path] for path, _ in sampled(ONE_IN)])
    assert done.failures == []
    assert done.coverage.undeclared() == []
    assert done.passed >= LEAST


# -- the command


@pytest.fixture
def one_scenario(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command with a short scenario alone, and with journals of its own."""
    monkeypatch.setattr(work, "SCENARIOS", {"blobs": SCENARIOS["blobs"]})
    monkeypatch.setattr(journal, "FOLDER", tmp_path / "journals")


def run(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, output, its last line."""
    code = main([*map(str, arguments), "--jobs", "1"])
    output = capfd.readouterr().out
    return code, output, output.splitlines()[-1]


@pytest.mark.usefixtures("one_scenario")
def test_folder_without_tests_does_not_pass(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, _, last = run(capfd, tmp_path)
    assert (code, last) == (1, "0 passed, 0 failed")


@pytest.mark.usefixtures("one_scenario")
def test_malformed_file_is_a_listed_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.json").write_text('{"name": {"post": []}}')
    (tmp_path / "no.json").write_text("{")
    code, output, last = run(capfd, tmp_path, "--table", tmp_path / "table.md")
    assert code == 1
    assert output.count("malformed fixture") == 2
    assert last == "14 passed, 2 failed"
    assert not (tmp_path / "table.md").exists()


def state_test(folder: Path) -> Path:
    """A state test of one transaction that sets a slot."""
    key = b"\x11" * 32
    sender, contract = "0x" + address_of(key).hex(), "0x" + "c0" * 20
    account = {"nonce": "0x0", "storage": {}}
    transaction = {"nonce": "0x0", "gasPrice": "0xa", "gasLimit": ["0xffff"], "to": contract, "value": ["0x0"]}
    post = {"hash": "0x00", "logs": "0x" + keccak(b"\xc0").hex(), "indexes": {"data": 0, "gas": 0, "value": 0}}
    fixture = {
        "env": {
            "currentNumber": "0x1",
            "currentTimestamp": "0x1",
            "currentCoinbase": "0x" + "fe" * 20,
            "currentGasLimit": "0xfffffff",
        },
        "pre": {
            sender: account | {"balance": hex(2**200), "code": "0x"},
            contract: account | {"balance": "0x0", "code": "0x60015f55"},
        },
        "transaction": transaction | {"data": ["0x"], "sender": sender, "secretKey": "0x" + key.hex()},
        "post": {"Cancun": [post]},
    }
    with pytest.raises(Mismatch) as refused:
        check(Case("case", "Cancun", fixture, post))
    post["hash"] = str(refused.value).split()[3].rstrip(",")
    path = folder / "test.json"
    path.write_text(json.dumps({"case": fixture}))
    return path


@pytest.mark.usefixtures("one_scenario")
def test_interrupted_run_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, table = state_test(tmp_path), tmp_path / "table.md"
    write = journal.Journal.write

    def interrupted(self: journal.Journal, task: Task, tally: Tally) -> None:
        write(self, task, tally)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(journal.Journal, "write", interrupted)
        code, _, last = run(capfd, path, "--table", table)
    assert (code, last) == (INTERRUPTED, "interrupted: the same command goes on from here")
    assert not table.exists()
    code, output, last = run(capfd, path, "--table", table)
    assert code == 0 and "going on" in output
    first = table.read_text()
    assert "| BLOBHASH | found | 0 | 0 | 1 | 2 |" in first and "| SSTORE | cold, set | 1 | 1 | 0 | 0 |" in first
    code, output, again = run(capfd, path, "--table", table, "--fresh")
    assert code == 0 and "going on" not in output
    assert (again, table.read_text()) == (last, first)


@pytest.mark.usefixtures("one_scenario")
def test_a_verifier_that_disagrees_is_a_failure(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, verify = state_test(tmp_path), Verifier.verify

    def wrong(self: Verifier, proven: Proven) -> bytes:
        return bytes(32) if proven.outcome == "cold, set" else verify(self, proven)

    monkeypatch.setattr(Verifier, "verify", wrong)
    code, output, last = run(capfd, path, "--table", tmp_path / "table.md")
    assert code == 1
    assert "SSTORE (cold, set): the verifier gives another hash" in output
    assert last.endswith(" passed, 1 failed")


# -- what they are made of


def test_a_sample_leaves_out_no_row() -> None:
    rows = [("PUSH1", "ok")] * 5_000 + [("ADD", "ok")] * 30 + [("STOP", "ok")]
    chosen = choose(rows, 50, random.Random(1))
    assert len(chosen) == 50
    assert Counter(rows[index] for index in chosen) == {("PUSH1", "ok"): 25, ("ADD", "ok"): 24, ("STOP", "ok"): 1}
    assert chosen == choose(rows, 50, random.Random(1)) != choose(rows, 50, random.Random(2))
    assert choose(rows[:40], 50, random.Random(1)) == set(range(40))


def test_the_table_knows_what_is_missing_and_what_it_does_not_know() -> None:
    known: Row = ("ADD", "ok")
    covered, strange = Coverage(), Coverage()
    covered.count(known, 2, 7)
    strange.count(("ADD", "by chance"), 1, 1)
    assert set(covered.empty()) == set(rows()) - {known}
    assert (covered.undeclared(), strange.undeclared()) == ([], [("ADD", "by chance")])
    table = render(covered, Coverage())
    assert f"1 of {len(rows())} rows are proven, by 7 steps." in table
    assert "| ADD | ok | 2 | 7 | 0 | 0 |" in table
