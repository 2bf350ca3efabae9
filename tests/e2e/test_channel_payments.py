"""Two sides of a channel as processes: payments both ways over a real socket, kill -9 at any time, nothing lost."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from channels.store import Store
from localnet.ports import free_ports
from story.stage import ROOT
from tandem.channels.endpoint import Endpoint
from tandem.channels.settlement import Knowledge, settle
from tandem.channels.states import Side
from tests.support.channel_process import DEPOSIT, KEY, blank

pytestmark = pytest.mark.e2e
IN_FLIGHT = 8
KILLS = 8


class Process:
    """A side that runs, and what it has said when it was stopped or killed."""

    def __init__(self, side: Side, port: int, folder: Path, in_flight: int = IN_FLIGHT) -> None:
        module = "tests.support.channel_process"
        options = ["--side", str(side), "--port", str(port), "--data", str(folder), "--in-flight", str(in_flight)]
        self.log = folder / f"side{side}.{time.monotonic_ns()}.log"
        with self.log.open("wb") as out:
            self._process = subprocess.Popen([sys.executable, "-m", module, *options], cwd=ROOT, stdout=out, stderr=out)

    def stop(self, number: int) -> int:
        """Its exit code."""
        self._process.send_signal(number)
        return self._process.wait(20)

    @property
    def signed(self) -> int:
        """Payments that it has said to be signed by both."""
        lines = [line for line in self.log.read_text().splitlines() if line.isdigit()]
        return int(lines[-1]) if lines else 0

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


def kept(folder: Path, side: Side) -> Endpoint:
    """What a side has on its disk."""
    with Store(folder / f"side{side}.sqlite") as store:
        assert KEY.id in store.channels()
        return store.load(blank(side))


def wait_for(process: Process, signed: int) -> None:
    end = time.monotonic() + 30
    while process.signed < signed:
        assert process.is_running, process.log.read_text()
        assert time.monotonic() < end, f"{process.signed} payments in 30 s: {process.log.read_text()[-200:]}"
        time.sleep(0.02)


def test_kill_9_at_any_time_loses_no_payment(tmp_path: Path, port: int) -> None:
    chance = random.Random(7)
    sides: list[Side] = [0, 1]
    running = {side: Process(side, port, tmp_path) for side in sides}
    told = dict.fromkeys(sides, 0)
    wait_for(running[0], 20)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.1, 0.5))
        victims = chance.choice([[0], [1], [0, 1]])
        for side in victims:
            assert running[side].stop(signal.SIGKILL) == -signal.SIGKILL
            told[side] += running[side].signed
            running[side] = Process(side, port, tmp_path)  # type: ignore[arg-type]
    for side in sides:
        wait_for(running[side], 20)
    for side in sides:
        assert running[side].stop(signal.SIGTERM) == 0
        told[side] += running[side].signed

    ends = [kept(tmp_path, side) for side in sides]
    for side, end, other in ((0, ends[0], ends[1]), (1, ends[1], ends[0])):
        assert end.mine.lane.transferred >= told[side], "what was said to be signed is signed, and kept"
        assert other.theirs.lane.nonce - end.mine.lane.nonce in (0, 1), "one answer may be under way"
        assert other.theirs.lane in (end.mine.lane, end.proposed)
    newest = ends[1].theirs.lane, ends[0].theirs.lane
    assert sum(settle(ends[0].funds, newest, Knowledge())) == 2 * DEPOSIT
    for end in ends:
        paid = settle(
            end.funds, (max(ends[0].mine.lane, newest[0], key=lambda lane: lane.nonce), newest[1]), Knowledge()
        )
        assert paid[end.side] >= end.guaranteed


def test_who_has_lost_its_disk_gets_the_others_copy(tmp_path: Path, port: int) -> None:
    one, other = Process(0, port, tmp_path), Process(1, port, tmp_path)
    wait_for(one, 20)
    wait_for(other, 20)
    other.stop(signal.SIGKILL)
    one.stop(signal.SIGTERM)
    before = kept(tmp_path, 0)
    for file in tmp_path.glob("side1.sqlite*"):
        file.unlink()
    one, other = Process(0, port, tmp_path), Process(1, port, tmp_path)
    wait_for(one, 20)
    wait_for(other, 20)
    for process in (one, other):
        assert process.stop(signal.SIGTERM) == 0
    for side in (0, 1):
        after = kept(tmp_path, side)  # type: ignore[arg-type]
        assert min(after.mine.lane.nonce, after.theirs.lane.nonce) > 0
    assert kept(tmp_path, 1).mine.lane.transferred >= before.theirs.lane.transferred
