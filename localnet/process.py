"""One child process with its log file, which never outlives its parent."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal a child gets when its parent dies (Linux; elsewhere a killed parent leaves its children)."""
STOP_TIMEOUT = 15.0
"""Seconds that a process has to stop cleanly before it is killed."""


class ProcessFailed(Exception):
    """A child ended, or did not become ready in time; the message has the end of its log."""


class Child:
    """A running program. Its output goes to `log`."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: dict[str, str] | None = None) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def check(self) -> None:
        """ProcessFailed where it has ended."""
        if not self.is_running:
            raise ProcessFailed(f"{self.name} ended with code {self._process.returncode}:\n{self.tail()}")

    def stop(self) -> int:
        """End it cleanly (SIGTERM), or by force if it does not. Returns its exit code."""
        if self.is_running:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.kill()
        self._kill_group()
        return self._process.returncode

    def kill(self) -> None:
        """kill -9, at once, its own children too."""
        self._process.kill()
        self._kill_group()
        self._process.wait()

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Wait until `ready()` is true. ProcessFailed where it ends first, or takes longer than `timeout` seconds."""
        end = time.monotonic() + timeout
        while not ready():
            self.check()
            if time.monotonic() > end:
                raise ProcessFailed(f"{self.name} is not ready after {timeout:.0f} s:\n{self.tail()}")
            time.sleep(0.05)

    def _kill_group(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _die_with_parent() -> None:
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    except (AttributeError, OSError):
        pass
