// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SparseMerkleTree} from "../../lib/SparseMerkleTree.sol";
import {NotCanonical, TapeTooLong, TapeTooShort} from "../MachineErrors.sol";

/// @notice A witness that is read from front to back.
/// @param position Where in calldata the next byte is.
/// @param end Where in calldata it ends. Never below `position`.
struct TapeReader {
    uint256 position;
    uint256 end;
}

/// @title Tape
/// @notice Reads a step's witness (machine reference, section 3). Twin of tandem/machine/tape.py.
library Tape {
    /// @dev Where abi.encode of a Proof has its siblings: behind four words.
    uint256 private constant PROOF_HEAD = 0x80;
    uint256 private constant NODE_BYTES = 0x60;

    /// @notice The tape at its beginning.
    function open(bytes calldata witness) internal pure returns (TapeReader memory t) {
        uint256 start;
        assembly ("memory-safe") {
            start := witness.offset
        }
        t.position = start;
        t.end = start + witness.length;
    }

    /// @notice Nothing may be left.
    function finish(TapeReader memory t) internal pure {
        if (t.position != t.end) revert TapeTooLong();
    }

    /// @notice Moves past `count` bytes.
    /// @return position Where in calldata they are.
    function take(TapeReader memory t, uint256 count) internal pure returns (uint256 position) {
        position = t.position;
        if (count > t.end - position) revert TapeTooShort();
        unchecked {
            t.position = position + count;
        }
    }

    /// @notice The next 32 bytes.
    function word(TapeReader memory t) internal pure returns (bytes32 result) {
        uint256 position = take(t, 32);
        assembly ("memory-safe") {
            result := calldataload(position)
        }
    }

    /// @notice A big-endian number of `width` bytes, at most 32.
    function number(TapeReader memory t, uint256 width) internal pure returns (uint256 result) {
        uint256 position = take(t, width);
        // SAFETY: a width of 0 shifts by 256, which gives 0.
        assembly ("memory-safe") {
            result := shr(sub(256, shl(3, width)), calldataload(position))
        }
    }

    /// @notice A proof of a key in a sparse Merkle tree, in its only form. Says nothing of the tree's root.
    function proof(TapeReader memory t) internal pure returns (SparseMerkleTree.Proof calldata result) {
        uint256 position = take(t, PROOF_HEAD + 32);
        uint256 siblingsAt;
        uint256 leafKey;
        uint256 leafValue;
        uint256 count;
        assembly ("memory-safe") {
            siblingsAt := calldataload(add(position, 0x20))
            leafKey := calldataload(add(position, 0x40))
            leafValue := calldataload(add(position, 0x60))
            count := calldataload(add(position, 0x80))
            result := position
        }
        if (siblingsAt != PROOF_HEAD || (leafValue == 0 && leafKey != 0)) revert NotCanonical();
        if (count > 256) revert SparseMerkleTree.MalformedProof();
        unchecked {
            take(t, count * 32);
        }
    }

    /// @notice The preimage of a sparse tree's node.
    function node(TapeReader memory t) internal pure returns (SparseMerkleTree.Node calldata result) {
        uint256 position = take(t, NODE_BYTES);
        assembly ("memory-safe") {
            result := position
        }
    }
}
