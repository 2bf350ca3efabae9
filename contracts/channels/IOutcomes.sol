// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title IOutcomes
/// @notice How application sessions have ended, for locks that depend on it.
interface IOutcomes {
    /// @notice What a player gets of a session that has ended, wei or a token's units; zero before.
    /// @param ref keccak(abi.encode(sessionId, player)).
    function payoutOf(bytes32 ref) external view returns (uint128);
}
