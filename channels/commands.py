"""Commands to a node that runs: `python -m channels info`, `open`, `pay`, ... They speak to its REST interface."""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click
import requests
from rich.console import Console
from rich.table import Table

UNITS = {"wei": 0, "gwei": 9, "eth": 18, "": 0}
TIMEOUT = 120.0
"""Seconds that an answer may take: a transaction has to be mined."""
SHORT = 10
"""Digits of a name that people are shown."""


class Client:
    """The REST interface of the node that has this folder."""

    def __init__(self, folder: Path) -> None:
        try:
            content = json.loads((folder / "api.json").read_text())
            self._url, self._headers = content["url"], {"Authorization": f"Bearer {content['token']}"}
        except (OSError, ValueError, KeyError, TypeError) as reason:
            raise click.ClickException(
                f"{folder}/api.json cannot be read ({reason}): has a node been started with --data {folder}?"
            ) from reason

    def get(self, path: str, **query: Any) -> Any:
        """The answer. ClickException with the node's reason."""
        return self._request("GET", path, params={name: value for name, value in query.items() if value is not None})

    def post(self, path: str, **body: Any) -> Any:
        """The answer. ClickException with the node's reason."""
        return self._request("POST", path, json={name: value for name, value in body.items() if value is not None})

    def events(self) -> Any:
        """Each as it happens."""
        answer = requests.get(f"{self._url}/v1/events", headers=self._headers, stream=True, timeout=(10, 60))
        for line in answer.iter_lines(chunk_size=1):
            if line.startswith(b"data: "):
                yield json.loads(line[6:])

    def _request(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            answer = requests.request(
                method, f"{self._url}/v1{path}", headers=self._headers, timeout=TIMEOUT, **arguments
            )
            content = answer.json()
        except requests.Timeout as reason:
            raise click.ClickException(
                f"the node has not answered for {TIMEOUT:.0f} s: look at its history"
            ) from reason
        except (requests.RequestException, ValueError) as reason:
            raise click.ClickException(f"the node at {self._url} does not answer: is it running?") from reason
        if not answer.ok:
            raise click.ClickException(content.get("message", answer.text))
        return content


class AmountType(click.ParamType):
    """12, 12wei, 3.5gwei, 0.01eth; a token's amounts in its smallest units."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """A decimal string."""
        text = str(value).strip().lower().replace("_", "")
        digits = text.rstrip("abcdefghijklmnopqrstuvwxyz").strip()
        unit = text[len(digits) :].strip()
        try:
            amount = Decimal(digits) * 10 ** UNITS[unit]
            if amount <= 0 or amount != amount.to_integral_value():
                raise InvalidOperation
        except (InvalidOperation, KeyError):
            self.fail(f"{value!r} is no amount: try 1000, 3.5gwei or 0.01eth", param, ctx)
        return str(int(amount))


AMOUNT = AmountType()
Command = Callable[..., Any]


def make_command(function: Command) -> click.Command:
    """With the folder that says which node is meant, and --json for programs."""
    options = [
        click.option(
            "--data",
            "folder",
            type=click.Path(path_type=Path),
            default=Path("devnet/node"),
            show_default=True,
            help="The node's folder.",
        ),
        click.option("--json", "as_json", is_flag=True, help="The answer as JSON."),
    ]

    def run(folder: Path, as_json: bool, **arguments: Any) -> None:
        result = function(Client(folder), **arguments)
        if as_json and result is not None:
            click.echo(json.dumps(result[0]))
        elif result is not None:
            result[1](Console(highlight=False))

    run.__doc__ = function.__doc__
    run.__click_params__ = list(getattr(function, "__click_params__", []))  # type: ignore[attr-defined]
    for option in reversed(options):
        run = option(run)
    return click.command(function.__name__.strip("_").replace("_", "-"))(run)


Answer = tuple[Any, Callable[[Console], None]]
"""For programs, and for people."""


def say(content: Any, text: str) -> Answer:
    return content, lambda console: console.print(text, soft_wrap=True)


def tabulate(content: Any, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Answer:
    def show(console: Console) -> None:
        table = Table(title=title, title_justify="left")
        for column in columns:
            is_number = column in ("can pay", "can get", "amount", "fee", "balance", "deposit", "block", "gas")
            table.add_column(column, justify="right" if is_number else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        console.print(table)

    return content, show


def show_amount(amount: str, symbol: str = "ETH", decimals: int = 18) -> str:
    """As people write it."""
    value = Decimal(amount) / 10**decimals
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    if value and abs(value) < Decimal("0.000001"):
        text, symbol = f"{int(amount):,}", "wei" if symbol == "ETH" else f"units of {symbol}"
    return f"{text} {symbol}"


def short(name: str) -> str:
    return name[: 2 + SHORT]


def _info(node: Client) -> Answer:
    """The node, its chains and what its account has there."""
    content = node.get("/info")
    rows = [
        (
            chain["name"],
            str(chain["chain_id"]),
            f"{chain['block']:,}" if chain["is_reachable"] else "does not answer",
            show_amount(chain["balance"]),
            f"{chain['gas_used']:,} in {chain['transactions']}",
        )
        for chain in content["chains"]
    ]
    title = f"node {content['node']}\naccount {content['address']}, {content['channels']} channels, "
    title += f"{content['neighbours']} neighbours"
    return tabulate(content, title, ("chain", "id", "block", "balance", "gas"), rows)


def _channels(node: Client) -> Answer:
    """All channels that are not settled."""
    content = node.get("/channels")
    rows = []
    for channel in content:
        unit = channel["symbol"], channel["decimals"]
        state = channel["status"]
        if state == "open":
            state = "open" if channel["is_connected"] else "open, not connected"
        elif channel["settle_at"]:
            state += f" until {time.strftime('%H:%M:%S', time.localtime(channel['settle_at']))}"
        rows.append(
            (
                short(channel["id"]),
                channel["chain"],
                short(channel["other_node"] or channel["other"]),
                channel["trouble"] or state,
                show_amount(channel["spendable"], *unit),
                show_amount(channel["receivable"], *unit),
                str(len(channel["locks"])),
            )
        )
    return tabulate(content, "channels", ("channel", "chain", "with", "state", "can pay", "can get", "locks"), rows)


@click.argument("other")
@click.option("--chain", default="L2", show_default=True, help="L1 or L2.")
@click.option("--amount", type=AMOUNT, required=True, help="Deposit: 0.5eth, or a token's units.")
@click.option("--token", help="Address of an ERC-20; without it: ether.")
@click.option("--window", type=int, help="Seconds between a lone close and the settlement.")
def _open(node: Client, other: str, chain: str, amount: str, token: str | None, window: int | None) -> Answer:
    """Open a channel with OTHER: public key @ host : port."""
    content = node.post("/channels", node=other, chain=chain, amount=amount, token=token, window=window)
    return say(content, f"channel {content['id']} is open; it can be used when the deposit is confirmed")


@click.argument("channel")
@click.argument("amount", type=AMOUNT)
def _deposit(node: Client, channel: str, amount: str) -> Answer:
    """Pay AMOUNT more into CHANNEL."""
    return say(node.post(f"/channels/{channel}/deposit", amount=amount), "paid in; it counts when it is confirmed")


@click.argument("channel")
@click.argument("amount", type=AMOUNT)
def _withdraw(node: Client, channel: str, amount: str) -> Answer:
    """Take AMOUNT out of CHANNEL, which stays open."""
    return say(node.post(f"/channels/{channel}/withdraw", amount=amount), "taken out")


@click.argument("channel")
@click.argument("amount", type=AMOUNT)
def _send(node: Client, channel: str, amount: str) -> Answer:
    """Pay AMOUNT to who is at the other side of CHANNEL, without an invoice."""
    return say(node.post(f"/channels/{channel}/pay", amount=amount), "paid")


@click.argument("channel")
@click.option("--alone", is_flag=True, help="Without the other side: the window must pass.")
def _close(node: Client, channel: str, alone: bool) -> Answer:
    """End CHANNEL: together, at once; or alone."""
    content = node.post(f"/channels/{channel}/close", alone=alone)
    return say(content, "closing: it is settled when its window is over" if alone else "closed")


@click.argument("amount", type=AMOUNT)
@click.option("--chain", default="L2", show_default=True)
@click.option("--token", help="Address of an ERC-20; without it: ether.")
@click.option("--for", "description", default="", help="What it is for.")
@click.option("--life", type=int, default=3_600, show_default=True, help="Seconds that it is valid.")
@click.option("--hold", is_flag=True, help="What comes in waits for `take` or `refuse`.")
def _invoice(
    node: Client, amount: str, chain: str, token: str | None, description: str, life: int, hold: bool
) -> Answer:
    """Ask for AMOUNT."""
    body = {"amount": amount, "chain": chain, "token": token, "description": description, "life": life, "hold": hold}
    content = node.post("/invoices", **body)
    return say(content, content["invoice"])


@click.argument("ref")
def _take(node: Client, ref: str) -> Answer:
    """Take what is held for the invoice REF."""
    return say(node.post(f"/invoices/{ref}/decide", take=True), "taken")


@click.argument("ref")
def _refuse(node: Client, ref: str) -> Answer:
    """Refuse what is held for the invoice REF."""
    return say(node.post(f"/invoices/{ref}/decide", take=False), "refused")


@click.argument("invoice")
@click.option("--most-fee", type=AMOUNT, help="What hops may take together. Default: a twentieth.")
def _pay(node: Client, invoice: str, most_fee: str | None) -> Answer:
    """Pay INVOICE."""
    content = node.post("/payments", invoice=invoice, most_fee=most_fee)
    if content["outcome"] != "paid":
        raise click.ClickException(f"not paid after {content['attempts']} tries: {content['error']}")
    hops = " → ".join(f"{short(hop['target'])} ({hop['chain']})" for hop in content["way"])
    text = f"paid {show_amount(content['amount'])} over {hops}, fee {show_amount(content['fee'])}"
    return say(content, f"{text}\nproof {content['proof']}")


def _payments(node: Client) -> Answer:
    """The newest payments."""
    content = node.get("/payments")
    rows = [
        (
            short(payment["ref"]),
            payment["outcome"],
            show_amount(payment["amount"]),
            show_amount(payment["fee"]),
            str(len(payment["way"])),
            payment["description"] or payment["error"],
        )
        for payment in content
    ]
    return tabulate(content, "payments", ("payment", "state", "amount", "fee", "hops", "for"), rows)


def _invoices(node: Client) -> Answer:
    """The newest invoices."""
    content = node.get("/invoices")
    rows = [
        (
            invoice["ref"] if invoice["is_waiting"] else short(invoice["ref"]),
            "paid"
            if invoice["paid"]
            else "held"
            if invoice["is_waiting"]
            else "expired"
            if invoice["expires"] < time.time()
            else "open",
            show_amount(invoice["amount"]),
            invoice["description"],
        )
        for invoice in content
    ]
    return tabulate(content, "invoices", ("invoice", "state", "amount", "for"), rows)


@click.argument("out")
@click.argument("into")
@click.argument("amount", type=AMOUNT)
@click.option("--most-fee", type=AMOUNT, default="1000", show_default=True, help="What hops may take together.")
def _rebalance(node: Client, out: str, into: str, amount: str, most_fee: str) -> Answer:
    """Move AMOUNT from channel OUT to channel INTO, over other nodes."""
    named = {short(channel["id"]): channel["id"] for channel in node.get("/channels")}
    content = node.post(
        "/rebalance", out=named.get(out, out), into=named.get(into, into), amount=amount, most_fee=most_fee
    )
    if content["outcome"] != "paid":
        raise click.ClickException(f"not moved: {content['error']}")
    return say(content, f"moved {show_amount(amount)} in {len(content['way'])} hops, fee {show_amount(content['fee'])}")


@click.option("--chain", default="L2", show_default=True)
@click.option("--token", help="Address of an ERC-20; without it: ether.")
def _claim(node: Client, chain: str, token: str | None) -> Answer:
    """Get what a settlement could not pay out, because the token refused."""
    content = node.post("/claim", chain=chain, token=token)
    return say(content, f"claimed {content['amount']}" + (" units" if token else " wei"))


@click.argument("to")
@click.argument("amount", type=AMOUNT)
@click.option("--chain", default="L2", show_default=True)
@click.option("--token", help="Address of an ERC-20; without it: ether.")
def _route(node: Client, to: str, amount: str, chain: str, token: str | None) -> Answer:
    """The way that a payment of AMOUNT to node TO would take now."""
    content = node.get("/routes", to=to, amount=amount, chain=chain, token=token)
    rows = [
        (hop["chain"], short(hop["channel"]), short(hop["source"]), short(hop["target"]), show_amount(hop["amount"]))
        for hop in content["hops"]
    ]
    title = f"{len(rows)} hops, fee {show_amount(content['fee'])}"
    return tabulate(content, title, ("chain", "channel", "from", "to", "amount"), rows)


def _network(node: Client) -> Answer:
    """All nodes and channels that gossip has told of."""
    content = node.get("/network")
    rows = [
        (
            edge["chain"],
            short(edge["channel"]),
            f"{short(edge['source'])} → {short(edge['target'])}",
            "open" if edge["is_open"] else "away",
            f"{int(edge['fee_base']):,} + {edge['fee_ppm']} ppm",
            f"{edge['delta']:,} s",
        )
        for edge in content["edges"]
    ]
    title = f"{len(content['nodes'])} nodes, {len(rows)} edges"
    return tabulate(content, title, ("chain", "channel", "edge", "state", "asks", "delta"), rows)


def _towers(node: Client) -> Answer:
    """The watchtowers that watch for this node."""
    content = node.get("/towers")
    rows = [
        (
            short(tower["public_key"]),
            tower["url"],
            "connected" if tower["is_connected"] else "away",
            str(tower["channels"]),
            f"{tower['reward_ppm']} ppm",
            tower["refusal"] or "",
        )
        for tower in content
    ]
    return tabulate(content, "towers", ("tower", "where", "state", "channels", "reward", "declines"), rows)


@click.argument("other")
def _connect(node: Client, other: str) -> Answer:
    """Stay connected with OTHER: public key @ host : port."""
    return say(node.post("/neighbours", node=other), "connected")


@click.option("--count", type=click.IntRange(1, 1_000), default=20, show_default=True)
def _history(node: Client, count: int) -> Answer:
    """What has happened last."""
    content = node.get("/history", count=count)
    rows = [(_clock(event["time"]), event["kind"], _details(event)) for event in reversed(content)]
    return tabulate(content, "history", ("time", "what", "details"), rows)


def _watch(node: Client) -> None:
    """What happens from now on, until Ctrl-C."""
    try:
        for event in node.events():
            click.echo(f"{_clock(event['time'])}  {event['kind']:<11} {_details(event)}")
    except requests.RequestException:
        raise click.ClickException("the node does not answer any more") from None
    except KeyboardInterrupt:
        sys.exit(0)


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def _details(event: Mapping[str, Any]) -> str:
    fields = (
        (name, value) for name, value in event.items() if name not in ("time", "kind") and value not in ("", None)
    )
    return ", ".join(f"{name} {short(value) if str(value).startswith('0x') else value}" for name, value in fields)


def commands() -> list[click.Command]:
    """All of them."""
    functions: tuple[Command, ...] = (
        _info,
        _channels,
        _open,
        _deposit,
        _withdraw,
        _send,
        _close,
        _invoice,
        _take,
        _refuse,
        _pay,
        _invoices,
        _payments,
        _rebalance,
        _claim,
        _route,
        _network,
        _towers,
        _connect,
        _history,
        _watch,
    )
    return [make_command(function) for function in functions]
