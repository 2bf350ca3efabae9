// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title IApp
/// @notice The rules of something that two players do by turns, one after the other: a game, an auction, an escrow. Its state is
/// bytes that it alone understands. All functions must give the same for the same arguments, whenever they are asked; no move may
/// lead out of a state that is over, and time that has passed may not change how that ended.
interface IApp {
    /// @notice The state before the first turn: what both players sign as turn 0.
    /// @param terms What the players agreed on.
    function start(bytes calldata terms) external view returns (bytes memory state);

    /// @notice Whose turn it is, 0 or 1.
    function mover(bytes calldata state) external view returns (uint8 player);

    /// @notice Whether the player whose turn it is may go from one state to another.
    function isValidTransition(bytes calldata from, bytes calldata to) external view returns (bool);

    /// @notice How it has ended, if it has.
    /// @param hasTimedOut Whether the player whose turn it is has let his time pass.
    /// @return isOver Whether it has ended.
    /// @return payout0 What player 0 gets of the other's lock, wei or the token's units.
    /// @return payout1 What player 1 gets.
    function outcome(bytes calldata state, bool hasTimedOut)
        external
        view
        returns (bool isOver, uint128 payout0, uint128 payout1);
}
