// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDisputeGame} from "../rollup/IDisputeGame.sol";
import {IRollup} from "../rollup/IRollup.sol";
import {AssertionId} from "../rollup/RollupTypes.sol";

/// @title MockDisputeGame
/// @notice Test only: a dispute game that says what it is told to.
contract MockDisputeGame is IDisputeGame {
    mapping(AssertionId id => bool) public hasWon;

    function declare(AssertionId id) external {
        hasWon[id] = true;
    }

    function refund(IRollup rollup, address payable to, uint256 amount) external {
        rollup.refund(to, amount);
    }
}
