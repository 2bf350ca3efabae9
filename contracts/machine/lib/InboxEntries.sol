// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInbox} from "../../inbox/IInbox.sol";
import {InboxHashing} from "../../inbox/InboxTypes.sol";
import {WrongOpening} from "../MachineErrors.sol";
import {Tape, TapeReader} from "./Tape.sol";

/// @notice A batch as the inbox records it (protocol reference, section 4), each field a word.
struct BatchEntry {
    uint256 location;
    bytes32 dataHash;
    uint256 messagesConsumed;
    uint256 contextNumber;
    bytes32 contextHash;
    uint256 contextTimestamp;
    uint256 contextBaseFee;
}

/// @notice A message as the inbox hashes it (protocol reference, section 4), each field a word.
struct MessageHead {
    address sender;
    address to;
    uint256 isCreation;
    uint256 mint;
    uint256 value;
    uint256 gasLimit;
    bytes32 dataHash;
    uint256 contextNumber;
    bytes32 contextHash;
    uint256 contextTimestamp;
    uint256 contextBaseFee;
}

/// @title InboxEntries
/// @notice Reads entries of the inbox's queues from a tape, and checks them against the inbox. Twin of tandem/inbox/queues.py.
library InboxEntries {
    uint256 private constant BATCH_WORDS = 7;
    uint256 private constant MESSAGE_WORDS = 11;

    /// @notice The index is not one of the inbox's.
    error NoSuchEntry();

    /// @notice Opens batch `index`. WrongOpening unless it is the one that the inbox has there.
    function readBatch(TapeReader memory t, IInbox inbox, uint256 index) internal view returns (BatchEntry memory entry) {
        uint256 at;
        assembly ("memory-safe") {
            at := entry
        }
        bytes32 entryHash = _copy(t, at, BATCH_WORDS);
        uint64 count = _count(index);
        if (InboxHashing.accumulate(inbox.batchAcc(count), entryHash) != inbox.batchAcc(count + 1)) revert WrongOpening();
    }

    /// @notice Opens message `index`. WrongOpening unless it is the one that the inbox has there.
    /// @return head The message.
    /// @return acc The queue's accumulator after it.
    function readMessage(TapeReader memory t, IInbox inbox, uint256 index)
        internal
        view
        returns (MessageHead memory head, bytes32 acc)
    {
        uint256 at;
        assembly ("memory-safe") {
            at := head
        }
        bytes32 messageHash = _copy(t, at, MESSAGE_WORDS);
        uint64 count = _count(index);
        acc = inbox.messageAcc(count + 1);
        if (InboxHashing.accumulate(inbox.messageAcc(count), messageHash) != acc) revert WrongOpening();
    }

    /// @dev Copies `count` words of the tape to memory allocated at `at`. Gives their hash.
    function _copy(TapeReader memory t, uint256 at, uint256 count) private pure returns (bytes32 result) {
        uint256 position = Tape.take(t, count * 32);
        assembly ("memory-safe") {
            calldatacopy(at, position, shl(5, count))
            result := keccak256(at, shl(5, count))
        }
    }

    /// @dev Entries before entry `index`.
    function _count(uint256 index) private pure returns (uint64) {
        if (index >= type(uint64).max) revert NoSuchEntry();
        return uint64(index);
    }
}
