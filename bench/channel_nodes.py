"""Whole channel nodes on a local L1: payments over two hops; many channels and payments; a tower's storage."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from localnet import LocalNet, Ports
from localnet.channel_node import ChannelNode, TowerNode
from localnet.ports import free_ports
from tandem.l1.signer import development_account

SERIAL, MANY = 300, 3_000
"""Payments over two hops."""
CHANNELS, PAYMENTS = 1_000, 100_000
STATES = 200
"""Of a channel that a tower watches."""
OPTIONS = ("--time-scale", "0.1", "--confirmations", "1")
ACCOUNTS = {"hops": 3, "hop": 4, "payee": 5, "client": 6, "payer": 7, "scale": 8, "tower": 9}
"""Of the development mnemonic: each node has its own."""


def show(console: Console) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder, LocalNet(Path(folder), Ports.free()) as net:
        with console.status("starting L1 and two nodes"):
            net.start_l1()
            net.deploy()
            hop, payee = (_node(net, name).launch() for name in ("hop", "payee"))
            for node in (hop, payee):
                node.await_ready()
        _show_hops(net, hop, payee, console)
        _show_scale(net, hop, console)
        _show_tower(net, console)


def _show_hops(net: LocalNet, hop: ChannelNode, payee: ChannelNode, console: Console) -> None:
    hop.open(payee, 10**18)
    lines = net.folder / "invoices"
    with console.status("payments over two hops"), ThreadPoolExecutor(8) as pool:
        lines.write_text("\n".join(pool.map(lambda _: payee.invoice(1_000), range(SERIAL + MANY))))
        found = _payer(net, "hops", "hops", hop.uri, str(lines), "--serial", str(SERIAL))
    table = Table("two hops, three processes", "payments a second", "median, ms", "p99, ms")
    table.title = "Onion-routed payments with invoices; every state on three disks"
    for what, name in (("one after the other", "serial"), ("64 in flight", "64")):
        numbers = found[name]
        table.add_row(what, f"{numbers['rate']:,.0f}", f"{numbers['median']:.1f}", f"{numbers['p99']:.1f}")
    console.print(table)


def _show_scale(net: LocalNet, other: ChannelNode, console: Console) -> None:
    with console.status(f"{CHANNELS:,} channels, {PAYMENTS:,} payments"):
        wanted = ["scale", other.uri, "--channels", str(CHANNELS), "--payments", str(PAYMENTS)]
        found = _payer(net, "scale", *wanted)
        again = _payer(net, "scale", "restart", str(CHANNELS))
    size = sum(file.stat().st_size for file in (net.folder / "scale").glob("node.sqlite*"))
    table = Table("one node", "", title=f"{CHANNELS:,} channels, {PAYMENTS:,} payments")
    table.add_row("opened, from the first call to the last confirmation", f"{found['opened']:.1f} s")
    table.add_row("payments a second over all channels", f"{found['rate']:,.0f}")
    table.add_row("memory before, behind", f"{found['empty'] / 2**20:.0f}, {found['memory'] / 2**20:.0f} MiB")
    table.add_row("database", f"{size / 2**20:.1f} MiB")
    table.add_row("restart: chain read and states loaded", f"{again['ready']:.1f} s")
    table.add_row("restart: all channels can pay", f"{again['connected']:.1f} s")
    console.print(table)


def _show_tower(net: LocalNet, console: Console) -> None:
    with console.status(f"a tower and {STATES} states"):
        tower = TowerNode(net, _key("tower"), *OPTIONS).start()
        client = _node(net, "client", "--tower", tower.uri).start()
        payer = _node(net, "payer").start()
        channel = payer.open(client, 10**18)
        sizes = []
        for _ in range(2):
            for _ in range(STATES // 2):
                payer.post(f"/channels/{channel}/pay", amount=str(10**15))
            client.wait("the receipt", lambda: client.channel(channel)["towers"] == 1)
            sizes.append(_rows(net.folder / "tower" / "tower.sqlite"))
    table = Table("states", "rows", "bytes", title="What a tower keeps of a channel")
    for at, (count, size) in enumerate(sizes, 1):
        table.add_row(f"{at * STATES // 2}", f"{count}", f"{size}")
    console.print(table)


def _rows(database: Path) -> tuple[int, int]:
    """Rows and their bytes."""
    script = "import sqlite3,sys;db=sqlite3.connect(f'file:{sys.argv[1]}?mode=ro',uri=True);"
    script += "print(*db.execute('SELECT COUNT(*),SUM(LENGTH(record)) FROM watched').fetchone())"
    answer = subprocess.run([sys.executable, "-c", script, str(database)], capture_output=True, text=True, check=True)
    count, size = map(int, answer.stdout.split())
    return count, size


def _node(net: LocalNet, name: str, *arguments: str) -> ChannelNode:
    return ChannelNode(net, name, _key(name), *OPTIONS, *arguments)


def _key(name: str) -> bytes:
    return bytes(development_account(ACCOUNTS[name]).key)


def _payer(net: LocalNet, name: str, *command: str) -> Mapping[str, Any]:
    data = net.folder / name
    options: Sequence[str] = ("--deployment", str(net.deployment_path), "--l1", net.l1_url, "--data", str(data))
    base = [
        sys.executable,
        "-m",
        "bench.channel_payer",
        *options,
        "--key",
        _key(name).hex(),
        "--port",
        str(free_ports(1)[0]),
    ]
    done = subprocess.run([*base, *command], stdout=subprocess.PIPE, check=True, timeout=400)
    found: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])  # before it: logs
    return found
