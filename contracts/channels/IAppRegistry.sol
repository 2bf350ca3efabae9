// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IApp} from "./apps/IApp.sol";
import {IOutcomes} from "./IOutcomes.sol";

/// @notice What two players agreed on; a session's id is the hash of it.
/// @param app The rules.
/// @param timeout Seconds that each player has for all his turns together, once they are in dispute: that lasts twice as long at
/// most. Locks that are paid by a session must be settled later.
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
/// newest state that both signed is put down, moves are made one by one by whose turn it is, and who has used up his time has what
/// the app says of that. An end that both signed counts at once; one that a player has moved to alone, when the other's time is up:
/// there may be a newer state that both signed. What a session comes to is for locks in a channel to be paid by (LockKind.APP).
interface IAppRegistry is IOutcomes {
    enum Status {
        None,
        Disputed,
        Resolved
    }

    /// @notice What is kept of a session.
    /// @param isAgreed Whether both players signed the state that was put down.
    /// @param turn Of that state.
    /// @param mover Whose turn it is.
    /// @param deadline When his time is up, seconds.
    /// @param left Seconds that the other has left.
    /// @param stateHash keccak of that state.
    struct Record {
        Status status;
        bool isAgreed;
        uint64 turn;
        uint8 mover;
        uint64 deadline;
        uint32 left;
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
    /// @notice Thrown when players would have less time than this, seconds.
    error TimeoutTooShort(uint256 least);
    /// @notice Thrown when it is too late to move, seconds.
    error TooLate(uint256 deadline);
    /// @notice Thrown when nothing has ended the session yet.
    error NotOver(uint256 deadline);

    /// @notice Puts down a newer state that both players signed, or one of the same turn in place of a move. Anyone.
    /// @dev The start, turn 0, needs both signatures as well: a session counts for nothing before each player has seen the other's
    /// lock and signed. Else who has not locked anything could play, on chain, for what the other has.
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

    /// @notice Ends a session whose state says so, if both signed that or nobody has shown a newer one in time; or whose mover has
    /// used up his time.
    /// @param state The one that was put down.
    function resolve(Session calldata session, bytes calldata state) external;

    /// @notice What is kept of a session; zeros if it was never put down.
    function getSession(bytes32 sessionId) external view returns (Record memory);
}
