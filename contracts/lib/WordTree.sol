// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title WordTree
/// @notice A complete binary tree of 32-byte words: branch = keccak(left ‖ right), absent words are zero (protocol reference,
/// section 1). Its depth is fixed by whoever uses it, so that leaves and branches need no tags.
library WordTree {
    /// @notice Depths are bounded, and so is every loop here.
    uint256 internal constant MAX_DEPTH = 64;

    /// @notice Thrown when the words, the index or the path do not fit a tree of this depth.
    error OutOfTree();

    /// @notice Root of the tree of this depth over `words`, the rest being zero. Overwrites `words`.
    function root(bytes32[] memory words, uint256 depth) internal pure returns (bytes32) {
        uint256 count = words.length;
        if (depth > MAX_DEPTH || count > 1 << depth) revert OutOfTree();
        bytes32 zero; // root of an all-zero subtree at the level reached
        if (count == 0) {
            for (uint256 level; level < depth; ++level) zero = hash(zero, zero);
            return zero;
        }
        unchecked {
            for (uint256 level; level < depth; ++level) {
                for (uint256 i; i < count; i += 2) {
                    words[i >> 1] = hash(words[i], i + 1 < count ? words[i + 1] : zero);
                }
                count = (count + 1) >> 1;
                zero = hash(zero, zero);
            }
        }
        return words[0];
    }

    /// @notice The root that a path from `word` at `index` leads to.
    /// @param siblings One per level, the word's own sibling first.
    function rootOfPath(uint256 index, bytes32 word, bytes32[] calldata siblings) internal pure returns (bytes32 node) {
        uint256 depth = siblings.length;
        if (depth > MAX_DEPTH || index >> depth != 0) revert OutOfTree();
        node = word;
        unchecked {
            for (uint256 level; level < depth; ++level) {
                node = (index >> level) & 1 == 0 ? hash(node, siblings[level]) : hash(siblings[level], node);
            }
        }
    }

    /// @notice Whether the tree of this depth with root `root_` holds `word` at `index`. False for whatever does not prove it.
    function verify(bytes32 root_, uint256 depth, uint256 index, bytes32 word, bytes32[] calldata siblings)
        internal
        pure
        returns (bool)
    {
        if (depth > MAX_DEPTH || siblings.length != depth || index >> depth != 0) return false;
        return rootOfPath(index, word, siblings) == root_;
    }

    /// @notice keccak(left ‖ right).
    function hash(bytes32 left, bytes32 right) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            result := keccak256(0x00, 0x40)
        }
    }
}
