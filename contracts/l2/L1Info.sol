// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Predeploys} from "../lib/Predeploys.sol";
import {IL1Info} from "./IL1Info.sol";

/// @title L1Info
/// @notice See IL1Info.
/// @dev Predeploy without constructor. Storage: slot 0 `number` (low 8 bytes) and `timestamp` (next 8), slot 1 `hash`,
/// slot 2 `baseFee`.
contract L1Info is IL1Info {
    /// @inheritdoc IL1Info
    uint64 public number;
    /// @inheritdoc IL1Info
    uint64 public timestamp;
    /// @inheritdoc IL1Info
    bytes32 public hash;
    /// @inheritdoc IL1Info
    uint256 public baseFee;

    /// @inheritdoc IL1Info
    function setOrigin(uint64 number_, bytes32 hash_, uint64 timestamp_, uint256 baseFee_) external {
        if (msg.sender != Predeploys.SYSTEM_SENDER) revert OnlySystem();
        number = number_;
        timestamp = timestamp_;
        hash = hash_;
        baseFee = baseFee_;
        emit OriginSet(number_, hash_, timestamp_, baseFee_);
    }
}
