"""The genesis block: a pure function of a chain's parameters and genesis accounts."""

from tandem.chain.header import Header
from tandem.chain.recent import RECENT_DEPTH
from tandem.chain.spec import FEE_VAULT, ChainParameters, Genesis
from tandem.evm.diff import StateDiff
from tandem.inbox.queues import L1Context
from tandem.primitives.hashing import EMPTY_CODE_HASH, keccak
from tandem.primitives.types import ZERO_HASH, Address, Gas, Hash, Wei
from tandem.state import tree
from tandem.state.account import Account
from tandem.state.code import code_root
from tandem.state.database import StateDatabase
from tandem.state.tables import StateTables
from tandem.state.words import zero_root


def genesis_header(parameters: ChainParameters, genesis: Genesis, tables: StateTables) -> Header:
    """Write the genesis state into `tables` (empty before) and return the genesis header."""
    root, _ = StateDatabase(tables).commit(Hash(tree.EMPTY), _genesis_diff(genesis))
    return Header(
        parent_hash=parameters.config_hash(),
        number=0,
        timestamp=genesis.timestamp,
        state_root=root,
        transactions_acc=ZERO_HASH,
        receipts_acc=ZERO_HASH,
        gas_used=Gas(0),
        gas_limit=parameters.gas_limit,
        base_fee=parameters.min_base_fee,
        prev_randao=ZERO_HASH,
        coinbase=FEE_VAULT,
        origin=L1Context(0, ZERO_HASH, genesis.timestamp, Wei(0)),
        messages_consumed=0,
        recent_hashes=zero_root(RECENT_DEPTH),
    )


def _genesis_diff(genesis: Genesis) -> StateDiff:
    accounts: dict[Address, Account | None] = {}
    codes: dict[Hash, bytes] = {}
    for address, entry in genesis.accounts.items():
        code_hash = keccak(entry.code) if entry.code else EMPTY_CODE_HASH
        if entry.code:
            codes[code_hash] = entry.code
        accounts[address] = Account(entry.nonce, entry.balance, code_hash, code_root(entry.code), len(entry.code))
    storage = {address: dict(entry.storage) for address, entry in genesis.accounts.items() if entry.storage}
    return StateDiff(accounts=accounts, storage=storage, code=codes)
