"""The service over HTTP.

GET /                   what is sold, and for how much
GET /blocks/{number}    facts about a block of L2, for the price
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.paid_api.chain import Chain
from examples.paid_api.collecting import collect
from examples.paid_api.errors import Malformed, NotPaid, NotSold, OutOfStep, SaleFailed
from examples.paid_api.scheme import RefundRequest
from examples.paid_api.store import Store
from examples.paid_api.till import Till
from examples.paid_api.wire import REQUIRED, RESPONSE, SIGNATURE, decode_payment, payment_required

MOST_NUMBER = 2**63
"""Of blocks: what JSON-RPC takes is less."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What the routes share."""

    till: Till
    chain: Chain
    store: Store
    collect_every: float
    """Seconds; 0: only when told to."""


def make_app(shop: Shop) -> Starlette:
    """The whole service."""

    def index(_: Request) -> Response:
        return JSONResponse({"sells": "/blocks/{number}", "offer": shop.till.offer.json})

    def block(request: Request) -> Response:
        number = int(request.path_params["number"])
        return charged(shop.till, request, lambda: json.dumps(shop.chain.block_facts(_block_number(number))))

    @asynccontextmanager
    async def collecting(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(_collect_again(shop)) if shop.collect_every else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    return Starlette(
        routes=[Route("/", index), Route("/blocks/{number:int}", block)],
        exception_handlers={SaleFailed: _failed},
        lifespan=collecting,
    )


def charged(till: Till, request: Request, work: Callable[[], str]) -> Response:
    """Answer a request for what `work` makes (JSON), if it is paid for. Anything can be sold like this."""
    header = request.headers.get(SIGNATURE)
    if header is None:
        return _ask(till, request, "Payment required", "this is sold: pay by x402's scheme batch-settlement")
    try:
        payment = decode_payment(header)
        if isinstance(payment, RefundRequest):
            return JSONResponse({"refunded": True}, headers={RESPONSE: till.refund(payment)})
        sale = till.sell(payment, f"{request.method} {request.url.path}?{request.url.query}", work)
    except NotPaid as reason:
        return _ask(till, request, reason.code, str(reason), reason)
    return Response(sale.body, media_type="application/json", headers={RESPONSE: sale.response})


def _ask(till: Till, request: Request, error: str, message: str, reason: NotPaid | None = None) -> Response:
    state = reason.state if isinstance(reason, OutOfStep) else {}
    header = payment_required(till.offer, str(request.url), error, state)
    return JSONResponse({"error": error, "message": message}, 402, headers={REQUIRED: header})


def _failed(_: Request, error: Exception) -> Response:
    status = 400 if isinstance(error, Malformed) else 404 if isinstance(error, NotSold) else 502
    return JSONResponse({"error": type(error).__name__, "message": str(error)}, status)


def _block_number(number: int) -> int:
    if number >= MOST_NUMBER:
        raise NotSold(f"there is no block {number}")
    return number


async def _collect_again(shop: Shop) -> None:
    """Again and again. What fails is tried again: vouchers do not go bad before their payer asks for the money."""
    while True:
        await asyncio.sleep(shop.collect_every)
        try:
            await asyncio.to_thread(collect, shop.chain, shop.store)
        except SaleFailed as reason:
            structlog.get_logger("collecting").warning("nothing collected", reason=str(reason))
