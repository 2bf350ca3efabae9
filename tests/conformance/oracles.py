"""Two EVMs that are not ours, for random programs: revm, and py-evm with its known gaps mended."""

from collections.abc import Iterable
from dataclasses import dataclass

from eth.constants import BLANK_ROOT_HASH
from eth.db.atomic import AtomicDB
from eth.exceptions import Revert
from eth.vm.execution_context import ExecutionContext
from eth.vm.message import Message
from pyrevm import EVM, AccountInfo, BlockEnv

from tandem.evm.context import BlockContext
from tandem.primitives.hashing import EMPTY_CODE_HASH, keccak
from tandem.primitives.types import Address, Hash
from tests.support.py_evm import OracleState

Log = tuple[bytes, tuple[bytes, ...], bytes]


@dataclass(frozen=True, slots=True)
class Setting:
    """The state before a transaction, and the transaction, which pays nothing for gas."""

    accounts: dict[Address, tuple[int, int, bytes]]
    """Nonce, balance, code."""
    storage: dict[Address, dict[int, int]]
    sender: Address
    to: Address
    value: int
    data: bytes
    gas: int
    """Beside the intrinsic."""
    intrinsic: int
    context: BlockContext
    chain_id: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended. Of the accounts and slots asked for, those that are not empty; the sender is left out."""

    status: int
    gas_used: int
    """After refunds."""
    logs: tuple[Log, ...]
    accounts: dict[bytes, tuple[int, int, bytes]]
    """Nonce, balance, hash of the code."""
    storage: dict[tuple[bytes, int], int]


Asked = Iterable[tuple[Address, Iterable[int]]]
"""Addresses and slots to compare."""


def in_revm(setting: Setting, asked: Asked) -> Outcome:
    """The transaction on revm."""
    context = setting.context
    evm = EVM(spec_id="CANCUN")
    evm.set_block_env(
        BlockEnv(
            number=context.number,
            coinbase=_hex(context.coinbase),
            timestamp=context.timestamp,
            prevrandao=context.prev_randao,
            basefee=0,
            gas_limit=context.gas_limit,
            excess_blob_gas=0,
        )
    )
    for address, (nonce, balance, code) in setting.accounts.items():
        evm.insert_account_info(_hex(address), AccountInfo(nonce=nonce, balance=balance, code=code or None))
        for slot, value in setting.storage.get(address, {}).items():
            evm.insert_account_storage(_hex(address), slot, value)
    try:
        evm.message_call(
            _hex(setting.sender), _hex(setting.to), setting.data, setting.value, setting.gas + setting.intrinsic, 0
        )
    except RuntimeError:
        pass  # a revert or a halt: `result` says which
    result = evm.result
    logs = tuple((bytes.fromhex(log.address[2:]), _topics(log.data[0]), bytes(log.data[1])) for log in result.logs)
    accounts, storage = {}, {}
    for address, slots in asked:
        info = evm.basic(_hex(address))
        found = (int(info.nonce), int(info.balance), bytes(info.code_hash))
        if found != (0, 0, EMPTY_CODE_HASH) and address != setting.sender:
            accounts[bytes(address)] = found
        for slot in slots:
            if value := int(evm.storage(_hex(address), slot)):
                storage[bytes(address), slot] = value
    return Outcome(int(result.is_success), int(result.gas_used), logs, accounts, storage)


def in_py_evm(setting: Setting, asked: Asked) -> Outcome:
    """The transaction on py-evm."""
    context = setting.context
    execution = ExecutionContext(
        coinbase=context.coinbase,
        timestamp=context.timestamp,
        block_number=context.number,
        difficulty=0,
        mix_hash=context.prev_randao,
        gas_limit=context.gas_limit,
        prev_hashes=[context.block_hash(context.number - back) for back in range(1, 257)],
        chain_id=setting.chain_id,
        base_fee_per_gas=0,
        excess_blob_gas=0,
    )
    state = OracleState(AtomicDB(), execution, BLANK_ROOT_HASH)
    for address, (nonce, balance, code) in setting.accounts.items():
        state.set_balance(address, balance)
        state.set_nonce(address, nonce)
        if code:
            state.set_code(address, code)
        for slot, value in setting.storage.get(address, {}).items():
            state.set_storage(address, slot, value)
    state.increment_nonce(setting.sender)
    state.persist()
    state.lock_changes()
    for address in (setting.sender, setting.to, context.coinbase):
        state.mark_address_warm(address)
    message = Message(
        gas=setting.gas,
        to=setting.to,
        sender=setting.sender,
        value=setting.value,
        data=setting.data,
        code=setting.accounts[setting.to][2],
    )
    transaction_context = state.get_transaction_context_class()(gas_price=0, origin=setting.sender)
    done = state.computation_class.apply_message(state, message, transaction_context)
    used = setting.intrinsic + setting.gas - done.get_gas_remaining()
    if done.is_error and not isinstance(done.error, Revert):
        used = setting.intrinsic + setting.gas
    used -= min(used // 5, done.get_gas_refund())
    logs = tuple(
        (bytes(address), tuple(topic.to_bytes(32, "big") for topic in topics), bytes(data))
        for address, topics, data in done.get_log_entries()
    )
    gone = {bytes(address) for address in done.get_accounts_for_deletion()} if done.is_success else set()
    accounts, storage = {}, {}
    for address, slots in asked:
        if address in gone:
            continue
        found = (state.get_nonce(address), state.get_balance(address), keccak(state.get_code(address)))
        if found != (0, 0, EMPTY_CODE_HASH) and address != setting.sender:
            accounts[bytes(address)] = found
        for slot in slots:
            if value := state.get_storage(address, slot):
                storage[bytes(address), slot] = value
    return Outcome(int(done.is_success), used, logs, accounts, storage)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _topics(topics: Iterable[str | bytes]) -> tuple[Hash, ...]:
    return tuple(Hash(bytes.fromhex(item[2:]) if isinstance(item, str) else bytes(item)) for item in topics)
