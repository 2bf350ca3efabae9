"""`python -m channels`: the command line of the channel node."""

import sys
from pathlib import Path

import click
import uvloop

from channels.api import load_token, serve
from channels.commands import commands
from channels.node import Node, NodeSettings
from channels.session_commands import session
from channels.startup import chain_options, chain_settings, run_until_stopped
from channels.store import Store
from channels.tower.command import tower
from tandem.chain.spec import Deployment
from tandem.channels.identity import NodeUri
from tandem.channels.tic_tac_toe import TicTacToe
from tandem.errors import ConfigError, TandemError
from tandem.l1.signer import load_signer
from tandem.logs import configure_logs

DEVELOPMENT_ACCOUNT = 3
"""Account of the development mnemonic that the node has where no key is given."""
MOST_TOWERS = 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """A node of Tandem's payment channels, and the commands to a node that runs."""


for command in (*commands(), session, tower):
    main.add_command(command)


@main.command()
@chain_options("devnet/node", "Folder of its database. It holds money: keep it.")
@click.option("--port", type=click.IntRange(1, 65_535), default=9735, show_default=True, help="The port there.")
@click.option("--api-host", default="127.0.0.1", show_default=True, help="Where its owner connects.")
@click.option("--api-port", type=click.IntRange(1, 65_535), default=9740, show_default=True, help="Its port.")
@click.option(
    "--fee-base", type=click.IntRange(min=0), default=0, show_default=True, help="Wei for handing a payment on."
)
@click.option(
    "--fee-ppm", type=click.IntRange(0, 10**6), default=1_000, show_default=True, help="And millionths of it."
)
@click.option("--window", type=click.IntRange(min=60), help="Seconds of the closing window of channels that it opens.")
@click.option("--tower", "towers", multiple=True, help="A watchtower: public key @ host : port. Up to three.")
@click.option("--tower-ppm", type=click.IntRange(0, 10**6), default=20_000, show_default=True, help="Most for a tower.")
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
    towers: tuple[str, ...],
    tower_ppm: int,
    time_scale: float,
    log_json: bool,
) -> None:
    """Run a node until it is stopped.

    \b
    Its key is TANDEM_CHANNELS_KEY, or TANDEM_CHANNELS_KEYSTORE with TANDEM_CHANNELS_PASSWORD; on development
    chains account 3 of the development mnemonic. It prints where its page is.
    """
    try:
        configure_logs(log_json)
        chain = Deployment.load(deployment)
        chains = chain_settings(chain, l1, l2, confirmations, time_scale, window)
        url = f"wss://{public or f'{host}:{port}'}"
        guards = tuple(NodeUri.parse(tower) for tower in towers)
        if len(guards) > MOST_TOWERS:
            raise ConfigError(f"up to {MOST_TOWERS} towers can watch for a node")
        inbox = chain.l1.chain_id, chain.l1.inbox
        apps = {chain.l1.tic_tac_toe: TicTacToe()}
        settings = NodeSettings(data, host, port, url, chains, inbox, fee_base, fee_ppm, 1, tower_ppm, guards, apps)
        account = load_signer("CHANNELS", chain, DEVELOPMENT_ACCOUNT)
        with Store(data / "node.sqlite") as store:
            node = Node(settings, account, store)
            page = f"http://{api_host}:{api_port}"
            token = load_token(data, page)
            click.echo(f"page {page}/#token={token}", err=True)
            uvloop.run(run_until_stopped(node.run, lambda: serve(node, token, api_host, api_port)))
    except TandemError as error:
        click.echo(f"channels: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
