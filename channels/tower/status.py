"""What a tower tells of itself: a page for people, status.json and metrics for machines, health."""

import html
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from channels.serving import serve_app
from channels.tower.service import Tower
from tandem.channels.identity import NodeUri
from tandem.channels.ledger import Status
from tandem.l1.contracts import checksum

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1c2430 }
table { border-collapse: collapse; width: 100%; margin-bottom: 2rem }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #d8dee6 }
th { color: #5a6675; font-weight: 600 } code { font-size: .9em; overflow-wrap: anywhere } .closing { color: #b3261e }
"""


async def serve(tower: Tower, host: str, port: int) -> None:
    """Until it is cancelled. ConfigError where nobody can listen there."""
    routes = [
        Route("/", lambda request: _page(tower, request)),
        Route("/status.json", lambda request: JSONResponse(status(tower))),
        Route("/metrics", lambda request: _metrics(tower, request)),
        Route("/health", lambda request: _health(tower, request)),
    ]
    await serve_app(Starlette(routes=routes), host, port)


def status(tower: Tower) -> dict[str, Any]:
    """Everything, for programs. Rewards are decimal strings, wei or the token's units."""
    return {
        "tower": str(NodeUri(tower.identity.public_key, tower.settings.url)),
        "account": checksum(tower.identity.address),
        "chains": [
            {"name": chain.name, "block": chain.block, "isReachable": chain.is_reachable}
            for chain in tower.chains.values()
        ],
        "terms": {
            "rewardPpm": tower.settings.terms.reward_ppm,
            "rates": [
                {
                    "chain": tower.chains[rate.chain_id].name,
                    "token": checksum(rate.token),
                    "leastReward": str(rate.least),
                }
                for rate in tower.settings.terms.rates
            ],
            "mostChannels": tower.settings.terms.most_channels,
        },
        "channels": [
            {
                "id": "0x" + row.newest.channel.hex(),
                "chain": tower.chains[row.newest.chain_id].name,
                "client": checksum(row.client),
                "theirNonce": row.newest.theirs.lane.nonce,
                "ownNonce": row.newest.own.lane.nonce,
                "secrets": len(row.newest.secrets),
                "reward": str(row.newest.reward),
                "status": _status_of(tower, row.newest.chain_id, row.newest.channel),
            }
            for row in tower.rows.values()
            if row.newest.chain_id in tower.chains
        ],
        "rescues": [
            {"channel": "0x" + channel.hex(), "client": checksum(client), "time": at, "reward": str(reward)}
            for channel, client, at, reward in tower.store.rescues()
        ],
        "done": dict(tower.chores.done),
        "delegations": tower.counts["delegations"],
        "declined": tower.counts["declined"],
    }


def _status_of(tower: Tower, chain_id: int, channel: Any) -> str:
    on_chain = tower.chains[chain_id].latest.channels.get(channel)
    return "not seen yet" if on_chain is None else on_chain.status.value


def _page(tower: Tower, _: Request) -> Response:
    content = status(tower)
    rows = "".join(
        f"<tr><td><code>{each['id'][:12]}</code><td>{each['chain']}<td><code>{each['client'][:12]}</code>"
        f"<td>{each['theirNonce']} / {each['ownNonce']}<td>{each['secrets']}<td>{int(each['reward']):,}"
        f"<td class={each['status']}>{each['status']}"
        for each in content["channels"]
    )
    rescues = "".join(
        f"<tr><td><code>{each['channel'][:12]}</code><td><code>{each['client'][:12]}</code><td>{int(each['reward']):,}"
        for each in content["rescues"]
    )
    chains = ", ".join(
        f"{chain['name']} at block {chain['block']:,}" if chain["isReachable"] else f"{chain['name']} does not answer"
        for chain in content["chains"]
    )
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=2><title>Watchtower</title>"
        f"<style>{STYLE}</style><h1>Watchtower</h1><p><code>{html.escape(content['tower'])}</code><br>{chains}"
        f"<h2>{len(content['channels'])} channels watched</h2><table><tr><th>channel<th>chain<th>client"
        f"<th>states (theirs / own)<th>secrets<th>reward<th>state</tr>{rows}</table>"
        f"<h2>{len(content['rescues'])} rescues</h2><table><tr><th>channel<th>client<th>reward</tr>{rescues}</table>"
    )


def _health(tower: Tower, _: Request) -> Response:
    is_well = all(chain.is_reachable for chain in tower.chains.values())
    return JSONResponse({"status": "ok" if is_well else "not all chains answer"}, 200 if is_well else 503)


def _metrics(tower: Tower, _: Request) -> Response:
    registry = CollectorRegistry()

    def gauge(name: str, text: str, value: float) -> None:
        Gauge(f"tandem_tower_{name}", text, registry=registry).set(value)

    gauge("channels", "Channels watched", len(tower.rows))
    gauge("closing", "Of these, closing", sum(each["status"] == Status.CLOSING for each in status(tower)["channels"]))
    gauge("delegations", "Taken since the start", tower.counts["delegations"])
    gauge("declined", "Not taken since the start", tower.counts["declined"])
    gauge("rescues", "Newer states shown", len(tower.store.rescues()))
    for chain in tower.chains.values():
        gauge(f"{chain.name.lower()}_block", "Newest block read", chain.block)
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")
