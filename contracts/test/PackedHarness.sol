// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IntrinsicGas} from "../machine/lib/IntrinsicGas.sol";
import {PackedTransaction, SignedTransaction} from "../machine/lib/PackedTransaction.sol";
import {Rlp} from "../machine/lib/Rlp.sol";

/// @title PackedHarness
/// @notice Test only: makes the libraries' internal functions callable.
contract PackedHarness {
    function unpack(bytes memory packed, uint256 chainId) external view returns (bool, SignedTransaction memory) {
        return PackedTransaction.unpack(packed, chainId);
    }

    /// @return Whether it is valid, and the gas that reading it took.
    function unpackGas(bytes memory packed, uint256 chainId) external view returns (bool, uint256) {
        uint256 start = gasleft();
        (bool valid,) = PackedTransaction.unpack(packed, chainId);
        return (valid, start - gasleft());
    }

    /// @notice Unpacks between two allocations, which must survive it.
    function unpackMemory(bytes memory packed, uint256 chainId) external view returns (bool intact, bytes32 hash) {
        bytes32 packedHash = keccak256(packed);
        bytes32[] memory before = new bytes32[](3);
        before[2] = packedHash;
        (, SignedTransaction memory transaction) = PackedTransaction.unpack(packed, chainId);
        bytes32[] memory afterwards = new bytes32[](3);
        afterwards[0] = bytes32(type(uint256).max);
        intact = before[0] == 0 && before[2] == keccak256(packed) && afterwards[1] == 0 && afterwards[2] == 0;
        hash = transaction.hash;
    }

    function readHeader(bytes32 head, uint256 available) external pure returns (bool, bool, uint256, uint256) {
        return Rlp.readHeader(head, available);
    }

    function zeroBytes(bytes memory data, uint256 offset, uint256 length) external pure returns (uint256) {
        return IntrinsicGas.zeroBytes(data, offset, length);
    }

    function zeroBytesGas(bytes memory data) external view returns (uint256) {
        uint256 start = gasleft();
        IntrinsicGas.zeroBytes(data, 0, data.length);
        return start - gasleft();
    }

    function intrinsicGas(bytes memory data, bool isCreation, uint256 addresses, uint256 slots)
        external
        pure
        returns (uint256)
    {
        return IntrinsicGas.total(data, 0, data.length, isCreation, addresses, slots);
    }
}
