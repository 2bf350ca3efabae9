// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TypedData} from "../channels/TypedData.sol";

/// @notice What a channel's name is the hash of. Every call brings it along, so that none of it is kept in storage.
/// @param payer Whose tokens are in it, and who gets back what was not claimed.
/// @param payerAuthorizer Whose key signs vouchers; zero: the payer does, who may be a contract (ERC-1271).
/// @param receiver Who is paid.
/// @param receiverAuthorizer Who signs claims and refunds for the receiver: a key or a contract.
/// @param token ERC-20 that is paid with.
/// @param withdrawDelay Seconds between the payer's request for what is his and its payment.
/// @param salt Tells channels between the same parties apart.
struct ChannelConfig {
    address payer;
    address payerAuthorizer;
    address receiver;
    address receiverAuthorizer;
    address token;
    uint40 withdrawDelay;
    bytes32 salt;
}

/// @notice A promise of the payer's, the newest of which is worth all.
/// @param maxClaimableAmount All that may ever be claimed of the channel, the token's units. Never falls.
struct Voucher {
    ChannelConfig channel;
    uint128 maxClaimableAmount;
}

/// @notice A voucher, and what is claimed by it.
/// @param signature Of the voucher: 65 bytes r ‖ s ‖ v, or what the payer's contract takes.
/// @param totalClaimed All that was claimed of the channel, this time included, the token's units.
struct VoucherClaim {
    Voucher voucher;
    bytes signature;
    uint128 totalClaimed;
}

/// @title SettlementHashing
/// @notice EIP-712 digests of x402's scheme `batch-settlement`.
library SettlementHashing {
    bytes32 private constant NAME = keccak256("x402 Batch Settlement");
    bytes32 private constant CHANNEL_CONFIG = keccak256(
        "ChannelConfig(address payer,address payerAuthorizer,address receiver,address receiverAuthorizer,address token,"
        "uint40 withdrawDelay,bytes32 salt)"
    );
    bytes32 private constant VOUCHER = keccak256("Voucher(bytes32 channelId,uint128 maxClaimableAmount)");
    bytes32 private constant REFUND = keccak256("Refund(bytes32 channelId,uint256 nonce,uint128 amount)");
    bytes32 private constant CLAIM_BATCH = keccak256(
        "ClaimBatch(ClaimEntry[] claims)"
        "ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)"
    );
    bytes32 private constant CLAIM_ENTRY =
        keccak256("ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)");

    /// @notice A channel's name: a digest too, so that chain and contract are in it.
    function id(ChannelConfig calldata config) internal view returns (bytes32) {
        return TypedData.digest(NAME, keccak256(abi.encode(CHANNEL_CONFIG, config)));
    }

    /// @notice What the payer's side signs for each request.
    function voucher(bytes32 channelId, uint128 maxClaimableAmount) internal view returns (bytes32) {
        return TypedData.digest(NAME, keccak256(abi.encode(VOUCHER, channelId, maxClaimableAmount)));
    }

    /// @notice What the receiver's side signs to give back.
    function refund(bytes32 channelId, uint256 nonce, uint128 amount) internal view returns (bytes32) {
        return TypedData.digest(NAME, keccak256(abi.encode(REFUND, channelId, nonce, amount)));
    }

    /// @notice What the receiver's side signs to claim of many channels at once. `ids`: their names, in the same order.
    function claimBatch(VoucherClaim[] calldata claims, bytes32[] memory ids) internal view returns (bytes32) {
        bytes32[] memory entries = new bytes32[](claims.length);
        for (uint256 i; i < entries.length; ++i) {
            entries[i] = keccak256(
                abi.encode(CLAIM_ENTRY, ids[i], claims[i].voucher.maxClaimableAmount, claims[i].totalClaimed)
            );
        }
        return TypedData.digest(NAME, keccak256(abi.encode(CLAIM_BATCH, keccak256(abi.encodePacked(entries)))));
    }
}
