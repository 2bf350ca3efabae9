"""`python -m challenger`: the command line of the challenger daemon."""

import signal
import sys
from pathlib import Path
from threading import Event

import click

from challenger.defender import Defender, Settings
from challenger.status import start_status_server
from challenger.watcher import Watcher
from tandem.chain.spec import Deployment
from tandem.errors import TandemError
from tandem.l1.contracts import L1, connect
from tandem.l1.sender import L1Sender
from tandem.l1.signer import load_signer
from tandem.logs import configure_logs
from tandem.node.commitments import Commitments
from tandem.node.follower import open_genesis
from tandem.node.step_files import StepFiles
from tandem.store import ChainStore

DEVELOPMENT_ACCOUNT = 9
"""Account of the development mnemonic that plays where no key is given."""
STOP_TIMEOUT = 10.0
"""Seconds that the player has to finish what it does. What it leaves, it takes up at the next start."""


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
@click.option("--watch-only", is_flag=True, help="Judge and raise alarms; needs no key, sends nothing.")
@click.option("--assert", "assert_always", is_flag=True, help="Make every right assertion as soon as L1 takes it.")
@click.option(
    "--assert-after",
    type=click.IntRange(min=0),
    default=6 * 3600,
    show_default=True,
    help="Make the next right assertion when nobody has for so many L1 seconds. 0: never, but against wrong ones.",
)
@click.option(
    "--verify-seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="How long to re-execute on the stepper before a bond is put on an assertion.",
)
@click.option("--log-json", is_flag=True, help="Logs as JSON lines.")
def main(
    deployment: Path,
    l1: str,
    data: Path,
    confirmations: int,
    host: str,
    port: int,
    watch_only: bool,
    assert_always: bool,
    assert_after: int,
    verify_seconds: float,
    log_json: bool,
) -> None:
    """Guard Tandem's chain: derive L2 from L1 alone, judge every assertion, and dispute each wrong one to its end.

    \b
    It never asks the sequencer anything. Status for people: http://HOST:PORT/status
    For machines: /status.json, /metrics, /health (503 while there is an alarm).
    It stakes ether of TANDEM_CHALLENGER_KEY, or of TANDEM_CHALLENGER_KEYSTORE with TANDEM_CHALLENGER_PASSWORD;
    on development chains of account 9 of the development mnemonic.
    """
    after = 0.0 if assert_always else float(assert_after) or None
    settings = None if watch_only else Settings(after, verify_seconds, confirmations)
    try:
        configure_logs(log_json)
        _run(Deployment.load(deployment), l1, data, confirmations, host, port, settings)
    except TandemError as error:
        click.echo(f"challenger: {error}", err=True)
        sys.exit(1)


def _run(
    deployment: Deployment,
    url: str,
    data: Path,
    confirmations: int,
    host: str,
    port: int,
    settings: Settings | None,
) -> None:
    """`settings`: None to watch only."""
    account = load_signer("CHALLENGER", deployment, DEVELOPMENT_ACCOUNT) if settings else None
    stopping = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    l1 = L1(connect(url), deployment.l1)
    with ChainStore(data / "chain") as store:
        with store.write() as session:
            open_genesis(session, deployment)
        l1.check_chain(stopping)
        commitments = Commitments(store, deployment.parameters)
        watcher = Watcher(deployment, store, l1, commitments, confirmations)
        defender = None
        if settings is not None and account is not None:
            sender = L1Sender(l1.web3, account, stopping)
            files = StepFiles(data / "steps")
            defender = Defender(deployment, store, l1, sender, commitments, files, watcher.verdicts, settings, stopping)
            defender.start()
        server = start_status_server(watcher, defender, host, port)
        watcher.run(stopping)
        server.should_exit = True
        if defender is not None:
            defender.join(STOP_TIMEOUT)
            if defender.failed:
                sys.exit(1)


if __name__ == "__main__":
    main()
