"""Transactions on their way in, and the mempool as it stands."""

from typing import Any

from sequencer import bus
from sequencer.rpc import params
from sequencer.rpc.api import Api
from sequencer.rpc.encode import Json, data, transaction_json
from sequencer.rpc.errors import RpcError
from sequencer.rpc.registry import asynchronous
from tandem.primitives.types import Address
from tandem.transactions.codec import decode_stored
from tandem.transactions.transaction import SignedTransaction

SEND = "eth_sendRawTransaction"


@asynchronous(SEND)
async def send_raw_transaction(api: Api, raw: Any) -> str:
    """Hand a transaction to the sequencer. (Those of a batch go together: see `sequencer.rpc.dispatch`.)"""
    (outcome,) = await api.submitter.submit([raw])
    if isinstance(outcome, RpcError):
        raise outcome
    return outcome


@asynchronous("txpool_status")
async def status(api: Api) -> Json:
    """How many wait: executable, and behind a gap."""
    entries = await api.ask(bus.POOL)
    executable = sum(bool(entry[3]) for entry in entries)
    return {"pending": hex(executable), "queued": hex(len(entries) - executable)}


@asynchronous("txpool_content")
async def content(api: Api) -> Json:
    """What waits, by sender and nonce."""
    result: Json = {"pending": {}, "queued": {}}
    for sender, nonce, raw, executable in await api.ask(bus.POOL):
        group = result["pending" if executable else "queued"]
        group.setdefault(data(sender), {})[str(nonce)] = _waiting(raw, sender)
    return result


@asynchronous("txpool_contentFrom")
async def content_from(api: Api, address: Any) -> Json:
    """What waits of one sender, by nonce."""
    result: Json = {"pending": {}, "queued": {}}
    for sender, nonce, raw, executable in await api.ask(bus.POOL, params.address(address, "argument 0")):
        result["pending" if executable else "queued"][str(nonce)] = _waiting(raw, sender)
    return result


@asynchronous("txpool_inspect")
async def inspect(api: Api) -> Json:
    """What waits, as text."""
    result: Json = {"pending": {}, "queued": {}}
    for sender, nonce, raw, executable in await api.ask(bus.POOL):
        tx = decode_stored(raw, Address(sender))
        assert isinstance(tx, SignedTransaction)
        target = "contract creation" if tx.to is None else data(tx.to)
        text = f"{target}: {tx.value} wei + {tx.gas_limit} gas × {tx.max_fee} wei"
        result["pending" if executable else "queued"].setdefault(data(sender), {})[str(nonce)] = text
    return result


def _waiting(raw: bytes, sender: bytes) -> Json:
    return transaction_json(decode_stored(raw, Address(sender)))
