"""The service over HTTP.

GET /                   what is sold, and for how much
GET /blocks/{number}    facts about a block of L2, for the price
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.paid_api.chain import Chain
from examples.paid_api.collecting import collect
from examples.paid_api.errors import Malformed, NotNow, NotPaid, NotSold, OutOfStep, SaleFailed
from examples.paid_api.scheme import Payment, RefundRequest
from examples.paid_api.store import Store
from examples.paid_api.till import Till
from examples.paid_api.wire import REQUIRED, RESPONSE, SIGNATURE, decode_payment, payment_required

BLOCK_NUMBER = re.compile(r"[0-9]{1,18}")
"""What JSON-RPC takes, and int() too: it raises where there are thousands of digits."""
SENDERS = 8
"""Requests at once that may wait for a transaction: the other threads (of about 40) are for vouchers."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What the routes share."""

    till: Till
    chain: Chain
    store: Store
    collect_every: float
    """Seconds; 0: only when told to."""
    senders: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SENDERS))


def make_app(shop: Shop) -> Starlette:
    """The whole service."""

    def index(_: Request) -> Response:
        return JSONResponse({"sells": "/blocks/{number}", "offer": shop.till.offer.json})

    async def block(request: Request) -> Response:
        number = _block_number(request.path_params["number"])
        return await charged(shop, request, lambda: json.dumps(shop.chain.block_facts(number)))

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
        routes=[Route("/", index), Route("/blocks/{number}", block)],
        exception_handlers={SaleFailed: _failed},
        lifespan=collecting,
    )


async def charged(shop: Shop, request: Request, work: Callable[[], str]) -> Response:
    """Answer a request for what `work` makes (JSON), if it is paid for. Anything can be sold like this."""
    header = request.headers.get(SIGNATURE)
    if header is None:
        return _ask(shop.till, request, "Payment required", "this is sold: pay by x402's scheme batch-settlement")
    payment = decode_payment(header)
    is_sending = isinstance(payment, RefundRequest) or payment.deposit is not None
    async with shop.senders if is_sending else nullcontext():
        return await run_in_threadpool(_answer, shop.till, request, payment, work)


def _answer(till: Till, request: Request, payment: Payment | RefundRequest, work: Callable[[], str]) -> Response:
    try:
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
    known = ((Malformed, 400), (NotSold, 404), (NotNow, 503))
    status = next((status for kind, status in known if isinstance(error, kind)), 502)
    return JSONResponse({"error": type(error).__name__, "message": str(error)}, status)


def _block_number(text: str) -> int:
    if not BLOCK_NUMBER.fullmatch(text):
        raise NotSold(f"there is no block {text[:40]}")
    return int(text)


async def _collect_again(shop: Shop) -> None:
    """Again and again, whatever happens: where this ended, payers could take back what they have used."""
    log = structlog.get_logger("collecting")
    while True:
        try:
            await asyncio.to_thread(collect, shop.chain, shop.store)
        except SaleFailed as reason:
            log.error("not collected", reason=str(reason), again_in=shop.collect_every)
        except Exception:
            log.exception("not collected, and not expected", again_in=shop.collect_every)
        await asyncio.sleep(shop.collect_every)
