// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TypedData} from "./TypedData.sol";

/// @notice Names a channel by all that its parties agreed on when they opened it. A name is used once.
type ChannelId is bytes32;

/// @notice What a channel's name is the hash of. Every call brings it along, so that none of it is kept in storage.
/// @param party0 Side 0.
/// @param party1 Side 1.
/// @param token ERC-20 that is paid with; zero: ether.
/// @param window Seconds from a lone close to the settlement, in which newer lanes may be shown.
/// @param salt Tells channels between the same parties apart.
struct ChannelKey {
    address party0;
    address party1;
    address token;
    uint32 window;
    bytes32 salt;
}

/// @notice A state of one lane, the payments of one side to the other. Only the newest counts.
/// @param nonce Counts the lane's states; 0: none was ever signed, and nothing of the rest is looked at.
/// @param transferred All that was paid for good, wei or the token's units. Never falls.
/// @param locks What is paid on conditions: 54 bytes each (see Locks).
/// @param signature0 Of side 0 over the lane's digest.
/// @param signature1 Of side 1 over the same.
struct LaneProof {
    uint64 nonce;
    uint128 transferred;
    bytes locks;
    bytes signature0;
    bytes signature1;
}

/// @notice Money that a side takes out of an open channel, by both sides' consent.
/// @param total All that the side has taken out, this time included.
/// @param validUntil Timestamp up to which it may be used, seconds.
struct Withdrawal {
    uint8 side;
    uint128 total;
    uint64 validUntil;
}

/// @notice How both sides agree to end a channel.
/// @param balance0 What side 0 gets.
/// @param balance1 What side 1 gets; together all that is in the channel.
/// @param validUntil Timestamp up to which it may be used, seconds.
struct CooperativeClose {
    uint128 balance0;
    uint128 balance1;
    uint64 validUntil;
}

/// @notice What a side pays a watchtower that shows a newer state of the other's lane while the channel is closing, out of what it
/// gets.
/// @param side Who pays.
/// @param minNonce The least nonce that is worth it.
/// @param tower Who is paid.
/// @param reward How much, at most all that the side gets.
/// @param validUntil Timestamp up to which it may be used, seconds.
struct TowerPay {
    uint8 side;
    uint64 minNonce;
    address tower;
    uint128 reward;
    uint64 validUntil;
}

/// @title ChannelHashing
/// @notice EIP-712 digests of what the parties sign.
library ChannelHashing {
    bytes32 private constant NAME = keccak256("Tandem Channels");
    bytes32 private constant LANE = keccak256(
        "Lane(bytes32 channelId,address sender,uint64 nonce,uint128 transferred,uint128 locked,bytes32 locksHash)"
    );
    bytes32 private constant WITHDRAW =
        keccak256("Withdraw(bytes32 channelId,address who,uint128 total,uint64 validUntil)");
    bytes32 private constant COOP_CLOSE =
        keccak256("CoopClose(bytes32 channelId,uint128 bal0,uint128 bal1,uint64 validUntil)");
    bytes32 private constant TOWER_PAY = keccak256(
        "TowerPay(bytes32 channelId,address client,uint64 minNonce,address tower,uint128 reward,uint64 validUntil)"
    );
    bytes32 private constant VOUCHER = keccak256("Voucher(bytes32 name,uint128 amount)");

    /// @notice keccak(abi.encode(key)).
    function id(ChannelKey calldata key) internal pure returns (ChannelId) {
        return ChannelId.wrap(keccak256(abi.encode(key)));
    }

    /// @notice Of a lane's state. `locked` is the sum of its locks, `locksHash` their hash.
    function lane(
        ChannelId channelId,
        address sender,
        LaneProof calldata proof,
        uint256 locked,
        bytes32 locksHash
    ) internal view returns (bytes32) {
        return _digest(
            keccak256(
                abi.encode(LANE, ChannelId.unwrap(channelId), sender, proof.nonce, proof.transferred, locked, locksHash)
            )
        );
    }

    function withdrawal(ChannelId channelId, address who, Withdrawal calldata taken) internal view returns (bytes32) {
        return _digest(
            keccak256(abi.encode(WITHDRAW, ChannelId.unwrap(channelId), who, taken.total, taken.validUntil))
        );
    }

    function cooperativeClose(ChannelId channelId, CooperativeClose calldata close)
        internal
        view
        returns (bytes32)
    {
        return _digest(
            keccak256(
                abi.encode(COOP_CLOSE, ChannelId.unwrap(channelId), close.balance0, close.balance1, close.validUntil)
            )
        );
    }

    function towerPay(ChannelId channelId, address client, TowerPay calldata pay) internal view returns (bytes32) {
        return _digest(
            keccak256(
                abi.encode(
                    TOWER_PAY, ChannelId.unwrap(channelId), client, pay.minNonce, pay.tower, pay.reward, pay.validUntil
                )
            )
        );
    }

    function voucher(bytes32 name, uint128 amount) internal view returns (bytes32) {
        return _digest(keccak256(abi.encode(VOUCHER, name, amount)));
    }

    function _digest(bytes32 structHash) private view returns (bytes32) {
        return TypedData.digest(NAME, structHash);
    }
}
