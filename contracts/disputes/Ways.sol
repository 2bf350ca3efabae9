// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Edge, EdgeHashing, Path, PlaceId, Spot} from "./EdgeTypes.sol";
import {IDisputeGame} from "./IDisputeGame.sol";

/// @notice All edges along a way down and those beside it, deepest first.
/// @param on The edges on the way, from its end up to its top.
/// @param beside The siblings of all but the top.
struct Way {
    Spot[] on;
    Spot[] beside;
}

/// @title Ways
/// @notice Works out the edges of a way from its top and the siblings along it.
library Ways {
    /// @notice WrongPath unless the siblings lead from the path's end up to the top's root. At most 64 steps.
    /// @param topSpot Where the top is kept.
    function walk(Edge calldata top, Spot memory topSpot, Path calldata path) internal pure returns (Way memory way) {
        uint256 length = path.siblings.length;
        if (length > top.height || path.index >> length != top.index) revert IDisputeGame.WrongPath();
        bytes32[] memory nodes = _nodes(path);
        if (nodes[length] != top.root) revert IDisputeGame.WrongPath();

        way.on = new Spot[](length + 1);
        way.beside = new Spot[](length);
        way.on[length] = topSpot;
        bytes32 prefix = top.prefix;
        for (uint256 k = length; k > 0;) {
            --k;
            uint256 height = top.height - length + k;
            uint256 leftIndex = (path.index >> k) & ~uint256(1);
            if ((path.index >> k) & 1 == 1) {
                (way.beside[k], way.on[k]) = _children(top, prefix, height, leftIndex, path.siblings[k], nodes[k]);
                prefix = EdgeHashing.join(prefix, path.siblings[k]);
            } else {
                (way.on[k], way.beside[k]) = _children(top, prefix, height, leftIndex, nodes[k], path.siblings[k]);
            }
        }
    }

    /// @dev Roots along the path, from its end to the top.
    function _nodes(Path calldata path) private pure returns (bytes32[] memory nodes) {
        uint256 length = path.siblings.length;
        nodes = new bytes32[](length + 1);
        nodes[0] = path.node;
        for (uint256 k; k < length; ++k) {
            bytes32 sibling = path.siblings[k];
            bool isRight = (path.index >> k) & 1 == 1;
            nodes[k + 1] = isRight ? EdgeHashing.join(sibling, nodes[k]) : EdgeHashing.join(nodes[k], sibling);
        }
    }

    /// @dev The two children, by their roots, of an edge with this prefix.
    function _children(
        Edge calldata top,
        bytes32 prefix,
        uint256 height,
        uint256 leftIndex,
        bytes32 leftRoot,
        bytes32 rightRoot
    ) private pure returns (Spot memory left, Spot memory right) {
        left.place = EdgeHashing.place(top.origin, top.level, height, leftIndex, prefix);
        left.id = EdgeHashing.edgeId(left.place, leftRoot);
        right.place = EdgeHashing.place(top.origin, top.level, height, leftIndex | 1, EdgeHashing.join(prefix, leftRoot));
        right.id = EdgeHashing.edgeId(right.place, rightRoot);
        left.behind = right.place;
    }
}
