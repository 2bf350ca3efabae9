// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BatchLocation, L1Context} from "./InboxTypes.sol";

/// @title IInbox
/// @notice What L2 is made of: a queue of messages and a queue of batches. L2's state is a pure function of the two. Both are hash
/// accumulators with every value kept, so that any entry can be proved later by its index and two neighbouring accumulators.
/// No one can stop a message: the sequencer must take it in before it is older than the force-inclusion delay, else anyone can.
interface IInbox {
    /// @notice A message was queued.
    /// @param index Its index, from 0.
    /// @param context L1's state as the message records it.
    /// @param acc The accumulator after it, messageAcc(index + 1): also the source hash of its L2 transaction.
    event MessageSent(
        uint64 indexed index,
        address indexed sender,
        address indexed to,
        bool isCreation,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bytes data,
        L1Context context,
        bytes32 acc
    );

    /// @notice A batch was queued. Data in calldata is that of the transaction that emits this.
    /// @param index Its index, from 0.
    /// @param location Where its data is: 0 none (forced), 1 calldata.
    /// @param dataHash keccak of the data; zero for a forced batch.
    /// @param messagesConsumed Messages consumed from genesis to the end of this batch.
    /// @param acc The accumulator after it, batchAcc(index + 1).
    event BatchAppended(
        uint64 indexed index,
        BatchLocation location,
        bytes32 dataHash,
        uint64 messagesConsumed,
        L1Context context,
        bytes32 acc
    );

    /// @notice Thrown when anyone but the bridge calls `enqueue`.
    error OnlyBridge();
    /// @notice Thrown when a batch does not come straight from the sequencer's key: another sender, or through code.
    error OnlySequencer();
    /// @notice Thrown when a message's gas limit does not cover its intrinsic gas.
    error GasLimitTooLow(uint256 minimum);
    /// @notice Thrown when a message's gas limit is above what one L2 transaction may use.
    error GasLimitTooHigh(uint256 maximum);
    /// @notice Thrown when a message's data is too long (init code has its own, lower bound: EIP-3860).
    error MessageTooLarge(uint256 maximum);
    /// @notice Thrown when a creation names a callee.
    error CreationWithCallee();
    /// @notice Thrown when a batch's data is too long.
    error BatchTooLarge(uint256 maximum);
    /// @notice Thrown when a batch's calldata is not ABI-encoded in the one usual way, which nodes rely on.
    error NonCanonicalCalldata();
    /// @notice Thrown when a batch would give messages back.
    error MessagesFall(uint64 consumed);
    /// @notice Thrown when a batch would consume messages that are not queued.
    error MessagesUnknown(uint64 queued);
    /// @notice Thrown when a batch would consume too many messages at once.
    error TooManyMessages(uint64 maximum);
    /// @notice Thrown when a batch leaves out a message that is older than the force-inclusion delay.
    error OverdueMessageSkipped(uint64 index);
    /// @notice Thrown when no message is older than the force-inclusion delay.
    error NothingOverdue();
    /// @notice Thrown when an index is beyond the queue.
    error IndexOutOfRange();

    /// @notice Queues a call from the caller (aliased if a contract) that transfers nothing.
    /// @param to Callee on L2.
    /// @param gasLimit L2 gas; a thirty-second part of it is burnt as L1 gas.
    /// @return index The message's index.
    function sendMessage(address to, uint64 gasLimit, bytes calldata data) external returns (uint64 index);

    /// @notice Queues a transaction from the caller (aliased if a contract) that spends its own L2 balance. Nothing is minted.
    /// @param to Callee on L2; zero for a creation.
    /// @param value Wei to transfer on L2. Where the balance is short, the transaction fails there.
    /// @return index The message's index.
    function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes calldata data)
        external
        returns (uint64 index);

    /// @notice Queues a deposit that mints. Only the bridge, which holds the wei minted.
    /// @param sender Sender on L2, already aliased where it must be.
    /// @return index The message's index.
    function enqueue(
        address sender,
        address to,
        bool isCreation,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bytes calldata data
    ) external returns (uint64 index);

    /// @notice Queues a batch. Only the sequencer, by a transaction of its own to this contract.
    /// @param data The batch (protocol reference, section 5). Not judged here: what cannot be decoded is an empty batch.
    /// @param messagesConsumed Messages consumed from genesis to the end of this batch.
    function submitBatch(bytes calldata data, uint64 messagesConsumed) external;

    /// @notice Queues a batch without data that consumes every message older than the delay (up to the cap). Anyone.
    function forceInclude() external;

    /// @notice The accumulator of the first `count` messages.
    function messageAcc(uint64 count) external view returns (bytes32);

    /// @notice The accumulator of the first `count` batches.
    function batchAcc(uint64 count) external view returns (bytes32);

    /// @notice When message `index` was queued.
    function messageTimestamp(uint64 index) external view returns (uint64);

    /// @notice Messages consumed by the first `count` batches.
    function messagesConsumedBy(uint64 count) external view returns (uint64);

    /// @notice Messages queued.
    function messageCount() external view returns (uint64);

    /// @notice Batches queued.
    function batchCount() external view returns (uint64);

    /// @notice Messages consumed by all batches so far.
    function messagesConsumed() external view returns (uint64);

    /// @notice The oldest message not consumed is older than the delay: `forceInclude` would succeed.
    function isOverdue() external view returns (bool);

    /// @notice The only caller of `enqueue`.
    function bridge() external view returns (address);

    /// @notice The only sender of batches with data.
    function sequencer() external view returns (address);

    /// @notice Seconds after which a message must be taken in.
    function forceInclusionDelay() external view returns (uint64);
}
