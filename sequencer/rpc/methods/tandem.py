"""Tandem's own methods: where the chain stands between L2 and L1, and what L1 asks for."""

from dataclasses import asdict
from typing import Any

from sequencer import bus
from sequencer.rpc import params
from sequencer.rpc.api import Api
from sequencer.rpc.encode import Json, data
from sequencer.rpc.errors import NOT_FOUND, RpcError
from sequencer.rpc.registry import asynchronous, plain, read
from tandem.chain.spec import MESSAGE_PASSER
from tandem.errors import StateMissing
from tandem.primitives.hashing import word
from tandem.rollup.withdrawals import prove_withdrawal, sent_slot
from tandem.state.account import EMPTY_ACCOUNT, Account
from tandem.state.database import address_key
from tandem.state.proof import Proof, prove
from tandem.store import ReadSession


@asynchronous("tandem_syncStatus")
async def sync_status(api: Api) -> Json:
    """The heads, the queues, and the engine's own figures (null while it is away)."""
    with api.store.read() as session:
        head = session.head()
        result = {
            "latest": _head(session, head.number),
            "safe": _head(session, min(head.number, session.safe_number())),
            "finalized": _head(session, min(head.number, session.finalized_number())),
            "l1Origin": {"number": hex(head.origin.number), "hash": data(head.origin.hash)},
            "messages": {"known": hex(session.message_count()), "consumed": hex(head.messages_consumed)},
            "batches": hex(session.batch_count()),
        }
    try:
        return {**result, "engine": await api.ask(bus.STATUS)}
    except bus.BusError:
        return {**result, "engine": None}


def _head(session: ReadSession, number: int) -> Json:
    header = session.header(number)
    return {"number": hex(number), "hash": data(header.hash), "timestamp": hex(header.timestamp)}


@plain("tandem_rollupConfig")
def rollup_config(api: Api) -> Json:
    """The chain's parameters, and its contracts on L1."""
    parameters, l1 = api.parameters, api.deployment.l1
    return {
        "chainId": hex(parameters.chain_id),
        "gasLimit": hex(parameters.gas_limit),
        "elasticity": hex(parameters.elasticity),
        "baseFeeDenominator": hex(parameters.base_fee_denominator),
        "minBaseFee": hex(parameters.min_base_fee),
        "dataGasPerByte": hex(parameters.data_gas_per_byte),
        "maxDrift": hex(parameters.max_drift),
        "allowUnprotected": parameters.allow_unprotected,
        "configHash": data(parameters.config_hash()),
        "genesisTimestamp": hex(api.deployment.genesis.timestamp),
        "l1": {
            _camel(name): data(value) if isinstance(value, bytes) else hex(value) for name, value in asdict(l1).items()
        },
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


@read("tandem_getBatch")
def get_batch(_api: Api, session: ReadSession, index: Any, with_data: Any = False) -> Json | None:
    """A batch as L1 queued it ("latest" or its index), and the blocks that follow from it."""
    count = session.batch_count()
    number = count - 1 if index == "latest" else params.quantity(index, "argument 0", 2**63 - 1)
    if not 0 <= number < count:
        return None
    record = session.batch(number)
    queued, entry = record.queued, record.queued.entry
    first = session.batch(number - 1).last_block + 1 if number else 1
    result: Json = {
        "index": hex(number),
        "location": entry.location.name.lower(),
        "dataHash": data(entry.data_hash),
        "size": hex(len(queued.data)),
        "accumulator": data(queued.accumulator),
        "messagesConsumed": hex(entry.messages_consumed),
        "firstBlock": hex(first),
        "lastBlock": hex(record.last_block),
        "l1": {
            "blockNumber": hex(record.place.block),
            "blockHash": data(record.place.block_hash),
            "transactionHash": data(record.place.transaction),
            "timestamp": hex(entry.context.timestamp),
            "baseFee": hex(entry.context.base_fee),
        },
    }
    if params.boolean(with_data, "argument 1"):
        result["data"] = data(queued.data)
    return result


@read("tandem_getBatchOfBlock")
def get_batch_of_block(api: Api, session: ReadSession, block: Any) -> Json | None:
    """The batch that a block follows from; null while it is not on L1."""
    record = session.batch_of(api.need(session, params.block(block)))
    result: Json | None = None if record is None else get_batch(api, session, hex(record.queued.index))
    return result


@read("tandem_getWithdrawalProof")
def withdrawal_proof(api: Api, session: ReadSession, digest: Any, block: Any = None) -> Json:
    """What the bridge on L1 asks for to pay a withdrawal out, under the state of a block (the latest by default).

    Proofs have the fields of Solidity's `Proof` (protocol.md, section 1).
    """
    withdrawal = params.hash32(digest, "argument 0")
    number = api.need(session, params.block(block))
    header = session.header(number)
    account = session.state_at(number).account(MESSAGE_PASSER) or EMPTY_ACCOUNT
    try:
        storage = prove_withdrawal(session.state_tables, account.storage_root, withdrawal)
    except StateMissing as error:
        raise RpcError(NOT_FOUND, str(error)) from None
    shown = prove(session.state_tables.preimages, header.state_root, address_key(MESSAGE_PASSER))
    return {
        "blockNumber": hex(number),
        "blockHash": data(header.hash),
        "header": data(header.encode()),
        "stateRoot": data(header.state_root),
        "withdrawalHash": data(withdrawal),
        "withdrawalRoot": data(account.storage_root),
        "storageSlot": data(word(sent_slot(withdrawal))),
        "storageProof": proof_json(storage),
        "accountProof": proof_json(shown),
        "account": account_json(account),
    }


def proof_json(proof: Proof) -> Json:
    """The fields of Solidity's Proof."""
    return {
        "bitmap": hex(proof.bitmap),
        "siblings": [data(sibling) for sibling in proof.siblings],
        "leafKey": data(proof.leaf_key),
        "leafValue": data(proof.leaf_value),
    }


def account_json(account: Account) -> Json:
    """The fields of Solidity's account record."""
    return {
        "nonce": hex(account.nonce),
        "balance": hex(account.balance),
        "codeHash": data(account.code_hash),
        "codeRoot": data(account.code_root),
        "codeSize": hex(account.code_size),
        "storageRoot": data(account.storage_root),
    }


@read("tandem_supply")
def money(api: Api, session: ReadSession, block: Any = None) -> Json:
    """The wei that exist on L2 after a block, and those that SELFDESTRUCT has destroyed since genesis.

    The bridge on L1 holds supply + burnt, plus deposits that are still on their way, less what the message passer
    holds for withdrawals that were finalised.
    """
    supply, burnt = session.money(api.need(session, params.block(block)))
    return {"supply": hex(supply), "burnt": hex(burnt)}
