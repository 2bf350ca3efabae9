"""What a running process uses, as Linux tells it."""

import os
from pathlib import Path

KIBIBYTE = 1 << 10
AFTER_NAME = 2
"""Fields of /proc/PID/stat up to and including the name, which may hold spaces."""
USER_TIME, SYSTEM_TIME = 13 - AFTER_NAME, 14 - AFTER_NAME


class Usage:
    """Of one process since it is looked at."""

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc") / str(pid)
        self._cpu_before = self._cpu()
        (self._folder / "clear_refs").write_text("5")  # the peak counts from here

    @property
    def cpu_seconds(self) -> float:
        """On all cores."""
        return self._cpu() - self._cpu_before

    @property
    def peak_memory(self) -> int:
        """Bytes in memory at most, mapped files included."""
        lines = (self._folder / "status").read_text().splitlines()
        [peak] = [line for line in lines if line.startswith("VmHWM")]
        return int(peak.split()[1]) * KIBIBYTE

    def _cpu(self) -> float:
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[USER_TIME]) + int(fields[SYSTEM_TIME])) / os.sysconf("SC_CLK_TCK")
