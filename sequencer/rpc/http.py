"""The ASGI application: JSON-RPC over HTTP POST and WebSocket, /health and /metrics.

POST is served before the router: a submission costs some 100 us in all, of which starlette's request and response
objects would be a good part.
"""

from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from sequencer import bus
from sequencer.rpc.api import Api
from sequencer.rpc.dispatch import Dispatcher
from sequencer.rpc.errors import INVALID_REQUEST, RpcError, busy
from sequencer.rpc.metrics import Metrics
from sequencer.rpc.publish import Publisher
from sequencer.rpc.sockets import Connection

CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"POST, GET, OPTIONS"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-max-age", b"86400"),
]
"""Any web page may ask: there is nothing here that depends on who asks."""
JSON_HEADERS = [(b"content-type", b"application/json"), CORS[0]]


class App:
    """What uvicorn calls."""

    def __init__(self, api: Api, dispatcher: Dispatcher, publisher: Publisher, metrics: Metrics) -> None:
        self._api = api
        self._dispatcher = dispatcher
        self._publisher = publisher
        self._metrics = metrics
        self._limits = api.limits
        self._in_progress = 0
        self._router: ASGIApp = Starlette(
            routes=[
                Route("/", self._about),
                Route("/health", self._health),
                Route("/metrics", self._show_metrics),
                WebSocketRoute("/", self._socket),
                WebSocketRoute("/ws", self._socket),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._router(scope, receive, send)
        elif scope["method"] == "POST":
            await self._post(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await _respond(send, 204, b"", CORS)
        else:
            await self._router(scope, receive, send)

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._in_progress >= self._limits.requests:
            await _respond(send, 503, _error(busy()), JSON_HEADERS)
            return
        self._in_progress += 1
        try:
            body = await self._body(scope, receive)
            if body is None:
                too_large = RpcError(INVALID_REQUEST, f"request too large: at most {self._limits.body_bytes} bytes")
                await _respond(send, 413, _error(too_large), [*JSON_HEADERS, (b"connection", b"close")])
                return
            await _respond(send, 200, await self._dispatcher.answer(body), JSON_HEADERS)
        finally:
            self._in_progress -= 1

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The request's body, or None where it is too long."""
        most = self._limits.body_bytes
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > most:
                return None
        message = await receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body"):
            return body if len(body) <= most else None
        parts = [body]
        size = len(body)
        while message.get("more_body"):
            message = await receive()
            part = message.get("body", b"")
            size += len(part)
            if size > most:
                return None
            parts.append(part)
        return b"".join(parts)

    async def _socket(self, socket: WebSocket) -> None:
        await Connection(socket, self._dispatcher, self._publisher, self._limits).serve()

    async def _about(self, _request: Request) -> Response:
        return JSONResponse(
            {"name": "Tandem JSON-RPC", "chainId": self._api.parameters.chain_id, "post": "JSON-RPC 2.0 to this path"}
        )

    async def _health(self, _request: Request) -> Response:
        """200 while blocks can be made and read; 503 while the engine is away."""
        with self._api.store.read() as session:
            head = session.head()
        engine: Any = None
        try:
            engine = await self._api.bus.request(bus.STATUS, timeout=2)
        except bus.BusError as error:
            return JSONResponse({"status": "degraded", "reason": str(error), "head": head.number}, 503)
        return JSONResponse({"status": "ok", "head": head.number, "headTimestamp": head.timestamp, "engine": engine})

    async def _show_metrics(self, _request: Request) -> Response:
        try:
            status = await self._api.bus.request(bus.STATUS, timeout=2)
            self._metrics.engine = status if isinstance(status, dict) else {}
        except bus.BusError:
            self._metrics.engine = {}
        return Response(self._metrics.render(), media_type="text/plain; version=0.0.4")


def _error(error: RpcError) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": None, "error": error.body()})


async def _respond(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
