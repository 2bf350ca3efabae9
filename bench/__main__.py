"""`make bench`: the first numbers, in tables with ratios."""

import shutil
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench.channel_nodes import show as show_channel_nodes
from bench.channels import show as show_channels
from bench.disputes import show as show_disputes
from bench.footprint import measure
from bench.machine import show as show_machine
from bench.throughput import Result, Workload, fund_l2, run, start_anvil
from localnet import LocalNet, Ports
from story.stage import Layer
from tandem.l1.contracts import L1, connect
from tandem.l1.inbox_reader import InboxReader
from tandem.node.follower import Follower, open_genesis
from tandem.store import ChainStore

AIMS = {"ETH transfer": (3_000, 90), "ERC-20 transfer": (700, 110)}
"""Kind -> (transactions a second, bytes on L1)."""


@click.command()
@click.option("--ether", default=12_000, show_default=True, help="ETH transfers.")
@click.option("--token", default=4_000, show_default=True, help="ERC-20 transfers.")
@click.option("--only-machine", is_flag=True, help="Only the provable machine: no network is started.")
@click.option("--only-disputes", is_flag=True, help="Only disputes, on a network of their own.")
@click.option("--only-channels", is_flag=True, help="Only payment channels, on a local L1.")
def main(ether: int, token: int, only_machine: bool, only_disputes: bool, only_channels: bool) -> None:
    """Measure throughput beside anvil, the footprint on L1, re-derivation, the provable machine, channels, disputes."""
    console = Console(highlight=False, width=120)
    is_all = not (only_machine or only_disputes or only_channels)
    if is_all or only_machine:
        show_machine(console)
    if is_all or only_channels:
        show_channels(console)
        show_channel_nodes(console)
    if is_all:
        _show_network(console, ether, token)
    if is_all or only_disputes:
        show_disputes(console)


def _show_network(console: Console, ether: int, token: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="tandem-bench-"))
    try:
        with LocalNet(folder, Ports.free()) as net:
            _bench(net, console, ether, token)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bench(net: LocalNet, console: Console, ether: int, token: int) -> None:
    workload = Workload()
    with console.status("anvil, alone on the machine"):
        peer, url = start_anvil(net.folder, Ports.free().l1, workload.senders)
        theirs = run(url, Layer("anvil", connect(url)), Workload(), ether, token)
        peer.stop()
    with console.status("starting Tandem"):
        net.start_l1()
        net.deploy()
        net.start_sequencer("--batch-age", "60000", "--no-asserter")
        fund_l2(net, workload.senders)
        layer = Layer("L2", connect(net.l2_url))
        while layer.web3.eth.get_balance(workload.senders[-1]) == 0:  # type: ignore[arg-type]
            time.sleep(0.1)
    with console.status("Tandem's L2"):
        ours = run(net.l2_url, layer, workload, ether, token)
    _show_rates(console, ours, theirs)
    with console.status("posting the last batches"):
        net.stop("sequencer")
        net.start_sequencer("--batch-age", "0", "--no-asserter", "--no-builder")
        head = layer.web3.eth.block_number
        while layer.web3.eth.get_block("safe")["number"] < head:
            time.sleep(0.2)
    _derive(net, console)


def _show_rates(console: Console, ours: Result, theirs: Result) -> None:
    table = Table(
        "transactions a second", "Tandem", "anvil", "ratio", "aim", title="Through JSON-RPC, send to included"
    )
    for kind, own, peer in (
        ("ETH transfer", ours.ether, theirs.ether),
        ("ERC-20 transfer", ours.token, theirs.token),
    ):
        ratio = own.per_second / peer.per_second
        table.add_row(kind, f"{own.per_second:,.0f}", f"{peer.per_second:,.0f}", f"{ratio:.2f}", f"{AIMS[kind][0]:,}")
    console.print(table)


def _derive(net: LocalNet, console: Console) -> None:
    l1 = L1(connect(net.l1_url), net.deployment.l1)
    with console.status("deriving the chain from L1 alone"), ChainStore(net.folder / "replica") as store:
        follower = Follower(net.deployment, keep_unsafe=False)
        with store.write() as session:
            open_genesis(session, net.deployment)
        reader = InboxReader(l1)
        seconds, blocks = 0.0, 0
        while True:
            with store.read() as session:
                update = reader.poll(session)
            if update is None:
                break
            start = time.perf_counter()
            with store.write() as session:
                blocks += follower.apply(session, update).executed
            seconds += time.perf_counter() - start
        with store.read() as session:
            count = sum(len(session.block(number).transactions) for number in range(session.head_number() + 1))
        footprints = measure(store, l1, net.deployment.parameters.chain_id)
    table = Table("on L1, per L2 transaction", "in batch", "bytes", "aim", "gas", "gas at 16", "gas at the floor")
    table.title = "Footprint in the fullest batch (EIP-7623: 40 gas a byte at least, 16 without)"
    for found in footprints:
        count_in = found.transactions
        table.add_row(
            found.kind,
            f"{count_in:,}",
            f"{found.data_bytes / count_in:.1f}",
            str(AIMS[found.kind][1]),
            f"{found.l1_gas / count_in:,.0f}",
            f"{found.standard_gas / count_in:,.0f}",
            f"{found.floor_gas / count_in:,.0f}",
        )
    console.print(table)
    speed = Table("re-derivation from L1", "blocks", "transactions", "seconds", "transactions a second")
    speed.add_row("a fresh replica", str(blocks), f"{count:,}", f"{seconds:.1f}", f"{count / seconds:,.0f}")
    console.print(speed)


if __name__ == "__main__":
    main()
