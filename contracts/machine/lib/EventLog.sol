// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {World} from "../MachineTypes.sol";
import {Structures} from "./Structures.sol";
import {TapeReader} from "./Tape.sol";

/// @title EventLog
/// @notice Logs as the world counts them (protocol reference, section 2). Twin of tandem/machine/event_log.py.
library EventLog {
    /// @notice One more log. Opens the world.
    /// @param worldHash The world's hash before.
    /// @param topicCount Topics that there are; the others are zero.
    /// @param dataHash keccak of the log's data.
    /// @return The world's hash after.
    function add(
        TapeReader memory t,
        bytes32 worldHash,
        address emitter,
        uint256 topicCount,
        uint256[4] memory topics,
        bytes32 dataHash
    ) internal pure returns (bytes32) {
        World memory world = Structures.readWorld(t, worldHash);
        bytes32 logHash =
            keccak256(abi.encode(emitter, topicCount, topics[0], topics[1], topics[2], topics[3], dataHash));
        world.logAcc = keccak256(abi.encode(world.logAcc, logHash));
        world.logCount += 1;
        return Structures.hashWorld(world);
    }
}
