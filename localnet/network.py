"""The network: starts, kills and restarts its parts."""

import json
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from localnet.ports import free_ports
from localnet.process import Child, ProcessFailed
from tandem.chain.spec import Deployment

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
START_TIMEOUT = 120.0
DEPLOY_TIMEOUT = 300.0
FREE_TIMEOUT = 5.0
"""Seconds that a port may take to become free: the children of a process that was killed die a moment later."""
L1_BLOCK_TIME = 2
"""Seconds between L1 blocks; a transaction also makes one at once."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the parts listen."""

    l1: int = 8545
    rpc: int = 8547
    status: int = 8550

    @classmethod
    def free(cls) -> "Ports":
        """Ports that nobody uses now."""
        return cls(*free_ports(3))


class LocalNet:
    """A context: whatever was started in it is gone at its end."""

    def __init__(self, folder: Path, ports: Ports | None = None) -> None:
        self.folder = folder
        self.ports = ports or Ports()
        self.children: dict[str, Child] = {}

    @property
    def l1_url(self) -> str:
        """JSON-RPC of L1."""
        return f"http://127.0.0.1:{self.ports.l1}"

    @property
    def l2_url(self) -> str:
        """JSON-RPC of L2."""
        return f"http://127.0.0.1:{self.ports.rpc}"

    @property
    def status_url(self) -> str:
        """The challenger's status page."""
        return f"http://127.0.0.1:{self.ports.status}"

    @property
    def deployment_path(self) -> Path:
        """The deployment file."""
        return self.folder / "deployment.json"

    @property
    def deployment(self) -> Deployment:
        """The chain as deployed."""
        return Deployment.load(self.deployment_path)

    def start_l1(self) -> None:
        """Start anvil."""
        _check_free(self.ports.l1)
        command = [str(BIN / "anvil"), "--port", str(self.ports.l1), "--hardfork", "prague", "--silent"]
        command += ["--block-time", str(L1_BLOCK_TIME), "--mixed-mining", "--slots-in-an-epoch", "1"]
        self._start("l1", command)
        self.children["l1"].wait_until(lambda: answers(self.l1_url), START_TIMEOUT)

    def deploy(self, *arguments: str) -> None:
        """`ape run deploy` on the L1."""
        network = f"ethereum:devnet:{self.l1_url}"
        command = [str(BIN / "ape"), "run", "deploy", "--network", network, "--out", str(self.deployment_path)]
        self._start("deploy", [*command, *arguments])
        child = self.children.pop("deploy")
        child.wait_until(lambda: not child.is_running, DEPLOY_TIMEOUT)
        if child.stop() != 0:
            raise RuntimeError(f"the deployment failed:\n{child.tail(40)}")

    def start_sequencer(self, *arguments: str) -> None:
        """Start the sequencer; also to start it again."""
        _check_free(self.ports.rpc)
        command = [sys.executable, "-m", "sequencer", "--deployment", str(self.deployment_path)]
        command += ["--data", str(self.folder / "sequencer"), "--l1", self.l1_url, "--port", str(self.ports.rpc)]
        self._start("sequencer", [*command, *arguments])
        self.children["sequencer"].wait_until(lambda: answers(self.l2_url), START_TIMEOUT)

    def start_challenger(self, *arguments: str, play: bool = False) -> None:
        """Start the challenger; also to start it again. `play`: with an account of its own, else it only watches."""
        _check_free(self.ports.status)
        command = [sys.executable, "-m", "challenger", "--deployment", str(self.deployment_path)]
        command += [] if play else ["--watch-only"]
        command += ["--data", str(self.folder / "challenger"), "--l1", self.l1_url]
        self._start("challenger", [*command, "--port", str(self.ports.status), *arguments])
        self.children["challenger"].wait_until(lambda: self.challenger_status() is not None, START_TIMEOUT)

    def challenger_status(self) -> dict[str, Any] | None:
        """What the challenger says of itself, None while it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.status_url}/status.json", timeout=5) as answer:
                content: dict[str, Any] = json.load(answer)
                return content
        except (OSError, ValueError):
            return None

    def stop(self, name: str) -> int:
        """Stop one part cleanly. Returns its exit code."""
        return self.children.pop(name).stop()

    def kill(self, name: str) -> None:
        """kill -9 one part."""
        self.children.pop(name).kill()

    def check(self) -> None:
        """ProcessFailed where any part has ended on its own."""
        for child in self.children.values():
            child.check()

    def __enter__(self) -> "LocalNet":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in reversed(list(self.children.values())):
            child.stop()
        self.children.clear()

    def _start(self, name: str, command: Sequence[str]) -> None:
        self.children[name] = Child(name, command, self.folder / "logs" / f"{name}.log", {"PYTHONPATH": str(ROOT)})


def _check_free(port: int) -> None:
    """ProcessFailed where something goes on listening there: it would be taken for what is about to start."""
    end = time.monotonic() + FREE_TIMEOUT
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.1)
    raise ProcessFailed(f"port {port} is in use: is another devnet running?")


def answers(url: str) -> bool:
    """Whether a JSON-RPC answers there."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:
            return "result" in json.load(answer)
    except (OSError, ValueError, urllib.error.URLError):
        return False
