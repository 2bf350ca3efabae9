"""The challenger's web page and metrics: /status for people, /status.json and /metrics for machines, /health."""

import html
import time
from dataclasses import asdict
from threading import Thread

import uvicorn
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from challenger.judge import Verdict
from challenger.watcher import Snapshot, Watcher

STALE_AFTER = 60.0
"""Seconds without an answer from L1 after which /health says no."""

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tandem challenger</title>
<meta http-equiv="refresh" content="2"><style>
body{{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;color:#222}}
h1{{font-size:1.4rem}} table{{border-collapse:collapse;width:100%;margin:1rem 0}}
td,th{{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;font-variant-numeric:tabular-nums}}
code{{font-size:.85em}} .right{{color:#0a7a33}} .wrong{{color:#b00020;font-weight:600}} .open{{color:#8a6d00}}
.banner{{padding:.6rem 1rem;border-radius:.4rem;background:#e7f6ec}} .banner.alarm{{background:#fde7ea;color:#b00020}}
</style></head><body><h1>Tandem challenger</h1>
<p class="banner {banner_class}">{banner}</p>
<table><tr><th>L2 head (from L1 alone)</th><td>{head}</td></tr><tr><th>hash</th><td><code>{head_hash}</code></td></tr>
<tr><th>batches, messages</th><td>{batches}, {messages}</td></tr>
<tr><th>L1 read up to block</th><td>{l1_cursor}{l1_state}</td></tr></table>
<h2>Assertions</h2><table>
<tr><th>id</th><th>by</th><th>batches</th><th>L1 block</th><th>status</th><th>verdict</th></tr>
{rows}</table></body></html>"""


def start_status_server(watcher: Watcher, host: str, port: int) -> uvicorn.Server:
    """Serve in a thread of its own. Set `should_exit` of what is returned to end it."""
    app = Starlette(
        routes=[
            Route("/", lambda request: _page(watcher, request)),
            Route("/status", lambda request: _page(watcher, request)),
            Route("/status.json", lambda request: _json(watcher, request)),
            Route("/health", lambda request: _health(watcher, request)),
            Route("/metrics", lambda request: _metrics(watcher, request)),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning"))
    Thread(target=server.run, name="status", daemon=True).start()
    return server


def _page(watcher: Watcher, _: Request) -> Response:
    return HTMLResponse(render(watcher.snapshot()))


def render(snapshot: Snapshot) -> str:
    """The status page."""
    rows = "".join(
        f"<tr><td><code>0x{judged.id.hex()[:16]}…</code></td><td><code>{html.escape(judged.asserter[:10])}…</code></td>"
        f"<td>{judged.opening.state.batches}</td><td>{judged.l1_block}</td>"
        f"<td>{'confirmed' if judged.is_confirmed else 'pending'}</td>"
        f'<td class="{judged.verdict}">{judged.verdict}</td></tr>'
        for judged in reversed(snapshot.assertions)
    )
    alarms = "<br>".join(html.escape(alarm.message) for alarm in snapshot.alarms)
    return PAGE.format(
        banner_class="alarm" if alarms else "",
        banner=f"ALARM: {alarms}" if alarms else "Every assertion on L1 agrees with the chain derived here.",
        rows=rows,
        head=snapshot.head,
        head_hash=snapshot.head_hash,
        batches=snapshot.batches,
        messages=snapshot.messages,
        l1_cursor=snapshot.l1_cursor,
        l1_state="" if snapshot.l1_connected else " (L1 does not answer)",
    )


def _json(watcher: Watcher, _: Request) -> Response:
    snapshot = watcher.snapshot()
    content = asdict(snapshot)
    content["assertions"] = [
        {
            "id": "0x" + judged.id.hex(),
            "asserter": judged.asserter,
            "batches": judged.opening.state.batches,
            "l1Block": judged.l1_block,
            "verdict": judged.verdict,
            "confirmed": judged.is_confirmed,
        }
        for judged in snapshot.assertions
    ]
    content["alarms"] = [alarm.message for alarm in snapshot.alarms]
    return JSONResponse(content)


def _health(watcher: Watcher, _: Request) -> Response:
    snapshot = watcher.snapshot()
    is_fresh = time.time() - snapshot.last_contact < STALE_AFTER
    status = "ok" if is_fresh and not snapshot.alarms else "alarm" if snapshot.alarms else "L1 does not answer"
    return JSONResponse({"status": status}, status_code=200 if status == "ok" else 503)


def _metrics(watcher: Watcher, _: Request) -> Response:
    snapshot = watcher.snapshot()
    registry = CollectorRegistry()

    def gauge(name: str, text: str, value: float) -> None:
        Gauge(f"tandem_challenger_{name}", text, registry=registry).set(value)

    gauge("head", "L2 block derived last", snapshot.head)
    gauge("batches", "Batches derived", snapshot.batches)
    gauge("l1_cursor", "L1 block read last", snapshot.l1_cursor)
    gauge("l1_connected", "Whether L1 answers", snapshot.l1_connected)
    gauge("alarms", "Things that must not be", len(snapshot.alarms))
    gauge("derivation_blocks_per_second", "Speed of the last derivation", snapshot.blocks_per_second)
    verdicts = Gauge("tandem_challenger_assertions", "Assertions by verdict", ["verdict"], registry=registry)
    for verdict in Verdict:
        verdicts.labels(verdict).set(sum(judged.verdict == verdict for judged in snapshot.assertions))
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")
