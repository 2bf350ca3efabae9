// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Predeploys
/// @notice Addresses that exist on L2 from genesis (protocol reference, section 8).
library Predeploys {
    address internal constant MESSAGE_PASSER = 0x5400000000000000000000000000000000000001;
    address internal constant TOKEN_FACTORY = 0x5400000000000000000000000000000000000002;
    address internal constant L1_INFO = 0x5400000000000000000000000000000000000003;
    address internal constant FEE_VAULT = 0x5400000000000000000000000000000000000004;

    /// @notice Sender of system messages. No key and no contract has it.
    address internal constant SYSTEM_SENDER = 0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE;
}
