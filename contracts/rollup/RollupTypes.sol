// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice Names an assertion by everything it claims, so that no L1 re-org can make a name mean something else.
type AssertionId is bytes32;

using {equalAssertionIds as ==, differentAssertionIds as !=} for AssertionId global;

// slither-disable-next-line dead-code
function equalAssertionIds(AssertionId a, AssertionId b) pure returns (bool) {
    return AssertionId.unwrap(a) == AssertionId.unwrap(b);
}

function differentAssertionIds(AssertionId a, AssertionId b) pure returns (bool) {
    return AssertionId.unwrap(a) != AssertionId.unwrap(b);
}

/// @notice The chain's state after some batches.
/// @param blockHash Hash of the last L2 block.
/// @param stateRoot Its account tree.
/// @param withdrawalRoot The message passer's storage tree in it.
/// @param batches Batches consumed from genesis.
/// @param messages Messages consumed from genesis.
struct State {
    bytes32 blockHash;
    bytes32 stateRoot;
    bytes32 withdrawalRoot;
    uint64 batches;
    uint64 messages;
}

/// @notice All that an assertion's id commits to.
/// @param parentId The assertion whose state it goes on from.
/// @param state The state it ends in.
/// @param traceRoot Root of the perfect binary tree over its level-0 machine states.
/// @param inboxAcc The inbox's batch accumulator after state.batches.
struct AssertionOpening {
    AssertionId parentId;
    State state;
    bytes32 traceRoot;
    bytes32 inboxAcc;
}

/// @notice An account's record in the account tree.
struct Account {
    uint256 nonce;
    uint256 balance;
    bytes32 codeHash;
    bytes32 codeRoot;
    uint256 codeSize;
    bytes32 storageRoot;
}

/// @title RollupHashing
/// @notice Hashes of what assertions speak of (protocol reference, sections 1, 2 and 7).
library RollupHashing {
    /// @notice keccak(abi.encode(State)).
    function hash(State calldata state) internal pure returns (bytes32) {
        return keccak256(abi.encode(state));
    }

    /// @notice keccak(abi.encode(parentId, stateHash, traceRoot, inboxAcc)).
    function id(AssertionOpening calldata opening) internal pure returns (AssertionId) {
        return assertionId(opening.parentId, hash(opening.state), opening.traceRoot, opening.inboxAcc);
    }

    /// @notice The same, from the hash of the state.
    function assertionId(AssertionId parentId, bytes32 stateHash, bytes32 traceRoot, bytes32 inboxAcc)
        internal
        pure
        returns (AssertionId)
    {
        return AssertionId.wrap(keccak256(abi.encode(parentId, stateHash, traceRoot, inboxAcc)));
    }

    /// @notice Value of an account in the account tree.
    function hash(Account calldata account) internal pure returns (bytes32) {
        return keccak256(abi.encode(account));
    }
}

/// @title Header
/// @notice An L2 block header: 17 words in the order of the protocol reference, section 2.
library Header {
    uint256 internal constant WORDS = 17;
    uint256 internal constant STATE_ROOT = 3;
    uint256 internal constant MESSAGES_CONSUMED = 15;

    /// @notice The block hash.
    function hash(bytes32[17] calldata words) internal pure returns (bytes32) {
        return keccak256(abi.encode(words));
    }

    function stateRoot(bytes32[17] calldata words) internal pure returns (bytes32) {
        return words[STATE_ROOT];
    }

    function messagesConsumed(bytes32[17] calldata words) internal pure returns (uint256) {
        return uint256(words[MESSAGES_CONSUMED]);
    }
}
