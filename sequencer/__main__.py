"""`python -m sequencer`: the command line of the sequencer daemon."""

import signal
import sys
from pathlib import Path
from threading import Event

import click

from sequencer.config import Settings, load_settings
from sequencer.engine.service import run_engine
from sequencer.rpc_process import RpcProcess
from tandem.disputes.lies import Cheat
from tandem.errors import TandemError
from tandem.logs import configure_logs

CHEATS = "; ".join(f"{cheat.value}: {cheat.description}" for cheat in Cheat)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path), help="Settings in TOML (all have defaults).")
@click.option("--deployment", type=click.Path(path_type=Path), help="The file that `ape run deploy` wrote.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the database and the bus socket.")
@click.option("--l1", help="JSON-RPC of L1, for example http://127.0.0.1:8545.")
@click.option("--host", help="Where the JSON-RPC listens.")
@click.option("--port", type=int, help="Its port (0: any free one, printed on start).")
@click.option("--block-time", type=int, help="Milliseconds between blocks; 0: a block per transaction.")
@click.option("--batch-age", type=int, help="Milliseconds that a block waits at most for its batch to fill.")
@click.option("--no-rpc", is_flag=True, help="Do not serve JSON-RPC.")
@click.option("--no-builder", is_flag=True, help="Build no blocks: follow L1 only.")
@click.option("--no-batcher", is_flag=True, help="Post no batches.")
@click.option("--no-asserter", is_flag=True, help="Make no assertions.")
@click.option(
    "--cheat",
    type=click.Choice([str(cheat.value) for cheat in Cheat]),
    help=f"Lie, once, and defend the lie; on development chains only. {CHEATS}.",
)
@click.option("--refuse", multiple=True, metavar="ADDRESS", help="Leave out this sender (may be repeated).")
@click.option("--log-json", is_flag=True, default=None, help="Logs as JSON lines.")
def main(
    config: Path | None,
    deployment: Path | None,
    data: Path | None,
    l1: str | None,
    host: str | None,
    port: int | None,
    block_time: int | None,
    batch_age: int | None,
    no_rpc: bool,
    no_builder: bool,
    no_batcher: bool,
    no_asserter: bool,
    cheat: str | None,
    refuse: tuple[str, ...],
    log_json: bool | None,
) -> None:
    """Run Tandem's sequencer: take L2 transactions, build blocks, post batches to L1, make assertions there.

    \b
    Needs a deployment (`ape run deploy`) and an L1. `make devnet` starts all of it.
    Keys come from the environment: TANDEM_SEQUENCER_KEY and TANDEM_ASSERTER_KEY (hex), or
    TANDEM_<role>_KEYSTORE with TANDEM_<role>_PASSWORD. On development chains they default
    to accounts 1 and 2 of the well-known development mnemonic.

    Stop it with Ctrl-C or SIGTERM. It may be killed at any time: it goes on from its database and from L1.
    """
    overrides = {
        "deployment": deployment,
        "data": data,
        "l1": l1,
        "log_json": log_json,
        "rpc.host": host,
        "rpc.port": port,
        "rpc.enabled": False if no_rpc else None,
        "builder.block_time_ms": block_time,
        "builder.enabled": False if no_builder else None,
        "builder.refuse": refuse or None,
        "batcher.max_age_ms": batch_age,
        "batcher.enabled": False if no_batcher else None,
        "asserter.enabled": False if no_asserter else None,
        "asserter.cheat": cheat,
    }
    try:
        _run(load_settings(config, overrides))
    except TandemError as error:
        click.echo(f"sequencer: {error}", err=True)
        sys.exit(1)


def _run(settings: Settings) -> None:
    configure_logs(settings.log_json)
    stopping = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with RpcProcess(settings, stopping) as rpc:
        run_engine(settings, stopping)
    if rpc.failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
