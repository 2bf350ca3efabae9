// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title IFeeVault
/// @notice Predeploy: receives base fees and tips as the coinbase of every block, and sends them to one address on L1.
interface IFeeVault {
    /// @notice The vault's balance is on its way to L1.
    event FeesWithdrawn(uint256 amount, bytes32 withdrawalHash);

    /// @notice Thrown when there is nothing to withdraw.
    error NoFees();

    /// @notice Sends the whole balance to the recipient on L1. Anyone.
    /// @return withdrawalHash The withdrawal to finalise on L1.
    function withdraw() external returns (bytes32 withdrawalHash);

    /// @notice Who gets the fees on L1; fixed at genesis.
    function recipient() external view returns (address);
}
