// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title AddressAliasing
/// @notice Which address an L1 caller has on L2. A key controls the same address on both chains; a contract does not (another
/// contract, or nothing, may live at its address on L2), so its messages come from a shifted address that nobody else can have.
library AddressAliasing {
    /// @dev Added to a contract's address, modulo 2^160.
    uint160 internal constant OFFSET = uint160(0x1111000000000000000000000000000000001111);

    /// @notice The L2 address of the current caller: its own for an externally owned account, the alias for a contract.
    function l2Sender() internal view returns (address) {
        return isExternallyOwned(msg.sender) ? msg.sender : alias_(msg.sender);
    }

    /// @notice Whether a key owns `caller`: it signed this very transaction, or it has delegated to code (EIP-7702).
    /// @dev `caller` must be msg.sender. A contract under construction has no code but is never the origin.
    function isExternallyOwned(address caller) internal view returns (bool) {
        // SAFETY: tx.origin only tells a key from a contract here, it authorises nothing.
        // solhint-disable-next-line avoid-tx-origin
        return caller == tx.origin || isDelegated(caller);
    }

    /// @notice Whether the account's code is an EIP-7702 delegation, `0xef0100 ‖ address`. EIP-3541 keeps contracts from having it.
    function isDelegated(address account) internal view returns (bool) {
        if (account.code.length != 23) return false;
        bytes32 head;
        assembly ("memory-safe") {
            extcodecopy(account, 0, 0, 3)
            head := mload(0)
        }
        return bytes3(head) == 0xef0100;
    }

    /// @notice The L2 address of the L1 contract `l1Contract`.
    function alias_(address l1Contract) internal pure returns (address) {
        unchecked {
            return address(uint160(l1Contract) + OFFSET);
        }
    }
}
