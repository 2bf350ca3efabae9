// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAppRegistry, Session} from "./IAppRegistry.sol";
import {IOutcomes} from "./IOutcomes.sol";
import {Signatures} from "./Signatures.sol";
import {TypedData} from "./TypedData.sol";

/// @title AppRegistry
/// @notice See IAppRegistry.
contract AppRegistry is IAppRegistry {
    /// @notice Least time of a player, seconds.
    uint256 public constant LEAST_TIMEOUT = 60;

    bytes32 private constant NAME = keccak256("Tandem Apps");
    bytes32 private constant STATE = keccak256("AppState(bytes32 sessionId,uint64 turn,bytes32 stateHash)");

    mapping(bytes32 sessionId => Record) private _records;
    mapping(bytes32 ref => uint128) private _payouts;

    /// @inheritdoc IAppRegistry
    function put(
        Session calldata session,
        uint64 turn,
        bytes calldata state,
        bytes calldata signature0,
        bytes calldata signature1
    ) external {
        bytes32 id = _id(session);
        Record storage record = _records[id];
        if (record.status == Status.Resolved) revert WrongStatus(id, record.status);
        bool isOld = record.isAgreed ? turn <= record.turn : turn < record.turn;
        if (isOld) revert NotNewer(record.turn);
        bytes32 digest = _digest(id, turn, keccak256(state));
        Signatures.check(session.player0, digest, signature0);
        Signatures.check(session.player1, digest, signature1);
        _put(session, id, turn, state, true);
    }

    /// @inheritdoc IAppRegistry
    function move(Session calldata session, bytes calldata from, bytes calldata to, bytes calldata signature)
        external
    {
        bytes32 id = _id(session);
        Record memory record = _requireState(id, from);
        if (block.timestamp >= record.deadline) revert TooLate(record.deadline);
        address mover = record.mover == 0 ? session.player0 : session.player1;
        Signatures.check(mover, _digest(id, record.turn + 1, keccak256(to)), signature);
        if (!session.app.isValidTransition(from, to)) revert InvalidTransition();
        _put(session, id, record.turn + 1, to, false);
    }

    /// @inheritdoc IAppRegistry
    function resolve(Session calldata session, bytes calldata state) external {
        bytes32 id = _id(session);
        Record memory record = _requireState(id, state);
        bool hasTimedOut = block.timestamp >= record.deadline;
        (bool isOver, uint128 payout0, uint128 payout1) = session.app.outcome(state, hasTimedOut);
        if (!isOver || !(record.isAgreed || hasTimedOut)) revert NotOver(record.deadline);
        _records[id].status = Status.Resolved;
        _payouts[keccak256(abi.encode(id, uint256(0)))] = payout0;
        _payouts[keccak256(abi.encode(id, uint256(1)))] = payout1;
        emit SessionResolved(id, payout0, payout1);
    }

    /// @inheritdoc IAppRegistry
    function getSession(bytes32 sessionId) external view returns (Record memory) {
        return _records[sessionId];
    }

    /// @inheritdoc IOutcomes
    function payoutOf(bytes32 ref) external view returns (uint128) {
        return _payouts[ref];
    }

    /// @dev A chess clock: whose turn it was has used up the time since, whatever ended that.
    function _put(Session calldata session, bytes32 id, uint64 turn, bytes memory state, bool isAgreed) private {
        Record memory record = _records[id];
        uint32[2] memory left = [session.timeout, session.timeout];
        if (record.status == Status.None) {
            if (session.timeout < LEAST_TIMEOUT) revert TimeoutTooShort(LEAST_TIMEOUT);
        } else {
            left[record.mover] = record.deadline > block.timestamp ? uint32(record.deadline - block.timestamp) : 0;
            left[1 - record.mover] = record.left;
        }
        uint8 mover = session.app.mover(state) & 1;
        uint64 deadline = uint64(block.timestamp + left[mover]);
        _records[id] = Record(Status.Disputed, isAgreed, turn, mover, deadline, left[1 - mover], keccak256(state));
        emit StatePut(id, turn, deadline, state);
    }

    function _requireState(bytes32 id, bytes calldata state) private view returns (Record memory record) {
        record = _records[id];
        if (record.status != Status.Disputed) revert WrongStatus(id, record.status);
        if (record.stateHash != keccak256(state)) revert WrongState(record.stateHash);
    }

    /// @dev Of a state that players sign.
    function _digest(bytes32 id, uint64 turn, bytes32 stateHash) private view returns (bytes32) {
        return TypedData.digest(NAME, keccak256(abi.encode(STATE, id, turn, stateHash)));
    }

    function _id(Session calldata session) private pure returns (bytes32) {
        return keccak256(abi.encode(session));
    }
}
