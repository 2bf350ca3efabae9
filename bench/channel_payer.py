"""A channel node that pays by itself, for bench.channel_nodes: the node is the product's, its owner sits in its loop.

python -m bench.channel_payer --deployment FILE --l1 URL --data FOLDER --key HEX --port N hops|scale|restart ...
"""

import asyncio
import json
import resource
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
import uvloop
from eth_account import Account

from channels.node import Node, NodeSettings
from channels.owner import Owner
from channels.startup import chain_settings
from channels.store import Store
from tandem.chain.spec import Deployment
from tandem.channels.identity import NodeUri
from tandem.channels.invoices import decode_invoice
from tandem.channels.operations import Pay
from tandem.channels.routing import NoWay
from tandem.primitives.types import ZERO_ADDRESS, Hash

STARTED = time.perf_counter()
SCALE = 0.1
"""Of all times: nothing expires while it is measured."""
DEPOSIT = 10**18
AT_ONCE = 100
"""Channels that are opened at once."""
TIMEOUT = 120.0

Work = Callable[[Node], Awaitable[dict[str, Any]]]


@click.group()
@click.option("--deployment", type=click.Path(path_type=Path), required=True)
@click.option("--l1", required=True)
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--key", required=True)
@click.option("--port", type=int, required=True)
@click.pass_context
def main(context: click.Context, deployment: Path, l1: str, data: Path, key: str, port: int) -> None:
    """Prints what was measured as JSON."""
    chain = Deployment.load(deployment)
    chains, inbox = chain_settings(chain, l1, "", 1, SCALE, None), (chain.l1.chain_id, chain.l1.inbox)
    settings = NodeSettings(data, "127.0.0.1", port, f"wss://127.0.0.1:{port}", chains, inbox)

    def run(work: Work) -> None:
        with Store(data / "node.sqlite") as store:
            node = Node(settings, Account.from_key(key), store)
            click.echo(json.dumps(uvloop.run(_run(node, work))))

    context.obj = run


@main.command()
@click.argument("hop")
@click.argument("invoices", type=click.Path(path_type=Path))
@click.option("--serial", type=int, required=True)
@click.pass_obj
def hops(run: Callable[[Work], None], hop: str, invoices: Path, serial: int) -> None:
    """Pay invoices over a hop: the first ones serially, the others 64 at once."""

    async def work(node: Node) -> dict[str, Any]:
        [chain] = node.chains.values()
        channel = await Owner(node).open(NodeUri.parse(hop), chain, ZERO_ADDRESS, DEPOSIT, None)
        await _until(lambda: channel in node.channels and node.channels[channel].side.spendable == DEPOSIT)
        lines = invoices.read_text().split()
        payee = decode_invoice(lines[0]).payee
        await _until(lambda: _knows_way(node, payee))

        async def pay(line: str) -> float:
            begin = time.perf_counter()
            record = await Owner(node).pay(line)
            assert record.secret is not None, record.error
            return time.perf_counter() - begin

        await pay(lines[0])
        return {
            "serial": await _measure(pay, lines[1:serial], 1),
            "64": await _measure(pay, lines[serial:], 64),
        }

    run(work)


@main.command()
@click.argument("other")
@click.option("--channels", type=int, required=True)
@click.option("--payments", type=int, required=True)
@click.pass_obj
def scale(run: Callable[[Work], None], other: str, channels: int, payments: int) -> None:
    """Open many channels, make many payments, and tell how much memory that takes."""

    async def work(node: Node) -> dict[str, Any]:
        [chain] = node.chains.values()
        empty, begin = _memory(), time.perf_counter()
        limit = asyncio.Semaphore(AT_ONCE)

        async def open_one() -> Hash:
            async with limit:
                return await Owner(node).open(NodeUri.parse(other), chain, ZERO_ADDRESS, DEPOSIT // 1_000, None)

        names = await asyncio.gather(*(open_one() for _ in range(channels)))
        await _until(lambda: all(name in node.channels and node.channels[name].side.spendable for name in names))
        opened = time.perf_counter() - begin

        async def pay(number: str) -> float:
            await node.channels[names[int(number) % channels]].peer.do(Pay(1))
            return 0.0

        found = await _measure(pay, [str(number) for number in range(payments)], 5_000)
        return {"empty": empty, "memory": _memory(), "opened": opened, "rate": found["rate"]}

    run(work)


@main.command()
@click.argument("channels", type=int)
@click.pass_obj
def restart(run: Callable[[Work], None], channels: int) -> None:
    """Start again, and tell how long it takes until payments can go in all channels."""

    async def work(node: Node) -> dict[str, Any]:
        ready = time.perf_counter() - STARTED
        await _until(lambda: sum(channel.peer.is_ready for channel in node.channels.values()) == channels)
        return {"ready": ready, "connected": time.perf_counter() - STARTED, "memory": _memory()}

    run(work)


async def _run(node: Node, work: Work) -> dict[str, Any]:
    running = asyncio.create_task(node.run())
    try:
        await _until(lambda: node.is_ready)
        return await work(node)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _measure(pay: Callable[[str], Awaitable[float]], items: list[str], in_flight: int) -> dict[str, float]:
    """Payments a second, and how long they took, milliseconds."""
    left, took = iter(items), []

    async def worker() -> None:
        for item in left:
            took.append(await pay(item))

    begin = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    spent = time.perf_counter() - begin
    took.sort()
    return {
        "rate": len(took) / spent,
        "median": 1_000 * took[len(took) // 2],
        "p99": 1_000 * took[len(took) * 99 // 100],
    }


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not is_so():
            await asyncio.sleep(0.02)


def _knows_way(node: Node, payee: bytes) -> bool:
    try:
        return bool(Owner(node).route(payee, (0, ZERO_ADDRESS), 1_000))
    except NoWay:
        return False


def _memory() -> int:
    """The most that was resident so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024


if __name__ == "__main__":
    main()
