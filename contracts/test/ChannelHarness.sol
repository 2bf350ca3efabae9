// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {
    ChannelHashing,
    ChannelId,
    ChannelKey,
    CooperativeClose,
    LaneProof,
    TowerPay,
    Withdrawal
} from "../channels/ChannelTypes.sol";
import {Locks} from "../channels/Locks.sol";

/// @title ChannelHarness
/// @notice Test only: what channels hash, to call.
contract ChannelHarness {
    using Locks for bytes;

    struct Lock {
        uint256 amount;
        uint256 expiry;
        uint256 kind;
        bytes32 ref;
    }

    function id(ChannelKey calldata key) external pure returns (ChannelId) {
        return ChannelHashing.id(key);
    }

    function lane(ChannelId channel, address sender, LaneProof calldata proof) external view returns (bytes32) {
        return ChannelHashing.lane(channel, sender, proof, proof.locks.sum(), proof.locks.hash());
    }

    function withdrawal(ChannelId channel, address who, Withdrawal calldata taken) external view returns (bytes32) {
        return ChannelHashing.withdrawal(channel, who, taken);
    }

    function cooperativeClose(ChannelId channel, CooperativeClose calldata close) external view returns (bytes32) {
        return ChannelHashing.cooperativeClose(channel, close);
    }

    function towerPay(ChannelId channel, address client, TowerPay calldata pay) external view returns (bytes32) {
        return ChannelHashing.towerPay(channel, client, pay);
    }

    function voucher(bytes32 name, uint128 amount) external view returns (bytes32) {
        return ChannelHashing.voucher(name, amount);
    }

    function locks(bytes calldata data) external pure returns (Lock[] memory found) {
        found = new Lock[](data.count());
        (uint256 offset,) = data.range();
        for (uint256 i; i < found.length; ++i) {
            (found[i].amount, found[i].expiry, found[i].kind, found[i].ref) = Locks.at(offset + i * Locks.SIZE);
        }
    }
}
