// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Edge, EdgeHashing, EdgeId, Path, PlaceId, Spot} from "../disputes/EdgeTypes.sol";
import {Way, Ways} from "../disputes/Ways.sol";
import {Boundaries} from "../machine/lib/Boundaries.sol";

/// @title DisputeHarness
/// @notice Test only: makes what the dispute game hashes callable.
contract DisputeHarness {
    function names(Edge calldata edge) external pure returns (PlaceId place, EdgeId id) {
        place = EdgeHashing.place(edge);
        id = EdgeHashing.edgeId(place, edge.root);
    }

    /// @return way From the path's end up to the top.
    function walk(Edge calldata top, Path calldata path) external pure returns (Way memory way) {
        PlaceId place = EdgeHashing.place(top);
        return Ways.walk(top, Spot(place, EdgeHashing.edgeId(place, top.root), PlaceId.wrap(0)), path);
    }

    function firstBoundary(bytes32 blockHash, uint64 batches, uint64 target, uint64 messages)
        external
        pure
        returns (bytes32)
    {
        return Boundaries.first(blockHash, batches, target, messages);
    }

    function lastBoundary(bytes32 blockHash, uint64 target, uint64 messages) external pure returns (bytes32) {
        return Boundaries.last(blockHash, target, messages);
    }
}
