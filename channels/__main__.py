"""`python -m channels`: the command line of the channel node."""

import asyncio
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import uvloop

from channels.api import serve
from channels.chain import ChainSettings
from channels.commands import commands
from channels.node import Node, NodeSettings
from channels.store import Store
from tandem.chain.spec import Deployment
from tandem.channels.timing import Timing
from tandem.errors import ConfigError, TandemError
from tandem.l1.signer import load_signer
from tandem.logs import configure_logs
from tandem.primitives.types import Seconds

DEVELOPMENT_ACCOUNT = 3
"""Account of the development mnemonic that the node has where no key is given."""
THREADS = 32
"""For chains and disk: each chain's transactions may wait in one."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A node of Tandem's payment channels, and the commands to a node that runs."""


for command in commands():
    main.add_command(command)


@main.command()
@click.option(
    "--deployment",
    type=click.Path(path_type=Path),
    default=Path("devnet/deployment.json"),
    show_default=True,
    help="The file that `ape run deploy` wrote.",
)
@click.option(
    "--l1", default="http://127.0.0.1:8545", show_default=True, help="JSON-RPC of L1; empty: no channels there."
)
@click.option(
    "--l2", default="http://127.0.0.1:8547", show_default=True, help="JSON-RPC of L2; empty: no channels there."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("devnet/node"),
    show_default=True,
    help="Folder of its database. It holds money: keep it.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where other nodes connect.")
@click.option("--port", type=click.IntRange(1, 65_535), default=9735, show_default=True, help="Its port.")
@click.option("--public", help="HOST:PORT that others are told to connect to. Default: host and port above.")
@click.option("--api-host", default="127.0.0.1", show_default=True, help="Where its owner connects.")
@click.option("--api-port", type=click.IntRange(1, 65_535), default=9740, show_default=True, help="Its port.")
@click.option(
    "--fee-base", type=click.IntRange(min=0), default=0, show_default=True, help="Wei for handing a payment on."
)
@click.option(
    "--fee-ppm", type=click.IntRange(0, 10**6), default=1_000, show_default=True, help="And millionths of it."
)
@click.option("--window", type=click.IntRange(min=60), help="Seconds of the closing window of channels that it opens.")
@click.option(
    "--confirmations", type=click.IntRange(min=0), default=2, show_default=True, help="Blocks until a deposit counts."
)
@click.option(
    "--time-scale", type=float, default=1.0, show_default=True, help="Multiplies all times, on development chains only."
)
@click.option("--log-json", is_flag=True, help="Logs as JSON lines.")
def run(
    deployment: Path,
    l1: str,
    l2: str,
    data: Path,
    host: str,
    port: int,
    public: str | None,
    api_host: str,
    api_port: int,
    fee_base: int,
    fee_ppm: int,
    window: int | None,
    confirmations: int,
    time_scale: float,
    log_json: bool,
) -> None:
    """Run a node until it is stopped.

    \b
    Its key is TANDEM_CHANNELS_KEY, or TANDEM_CHANNELS_KEYSTORE with TANDEM_CHANNELS_PASSWORD; on development
    chains account 3 of the development mnemonic. A page with all that it has: http://API-HOST:API-PORT/
    """
    try:
        configure_logs(log_json)
        chain = Deployment.load(deployment)
        if time_scale != 1 and not chain.is_development:
            raise ConfigError("times are scaled on development chains only: elsewhere money would be at risk")
        chains = _chains(chain, l1, l2, confirmations, time_scale, window)
        url = f"wss://{public or f'{host}:{port}'}"
        settings = NodeSettings(data, host, port, url, chains, fee_base, fee_ppm)
        account = load_signer("CHANNELS", chain, DEVELOPMENT_ACCOUNT)
        with Store(data / "node.sqlite") as store:
            uvloop.run(_run(Node(settings, account, store), data, api_host, api_port))
    except TandemError as error:
        click.echo(f"channels: {error}", err=True)
        sys.exit(1)


def _chains(
    deployment: Deployment, l1: str, l2: str, confirmations: int, scale: float, window: int | None
) -> tuple[ChainSettings, ...]:
    """Where channels live. ConfigError where they would nowhere."""
    contracts = deployment.l1
    found = []
    for name, url, chain_id, start, forced in (
        ("L1", l1, contracts.chain_id, contracts.start_block, 0),
        ("L2", l2, deployment.parameters.chain_id, 1, contracts.force_inclusion_delay),
    ):
        if url:
            timing = Timing(forced=Seconds(forced)).scaled(scale)
            timing = timing.with_window(max(timing.window, timing.least_window) if window is None else Seconds(window))
            found.append(ChainSettings(name, url, chain_id, contracts.channel_manager, start, confirmations, timing))
    if not found:
        raise ConfigError("a node needs a chain: give --l1 or --l2")
    return tuple(found)


async def _run(node: Node, data: Path, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(THREADS))
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    tasks = [
        asyncio.create_task(node.run(), name="node"),
        asyncio.create_task(serve(node, data, host, port), name="api"),
        asyncio.create_task(stopping.wait(), name="stop"),
    ]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()


if __name__ == "__main__":
    main()
