// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What L2 learns of L1, taken when a message or batch is queued. The block itself has no hash yet, so its parent is named.
/// @param number The parent's number, block.number - 1.
/// @param hash The parent's hash.
/// @param timestamp Time of the block that queues the entry.
/// @param baseFee Base fee of the block that queues the entry, wei.
struct L1Context {
    uint64 number;
    bytes32 hash;
    uint64 timestamp;
    uint256 baseFee;
}

/// @notice A message from L1 to L2: a deposit or a forced transaction.
/// @param sender Sender on L2 (a contract's address is aliased).
/// @param to Callee on L2; zero for a creation.
/// @param isCreation Whether `data` is init code.
/// @param mint Wei added to the sender's L2 balance, whatever becomes of the call.
/// @param value Wei that the call transfers.
/// @param gasLimit L2 gas.
/// @param data Call data or init code.
struct Message {
    address sender;
    address to;
    bool isCreation;
    uint256 mint;
    uint256 value;
    uint64 gasLimit;
    bytes data;
}

/// @notice Where a batch's data is.
enum BatchLocation {
    None, // a forced batch has none
    Calldata // dataHash is the keccak of the data
}

/// @title InboxHashing
/// @notice Hashes of the inbox's entries (protocol reference, section 4).
library InboxHashing {
    struct MessagePreimage {
        address sender;
        address to;
        bool isCreation;
        uint256 mint;
        uint256 value;
        uint64 gasLimit;
        bytes32 dataHash;
        L1Context context;
    }

    /// @notice keccak(abi.encode(sender, to, isCreation, mint, value, gasLimit, keccak(data), number, hash, timestamp, baseFee)).
    function hashMessage(Message memory message, L1Context memory context) internal pure returns (bytes32) {
        // A struct of static members encodes as its members do in a row; it also keeps the stack shallow.
        MessagePreimage memory preimage = MessagePreimage({
            sender: message.sender,
            to: message.to,
            isCreation: message.isCreation,
            mint: message.mint,
            value: message.value,
            gasLimit: message.gasLimit,
            dataHash: keccak256(message.data),
            context: context
        });
        return keccak256(abi.encode(preimage));
    }

    /// @notice keccak(abi.encode(location, dataHash, messagesConsumed, number, hash, timestamp, baseFee)).
    function hashBatch(
        BatchLocation location,
        bytes32 dataHash,
        uint64 messagesConsumed,
        L1Context memory context
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(location, dataHash, messagesConsumed, context));
    }

    /// @notice An accumulator after one more entry.
    function accumulate(bytes32 acc, bytes32 entryHash) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            mstore(0x00, acc)
            mstore(0x20, entryHash)
            result := keccak256(0x00, 0x40)
        }
    }
}
