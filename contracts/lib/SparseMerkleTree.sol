// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title SparseMerkleTree
/// @notice A binary tree over 256-bit keys with shortcut leaves: a subtree with one entry is that entry's leaf hash, at whatever
/// depth; an empty subtree is zero; any other is a branch. One set of entries has one root (protocol reference, section 1).
/// @dev Depth 0 is the root. The path to a key takes its bits from the most significant on; bit 0 goes left.
/// Leaves and branches are hashed with different first bytes, so that neither can pass for the other, and zero for neither.
library SparseMerkleTree {
    /// @param bitmap Bit d (least significant = depth 0) is set iff the sibling at depth d is not empty.
    /// @param siblings The siblings that are not empty, root first.
    /// @param leafKey Key of the leaf that the path meets.
    /// @param leafValue Its value; zero when the path meets an empty subtree (then leafKey means nothing).
    struct Proof {
        uint256 bitmap;
        bytes32[] siblings;
        bytes32 leafKey;
        bytes32 leafValue;
    }

    /// @notice Preimage of a node: a leaf's key and value, or a branch's children. Only deletions need one (of the deepest sibling).
    struct Node {
        uint8 tag;
        bytes32 a;
        bytes32 b;
    }

    uint8 internal constant LEAF = 0;
    uint8 internal constant BRANCH = 1;

    /// @notice Thrown when the siblings do not fit the bitmap: wrong number, or an empty one listed.
    error MalformedProof();
    /// @notice Thrown when the leaf that the path meets does not lie on the key's path.
    error ForeignLeafOffPath();
    /// @notice Thrown when the proof does not lead to the root that it is checked against.
    error WrongRoot();
    /// @notice Thrown when a deletion's preimage is not that of the deepest sibling.
    error WrongSiblingPreimage();

    /// @notice Whether the tree with root `root_` maps `key` to `value`; zero means that the key is absent.
    /// @dev False, not an error, for whatever does not prove it.
    function verify(bytes32 root_, bytes32 key, bytes32 value, Proof calldata proof) internal pure returns (bool) {
        if (!_wellFormed(proof) || !_onPath(key, proof) || valueOf(key, proof) != value) return false;
        return _fold(key, _terminal(proof), depthOf(proof), proof) == root_;
    }

    /// @notice The root that the proof leads to. What it says of `key` is `valueOf`.
    function root(bytes32 key, Proof calldata proof) internal pure returns (bytes32) {
        if (!_wellFormed(proof)) revert MalformedProof();
        if (!_onPath(key, proof)) revert ForeignLeafOffPath();
        return _fold(key, _terminal(proof), depthOf(proof), proof);
    }

    /// @notice The value that a proof claims for `key`; zero when it claims absence.
    function valueOf(bytes32 key, Proof calldata proof) internal pure returns (bytes32) {
        return proof.leafKey == key ? proof.leafValue : bytes32(0);
    }

    /// @notice The root after setting `key` to `newValue` in the tree with root `oldRoot`; zero deletes.
    /// @param deepest Preimage of the deepest sibling. Read only where an entry is deleted from a tree that has others.
    function update(bytes32 oldRoot, bytes32 key, bytes32 newValue, Proof calldata proof, Node calldata deepest)
        internal
        pure
        returns (bytes32)
    {
        if (root(key, proof) != oldRoot) revert WrongRoot();
        return rootAfter(key, newValue, proof, deepest);
    }

    /// @notice As `update`, for a proof that was checked before: `root` has given the old root for this very key and proof.
    function rootAfter(bytes32 key, bytes32 newValue, Proof calldata proof, Node calldata deepest)
        internal
        pure
        returns (bytes32)
    {
        uint256 depth = depthOf(proof);
        bool present = valueOf(key, proof) != 0;

        if (newValue != 0) {
            bytes32 node = hashLeaf(key, newValue);
            if (!present && proof.leafValue != 0) node = _split(key, node, depth, proof);
            return _fold(key, node, depth, proof);
        }
        if (!present) return _fold(key, _terminal(proof), depth, proof); // nothing to delete: the root stays
        if (depth == 0) return bytes32(0);

        bytes32 sibling = proof.siblings[proof.siblings.length - 1];
        if (deepest.tag > BRANCH || _hash(deepest.tag, deepest.a, deepest.b) != sibling) revert WrongSiblingPreimage();
        if (deepest.tag == BRANCH) return _fold(key, bytes32(0), depth, proof);
        return _rise(key, sibling, depth - 1, proof);
    }

    /// @notice Hash of the leaf that maps `key` to `value`.
    function hashLeaf(bytes32 key, bytes32 value) internal pure returns (bytes32) {
        return _hash(LEAF, key, value);
    }

    /// @notice Hash of the branch over two subtrees.
    function hashBranch(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return _hash(BRANCH, left, right);
    }

    /// @notice Depth at which a proof's path ends: just below its deepest sibling.
    function depthOf(Proof calldata proof) internal pure returns (uint256 depth) {
        uint256 bitmap = proof.bitmap;
        // Binary search for the highest set bit; its index + 1 is the number of significant bits.
        unchecked {
            for (uint256 step = 128; step > 0; step >>= 1) {
                if (bitmap >> step != 0) {
                    bitmap >>= step;
                    depth += step;
                }
            }
            depth += bitmap; // 1, or 0 for an empty bitmap
        }
    }

    /// @dev What the path ends in: a leaf, or an empty subtree.
    function _terminal(Proof calldata proof) private pure returns (bytes32) {
        return proof.leafValue == 0 ? bytes32(0) : hashLeaf(proof.leafKey, proof.leafValue);
    }

    /// @dev As many siblings as the bitmap has bits, none of them empty. Bounded by 256.
    function _wellFormed(Proof calldata proof) private pure returns (bool) {
        bytes32[] calldata siblings = proof.siblings;
        uint256 count;
        for (uint256 bits = proof.bitmap; bits != 0; bits &= bits - 1) {
            if (count == siblings.length || siblings[count] == 0) return false;
            unchecked {
                ++count;
            }
        }
        return count == siblings.length;
    }

    /// @dev Whether the leaf met (if any) shares with the key the bits above its depth.
    function _onPath(bytes32 key, Proof calldata proof) private pure returns (bool) {
        if (proof.leafValue == 0) return true;
        // SAFETY: a shift by 256 (depth 0, nothing to share) gives zero.
        return uint256(key ^ proof.leafKey) >> (256 - depthOf(proof)) == 0;
    }

    /// @dev Hashes `node`, standing at `depth` on the path to `key`, up to the root. Bounded by 256 steps.
    /// The proof must be well-formed: as many siblings as the bitmap has bits.
    function _fold(bytes32 key, bytes32 node, uint256 depth, Proof calldata proof) private pure returns (bytes32) {
        uint256 bitmap = proof.bitmap;
        bytes32[] calldata siblings = proof.siblings;
        // Those above `depth`: all of them, unless the path was shortened.
        uint256 left = bitmap >> depth == 0 ? siblings.length : _countBelow(bitmap, depth);
        assembly ("memory-safe") {
            // tag ‖ left ‖ right, 65 bytes, in the free memory beyond the pointer.
            let branch := mload(0x40)
            let first := add(branch, 0x01)
            let second := add(branch, 0x21)
            mstore8(branch, BRANCH)
            let next := add(siblings.offset, shl(5, left))
            for {} depth {} {
                depth := sub(depth, 1)
                let sibling := 0
                if and(shr(depth, bitmap), 1) {
                    next := sub(next, 0x20)
                    sibling := calldataload(next)
                }
                switch and(shr(sub(255, depth), key), 1)
                case 0 {
                    mstore(first, node)
                    mstore(second, sibling)
                }
                default {
                    mstore(first, sibling)
                    mstore(second, node)
                }
                node := keccak256(branch, 0x41)
            }
        }
        return node;
    }

    /// @dev A leaf, alone in the subtree at `depth`, is also all there is in each subtree above it whose other half is empty.
    function _rise(bytes32 key, bytes32 leaf, uint256 depth, Proof calldata proof) private pure returns (bytes32) {
        unchecked {
            while (depth > 0 && (proof.bitmap >> (depth - 1)) & 1 == 0) --depth;
        }
        return _fold(key, leaf, depth, proof);
    }

    /// @dev The subtree at `depth` that holds the proof's foreign leaf and the new one: branches with an empty half down to the bit
    /// in which their keys differ.
    function _split(bytes32 key, bytes32 leaf, uint256 depth, Proof calldata proof) private pure returns (bytes32 node) {
        uint256 differing = uint256(key ^ proof.leafKey);
        unchecked {
            // INVARIANT: the keys differ (the key is absent) and share the bits above `depth`, so this stops in [depth, 255].
            uint256 fork = depth;
            while (differing >> (255 - fork) == 0) ++fork;
            node = _join(key, fork, leaf, hashLeaf(proof.leafKey, proof.leafValue));
            while (fork > depth) {
                --fork;
                node = _join(key, fork, node, bytes32(0));
            }
        }
    }

    /// @dev The branch at `depth` whose child on the path to `key` is `node`.
    function _join(bytes32 key, uint256 depth, bytes32 node, bytes32 sibling) private pure returns (bytes32) {
        unchecked {
            return (uint256(key) >> (255 - depth)) & 1 == 0
                ? _hash(BRANCH, node, sibling)
                : _hash(BRANCH, sibling, node);
        }
    }

    /// @dev Number of set bits of `bitmap` below `depth`.
    function _countBelow(uint256 bitmap, uint256 depth) private pure returns (uint256 count) {
        unchecked {
            for (uint256 bits = depth == 256 ? bitmap : bitmap & ((1 << depth) - 1); bits != 0; bits &= bits - 1) ++count;
        }
    }

    /// @dev keccak(tag ‖ a ‖ b), 65 bytes, in the free memory beyond the pointer.
    function _hash(uint8 tag, bytes32 a, bytes32 b) private pure returns (bytes32 result) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, tag)
            mstore(add(free, 0x01), a)
            mstore(add(free, 0x21), b)
            result := keccak256(free, 0x41)
        }
    }
}
