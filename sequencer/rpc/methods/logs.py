"""eth_getLogs and filters."""

import time
from typing import Any

from sequencer.rpc import params
from sequencer.rpc.api import Api
from sequencer.rpc.encode import Json, data
from sequencer.rpc.errors import LIMIT_EXCEEDED, SERVER_ERROR, RpcError, invalid_params
from sequencer.rpc.filters import Filter
from sequencer.rpc.logs import scan
from sequencer.rpc.params import LogFilter
from sequencer.rpc.registry import asynchronous, plain, work
from tandem.store import ReadSession


@work("eth_getLogs")
def get_logs(api: Api, session: ReadSession, criteria: Any) -> list[Json]:
    """The logs of a range of blocks that match."""
    return _find(api, session, params.log_filter(criteria))


def _find(api: Api, session: ReadSession, wanted: LogFilter) -> list[Json]:
    if wanted.block_hash is not None:
        number = session.number_of(wanted.block_hash)
        if number is None:
            raise RpcError(SERVER_ERROR, "unknown block")
        return _logs(api, session, wanted, number, number)
    first, last = api.find(session, wanted.first), api.find(session, wanted.last)
    if first is None or last is None:
        raise invalid_params("block range extends beyond current head block")
    if first > last:
        raise invalid_params("invalid block range params")
    if last - first >= api.limits.log_blocks:
        raise RpcError(LIMIT_EXCEEDED, f"query exceeds max block range {api.limits.log_blocks}")
    return _logs(api, session, wanted, first, last)


def _logs(api: Api, session: ReadSession, wanted: LogFilter, first: int, last: int) -> list[Json]:
    most = api.limits.log_results
    found = [item.json() for item in scan(api, session, wanted.criteria, first, last, most)]
    if len(found) > most:
        raise RpcError(LIMIT_EXCEEDED, f"query returned more than {most} results")
    return found


def _next_block(api: Api) -> int:
    with api.store.read() as session:
        return session.head_number() + 1


@plain("eth_newFilter")
def new_filter(api: Api, criteria: Any) -> str:
    """A filter for logs; its changes begin with the next block."""
    return api.filters.add(Filter(_next_block(api), time.monotonic(), logs=params.log_filter(criteria)))


@plain("eth_newBlockFilter")
def new_block_filter(api: Api) -> str:
    """A filter for hashes of new blocks."""
    return api.filters.add(Filter(_next_block(api), time.monotonic()))


@plain("eth_newPendingTransactionFilter")
def new_pending_filter(api: Api, _full: Any = False) -> str:
    """A filter for hashes of transactions that come to wait."""
    return api.filters.add(Filter(0, time.monotonic(), pending=True))


@plain("eth_uninstallFilter")
def uninstall_filter(api: Api, name: Any) -> bool:
    """Forget a filter."""
    return api.filters.remove(name)


@asynchronous("eth_getFilterChanges")
async def filter_changes(api: Api, name: Any) -> list[Any]:
    """What is new since the filter was last asked for."""
    item = api.filters.get(name, time.monotonic())
    if item.pending:
        hashes, item.hashes = item.hashes, []
        return list(hashes)
    removed, item.removed = item.removed, []
    first = item.next_block
    last = min(_next_block(api) - 1, first + api.limits.log_blocks - 1)
    if last < first:
        return list(removed)
    item.next_block = last + 1

    def changes() -> list[Any]:
        with api.store.read() as session:
            end = min(last, session.head_number())
            if item.logs is None:
                return [data(session.header(number).hash) for number in range(first, end + 1)]
            low, high = item.logs.first.number, item.logs.last.number
            start = first if low is None else max(first, low)
            return _logs(api, session, item.logs, start, end if high is None else min(end, high))

    try:
        return [*removed, *await api.workers.run(changes)]
    except RpcError:
        item.next_block, item.removed = first, removed + item.removed
        raise


@asynchronous("eth_getFilterLogs")
async def filter_logs(api: Api, name: Any) -> Any:
    """All logs that match a filter."""
    wanted = api.filters.get(name, time.monotonic()).logs
    if wanted is None:
        raise RpcError(SERVER_ERROR, "filter not found")

    def find() -> list[Json]:
        with api.store.read() as session:
            return _find(api, session, wanted)

    return await api.workers.run(find)
