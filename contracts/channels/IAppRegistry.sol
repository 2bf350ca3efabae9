// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IApp} from "./apps/IApp.sol";
import {IOutcomes} from "./IOutcomes.sol";

/// @notice What two players agreed on; a session's id is the hash of it.
/// @param app The rules.
/// @param timeout Seconds that a player has for a turn, once they are in dispute.
/// @param salt Tells sessions between the same players apart.
/// @param terms For the app.
struct Session {
    address player0;
    address player1;
    IApp app;
    uint32 timeout;
    bytes32 salt;
    bytes terms;
}

/// @title IAppRegistry
/// @notice Application sessions: two players sign states between themselves, and come here only when one of them stops. Then the
/// newest state that both signed is put down, moves are made one by one by whose turn it is, and who lets his time pass has what
/// the app says of that. What a session comes to is for locks in their channel to be paid by (LockKind.APP).
interface IAppRegistry is IOutcomes {
    enum Status {
        None,
        Disputed,
        Resolved
    }

    /// @notice What is kept of a session.
    /// @param turn Of the state that was put down.
    /// @param deadline Until when whose turn it is has to move, seconds.
    /// @param stateHash keccak of that state.
    struct Record {
        Status status;
        uint64 turn;
        uint64 deadline;
        bytes32 stateHash;
    }

    /// @notice A state was put down: the players have its mover's time to go on.
    event StatePut(bytes32 indexed sessionId, uint64 turn, uint256 deadline, bytes state);
    /// @notice A session has ended.
    event SessionResolved(bytes32 indexed sessionId, uint128 payout0, uint128 payout1);

    /// @notice Thrown when the session has ended, or was never put down.
    error WrongStatus(bytes32 sessionId, Status status);
    /// @notice Thrown when a state is not newer than the one that was put down.
    error NotNewer(uint64 turn);
    /// @notice Thrown when this is not the state that was put down.
    error WrongState(bytes32 stateHash);
    /// @notice Thrown when the app does not allow the move.
    error InvalidTransition();
    /// @notice Thrown when it is too late to move, seconds.
    error TooLate(uint256 deadline);
    /// @notice Thrown when nothing has ended the session yet.
    error NotOver(uint256 deadline);

    /// @notice Puts down the state before the first turn. Anyone.
    function begin(Session calldata session) external;

    /// @notice Puts down a newer state that both players signed. Anyone.
    function put(
        Session calldata session,
        uint64 turn,
        bytes calldata state,
        bytes calldata signature0,
        bytes calldata signature1
    ) external;

    /// @notice Goes on by a move from the state that was put down.
    /// @param signature Of the player whose turn it is, over the state that he moves to.
    function move(Session calldata session, bytes calldata from, bytes calldata to, bytes calldata signature) external;

    /// @notice Ends a session whose state says so, or whose mover has let his time pass.
    /// @param state The one that was put down.
    function resolve(Session calldata session, bytes calldata state) external;

    /// @notice What is kept of a session; zeros if it was never put down.
    function getSession(bytes32 sessionId) external view returns (Record memory);
}
