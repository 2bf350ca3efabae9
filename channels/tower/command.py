"""`python -m channels tower`: the command line of the watchtower."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import uvloop

from channels.startup import chain_options, chain_settings, run_until_stopped
from channels.tower.rows import TowerStore
from channels.tower.service import Tower, TowerSettings
from channels.tower.status import serve
from tandem.chain.spec import Deployment
from tandem.channels.identity import Identity, NodeUri
from tandem.channels.wire import MOST_RATES, Rate, TowerTerms
from tandem.errors import ConfigError, TandemError
from tandem.l1.signer import load_signer
from tandem.logs import configure_logs
from tandem.primitives.types import ZERO_ADDRESS, Address

DEVELOPMENT_ACCOUNT = 8
"""Account of the development mnemonic that the tower has where no key is given."""


@click.command()
@chain_options("devnet/tower", "Folder of its database. Clients rely on it: keep it.")
@click.option("--port", type=click.IntRange(1, 65_535), default=9745, show_default=True, help="The port there.")
@click.option("--status-host", default="127.0.0.1", show_default=True, help="Where the status page is.")
@click.option("--status-port", type=click.IntRange(1, 65_535), default=9750, show_default=True, help="Its port.")
@click.option("--reward-ppm", type=click.IntRange(0, 10**6), default=1_000, show_default=True, help="Of a channel.")
@click.option("--least-reward", type=click.IntRange(1), default=10**15, show_default=True, help="Wei, on L1.")
@click.option("--least-reward-l2", type=click.IntRange(1), default=10**13, show_default=True, help="Wei, on L2.")
@click.option("--token", "tokens", multiple=True, help="L1:ADDRESS:LEAST, a token that is watched too, and its units.")
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
    least_reward_l2: int,
    tokens: tuple[str, ...],
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
        ids = {each.name: each.chain_id for each in chains}
        least = {"L1": least_reward, "L2": least_reward_l2}
        rates = [Rate(chain_id, ZERO_ADDRESS, least[name]) for name, chain_id in ids.items()]
        rates += [_rate(token, ids) for token in tokens]
        if len(rates) > MOST_RATES:
            raise ConfigError(f"a tower has up to {MOST_RATES} rates")
        terms = TowerTerms(tuple(rates), reward_ppm, most_channels)
        with TowerStore(data / "tower.sqlite") as store:
            inbox = chain.l1.chain_id, chain.l1.inbox
            running = Tower(TowerSettings(data, host, port, url, chains, inbox, terms), account, store)
            click.echo(f"tower {NodeUri(Identity(bytes(account.key)).public_key, url)}", err=True)
            uvloop.run(run_until_stopped(running.run, lambda: serve(running, status_host, status_port)))
    except TandemError as error:
        click.echo(f"tower: {error}", err=True)
        sys.exit(1)


def _rate(text: str, ids: Mapping[str, int]) -> Rate:
    """Of a token. ConfigError."""
    match = re.fullmatch(r"(L\d):0x([0-9a-fA-F]{40}):([1-9]\d{0,28})", text)
    if match is None or match[1] not in ids:
        known = " or ".join(ids)
        raise ConfigError(f"--token {text}: {known}, the token's address and the least reward are wanted, by colons")
    return Rate(ids[match[1]], Address(bytes.fromhex(match[2])), int(match[3]))
