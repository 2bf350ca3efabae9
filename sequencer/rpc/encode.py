"""Blocks, transactions, receipts and logs in Ethereum's JSON shapes.

Where Tandem has something else in a field's place, that is shown: `transactionsRoot` is transactionsAcc, `receiptsRoot`
is receiptsAcc, `hash` is the hash of Tandem's header. Blocks also carry the L1 origin and the inbox position.
"""

from collections.abc import Sequence
from typing import Any

from sequencer.rpc.bloom import BLOOM_BYTES, bloom
from tandem.chain.header import HEADER_BYTES, Header
from tandem.evm.receipt import Log, Receipt
from tandem.primitives.types import Hash
from tandem.store import BlockRecord
from tandem.transactions.transaction import (
    DEPOSIT,
    DYNAMIC_FEE,
    LEGACY,
    DepositTransaction,
    SignedTransaction,
    Transaction,
)

Json = dict[str, Any]

EMPTY_UNCLES = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
"""keccak(rlp([])): no uncles."""
ZERO_NONCE = "0x0000000000000000"


def data(value: bytes) -> str:
    """Bytes as 0x-hex."""
    return "0x" + value.hex()


def header_json(header: Header, block_bloom: int) -> Json:
    """A block without its transactions: what eth_subscribe newHeads sends."""
    return {
        "hash": data(header.hash),
        "parentHash": data(header.parent_hash),
        "sha3Uncles": EMPTY_UNCLES,
        "miner": data(header.coinbase),
        "stateRoot": data(header.state_root),
        "transactionsRoot": data(header.transactions_acc),
        "receiptsRoot": data(header.receipts_acc),
        "logsBloom": bloom_json(block_bloom),
        "difficulty": "0x0",
        "number": hex(header.number),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "extraData": "0x",
        "mixHash": data(header.prev_randao),
        "nonce": ZERO_NONCE,
        "baseFeePerGas": hex(header.base_fee),
        "l1OriginNumber": hex(header.origin.number),
        "l1OriginHash": data(header.origin.hash),
        "l1OriginTimestamp": hex(header.origin.timestamp),
        "l1BaseFee": hex(header.origin.base_fee),
        "messagesConsumed": hex(header.messages_consumed),
        "recentHashes": data(header.recent_hashes),
    }


def block_json(block: BlockRecord, receipts: Sequence[Receipt], block_bloom: int, full: bool) -> Json:
    """A block with its transactions' hashes, or with them in full."""
    header = block.header
    result = header_json(header, block_bloom)
    result["totalDifficulty"] = "0x0"
    result["size"] = hex(HEADER_BYTES + sum(len(item.raw) for item in block.transactions))
    result["uncles"] = []
    if full:
        result["transactions"] = [
            transaction_json(item, header, index, receipts[index]) for index, item in enumerate(block.transactions)
        ]
    else:
        result["transactions"] = [data(item.hash) for item in block.transactions]
    return result


def transaction_json(
    transaction: Transaction, header: Header | None = None, index: int = 0, receipt: Receipt | None = None
) -> Json:
    """A transaction in its block, or waiting where there is no header."""
    place: Json = {"blockHash": None, "blockNumber": None, "transactionIndex": None}
    if header is not None:
        place = {
            "blockHash": data(header.hash),
            "blockNumber": hex(header.number),
            "blockTimestamp": hex(header.timestamp),
            "transactionIndex": hex(index),
        }
    common: Json = {
        **place,
        "hash": data(transaction.hash),
        "from": data(transaction.sender),
        "to": None if transaction.to is None else data(transaction.to),
        "value": hex(transaction.value),
        "gas": hex(transaction.gas_limit),
        "input": data(transaction.data),
    }
    if isinstance(transaction, DepositTransaction):
        return common | _deposit_fields(transaction)
    return common | _signed_fields(transaction, receipt)


def _deposit_fields(transaction: DepositTransaction) -> Json:
    """As OP Stack nodes show deposits. Zeros stand for what a deposit has not, since clients ask for it."""
    return {
        "type": hex(DEPOSIT),
        "sourceHash": data(transaction.source_hash),
        "mint": hex(transaction.mint),
        "isSystemTx": False,
        "nonce": "0x0",
        "gasPrice": "0x0",
        "v": "0x0",
        "r": "0x0",
        "s": "0x0",
    }


def _signed_fields(transaction: SignedTransaction, receipt: Receipt | None) -> Json:
    result: Json = {
        "type": hex(transaction.type),
        "nonce": hex(transaction.nonce),
        "gasPrice": hex(transaction.max_fee if receipt is None else receipt.effective_gas_price),
        "r": hex(transaction.r),
        "s": hex(transaction.s),
    }
    if transaction.chain_id is not None:
        result["chainId"] = hex(transaction.chain_id)
    if transaction.type == LEGACY:
        base = 27 if transaction.chain_id is None else 35 + 2 * transaction.chain_id
        result["v"] = hex(base + transaction.y_parity)
        return result
    result["v"] = result["yParity"] = hex(transaction.y_parity)
    result["accessList"] = [
        {"address": data(address), "storageKeys": [data(slot) for slot in slots]}
        for address, slots in transaction.access_list
    ]
    if transaction.type == DYNAMIC_FEE:
        result["maxFeePerGas"] = hex(transaction.max_fee)
        result["maxPriorityFeePerGas"] = hex(transaction.max_priority_fee)
    return result


def receipts_json(block: BlockRecord, receipts: Sequence[Receipt]) -> list[Json]:
    """All receipts of a block."""
    results = []
    gas, logs = 0, 0
    for index, receipt in enumerate(receipts):
        gas += receipt.gas_used
        results.append(receipt_json(block, index, receipt, gas, logs))
        logs += len(receipt.logs)
    return results


def one_receipt_json(block: BlockRecord, receipts: Sequence[Receipt], index: int) -> Json:
    """The receipt of one transaction of a block."""
    gas = sum(receipt.gas_used for receipt in receipts[: index + 1])
    logs = sum(len(receipt.logs) for receipt in receipts[:index])
    return receipt_json(block, index, receipts[index], gas, logs)


def receipt_json(block: BlockRecord, index: int, receipt: Receipt, gas: int, first_log: int) -> Json:
    """A receipt; `gas` is used up to its end in the block, `first_log` is the number of its first log in the block."""
    transaction, header = block.transactions[index], block.header
    return {
        "transactionHash": data(transaction.hash),
        "transactionIndex": hex(index),
        "blockHash": data(header.hash),
        "blockNumber": hex(header.number),
        "from": data(transaction.sender),
        "to": None if transaction.to is None else data(transaction.to),
        "cumulativeGasUsed": hex(gas),
        "gasUsed": hex(receipt.gas_used),
        "contractAddress": None if receipt.contract_address is None else data(receipt.contract_address),
        "logs": [
            log_json(log, header, transaction.hash, index, first_log + position)
            for position, log in enumerate(receipt.logs)
        ],
        "logsBloom": bloom_json(bloom(receipt.logs)),
        "type": hex(transaction.type if isinstance(transaction, SignedTransaction) else DEPOSIT),
        "status": hex(receipt.status),
        "effectiveGasPrice": hex(receipt.effective_gas_price),
    }


def log_json(
    log: Log, header: Header, transaction_hash: Hash, index: int, log_index: int, removed: bool = False
) -> Json:
    """A log in its place. `removed` says that its block is no longer part of the chain."""
    return {
        "address": data(log.address),
        "topics": [data(topic) for topic in log.topics],
        "data": data(log.data),
        "blockNumber": hex(header.number),
        "blockTimestamp": hex(header.timestamp),
        "transactionHash": data(transaction_hash),
        "transactionIndex": hex(index),
        "blockHash": data(header.hash),
        "logIndex": hex(log_index),
        "removed": removed,
    }


def bloom_json(value: int) -> str:
    """A bloom as 256 bytes of 0x-hex."""
    return data(value.to_bytes(BLOOM_BYTES, "big"))
