"""Names of the instructions, as traces show them."""

NAMES: dict[int, str] = {
    **dict(enumerate(["STOP", "ADD", "MUL", "SUB", "DIV", "SDIV", "MOD", "SMOD", "ADDMOD", "MULMOD", "EXP", "SIGNEXTEND"])),
    **dict(enumerate(["LT", "GT", "SLT", "SGT", "EQ", "ISZERO", "AND", "OR", "XOR", "NOT", "BYTE", "SHL", "SHR", "SAR"], 0x10)),
    0x20: "KECCAK256",
    **dict(
        enumerate(
            ["ADDRESS", "BALANCE", "ORIGIN", "CALLER", "CALLVALUE", "CALLDATALOAD", "CALLDATASIZE", "CALLDATACOPY", "CODESIZE", "CODECOPY", "GASPRICE", "EXTCODESIZE", "EXTCODECOPY", "RETURNDATASIZE", "RETURNDATACOPY", "EXTCODEHASH"],
            0x30,
        )
    ),
    **dict(
        enumerate(
            ["BLOCKHASH", "COINBASE", "TIMESTAMP", "NUMBER", "PREVRANDAO", "GASLIMIT", "CHAINID", "SELFBALANCE", "BASEFEE", "BLOBHASH", "BLOBBASEFEE"],
            0x40,
        )
    ),
    **dict(
        enumerate(
            ["POP", "MLOAD", "MSTORE", "MSTORE8", "SLOAD", "SSTORE", "JUMP", "JUMPI", "PC", "MSIZE", "GAS", "JUMPDEST", "TLOAD", "TSTORE", "MCOPY", "PUSH0"],
            0x50,
        )
    ),
    **{0x5F + size: f"PUSH{size}" for size in range(1, 33)},
    **{0x7F + place: f"DUP{place}" for place in range(1, 17)},
    **{0x8F + place: f"SWAP{place}" for place in range(1, 17)},
    **{0xA0 + count: f"LOG{count}" for count in range(5)},
    0xF0: "CREATE",
    0xF1: "CALL",
    0xF2: "CALLCODE",
    0xF3: "RETURN",
    0xF4: "DELEGATECALL",
    0xF5: "CREATE2",
    0xFA: "STATICCALL",
    0xFD: "REVERT",
    0xFE: "INVALID",
    0xFF: "SELFDESTRUCT",
}
