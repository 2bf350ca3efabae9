"""Traces: a block's transactions executed again on its parent's state, with a tracer on the one asked for."""

from typing import Any

from sequencer.rpc import params
from sequencer.rpc.api import Api
from sequencer.rpc.encode import Json, data
from sequencer.rpc.errors import SERVER_ERROR, RpcError, invalid_params
from sequencer.rpc.methods.execution import block_overrides
from sequencer.rpc.prestate import PrestateTracer
from sequencer.rpc.registry import work
from sequencer.rpc.tracers import CallTracer, StepTracer
from tandem.chain.block import block_context
from tandem.evm import simulate
from tandem.evm.executor import BlockExecutor
from tandem.store import ReadSession
from tandem.transactions.transaction import Transaction


class _Job:
    """One trace as its options ask for it."""

    def __init__(self, api: Api, options: Any) -> None:
        if options is not None and not isinstance(options, dict):
            raise invalid_params("invalid tracer options: an object is expected")
        options = options or {}
        name = options.get("tracer")
        self.tracer: CallTracer | StepTracer | PrestateTracer
        if not name:
            self.tracer = StepTracer(options, api.limits.trace_steps, api.limits.request_seconds)
        elif name == "callTracer":
            self.tracer = CallTracer(options.get("tracerConfig") or {}, api.limits.request_seconds)
        elif name == "prestateTracer":
            self.tracer = PrestateTracer(options.get("tracerConfig") or {})
        else:
            raise RpcError(
                SERVER_ERROR,
                f"tracer {name} is not available; there are callTracer, prestateTracer and the default one",
            )


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
    shadow = BlockExecutor(api.state(session, number - 1), context, api.rules)
    """One transaction behind: the state before the one that is traced."""
    is_needed = any(isinstance(job.tracer, PrestateTracer) for job in jobs.values())
    results: list[Json] = []
    for index, transaction in enumerate(block.transactions):
        job = jobs.get(index)
        receipt = executor.apply(transaction, job.tracer if job else None)
        if job is not None:
            if isinstance(job.tracer, PrestateTracer):
                job.tracer.touch(transaction.sender, transaction.to, receipt.contract_address, header.coinbase)
                result = job.tracer.result(shadow.state, executor.state)
            else:
                result = job.tracer.result(receipt, transaction.gas_limit, _message(transaction))
            results.append({"txHash": data(transaction.hash), "result": result})
            if len(results) == len(jobs):
                break
        if is_needed:
            shadow.apply(transaction)
    return results


def _message(message: Transaction | simulate.Call) -> Json:
    """What callTracer shows of a transaction that made no call at all."""
    return {
        "type": "CREATE" if message.to is None else "CALL",
        "from": data(message.sender),
        "to": None if message.to is None else data(message.to),
        "value": hex(message.value),
        "input": data(message.data),
    }


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
    state = simulate.OverriddenState(api.state(session, number), replaced)
    receipt = simulate.call(state, context, api.rules, wanted, None, job.tracer)
    if isinstance(job.tracer, PrestateTracer):
        if job.tracer.is_difference:
            raise RpcError(SERVER_ERROR, "diffMode is only available for transactions: a call leaves no state behind")
        job.tracer.touch(wanted.sender, wanted.to, context.coinbase)
        return job.tracer.result(state, state)
    return job.tracer.result(receipt, wanted.gas_limit or api.limits.call_gas, _message(wanted))
