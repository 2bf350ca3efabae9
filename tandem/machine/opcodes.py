"""Cancun's instructions: what each takes and leaves on the stack, its static gas, and who judges it.

Twin of contracts/machine/lib/Opcodes.sol. Static gas is what is charged whatever happens; what depends on state, size
or value is charged by the instruction (yellow paper, appendix G and H, and the EIPs since).
"""

from dataclasses import dataclass

from tandem.machine.modes import Prover

C, M, E, S, X = Prover.COMPUTE, Prover.MEMORY_OPS, Prover.ENVIRONMENT, Prover.STORAGE, Prover.CALLS


@dataclass(frozen=True, slots=True)
class Opcode:
    """One instruction. `pops` words are taken and `pushes` put; DUPn and SWAPn count all that they reach."""

    number: int
    name: str
    gas: int
    pops: int
    pushes: int
    prover: Prover


_TABLE = """
00 STOP 0 0 0 C
01 ADD 3 2 1 C
02 MUL 5 2 1 C
03 SUB 3 2 1 C
04 DIV 5 2 1 C
05 SDIV 5 2 1 C
06 MOD 5 2 1 C
07 SMOD 5 2 1 C
08 ADDMOD 8 3 1 C
09 MULMOD 8 3 1 C
0a EXP 10 2 1 C
0b SIGNEXTEND 5 2 1 C
10 LT 3 2 1 C
11 GT 3 2 1 C
12 SLT 3 2 1 C
13 SGT 3 2 1 C
14 EQ 3 2 1 C
15 ISZERO 3 1 1 C
16 AND 3 2 1 C
17 OR 3 2 1 C
18 XOR 3 2 1 C
19 NOT 3 1 1 C
1a BYTE 3 2 1 C
1b SHL 3 2 1 C
1c SHR 3 2 1 C
1d SAR 3 2 1 C
20 KECCAK256 30 2 1 M
30 ADDRESS 2 0 1 C
31 BALANCE 0 1 1 E
32 ORIGIN 2 0 1 E
33 CALLER 2 0 1 C
34 CALLVALUE 2 0 1 C
35 CALLDATALOAD 3 1 1 M
36 CALLDATASIZE 2 0 1 C
37 CALLDATACOPY 3 3 0 M
38 CODESIZE 2 0 1 C
39 CODECOPY 3 3 0 M
3a GASPRICE 2 0 1 E
3b EXTCODESIZE 0 1 1 E
3c EXTCODECOPY 0 4 0 E
3d RETURNDATASIZE 2 0 1 C
3e RETURNDATACOPY 3 3 0 M
3f EXTCODEHASH 0 1 1 E
40 BLOCKHASH 20 1 1 E
41 COINBASE 2 0 1 E
42 TIMESTAMP 2 0 1 E
43 NUMBER 2 0 1 E
44 PREVRANDAO 2 0 1 E
45 GASLIMIT 2 0 1 E
46 CHAINID 2 0 1 E
47 SELFBALANCE 5 0 1 E
48 BASEFEE 2 0 1 E
49 BLOBHASH 3 1 1 E
4a BLOBBASEFEE 2 0 1 E
50 POP 2 1 0 C
51 MLOAD 3 1 1 M
52 MSTORE 3 2 0 M
53 MSTORE8 3 2 0 M
54 SLOAD 0 1 1 S
55 SSTORE 0 2 0 S
56 JUMP 8 1 0 C
57 JUMPI 10 2 0 C
58 PC 2 0 1 C
59 MSIZE 2 0 1 C
5a GAS 2 0 1 C
5b JUMPDEST 1 0 0 C
5c TLOAD 100 1 1 S
5d TSTORE 100 2 0 S
5e MCOPY 3 3 0 M
5f PUSH0 2 0 1 C
a0 LOG0 375 2 0 M
a1 LOG1 750 3 0 M
a2 LOG2 1125 4 0 M
a3 LOG3 1500 5 0 M
a4 LOG4 1875 6 0 M
f0 CREATE 32000 3 1 X
f1 CALL 0 7 1 X
f2 CALLCODE 0 7 1 X
f3 RETURN 0 2 0 M
f4 DELEGATECALL 0 6 1 X
f5 CREATE2 32000 4 1 X
fa STATICCALL 0 6 1 X
fd REVERT 0 2 0 M
ff SELFDESTRUCT 5000 1 0 X
"""
"""Number, name, static gas, pops, pushes, prover; PUSH1 to SWAP16 follow from their numbers."""


def _opcodes() -> tuple[Opcode | None, ...]:
    table: list[Opcode | None] = [None] * 256
    provers = {"C": C, "M": M, "E": E, "S": S, "X": X}
    for line in _TABLE.split("\n"):
        if line:
            number, name, gas, pops, pushes, prover = line.split()
            table[int(number, 16)] = Opcode(int(number, 16), name, int(gas), int(pops), int(pushes), provers[prover])
    for n in range(1, 33):
        table[0x5F + n] = Opcode(0x5F + n, f"PUSH{n}", 3, 0, 1, C)
    for n in range(1, 17):
        table[0x7F + n] = Opcode(0x7F + n, f"DUP{n}", 3, n, n + 1, C)
        table[0x8F + n] = Opcode(0x8F + n, f"SWAP{n}", 3, n + 1, n + 1, C)
    return tuple(table)


OPCODES = _opcodes()
"""By number; None where Cancun has no such instruction (0xfe, INVALID, among them)."""
