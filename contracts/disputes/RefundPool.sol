// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDisputeGame} from "./IDisputeGame.sol";

/// @title RefundPool
/// @notice Lost bonds, and who is paid from them for moves that served the truth. Costs are kept in gwei, rounded up.
abstract contract RefundPool is IDisputeGame {
    /// @dev A transaction's own gas, and that of its selector.
    uint256 private constant TRANSACTION_GAS = 21_064;
    /// @dev Gas of a word of calldata without zeros.
    uint256 private constant WORD_GAS = 512;
    /// @dev A tip that is always paid back, wei.
    uint256 private constant TIP = 1 gwei;

    /// @inheritdoc IDisputeGame
    uint256 public pool;
    /// @inheritdoc IDisputeGame
    mapping(address who => uint256) public credit;

    /// @inheritdoc IDisputeGame
    function withdraw(address to) external {
        uint256 amount = credit[to];
        if (amount == 0) revert NothingCredited(to);
        credit[to] = 0;
        emit Withdrawn(to, amount);
        // slither-disable-next-line arbitrary-send-eth,low-level-calls
        (bool success,) = to.call{value: amount}("");
        if (!success) revert TransferFailed();
    }

    function _fundPool(uint256 amount) internal {
        pool += amount;
        emit PoolFunded(amount);
    }

    /// @dev Moves from the pool to someone's credit. `cost` in gwei.
    function _payFromPool(address to, uint256 cost) internal {
        uint256 amount = cost * 1 gwei;
        if (amount > pool) revert PoolExhausted(pool);
        pool -= amount;
        _credit(to, amount);
    }

    /// @dev The same for those who bring lost bonds, which must never fail: all that the pool has, at most. `cost` in gwei.
    function _payCollector(address to, uint256 cost) internal {
        uint256 held = pool / 1 gwei;
        _payFromPool(to, cost > held ? held : cost);
    }

    /// @dev `amount` in wei.
    function _credit(address to, uint256 amount) internal {
        credit[to] += amount;
        emit Credited(to, amount);
    }

    /// @dev What this transaction costs its sender, gwei: the gas from `gasBefore` to now, the transaction's own, that of the
    /// `words` of calldata that the move needs (not of all that are there: more cost nothing where a contract calls), and `more`
    /// gas for what still comes. Its price is what the sender pays, up to twice the base fee and a tip, so that no one drains the
    /// pool by tipping himself.
    function _cost(uint256 gasBefore, uint256 words, uint256 more) internal view returns (uint40) {
        unchecked {
            uint256 used = gasBefore - gasleft() + TRANSACTION_GAS + WORD_GAS * words + more;
            uint256 most = 2 * block.basefee + TIP;
            uint256 price = tx.gasprice < most ? tx.gasprice : most;
            return uint40((used * price) / 1 gwei + 1);
        }
    }
}
