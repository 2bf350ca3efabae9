// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IApp} from "./IApp.sol";

/// @title TicTacToe
/// @notice Three in a row, for a stake. Terms: the stake (16 bytes). State: stake (16) ‖ nine cells, row by row (0 free, 1 of player
/// 0, 2 of player 1). Player 0 begins. Who has three in a row gets the stake; a draw pays nothing; who lets his time pass loses.
contract TicTacToe is IApp {
    uint256 private constant CELLS = 9;
    uint256 private constant HEAD = 16;
    /// @dev Bits of the cells in each row of three.
    uint256 private constant ROWS = 0x007_038_1c0_049_092_124_111_054;

    /// @notice Thrown when terms or state are not what this game has.
    error Malformed();

    /// @inheritdoc IApp
    function start(bytes calldata terms) external pure returns (bytes memory state) {
        if (terms.length != HEAD) revert Malformed();
        return bytes.concat(terms, bytes9(0));
    }

    /// @inheritdoc IApp
    function mover(bytes calldata state) external pure returns (uint8 player) {
        return uint8(_marks(state) & 1);
    }

    /// @inheritdoc IApp
    function isValidTransition(bytes calldata from, bytes calldata to) external pure returns (bool) {
        uint256 marks = _marks(from);
        _requireState(to);
        if (_winner(from) != 0 || bytes16(from) != bytes16(to)) return false;
        uint256 changes;
        for (uint256 i = HEAD; i < HEAD + CELLS; ++i) {
            if (from[i] == to[i]) continue;
            if (from[i] != 0 || uint8(to[i]) != (marks & 1) + 1) return false;
            ++changes;
        }
        return changes == 1;
    }

    /// @inheritdoc IApp
    function outcome(bytes calldata state, bool hasTimedOut)
        external
        pure
        returns (bool isOver, uint128 payout0, uint128 payout1)
    {
        uint256 marks = _marks(state);
        uint256 winner = _winner(state);
        if (winner == 0 && marks < CELLS) {
            if (!hasTimedOut) return (false, 0, 0);
            winner = 2 - (marks & 1);
        }
        uint128 stake = uint128(bytes16(state));
        return (true, winner == 1 ? stake : 0, winner == 2 ? stake : 0);
    }

    /// @dev 1 or 2: who has three in a row; 0: nobody.
    function _winner(bytes calldata state) private pure returns (uint256) {
        uint256[3] memory cells;
        for (uint256 i; i < CELLS; ++i) cells[uint8(state[HEAD + i])] |= 1 << i;
        for (uint256 rows = ROWS; rows != 0; rows >>= 12) {
            uint256 row = rows & 0xfff;
            if (cells[1] & row == row) return 1;
            if (cells[2] & row == row) return 2;
        }
        return 0;
    }

    /// @dev How many cells are taken.
    function _marks(bytes calldata state) private pure returns (uint256 marks) {
        _requireState(state);
        for (uint256 i = HEAD; i < HEAD + CELLS; ++i) if (state[i] != 0) ++marks;
    }

    function _requireState(bytes calldata state) private pure {
        if (state.length != HEAD + CELLS) revert Malformed();
        for (uint256 i = HEAD; i < HEAD + CELLS; ++i) if (uint8(state[i]) > 2) revert Malformed();
    }
}
