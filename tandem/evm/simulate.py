"""Messages without a signature and without lasting effects: eth_call, eth_estimateGas, debug_traceCall."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tandem.errors import InvalidTransaction
from tandem.evm.context import BlockContext
from tandem.evm.executor import BlockExecutor
from tandem.evm.outcome import REVERT
from tandem.evm.reader import StateReader
from tandem.evm.receipt import Receipt
from tandem.evm.rules import Rules
from tandem.evm.tracing import Tracer
from tandem.evm.validation import TRANSACTION_GAS, data_gas, floor_gas, intrinsic_gas
from tandem.primitives.hashing import EMPTY_CODE_HASH, keccak
from tandem.primitives.types import ZERO_ADDRESS, ZERO_HASH, Address, Gas, Hash, Wei
from tandem.state.account import EMPTY_ACCOUNT, Account
from tandem.state.code import code_root
from tandem.transactions.transaction import DYNAMIC_FEE, AccessList, SignedTransaction

ENVELOPE_SIZE = (1 + 4) + (9 + 5 + 2 * 9 + 5 + 21) + 4 + (1 + 33 + 33)
"""Bytes of a signed type 2 beside value, data and access list, at most: type and list header; chain id, nonce
(32 bits), two fees (64 bits), gas limit (32 bits), `to`; header of the data; signature."""


@dataclass(frozen=True, slots=True)
class AccountOverride:
    """What eth_call's state override puts in an account's place. None leaves a field as it is."""

    nonce: int | None = None
    balance: Wei | None = None
    code: bytes | None = None
    state: Mapping[int, int] | None = None
    """The whole storage."""
    state_diff: Mapping[int, int] = field(default_factory=dict)
    """Single slots."""


@dataclass(frozen=True, slots=True)
class Call:
    """An unsigned message. Without a gas limit it gets the block's, or the chain's cap for a transaction."""

    sender: Address = ZERO_ADDRESS
    to: Address | None = None
    value: Wei = Wei(0)
    data: bytes = b""
    gas_limit: Gas | None = None
    max_fee: Wei = Wei(0)
    """0: no gas is bought, and BASEFEE is 0 as go-ethereum has it."""
    max_priority_fee: Wei = Wei(0)
    access_list: AccessList = ()


class OverriddenState:
    """A reader with some accounts replaced."""

    def __init__(self, reader: StateReader, overrides: Mapping[Address, AccountOverride]) -> None:
        self._reader = reader
        self._overrides = overrides
        self._codes = {keccak(entry.code): entry.code for entry in overrides.values() if entry.code}

    def account(self, address: Address) -> Account | None:
        """The account with its override."""
        account = self._reader.account(address)
        override = self._overrides.get(address)
        if override is None:
            return account
        account = account or EMPTY_ACCOUNT
        if override.nonce is not None:
            account = replace(account, nonce=override.nonce)
        if override.balance is not None:
            account = replace(account, balance=override.balance)
        if override.code is not None:
            code = override.code
            digest = keccak(code) if code else EMPTY_CODE_HASH
            account = replace(account, code_hash=digest, code_root=code_root(code), code_size=len(code))
        if override.state is not None:
            account = replace(account, storage_root=ZERO_HASH)
        return account

    def storage(self, address: Address, slot: int) -> int:
        """The slot with its override."""
        override = self._overrides.get(address)
        if override is None:
            return self._reader.storage(address, slot)
        if override.state is not None:
            return override.state.get(slot, 0)
        value = override.state_diff.get(slot)
        return self._reader.storage(address, slot) if value is None else value

    def code(self, code_hash: Hash) -> bytes:
        """A code of the state or of an override."""
        return self._codes.get(code_hash) or self._reader.code(code_hash)


def call(
    reader: StateReader,
    context: BlockContext,
    rules: Rules,
    request: Call,
    overrides: Mapping[Address, AccountOverride] | None = None,
    tracer: Tracer | None = None,
) -> Receipt:
    """What the message would do in this block. Overrides of the block are made on the context by `replace`.

    InvalidTransaction where even a call cannot start: value above the balance, gas below the intrinsic.
    """
    state = OverriddenState(reader, overrides) if overrides else reader
    gas_limit = _gas_limit(state, context, rules, request)
    if not request.max_fee:
        context = replace(context, base_fee=Wei(0))
    executor = BlockExecutor(state, replace(context, gas_limit=gas_limit), _lenient(rules))
    account = state.account(request.sender) or EMPTY_ACCOUNT
    return executor.apply(_unsigned(request, rules, account.nonce, gas_limit), tracer, check_sender_code=False)


def estimate_gas(
    reader: StateReader,
    context: BlockContext,
    rules: Rules,
    request: Call,
    overrides: Mapping[Address, AccountOverride] | None = None,
) -> Receipt:
    """The least gas limit with which the message succeeds, as `gas_used` of the receipt; status 0 where none does.

    The L1 data cost is part of it, counted for the longest encoding that the signed transaction can have.
    """
    extra = data_gas(rules, context, _size(request))
    state = OverriddenState(reader, overrides) if overrides else reader

    def attempt(gas: int) -> Receipt | None:
        try:
            return call(state, context, rules, replace(request, gas_limit=Gas(gas)))
        except InvalidTransaction as error:
            if error.code == "intrinsic_gas":
                return None
            raise

    high = _gas_limit(state, context, rules, request) - extra
    best = attempt(high)
    if best is None or not best.status:
        return best or call(state, context, rules, request)
    floor = max(intrinsic_gas(request.data, request.to is None, request.access_list), floor_gas(rules, request.data))
    low = max(floor, best.gas_used) - 1
    if low + 1 == TRANSACTION_GAS or low >= high:
        return replace(best, gas_used=Gas(low + 1 + extra))
    first = attempt(low + 1)
    if first is not None and first.status:
        return replace(best, gas_used=Gas(low + 1 + extra))
    low += 1
    while low + 1 < high:
        middle = min((low + high) // 2, low * 2)
        result = attempt(middle)
        if result is not None and result.status:
            high = middle
        else:
            low = middle
    return replace(best, gas_used=Gas(high + extra))


def is_revert(receipt: Receipt) -> bool:
    """Whether it failed by REVERT, so that `output` explains it."""
    return receipt.error == REVERT


def _gas_limit(state: StateReader, context: BlockContext, rules: Rules, request: Call) -> Gas:
    """The gas asked for; else the most that block, chain and, at a price, the sender's balance allow."""
    most = context.gas_limit if rules.transaction_gas_cap is None else rules.transaction_gas_cap
    limit: int = min(context.gas_limit, most)
    if request.gas_limit is not None:
        return Gas(min(limit, request.gas_limit))
    if request.max_fee:
        account = state.account(request.sender) or EMPTY_ACCOUNT
        if account.balance < request.value:
            raise InvalidTransaction("insufficient_funds", "insufficient funds for transfer")
        limit = min(limit, (account.balance - request.value) // request.max_fee)
    return Gas(limit)


def _lenient(rules: Rules) -> Rules:
    """No data cost: a call has no encoding yet."""
    return replace(rules, data_gas_per_byte=0, transaction_types=rules.transaction_types | {DYNAMIC_FEE})


def _size(request: Call) -> int:
    access = sum(21 + 4 + 4 + 33 * len(slots) for _, slots in request.access_list)
    return ENVELOPE_SIZE + 1 + (request.value.bit_length() + 7) // 8 + len(request.data) + 4 + access


def _unsigned(request: Call, rules: Rules, nonce: int, gas_limit: Gas) -> SignedTransaction:
    return SignedTransaction(
        type=DYNAMIC_FEE,
        chain_id=rules.chain_id,
        nonce=nonce,
        max_priority_fee=request.max_priority_fee,
        max_fee=request.max_fee,
        gas_limit=gas_limit,
        to=request.to,
        value=request.value,
        data=request.data,
        access_list=request.access_list,
        y_parity=0,
        r=0,
        s=0,
        raw=b"",
        hash=ZERO_HASH,
        sender=request.sender,
    )
