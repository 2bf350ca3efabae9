// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KeccakF} from "../machine/lib/KeccakF.sol";

/// @title SpongeHarness
/// @notice Test only: makes the sponge callable.
contract SpongeHarness {
    /// @return The state after the permutation, and the gas of it.
    function permute(uint256[25] memory lanes) external view returns (uint256[25] memory, uint256) {
        for (uint256 i; i < 25; ++i) lanes[i] |= lanes[i] << 64;
        uint256 gasBefore = gasleft();
        KeccakF.permute(lanes);
        uint256 used = gasBefore - gasleft();
        for (uint256 i; i < 25; ++i) lanes[i] = uint64(lanes[i]);
        return (lanes, used);
    }

    /// @return The packed state after one block.
    function absorb(uint256[7] memory packed, bytes memory chunk) external pure returns (uint256[7] memory) {
        uint256[25] memory lanes = KeccakF.unpack(packed);
        KeccakF.absorb(lanes, chunk);
        KeccakF.pack(lanes, packed);
        return packed;
    }

    function pad(bytes memory rest) external pure returns (bytes memory) {
        return KeccakF.pad(rest);
    }

    function squeeze(uint256[7] memory packed) external pure returns (bytes32) {
        return KeccakF.squeeze(KeccakF.unpack(packed));
    }
}
