"""`make devnet`: the whole network, left running, with funded development accounts on both layers."""

import shutil
import signal
import sys
from pathlib import Path
from threading import Event

import click
from rich.console import Console
from rich.table import Table

from localnet import LocalNet
from localnet.process import ProcessFailed
from story.stage import ETHER, DemoFailed, Layer
from tandem.l1.contracts import L1, checksum, connect
from tandem.l1.signer import development_account

FUNDED = range(3, 10)
"""Development accounts that get ETH on L2; 0 deploys, 1 sequences, 2 asserts."""
AMOUNT = 1_000 * ETHER


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path), default=Path("devnet"), show_default=True, help="Databases and logs."
)
def cli(data: Path) -> None:
    """Start L1, contracts, sequencer and challenger; run until Ctrl-C. Every start is a new chain."""
    console = Console(highlight=False)
    stopping = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    shutil.rmtree(data, ignore_errors=True)
    with LocalNet(data) as net:
        try:
            with console.status("starting L1, contracts, sequencer, challenger"):
                net.start_l1()
                net.deploy()
                net.start_sequencer("--batch-age", "5000")
                net.start_challenger()
            with console.status("funding the development accounts on L2 by deposits from L1"):
                _fund(net)
            _describe(net, console)
            while not stopping.wait(1):
                net.check()
        except (DemoFailed, ProcessFailed) as error:
            console.print(f"[bold red]The devnet failed:[/] {error}")
            sys.exit(1)
        console.print("stopping")


def _fund(net: LocalNet) -> None:
    contracts = L1(connect(net.l1_url), net.deployment.l1)
    layer = Layer("L1", contracts.web3)
    for index in FUNDED:
        account = development_account(index)
        layer.call(account, contracts.bridge.functions.depositETH(account.address, 100_000, b""), AMOUNT)


def _describe(net: LocalNet, console: Console) -> None:
    deployment = net.deployment
    table = Table("what", "where", "chain id", title="Tandem devnet", title_justify="left")
    table.add_row("L1 (anvil)", net.l1_url, str(deployment.l1.chain_id))
    table.add_row("L2", net.l2_url, str(deployment.parameters.chain_id))
    table.add_row("challenger", f"{net.status_url}/status", "")
    for name in ("inbox", "rollup", "bridge", "token_bridge", "machine"):
        table.add_row(f"{name.replace('_', ' ')} (L1)", checksum(getattr(deployment.l1, name)), "")
    console.print(table)
    accounts = Table(title=f"{AMOUNT // ETHER:,} ETH each on L2", title_justify="left")
    for column in ("account", "address", "private key"):
        accounts.add_column(column, overflow="fold")  # to be copied whole from a narrow terminal too
    for index in FUNDED:
        account = development_account(index)
        accounts.add_row(str(index), account.address, account.key.to_0x_hex())
    console.print(accounts)
    console.print(f"Logs: {net.folder}/logs. ape console --network rollup:devnet talks to L2. Ctrl-C stops everything.")


if __name__ == "__main__":
    cli()
