// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Edge, EdgeHashing, EdgeId, Path, PlaceId} from "./EdgeTypes.sol";
import {IDisputeGame} from "./IDisputeGame.sol";

/// @notice All edges along a way down and those beside it, deepest first.
/// @param places Of the edges on the way, from its end up to its top.
/// @param ids The same edges.
/// @param placesBeside Of the siblings of all but the top.
/// @param idsBeside The same edges.
struct Way {
    PlaceId[] places;
    EdgeId[] ids;
    PlaceId[] placesBeside;
    EdgeId[] idsBeside;
}

/// @title Ways
/// @notice Works out the edges of a way from its top and the siblings along it.
library Ways {
    /// @notice WrongPath unless the siblings lead from the path's end up to the top's root. At most 64 steps.
    function walk(Edge calldata top, Path calldata path) internal pure returns (Way memory way) {
        uint256 length = path.siblings.length;
        if (length > top.height || path.index >> length != top.index) revert IDisputeGame.WrongPath();
        bytes32[] memory nodes = _nodes(path);
        if (nodes[length] != top.root) revert IDisputeGame.WrongPath();

        way.places = new PlaceId[](length + 1);
        way.ids = new EdgeId[](length + 1);
        way.placesBeside = new PlaceId[](length);
        way.idsBeside = new EdgeId[](length);
        bytes32 prefix = top.prefix;
        _put(top, prefix, top.height, top.index, top.root, way.places, way.ids, length);
        for (uint256 k = length; k > 0;) {
            --k;
            uint256 index = path.index >> k;
            uint256 height = top.height - length + k;
            bytes32 sibling = path.siblings[k];
            if (index & 1 == 1) {
                _put(top, prefix, height, index ^ 1, sibling, way.placesBeside, way.idsBeside, k);
                prefix = EdgeHashing.join(prefix, sibling);
            } else {
                bytes32 behind = EdgeHashing.join(prefix, nodes[k]);
                _put(top, behind, height, index ^ 1, sibling, way.placesBeside, way.idsBeside, k);
            }
            _put(top, prefix, height, index, nodes[k], way.places, way.ids, k);
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

    function _put(
        Edge calldata top,
        bytes32 prefix,
        uint256 height,
        uint256 index,
        bytes32 root,
        PlaceId[] memory places,
        EdgeId[] memory ids,
        uint256 k
    ) private pure {
        places[k] = EdgeHashing.place(top.origin, top.level, height, index, prefix);
        ids[k] = EdgeHashing.edgeId(places[k], root);
    }
}
