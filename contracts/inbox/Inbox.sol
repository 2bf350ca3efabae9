// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AddressAliasing} from "../lib/AddressAliasing.sol";
import {GasBurner} from "../lib/GasBurner.sol";
import {Predeploys} from "../lib/Predeploys.sol";
import {IL1Info} from "../l2/IL1Info.sol";
import {IInbox} from "./IInbox.sol";
import {BatchLocation, InboxHashing, L1Context, Message} from "./InboxTypes.sol";

/// @title Inbox
/// @notice See IInbox.
contract Inbox is IInbox {
    /// @dev Both queues' ends, in one slot.
    struct Counters {
        uint64 messages;
        uint64 batches;
        uint64 consumed;
    }

    /// @notice Most messages that one batch consumes: bounds what one batch can cost L2 and its judges.
    uint64 public constant MAX_MESSAGES_PER_BATCH = 1024;
    /// @notice Longest data of a message, bytes.
    uint256 public constant MAX_MESSAGE_DATA = 65_536;
    /// @notice Longest init code, bytes (EIP-3860).
    uint256 public constant MAX_INIT_CODE = 49_152;
    /// @notice Longest data of a batch in calldata, bytes.
    uint256 public constant MAX_BATCH_DATA = 98_304;
    /// @notice Most gas of one L2 transaction (EIP-7825).
    uint64 public constant MAX_GAS_LIMIT = 1 << 24;
    /// @notice L2 gas of a system message.
    uint64 public constant SYSTEM_GAS_LIMIT = 200_000;
    /// @notice L2 gas that a unit of burnt L1 gas buys.
    uint64 public constant L2_GAS_PER_L1_GAS = 32;

    uint256 private constant TIMES_PER_SLOT = 6;
    uint256 private constant CONSUMED_PER_SLOT = 4;
    /// @dev Where `submitBatch`'s data begins in canonical calldata: selector, offset, messagesConsumed, length.
    uint256 private constant CANONICAL_DATA_OFFSET = 4 + 3 * 32;

    /// @inheritdoc IInbox
    address public immutable bridge;
    /// @inheritdoc IInbox
    address public immutable sequencer;
    /// @inheritdoc IInbox
    uint64 public immutable forceInclusionDelay;

    Counters private _counters;
    mapping(uint64 count => bytes32) private _messageAccs;
    mapping(uint64 count => bytes32) private _batchAccs;
    /// @dev Deadlines need each message's time; six share a slot, a sixth of the cost of a slot each.
    mapping(uint256 group => uint40[TIMES_PER_SLOT]) private _messageTimes;
    mapping(uint256 group => uint64[CONSUMED_PER_SLOT]) private _consumedBy;

    constructor(address bridge_, address sequencer_, uint64 forceInclusionDelay_) {
        bridge = bridge_;
        sequencer = sequencer_;
        forceInclusionDelay = forceInclusionDelay_;
    }

    /// @inheritdoc IInbox
    function sendMessage(address to, uint64 gasLimit, bytes calldata data) external returns (uint64) {
        return _sendUserMessage(Message(AddressAliasing.l2Sender(), to, false, 0, 0, gasLimit, data));
    }

    /// @inheritdoc IInbox
    function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes calldata data)
        external
        returns (uint64)
    {
        return _sendUserMessage(Message(AddressAliasing.l2Sender(), to, isCreation, 0, value, gasLimit, data));
    }

    /// @inheritdoc IInbox
    function enqueue(
        address sender,
        address to,
        bool isCreation,
        uint256 mint,
        uint256 value,
        uint64 gasLimit,
        bytes calldata data
    ) external returns (uint64) {
        if (msg.sender != bridge) revert OnlyBridge();
        return _sendUserMessage(Message(sender, to, isCreation, mint, value, gasLimit, data));
    }

    /// @inheritdoc IInbox
    function submitBatch(bytes calldata data, uint64 consumed) external {
        _onlySequencer();
        if (data.length > MAX_BATCH_DATA) revert BatchTooLarge(MAX_BATCH_DATA);
        uint256 offset;
        assembly ("memory-safe") {
            offset := data.offset
        }
        if (offset != CANONICAL_DATA_OFFSET) revert NonCanonicalCalldata();
        _submit(BatchLocation.Calldata, keccak256(data), consumed);
    }

    /// @inheritdoc IInbox
    function forceInclude() external {
        Counters memory counters = _counters;
        uint64 low = counters.consumed;
        if (low == counters.messages || !_isOverdue(low)) revert NothingOverdue();
        // INVARIANT: message low is overdue, message high (if there is one to take) is not known to be. Times never fall along the
        // queue, so ten halvings find the first message that is not overdue.
        uint64 high = counters.messages;
        if (high - low > MAX_MESSAGES_PER_BATCH) high = low + MAX_MESSAGES_PER_BATCH;
        while (high - low > 1) {
            uint64 middle = (low + high) / 2;
            if (_isOverdue(middle)) low = middle;
            else high = middle;
        }
        _append(counters, BatchLocation.None, bytes32(0), high);
    }

    /// @inheritdoc IInbox
    function messageAcc(uint64 count) external view returns (bytes32) {
        if (count > _counters.messages) revert IndexOutOfRange();
        return _messageAccs[count];
    }

    /// @inheritdoc IInbox
    function batchAcc(uint64 count) external view returns (bytes32) {
        if (count > _counters.batches) revert IndexOutOfRange();
        return _batchAccs[count];
    }

    /// @inheritdoc IInbox
    function messageTimestamp(uint64 index) external view returns (uint64) {
        if (index >= _counters.messages) revert IndexOutOfRange();
        return _messageTime(index);
    }

    /// @inheritdoc IInbox
    function messagesConsumedBy(uint64 count) external view returns (uint64) {
        if (count > _counters.batches) revert IndexOutOfRange();
        return _consumedBy[count / CONSUMED_PER_SLOT][count % CONSUMED_PER_SLOT];
    }

    /// @inheritdoc IInbox
    function messageCount() external view returns (uint64) {
        return _counters.messages;
    }

    /// @inheritdoc IInbox
    function batchCount() external view returns (uint64) {
        return _counters.batches;
    }

    /// @inheritdoc IInbox
    function messagesConsumed() external view returns (uint64) {
        return _counters.consumed;
    }

    /// @inheritdoc IInbox
    function isOverdue() external view returns (bool) {
        Counters memory counters = _counters;
        return counters.consumed < counters.messages && _isOverdue(counters.consumed);
    }

    /// @dev Whoever sends a batch must be a plain key that calls this contract itself: then the transaction's calldata is the batch.
    function _onlySequencer() private view {
        // SAFETY: tx.origin narrows the sender here, it does not stand in for it.
        // solhint-disable-next-line avoid-tx-origin
        if (msg.sender != sequencer || tx.origin != msg.sender || msg.sender.code.length != 0) revert OnlySequencer();
    }

    /// @dev Checks a message that a user pays for, takes the payment, queues it.
    function _sendUserMessage(Message memory message) private returns (uint64 index) {
        uint256 length = message.data.length;
        uint256 intrinsic = 21_000 + 16 * length;
        uint256 maximum = MAX_MESSAGE_DATA;
        if (message.isCreation) {
            if (message.to != address(0)) revert CreationWithCallee();
            intrinsic += 32_000 + 2 * ((length + 31) / 32);
            maximum = MAX_INIT_CODE;
        }
        if (length > maximum) revert MessageTooLarge(maximum);
        if (message.gasLimit < intrinsic) revert GasLimitTooLow(intrinsic);
        if (message.gasLimit > MAX_GAS_LIMIT) revert GasLimitTooHigh(MAX_GAS_LIMIT);

        Counters memory counters = _counters;
        index = counters.messages;
        _queueMessage(index, message, _context());
        counters.messages = index + 1;
        _counters = counters;
        GasBurner.burn(message.gasLimit / L2_GAS_PER_L1_GAS);
    }

    /// @dev Checks what a sequencer's batch consumes, queues it.
    function _submit(BatchLocation location, bytes32 dataHash, uint64 consumed) private {
        Counters memory counters = _counters;
        if (consumed < counters.consumed) revert MessagesFall(counters.consumed);
        if (consumed > counters.messages) revert MessagesUnknown(counters.messages);
        uint64 taken = consumed - counters.consumed;
        if (taken > MAX_MESSAGES_PER_BATCH) revert TooManyMessages(MAX_MESSAGES_PER_BATCH);
        // Times never fall along the queue: when the first message left out is in time, so are the others.
        if (consumed < counters.messages && taken < MAX_MESSAGES_PER_BATCH && _isOverdue(consumed)) {
            revert OverdueMessageSkipped(consumed);
        }
        _append(counters, location, dataHash, consumed);
    }

    /// @dev Queues a batch, and after it the system message that tells L2 about L1. The batch cannot consume that message.
    function _append(Counters memory counters, BatchLocation location, bytes32 dataHash, uint64 consumed) private {
        L1Context memory context = _context();
        uint64 index = counters.batches;
        bytes32 acc =
            InboxHashing.accumulate(_batchAccs[index], InboxHashing.hashBatch(location, dataHash, consumed, context));
        uint64 count = index + 1;
        _batchAccs[count] = acc;
        _consumedBy[count / CONSUMED_PER_SLOT][count % CONSUMED_PER_SLOT] = consumed;
        emit BatchAppended(index, location, dataHash, consumed, context, acc);

        bytes memory data =
            abi.encodeCall(IL1Info.setOrigin, (context.number, context.hash, context.timestamp, context.baseFee));
        _queueMessage(
            counters.messages,
            Message(Predeploys.SYSTEM_SENDER, Predeploys.L1_INFO, false, 0, 0, SYSTEM_GAS_LIMIT, data),
            context
        );
        _counters = Counters({messages: counters.messages + 1, batches: count, consumed: consumed});
    }

    /// @dev Stores and announces message `index`; the caller counts it.
    function _queueMessage(uint64 index, Message memory message, L1Context memory context) private {
        bytes32 acc = InboxHashing.accumulate(_messageAccs[index], InboxHashing.hashMessage(message, context));
        _messageAccs[index + 1] = acc;
        _messageTimes[index / TIMES_PER_SLOT][index % TIMES_PER_SLOT] = uint40(context.timestamp);
        emit MessageSent(
            index,
            message.sender,
            message.to,
            message.isCreation,
            message.mint,
            message.value,
            message.gasLimit,
            message.data,
            context,
            acc
        );
    }

    function _context() private view returns (L1Context memory) {
        uint256 parent = block.number - 1; // no transaction is in block 0
        return L1Context(uint64(parent), blockhash(parent), uint64(block.timestamp), block.basefee);
    }

    /// @dev Message `index` must exist.
    function _isOverdue(uint64 index) private view returns (bool) {
        return block.timestamp > uint256(_messageTime(index)) + forceInclusionDelay;
    }

    function _messageTime(uint64 index) private view returns (uint64) {
        return _messageTimes[index / TIMES_PER_SLOT][index % TIMES_PER_SLOT];
    }
}
