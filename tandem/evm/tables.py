"""The operation table of each fork: py-evm's for what is rare, ours for what is frequent or where py-evm has a gap."""

from functools import lru_cache

from eth.vm.forks.cancun.opcodes import CANCUN_OPCODES

from tandem.evm import calls
from tandem.evm import operations as ours
from tandem.evm.analysis import Operations, Table
from tandem.evm.rules import Fork

_FROM_PY_EVM = (
    *range(0x05, 0x0C),  # SDIV, MOD, SMOD, ADDMOD, MULMOD, EXP, SIGNEXTEND
    *(0x1A, 0x1D),  # BYTE, SAR
    *(0x31, 0x32, 0x37, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F),  # BALANCE .. EXTCODEHASH
    *range(0x40, 0x4B),  # BLOCKHASH .. BLOBBASEFEE
    *(0x53, 0x5E),  # MSTORE8, MCOPY
)

_OURS = {
    0x20: (30, ours.keccak256),
    0x30: (2, ours.address),
    0x33: (2, ours.caller),
    0x34: (2, ours.call_value),
    0x35: (3, ours.call_data_load),
    0x36: (2, ours.call_data_size),
    0x38: (2, ours.code_size),
    0x39: (3, ours.code_copy),
    0x54: (0, ours.sload),
    0x55: (0, ours.sstore),
    0x58: (2, ours.program_counter),
    0x59: (2, ours.memory_size),
    0x5C: (100, ours.tload),
    0x5D: (100, ours.tstore),
    0xA0: (375, ours.log0),
    0xA1: (375, ours.log1),
    0xA2: (375, ours.log2),
    0xA3: (375, ours.log3),
    0xA4: (375, ours.log4),
    0xF0: (0, calls.create),
    0xF1: (0, calls.call),
    0xF2: (0, calls.callcode),
    0xF3: (0, ours.return_),
    0xF4: (0, calls.delegatecall),
    0xF5: (0, calls.create2),
    0xFA: (0, calls.staticcall),
    0xFD: (0, ours.revert),
    0xFF: (5000, calls.selfdestruct),
}
"""Static gas as in the yellow paper; operations with 0 charge for themselves."""


@lru_cache(maxsize=8)
def operations(fork: Fork) -> Operations:
    """The fork's ours. Cancun and Prague have the same opcodes: EIP-7702 lies in how CALL finds code."""
    assert fork.name in ("Cancun", "Prague")
    table: Table = [None] * 256
    for opcode in _FROM_PY_EVM:
        py_evm = CANCUN_OPCODES[opcode]
        table[opcode] = (py_evm.gas_cost, py_evm.logic_fn)
    for opcode, entry in _OURS.items():
        table[opcode] = entry
    return Operations(table)
