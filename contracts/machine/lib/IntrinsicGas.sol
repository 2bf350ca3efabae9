// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title IntrinsicGas
/// @notice Gas that a transaction pays before its first instruction. Twin of `intrinsic_gas` in tandem/evm/validation.py.
library IntrinsicGas {
    uint256 private constant TRANSACTION = 21_000;
    uint256 private constant CREATION = 32_000;
    /// @dev EIP-2028.
    uint256 private constant ZERO_BYTE = 4;
    uint256 private constant BYTE = 16;
    /// @dev EIP-2930.
    uint256 private constant ACCESS_ADDRESS = 2_400;
    uint256 private constant ACCESS_SLOT = 1_900;
    /// @dev EIP-3860.
    uint256 private constant INIT_WORD = 2;

    /// @notice The gas, without the L1 data cost.
    /// @param memoryBytes Holds the transaction's data at `offset`, `length` bytes of it.
    /// @param addresses Entries of the access list.
    /// @param slots Slots in all its entries.
    function total(
        bytes memory memoryBytes,
        uint256 offset,
        uint256 length,
        bool isCreation,
        uint256 addresses,
        uint256 slots
    ) internal pure returns (uint256 gas_) {
        uint256 zeros = zeroBytes(memoryBytes, offset, length);
        // SAFETY: lengths and counts are those of things in memory.
        unchecked {
            gas_ = TRANSACTION + zeros * ZERO_BYTE + (length - zeros) * BYTE;
            gas_ += addresses * ACCESS_ADDRESS + slots * ACCESS_SLOT;
            if (isCreation) gas_ += CREATION + INIT_WORD * ((length + 31) >> 5);
        }
    }

    /// @notice How many of the `length` bytes at `offset` in `memoryBytes` are zero. They must be there.
    function zeroBytes(bytes memory memoryBytes, uint256 offset, uint256 length) internal pure returns (uint256 zeros) {
        assembly ("memory-safe") {
            let low := 0x7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f
            let ones := 0x0101010101010101010101010101010101010101010101010101010101010101
            let at := add(add(memoryBytes, 0x20), offset)
            let end := add(at, length)
            let others := 0
            // Adding 0x7f carries into a byte's highest bit unless its lower seven are zero; no byte carries into the next.
            // That leaves one bit a byte, and the product's highest byte is their sum, at most 32.
            for {} iszero(gt(add(at, 0x20), end)) { at := add(at, 0x20) } {
                let word := mload(at)
                word := or(add(and(word, low), low), word)
                others := add(others, shr(248, mul(and(shr(7, word), ones), ones)))
            }
            if lt(at, end) {
                // What lies behind the end becomes zeros, which are not counted.
                let behind := shl(3, sub(0x20, sub(end, at)))
                let word := shl(behind, shr(behind, mload(at)))
                word := or(add(and(word, low), low), word)
                others := add(others, shr(248, mul(and(shr(7, word), ones), ones)))
            }
            zeros := sub(length, others)
        }
    }
}
