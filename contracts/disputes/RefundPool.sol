// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDisputeGame} from "./IDisputeGame.sol";

/// @title RefundPool
/// @notice Lost bonds, and who is paid from them for moves that served the truth. Costs are kept in gwei, rounded up.
abstract contract RefundPool is IDisputeGame {
    /// @dev A transaction's own gas, and that of its selector.
    uint256 internal constant TRANSACTION_GAS = 21_064;
    /// @dev Gas of a word of calldata without zeros.
    uint256 internal constant WORD_GAS = 512;
    /// @dev A tip that is always paid back, wei.
    uint256 private constant TIP = 1 gwei;
    /// @dev More than all the gas that one false level-1 root can have paid: 26 bisections, as much again for crediting them, the
    /// dearest proof, settling. Of a root's way to the window no more is paid either.
    uint256 internal constant DISPUTE_GAS = 16_000_000;

    /// @inheritdoc IDisputeGame
    uint256 public immutable stepBond;
    /// @inheritdoc IDisputeGame
    uint256 public immutable priceCap;
    /// @inheritdoc IDisputeGame
    uint256 public pool;
    /// @inheritdoc IDisputeGame
    mapping(address who => uint256) public credit;

    constructor(uint256 stepBond_) {
        if (stepBond_ / 1 gwei > type(uint40).max) revert StepBondTooHigh(stepBond_);
        stepBond = stepBond_;
        priceCap = stepBond_ / DISPUTE_GAS;
    }

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

    /// @dev The same for those who settle, which must never fail: all that the pool has, at most. `cost` in gwei.
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
    /// gas for what still comes.
    function _cost(uint256 gasBefore, uint256 words, uint256 more) internal view returns (uint40) {
        unchecked {
            return _priced(gasBefore - gasleft() + TRANSACTION_GAS + WORD_GAS * words + more);
        }
    }

    /// @dev The cost of some gas, gwei, at what the sender pays: up to twice the base fee and a tip, whatever he tips himself, and up
    /// to what a lost bond can bear.
    function _priced(uint256 gas) internal view returns (uint40) {
        unchecked {
            uint256 most = 2 * block.basefee + TIP;
            if (most > priceCap) most = priceCap;
            uint256 price = tx.gasprice < most ? tx.gasprice : most;
            return uint40((gas * price) / 1 gwei + 1);
        }
    }
}
