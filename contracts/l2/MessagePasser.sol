// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Withdrawal, WithdrawalHashing} from "../bridge/WithdrawalTypes.sol";
import {IMessagePasser} from "./IMessagePasser.sol";

/// @title MessagePasser
/// @notice See IMessagePasser.
/// @dev Predeploy without constructor. Storage, which L1 proves against: slot 0 `sent`, slot 1 `nonce`. Nothing else may ever be
/// stored here.
// slither-disable-next-line locked-ether
contract MessagePasser is IMessagePasser {
    /// @notice Most L1 gas that a call can ask for: half of what L1 allows a transaction (EIP-7825).
    uint256 public constant MAX_GAS_LIMIT = 1 << 23;
    /// @notice Longest data, bytes.
    uint256 public constant MAX_DATA = 65_536;

    /// @inheritdoc IMessagePasser
    mapping(bytes32 withdrawalHash => bool) public sent;
    /// @inheritdoc IMessagePasser
    uint256 public nonce;

    /// @inheritdoc IMessagePasser
    function initiateWithdrawal(address target, uint256 gasLimit, bytes calldata data)
        external
        payable
        returns (bytes32 withdrawalHash)
    {
        if (gasLimit > MAX_GAS_LIMIT) revert GasLimitTooHigh(MAX_GAS_LIMIT);
        if (data.length > MAX_DATA) revert DataTooLarge(MAX_DATA);
        uint256 current = nonce++;
        withdrawalHash = WithdrawalHashing.hash(Withdrawal(current, msg.sender, target, msg.value, gasLimit, data));
        sent[withdrawalHash] = true;
        emit MessagePassed(current, msg.sender, target, msg.value, gasLimit, data, withdrawalHash);
    }
}
