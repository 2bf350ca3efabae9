// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {WordTree} from "../../lib/WordTree.sol";
import {NotCanonical, WrongOpening} from "../MachineErrors.sol";
import {Tape, TapeReader} from "./Tape.sol";

/// @title WordRange
/// @notice Adjacent words of a word tree with what proves them (machine reference, section 3): read, change, hash again.
/// Twin of tandem/machine/word_tree.py.
/// @dev Measured: 6,900 gas to read one word of a tree of depth 17, 5,600 for its root after; 100 and 84 a word for many.
library WordRange {
    /// @notice Depth of memory, calldata, return data and batches.
    uint256 internal constant DEPTH = 17;
    uint256 private constant MASK_BYTES = 8;

    /// @param first Index of the first word.
    /// @param depth Of the tree.
    /// @param mask Bit k (least significant first): the k-th sibling is on the tape; else it is the zero subtree's root.
    /// @param siblings Where in calldata they are: level by level from the leaves, left before right.
    /// @param words May be changed.
    struct Range {
        uint256 first;
        uint256 depth;
        uint256 mask;
        uint256 siblings;
        bytes32[] words;
    }

    /// @notice The words from `first` on, at least one. WrongOpening unless they are in the tree with this root.
    function read(TapeReader memory t, bytes32 root, uint256 depth, uint256 first, uint256 count)
        internal
        pure
        returns (Range memory range)
    {
        uint256 size = 1 << depth;
        if (count == 0 || first >= size || count > size - first) revert WordTree.OutOfTree();
        range.first = first;
        range.depth = depth;
        range.words = _words(Tape.take(t, count * 32), count);
        range.mask = Tape.number(t, MASK_BYTES);
        range.siblings = t.position;
        Tape.take(t, 32 * _bits(range.mask));
        bytes32[] memory words = range.words;
        uint256 source;
        assembly ("memory-safe") {
            source := add(words, 0x20)
        }
        if (_fold(range, source, count) != root) revert WrongOpening();
    }

    /// @notice Root of the tree with the words as they are now, all else as it was. Leaves the words alone.
    function rootOf(Range memory range) internal pure returns (bytes32) {
        bytes32[] memory words = range.words;
        uint256 source;
        assembly ("memory-safe") {
            source := add(words, 0x20)
        }
        return _fold(range, source, words.length);
    }

    /// @notice One word.
    function one(TapeReader memory t, bytes32 root, uint256 depth, uint256 index) internal pure returns (bytes32) {
        return read(t, root, depth, index, 1).words[0];
    }

    /// @notice `length` bytes from `start` on of a tree of depth 17. For none, nothing is read.
    /// @return data Zeros fill its last word.
    function bytesAt(TapeReader memory t, bytes32 root, uint256 start, uint256 length)
        internal
        pure
        returns (bytes memory data)
    {
        if (length == 0) return data;
        uint256 first = start >> 5;
        bytes32[] memory words = read(t, root, DEPTH, first, ((start + length - 1) >> 5) - first + 1).words;
        // The words become the bytes, in place: memory grows dear.
        // SAFETY: the bytes end inside of the words, so what fills their last word is inside of them too.
        assembly ("memory-safe") {
            data := words
            let to := add(data, 0x20)
            mcopy(to, add(to, and(start, 31)), length)
            mstore(data, length)
            let odd := and(length, 31)
            if odd {
                let last := add(to, sub(length, odd))
                let unused := shl(3, sub(32, odd))
                mstore(last, shl(unused, shr(unused, mload(last))))
            }
        }
    }

    /// @notice `count` bytes of a slice from its byte `from` on; zeros behind its end. What is there is read, if anything.
    /// @param from May be any number.
    function sliceBytes(
        TapeReader memory t,
        bytes32 root,
        uint256 offset,
        uint256 length,
        uint256 from,
        uint256 count
    ) internal pure returns (bytes memory data) {
        if (from >= length) return new bytes(count);
        uint256 there = length - from;
        if (there >= count) return bytesAt(t, root, offset + from, count);
        data = new bytes(count);
        bytes memory part = bytesAt(t, root, offset + from, there);
        assembly ("memory-safe") {
            mcopy(add(data, 0x20), add(part, 0x20), there)
        }
    }

    /// @notice Root of a new tree of depth 17 over these bytes; 0 for none.
    function treeRoot(bytes memory data) internal pure returns (bytes32 root) {
        uint256 length = data.length;
        if (length == 0) return bytes32(0);
        uint256 count = (length + 31) >> 5;
        if (count > 1 << DEPTH) revert WordTree.OutOfTree();
        uint256 source;
        uint256 last;
        uint256 kept;
        // What fills the last word need not be zero. It is put back after.
        assembly ("memory-safe") {
            source := add(data, 0x20)
            last := add(data, shl(5, count))
            kept := mload(last)
            let unused := sub(shl(8, count), shl(3, length))
            mstore(last, shl(unused, shr(unused, kept)))
        }
        Range memory whole;
        whole.depth = DEPTH;
        root = _fold(whole, source, count);
        assembly ("memory-safe") {
            mstore(last, kept)
        }
    }

    /// @dev Words of calldata in memory.
    function _words(uint256 position, uint256 count) private pure returns (bytes32[] memory words) {
        assembly ("memory-safe") {
            words := mload(0x40)
            mstore(words, count)
            calldatacopy(add(words, 0x20), position, shl(5, count))
            mstore(0x40, add(words, shl(5, add(count, 1))))
        }
    }

    /// @dev Number of set bits of a mask of 64: of pairs, of nibbles, of bytes, then all together.
    function _bits(uint256 mask) private pure returns (uint256 count) {
        unchecked {
            count = mask - ((mask >> 1) & 0x5555555555555555);
            count = (count & 0x3333333333333333) + ((count >> 2) & 0x3333333333333333);
            count = (count + (count >> 4)) & 0x0f0f0f0f0f0f0f0f;
            count = ((count * 0x0101010101010101) >> 56) & 0xff;
        }
    }

    /// @dev The root over `count` words of memory from `source` on, the first of them at `range.first`. Leaves them alone.
    /// NotCanonical where the mask has bits for which there is no sibling, or a sibling is a zero subtree's root.
    ///
    /// A level of nodes is written behind the free memory pointer, each over what has been read before. Two neighbours are hashed
    /// where they stand.
    function _fold(Range memory range, uint256 source, uint256 count) private pure returns (bytes32 root) {
        bool sound;
        assembly ("memory-safe") {
            let first := mload(range)
            let mask := mload(add(range, 0x40))
            let sibling := mload(add(range, 0x60))
            let end := add(source, shl(5, count))
            let zero := 0 // root of the zero subtree of this level
            let levels := mload(add(range, 0x20))
            for {} and(gt(sub(end, source), 0x20), gt(levels, 0)) { levels := sub(levels, 1) } {
                let to := mload(0x40)
                if and(first, 1) {
                    mstore(0x20, mload(source))
                    mstore(0x00, zero)
                    if and(mask, 1) {
                        mstore(0x00, calldataload(sibling))
                        // A mark that no later shift moves out of the mask.
                        mask := or(mask, shl(255, eq(mload(0x00), zero)))
                        sibling := add(sibling, 0x20)
                    }
                    mask := shr(1, mask)
                    mstore(to, keccak256(0x00, 0x40))
                    source := add(source, 0x20)
                    to := add(to, 0x20)
                }
                // A last word without a right neighbour is left over.
                let paired := sub(end, and(sub(end, source), 0x20))
                // Eight words at a time, then two.
                for {} iszero(gt(add(source, 0x100), paired)) { source := add(source, 0x100) } {
                    mstore(to, keccak256(source, 0x40))
                    mstore(add(to, 0x20), keccak256(add(source, 0x40), 0x40))
                    mstore(add(to, 0x40), keccak256(add(source, 0x80), 0x40))
                    mstore(add(to, 0x60), keccak256(add(source, 0xc0), 0x40))
                    to := add(to, 0x80)
                }
                for {} lt(source, paired) { source := add(source, 0x40) } {
                    mstore(to, keccak256(source, 0x40))
                    to := add(to, 0x20)
                }
                if lt(source, end) {
                    mstore(0x00, mload(source))
                    mstore(0x20, zero)
                    if and(mask, 1) {
                        mstore(0x20, calldataload(sibling))
                        mask := or(mask, shl(255, eq(mload(0x20), zero)))
                        sibling := add(sibling, 0x20)
                    }
                    mask := shr(1, mask)
                    mstore(to, keccak256(0x00, 0x40))
                    to := add(to, 0x20)
                }
                source := mload(0x40)
                end := to
                first := shr(1, first)
                mstore(0x00, zero)
                mstore(0x20, zero)
                zero := keccak256(0x00, 0x40)
            }
            // One node is left: a path to the root.
            root := mload(source)
            for {} levels { levels := sub(levels, 1) } {
                let beside := zero
                if and(mask, 1) {
                    beside := calldataload(sibling)
                    mask := or(mask, shl(255, eq(beside, zero)))
                    sibling := add(sibling, 0x20)
                }
                mask := shr(1, mask)
                let place := shl(5, and(first, 1))
                first := shr(1, first)
                mstore(place, root)
                mstore(xor(place, 0x20), beside)
                root := keccak256(0x00, 0x40)
                mstore(0x00, zero)
                mstore(0x20, zero)
                zero := keccak256(0x00, 0x40)
            }
            sound := iszero(mask)
        }
        if (!sound) revert NotCanonical();
    }
}
