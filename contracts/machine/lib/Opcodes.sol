// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Opcodes
/// @notice Cancun's instructions: what each takes and leaves on the stack, and its static gas. Twin of tandem/machine/opcodes.py.
/// @dev Static gas is what is charged whatever happens; what depends on state, size or value the instruction charges.
library Opcodes {
    // A row of 16 opcodes, the first in the highest place, four hexadecimal digits each: 1 if there is such an instruction,
    // the price, the words taken, the words put.
    uint256 private constant ROW_0 = 0x10001321152113211521152115211521183118311a2115210000000000000000;
    uint256 private constant ROW_1 = 0x1321132113211321132113111321132113211311132113211321132100000000;
    uint256 private constant ROW_2 = 0x1621000000000000000000000000000000000000000000000000000000000000;
    uint256 private constant ROW_3 = 0x1201101112011201120113111201133012011330120110111040120113301011;
    uint256 private constant ROW_4 = 0x1411120112011201120112011201150112011311120100000000000000000000;
    uint256 private constant ROW_5 = 0x12101311132013201011102018101a2012011201120111001711172013301201;
    uint256 private constant ROW_F = 0x1b3110711071102010611b410000000000000000106100000000102000001910;
    /// @dev Gas by price, four digits each, price 0 in the lowest place. Prices 0, 1, 2, 3, 5, 8 and a are their own gas;
    /// 4: 20, 6: 30, 7: 100, 9: 5,000, b: 32,000.
    uint256 private constant GAS = 0x7d00000a138800080064001e000500140003000200010000;

    uint256 private constant LOG_GAS = 375;
    uint256 private constant VERY_LOW = 3;

    /// @notice What there is to know of an opcode. DUPn and SWAPn count all words that they reach.
    /// @return defined Whether Cancun has it. Where not, all else is 0.
    /// @return gas Static gas.
    /// @return pops Words taken.
    /// @return pushes Words put.
    function info(uint256 op) internal pure returns (bool defined, uint256 gas, uint256 pops, uint256 pushes) {
        unchecked {
            if (op >= 0x60 && op < 0xa0) {
                if (op < 0x80) return (true, VERY_LOW, 0, 1); // PUSH1 to PUSH32
                if (op < 0x90) return (true, VERY_LOW, op - 0x7f, op - 0x7e); // DUP1 to DUP16
                return (true, VERY_LOW, op - 0x8e, op - 0x8e); // SWAP1 to SWAP16
            }
            if (op >= 0xa0 && op < 0xa5) return (true, LOG_GAS * (op - 0x9f), op - 0x9e, 0); // LOG0 to LOG4
            // SAFETY: the digits are nibbles, so that the shifts stay inside of a word.
            uint256 digits = (_row(op >> 4) >> (16 * (15 - (op & 15)))) & 0xffff;
            gas = (GAS >> (16 * ((digits >> 8) & 15))) & 0xffff;
            return (digits >> 12 == 1, gas, (digits >> 4) & 15, digits & 15);
        }
    }

    function _row(uint256 number) private pure returns (uint256) {
        if (number == 0x5) return ROW_5;
        if (number == 0x1) return ROW_1;
        if (number == 0x0) return ROW_0;
        if (number == 0x3) return ROW_3;
        if (number == 0xf) return ROW_F;
        if (number == 0x4) return ROW_4;
        if (number == 0x2) return ROW_2;
        return 0;
    }
}
