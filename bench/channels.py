"""Payments a second between two nodes of a channel, each a process with durable storage, beside what bounds them here
and what others have published."""

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from localnet import Ports
from tandem.channels.signing import check_signature, sign_digest
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import address_of

WAYS = (("one after the other", 1, 400), ("64 in flight", 64, 2_000), ("5,000 in flight, batched", 5_000, 20_000))
"""What, payments in flight, payments a second that are aimed at."""
SECONDS = 5.0
PUBLISHED = {"lnd on etcd": "30-65", "Starlight, serial": "38", "Starlight, batched": "400,000"}
"""Payments a second, as published."""


def show(console: Console) -> None:
    """Measure, and print."""
    results = {}
    for what, in_flight, _ in WAYS:
        with console.status(f"payments, {what}"):
            results[what] = _measure(in_flight)
    writes, signatures = _durable_writes(), _signatures()
    table = Table("a channel between two processes", "payments a second", "aim", "median, ms", "p99, ms")
    table.title = "Payments, signed by both sides and on both disks"
    for what, _, aim in WAYS:
        found = results[what]
        numbers = f"{found['rate']:,.0f}", f"{aim:,}", f"{found['median']:.1f}", f"{found['p99']:.1f}"
        table.add_row(what, *numbers)
    console.print(table)
    serial = results[WAYS[0][0]]["rate"]
    bounds = Table("what bounds one after the other", "a second", "payments / bound", title="In the same run")
    bounds.add_row("durable SQLite writes (each payment waits for two)", f"{writes:,.0f}", f"{serial / writes:.2f}")
    bounds.add_row("signature pairs made and checked (one each)", f"{signatures:,.0f}", f"{serial / signatures:.2f}")
    for name, rate in PUBLISHED.items():
        bounds.add_row(f"{name}, as published", rate, "")
    console.print(bounds)


def _measure(in_flight: int) -> Mapping[str, float]:
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        command = [sys.executable, "-m", "bench.channel_side", "--port", str(Ports.free().l1), "--data", folder]
        answering = subprocess.Popen([*command, "--side", "1"])
        try:
            options = ["--side", "0", "--in-flight", str(in_flight), "--seconds", str(SECONDS)]
            done = subprocess.run([*command, *options], stdout=subprocess.PIPE, check=True, timeout=60)
        finally:
            answering.kill()
            answering.wait()
    found: Mapping[str, float] = json.loads(done.stdout.splitlines()[-1])  # before it: logs
    return found


def _durable_writes() -> float:
    """A second, of 300 bytes."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        database = sqlite3.connect(Path(folder) / "bound.sqlite", isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB)")
        count, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < 1:
            database.execute("INSERT OR REPLACE INTO t VALUES (1, ?)", (bytes(300),))
            count += 1
        database.close()
    return count / (time.perf_counter() - begin)


def _signatures() -> float:
    """Pairs a second on one core: two made, two checked."""
    secret = keccak(b"bound")
    signer, count, begin = address_of(secret), 0, time.perf_counter()
    while time.perf_counter() - begin < 1:
        digest = keccak(count.to_bytes(8, "big"))
        for _ in range(2):
            check_signature(digest, sign_digest(digest, secret), signer)
        count += 1
    return count / (time.perf_counter() - begin)
