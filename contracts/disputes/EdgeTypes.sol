// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice Names an edge by all that it claims.
type EdgeId is bytes32;
/// @notice Names what rivals have in common: all of an edge but its root.
type PlaceId is bytes32;

using {sameEdge as ==, otherEdge as !=} for EdgeId global;

// slither-disable-next-line dead-code
function sameEdge(EdgeId a, EdgeId b) pure returns (bool) {
    return EdgeId.unwrap(a) == EdgeId.unwrap(b);
}

function otherEdge(EdgeId a, EdgeId b) pure returns (bool) {
    return EdgeId.unwrap(a) != EdgeId.unwrap(b);
}

/// @notice A claim about a piece of a trace: the 2^height states from index * 2^height on.
/// @param origin What the trace is of: the parent assertion's id (level 0), the place of a level-0 leaf (level 1).
/// @param level 0: the level-0 states of an assertion. 1: the machine's steps between two of them.
/// @param height 0: a single state.
/// @param index Counted in pieces of this height.
/// @param prefix Commits to all states before: the state that the trace starts from, then `keccak(prefix ‖ left)` for each left
/// sibling on the way from the root of the trace to this edge.
/// @param root Root of the perfect binary tree over the states: `keccak(left ‖ right)`, a state's hash at height 0.
struct Edge {
    bytes32 origin;
    uint8 level;
    uint8 height;
    uint64 index;
    bytes32 prefix;
    bytes32 root;
}

/// @notice Opens the state before a leaf out of the leaf's prefix. Nothing of it is looked at where the leaf's index is 0: the
/// prefix is the state then.
/// @param prefix The prefix without the last left sibling.
/// @param state The last state under that sibling.
/// @param siblings The state's siblings up to it, lowest first: all are left ones.
struct Opening {
    bytes32 prefix;
    bytes32 state;
    bytes32[] siblings;
}

/// @notice A way down from an edge.
/// @param index Where it ends, counted in pieces of that height.
/// @param node The root of the piece where it ends.
/// @param siblings The other child at each height, lowest first; as many as the way is long.
struct Path {
    uint64 index;
    bytes32 node;
    bytes32[] siblings;
}

/// @notice Timers to be brought up a way.
/// @param top Where the way begins. It gets the news.
/// @param path The way down.
/// @param stepRoots None, or a level-1 root whose timer the end of the way, a level-0 leaf that it claims, inherits first.
struct Lift {
    Edge top;
    Path path;
    Edge[] stepRoots;
}

/// @notice Where an edge is kept.
/// @param place Of the edge.
/// @param id Of the edge.
/// @param behind A left child's: the place of right children behind it. Zero for right children and roots.
struct Spot {
    PlaceId place;
    EdgeId id;
    PlaceId behind;
}

/// @title EdgeHashing
/// @notice Hashes of what the game speaks of (disputes reference, section 1).
library EdgeHashing {
    /// @notice keccak(abi.encode(origin, level, height, index, prefix)).
    function place(Edge calldata edge) internal pure returns (PlaceId) {
        return place(edge.origin, edge.level, edge.height, edge.index, edge.prefix);
    }

    /// @notice The same, from the fields.
    function place(bytes32 origin_, uint256 level, uint256 height, uint256 index, bytes32 prefix)
        internal
        pure
        returns (PlaceId result)
    {
        // Behind the free memory pointer, and not kept: a bisection does this three times.
        assembly ("memory-safe") {
            let words := mload(0x40)
            mstore(words, origin_)
            mstore(add(words, 0x20), level)
            mstore(add(words, 0x40), height)
            mstore(add(words, 0x60), index)
            mstore(add(words, 0x80), prefix)
            result := keccak256(words, 0xa0)
        }
    }

    /// @notice keccak(place ‖ root).
    function edgeId(PlaceId place_, bytes32 root) internal pure returns (EdgeId) {
        return EdgeId.wrap(join(PlaceId.unwrap(place_), root));
    }

    /// @notice keccak(left ‖ right).
    function join(bytes32 left, bytes32 right) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            result := keccak256(0x00, 0x40)
        }
    }
}
