// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {CodeChunks} from "../machine/lib/CodeChunks.sol";

/// @title CodeChunksHarness
/// @notice Test only: makes the chunk tree callable.
contract CodeChunksHarness {
    /// @return The root, and the gas of it. Memory behind the code is dirty, as it is in a contract that worked before.
    function root(bytes memory code) external view returns (bytes32, uint256) {
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, 4) { i := add(i, 1) } { mstore(add(mload(0x40), shl(5, i)), not(0)) }
            mstore(add(add(code, 0x20), mload(code)), not(0))
        }
        uint256 gasBefore = gasleft();
        bytes32 result = CodeChunks.root(code);
        return (result, gasBefore - gasleft());
    }
}
