"""JSON-RPC 2.0: from the bytes of a message to the bytes of its answer, whatever the transport.

Calls of a batch run one after the other; runs of eth_sendRawTransaction in it go to the engine together.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson

from sequencer import bus
from sequencer.rpc.api import Api
from sequencer.rpc.errors import (
    INTERNAL,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RESPONSE_TOO_LARGE,
    SERVER_ERROR,
    RpcError,
    from_failure,
    invalid_params,
    method_not_found,
)
from sequencer.rpc.methods.pool import SEND
from sequencer.rpc.metrics import Metrics
from sequencer.rpc.registry import METHODS, Mode
from sequencer.rpc.workers import timed_out
from tandem.errors import TandemError

DEVELOPMENT_PREFIXES = ("evm_", "anvil_", "hardhat_")
DEVELOPMENT_METHODS = frozenset({"eth_sendTransaction", "eth_sendUnsignedTransaction"})
"""Of eth_, those that need an impersonated account: only a development chain has such."""
PREFIX = b'{"jsonrpc":"2.0","id":'

Special = Callable[[list[Any]], Awaitable[Any]]
"""A method that belongs to one connection: eth_subscribe, eth_unsubscribe."""

log = logging.getLogger("tandem.rpc")


class Dispatcher:
    """Answers messages."""

    def __init__(self, api: Api, metrics: Metrics) -> None:
        self._api = api
        self._metrics = metrics
        self._limits = api.limits

    async def answer(self, body: bytes, special: dict[str, Special] | None = None) -> bytes:
        """The answer to a message; no bytes where there is nothing to answer."""
        try:
            message = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return _failure(None, RpcError(PARSE_ERROR, f"parse error: {error}"))
        if isinstance(message, list):
            return await self._batch(message, special)
        return await self._one(message, special)

    async def _batch(self, items: list[Any], special: dict[str, Special] | None) -> bytes:
        if not items:
            return _failure(None, RpcError(INVALID_REQUEST, "empty batch"))
        if len(items) > self._limits.batch_size:
            return _failure(
                None, RpcError(INVALID_REQUEST, f"batch too large: at most {self._limits.batch_size} calls")
            )
        answers: list[bytes] = []
        size, at = 0, 0
        deadline = time.monotonic() + self._limits.request_seconds
        while at < len(items):
            run = at
            while run < len(items) and _is_send(items[run]):
                run += 1
            late = time.monotonic() > deadline
            if late or size > self._limits.response_bytes:
                too_large = RpcError(RESPONSE_TOO_LARGE, "response too large")
                failure = timed_out(self._limits.request_seconds) if late else too_large
                made = [_failure(_id(item), failure) for item in items[at:] if _is_call(item)]
                run = len(items)
            elif run - at > 1:
                made = await self._send_many(items[at:run])
            else:
                run = at + 1
                made = [await self._one(items[at], special)]
            at = run
            for answer in made:
                if answer:
                    answers.append(answer)
                    size += len(answer)
        return b"[" + b",".join(answers) + b"]" if answers else b""

    async def _send_many(self, items: list[dict[str, Any]]) -> list[bytes]:
        begun = time.perf_counter()
        try:
            outcomes: list[Any] = list(await self._api.submitter.submit([item["params"][0] for item in items]))
        except TandemError as error:
            outcomes = [from_failure(error)] * len(items)
        failed = sum(isinstance(outcome, RpcError) for outcome in outcomes)
        self._metrics.count(SEND, time.perf_counter() - begun, False, len(items) - failed)
        for _ in range(failed):
            self._metrics.count(SEND, 0, True)
        return [
            _failure(item["id"], outcome) if isinstance(outcome, RpcError) else _success(item["id"], outcome)
            for item, outcome in zip(items, outcomes, strict=True)
        ]

    async def _one(self, message: Any, special: dict[str, Special] | None) -> bytes:
        """The answer to one call; no bytes to a notification."""
        if not _is_request(message):
            return _failure(_id(message), RpcError(INVALID_REQUEST, "invalid request"))
        name = message["method"]
        begun = time.perf_counter()
        failure: RpcError | None = None
        result: Any = None
        try:
            params = message.get("params")
            result = await self.call(name, [] if params is None else params, special)
            answer = _success(message.get("id"), result)
            if len(answer) > self._limits.response_bytes:
                failure = RpcError(RESPONSE_TOO_LARGE, "response too large")
        except TandemError as error:
            failure = from_failure(error)
        except Exception:
            log.exception("internal error in %s", name)
            failure = RpcError(INTERNAL, "internal error")
        known = name if failure is None or failure.code != METHOD_NOT_FOUND else "unknown"
        self._metrics.count(known, time.perf_counter() - begun, failure is not None)
        if not _is_call(message):
            return b""
        return answer if failure is None else _failure(message["id"], failure)

    async def call(self, name: str, params: Any, special: dict[str, Special] | None = None) -> Any:
        """The result of a call. TandemError where it has none."""
        if not isinstance(params, list):
            raise invalid_params("non-array args")
        if special is not None and name in special:
            return await special[name](params)
        method = METHODS.get(name)
        if method is None:
            return await self._elsewhere(name, params)
        while len(params) > method.least and params[-1] is None:
            params = params[:-1]
        method.check(params)
        api = self._api
        if method.mode is Mode.READ:
            with api.store.read() as session:
                return method.handler(api, session, *params)
        if method.mode is Mode.PLAIN:
            return method.handler(api, *params)
        if method.mode is Mode.WORK:
            return await api.workers.run(partial(_work, api, method.handler, params))
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                return await method.handler(api, *params)
        except TimeoutError:
            raise timed_out(self._limits.request_seconds) from None

    async def _elsewhere(self, name: str, params: list[Any]) -> Any:
        """Development methods are the engine's."""
        if not name.startswith(DEVELOPMENT_PREFIXES) and name not in DEVELOPMENT_METHODS:
            if name in ("eth_subscribe", "eth_unsubscribe"):
                raise RpcError(METHOD_NOT_FOUND, "notifications not supported: subscribe over a WebSocket")
            raise method_not_found(name)
        if not self._api.deployment.is_development:
            raise RpcError(METHOD_NOT_FOUND, f"the method {name} is only served on development chains")
        try:
            return await self._api.ask(bus.DEVELOPMENT, [name, params])
        except bus.BusRefused as error:
            if error.code == "method_not_found":
                raise method_not_found(name) from None
            if error.code == "invalid_params":
                raise invalid_params(str(error)) from None
            raise RpcError(SERVER_ERROR, str(error)) from None


def _work(api: Api, handler: Callable[..., Any], params: list[Any]) -> Any:
    with api.store.read() as session:
        return handler(api, session, *params)


def _is_request(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and message.get("jsonrpc") == "2.0"
        and isinstance(message.get("method"), str)
        and not isinstance(message.get("id"), dict | list | bool)
    )


def _is_call(message: Any) -> bool:
    """Whether it waits for an answer: a notification has no id. What is no request at all gets its error."""
    return not isinstance(message, dict) or "id" in message or not _is_request(message)


def _is_send(message: Any) -> bool:
    """Whether it can be sent with its neighbours."""
    if not _is_request(message) or message["method"] != SEND or "id" not in message:
        return False
    params = message.get("params")
    return isinstance(params, list) and len(params) == 1


def _id(message: Any) -> Any:
    name = message.get("id") if isinstance(message, dict) else None
    return None if isinstance(name, dict | list | bool) else name


def _success(name: Any, result: Any) -> bytes:
    return PREFIX + orjson.dumps(name) + b',"result":' + _encode(result) + b"}"


def _encode(result: Any) -> bytes:
    """orjson nests 254 deep, a trace of calls up to 1,024: those are left to the standard library."""
    try:
        return orjson.dumps(result)
    except TypeError:
        return json.dumps(result, separators=(",", ":")).encode()


def _failure(name: Any, error: RpcError) -> bytes:
    return PREFIX + orjson.dumps(name) + b',"error":' + orjson.dumps(error.body()) + b"}"
