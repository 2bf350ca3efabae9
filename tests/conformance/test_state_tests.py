"""A sample of the official state tests, bounded in time; `make state-tests` runs a whole folder."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tandem.evm.rules import FORKS
from tests.conformance.cases import Case
from tests.conformance.state_tests import Options, Part, Verdict, judge, main, run_part
from tests.conformance.vectors import HOW_TO_GET, VECTORS, sampled

ONE_IN = 4
LIMIT = 60.0


def _sample() -> Iterator[Any]:
    """Files with the forks they have entries of; every third file also on the loop that tracers use."""
    for path, chosen in sampled(ONE_IN):
        text = path.read_text()
        for fork in FORKS:
            if re.search(rf'"{fork}"\s*:\s*\[', text):
                for loop in ("fast", "traced") if chosen % 3 == 0 else ("fast",):
                    yield pytest.param(path, fork, loop, id=f"{path.relative_to(VECTORS)}-{fork}-{loop}")


def _failures(verdicts: Sequence[Verdict]) -> list[str]:
    return [f"{verdict.name}: {verdict.reason}" for verdict in verdicts if verdict.reason]


@pytest.mark.skipif(not VECTORS.is_dir(), reason=HOW_TO_GET)
@pytest.mark.parametrize(("path", "fork", "loop"), _sample())
def test_official_state_test(path: Path, fork: str, loop: str) -> None:
    """Every case of the file ends as Ethereum says."""
    assert _failures(run_part(Part(path), Options(fork, LIMIT, traced=loop == "traced"))) == []


def test_malformed_file_is_a_listed_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.json").write_text('{"name": {"post": []}}')
    (tmp_path / "no.json").write_text("{")
    assert main([str(tmp_path), "--jobs", "1"]) == 1
    output = capfd.readouterr().out
    assert "malformed fixture" in output and output.splitlines()[-1] == "0 passed, 2 failed"


def test_folder_without_tests_does_not_pass(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--jobs", "1"]) == 1
    assert capfd.readouterr().out.splitlines()[-1] == "0 passed, 0 failed"


def test_case_that_takes_too_long_is_a_failure() -> None:
    """A contract that loops for ever with endless gas."""
    sender, contract = "0x" + "a1" * 20, "0x" + "c0" * 20
    account = {"nonce": "0x0", "storage": {}}
    fixture = {
        "env": {
            "currentNumber": "0x1",
            "currentTimestamp": "0x1",
            "currentCoinbase": "0x" + "fe" * 20,
            "currentGasLimit": "0x7fffffffffffffff",
        },
        "pre": {
            sender: account | {"balance": hex(2**200), "code": "0x"},
            contract: account | {"balance": "0x0", "code": "0x5b5f56"},
        },
        "transaction": {
            "nonce": "0x0",
            "gasPrice": "0xa",
            "gasLimit": ["0x7ffffffffffffff0"],
            "to": contract,
            "value": ["0x0"],
            "data": ["0x"],
            "sender": sender,
        },
        "post": {"Cancun": [{"hash": "0x00", "logs": "0x00", "indexes": {"data": 0, "gas": 0, "value": 0}}]},
    }
    assert _verdict(fixture, 0.3) == "took longer than 0.3 s"
    fixture["transaction"]["gasLimit"] = ["0xffff"]  # type: ignore[index]
    assert "state root is" in (_verdict(fixture, 5) or "")


def _verdict(fixture: dict[str, object], limit: float) -> str | None:
    post = fixture["post"]["Cancun"][0]  # type: ignore[index]
    return judge(Case("case", "Cancun", fixture, post), Options("Cancun", limit))
