// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Edge, EdgeHashing, EdgeId, PlaceId, Spot} from "./EdgeTypes.sol";
import {IDisputeGame} from "./IDisputeGame.sol";

/// @title EdgeClocks
/// @notice The edges that were made, and how long each stood alone.
/// @dev A right child's place is behind one left sibling only, whose root its prefix has, and both are made at once. So the little
/// that is kept of a left child is with the place behind it: a slot less for each bisection.
abstract contract EdgeClocks is IDisputeGame {
    /// @notice Timer of what is proven, seconds.
    uint40 public constant INFINITE = type(uint40).max;

    uint8 internal constant TRACE = 0;
    uint8 internal constant STEPS = 1;
    /// @dev Indices have 64 bits.
    uint8 internal constant HIGHEST = 63;

    /// @param claimedAt When its first edge was made, seconds.
    /// @param rivalledAt When its second was.
    /// @param leftInherited What the left sibling in front of this place has inherited, seconds.
    /// @param leftIsFirst Whether that one was the first in its own place.
    struct Clock {
        uint40 claimedAt;
        uint40 rivalledAt;
        uint40 leftInherited;
        bool leftIsFirst;
    }

    /// @inheritdoc IDisputeGame
    uint8 public immutable traceHeight;
    /// @inheritdoc IDisputeGame
    uint8 public immutable stepHeight;

    mapping(EdgeId id => Record) internal _records;
    mapping(PlaceId place => Clock) internal _clocks;

    constructor(uint8 traceHeight_, uint8 stepHeight_) {
        if (traceHeight_ == 0 || stepHeight_ == 0) revert WrongHeights(); // else a root is a leaf
        if (traceHeight_ > HIGHEST || stepHeight_ > HIGHEST) revert WrongHeights();
        traceHeight = traceHeight_;
        stepHeight = stepHeight_;
    }

    /// @inheritdoc IDisputeGame
    function timer(Edge calldata edge) external view returns (uint256) {
        return _timer(_spot(edge));
    }

    /// @inheritdoc IDisputeGame
    function exists(Edge calldata edge) external view returns (bool) {
        return _exists(_spot(edge));
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

    /// @dev Where an edge is kept. All that is neither a root nor a right child is a left one.
    function _spot(Edge calldata edge) internal view returns (Spot memory spot) {
        spot.place = EdgeHashing.place(edge);
        spot.id = EdgeHashing.edgeId(spot.place, edge.root);
        if (edge.index & 1 == 1 || _isRoot(edge)) return spot;
        bytes32 prefix = EdgeHashing.join(edge.prefix, edge.root);
        spot.behind = EdgeHashing.place(edge.origin, edge.level, edge.height, edge.index + 1, prefix);
    }

    function _isRoot(Edge calldata edge) internal view returns (bool) {
        return edge.height == (edge.level == TRACE ? traceHeight : stepHeight);
    }

    /// @dev Notes that there is one more edge in a place.
    /// @return isFirst Whether it is the only one.
    function _claim(PlaceId place) internal returns (bool isFirst) {
        Clock storage c = _clocks[place];
        isFirst = c.claimedAt == 0;
        if (isFirst) c.claimedAt = uint40(block.timestamp);
        else if (c.rivalledAt == 0) c.rivalledAt = uint40(block.timestamp);
    }

    /// @dev Makes the two children of an edge. The left one may be there already: a rival's half can be the same.
    function _makeChildren(PlaceId leftPlace, PlaceId rightPlace, EdgeId right) internal returns (bool isFirst) {
        if (_records[right].mover != address(0)) revert EdgeExists(right);
        Clock storage c = _clocks[rightPlace];
        isFirst = c.claimedAt == 0;
        if (isFirst) _clocks[rightPlace] = Clock(uint40(block.timestamp), 0, 0, _claim(leftPlace));
        else if (c.rivalledAt == 0) c.rivalledAt = uint40(block.timestamp);
    }

    /// @dev Gives an edge what its children have. Never takes.
    function _inherit(Spot memory spot, uint256 inherited) internal {
        if (inherited <= _inherited(spot)) return;
        if (PlaceId.unwrap(spot.behind) == 0) _records[spot.id].inherited = uint40(inherited);
        else _clocks[spot.behind].leftInherited = uint40(inherited);
        emit TimerInherited(spot.id, uint40(inherited));
    }

    function _inherited(Spot memory spot) internal view returns (uint256) {
        if (PlaceId.unwrap(spot.behind) == 0) return _records[spot.id].inherited;
        return _clocks[spot.behind].leftInherited;
    }

    /// @dev Time alone and what was inherited, INFINITE at most.
    function _timer(Spot memory spot) internal view returns (uint256 total) {
        total = _inherited(spot);
        bool isFirst = PlaceId.unwrap(spot.behind) == 0 ? _records[spot.id].isFirst : _clocks[spot.behind].leftIsFirst;
        if (isFirst) {
            Clock storage c = _clocks[spot.place];
            total += (c.rivalledAt == 0 ? block.timestamp : c.rivalledAt) - c.claimedAt;
        }
        if (total > INFINITE) total = INFINITE;
    }

    function _exists(Spot memory spot) internal view returns (bool) {
        if (PlaceId.unwrap(spot.behind) == 0) return _records[spot.id].mover != address(0);
        return _clocks[spot.behind].claimedAt != 0;
    }

    /// @dev Both must be so for a move: what has no rival needs none.
    function _requireRivalled(Spot memory spot) internal view {
        if (!_exists(spot)) revert UnknownEdge(spot.id);
        if (_clocks[spot.place].rivalledAt == 0) revert NotRivalled(spot.id);
    }
}
