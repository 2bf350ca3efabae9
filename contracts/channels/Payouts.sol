// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Payouts
/// @notice Money in and out of a contract that must not be stopped by who is paid: what cannot be sent can be claimed.
abstract contract Payouts {
    using SafeERC20 for IERC20;

    /// @notice Gas that a receiver of ether may use.
    uint256 public constant ETHER_GAS = 50_000;
    /// @notice Gas that a token may use for a transfer.
    uint256 public constant TOKEN_GAS = 200_000;

    /// @notice What could not be sent to someone, in wei or the token's units. `token` zero: ether.
    mapping(address token => mapping(address owner => uint256)) public claimable;

    /// @notice Money could not be sent, and waits to be claimed.
    event PayoutFailed(address indexed token, address indexed to, uint256 amount);
    /// @notice What waited was fetched.
    event Claimed(address indexed token, address indexed owner, uint256 amount);

    /// @notice Thrown when so little gas is left that a payout could fail for that alone.
    error InsufficientGas(uint256 needed);
    /// @notice Thrown when a token has brought another amount than was asked for: such a token cannot be used.
    error WrongAmountReceived(uint256 expected, uint256 received);
    /// @notice Thrown when the ether that was sent is not what is to be paid, wei.
    error WrongValue(uint256 expected);
    /// @notice Thrown when there is nothing to claim.
    error NothingToClaim(address owner);
    /// @notice Thrown when the receiver of ether refuses it.
    error TransferFailed();

    /// @notice Sends someone what could not be sent before. Anyone may call; whatever gas it takes.
    function claim(address token, address owner) external {
        uint256 amount = claimable[token][owner];
        if (amount == 0) revert NothingToClaim(owner);
        claimable[token][owner] = 0;
        emit Claimed(token, owner, amount);
        if (token != address(0)) return IERC20(token).safeTransfer(owner, amount);
        // slither-disable-next-line arbitrary-send-eth,low-level-calls
        (bool success,) = owner.call{value: amount}("");
        if (!success) revert TransferFailed();
    }

    /// @dev Takes money from the sender: ether that came along, or tokens that he allowed this contract to take.
    function _collect(address token, uint256 amount) internal {
        if (token == address(0)) {
            if (msg.value != amount) revert WrongValue(amount);
            return;
        }
        if (msg.value != 0) revert WrongValue(0);
        if (amount == 0) return;
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        _requireReceived(token, before, amount);
    }

    /// @dev What came in is what was asked for. A deposit within a deposit, which tokens with hooks can attempt, fails by it.
    function _requireReceived(address token, uint256 before, uint256 amount) internal view {
        uint256 received = IERC20(token).balanceOf(address(this)) - before;
        if (received != amount) revert WrongAmountReceived(amount, received);
    }

    /// @dev Sends, or puts down as claimable: nothing that a receiver or a token does makes it fail. Its return data is not copied.
    function _pay(address token, address to, uint256 amount) internal {
        if (amount == 0) return;
        uint256 cap = token == address(0) ? ETHER_GAS : TOKEN_GAS;
        // SAFETY: a call gets at most 63/64 of what is left, so who calls could make a good payout fail by starving it.
        uint256 needed = cap * 64 / 63 + 40_000;
        if (gasleft() < needed) revert InsufficientGas(needed);
        if (token == address(0) ? _sendEther(to, amount, cap) : _sendToken(token, to, amount, cap)) return;
        claimable[token][to] += amount;
        emit PayoutFailed(token, to, amount);
    }

    function _sendEther(address to, uint256 amount, uint256 cap) private returns (bool success) {
        assembly ("memory-safe") {
            success := call(cap, to, amount, 0, 0, 0, 0)
        }
    }

    /// @dev Tokens that return nothing count as having paid, if they are there at all.
    function _sendToken(address token, address to, uint256 amount, uint256 cap) private returns (bool success) {
        bytes memory data = abi.encodeCall(IERC20.transfer, (to, amount));
        assembly ("memory-safe") {
            mstore(0x00, 0)
            success := call(cap, token, 0, add(data, 0x20), mload(data), 0x00, 0x20)
            switch returndatasize()
            case 0 { success := and(success, gt(extcodesize(token), 0)) }
            default { success := and(and(success, gt(returndatasize(), 0x1f)), eq(mload(0x00), 1)) }
        }
    }
}
