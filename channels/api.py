"""The node over HTTP: REST, events as they happen (server-sent), an OpenAPI document, a page, metrics.

All but the page and /health needs the token that the node has written beside its database (api.json): who has it can
spend the node's money.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from channels import models, views
from channels.chain import Chain, ChainFailure
from channels.channel import Channel, asset
from channels.match_book import KeptMatch
from channels.match_talk import NoMatch
from channels.metrics import render
from channels.node import Node
from channels.owner import Owner, Refusal
from channels.payments import NotPaid
from channels.peer import ChannelBroken, ChannelEnded, NotConnected, NotGranted, TooManyWaiting
from channels.serving import serve_app
from tandem.channels.identity import NodeUri
from tandem.channels.play import InvalidMove, NotNow
from tandem.channels.routing import NoWay
from tandem.channels.signing import BadSignature
from tandem.errors import EncodingError, TandemError
from tandem.primitives.types import ZERO_ADDRESS, Address, Hash, Seconds

WEB = Path(__file__).parent / "web"
POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Nothing but what this server sends runs in the page."""
SILENCE = 15.0
"""Seconds after which an event stream says that it is still there."""
STATUS: dict[type[TandemError], int] = {
    EncodingError: 400,
    BadSignature: 400,
    Refusal: 409,
    NotGranted: 409,
    NotPaid: 409,
    NoMatch: 409,
    NotNow: 409,
    InvalidMove: 409,
    NoWay: 409,
    ChannelBroken: 409,
    ChannelEnded: 409,
    TooManyWaiting: 503,
    NotConnected: 503,
    ChainFailure: 502,
}
"""How errors are answered; the body has the name and the reason."""
Count = Annotated[int, Query(ge=1, le=1_000)]


def make_app(node: Node, token: str) -> FastAPI:
    """The whole interface of a node."""
    bearer = HTTPBearer(auto_error=False)

    def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
        if given is None or not secrets.compare_digest(given.credentials.encode(), token.encode()):
            raise HTTPException(401, "the token from the node's api.json belongs into the Authorization header")

    app = FastAPI(title="Tandem channel node", version="1", docs_url=None, redoc_url=None)
    errors: dict[int | str, dict[str, Any]] = {
        code: {"model": models.ErrorView} for code in sorted({401, 404, 422, *STATUS.values()})
    }
    _add_errors(app)
    app.include_router(_routes(node), prefix="/v1", dependencies=[Depends(check)], responses=errors)

    for path, file in (("/", "index.html"), ("/page.js", "page.js"), ("/page.css", "page.css")):
        app.add_route(path, _file(WEB / file), include_in_schema=False)

    @app.get("/health")
    def health() -> JSONResponse:
        """503 while a chain does not answer."""
        is_well = node.is_ready and all(chain.is_reachable for chain in node.chains.values())
        return JSONResponse({"status": "ok" if is_well else "not all chains answer"}, 200 if is_well else 503)

    return app


def _file(path: Path) -> Callable[[Request], Response]:
    def answer(_: Request) -> Response:
        return FileResponse(path, headers=POLICY)

    return answer


def _add_errors(app: FastAPI) -> None:
    def answer(_: Request, error: Exception) -> Response:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
        return JSONResponse(views.error_view(error), status)

    def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        where = "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors())
        return JSONResponse({"error": "InvalidRequest", "message": where}, 422)

    def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        name = {401: "NotAuthorized", 404: "NotFound"}.get(error.status_code, "Refused")
        return JSONResponse({"error": name, "message": error.detail}, error.status_code)

    app.add_exception_handler(TandemError, answer)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, refused)


def _routes(node: Node) -> APIRouter:
    api, owner = APIRouter(), Owner(node)

    @api.get("/info")
    async def info() -> models.InfoView:
        """The node and its chains."""
        return await views.info_view(node)

    @api.get("/channels")
    async def channels() -> list[models.ChannelView]:
        """All that are not settled."""
        return [await views.channel_view(node, channel) for channel in node.channels.values()]

    @api.get("/channels/{channel_id}")
    async def channel(channel_id: str) -> models.ChannelView:
        """One of them."""
        return await views.channel_view(node, _channel(node, channel_id))

    @api.post("/channels", status_code=201)
    async def open_channel(request: models.OpenRequest) -> models.Opened:
        """Open one. It can be used when the deposit is confirmed."""
        chain, uri = _chain(node, request.chain), NodeUri.parse(request.node)
        window = None if request.window is None else Seconds(request.window)
        name = await owner.open(uri, chain, _token(request.token), int(request.amount), window)
        return models.Opened(id="0x" + name.hex())

    @api.post("/channels/{channel_id}/deposit")
    async def deposit(channel_id: str, request: models.AmountRequest) -> models.Done:
        """Pay more in."""
        await owner.deposit(_channel(node, channel_id), int(request.amount))
        return models.Done()

    @api.post("/channels/{channel_id}/withdraw")
    async def withdraw(channel_id: str, request: models.AmountRequest) -> models.Done:
        """Take money out; the channel stays open."""
        await owner.withdraw(_channel(node, channel_id), int(request.amount))
        return models.Done()

    @api.post("/channels/{channel_id}/pay")
    async def pay_directly(channel_id: str, request: models.AmountRequest) -> models.Done:
        """Pay who is at the other side, without an invoice."""
        await owner.pay_directly(_channel(node, channel_id), int(request.amount))
        return models.Done()

    @api.post("/channels/{channel_id}/close")
    async def close(channel_id: str, request: models.CloseRequest) -> models.Done:
        """End it: together at once, or alone."""
        found = _channel(node, channel_id)
        await (owner.close_alone(found) if request.alone else owner.close(found))
        return models.Done()

    @api.get("/invoices")
    async def invoices(count: Count = 100) -> list[models.InvoiceView]:
        """The newest first."""
        return [views.invoice_view(node, record) for record in node.invoices.newest(count)]

    @api.get("/invoices/{ref}")
    async def invoice(ref: str) -> models.InvoiceView:
        """One of them."""
        record = node.invoices.find(_hash(ref))
        if record is None:
            raise HTTPException(404, f"there is no invoice {ref}")
        return views.invoice_view(node, record)

    @api.post("/invoices", status_code=201)
    async def make_invoice(request: models.InvoiceRequest) -> models.InvoiceView:
        """Ask for money."""
        chain, token, life = _chain(node, request.chain), _token(request.token), Seconds(request.life)
        record = await owner.invoice(chain, token, int(request.amount), life, request.description, request.hold)
        return views.invoice_view(node, record)

    @api.post("/invoices/{ref}/decide")
    async def decide(ref: str, request: models.DecideRequest) -> models.Done:
        """Take or refuse what is held for an invoice."""
        await owner.decide(_hash(ref), request.take)
        return models.Done()

    @api.get("/payments")
    async def payments(count: Count = 100) -> list[models.PaymentView]:
        """The newest first."""
        return [views.payment_view(node, record) for record in node.payments.newest(count)]

    @api.get("/payments/{ref}")
    async def payment(ref: str) -> models.PaymentView:
        """One of them."""
        record = node.payments.find(_hash(ref))
        if record is None:
            raise HTTPException(404, f"there is no payment {ref}")
        return views.payment_view(node, record)

    @api.post("/payments")
    async def pay(request: models.PayRequest) -> models.PaymentView:
        """Pay an invoice. Answers when it is paid or has failed; it goes on when the request is given up."""
        most = None if request.most_fee is None else int(request.most_fee)
        return views.payment_view(node, await owner.pay(request.invoice, most))

    @api.post("/rebalance")
    async def rebalance(request: models.RebalanceRequest) -> models.PaymentView:
        """Move money from one channel to another, over other nodes."""
        out, into = _channel(node, request.out), _channel(node, request.into)
        return views.payment_view(node, await owner.rebalance(out, into, int(request.amount), int(request.most_fee)))

    @api.post("/claim")
    async def claim(request: models.ClaimRequest) -> models.Claimed:
        """Get what a settlement could not pay out to this node, because the token refused."""
        amount = await owner.claim(_chain(node, request.chain), _token(request.token))
        return models.Claimed(amount=str(amount))

    @api.get("/sessions")
    async def sessions(count: Count = 100) -> list[models.SessionView]:
        """Application sessions, the newest first."""
        return [views.session_view(node, kept) for kept in node.matches.book.newest(count)]

    @api.get("/sessions/{name}")
    async def session(name: str) -> models.SessionView:
        """One of them."""
        return views.session_view(node, _session(node, name))

    @api.post("/sessions", status_code=201)
    async def offer(request: models.SessionRequest) -> models.SessionView:
        """Ask the other side of a channel to play."""
        channel = _channel(node, request.channel)
        timeout, life = (None if each is None else Seconds(each) for each in (request.timeout, request.life))
        stake = int(request.stake)
        name = await node.matches.offer(channel, request.app, stake, timeout, life, is_first=request.first)
        return views.session_view(node, _session(node, "0x" + name.hex()))

    @api.post("/sessions/{name}/decide")
    async def decide_session(name: str, request: models.AcceptRequest) -> models.Done:
        """Play what was offered, or do not."""
        found = _session(node, name).match.name
        await (node.matches.accept(found) if request.accept else node.matches.decline(found))
        return models.Done()

    @api.post("/sessions/{name}/move")
    async def move(name: str, request: models.MoveRequest) -> models.SessionView:
        """Make our turn."""
        await node.matches.move(_session(node, name).match.name, request.move)
        return views.session_view(node, _session(node, name))

    @api.get("/routes")
    async def route(
        to: str, amount: models.Amount, chain: str, token: models.AddressText | None = None
    ) -> models.RouteView:
        """A way as a payment would take it now."""
        wanted = asset(_chain(node, chain).id, _token(token))
        legs = owner.route(NodeUri.parse(to).public_key, wanted, int(amount))
        names = {each.id: each.name for each in node.chains.values()}
        hops = [
            models.HopView(
                chain=names[node.chain_of(leg.edge.channel)],
                channel="0x" + leg.edge.channel.hex(),
                source="0x" + leg.edge.source.hex(),
                target="0x" + leg.edge.target.hex(),
                amount=str(leg.amount),
            )
            for leg in legs
        ]
        return models.RouteView(fee=str(legs[0].amount - int(amount)), hops=hops)

    @api.get("/network")
    async def network() -> models.NetworkView:
        """What gossip has told of nodes and channels."""
        return views.network_view(node)

    @api.get("/towers")
    async def towers() -> list[models.TowerView]:
        """Who watches for us."""
        return views.tower_views(node)

    @api.post("/neighbours")
    async def connect(request: models.ConnectRequest) -> models.Done:
        """Stay connected with a node."""
        await owner.connect(node.located(NodeUri.parse(request.node)))
        return models.Done()

    @api.get("/history")
    async def history(count: Count = 100) -> list[dict[str, Any]]:
        """What has happened, the newest first."""
        return node.chronicle.newest(count)

    @api.get("/events", response_class=StreamingResponse)
    async def events() -> StreamingResponse:
        """What happens from now on (server-sent events)."""
        return StreamingResponse(_stream(node), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    @api.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(render(node), media_type="text/plain; version=0.0.4")

    return api


async def _stream(node: Node) -> AsyncIterator[str]:
    queue = node.chronicle.listen()
    try:
        yield ": events\n\n"
        while True:
            try:
                async with asyncio.timeout(SILENCE):
                    event = await queue.get()
            except TimeoutError:
                yield ": still there\n\n"
                continue
            if event is None:
                return
            yield f"event: {event['kind']}\ndata: {json.dumps(event)}\n\n"
    finally:
        node.chronicle.leave(queue)


def _channel(node: Node, text: str) -> Channel:
    """By its name, or the beginning of it."""
    wanted = text.removeprefix("0x").lower()
    found = [channel for name, channel in node.channels.items() if name.hex().startswith(wanted)]
    if len(found) != 1 or len(wanted) < 6:
        raise HTTPException(404, f"there is no channel {text}: six digits of its name are needed at least")
    return found[0]


def _session(node: Node, text: str) -> KeptMatch:
    """By its name, or the beginning of it."""
    wanted = text.removeprefix("0x").lower()
    found = node.matches.book.named(wanted) if len(wanted) >= 6 else []
    if len(found) != 1:
        raise HTTPException(404, f"there is no session {text}: six digits of its name are needed at least")
    return found[0]


def _chain(node: Node, name: str) -> Chain:
    for chain in node.chains.values():
        if name in (chain.name, str(chain.id)):
            return chain
    names = ", ".join(chain.name for chain in node.chains.values())
    raise HTTPException(404, f"there is no chain {name!r}, there are: {names}")


def _token(text: str | None) -> Address:
    return ZERO_ADDRESS if text is None else Address(bytes.fromhex(text[2:]))


def _hash(text: str) -> Hash:
    try:
        data = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        data = b""
    if len(data) != 32:
        raise HTTPException(404, f"{text!r} is no reference: 64 hexadecimal digits are")
    return Hash(data)


async def serve(node: Node, token: str, host: str, port: int) -> None:
    """Until it is cancelled. ConfigError where nobody can listen there."""
    await serve_app(make_app(node, token), host, port)


def load_token(folder: Path, url: str) -> str:
    """The same at every start. Writes api.json, by which commands find the node."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "api.json"
    try:
        token = str(json.loads(path.read_text())["token"])
    except (OSError, ValueError, KeyError, TypeError):
        token = secrets.token_urlsafe(32)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"url": url, "token": token}) + "\n")
    return token
