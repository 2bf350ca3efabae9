// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title CodeChunks
/// @notice The chunk tree of contract code (protocol reference, section 1): a chunk is one byte, how many of its leading bytes are
/// push data of an earlier chunk, and 31 bytes of code. Twin of tandem/state/code.py.
/// @dev Tight, because init code has up to 49,152 bytes: at most 940 gas a chunk with all its hashing.
library CodeChunks {
    uint256 internal constant CHUNK_BYTES = 31;
    /// @notice Depth of the tree: 2,048 chunks.
    uint256 internal constant DEPTH = 11;

    /// @dev The same byte in each of a word's first 31; the last one is zero.
    uint256 private constant ONES = 0x0101010101010101010101010101010101010101010101010101010101010100;
    uint256 private constant HIGH_BITS = 0x8080808080808080808080808080808080808080808080808080808080808000;
    uint256 private constant LOW_FIVE = 0x1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f00;

    /// @notice Thrown for code that the tree cannot hold.
    error CodeOutOfTree();

    /// @notice Root of the chunk tree; zero for no code.
    function root(bytes memory code) internal pure returns (bytes32) {
        if (code.length == 0) return bytes32(0);
        if (code.length > CHUNK_BYTES << DEPTH) revert CodeOutOfTree();
        (uint256 chunks, uint256 count) = _chunks(code);
        return _root(chunks, count);
    }

    /// @dev Writes the chunks to new memory, with room for one word behind them.
    /// @return chunks Where they are. `count` is not zero.
    function _chunks(bytes memory code) private pure returns (uint256 chunks, uint256 count) {
        assembly ("memory-safe") {
            let size := mload(code)
            count := div(add(size, 30), CHUNK_BYTES)
            chunks := mload(0x40)
            mstore(0x40, add(chunks, shl(5, add(count, 1))))

            let source := add(code, 0x20)
            let end := add(chunks, shl(5, count))
            let carry := 0 // bytes of push data that reach beyond the chunk before: 0..32
            for { let out := chunks } lt(out, end) { out := add(out, 0x20) } {
                let data := mload(source)
                // PUSH1..PUSH32 are 011xxxxx: a flag in the lowest bit of each byte of that form.
                let pushes := shr(7, and(and(not(data), shl(1, data)), and(shl(2, data), HIGH_BITS)))
                // Byte i: how far it is to the next instruction if one stands at i; 1, or x + 2 for a push.
                let widths := add(ONES, and(add(and(data, LOW_FIVE), ONES), mul(pushes, 0xff)))
                mstore(out, or(shl(248, sub(carry, gt(carry, CHUNK_BYTES))), shr(8, data)))
                // From instruction to instruction. Behind the chunk a byte of `widths` is 0: there one stays.
                for { } lt(carry, CHUNK_BYTES) { } {
                    carry := add(carry, byte(carry, widths))
                    carry := add(carry, byte(carry, widths))
                    carry := add(carry, byte(carry, widths))
                    carry := add(carry, byte(carry, widths))
                    carry := add(carry, byte(carry, widths))
                    carry := add(carry, byte(carry, widths))
                    carry := add(carry, byte(carry, widths))
                    carry := add(carry, byte(carry, widths))
                }
                carry := sub(carry, CHUNK_BYTES)
                source := add(source, CHUNK_BYTES)
            }
            // What was read behind the code's end does not belong to it: 0 to 30 bytes of the last chunk.
            let last := sub(end, 0x20)
            let excess := shl(3, sub(mul(count, CHUNK_BYTES), size))
            mstore(last, shl(excess, shr(excess, mload(last))))
        }
    }

    /// @dev Root over `count` words in memory, zeros behind them. Overwrites them and the word behind.
    function _root(uint256 words, uint256 count) private pure returns (bytes32 node) {
        assembly ("memory-safe") {
            let zero := 0 // root of an all-zero subtree of the level reached
            for { let level := 0 } lt(level, DEPTH) { level := add(level, 1) } {
                let end := add(words, shl(5, count))
                mstore(end, zero)
                let out := words
                for { let pair := words } lt(pair, end) { pair := add(pair, 0x40) } {
                    mstore(out, keccak256(pair, 0x40))
                    out := add(out, 0x20)
                }
                count := shr(1, add(count, 1))
                mstore(0x00, zero)
                mstore(0x20, zero)
                zero := keccak256(0x00, 0x40)
            }
            node := mload(words)
        }
    }
}
