"""The challenger's web server: /status for people, /status.json and /metrics for machines, /health."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from threading import Thread
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from challenger.defender import Defender
from challenger.judge import Judged, Verdict
from challenger.page import render
from challenger.playing import Playing
from challenger.watcher import Snapshot, Watcher

STALE_AFTER = 60.0
"""Seconds without an answer from L1 after which /health says no."""


@dataclass(frozen=True, slots=True)
class Status:
    """All that there is to tell."""

    snapshot: Snapshot
    playing: Playing | None

    @property
    def alarms(self) -> tuple[str, ...]:
        """Of the watcher and of the player."""
        return self.snapshot.alarms + (self.playing.alarms if self.playing else ())


def start_status_server(watcher: Watcher, defender: Defender | None, host: str, port: int) -> uvicorn.Server:
    """Serve in a thread of its own. Set `should_exit` of what is returned to end it."""

    def route(path: str, answer: Callable[[Status], Response]) -> Route:
        def endpoint(_: Request) -> Response:
            return answer(Status(watcher.snapshot(), defender.playing() if defender else None))

        return Route(path, endpoint)

    app = Starlette(
        routes=[
            route("/", _page),
            route("/status", _page),
            route("/status.json", _json),
            route("/health", _health),
            route("/metrics", _metrics),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning"))
    Thread(target=server.run, name="status", daemon=True).start()
    return server


def _page(status: Status) -> Response:
    return HTMLResponse(render(status.snapshot, status.playing, status.alarms))


def _json(status: Status) -> Response:
    content = as_json(asdict(status.snapshot))
    content["assertions"] = [_judged(judged, status.snapshot) for judged in status.snapshot.assertions]
    content["alarms"] = list(status.alarms)
    content["playing"] = as_json(asdict(status.playing)) if status.playing else None
    return JSONResponse(content)


def _judged(judged: Judged, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "id": "0x" + judged.id.hex(),
        "asserter": judged.asserter,
        "batches": judged.opening.state.batches,
        "l1Block": judged.l1_block,
        "verdict": judged.verdict,
        "confirmed": judged.is_confirmed,
        "rejected": judged.id in snapshot.rejected,
    }


def as_json(value: Any) -> Any:
    """Bytes as 0x-hex and enumerations by their names, all the way down."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value


def _health(status: Status) -> Response:
    is_fresh = time.time() - status.snapshot.last_contact < STALE_AFTER
    health = "alarm" if status.alarms else "ok" if is_fresh else "L1 does not answer"
    return JSONResponse({"status": health}, status_code=200 if health == "ok" else 503)


def _metrics(status: Status) -> Response:
    snapshot, playing = status.snapshot, status.playing
    registry = CollectorRegistry()

    def gauge(name: str, text: str, value: float) -> None:
        Gauge(f"tandem_challenger_{name}", text, registry=registry).set(value)

    gauge("head", "L2 block derived last", snapshot.head)
    gauge("batches", "Batches derived", snapshot.batches)
    gauge("l1_cursor", "L1 block read last", snapshot.l1_cursor)
    gauge("l1_connected", "Whether L1 answers", snapshot.l1_connected)
    gauge("alarms", "Things that must not be", len(status.alarms))
    gauge("derivation_blocks_per_second", "Speed of the last derivation", snapshot.blocks_per_second)
    gauge("games", "Games that are not over", len(snapshot.games))
    gauge("challenge_window_seconds", "The timer that decides", snapshot.window)
    verdicts = Gauge("tandem_challenger_assertions", "Assertions by verdict", ["verdict"], registry=registry)
    for verdict in Verdict:
        verdicts.labels(verdict).set(sum(judged.verdict == verdict for judged in snapshot.assertions))
    timers = Gauge("tandem_challenger_timer_seconds", "Timers of roots", ["assertion", "side"], registry=registry)
    for game in snapshot.games:
        if game.own is not None:
            timers.labels("0x" + game.own.hex(), "right").set(game.timer)
        for wrong in game.false_roots:
            timers.labels("0x" + wrong.assertion.hex(), "wrong").set(wrong.timer)
    if playing is not None:
        gauge("balance_wei", "Ether of the player", playing.balance)
        gauge("spent_wei", "Paid for gas since the start", playing.spent)
        gauge("credit_wei", "Owed by the dispute game", playing.credit)
        gauge("at_stake_wei", "In bonds on L1", playing.at_stake)
        gauge("moves", "Moves made since the start", playing.moves)
        gauge("moves_due", "Moves to make now", sum(due.count for due in playing.next_moves))
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")
