"""Whether a signed transaction may execute where it stands, and what it costs at the least. Reads only, no effects.

Every refusal is an InvalidTransaction with one of these codes, which the mempool and JSON-RPC pass on:

type_not_supported, wrong_chain_id, unprotected, gas_cap, block_gas, fee_cap_below_base_fee, tip_above_cap,
init_code_size, intrinsic_gas, nonce_too_low, nonce_too_high, nonce_max, sender_not_eoa, insufficient_funds,
blob_creation, blob_none, blob_count, blob_version, blob_fee_cap, authorization_creation, authorization_none
"""

from dataclasses import dataclass
from typing import Protocol

from tandem.errors import InvalidTransaction
from tandem.evm.calls import MAX_INIT_CODE, MAX_NONCE
from tandem.evm.context import BlockContext
from tandem.evm.delegation import is_delegation
from tandem.evm.rules import Rules
from tandem.primitives.types import Gas, Wei
from tandem.transactions.transaction import BLOB, SET_CODE, AccessList, SignedTransaction

TRANSACTION_GAS, CREATION_GAS = 21_000, 32_000
ZERO_BYTE_GAS, BYTE_GAS = 4, 16
"""EIP-2028."""
ACCESS_ADDRESS_GAS, ACCESS_SLOT_GAS = 2_400, 1_900
"""EIP-2930."""
INIT_WORD_GAS = 2
"""EIP-3860."""
FLOOR_TOKEN_GAS, TOKENS_PER_BYTE = 10, 4
"""EIP-7623: a zero byte is one token, any other four."""
AUTHORIZATION_GAS = 25_000
"""EIP-7702: PER_EMPTY_ACCOUNT_COST."""
BLOB_GAS = 131_072
"""EIP-4844: a blob."""
BLOB_VERSION = b"\x01"


class Accounts(Protocol):
    """What is asked of the state."""

    def get_nonce(self, address: bytes) -> int: ...
    def get_balance(self, address: bytes) -> int: ...
    def get_code(self, address: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Cost:
    """What a transaction pays: gas before its first instruction, the least gas in all, and prices in wei."""

    intrinsic: Gas
    floor: Gas
    """EIP-7623; 0 where the fork has none."""
    gas_price: Wei
    """Effective price (EIP-1559)."""
    blob_fee: Wei
    """Burnt at the start for the blobs carried."""


def intrinsic_gas(data: bytes, is_creation: bool, access_list: AccessList = (), authorizations: int = 0) -> Gas:
    """Gas before the first instruction, without the L1 data cost."""
    zeros = data.count(0)
    gas = TRANSACTION_GAS + zeros * ZERO_BYTE_GAS + (len(data) - zeros) * BYTE_GAS
    if is_creation:
        gas += CREATION_GAS + INIT_WORD_GAS * ((len(data) + 31) >> 5)
    for _, slots in access_list:
        gas += ACCESS_ADDRESS_GAS + ACCESS_SLOT_GAS * len(slots)
    return Gas(gas + AUTHORIZATION_GAS * authorizations)


def floor_gas(rules: Rules, data: bytes) -> Gas:
    """EIP-7623: the least a transaction with this data pays."""
    if not rules.fork.calldata_floor:
        return Gas(0)
    zeros = data.count(0)
    return Gas(TRANSACTION_GAS + FLOOR_TOKEN_GAS * (zeros + TOKENS_PER_BYTE * (len(data) - zeros)))


def data_gas(rules: Rules, context: BlockContext, size: int) -> Gas:
    """L1 data cost of `size` bytes as L2 gas (protocol.md, section 2). No base fee, no charge."""
    if not rules.data_gas_per_byte or not context.base_fee:
        return Gas(0)
    return Gas(size * rules.data_gas_per_byte * context.l1_base_fee // context.base_fee)


def validate(
    rules: Rules,
    context: BlockContext,
    world: Accounts,
    gas_used: int,
    tx: SignedTransaction,
    check_sender_code: bool = True,
) -> Cost:
    """The transaction's cost, or InvalidTransaction. `gas_used` is the block's so far."""
    _check_form(rules, context, gas_used, tx)
    cost = _cost(rules, context, tx)
    required = max(cost.intrinsic, cost.floor)
    if tx.gas_limit < required:
        raise InvalidTransaction("intrinsic_gas", f"intrinsic gas too low: have {tx.gas_limit}, want {required}")
    _check_sender(world, tx)
    if check_sender_code:
        code = world.get_code(tx.sender)
        if code and not (rules.fork.delegation and is_delegation(code)):
            raise InvalidTransaction("sender_not_eoa", "sender not an eoa: the account has code (EIP-3607)")
    return cost


def _check_form(rules: Rules, context: BlockContext, gas_used: int, tx: SignedTransaction) -> None:
    """What needs no state."""
    if tx.type not in rules.transaction_types:
        raise InvalidTransaction("type_not_supported", f"transaction type {tx.type} is not supported")
    if tx.chain_id is None:
        if not rules.allow_unprotected:
            raise InvalidTransaction("unprotected", "only replay-protected (EIP-155) transactions are accepted")
    elif tx.chain_id != rules.chain_id:
        raise InvalidTransaction("wrong_chain_id", f"chain id is {tx.chain_id}, this chain has {rules.chain_id}")
    cap = rules.transaction_gas_cap
    if cap is not None and tx.gas_limit > cap:
        raise InvalidTransaction("gas_cap", f"gas limit {tx.gas_limit} is above the cap of {cap} (EIP-7825)")
    if gas_used + tx.gas_limit > context.gas_limit:
        left = context.gas_limit - gas_used
        raise InvalidTransaction("block_gas", f"gas limit {tx.gas_limit} is above the {left} left in the block")
    if tx.max_priority_fee > tx.max_fee:
        raise InvalidTransaction("tip_above_cap", "max priority fee per gas higher than max fee per gas")
    if tx.max_fee < context.base_fee:
        raise InvalidTransaction(
            "fee_cap_below_base_fee",
            f"max fee per gas less than block base fee: {tx.max_fee} < {context.base_fee}",
        )
    if tx.to is None and len(tx.data) > MAX_INIT_CODE:
        raise InvalidTransaction("init_code_size", f"init code of {len(tx.data)} bytes, at most {MAX_INIT_CODE}")
    if tx.type == BLOB:
        _check_blobs(rules, context, tx)
    if tx.type == SET_CODE:
        if tx.to is None:
            raise InvalidTransaction("authorization_creation", "a set-code transaction cannot create a contract")
        if not tx.authorizations:
            raise InvalidTransaction("authorization_none", "a set-code transaction needs an authorization")


def _check_blobs(rules: Rules, context: BlockContext, tx: SignedTransaction) -> None:
    if tx.to is None:
        raise InvalidTransaction("blob_creation", "a blob transaction cannot create a contract")
    if not tx.blob_hashes:
        raise InvalidTransaction("blob_none", "a blob transaction needs a blob")
    if len(tx.blob_hashes) > rules.fork.max_blobs:
        raise InvalidTransaction("blob_count", f"{len(tx.blob_hashes)} blobs, at most {rules.fork.max_blobs}")
    if any(digest[:1] != BLOB_VERSION for digest in tx.blob_hashes):
        raise InvalidTransaction("blob_version", "a blob hash has an unknown version")
    if tx.max_blob_fee < context.blob_base_fee:
        raise InvalidTransaction("blob_fee_cap", "max fee per blob gas less than the block's")


def _cost(rules: Rules, context: BlockContext, tx: SignedTransaction) -> Cost:
    intrinsic = intrinsic_gas(tx.data, tx.to is None, tx.access_list, len(tx.authorizations))
    return Cost(
        Gas(intrinsic + data_gas(rules, context, len(tx.raw))),
        floor_gas(rules, tx.data),
        Wei(min(tx.max_fee, context.base_fee + tx.max_priority_fee)),
        Wei(BLOB_GAS * len(tx.blob_hashes) * context.blob_base_fee),
    )


def _check_sender(world: Accounts, tx: SignedTransaction) -> None:
    nonce = world.get_nonce(tx.sender)
    if tx.nonce < nonce:
        raise InvalidTransaction("nonce_too_low", f"nonce too low: next nonce {nonce}, tx nonce {tx.nonce}")
    if tx.nonce > nonce:
        raise InvalidTransaction("nonce_too_high", f"nonce too high: next nonce {nonce}, tx nonce {tx.nonce}")
    if nonce >= MAX_NONCE:
        raise InvalidTransaction("nonce_max", "the account's nonce cannot grow any more (EIP-2681)")
    needed = tx.gas_limit * tx.max_fee + tx.value + BLOB_GAS * len(tx.blob_hashes) * tx.max_blob_fee
    balance = world.get_balance(tx.sender)
    if balance < needed:
        raise InvalidTransaction(
            "insufficient_funds",
            f"insufficient funds for gas * price + value: balance {balance}, tx cost {needed}",
        )
