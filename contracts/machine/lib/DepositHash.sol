// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MessageHead} from "./InboxEntries.sol";
import {Rlp} from "./Rlp.sol";

/// @title DepositHash
/// @notice Hash of the deposit transaction that a message becomes: keccak(0x7E ‖ rlp([sourceHash, from, to, mint, value, gas,
/// isSystemTx = 0, data])) (protocol reference, section 3). Twin of `deposit_transaction` in tandem/transactions/codec.py.
library DepositHash {
    /// @notice The transaction type.
    uint256 internal constant KIND = 0x7e;

    /// @dev Room for what stands before the items: the list's header, written as a whole word, and the type.
    uint256 private constant ROOM = 64;

    /// @notice The hash.
    /// @param sourceHash Accumulator of the queue after the message.
    /// @param data The message's.
    function hash(MessageHead memory head, bytes32 sourceHash, bytes memory data) internal pure returns (bytes32 result) {
        uint256 items;
        uint256 source;
        // SAFETY: written behind all that is allocated, and forgotten once hashed.
        assembly ("memory-safe") {
            items := add(mload(0x40), ROOM)
            source := add(data, 0x20)
        }
        uint256 out = Rlp.writeWord(items, sourceHash);
        out = Rlp.writeAddress(out, head.sender);
        out = head.isCreation != 0 ? Rlp.writeHeader(out, Rlp.STRING, 0) : Rlp.writeAddress(out, head.to);
        out = Rlp.writeInteger(out, head.mint);
        out = Rlp.writeInteger(out, head.value);
        out = Rlp.writeInteger(out, head.gasLimit);
        out = Rlp.writeInteger(out, 0); // isSystemTx
        out = Rlp.writeString(out, source, data.length);
        uint256 start = Rlp.writeListBefore(items, out - items) - 1;
        assembly ("memory-safe") {
            mstore8(start, KIND)
            result := keccak256(start, sub(out, start))
        }
    }
}
