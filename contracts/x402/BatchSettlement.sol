// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Signatures} from "../channels/Signatures.sol";
import {IBatchSettlement} from "./IBatchSettlement.sol";
import {IDepositCollector} from "./IDepositCollector.sol";
import {ChannelConfig, SettlementHashing, VoucherClaim} from "./SettlementTypes.sol";

/// @title BatchSettlement
/// @notice See IBatchSettlement. A predeploy of L2, at the address that x402 has published. It has neither a constructor nor
/// immutables: its runtime code is all there is of it.
contract BatchSettlement is IBatchSettlement, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SettlementHashing for ChannelConfig;

    /// @notice What is kept of a channel, the token's units.
    struct Channel {
        uint128 balance;
        uint128 totalClaimed;
    }

    /// @notice What a payer waits for: the token's units, and since when, seconds.
    struct Withdrawal {
        uint128 amount;
        uint40 initiatedAt;
    }

    /// @notice What is kept of a receiver's claims in a token, its units.
    struct Receipts {
        uint128 totalClaimed;
        uint128 totalSettled;
    }

    /// @notice Shortest delay of withdrawals, seconds (x402, scheme `batch-settlement`).
    uint256 public constant LEAST_DELAY = 15 minutes;
    /// @notice Longest delay of withdrawals, seconds (the same).
    uint256 public constant MOST_DELAY = 30 days;
    /// @notice Most claims, or calls, that one call brings. x402's own server claims of 100 channels at once.
    uint256 public constant MOST_ROWS = 256;

    /// @inheritdoc IBatchSettlement
    mapping(bytes32 channelId => Channel) public channels;
    /// @inheritdoc IBatchSettlement
    mapping(bytes32 channelId => Withdrawal) public pendingWithdrawals;
    /// @inheritdoc IBatchSettlement
    mapping(bytes32 channelId => uint256) public refundNonce;
    /// @inheritdoc IBatchSettlement
    mapping(address receiver => mapping(address token => Receipts)) public receivers;

    /// @inheritdoc IBatchSettlement
    function deposit(ChannelConfig calldata config, uint128 amount, address collector, bytes calldata collectorData)
        external
        nonReentrant
    {
        bool isNobody = config.payer == address(0) || config.receiver == address(0);
        isNobody = isNobody || config.receiverAuthorizer == address(0) || config.token == address(0);
        if (isNobody || collector == address(0)) revert ZeroAddress();
        if (config.withdrawDelay < LEAST_DELAY || config.withdrawDelay > MOST_DELAY) {
            revert WrongDelay(LEAST_DELAY, MOST_DELAY);
        }
        if (amount == 0) revert ZeroAmount();

        bytes32 id = config.id();
        Channel storage channel = channels[id];
        if (channel.balance == 0) emit ChannelCreated(id, config); // and nothing was claimed: that is never more
        channel.balance += amount;
        emit Deposited(id, msg.sender, amount, channel.balance);

        // SAFETY: whatever the collector and the token do, in the end there is as much more of the token as was booked. The guard
        // keeps them from booking anything else meanwhile.
        uint256 before = IERC20(config.token).balanceOf(address(this));
        // slither-disable-next-line reentrancy-balance
        IDepositCollector(collector).collect(config.payer, config.token, amount, id, collectorData);
        uint256 received = IERC20(config.token).balanceOf(address(this)) - before;
        if (received != amount) revert WrongAmountReceived(amount, received);
    }

    /// @inheritdoc IBatchSettlement
    function claim(VoucherClaim[] calldata voucherClaims) external nonReentrant {
        _requireRows(voucherClaims.length);
        for (uint256 i; i < voucherClaims.length; ++i) {
            ChannelConfig calldata config = voucherClaims[i].voucher.channel;
            _requireReceiving(config);
            _claim(config.id(), voucherClaims[i]);
        }
    }

    /// @inheritdoc IBatchSettlement
    function claimWithSignature(VoucherClaim[] calldata voucherClaims, bytes calldata authorizerSignature)
        external
        nonReentrant
    {
        _requireRows(voucherClaims.length);
        address authorizer = voucherClaims[0].voucher.channel.receiverAuthorizer;
        bytes32[] memory ids = _ids(voucherClaims);
        Signatures.check(authorizer, SettlementHashing.claimBatch(voucherClaims, ids), authorizerSignature);
        for (uint256 i; i < ids.length; ++i) {
            address other = voucherClaims[i].voucher.channel.receiverAuthorizer;
            if (other != authorizer) revert OtherAuthorizer(other);
            _claim(ids[i], voucherClaims[i]);
        }
    }

    /// @inheritdoc IBatchSettlement
    function settle(address receiver, address token) external nonReentrant {
        Receipts storage receipts = receivers[receiver][token];
        uint128 amount = receipts.totalClaimed - receipts.totalSettled;
        if (amount == 0) return;
        receipts.totalSettled += amount;
        emit Settled(receiver, token, msg.sender, amount);
        IERC20(token).safeTransfer(receiver, amount);
    }

    /// @inheritdoc IBatchSettlement
    function refund(ChannelConfig calldata config, uint128 amount) external nonReentrant {
        _requireReceiving(config);
        _refund(config, config.id(), amount);
    }

    /// @inheritdoc IBatchSettlement
    function refundWithSignature(
        ChannelConfig calldata config,
        uint128 amount,
        uint256 nonce,
        bytes calldata receiverAuthorizerSignature
    ) external nonReentrant {
        bytes32 id = config.id();
        if (nonce != refundNonce[id]) revert WrongNonce(refundNonce[id]);
        Signatures.check(
            config.receiverAuthorizer, SettlementHashing.refund(id, nonce, amount), receiverAuthorizerSignature
        );
        _refund(config, id, amount);
    }

    /// @inheritdoc IBatchSettlement
    function initiateWithdraw(ChannelConfig calldata config, uint128 amount) external nonReentrant {
        _requirePaying(config);
        if (amount == 0) revert ZeroAmount();
        bytes32 id = config.id();
        Withdrawal storage pending = pendingWithdrawals[id];
        if (pending.initiatedAt != 0) revert WithdrawalPending(pending.initiatedAt);
        uint128 available = _available(id);
        if (amount > available) revert TooMuch(available);
        (pending.amount, pending.initiatedAt) = (amount, uint40(block.timestamp));
        emit WithdrawInitiated(id, amount, uint40(block.timestamp) + config.withdrawDelay);
    }

    /// @inheritdoc IBatchSettlement
    function finalizeWithdraw(ChannelConfig calldata config) external nonReentrant {
        _requirePaying(config);
        bytes32 id = config.id();
        Withdrawal memory pending = pendingWithdrawals[id];
        if (pending.initiatedAt == 0) revert NoWithdrawal();
        uint256 finalizeAfter = uint256(pending.initiatedAt) + config.withdrawDelay;
        if (block.timestamp < finalizeAfter) revert TooEarly(finalizeAfter);
        delete pendingWithdrawals[id];
        uint128 amount = _least(pending.amount, _available(id));
        emit WithdrawFinalized(id, msg.sender, amount);
        _payBack(config, id, amount);
    }

    /// @inheritdoc IBatchSettlement
    function multicall(bytes[] calldata data) external returns (bytes[] memory results) {
        if (data.length > MOST_ROWS) revert TooMany(MOST_ROWS);
        results = new bytes[](data.length);
        for (uint256 i; i < data.length; ++i) {
            results[i] = Address.functionDelegateCall(address(this), data[i]);
        }
    }

    /// @inheritdoc IBatchSettlement
    function getChannelId(ChannelConfig calldata config) external view returns (bytes32) {
        return config.id();
    }

    /// @inheritdoc IBatchSettlement
    function getVoucherDigest(bytes32 channelId, uint128 maxClaimableAmount) external view returns (bytes32) {
        return SettlementHashing.voucher(channelId, maxClaimableAmount);
    }

    /// @inheritdoc IBatchSettlement
    function getRefundDigest(bytes32 channelId, uint256 nonce, uint128 amount) external view returns (bytes32) {
        return SettlementHashing.refund(channelId, nonce, amount);
    }

    /// @inheritdoc IBatchSettlement
    function getClaimBatchDigest(VoucherClaim[] calldata voucherClaims) external view returns (bytes32) {
        return SettlementHashing.claimBatch(voucherClaims, _ids(voucherClaims));
    }

    /// @dev One row. The voucher is the receiver's to show: that he wants it claimed was checked before.
    function _claim(bytes32 id, VoucherClaim calldata row) private {
        Channel storage channel = channels[id];
        uint128 before = channel.totalClaimed;
        if (row.totalClaimed <= before) return;
        uint128 ceiling = row.voucher.maxClaimableAmount;
        if (row.totalClaimed > ceiling) revert AboveVoucher(ceiling);
        if (row.totalClaimed > channel.balance) revert AboveBalance(channel.balance);
        ChannelConfig calldata config = row.voucher.channel;
        _checkVoucher(config, SettlementHashing.voucher(id, ceiling), row.signature);

        uint128 amount = row.totalClaimed - before;
        channel.totalClaimed = row.totalClaimed;
        receivers[config.receiver][config.token].totalClaimed += amount;
        emit Claimed(id, msg.sender, amount, row.totalClaimed);
    }

    /// @dev An authorizer is a key and never a contract: who takes his vouchers can tell by himself what they are worth. A payer
    /// that is a contract can take them back, or burn the gas of the batch that they are in: claim of him apart.
    function _checkVoucher(ChannelConfig calldata config, bytes32 digest, bytes calldata signature) private view {
        address authorizer = config.payerAuthorizer;
        if (authorizer == address(0)) return Signatures.check(config.payer, digest, signature);
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, signature);
        if (failure != ECDSA.RecoverError.NoError || recovered != authorizer) {
            revert Signatures.BadSignature(authorizer);
        }
    }

    /// @dev Uses the nonce, whatever comes of it: what was signed for it counts no more.
    function _refund(ChannelConfig calldata config, bytes32 id, uint128 wanted) private {
        if (wanted == 0) revert ZeroAmount();
        ++refundNonce[id];
        uint128 amount = _least(wanted, _available(id));
        uint128 pending = pendingWithdrawals[id].amount;
        if (pending != 0 && amount >= pending) delete pendingWithdrawals[id];
        else if (pending != 0 && amount != 0) pendingWithdrawals[id].amount = pending - amount;
        emit Refunded(id, msg.sender, amount);
        _payBack(config, id, amount);
    }

    /// @dev To the payer, at most what was not claimed.
    function _payBack(ChannelConfig calldata config, bytes32 id, uint128 amount) private {
        if (amount == 0) return;
        Channel storage channel = channels[id];
        channel.balance -= amount;
        if (channel.balance == 0) emit ChannelClosed(id, config);
        IERC20(config.token).safeTransfer(config.payer, amount);
    }

    function _ids(VoucherClaim[] calldata voucherClaims) private view returns (bytes32[] memory ids) {
        ids = new bytes32[](voucherClaims.length);
        for (uint256 i; i < ids.length; ++i) {
            ids[i] = voucherClaims[i].voucher.channel.id();
        }
    }

    /// @dev What was not claimed. A claim is never above the balance, and what is paid back never above this.
    function _available(bytes32 id) private view returns (uint128) {
        Channel storage channel = channels[id];
        return channel.balance - channel.totalClaimed;
    }

    function _requireRows(uint256 count) private pure {
        if (count == 0) revert EmptyBatch();
        if (count > MOST_ROWS) revert TooMany(MOST_ROWS);
    }

    function _requireReceiving(ChannelConfig calldata config) private view {
        if (msg.sender != config.receiver && msg.sender != config.receiverAuthorizer) revert NotReceiving(msg.sender);
    }

    function _requirePaying(ChannelConfig calldata config) private view {
        if (msg.sender != config.payer && msg.sender != config.payerAuthorizer) revert NotPaying(msg.sender);
    }

    function _least(uint128 one, uint128 other) private pure returns (uint128) {
        return one < other ? one : other;
    }
}
