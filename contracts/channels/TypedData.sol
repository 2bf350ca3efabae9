// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title TypedData
/// @notice Digests as EIP-712 has them. The domain names chain and contract, and is worked out anew each time: the same code then
/// stands on every chain, and what was signed for one counts on no other.
library TypedData {
    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant VERSION = keccak256("1");

    /// @notice What is signed of a structure.
    /// @param name keccak of the domain's name; its version is "1".
    /// @param structHash keccak(typeHash ‖ members).
    function digest(bytes32 name, bytes32 structHash) internal view returns (bytes32 result) {
        bytes32 domain = keccak256(abi.encode(DOMAIN, name, VERSION, block.chainid, address(this)));
        assembly ("memory-safe") {
            let words := mload(0x40)
            mstore(words, hex"1901")
            mstore(add(words, 0x02), domain)
            mstore(add(words, 0x22), structHash)
            result := keccak256(words, 0x42)
        }
    }
}
