"""Channel nodes as processes: started, killed and asked by end-to-end tests, the demo and benchmarks."""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localnet.network import ROOT, START_TIMEOUT, LocalNet
from localnet.ports import free_ports
from localnet.process import Child

TIMEOUT = 90.0
"""Seconds that an answer may take."""


def chain_options(net: LocalNet) -> list[str]:
    """Where a node or a tower finds the chains of a network: L2 only where there is one."""
    l2 = net.l2_url if "sequencer" in net.children else ""
    return ["--deployment", str(net.deployment_path), "--l1", net.l1_url, "--l2", l2]


class NodeSays(Exception):
    """What a node has answered instead of doing it."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(f"{error}: {message}")
        self.status, self.error, self.message = status, error, message


class ChannelNode:
    """One node: its process, and its REST interface."""

    def __init__(self, net: LocalNet, name: str, key: bytes, *arguments: str) -> None:
        """`arguments`: for `python -m channels run`."""
        self.net = net
        self.name = name
        self.key = key
        self.folder = net.folder / name
        self.ports = free_ports(2)
        self._arguments = arguments
        self.child: Child | None = None

    def launch(
        self, *more: str, module: Sequence[str] = ("-m", "channels"), environment: Mapping[str, str] | None = None
    ) -> "ChannelNode":
        """Begin to start it, also again. `module`: another program that is a node too."""
        command = [sys.executable, *module, "run", "--data", str(self.folder), *chain_options(self.net)]
        command += ["--port", str(self.ports[0]), "--api-port", str(self.ports[1]), *self._arguments, *more]
        variables = {"PYTHONPATH": str(ROOT), "TANDEM_CHANNELS_KEY": self.key.hex(), **(environment or {})}
        self.child = Child(self.name, command, self.net.folder / "logs" / f"{self.name}.log", variables)
        self.net.children[self.name] = self.child
        return self

    def start(self, *more: str) -> "ChannelNode":
        """Returns when it is ready."""
        self.launch(*more)
        self.await_ready()
        return self

    def await_ready(self) -> None:
        """Its chains are read and it answers."""
        assert self.child is not None
        self.child.wait_until(self.is_ready, START_TIMEOUT)

    def is_ready(self) -> bool:
        """Whether it answers and its chains are read."""
        try:
            return bool(self.get("/info")["is_ready"])
        except (OSError, ValueError, NodeSays):
            return False

    def kill(self) -> None:
        """kill -9."""
        self.child = None
        self.net.kill(self.name)

    def signal(self, number: int) -> None:
        """Stop it for a while (SIGSTOP), let it go on (SIGCONT)."""
        assert self.child is not None
        os.kill(self.child.pid, number)

    def stop(self) -> int:
        """Cleanly. Returns its exit code."""
        self.child = None
        return self.net.stop(self.name)

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
        return (self.net.folder / "logs" / f"{self.name}.log").read_text(errors="replace")

    @property
    def page(self) -> str:
        """For a browser, with the token."""
        access = json.loads((self.folder / "api.json").read_text())
        return f"{access['url']}/#token={access['token']}"

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

    def wait(self, what: str, ready: Callable[[], Any], timeout: float = TIMEOUT, *, check: bool = True) -> Any:
        """Until `ready()` gives something true, which is given back. `check`: that the node has not ended."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                found = ready()
            except (OSError, NodeSays):
                found = None
            if found:
                return found
            if check and self.child is not None:
                self.child.check()
            time.sleep(0.05)
        raise AssertionError(f"not after {timeout:.0f} s: {what}")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        access = json.loads((self.folder / "api.json").read_text())
        headers = {"Authorization": f"Bearer {access['token']}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{access['url']}/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            content = json.load(error)
            raise NodeSays(error.code, content["error"], content["message"]) from error


class TowerNode:
    """A watchtower."""

    def __init__(self, net: LocalNet, key: bytes, *arguments: str, name: str = "tower") -> None:
        """`arguments`: for `python -m channels tower`."""
        self.net = net
        self.name = name
        self.ports = free_ports(2)
        self._key = key
        self._arguments = arguments

    def start(self) -> "TowerNode":
        """Also to start it again. Returns when its chains are read."""
        command = [sys.executable, "-m", "channels", "tower", "--data", str(self.net.folder / self.name)]
        command += [*chain_options(self.net), "--port", str(self.ports[0]), "--status-port", str(self.ports[1])]
        environment = {"PYTHONPATH": str(ROOT), "TANDEM_TOWER_KEY": self._key.hex()}
        log = self.net.folder / "logs" / f"{self.name}.log"
        child = Child(self.name, [*command, *self._arguments], log, environment)
        self.net.children[self.name] = child
        child.wait_until(self.is_ready, START_TIMEOUT)
        return self

    def is_ready(self) -> bool:
        """Whether its chains are read."""
        try:
            return all(chain["isReachable"] for chain in self.status()["chains"])
        except (OSError, ValueError):
            return False

    def status(self) -> dict[str, Any]:
        """All that it tells of itself. OSError where it does not answer."""
        with urllib.request.urlopen(f"{self.url}/status.json", timeout=TIMEOUT) as answer:
            return dict(json.load(answer))

    @property
    def url(self) -> str:
        """Its status page."""
        return f"http://127.0.0.1:{self.ports[1]}"

    @property
    def uri(self) -> str:
        """public key @ host : port."""
        return str(self.status()["tower"])
