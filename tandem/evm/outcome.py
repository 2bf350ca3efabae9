"""Why a frame failed, as a word: for receipts, traces and JSON-RPC. Consensus knows only success, revert and halt."""

from eth.exceptions import (
    ContractCreationCollision,
    FullStack,
    InsufficientFunds,
    InsufficientStack,
    InvalidInstruction,
    InvalidJumpDestination,
    OutOfBoundsRead,
    OutOfGas,
    ReservedBytesInCode,
    Revert,
    StackDepthLimit,
    VMError,
    WriteProtection,
)

REVERT = "revert"
OUT_OF_GAS = "out_of_gas"
CODE_SIZE = "code_size"
PRECOMPILE = "precompile"
INTRINSIC_GAS = "intrinsic_gas"
INSUFFICIENT_BALANCE = "insufficient_balance"
ADDRESS_COLLISION = "address_collision"
INVALID_OPCODE = "invalid_opcode"


class CodeTooLarge(OutOfGas):  # type: ignore[misc]
    """EIP-170, EIP-3860: deployed code above 24,576 bytes, or init code above twice that."""


class PrecompileFailure(VMError):  # type: ignore[misc]
    """A precompile refused its input, or the input is above the chain's cap."""


_KINDS: dict[type[Exception], str] = {
    Revert: REVERT,
    OutOfGas: OUT_OF_GAS,
    CodeTooLarge: CODE_SIZE,
    PrecompileFailure: PRECOMPILE,
    InsufficientStack: "stack_underflow",
    FullStack: "stack_overflow",
    InvalidInstruction: INVALID_OPCODE,
    InvalidJumpDestination: "invalid_jump",
    InsufficientFunds: INSUFFICIENT_BALANCE,
    StackDepthLimit: "depth",
    ContractCreationCollision: ADDRESS_COLLISION,
    WriteProtection: "write_protection",
    OutOfBoundsRead: "return_data_out_of_bounds",
    ReservedBytesInCode: "reserved_code",
}


def kind(error: Exception) -> str:
    """The word for an exceptional halt."""
    return _KINDS.get(type(error), PRECOMPILE)
