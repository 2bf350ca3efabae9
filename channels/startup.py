"""What node and tower begin with: the chains of a deployment, and a loop that ends cleanly on SIGTERM and Ctrl-C."""

import asyncio
import resource
import signal
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from channels.chain import ChainSettings
from tandem.chain.spec import Deployment
from tandem.channels.timing import Timing
from tandem.errors import ConfigError
from tandem.primitives.types import Seconds

Command = Callable[..., None]
THREADS = 32
"""For chains and disk: each chain's transactions may wait in one."""


def chain_options(data: str, what: str) -> Callable[[Command], Command]:
    """The options that node and tower share. `data`: where their folder is; `what`: is in it."""
    options = (
        click.option(
            "--deployment",
            type=click.Path(path_type=Path),
            default=Path("devnet/deployment.json"),
            show_default=True,
            help="The file that `ape run deploy` wrote.",
        ),
        click.option("--l1", default="http://127.0.0.1:8545", show_default=True, help="JSON-RPC of L1; empty: none."),
        click.option("--l2", default="http://127.0.0.1:8547", show_default=True, help="JSON-RPC of L2; empty: none."),
        click.option("--data", type=click.Path(path_type=Path), default=Path(data), show_default=True, help=what),
        click.option("--host", default="127.0.0.1", show_default=True, help="Where other nodes connect."),
        click.option("--public", help="HOST:PORT that others are told to connect to. Default: host and port."),
        click.option(
            "--confirmations",
            type=click.IntRange(min=0),
            default=2,
            show_default=True,
            help="Blocks until what the chain says counts: more than any re-org takes.",
        ),
        click.option(
            "--time-scale", type=float, default=1.0, show_default=True, help="Of all times, on development chains only."
        ),
        click.option("--log-json", is_flag=True, help="Logs as JSON lines."),
    )

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def chain_settings(
    deployment: Deployment, l1: str, l2: str, confirmations: int, scale: float, window: int | None
) -> tuple[ChainSettings, ...]:
    """Where channels live. ConfigError where they would nowhere, or would not be safe."""
    if scale != 1 and not deployment.is_development:
        raise ConfigError("times are scaled on development chains only: elsewhere money would be at risk")
    contracts = deployment.l1
    found = []
    for name, url, chain_id, start, forced in (
        ("L1", l1, contracts.chain_id, contracts.start_block, 0),
        ("L2", l2, deployment.parameters.chain_id, 1, contracts.force_inclusion_delay),
    ):
        if url:
            timing = Timing(forced=Seconds(forced)).scaled(scale)
            timing = timing.with_window(timing.roomy_window if window is None else Seconds(window))
            at = contracts.channel_manager, contracts.app_registry
            found.append(
                ChainSettings(name, url, chain_id, *at, start, confirmations, timing, asks_for_final=name == "L2")
            )
    if not found:
        raise ConfigError("a chain is needed: give --l1 or --l2")
    return tuple(found)


async def run_until_stopped(*programs: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run them beside one another until a signal, or until one ends; raises what it raises."""
    loop = asyncio.get_running_loop()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each connection takes a file, and chains need some
    loop.set_default_executor(ThreadPoolExecutor(THREADS))
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    tasks = [asyncio.create_task(program()) for program in programs]
    done, others = await asyncio.wait(
        [*tasks, asyncio.create_task(stopping.wait())], return_when=asyncio.FIRST_COMPLETED
    )
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()
