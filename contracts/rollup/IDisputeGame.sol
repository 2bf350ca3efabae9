// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AssertionId} from "./RollupTypes.sol";

/// @title IDisputeGame
/// @notice What decides between rival assertions.
interface IDisputeGame {
    /// @notice Whether this assertion has won against its rivals. Once true, never false, and true for one child of a parent only.
    function hasWon(AssertionId id) external view returns (bool);
}
