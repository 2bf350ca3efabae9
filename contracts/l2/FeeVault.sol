// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Predeploys} from "../lib/Predeploys.sol";
import {IFeeVault} from "./IFeeVault.sol";
import {IMessagePasser} from "./IMessagePasser.sol";

/// @title FeeVault
/// @notice See IFeeVault.
/// @dev Predeploy without constructor. Storage: slot 0 `recipient`, set in genesis and never written after.
contract FeeVault is IFeeVault {
    /// @notice Least L1 gas for paying the recipient.
    uint256 public constant WITHDRAWAL_GAS_LIMIT = 100_000;

    /// @inheritdoc IFeeVault
    // slither-disable-next-line uninitialized-state
    address public recipient;

    /// @notice Anyone may add to the fees.
    receive() external payable {}

    /// @inheritdoc IFeeVault
    function withdraw() external returns (bytes32 withdrawalHash) {
        uint256 amount = address(this).balance;
        if (amount == 0) revert NoFees();
        withdrawalHash = IMessagePasser(Predeploys.MESSAGE_PASSER).initiateWithdrawal{value: amount}(
            recipient, WITHDRAWAL_GAS_LIMIT, ""
        );
        emit FeesWithdrawn(amount, withdrawalHash);
    }
}
