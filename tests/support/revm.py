"""Contracts in process on revm (pyrevm): thousands of verifier calls a second, without a chain around them."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi import decode, encode
from eth_utils import keccak
from pyrevm import EVM, BlockEnv

from tests.support.solidity import Compiled

DEPLOYER = "0x" + "de" * 20
GAS = 2**24
"""What one transaction on L1 may use (EIP-7825)."""


class Reverted(Exception):
    """The call reverted, or ran out of gas. `data` is what it returned."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Log:
    """What a contract logged."""

    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a transaction."""

    success: bool
    gas_used: int
    output: bytes
    """Returned, or thrown: an error's selector and arguments."""
    logs: tuple[Log, ...]


class Revm:
    """One EVM with contracts in it.

    It knows no end of a transaction: what one has read is warm for all that follow, so that gas is counted low.
    """

    def __init__(self) -> None:
        self.evm = EVM(gas_limit=2**40)
        self.evm.set_balance(DEPLOYER, 10**24)

    def deploy(self, contract: Compiled, types: tuple[str, ...] = (), values: tuple[Any, ...] = ()) -> str:
        """Its address."""
        return str(self.evm.deploy(DEPLOYER, contract.creation + encode(types, values)))

    def set_time(self, timestamp: int) -> None:
        """Of the block that all calls are in from here on, seconds. In pyrevm BASEFEE is 0 whatever one sets."""
        self.evm.set_block_env(BlockEnv(timestamp=timestamp, gas_limit=2**40))

    def send(self, sender: str, to: str, data: bytes, value: int = 0, price: int = 0) -> Receipt:
        """A transaction, paid for by its sender at `price` (wei a unit of gas) whether or not it succeeds."""
        evm = self.evm
        try:
            output = bytes(evm.message_call(sender, to, calldata=data, value=value, gas=GAS, gas_price=price))
            logs = tuple(_log(log) for log in evm.result.logs)
            receipt = Receipt(True, self.gas_used, output, logs)
        except RuntimeError as error:
            receipt = Receipt(False, self.gas_used, _thrown(str(error)), ())
        evm.set_balance(sender, evm.get_balance(sender) - receipt.gas_used * price)
        return receipt

    def call(self, to: str, data: bytes, gas: int = GAS, *, static: bool = True) -> bytes:
        """The return data of a call. Reverted where it fails."""
        try:
            return bytes(self.evm.message_call(DEPLOYER, to, calldata=data, gas=gas, is_static=static))
        except RuntimeError as error:
            raise Reverted(str(error)) from None

    @property
    def gas_used(self) -> int:
        """Gas of the last call, with calldata and the 21,000 of its transaction where revm counts them."""
        return int(self.evm.result.gas_used)


def _log(log: Any) -> Log:
    _, data = log.data
    return Log(tuple(bytes.fromhex(topic[2:]) for topic in log.topics), bytes(data))


def _thrown(message: str) -> bytes:
    """The output that revm tells of in its message."""
    output = re.search(r"output: 0x([0-9a-f]*)", message)
    return bytes.fromhex(output[1]) if output else b""


def call_data(signature: str, *values: Any) -> bytes:
    """Calldata of a function by its canonical signature, such as `verify(bytes32,bytes)`."""
    selector, types = _function(signature)
    return selector + encode(types, values)


def decode_result(types: str, data: bytes) -> Any:
    """The decoded return values: one alone, several as a tuple."""
    values = decode(_split(types), data)
    return values[0] if len(values) == 1 else values


@cache
def _function(signature: str) -> tuple[bytes, tuple[str, ...]]:
    """Its selector and the types of its arguments."""
    return keccak(text=signature)[:4], _split(signature[signature.index("(") + 1 : -1])


@cache
def _split(types: str) -> tuple[str, ...]:
    parts, depth, current = [], 0, ""
    for character in types:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return (*parts, current) if current else tuple(parts)
