"""Blocks, transactions in them, and receipts. What does not exist is null."""

from typing import Any

from sequencer import bus
from sequencer.rpc import params
from sequencer.rpc.api import Api
from sequencer.rpc.encode import (
    Json,
    block_json,
    data,
    header_json,
    one_receipt_json,
    receipts_json,
    transaction_json,
)
from sequencer.rpc.params import BlockSpec
from sequencer.rpc.registry import asynchronous, read
from tandem.primitives.types import Address
from tandem.store import ReadSession
from tandem.transactions.codec import decode_stored


@read("eth_getBlockByNumber")
def block_by_number(api: Api, session: ReadSession, block: Any, full: Any = False) -> Json | None:
    """The block; "pending" is the latest."""
    return _block(api, session, params.block(block), full)


@read("eth_getBlockByHash")
def block_by_hash(api: Api, session: ReadSession, block: Any, full: Any = False) -> Json | None:
    """The block."""
    return _block(api, session, BlockSpec(hash=params.hash32(block, "argument 0")), full)


def _block(api: Api, session: ReadSession, spec: BlockSpec, full: Any) -> Json | None:
    wanted = params.boolean(full, "argument 1")
    number = api.find(session, spec)
    if number is None:
        return None
    record, receipts = api.block(session, number)
    return block_json(record, receipts, api.bloom(record.header, lambda: receipts), wanted)


@read("erigon_getHeaderByNumber")
def header_by_number(api: Api, session: ReadSession, block: Any) -> Json | None:
    """The block without its transactions: what block explorers ask for."""
    number = api.find(session, params.block(block))
    if number is None:
        return None
    header = session.header(number)
    return header_json(header, api.bloom(header, lambda: session.receipts(number)))


@read("eth_getBlockTransactionCountByNumber")
def count_by_number(api: Api, session: ReadSession, block: Any) -> str | None:
    """How many transactions the block has."""
    return _count(api, session, params.block(block))


@read("eth_getBlockTransactionCountByHash")
def count_by_hash(api: Api, session: ReadSession, block: Any) -> str | None:
    """How many transactions the block has."""
    return _count(api, session, BlockSpec(hash=params.hash32(block, "argument 0")))


def _count(api: Api, session: ReadSession, spec: BlockSpec) -> str | None:
    number = api.find(session, spec)
    return None if number is None else hex(len(api.block(session, number)[0].transactions))


@read("eth_getUncleCountByBlockNumber")
def uncles_by_number(api: Api, session: ReadSession, block: Any) -> str | None:
    """There are no uncles."""
    return None if api.find(session, params.block(block)) is None else "0x0"


@read("eth_getUncleCountByBlockHash")
def uncles_by_hash(api: Api, session: ReadSession, block: Any) -> str | None:
    """There are no uncles."""
    return None if session.number_of(params.hash32(block, "argument 0")) is None else "0x0"


@asynchronous("eth_getTransactionByHash")
async def transaction_by_hash(api: Api, digest: Any) -> Json | None:
    """A transaction in a block, or one that waits and came in here."""
    wanted = params.hash32(digest, "argument 0")
    with api.store.read() as session:
        place = session.locate(wanted)
        if place is not None:
            return _transaction(api, session, *place)
    sender = api.submitter.sender_of(wanted)
    if sender is None:
        return None
    for owner, _, raw, _ in await api.ask(bus.POOL, sender):
        transaction = decode_stored(raw, Address(owner))
        if transaction.hash == wanted:
            return transaction_json(transaction)
    with api.store.read() as session:  # it may have gone into a block meanwhile
        place = session.locate(wanted)
        return None if place is None else _transaction(api, session, *place)


@read("eth_getTransactionByBlockNumberAndIndex")
def transaction_in_block_number(api: Api, session: ReadSession, block: Any, index: Any) -> Json | None:
    """The transaction at a place in a block."""
    return _transaction_at(api, session, api.find(session, params.block(block)), index)


@read("eth_getTransactionByBlockHashAndIndex")
def transaction_in_block_hash(api: Api, session: ReadSession, block: Any, index: Any) -> Json | None:
    """The transaction at a place in a block."""
    return _transaction_at(api, session, session.number_of(params.hash32(block, "argument 0")), index)


def _transaction_at(api: Api, session: ReadSession, number: int | None, index: Any) -> Json | None:
    place = params.quantity(index, "argument 1")
    if number is None or place >= len(api.block(session, number)[0].transactions):
        return None
    return _transaction(api, session, number, place)


def _transaction(api: Api, session: ReadSession, number: int, index: int) -> Json:
    record, receipts = api.block(session, number)
    return transaction_json(record.transactions[index], record.header, index, receipts[index])


@read("eth_getTransactionReceipt")
def transaction_receipt(api: Api, session: ReadSession, digest: Any) -> Json | None:
    """The receipt of a transaction in a block."""
    place = session.locate(params.hash32(digest, "argument 0"))
    if place is None:
        return None
    number, index = place
    return one_receipt_json(*api.block(session, number), index)


@read("eth_getBlockReceipts")
def block_receipts(api: Api, session: ReadSession, block: Any) -> list[Json] | None:
    """All receipts of a block."""
    number = api.find(session, params.block(block))
    return None if number is None else receipts_json(*api.block(session, number))


@read("debug_getRawTransaction")
def raw_transaction(api: Api, session: ReadSession, digest: Any) -> str:
    """The standard encoding of a transaction in a block; no bytes where there is none, as in geth."""
    place = session.locate(params.hash32(digest, "argument 0"))
    return "0x" if place is None else data(api.block(session, place[0])[0].transactions[place[1]].raw)
