"""Parameters of calls: from JSON to values, or an RpcError (-32602) that says which argument is wrong and how.

Forms are those of execution-apis: quantities are 0x-hex without leading zeros (read leniently: with them), data is
0x-hex of whole bytes, a block is a number, a tag, a hash or an object (EIP-1898).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sequencer.rpc.errors import RpcError, invalid_params
from tandem.evm.simulate import AccountOverride, Call
from tandem.primitives.types import ZERO_ADDRESS, Address, Gas, Hash, Wei
from tandem.transactions.transaction import AccessList

MAX_WORD = 2**256 - 1
TAGS = frozenset({"latest", "safe", "finalized", "earliest", "pending"})
HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


@dataclass(frozen=True, slots=True)
class BlockSpec:
    """Which block is meant: by number, tag or hash (the others are None)."""

    number: int | None = None
    tag: str | None = None
    hash: Hash | None = None


LATEST, PENDING = BlockSpec(tag="latest"), BlockSpec(tag="pending")


def data(value: Any, what: str) -> bytes:
    """Bytes from 0x-hex."""
    if not isinstance(value, str):
        raise invalid_params(f"invalid {what}: a hex string is expected")
    if value[:2] not in ("0x", "0X"):
        raise invalid_params(f"invalid {what}: hex string without 0x prefix")
    if len(value) % 2:
        raise invalid_params(f"invalid {what}: hex string of odd length")
    try:
        return bytes.fromhex(value[2:])
    except ValueError:
        raise invalid_params(f"invalid {what}: invalid hex string") from None


def address(value: Any, what: str = "address") -> Address:
    """20 bytes."""
    content = data(value, what)
    if len(content) != 20:
        raise invalid_params(f"invalid {what}: hex string has length {2 * len(content)}, want 40 for an address")
    return Address(content)


def hash32(value: Any, what: str = "hash") -> Hash:
    """32 bytes."""
    content = data(value, what)
    if len(content) != 32:
        raise invalid_params(f"invalid {what}: hex string has length {2 * len(content)}, want 64 for a hash")
    return Hash(content)


def quantity(value: Any, what: str, most: int = MAX_WORD) -> int:
    """A number from 0x-hex (a JSON number is taken too: tools for people send it)."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and value[:2] in ("0x", "0X") and value[2:] and set(value[2:]) <= HEX_DIGITS:
        number = int(value[2:], 16)
    else:
        problem = "hex string without 0x prefix" if isinstance(value, str) and value[:2] != "0x" else "no hex number"
        raise invalid_params(f"invalid {what}: {problem}")
    if not 0 <= number <= most:
        raise invalid_params(f"invalid {what}: number out of range")
    return number


def storage_slot(value: Any) -> int:
    """A storage key: up to 32 bytes of 0x-hex, with or without leading zeros."""
    if not isinstance(value, str) or value[:2] not in ("0x", "0X"):
        raise invalid_params(f'invalid hex in storage key: "{value}"')
    if not set(value[2:]) <= HEX_DIGITS:
        raise invalid_params(f'invalid hex in storage key: "{value}"')
    if len(value) > 66:
        raise invalid_params(f'storage key too long (want at most 32 bytes): "{value}"')
    return int(value[2:] or "0", 16)


def boolean(value: Any, what: str) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise invalid_params(f"invalid {what}: true or false is expected")
    return value


def block(value: Any) -> BlockSpec:
    """A block's number, tag, hash, or EIP-1898 object. None means the latest."""
    if value is None:
        return LATEST
    if isinstance(value, Mapping):
        return _block_object(value)
    if isinstance(value, str):
        if value in TAGS:
            return BlockSpec(tag=value)
        if len(value) == 66:
            return BlockSpec(hash=hash32(value, "block hash"))
    return BlockSpec(number=quantity(value, "block number", 2**63 - 1))


def _block_object(value: Mapping[str, Any]) -> BlockSpec:
    number, digest = value.get("blockNumber"), value.get("blockHash")
    if (number is None) == (digest is None):
        raise invalid_params("invalid block: exactly one of blockNumber and blockHash must be given")
    if digest is not None:
        return BlockSpec(hash=hash32(digest, "blockHash"))
    return block(number)


def access_list(value: Any) -> AccessList:
    """EIP-2930."""
    if not isinstance(value, list):
        raise invalid_params("invalid accessList: a list is expected")
    entries = []
    for item in value:
        if not isinstance(item, Mapping):
            raise invalid_params("invalid accessList: an entry is {address, storageKeys}")
        keys = item.get("storageKeys") or []
        if not isinstance(keys, list):
            raise invalid_params("invalid accessList: storageKeys is a list")
        slots = tuple(hash32(key, "storage key") for key in keys)
        entries.append((address(item.get("address"), "accessList address"), slots))
    return tuple(entries)


def call(value: Any, gas_cap: int) -> Call:
    """The call object of eth_call and its kin. Gas above the cap is the cap."""
    if not isinstance(value, Mapping):
        raise invalid_params("invalid argument 0: a call object is expected")
    old, new = value.get("data"), value.get("input")
    if old is not None and new is not None and old != new:
        raise invalid_params('both "data" and "input" are set and not equal. Please use "input" to pass the call data')
    content = new if new is not None else old
    price, cap = _optional(value, "gasPrice"), _optional(value, "maxFeePerGas")
    tip = _optional(value, "maxPriorityFeePerGas")
    if price is not None and (cap is not None or tip is not None):
        raise invalid_params("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")
    if cap is not None and tip is not None and tip > cap:
        raise invalid_params(f"maxFeePerGas ({cap}) < maxPriorityFeePerGas ({tip})")
    gas = _optional(value, "gas")
    max_fee = price if price is not None else cap or 0
    return Call(
        sender=address(value["from"], "from") if value.get("from") is not None else ZERO_ADDRESS,
        to=address(value["to"], "to") if value.get("to") is not None else None,
        value=Wei(_optional(value, "value") or 0),
        data=data(content, "input") if content is not None else b"",
        gas_limit=Gas(min(gas, gas_cap)) if gas else Gas(gas_cap),
        max_fee=Wei(max_fee),
        max_priority_fee=Wei(price if price is not None else min(tip or 0, max_fee)),
        access_list=access_list(value["accessList"]) if value.get("accessList") is not None else (),
    )


def _optional(value: Mapping[str, Any], name: str) -> int | None:
    return None if value.get(name) is None else quantity(value[name], name)


def state_overrides(value: Any) -> dict[Address, AccountOverride]:
    """eth_call's third argument: address -> {nonce, balance, code, state | stateDiff}."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise invalid_params("invalid state override: an object by address is expected")
    return {address(key, "override address"): _override(entry) for key, entry in value.items()}


def _override(entry: Any) -> AccountOverride:
    if not isinstance(entry, Mapping):
        raise invalid_params("invalid state override: an object is expected")
    if entry.get("movePrecompileToAddress") is not None:
        raise RpcError(-38022, "movePrecompileToAddress is not supported")
    state, difference = entry.get("state"), entry.get("stateDiff")
    if state is not None and difference is not None:
        raise invalid_params("an account override has both 'state' and 'stateDiff'")
    nonce, balance = _optional(entry, "nonce"), _optional(entry, "balance")
    return AccountOverride(
        nonce=nonce,
        balance=None if balance is None else Wei(balance),
        code=None if entry.get("code") is None else data(entry["code"], "code"),
        state=None if state is None else _slots(state),
        state_diff={} if difference is None else _slots(difference),
    )


def _slots(value: Any) -> dict[int, int]:
    if not isinstance(value, Mapping):
        raise invalid_params("invalid state override: slots are an object")
    return {storage_slot(key): storage_slot(word) for key, word in value.items()}


@dataclass(frozen=True, slots=True)
class LogCriteria:
    """Which logs are meant. No addresses: any. A place in `topics` is None (any) or the topics allowed there."""

    addresses: frozenset[Address]
    topics: tuple[frozenset[Hash] | None, ...]


@dataclass(frozen=True, slots=True)
class LogFilter:
    """eth_getLogs: criteria, and a range of blocks or the hash of one."""

    criteria: LogCriteria
    first: BlockSpec
    last: BlockSpec
    block_hash: Hash | None


def log_filter(value: Any) -> LogFilter:
    """The filter object."""
    if not isinstance(value, Mapping):
        raise invalid_params("invalid argument 0: a filter object is expected")
    digest = value.get("blockHash")
    first, last = value.get("fromBlock"), value.get("toBlock")
    if digest is not None and (first is not None or last is not None):
        raise invalid_params(
            "invalid argument 0: cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other"
        )
    return LogFilter(
        log_criteria(value), block(first), block(last), None if digest is None else hash32(digest, "blockHash")
    )


def log_criteria(value: Mapping[str, Any]) -> LogCriteria:
    """Addresses (one or a list) and topics (each null, one, or a list)."""
    addresses = value.get("address")
    listed = [] if addresses is None else addresses if isinstance(addresses, list) else [addresses]
    topics = value.get("topics")
    if topics is not None and (not isinstance(topics, list) or len(topics) > 4):
        raise invalid_params("invalid topics: a list of at most 4 is expected")
    return LogCriteria(
        frozenset(address(item) for item in listed),
        tuple(_topic(item) for item in topics or ()),
    )


def _topic(item: Any) -> frozenset[Hash] | None:
    if item is None:
        return None
    listed = item if isinstance(item, list) else [item]
    if not listed or None in listed:
        return None
    return frozenset(hash32(entry, "topic") for entry in listed)
