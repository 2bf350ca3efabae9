// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title IMessagePasser
/// @notice Predeploy: where L2 sends calls to L1. It records the hash of each; L1 proves the record and makes the call.
/// Ether sent along stays here for good, as it leaves L1's bridge: L2's supply is all balances but this one.
interface IMessagePasser {
    /// @notice A call to L1 was recorded: all that its finalisation on L1 needs.
    event MessagePassed(
        uint256 indexed nonce,
        address indexed sender,
        address indexed target,
        uint256 value,
        uint256 gasLimit,
        bytes data,
        bytes32 withdrawalHash
    );

    /// @notice Thrown when the call asks for more gas than an L1 transaction can be counted on to have.
    error GasLimitTooHigh(uint256 maximum);
    /// @notice Thrown when the data is too long for an L1 transaction to carry.
    error DataTooLarge(uint256 maximum);

    /// @notice Sends a call to L1, with the value sent.
    /// @param target Callee on L1. Must not be the inbox or the bridge, which the bridge refuses to call.
    /// @param gasLimit Least L1 gas for the call. Whoever finalises may give more, not less.
    /// @return withdrawalHash The hash recorded.
    function initiateWithdrawal(address target, uint256 gasLimit, bytes calldata data)
        external
        payable
        returns (bytes32 withdrawalHash);

    /// @notice Whether this withdrawal was recorded.
    function sent(bytes32 withdrawalHash) external view returns (bool);

    /// @notice Withdrawals so far: the nonce of the next one.
    function nonce() external view returns (uint256);
}
