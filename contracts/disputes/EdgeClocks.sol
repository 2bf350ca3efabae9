// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Edge, EdgeHashing, EdgeId, PlaceId} from "./EdgeTypes.sol";
import {IDisputeGame} from "./IDisputeGame.sol";

/// @title EdgeClocks
/// @notice The edges that were made, and how long each stood alone.
abstract contract EdgeClocks is IDisputeGame {
    /// @notice Timer of what is proven, seconds.
    uint40 public constant INFINITE = type(uint40).max;

    /// @param claimedAt When its first edge was made, seconds.
    /// @param rivalledAt When its second was.
    struct Clock {
        uint40 claimedAt;
        uint40 rivalledAt;
    }

    mapping(EdgeId id => Record) internal _records;
    mapping(PlaceId place => Clock) internal _clocks;

    /// @inheritdoc IDisputeGame
    function timer(Edge calldata edge) external view returns (uint256) {
        PlaceId place = EdgeHashing.place(edge);
        return _timer(place, EdgeHashing.edgeId(place, edge.root));
    }

    /// @inheritdoc IDisputeGame
    function exists(EdgeId id) external view returns (bool) {
        return _exists(id);
    }

    /// @inheritdoc IDisputeGame
    function getRecord(EdgeId id) external view returns (Record memory) {
        return _records[id];
    }

    /// @inheritdoc IDisputeGame
    function clock(PlaceId place) external view returns (uint40 claimedAt, uint40 rivalledAt) {
        Clock storage c = _clocks[place];
        return (c.claimedAt, c.rivalledAt);
    }

    /// @dev Makes an edge. It must not be there yet.
    function _make(PlaceId place, EdgeId id, address mover, uint40 cost) internal {
        Clock storage c = _clocks[place];
        bool isFirst = c.claimedAt == 0;
        if (isFirst) c.claimedAt = uint40(block.timestamp);
        else if (c.rivalledAt == 0) c.rivalledAt = uint40(block.timestamp);
        _records[id] = Record(mover, 0, cost, isFirst, false);
    }

    /// @dev Gives an edge what its children have. Never takes.
    function _inherit(EdgeId id, uint256 inherited) internal {
        Record storage record = _records[id];
        if (inherited <= record.inherited) return;
        record.inherited = uint40(inherited);
        emit TimerInherited(id, uint40(inherited));
    }

    /// @dev Time alone and what was inherited, INFINITE at most.
    function _timer(PlaceId place, EdgeId id) internal view returns (uint256 total) {
        Record memory record = _records[id];
        total = record.inherited;
        if (record.isFirst) {
            Clock memory c = _clocks[place];
            total += (c.rivalledAt == 0 ? block.timestamp : c.rivalledAt) - c.claimedAt;
        }
        if (total > INFINITE) total = INFINITE;
    }

    function _exists(EdgeId id) internal view returns (bool) {
        return _records[id].mover != address(0);
    }

    /// @dev Both must be so for a move: what has no rival needs none.
    function _requireRivalled(PlaceId place, EdgeId id) internal view {
        if (!_exists(id)) revert UnknownEdge(id);
        if (_clocks[place].rivalledAt == 0) revert NotRivalled(id);
    }
}
