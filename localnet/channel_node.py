"""Channel nodes as processes: started, killed and asked by end-to-end tests, the demo and benchmarks."""

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from localnet.network import ROOT, START_TIMEOUT
from localnet.process import Child

TIMEOUT = 90.0
"""Seconds that an answer may take."""


class NodeSays(Exception):
    """What a node has answered instead of doing it."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(f"{error}: {message}")
        self.status, self.error, self.message = status, error, message


class ChannelNode:
    """One node: its process, and its REST interface."""

    def __init__(self, name: str, folder: Path, key: bytes, ports: tuple[int, int], arguments: Sequence[str]) -> None:
        """`ports`: for nodes and for the owner. `arguments`: for `python -m channels run`."""
        self.name = name
        self.folder = folder
        self.ports = ports
        self._arguments = list(arguments)
        self._environment = {"PYTHONPATH": str(ROOT), "TANDEM_CHANNELS_KEY": key.hex()}
        self.child: Child | None = None

    def start(self, *more: str) -> "ChannelNode":
        """Also to start it again. Returns when it answers."""
        command = [sys.executable, "-m", "channels", "run", "--data", str(self.folder / self.name)]
        command += ["--port", str(self.ports[0]), "--api-port", str(self.ports[1]), *self._arguments, *more]
        log = self.folder / "logs" / f"{self.name}.log"
        self.child = Child(self.name, command, log, self._environment)
        self.child.wait_until(self.is_ready, START_TIMEOUT)
        return self

    def is_ready(self) -> bool:
        """Whether it answers and its chains are read."""
        try:
            return bool(self.get("/info")["is_ready"])
        except (OSError, ValueError, NodeSays):
            return False

    def kill(self) -> None:
        """kill -9."""
        assert self.child is not None
        self.child.kill()
        self.child = None

    def stop(self) -> int:
        """Cleanly. Returns its exit code."""
        if self.child is None:
            return 0
        code = self.child.stop()
        self.child = None
        return code

    @property
    def uri(self) -> str:
        """public key @ host : port."""
        return str(self.get("/info")["node"])

    @property
    def public_key(self) -> str:
        """Hexadecimal digits."""
        return self.uri.partition("@")[0]

    @property
    def log(self) -> str:
        """What it has written so far."""
        return (self.folder / "logs" / f"{self.name}.log").read_text(errors="replace")

    # -- its interface

    def get(self, path: str) -> Any:
        """NodeSays where it says no, OSError where it says nothing."""
        return self._ask("GET", path, None)

    def post(self, path: str, **body: Any) -> Any:
        """NodeSays where it says no, OSError where it says nothing."""
        return self._ask("POST", path, body)

    def channels(self) -> list[dict[str, Any]]:
        """All of its channels."""
        return list(self.get("/channels"))

    def channel(self, name: str) -> dict[str, Any]:
        """One of them."""
        return dict(self.get(f"/channels/{name}"))

    def open(self, other: "ChannelNode", amount: int, chain: str = "L1", **more: Any) -> str:
        """A channel; its name. Returns when both sides use it."""
        name = str(self.post("/channels", node=other.uri, chain=chain, amount=str(amount), **more)["id"])
        self.wait_for(name, "spendable", amount)
        other.wait_for(name, "receivable", amount)
        return name

    def wait_for(self, name: str, what: str, least: int) -> None:
        """Until so much of a channel can be spent, or received."""
        self.wait(f"{self.name} to have {least} {what}", lambda: int(self.channel(name)[what]) >= least)

    def invoice(self, amount: int, chain: str = "L1", **more: Any) -> str:
        """To be paid by others."""
        return str(self.post("/invoices", amount=str(amount), chain=chain, **more)["invoice"])

    def pay(self, invoice: str, **more: Any) -> dict[str, Any]:
        """The payment as it has ended."""
        return dict(self.post("/payments", invoice=invoice, **more))

    def wait(self, what: str, ready: Callable[[], Any], timeout: float = TIMEOUT) -> Any:
        """Until `ready()` gives something true, which is given back."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                found = ready()
            except (OSError, NodeSays):
                found = None
            if found:
                return found
            if self.child is not None:
                self.child.check()
            time.sleep(0.05)
        raise AssertionError(f"not after {timeout:.0f} s: {what}")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        access = json.loads((self.folder / self.name / "api.json").read_text())
        headers = {"Authorization": f"Bearer {access['token']}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{access['url']}/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            content = json.load(error)
            raise NodeSays(error.code, content["error"], content["message"]) from error
