"""Why a call failed, as a sentence in the words that wallets and libraries look for (go-ethereum's)."""

ERROR_SELECTOR = bytes.fromhex("08c379a0")
"""Error(string)."""
PANIC_SELECTOR = bytes.fromhex("4e487b71")
"""Panic(uint256)."""
PANICS = {
    0x00: "generic panic",
    0x01: "assert(false)",
    0x11: "arithmetic underflow or overflow",
    0x12: "division or modulo by zero",
    0x21: "enum overflow",
    0x22: "invalid encoded storage byte array accessed",
    0x31: "out-of-bounds array access; popping on an empty array",
    0x32: "out-of-bounds access of an array or bytesN",
    0x41: "out of memory",
    0x51: "uninitialized function",
}
"""Solidity's panic codes in geth's words."""
SENTENCES = {
    "revert": "execution reverted",
    "out_of_gas": "out of gas",
    "code_size": "max code size exceeded",
    "precompile": "precompile failed",
    "intrinsic_gas": "intrinsic gas too low",
    "insufficient_balance": "insufficient balance for transfer",
    "address_collision": "contract address collision",
    "invalid_opcode": "invalid opcode",
    "stack_underflow": "stack underflow",
    "stack_overflow": "stack limit reached 1024",
    "invalid_jump": "invalid jump destination",
    "depth": "max call depth exceeded",
    "write_protection": "write protection",
    "return_data_out_of_bounds": "return data out of bounds",
    "reserved_code": "invalid code: must not begin with 0xef",
}
"""Kinds of tandem.evm.outcome."""


def failure_sentence(kind: str | None) -> str:
    """What an exceptional halt is called."""
    return SENTENCES.get(kind or "", kind or "execution failed")


def reason(output: bytes) -> str | None:
    """What revert data says, where it is Error(string) or Panic(uint256)."""
    selector, body = output[:4], output[4:]
    if selector == PANIC_SELECTOR and len(body) >= 32:
        code = int.from_bytes(body[:32], "big")
        return PANICS.get(code, f"unknown panic code: {code:#x}")
    if selector == ERROR_SELECTOR and len(body) >= 64:
        at = int.from_bytes(body[:32], "big")
        size = int.from_bytes(body[at : at + 32], "big") if at + 32 <= len(body) else len(body)
        if at + 32 + size <= len(body):
            return body[at + 32 : at + 32 + size].decode("utf-8", "replace")
    return None


def revert_sentence(output: bytes) -> str:
    """The message of error 3."""
    why = reason(output)
    return "execution reverted" if why is None else f"execution reverted: {why}"
