"""`make demo` as a newcomer sees it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 540
"""Seconds for both acts on a machine that is busy."""
STORY = (
    "escrow == supply",
    "python -m sequencer --cheat fake-withdrawal",
    "the challenger derived L2 from L1 alone and says: wrong",
    "is disputed",
    "meanwhile alice pays dave 1 ETH",
    "proven by the challenger",
    "behind it, says the contract",
    "confirmed:",
    "rejected:",
    "bob has 2 ETH more on L1",
    "finalizeWithdrawal is refused by L1: NotConfirmed",
    "honesty cost the challenger nothing",
)
"""What is told, in this order."""


@pytest.mark.e2e
@pytest.mark.timeout(TIMEOUT + 30)
def test_the_demo_tells_its_story_and_leaves_no_process_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    command = [sys.executable, "scripts/demo.py", "--keep", str(tmp_path / "demo")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    told = " ".join(done.stdout.split())
    at = 0
    for line in STORY:
        at = told.find(line, at)
        assert at >= 0, f"{line} is not told, or too early:\n{done.stdout[-6000:]}"
    heights = [int(height) for height in re.findall(r"level 1, height (\d+)", done.stdout)]
    assert heights == sorted(heights, reverse=True) and 0 < len(heights) < 12, "a line every few moves"
    left = [line for line in map(_line, psutil.process_iter()) if str(tmp_path) in " ".join(line)]
    assert left == []


def _line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []
