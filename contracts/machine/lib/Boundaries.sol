// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Cursor, Machine, Mode} from "../MachineTypes.sol";
import {Structures} from "./Structures.sol";

/// @title Boundaries
/// @notice The machine states that an assertion begins and ends with (machine reference, section 1).
library Boundaries {
    /// @notice Where a trace begins: behind block `blockHash`, `batches` and `messages` consumed, up to `target` batches.
    function first(bytes32 blockHash, uint64 batches, uint64 target, uint64 messages) internal pure returns (bytes32) {
        return _between(Mode.BATCH, blockHash, batches, target, messages);
    }

    /// @notice Where it ends.
    function last(bytes32 blockHash, uint64 target, uint64 messages) internal pure returns (bytes32) {
        return _between(Mode.HALTED, blockHash, target, target, messages);
    }

    function _between(uint256 mode, bytes32 blockHash, uint64 batches, uint64 target, uint64 messages)
        private
        pure
        returns (bytes32)
    {
        Cursor memory cursor;
        cursor.batches = batches;
        cursor.target = target;
        cursor.messages = messages;
        Machine memory state;
        state.mode = mode;
        state.blockState = blockHash;
        state.cursor = Structures.hashCursor(cursor);
        return Structures.hashMachine(state);
    }
}
