"""Traces: a block's transactions executed again on its parent's state, with a tracer on the one asked for."""

from typing import Any

from sequencer.rpc import params
from sequencer.rpc.api import Api
from sequencer.rpc.encode import Json, data
from sequencer.rpc.errors import SERVER_ERROR, RpcError, invalid_params
from sequencer.rpc.methods.execution import block_overrides
from sequencer.rpc.registry import work
from sequencer.rpc.tracers import CallTracer, StepTracer
from tandem.chain.block import block_context
from tandem.evm import simulate
from tandem.evm.executor import BlockExecutor
from tandem.evm.receipt import Receipt
from tandem.store import ReadSession


class _Job:
    """One trace as its options ask for it."""

    def __init__(self, api: Api, options: Any) -> None:
        if options is not None and not isinstance(options, dict):
            raise invalid_params("invalid tracer options: an object is expected")
        options = options or {}
        name = options.get("tracer")
        self.tracer: CallTracer | StepTracer
        if not name:
            self.tracer = StepTracer(options, api.limits.trace_steps, api.limits.request_seconds)
        elif name == "callTracer":
            self.tracer = CallTracer(options.get("tracerConfig") or {}, api.limits.request_seconds)
        else:
            raise RpcError(SERVER_ERROR, f"tracer {name} is not available; there are callTracer and the default one")

    def result(self, receipt: Receipt, gas_limit: int, fallback: Json) -> Json:
        """The trace as JSON. `fallback` describes a transaction that made no call at all."""
        return self.tracer.result(receipt, gas_limit, fallback)


@work("debug_traceTransaction")
def trace_transaction(api: Api, session: ReadSession, digest: Any, options: Any = None) -> Json:
    """The trace of a transaction in a block."""
    job = _Job(api, options)
    place = session.locate(params.hash32(digest, "argument 0"))
    if place is None:
        raise RpcError(SERVER_ERROR, "transaction not found")
    return _traces(api, session, place[0], {place[1]: job})[0]["result"]  # type: ignore[no-any-return]


@work("debug_traceBlockByNumber")
def trace_block_by_number(api: Api, session: ReadSession, block: Any, options: Any = None) -> list[Json]:
    """The traces of all transactions of a block."""
    return _trace_block(api, session, api.need(session, params.block(block)), options)


@work("debug_traceBlockByHash")
def trace_block_by_hash(api: Api, session: ReadSession, block: Any, options: Any = None) -> list[Json]:
    """The traces of all transactions of a block."""
    number = session.number_of(params.hash32(block, "argument 0"))
    if number is None:
        raise RpcError(SERVER_ERROR, "header for hash not found")
    return _trace_block(api, session, number, options)


def _trace_block(api: Api, session: ReadSession, number: int, options: Any) -> list[Json]:
    if number == 0:
        raise RpcError(SERVER_ERROR, "genesis is not traceable")
    count = len(session.block(number).transactions)
    return _traces(api, session, number, {index: _Job(api, options) for index in range(count)})


def _traces(api: Api, session: ReadSession, number: int, jobs: dict[int, _Job]) -> list[Json]:
    block, parent = session.block(number), session.header(number - 1)
    header = block.header
    context = block_context(api.parameters, parent, header.timestamp, header.origin, session.block_hash)
    executor = BlockExecutor(api.state(session, number - 1), context, api.rules)
    results: list[Json] = []
    for index, transaction in enumerate(block.transactions):
        job = jobs.get(index)
        receipt = executor.apply(transaction, job.tracer if job else None)
        if job is None:
            continue
        fallback = {
            "type": "CREATE" if transaction.to is None else "CALL",
            "from": data(transaction.sender),
            "to": None if transaction.to is None else data(transaction.to),
            "value": hex(transaction.value),
            "input": data(transaction.data),
        }
        results.append(
            {"txHash": data(transaction.hash), "result": job.result(receipt, transaction.gas_limit, fallback)}
        )
        if len(results) == len(jobs):
            break
    return results


@work("debug_traceCall")
def trace_call(api: Api, session: ReadSession, request: Any, block: Any = None, options: Any = None) -> Json:
    """The trace of a call; state and block overrides are among the options."""
    job = _Job(api, options)
    wanted = params.call(request, api.limits.call_gas)
    spec = params.block(block)
    options = options or {}
    replaced = params.state_overrides(options.get("stateOverrides"))
    number = api.need(session, spec)
    context = block_overrides(api.context(session, spec, number), options.get("blockOverrides"))
    receipt = simulate.call(api.state(session, number), context, api.rules, wanted, replaced, job.tracer)
    fallback = {
        "type": "CREATE" if wanted.to is None else "CALL",
        "from": data(wanted.sender),
        "to": None if wanted.to is None else data(wanted.to),
        "value": hex(wanted.value),
        "input": data(wanted.data),
    }
    return job.result(receipt, wanted.gas_limit or api.limits.call_gas, fallback)
