// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What makes one chain this chain, in the order of its genesis block's parent hash (protocol reference, section 2).
/// @param chainId L2's.
/// @param gasLimit Of a block.
/// @param elasticity A block's gas limit is so many times its target.
/// @param baseFeeDenominator By how much of itself the base fee may change in a block that is one target off.
/// @param minBaseFee Wei.
/// @param dataGasPerByte L1 gas that a transaction is charged for each of its bytes.
/// @param maxDrift Seconds that a block may be ahead of its batch.
/// @param allowUnprotected Whether transactions signed without a chain id are valid.
struct ChainParameters {
    uint256 chainId;
    uint256 gasLimit;
    uint256 elasticity;
    uint256 baseFeeDenominator;
    uint256 minBaseFee;
    uint256 dataGasPerByte;
    uint256 maxDrift;
    bool allowUnprotected;
}
