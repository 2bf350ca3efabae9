// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {WrongOpening, WrongPreState} from "../MachineErrors.sol";
import {
    Account,
    BlockState,
    CallMessage,
    Check,
    CopyJob,
    CreateMessage,
    Cursor,
    End,
    Exit,
    Frame,
    HashJob,
    Header,
    Machine,
    Precompile,
    Scan,
    Transaction,
    Warm,
    World
} from "../MachineTypes.sol";
import {Tape, TapeReader} from "./Tape.sol";

/// @title Structures
/// @notice Opens the structures of a machine state from a tape, and hashes them. Twin of tandem/machine/structures.py.
/// @dev A structure of value types lies in memory as its words, one after the other: that is what is hashed.
library Structures {
    /// @notice Opens the machine. WrongPreState unless it is the one with this hash.
    function readMachine(TapeReader memory t, bytes32 preHash) internal pure returns (Machine memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        if (_copy(t, at, 7) != preHash) revert WrongPreState();
    }

    /// @notice The machine's hash.
    function hashMachine(Machine memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0xe0)
        }
    }

    /// @notice Opens the world. WrongOpening unless it has this hash.
    function readWorld(TapeReader memory t, bytes32 expected) internal pure returns (World memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 7, expected);
    }

    /// @notice Hash of the world.
    function hashWorld(World memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0xe0)
        }
    }

    /// @notice Opens a frame. WrongOpening unless it has this hash.
    function readFrame(TapeReader memory t, bytes32 expected) internal pure returns (Frame memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 24, expected);
    }

    /// @notice Hash of a frame.
    function hashFrame(Frame memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0x300)
        }
    }

    /// @notice Opens the transaction. WrongOpening unless it has this hash.
    function readTransaction(TapeReader memory t, bytes32 expected) internal pure returns (Transaction memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 14, expected);
    }

    /// @notice Hash of the transaction.
    function hashTransaction(Transaction memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0x1c0)
        }
    }

    /// @notice Opens the block in the making. WrongOpening unless it has this hash.
    function readBlockState(TapeReader memory t, bytes32 expected) internal pure returns (BlockState memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 21, expected);
    }

    /// @notice Hash of the block in the making.
    function hashBlockState(BlockState memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0x2a0)
        }
    }

    /// @notice Opens a block's header. WrongOpening unless it has this hash.
    function readHeader(TapeReader memory t, bytes32 expected) internal pure returns (Header memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 17, expected);
    }

    /// @notice Hash of a block's header.
    function hashHeader(Header memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0x220)
        }
    }

    /// @notice Opens the cursor. WrongOpening unless it has this hash.
    function readCursor(TapeReader memory t, bytes32 expected) internal pure returns (Cursor memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 10, expected);
    }

    /// @notice Hash of the cursor.
    function hashCursor(Cursor memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0x140)
        }
    }

    /// @notice Opens the aux structure Check. WrongOpening unless it has this hash.
    function readCheck(TapeReader memory t, bytes32 expected) internal pure returns (Check memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 1, expected);
    }

    /// @notice Hash of the aux structure Check.
    function hashCheck(Check memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0x20)
        }
    }

    /// @notice Opens the aux structure Scan. WrongOpening unless it has this hash.
    function readScan(TapeReader memory t, bytes32 expected) internal pure returns (Scan memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 3, expected);
    }

    /// @notice Hash of the aux structure Scan.
    function hashScan(Scan memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0x60)
        }
    }

    /// @notice Opens the aux structure Warm. WrongOpening unless it has this hash.
    function readWarm(TapeReader memory t, bytes32 expected) internal pure returns (Warm memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 5, expected);
    }

    /// @notice Hash of the aux structure Warm.
    function hashWarm(Warm memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0xa0)
        }
    }

    /// @notice Opens the aux structure CallMessage. WrongOpening unless it has this hash.
    function readCallMessage(TapeReader memory t, bytes32 expected) internal pure returns (CallMessage memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 12, expected);
    }

    /// @notice Hash of the aux structure CallMessage.
    function hashCallMessage(CallMessage memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0x180)
        }
    }

    /// @notice Opens the aux structure CreateMessage. WrongOpening unless it has this hash.
    function readCreateMessage(TapeReader memory t, bytes32 expected) internal pure returns (CreateMessage memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 9, expected);
    }

    /// @notice Hash of the aux structure CreateMessage.
    function hashCreateMessage(CreateMessage memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0x120)
        }
    }

    /// @notice Opens the aux structure CopyJob. WrongOpening unless it has this hash.
    function readCopyJob(TapeReader memory t, bytes32 expected) internal pure returns (CopyJob memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 6, expected);
    }

    /// @notice Hash of the aux structure CopyJob.
    function hashCopyJob(CopyJob memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0xc0)
        }
    }

    /// @notice Opens the aux structure HashJob. WrongOpening unless it has this hash.
    function readHashJob(TapeReader memory t, bytes32 expected) internal pure returns (HashJob memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 15, expected);
    }

    /// @notice Hash of the aux structure HashJob.
    function hashHashJob(HashJob memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0x1e0)
        }
    }

    /// @notice Opens the aux structure Precompile. WrongOpening unless it has this hash.
    function readPrecompile(TapeReader memory t, bytes32 expected) internal pure returns (Precompile memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 1, expected);
    }

    /// @notice Hash of the aux structure Precompile.
    function hashPrecompile(Precompile memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0x20)
        }
    }

    /// @notice Opens the aux structure Exit. WrongOpening unless it has this hash.
    function readExit(TapeReader memory t, bytes32 expected) internal pure returns (Exit memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 4, expected);
    }

    /// @notice Hash of the aux structure Exit.
    function hashExit(Exit memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0x80)
        }
    }

    /// @notice Opens the aux structure End. WrongOpening unless it has this hash.
    function readEnd(TapeReader memory t, bytes32 expected) internal pure returns (End memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 2, expected);
    }

    /// @notice Hash of the aux structure End.
    function hashEnd(End memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0x40)
        }
    }

    /// @notice Opens an account's record. WrongOpening unless it has this hash.
    function readAccount(TapeReader memory t, bytes32 expected) internal pure returns (Account memory x) {
        uint256 at;
        assembly ("memory-safe") {
            at := x
        }
        _read(t, at, 6, expected);
    }

    /// @notice Hash of an account's record.
    function hashAccount(Account memory x) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(x, 0xc0)
        }
    }

    /// @dev Copies `count` words of the tape to memory allocated at `at`. WrongOpening unless they hash to `expected`.
    function _read(TapeReader memory t, uint256 at, uint256 count, bytes32 expected) private pure {
        if (_copy(t, at, count) != expected) revert WrongOpening();
    }

    /// @dev Copies `count` words of the tape to memory allocated at `at`. Gives their hash.
    function _copy(TapeReader memory t, uint256 at, uint256 count) private pure returns (bytes32 result) {
        uint256 position = Tape.take(t, count * 32);
        assembly ("memory-safe") {
            calldatacopy(at, position, shl(5, count))
            result := keccak256(at, shl(5, count))
        }
    }
}
