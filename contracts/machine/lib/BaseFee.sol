// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title BaseFee
/// @notice EIP-1559 with a chain's elasticity, denominator and floor (protocol reference, section 2). Twin of
/// tandem/chain/fees.py.
library BaseFee {
    /// @notice Wei a gas. No one can pay it; it keeps every product of fee and gas within 256 bits.
    uint256 internal constant MAX = type(uint64).max;

    /// @notice The base fee of the block after one with this base fee, gas limit and gas used.
    function next(
        uint256 baseFee,
        uint256 gasLimit,
        uint256 gasUsed,
        uint256 elasticity,
        uint256 denominator,
        uint256 floor
    ) internal pure returns (uint256) {
        uint256 target = gasLimit / elasticity;
        if (gasUsed == target) return baseFee;
        if (gasUsed > target) {
            uint256 rise = baseFee * (gasUsed - target) / target / denominator;
            uint256 raised = baseFee + (rise == 0 ? 1 : rise);
            return raised < MAX ? raised : MAX;
        }
        uint256 lowered = baseFee - baseFee * (target - gasUsed) / target / denominator;
        return lowered > floor ? lowered : floor;
    }
}
