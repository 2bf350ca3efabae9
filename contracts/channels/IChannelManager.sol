// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ChannelId, ChannelKey, CooperativeClose, LaneProof, TowerPay, Withdrawal} from "./ChannelTypes.sol";

/// @title IChannelManager
/// @notice Payment channels between two parties, with ether or an ERC-20. Each side pays the other on a lane of its own, whose
/// states both sign; the newest counts (replace by nonce: to have lost data forfeits nothing). A side may close alone; within the
/// channel's window anyone may show newer states; then the channel is settled in one shot:
///
///     out_i = transferred_i + what is payable of lane i's locks
///     pay_0 = clamp(deposit_0 - withdrawn_0 - out_0 + out_1, 0, total),   pay_1 = total - pay_0
///
/// There is no owner and no fee. The same code stands at the same address on every chain.
interface IChannelManager {
    /// @notice Where a channel is in its life. It never goes back.
    enum Status {
        None,
        Open,
        Closing,
        Settled
    }

    /// @notice What is kept of a channel.
    /// @param deposit0 All that was paid in for side 0.
    /// @param deposit1 The same for side 1.
    /// @param settleAt From when on it may be settled, seconds; zero while it is open.
    /// @param hasWithdrawn Whether a side has taken money out: what is not there need not be looked at.
    /// @param hasRescue Whether a tower is to be paid.
    struct Channel {
        uint96 deposit0;
        uint96 deposit1;
        uint40 settleAt;
        Status status;
        bool hasWithdrawn;
        bool hasRescue;
    }

    /// @notice The newest state of a lane that was shown.
    /// @param locksHash Of its locks; not looked at where it has none.
    struct LaneState {
        uint64 nonce;
        uint128 transferred;
        bool hasLocks;
        bytes32 locksHash;
    }

    /// @notice Who is paid for showing a newer state for a side, and what he was promised.
    struct Rescue {
        address tower;
        uint96 reward;
    }

    /// @notice A channel is open.
    event ChannelOpened(
        ChannelId indexed id,
        address indexed party0,
        address indexed party1,
        address token,
        uint32 window,
        bytes32 salt
    );
    /// @notice Money was paid in. `total`: all of that side's deposits.
    event Deposited(ChannelId indexed id, uint8 side, uint256 amount, uint256 total);
    /// @notice A side took money out. `total`: all that it has taken.
    event Withdrawn(ChannelId indexed id, uint8 side, uint256 total);
    /// @notice A side closes alone.
    event ChannelClosing(ChannelId indexed id, address indexed by, uint256 settleAt);
    /// @notice A newer state of a lane was shown, with all its locks: to settle takes nobody's memory.
    event LaneShown(ChannelId indexed id, uint8 indexed side, uint64 nonce, uint128 transferred, bytes locks);
    /// @notice A tower is to be paid by a side when the channel is settled.
    event RescueNoted(ChannelId indexed id, uint8 indexed side, address indexed tower, uint256 reward);
    /// @notice The channel has ended: what each side has of it, before it pays a tower.
    event ChannelSettled(ChannelId indexed id, uint256 pay0, uint256 pay1);

    /// @notice Thrown when the name is taken, or the channel is not in the state that the call needs.
    error WrongStatus(ChannelId id, Status status);
    /// @notice Thrown when the parties are one, nobody, or this contract.
    error WrongParties();
    /// @notice Thrown when the sender is neither party.
    error NotAParty(address sender);
    /// @notice Thrown when the window is out of bounds, seconds.
    error WrongWindow(uint256 least, uint256 most);
    /// @notice Thrown when there is no token at the address.
    error NoToken(address token);
    /// @notice Thrown when a side is neither 0 nor 1.
    error WrongSide(uint8 side);
    /// @notice Thrown when deposits would be more than can be kept.
    error TooMuch(uint256 most);
    /// @notice Thrown when the amounts do not fit what is in the channel.
    error WrongAmounts(uint256 available);
    /// @notice Thrown when the lane's state is not newer than the one that was shown.
    error NotNewer(uint64 nonce);
    /// @notice Thrown when the closing window is over, or not over yet, seconds.
    error WrongTime(uint256 settleAt);
    /// @notice Thrown when the locks are not those of the state that was shown.
    error WrongLocks(uint8 side);
    /// @notice Thrown when a tower's state is older than what it is paid for.
    error NotWorthIt(uint64 minNonce);

    /// @notice Opens a channel, with money for one's own side. Only a party, or someone could take the name before it.
    /// @param amount Wei (sent along), or units of the token (allowed before).
    function open(ChannelKey calldata key, uint256 amount) external payable returns (ChannelId id);

    /// @notice The same with an EIP-2612 permit for the token. One that somebody has used already does no harm.
    function openWithPermit(ChannelKey calldata key, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        returns (ChannelId id);

    /// @notice Opens a channel, or pays into one that is open, by an EIP-3009 authorization, which anyone may bring: who pays needs
    /// no ether.
    /// @param side Whose authorization it is. Its nonce must be the channel's id: it can be used for no other.
    function openWithAuthorization(
        ChannelKey calldata key,
        uint8 side,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (ChannelId id);

    /// @notice Pays into an open channel, for either side.
    function deposit(ChannelKey calldata key, uint8 side, uint256 amount) external payable;

    /// @notice Pays out of an open channel, by both sides' consent.
    function withdraw(
        ChannelKey calldata key,
        Withdrawal calldata taken,
        bytes calldata signature0,
        bytes calldata signature1
    ) external;

    /// @notice Ends a channel at once, by both sides' consent; also one that is closing. What was paid in since is side 0's.
    function coopClose(
        ChannelKey calldata key,
        CooperativeClose calldata close_,
        bytes calldata signature0,
        bytes calldata signature1
    ) external;

    /// @notice Closes alone. Only a party. The window begins, and nothing makes it longer.
    /// @param lane0 The newest state of side 0's lane that the sender knows; nonce 0 for none.
    /// @param lane1 The same of side 1's.
    function close(ChannelKey calldata key, LaneProof calldata lane0, LaneProof calldata lane1) external;

    /// @notice Shows a newer state of a side's lane while the channel is closing. Anyone.
    function update(ChannelKey calldata key, uint8 side, LaneProof calldata lane) external;

    /// @notice The same by a tower, which is to be paid for it by the side that the lane pays, unless a newer state is shown after it.
    function updateForReward(
        ChannelKey calldata key,
        uint8 side,
        LaneProof calldata lane,
        TowerPay calldata pay,
        bytes calldata signature
    ) external;

    /// @notice Settles a channel whose window is over. Anyone.
    /// @param locks0 The locks of the newest state of side 0's lane (LaneShown has them).
    /// @param locks1 The same of side 1's.
    function settle(ChannelKey calldata key, bytes calldata locks0, bytes calldata locks1) external;

    /// @notice What is kept of a channel; zeros if it was never opened.
    function getChannel(ChannelId id) external view returns (Channel memory);

    /// @notice All that a side has taken out.
    function withdrawn(ChannelId id, uint8 side) external view returns (uint128);

    /// @notice The newest state of a side's lane that was shown while the channel is closing.
    function getLane(ChannelId id, uint8 side) external view returns (LaneState memory);

    /// @notice The tower that a side is to pay.
    function getRescue(ChannelId id, uint8 side) external view returns (Rescue memory);
}
