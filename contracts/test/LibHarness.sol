// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AddressAliasing} from "../lib/AddressAliasing.sol";
import {GasBurner} from "../lib/GasBurner.sol";
import {LZ4} from "../lib/LZ4.sol";
import {SparseMerkleTree} from "../lib/SparseMerkleTree.sol";
import {Metadata, TokenMetadata} from "../lib/TokenMetadata.sol";
import {WordTree} from "../lib/WordTree.sol";

/// @title LibHarness
/// @notice Test only: makes the libraries' internal functions callable.
contract LibHarness {
    function verify(bytes32 root_, bytes32 key, bytes32 value, SparseMerkleTree.Proof calldata proof)
        external
        pure
        returns (bool)
    {
        return SparseMerkleTree.verify(root_, key, value, proof);
    }

    function root(bytes32 key, SparseMerkleTree.Proof calldata proof) external pure returns (bytes32) {
        return SparseMerkleTree.root(key, proof);
    }

    function update(
        bytes32 oldRoot,
        bytes32 key,
        bytes32 newValue,
        SparseMerkleTree.Proof calldata proof,
        SparseMerkleTree.Node calldata deepest
    ) external pure returns (bytes32) {
        return SparseMerkleTree.update(oldRoot, key, newValue, proof, deepest);
    }

    function updateGas(
        bytes32 oldRoot,
        bytes32 key,
        bytes32 newValue,
        SparseMerkleTree.Proof calldata proof,
        SparseMerkleTree.Node calldata deepest
    ) external view returns (uint256) {
        uint256 start = gasleft();
        SparseMerkleTree.update(oldRoot, key, newValue, proof, deepest);
        return start - gasleft();
    }

    function wordRoot(bytes32[] memory words, uint256 depth) external pure returns (bytes32) {
        return WordTree.root(words, depth);
    }

    function wordRootOfPath(uint256 index, bytes32 word, bytes32[] calldata siblings) external pure returns (bytes32) {
        return WordTree.rootOfPath(index, word, siblings);
    }

    function wordVerify(bytes32 root_, uint256 depth, uint256 index, bytes32 word, bytes32[] calldata siblings)
        external
        pure
        returns (bool)
    {
        return WordTree.verify(root_, depth, index, word, siblings);
    }

    function lz4(bytes calldata input, uint256 cap) external pure returns (bool ok, bytes memory output) {
        return LZ4.decode(input, cap);
    }

    /// @return The hash of the output, zero if malformed, and the gas that decoding took.
    function lz4Gas(bytes calldata input, uint256 cap) external view returns (bytes32, uint256) {
        uint256 start = gasleft();
        (bool ok, bytes memory output) = LZ4.decode(input, cap);
        uint256 used = start - gasleft();
        return (ok ? keccak256(output) : bytes32(0), used);
    }

    /// @notice Decodes between two allocations, which must survive it; the output is copied after another allocation.
    function lz4Memory(bytes calldata input, uint256 cap) external pure returns (bool intact, bytes memory output) {
        bytes32[] memory before = new bytes32[](3);
        before[2] = keccak256("before");
        bool ok;
        (ok, output) = LZ4.decode(input, cap);
        bytes32 outputHash = keccak256(output);
        bytes32[] memory afterwards = new bytes32[](3);
        intact = before[2] == keccak256("before") && afterwards[0] == 0 && afterwards[2] == 0;
        afterwards[0] = bytes32(type(uint256).max);
        intact = intact && keccak256(output) == outputHash && ok;
    }

    function burnGas(uint256 amount) external view returns (uint256) {
        uint256 start = gasleft();
        GasBurner.burn(amount);
        return start - gasleft();
    }

    function l2Sender() external view returns (address) {
        return AddressAliasing.l2Sender();
    }

    function isDelegated(address account) external view returns (bool) {
        return AddressAliasing.isDelegated(account);
    }

    function aliased(address l1Contract) external pure returns (address) {
        return AddressAliasing.alias_(l1Contract);
    }

    function metadata(address token) external view returns (Metadata memory) {
        return TokenMetadata.ofERC20(token);
    }
}
