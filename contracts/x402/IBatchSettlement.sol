// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ChannelConfig, VoucherClaim} from "./SettlementTypes.sol";

/// @title IBatchSettlement
/// @notice Channels in which a payer pays a receiver and never the other way round, request by request. Functions, events and
/// digests are the public interface of `x402BatchSettlement`, the contract of x402's scheme `batch-settlement` for EVM chains, so that
/// released x402 clients pay through it. The errors are ours.
///
/// `balance` counts all that was paid in and not paid back; `totalClaimed` all that the receiver has claimed by vouchers. What the
/// payer can have back is balance - totalClaimed. A voucher that was not claimed reserves nothing: the receiver must claim within
/// `withdrawDelay` of a request to withdraw. Neither number ever starts anew, so that no old voucher counts again.
///
/// There is no owner and no fee.
interface IBatchSettlement {
    /// @notice A channel that had nothing and of which nothing was claimed has money.
    event ChannelCreated(bytes32 indexed channelId, ChannelConfig config);
    /// @notice A channel of which nothing was claimed has no money any more.
    event ChannelClosed(bytes32 indexed channelId, ChannelConfig config);
    /// @notice Money was paid in, the token's units.
    event Deposited(bytes32 indexed channelId, address indexed sender, uint128 amount, uint128 newBalance);
    /// @notice The receiver has claimed, the token's units. No tokens were moved.
    event Claimed(bytes32 indexed channelId, address indexed sender, uint128 claimAmount, uint128 newTotalClaimed);
    /// @notice What a receiver had claimed of all channels in a token was paid to him.
    event Settled(address indexed receiver, address indexed token, address indexed sender, uint128 amount);
    /// @notice The receiver has given back; a pending withdrawal is smaller by it, or gone. Zero: there was nothing to give back, and
    /// only the nonce was used.
    event Refunded(bytes32 indexed channelId, address indexed sender, uint128 amount);
    /// @notice The payer wants money back, and gets it after this time, seconds.
    event WithdrawInitiated(bytes32 indexed channelId, uint128 amount, uint40 finalizeAfter);
    /// @notice The payer has it.
    event WithdrawFinalized(bytes32 indexed channelId, address indexed sender, uint128 amount);

    /// @notice Thrown when payer, receiver, its authorizer, the token or the collector is zero.
    error ZeroAddress();
    /// @notice Thrown when the delay of withdrawals is out of bounds, seconds.
    error WrongDelay(uint256 least, uint256 most);
    /// @notice Thrown when an amount is zero.
    error ZeroAmount();
    /// @notice Thrown when a collector has brought another amount than was asked for.
    error WrongAmountReceived(uint256 expected, uint256 received);
    /// @notice Thrown when nothing is claimed.
    error EmptyBatch();
    /// @notice Thrown when one call brings too many claims or calls.
    error TooMany(uint256 most);
    /// @notice Thrown when not all channels of a batch have the authorizer who signed it.
    error OtherAuthorizer(address authorizer);
    /// @notice Thrown when more is claimed than the voucher allows, the token's units.
    error AboveVoucher(uint128 maxClaimableAmount);
    /// @notice Thrown when more is claimed than was paid in, the token's units.
    error AboveBalance(uint128 balance);
    /// @notice Thrown when the sender is neither the receiver nor his authorizer.
    error NotReceiving(address sender);
    /// @notice Thrown when the sender is neither the payer nor his authorizer.
    error NotPaying(address sender);
    /// @notice Thrown when a refund was signed for another nonce.
    error WrongNonce(uint256 expected);
    /// @notice Thrown when a withdrawal is asked for while another waits; since when, seconds.
    error WithdrawalPending(uint40 initiatedAt);
    /// @notice Thrown when no withdrawal was asked for.
    error NoWithdrawal();
    /// @notice Thrown when more is asked for than is there, the token's units.
    error TooMuch(uint128 available);
    /// @notice Thrown when the delay is not over before this time, seconds.
    error TooEarly(uint256 finalizeAfter);

    /// @notice Pays into a channel by the payer's consent, which anyone may bring: who pays needs no ether.
    /// @param amount The token's units. Exactly as much must come in.
    /// @param collector Who fetches it. It is told what for, and only what it brings counts.
    /// @param collectorData The payer's consent, as the collector wants it.
    function deposit(ChannelConfig calldata config, uint128 amount, address collector, bytes calldata collectorData)
        external;

    /// @notice Claims what vouchers promise. Only the receiver of each, or his authorizer. A row with nothing new is passed over.
    function claim(VoucherClaim[] calldata voucherClaims) external;

    /// @notice The same, brought by anyone.
    /// @param authorizerSignature Of the batch, by the receiver's authorizer, who is the same in all rows.
    function claimWithSignature(VoucherClaim[] calldata voucherClaims, bytes calldata authorizerSignature) external;

    /// @notice Pays a receiver what he has claimed of all channels in a token. Anyone. Does nothing where there is nothing.
    function settle(address receiver, address token) external;

    /// @notice Gives back to the payer what was not claimed, or as much of it as there is. Only the receiver or his authorizer.
    /// @param amount The token's units, at most.
    function refund(ChannelConfig calldata config, uint128 amount) external;

    /// @notice The same, brought by anyone.
    /// @param nonce The channel's refund nonce. It is used even where there is nothing to give back.
    function refundWithSignature(
        ChannelConfig calldata config,
        uint128 amount,
        uint256 nonce,
        bytes calldata receiverAuthorizerSignature
    ) external;

    /// @notice Asks for what was not claimed. Only the payer or his authorizer. The delay begins, in which the receiver may claim.
    /// @param amount The token's units, at most what is there now.
    function initiateWithdraw(ChannelConfig calldata config, uint128 amount) external;

    /// @notice Pays it to the payer when the delay is over, or what is left of it. Only the payer or his authorizer.
    function finalizeWithdraw(ChannelConfig calldata config) external;

    /// @notice Several calls of the sender's in one. All of them, or none.
    /// @param data Each as it would be sent to this contract.
    function multicall(bytes[] calldata data) external returns (bytes[] memory results);

    /// @notice What is kept of a channel, the token's units; zeros if nothing was ever paid in.
    function channels(bytes32 channelId) external view returns (uint128 balance, uint128 totalClaimed);

    /// @notice What the payer has asked for, the token's units, and when, seconds.
    function pendingWithdrawals(bytes32 channelId) external view returns (uint128 amount, uint40 initiatedAt);

    /// @notice How many refunds there were.
    function refundNonce(bytes32 channelId) external view returns (uint256);

    /// @notice All that a receiver has claimed in a token, and all that was paid to him of it, the token's units.
    function receivers(address receiver, address token)
        external
        view
        returns (uint128 totalClaimed, uint128 totalSettled);

    /// @notice A channel's name: EIP-712's digest of its configuration.
    function getChannelId(ChannelConfig calldata config) external view returns (bytes32);

    /// @notice What is signed of a voucher.
    function getVoucherDigest(bytes32 channelId, uint128 maxClaimableAmount) external view returns (bytes32);

    /// @notice What is signed of a refund.
    function getRefundDigest(bytes32 channelId, uint256 nonce, uint128 amount) external view returns (bytes32);

    /// @notice What is signed of a batch of claims.
    function getClaimBatchDigest(VoucherClaim[] calldata voucherClaims) external view returns (bytes32);
}
