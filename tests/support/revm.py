"""Contracts in process on revm (pyrevm): thousands of verifier calls a second, without a chain around them."""

from typing import Any

from eth_abi import decode, encode
from eth_utils import keccak
from pyrevm import EVM

from tests.support.solidity import Compiled

DEPLOYER = "0x" + "de" * 20
GAS = 2**24
"""What one transaction on L1 may use (EIP-7825)."""


class Reverted(Exception):
    """The call reverted, or ran out of gas. `data` is what it returned."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class Revm:
    """One EVM with contracts in it."""

    def __init__(self) -> None:
        self.evm = EVM(gas_limit=2**40)
        self.evm.set_balance(DEPLOYER, 10**24)

    def deploy(self, contract: Compiled, types: tuple[str, ...] = (), values: tuple[Any, ...] = ()) -> str:
        """Its address."""
        return str(self.evm.deploy(DEPLOYER, contract.creation + encode(types, values)))

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


def call_data(signature: str, *values: Any) -> bytes:
    """Calldata of a function by its canonical signature, such as `verify(bytes32,bytes)`."""
    types = signature[signature.index("(") + 1 : -1]
    return keccak(text=signature)[:4] + encode(_split(types), list(values))


def decode_result(types: str, data: bytes) -> Any:
    """The decoded return values: one alone, several as a tuple."""
    values = decode(_split(types), data)
    return values[0] if len(values) == 1 else values


def _split(types: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for character in types:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current] if current else parts
