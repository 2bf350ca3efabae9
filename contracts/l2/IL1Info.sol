// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title IL1Info
/// @notice Predeploy: what L2 knows of L1, as the last system message told it.
interface IL1Info {
    /// @notice L1's state was told.
    event OriginSet(uint64 number, bytes32 hash, uint64 timestamp, uint256 baseFee);

    /// @notice Thrown when anyone but the system sender tells L1's state.
    error OnlySystem();

    /// @notice Records L1's state. Only the system sender, by the message that every batch queues.
    /// @param number Number of the parent of the L1 block that held the batch.
    /// @param hash Hash of that parent.
    /// @param timestamp Time of the L1 block that held the batch.
    /// @param baseFee Base fee of the L1 block that held the batch, wei.
    function setOrigin(uint64 number, bytes32 hash, uint64 timestamp, uint256 baseFee) external;

    /// @notice Number of an L1 block: the parent of the one that held the last batch told of.
    function number() external view returns (uint64);
    /// @notice Time of the L1 block that held that batch.
    function timestamp() external view returns (uint64);
    /// @notice Hash of the L1 block with that number.
    function hash() external view returns (bytes32);
    /// @notice Base fee of the L1 block that held that batch, wei.
    function baseFee() external view returns (uint256);
}
