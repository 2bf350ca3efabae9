"""`python -m channels tower`: the command line of the watchtower."""

import sys
from pathlib import Path

import click
import uvloop

from channels.startup import chain_options, chain_settings, run_until_stopped
from channels.tower.rows import TowerStore
from channels.tower.service import Tower, TowerSettings
from channels.tower.status import serve
from tandem.chain.spec import Deployment
from tandem.channels.identity import Identity, NodeUri
from tandem.channels.wire import TowerTerms
from tandem.errors import TandemError
from tandem.l1.signer import load_signer
from tandem.logs import configure_logs

DEVELOPMENT_ACCOUNT = 8
"""Account of the development mnemonic that the tower has where no key is given."""


@click.command()
@chain_options("devnet/tower", "Folder of its database. Clients rely on it: keep it.")
@click.option("--port", type=click.IntRange(1, 65_535), default=9745, show_default=True, help="The port there.")
@click.option("--status-host", default="127.0.0.1", show_default=True, help="Where the status page is.")
@click.option("--status-port", type=click.IntRange(1, 65_535), default=9750, show_default=True, help="Its port.")
@click.option("--reward-ppm", type=click.IntRange(0, 10**6), default=1_000, show_default=True, help="Of a channel.")
@click.option("--least-reward", type=click.IntRange(min=0), default=10**12, show_default=True, help="Wei, or units.")
@click.option("--most-channels", type=click.IntRange(min=1), default=100, show_default=True, help="Of one client.")
def tower(
    deployment: Path,
    l1: str,
    l2: str,
    data: Path,
    host: str,
    port: int,
    public: str | None,
    status_host: str,
    status_port: int,
    reward_ppm: int,
    least_reward: int,
    most_channels: int,
    confirmations: int,
    time_scale: float,
    log_json: bool,
) -> None:
    """Run a watchtower until it is stopped.

    \b
    Nodes give it their newest states and get signed receipts; when someone closes with an older one, it shows the
    newer, and is paid out of the channel. Its key is TANDEM_TOWER_KEY, or TANDEM_TOWER_KEYSTORE with
    TANDEM_TOWER_PASSWORD; on development chains account 8 of the development mnemonic.
    """
    try:
        configure_logs(log_json)
        chain = Deployment.load(deployment)
        chains = chain_settings(chain, l1, l2, confirmations, time_scale, None)
        account = load_signer("TOWER", chain, DEVELOPMENT_ACCOUNT)
        url = f"wss://{public or f'{host}:{port}'}"
        terms = TowerTerms(tuple(each.chain_id for each in chains), reward_ppm, least_reward, most_channels)
        with TowerStore(data / "tower.sqlite") as store:
            inbox = chain.l1.chain_id, chain.l1.inbox
            running = Tower(TowerSettings(data, host, port, url, chains, inbox, terms), account, store)
            click.echo(f"tower {NodeUri(Identity(bytes(account.key)).public_key, url)}", err=True)
            uvloop.run(run_until_stopped(running.run, lambda: serve(running, status_host, status_port)))
    except TandemError as error:
        click.echo(f"tower: {error}", err=True)
        sys.exit(1)
