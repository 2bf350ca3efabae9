// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title GasBurner
/// @notice Sells L2 gas for L1 gas: whoever queues a message burns a share of its gas limit, so that flooding L2 costs as much as
/// flooding L1, with no price to set and no fee to collect.
library GasBurner {
    /// @notice Uses up at least `amount` gas (about 100 more at most). The loop is bounded by `amount`, which callers bound.
    function burn(uint256 amount) internal view {
        uint256 start = gasleft();
        // SAFETY: gasleft() only falls.
        unchecked {
            while (start - gasleft() < amount) {}
        }
    }
}
