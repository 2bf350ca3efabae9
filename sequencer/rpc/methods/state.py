"""Accounts: balance, nonce, code, storage, and proofs of them."""

from typing import Any

from sequencer import bus
from sequencer.rpc import params
from sequencer.rpc.api import Api
from sequencer.rpc.encode import Json, data
from sequencer.rpc.errors import invalid_params
from sequencer.rpc.registry import asynchronous, read
from tandem.primitives.hashing import word
from tandem.primitives.types import Address, Hash
from tandem.state import tree
from tandem.state.account import EMPTY_ACCOUNT, Account
from tandem.state.database import address_key, slot_key
from tandem.state.tables import Table
from tandem.store import ReadSession

MAX_PROOF_KEYS = 1_024
"""Storage keys of one eth_getProof (as in geth)."""


def _account(api: Api, session: ReadSession, address: Any, block: Any) -> Account:
    who = params.address(address, "argument 0")
    number = api.need(session, params.block(block))
    return session.state_at(number).account(who) or EMPTY_ACCOUNT


@read("eth_getBalance")
def balance(api: Api, session: ReadSession, address: Any, block: Any = None) -> str:
    """Wei."""
    return hex(_account(api, session, address, block).balance)


@read("eth_getCode")
def code(api: Api, session: ReadSession, address: Any, block: Any = None) -> str:
    """The account's code."""
    who = params.address(address, "argument 0")
    state = session.state_at(api.need(session, params.block(block)))
    account = state.account(who)
    return "0x" if account is None else data(state.code(account.code_hash))


@read("eth_getStorageAt")
def storage_at(api: Api, session: ReadSession, address: Any, slot: Any, block: Any = None) -> str:
    """The word in a slot."""
    who, key = params.address(address, "argument 0"), params.storage_slot(slot)
    state = session.state_at(api.need(session, params.block(block)))
    return data(word(state.storage(who, key)))


@asynchronous("eth_getTransactionCount")
async def transaction_count(api: Api, address: Any, block: Any = None) -> str:
    """The account's nonce; for "pending", the next one behind all that waits."""
    spec = params.block(block)
    who = params.address(address, "argument 0")
    if spec.tag == "pending":
        return hex(await api.ask(bus.PENDING_NONCE, who))
    with api.store.read() as session:
        return hex(_account(api, session, address, block).nonce)


@read("eth_getProof")
def proof(api: Api, session: ReadSession, address: Any, keys: Any, block: Any = None) -> Json:
    """EIP-1186's envelope around Tandem's own proofs.

    `accountProof` and each `proof` list preimages of tree nodes from the root down, each of which the one before it
    names by its keccak: branches (0x01 ‖ left ‖ right), then the leaf (0x00 ‖ key ‖ value) if the path ends in one.
    Behind the account's own leaf stands the account record (192 bytes) whose keccak is the leaf's value.
    """
    who = params.address(address, "argument 0")
    if not isinstance(keys, list) or len(keys) > MAX_PROOF_KEYS:
        raise invalid_params(f"invalid argument 1: a list of at most {MAX_PROOF_KEYS} storage keys is expected")
    slots = [params.storage_slot(key) for key in keys]
    number = api.need(session, params.block(block))
    nodes = session.state_tables.preimages
    shown, account = account_path(nodes, session.header(number).state_root, who)
    record = account or EMPTY_ACCOUNT
    return {
        "address": data(who),
        "accountProof": [data(node) for node in shown],
        "balance": hex(record.balance),
        "codeHash": data(record.code_hash),
        "nonce": hex(record.nonce),
        "storageHash": data(record.storage_root),
        "storageProof": [
            _storage_proof(nodes, record.storage_root, key, slot) for key, slot in zip(keys, slots, strict=True)
        ],
    }


def _storage_proof(nodes: Table, root: Hash, key: str, slot: int) -> Json:
    hashed = slot_key(slot)
    shown = path(nodes, root, hashed)
    leaf = shown[-1] if shown and shown[-1][:1] == tree.LEAF else b""
    value = leaf[33:] if leaf[1:33] == hashed else b""
    return {"key": key, "value": hex(int.from_bytes(value, "big")), "proof": [data(node) for node in shown]}


def account_path(nodes: Table, root: Hash, address: Address) -> tuple[list[bytes], Account | None]:
    """The account's path with its record behind, and the account."""
    key = address_key(address)
    shown = path(nodes, root, key)
    if not shown or shown[-1][:33] != tree.LEAF + key:
        return shown, None
    record = nodes.get(shown[-1][33:])
    assert record is not None, "a leaf is stored with its record"
    return [*shown, record], Account.decode(record)


def path(nodes: Table, root: Hash, key: Hash) -> list[bytes]:
    """Preimages of the nodes on the way to `key`, from the root."""
    shown = []
    node, depth = root, 0
    while node != tree.EMPTY:
        tag, a, b = tree.load(nodes, node)
        shown.append(tag + a + b)
        if tag == tree.LEAF:
            break
        node = b if tree.bit(key, depth) else a
        depth += 1
    return shown
