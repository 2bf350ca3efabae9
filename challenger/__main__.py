"""`python -m challenger`: the command line of the challenger daemon."""

import signal
import sys
from pathlib import Path
from threading import Event

import click

from challenger.status import start_status_server
from challenger.watcher import Watcher
from tandem.chain.spec import Deployment
from tandem.errors import TandemError
from tandem.l1.contracts import L1, connect
from tandem.logs import configure_logs
from tandem.node.follower import open_genesis
from tandem.store import ChainStore


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--deployment",
    type=click.Path(path_type=Path),
    default=Path("devnet/deployment.json"),
    show_default=True,
    help="The file that `ape run deploy` wrote.",
)
@click.option("--l1", default="http://127.0.0.1:8545", show_default=True, help="JSON-RPC of L1.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("devnet/challenger"),
    show_default=True,
    help="Folder of its own database. Delete it to derive the chain from scratch.",
)
@click.option("--confirmations", default=0, show_default=True, help="Blocks to stay behind L1's head.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the status page listens.")
@click.option("--port", default=8550, show_default=True, help="Its port.")
@click.option("--watch-only", is_flag=True, help="Judge and raise alarms; needs no key. (The only mode so far.)")
@click.option("--log-json", is_flag=True, help="Logs as JSON lines.")
def main(
    deployment: Path, l1: str, data: Path, confirmations: int, host: str, port: int, watch_only: bool, log_json: bool
) -> None:
    """Watch Tandem's chain: derive L2 from L1 alone, judge every assertion, raise an alarm on a wrong one.

    \b
    It never asks the sequencer anything. Status for people: http://HOST:PORT/status
    For machines: /status.json, /metrics, /health (503 while there is an alarm).
    """
    try:
        if not watch_only:
            raise click.UsageError("pass --watch-only: this version watches and does not play disputes yet")
        _run(Deployment.load(deployment), l1, data, confirmations, host, port, log_json)
    except TandemError as error:
        click.echo(f"challenger: {error}", err=True)
        sys.exit(1)


def _run(
    deployment: Deployment, url: str, data: Path, confirmations: int, host: str, port: int, log_json: bool
) -> None:
    configure_logs(log_json)
    stopping = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    l1 = L1(connect(url), deployment.l1)
    with ChainStore(data / "chain") as store:
        with store.write() as session:
            open_genesis(session, deployment)
        l1.check_chain(stopping)
        watcher = Watcher(deployment, store, l1, confirmations)
        server = start_status_server(watcher, host, port)
        watcher.run(stopping)
        server.should_exit = True


if __name__ == "__main__":
    main()
