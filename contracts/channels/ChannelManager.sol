// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {
    ChannelHashing,
    ChannelId,
    ChannelKey,
    CooperativeClose,
    LaneProof,
    TowerPay,
    Withdrawal
} from "./ChannelTypes.sol";
import {Conditions} from "./Conditions.sol";
import {IChannelManager} from "./IChannelManager.sol";
import {IERC3009} from "./IERC3009.sol";
import {IOutcomes} from "./IOutcomes.sol";
import {Locks} from "./Locks.sol";
import {Payouts} from "./Payouts.sol";
import {Signatures} from "./Signatures.sol";

/// @title ChannelManager
/// @notice See IChannelManager.
contract ChannelManager is IChannelManager, Conditions, Payouts {
    using ChannelHashing for ChannelKey;
    using ChannelHashing for ChannelId;
    using Locks for bytes;

    /// @notice Shortest window, seconds. Nodes ask for far more, by the chain that they are on.
    uint256 public constant LEAST_WINDOW = 60;
    /// @notice Longest window, seconds.
    uint256 public constant MOST_WINDOW = 90 days;

    mapping(ChannelId id => Channel) private _channels;
    mapping(ChannelId id => uint128[2]) private _withdrawn;
    mapping(ChannelId id => LaneState[2]) private _lanes;
    mapping(ChannelId id => Rescue[2]) private _rescues;

    constructor(IOutcomes outcomes_) Conditions(outcomes_) {}

    /// @inheritdoc IChannelManager
    function open(ChannelKey calldata key, uint256 amount) external payable returns (ChannelId id) {
        return _openOwn(key, amount);
    }

    /// @inheritdoc IChannelManager
    function openWithPermit(ChannelKey calldata key, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        returns (ChannelId id)
    {
        // SAFETY: anyone can use a permit that he has seen. What counts is the allowance, which the transfer asks for.
        // slither-disable-next-line reentrancy-benign
        try IERC20Permit(key.token).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        return _openOwn(key, amount);
    }

    /// @inheritdoc IChannelManager
    function openWithAuthorization(
        ChannelKey calldata key,
        uint8 side,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (ChannelId id) {
        if (amount == 0) revert WrongAmounts(0); // or anyone could take the name
        id = key.id();
        if (_channels[id].status == Status.None) _open(key);
        else _requireStatus(id, Status.Open);
        address from = _party(key, side);
        _credit(id, side, amount);
        uint256 before = IERC20(key.token).balanceOf(address(this));
        IERC3009(key.token).receiveWithAuthorization(
            from, address(this), amount, validAfter, validBefore, ChannelId.unwrap(id), v, r, s
        );
        _requireReceived(key.token, before, amount);
    }

    /// @inheritdoc IChannelManager
    function deposit(ChannelKey calldata key, uint8 side, uint256 amount) external payable {
        ChannelId id = key.id();
        _requireStatus(id, Status.Open);
        _party(key, side);
        _credit(id, side, amount);
        _collect(key.token, amount);
    }

    /// @inheritdoc IChannelManager
    function withdraw(
        ChannelKey calldata key,
        Withdrawal calldata taken,
        bytes calldata signature0,
        bytes calldata signature1
    ) external {
        ChannelId id = key.id();
        _requireStatus(id, Status.Open);
        _requireInTime(taken.validUntil);
        address who = _party(key, taken.side);
        _checkBoth(key, id.withdrawal(who, taken), signature0, signature1);

        uint256 before = _withdrawn[id][taken.side];
        uint256 available = _total(id, _channels[id]) + before;
        if (taken.total <= before || taken.total > available) revert WrongAmounts(available);
        _withdrawn[id][taken.side] = taken.total;
        _channels[id].hasWithdrawn = true;
        emit Withdrawn(id, taken.side, taken.total);
        _pay(key.token, who, taken.total - before);
    }

    /// @inheritdoc IChannelManager
    function coopClose(
        ChannelKey calldata key,
        CooperativeClose calldata close_,
        bytes calldata signature0,
        bytes calldata signature1
    ) external {
        ChannelId id = key.id();
        Channel memory channel = _channels[id];
        if (channel.status != Status.Open && channel.status != Status.Closing) revert WrongStatus(id, channel.status);
        _requireInTime(close_.validUntil);
        uint256 total = _total(id, channel);
        // What someone has paid in meanwhile, to spoil it, is side 0's.
        if (uint256(close_.balance0) + close_.balance1 > total) revert WrongAmounts(total);
        _checkBoth(key, id.cooperativeClose(close_), signature0, signature1);
        _end(key, id, channel, total - close_.balance1, close_.balance1);
    }

    /// @inheritdoc IChannelManager
    function close(ChannelKey calldata key, LaneProof calldata lane0, LaneProof calldata lane1) external {
        ChannelId id = key.id();
        _requireStatus(id, Status.Open);
        if (msg.sender != key.party0 && msg.sender != key.party1) revert NotAParty(msg.sender);
        uint40 settleAt = uint40(block.timestamp + key.window);
        (_channels[id].status, _channels[id].settleAt) = (Status.Closing, settleAt);
        emit ChannelClosing(id, msg.sender, settleAt);
        if (lane0.nonce != 0) _show(key, id, 0, lane0);
        if (lane1.nonce != 0) _show(key, id, 1, lane1);
    }

    /// @inheritdoc IChannelManager
    function update(ChannelKey calldata key, uint8 side, LaneProof calldata lane) external {
        _update(key, side, lane);
    }

    /// @inheritdoc IChannelManager
    function updateForReward(
        ChannelKey calldata key,
        uint8 side,
        LaneProof calldata lane,
        TowerPay calldata pay,
        bytes calldata signature
    ) external {
        if (side == pay.side) revert WrongSide(side); // a side's own lane only takes from it
        ChannelId id = _update(key, side, lane);
        _requireInTime(pay.validUntil);
        if (lane.nonce < pay.minNonce) revert NotWorthIt(pay.minNonce);
        if (pay.reward > type(uint96).max) revert TooMuch(type(uint96).max);
        address client = _party(key, pay.side);
        Signatures.check(client, id.towerPay(client, pay), signature);
        _channels[id].hasRescue = true;
        _rescues[id][pay.side] = Rescue(pay.tower, uint96(pay.reward));
        emit RescueNoted(id, pay.side, pay.tower, pay.reward);
    }

    /// @inheritdoc IChannelManager
    function settle(ChannelKey calldata key, bytes calldata locks0, bytes calldata locks1) external {
        ChannelId id = key.id();
        Channel memory channel = _channels[id];
        if (channel.status != Status.Closing) revert WrongStatus(id, channel.status);
        if (block.timestamp < channel.settleAt) revert WrongTime(channel.settleAt);
        int256 out0 = _out(id, 0, locks0);
        int256 out1 = _out(id, 1, locks1);
        (uint256 taken0,) = _taken(id, channel);
        uint256 total = _total(id, channel);
        // All terms are sums of at most 66 numbers below 2^128. What a side has taken out can exceed what it paid in.
        int256 balance = int256(uint256(channel.deposit0)) - int256(taken0) - out0 + out1;
        uint256 pay0 = balance <= 0 ? 0 : uint256(balance) < total ? uint256(balance) : total;
        _end(key, id, channel, pay0, total - pay0);
    }

    /// @inheritdoc IChannelManager
    function getChannel(ChannelId id) external view returns (Channel memory) {
        return _channels[id];
    }

    /// @inheritdoc IChannelManager
    function withdrawn(ChannelId id, uint8 side) external view returns (uint128) {
        return _withdrawn[id][side];
    }

    /// @inheritdoc IChannelManager
    function getLane(ChannelId id, uint8 side) external view returns (LaneState memory) {
        return _lanes[id][side];
    }

    /// @inheritdoc IChannelManager
    function getRescue(ChannelId id, uint8 side) external view returns (Rescue memory) {
        return _rescues[id][side];
    }

    /// @dev Opens a channel with the sender's money.
    function _openOwn(ChannelKey calldata key, uint256 amount) private returns (ChannelId id) {
        if (msg.sender != key.party0 && msg.sender != key.party1) revert NotAParty(msg.sender);
        id = _open(key);
        if (amount != 0) _credit(id, msg.sender == key.party0 ? 0 : 1, amount);
        _collect(key.token, amount);
    }

    function _open(ChannelKey calldata key) private returns (ChannelId id) {
        (address party0, address party1) = (key.party0, key.party1);
        bool isNobody = party0 == address(0) || party1 == address(0);
        if (isNobody || party0 == party1 || party0 == address(this) || party1 == address(this)) revert WrongParties();
        if (key.window < LEAST_WINDOW || key.window > MOST_WINDOW) revert WrongWindow(LEAST_WINDOW, MOST_WINDOW);
        if (key.token != address(0) && key.token.code.length == 0) revert NoToken(key.token);
        id = key.id();
        _requireStatus(id, Status.None);
        _channels[id].status = Status.Open;
        emit ChannelOpened(id, party0, party1, key.token, key.window, key.salt);
    }

    /// @dev Books a deposit.
    function _credit(ChannelId id, uint8 side, uint256 amount) private {
        Channel storage channel = _channels[id];
        if (amount > type(uint96).max) revert TooMuch(type(uint96).max);
        uint256 total = (side == 0 ? channel.deposit0 : channel.deposit1) + amount;
        if (total > type(uint96).max) revert TooMuch(type(uint96).max);
        if (side == 0) channel.deposit0 = uint96(total);
        else channel.deposit1 = uint96(total);
        emit Deposited(id, side, amount, total);
    }

    function _update(ChannelKey calldata key, uint8 side, LaneProof calldata lane) private returns (ChannelId id) {
        id = key.id();
        Channel storage channel = _channels[id];
        if (channel.status != Status.Closing) revert WrongStatus(id, channel.status);
        if (block.timestamp >= channel.settleAt) revert WrongTime(channel.settleAt);
        _show(key, id, side, lane);
        if (channel.hasRescue) delete _rescues[id][1 - side]; // what was shown for the other side before was not the newest
    }

    /// @dev Takes a newer state of a lane that both sides have signed.
    function _show(ChannelKey calldata key, ChannelId id, uint8 side, LaneProof calldata lane) private {
        address sender = _party(key, side);
        LaneState storage shown = _lanes[id][side];
        if (lane.nonce <= shown.nonce) revert NotNewer(shown.nonce);
        bytes32 locksHash = lane.locks.hash();
        bytes32 digest = id.lane(sender, lane, lane.locks.sum(), locksHash);
        _checkBoth(key, digest, lane.signature0, lane.signature1);
        (shown.nonce, shown.transferred, shown.hasLocks) = (lane.nonce, lane.transferred, locksHash != 0);
        if (locksHash != 0) shown.locksHash = locksHash;
        emit LaneShown(id, side, lane.nonce, lane.transferred, lane.locks);
    }

    /// @dev What a lane has paid in the end.
    function _out(ChannelId id, uint8 side, bytes calldata locks) private view returns (int256) {
        LaneState storage shown = _lanes[id][side];
        if (locks.hash() != (shown.hasLocks ? shown.locksHash : bytes32(0))) revert WrongLocks(side);
        return int256(uint256(shown.transferred) + _payable(locks));
    }

    /// @dev Ends a channel for good and pays everyone.
    function _end(ChannelKey calldata key, ChannelId id, Channel memory channel, uint256 pay0, uint256 pay1) private {
        _channels[id].status = Status.Settled;
        emit ChannelSettled(id, pay0, pay1);
        if (channel.status == Status.Closing) delete _lanes[id];
        Rescue[2] memory rescues;
        if (channel.hasRescue) {
            rescues = _rescues[id];
            delete _rescues[id];
        }
        _payOut(key.token, key.party0, pay0, rescues[0]);
        _payOut(key.token, key.party1, pay1, rescues[1]);
    }

    /// @dev Pays a side, and out of that the tower that has saved it.
    function _payOut(address token, address party, uint256 amount, Rescue memory rescue) private {
        uint256 reward = rescue.reward < amount ? rescue.reward : amount;
        _pay(token, rescue.tower, reward);
        _pay(token, party, amount - reward);
    }

    /// @dev What the sides have taken out.
    function _taken(ChannelId id, Channel memory channel) private view returns (uint256 taken0, uint256 taken1) {
        if (channel.hasWithdrawn) (taken0, taken1) = (_withdrawn[id][0], _withdrawn[id][1]);
    }

    /// @dev All that is in a channel.
    function _total(ChannelId id, Channel memory channel) private view returns (uint256) {
        (uint256 taken0, uint256 taken1) = _taken(id, channel);
        return uint256(channel.deposit0) + channel.deposit1 - taken0 - taken1;
    }

    function _requireStatus(ChannelId id, Status expected) private view {
        Status status = _channels[id].status;
        if (status != expected) revert WrongStatus(id, status);
    }

    function _requireInTime(uint256 validUntil) private view {
        if (block.timestamp > validUntil) revert Expired(validUntil);
    }

    function _checkBoth(ChannelKey calldata key, bytes32 digest, bytes calldata signature0, bytes calldata signature1)
        private
        view
    {
        Signatures.check(key.party0, digest, signature0);
        Signatures.check(key.party1, digest, signature1);
    }

    function _party(ChannelKey calldata key, uint8 side) private pure returns (address) {
        if (side > 1) revert WrongSide(side);
        return side == 0 ? key.party0 : key.party1;
    }
}
