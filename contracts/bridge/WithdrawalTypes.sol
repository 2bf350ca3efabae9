// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice A call from L2 to L1, as the message passer recorded it.
/// @param nonce The passer's count of withdrawals before this one.
/// @param sender Who made it on L2.
/// @param target Callee on L1.
/// @param value Wei locked on L2 and sent along on L1.
/// @param gasLimit Least L1 gas for the call.
/// @param data Call data.
struct Withdrawal {
    uint256 nonce;
    address sender;
    address target;
    uint256 value;
    uint256 gasLimit;
    bytes data;
}

/// @title WithdrawalHashing
/// @notice The hash that names a withdrawal on both chains, and its place in the passer's storage (protocol reference, section 7).
library WithdrawalHashing {
    /// @dev Slot of the message passer's mapping `sent`.
    uint256 internal constant SENT_SLOT = 0;
    /// @dev The word that `true` is stored as.
    bytes32 internal constant SENT = bytes32(uint256(1));

    /// @notice keccak(abi.encode(nonce, sender, target, value, gasLimit, keccak(data))).
    function hash(Withdrawal memory withdrawal) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                withdrawal.nonce,
                withdrawal.sender,
                withdrawal.target,
                withdrawal.value,
                withdrawal.gasLimit,
                keccak256(withdrawal.data)
            )
        );
    }

    /// @notice Key of the withdrawal's entry in the passer's storage tree.
    function storageKey(bytes32 withdrawalHash) internal pure returns (bytes32) {
        bytes32 slot = keccak256(abi.encode(withdrawalHash, SENT_SLOT));
        return keccak256(abi.encode(slot));
    }
}
