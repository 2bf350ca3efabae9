"""The operation table of each fork: py-evm's for what is rare, ours for what is frequent or where py-evm has a gap."""

from functools import lru_cache

from eth.vm.forks.cancun.opcodes import CANCUN_OPCODES

from tandem.evm import calls, operations
from tandem.evm.interpreter import Table
from tandem.evm.rules import Fork

_FROM_PY_EVM = (
    *range(0x05, 0x0C),  # SDIV, MOD, SMOD, ADDMOD, MULMOD, EXP, SIGNEXTEND
    *(0x1A, 0x1D),  # BYTE, SAR
    *(0x31, 0x32, 0x37, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F),  # BALANCE .. EXTCODEHASH
    *range(0x40, 0x4B),  # BLOCKHASH .. BLOBBASEFEE
    *(0x53, 0x5E),  # MSTORE8, MCOPY
)

_OURS = {
    0x20: (30, operations.keccak256),
    0x30: (2, operations.address),
    0x33: (2, operations.caller),
    0x34: (2, operations.call_value),
    0x35: (3, operations.call_data_load),
    0x36: (2, operations.call_data_size),
    0x38: (2, operations.code_size),
    0x39: (3, operations.code_copy),
    0x54: (0, operations.sload),
    0x55: (0, operations.sstore),
    0x58: (2, operations.program_counter),
    0x59: (2, operations.memory_size),
    0x5C: (100, operations.tload),
    0x5D: (100, operations.tstore),
    0xA0: (375, operations.log0),
    0xA1: (375, operations.log1),
    0xA2: (375, operations.log2),
    0xA3: (375, operations.log3),
    0xA4: (375, operations.log4),
    0xF0: (0, calls.create),
    0xF1: (0, calls.call),
    0xF2: (0, calls.callcode),
    0xF3: (0, operations.return_),
    0xF4: (0, calls.delegatecall),
    0xF5: (0, calls.create2),
    0xFA: (0, calls.staticcall),
    0xFD: (0, operations.revert),
    0xFF: (5000, calls.selfdestruct),
}
"""Static gas as in the yellow paper; operations with 0 charge for themselves."""


@lru_cache(maxsize=8)
def table(fork: Fork) -> Table:
    """The fork's table. Cancun and Prague have the same opcodes: EIP-7702 lies in how CALL finds code."""
    assert fork.name in ("Cancun", "Prague")
    operations_by_opcode: Table = [None] * 256
    for opcode in _FROM_PY_EVM:
        py_evm = CANCUN_OPCODES[opcode]
        operations_by_opcode[opcode] = (py_evm.gas_cost, py_evm.logic_fn)
    for opcode, entry in _OURS.items():
        operations_by_opcode[opcode] = entry
    return operations_by_opcode
