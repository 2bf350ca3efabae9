// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Rlp} from "./Rlp.sol";

/// @title BlockHead
/// @notice RLP read piece by piece: headers, and the head of a block in a batch (protocol reference, section 5).
/// Twin of tandem/machine/block_head.py.
library BlockHead {
    /// @notice The longest header of an RLP item.
    uint256 internal constant HEADER_BYTES = 9;
    /// @notice The longest head: its list's header, two integers, the header of the list of transactions.
    uint256 internal constant BYTES = 2 * HEADER_BYTES + 2 * (1 + MAX_INTEGER_BYTES);
    uint256 private constant MAX_INTEGER_BYTES = 8;

    /// @notice Positions are counted from the block's first byte.
    /// @param timeDelta Seconds.
    /// @param messages How many to take first.
    /// @param start Where the first transaction starts.
    /// @param end Where the block ends.
    struct Head {
        uint256 timeDelta;
        uint256 messages;
        uint256 start;
        uint256 end;
    }

    /// @notice Reads a block's head.
    /// @param data The block's first 36 bytes, or all that are available.
    /// @param available Bytes from the block's first one to the end of the batch.
    /// @return ok Whether it is one. `head` means nothing if not.
    function read(bytes memory data, uint256 available) internal pure returns (bool ok, Head memory head) {
        (bool sound, bool isList, uint256 at, uint256 length) = Rlp.readHeader(wordAt(data, 0), available);
        if (!sound || !isList) return (false, head);
        head.end = at + length;
        (sound, head.timeDelta, at) = _integer(data, at, head.end);
        if (!sound) return (false, head);
        (sound, head.messages, at) = _integer(data, at, head.end);
        if (!sound) return (false, head);
        uint256 start;
        (sound, isList, start, length) = Rlp.readHeader(wordAt(data, at), head.end - at);
        head.start = at + start;
        ok = sound && isList && head.start + length == head.end;
    }

    /// @notice 32 bytes of `data` from `offset` on. Behind its end they may be anything.
    function wordAt(bytes memory data, uint256 offset) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := mload(add(add(data, 0x20), offset))
        }
    }

    /// @dev The integer at `at` and where it ends.
    function _integer(bytes memory data, uint256 at, uint256 end)
        private
        pure
        returns (bool ok, uint256 value, uint256 next)
    {
        (bool sound, bool isList, uint256 start, uint256 length) = Rlp.readHeader(wordAt(data, at), end - at);
        if (!sound || isList || length > MAX_INTEGER_BYTES) return (false, 0, 0);
        bytes32 digits = wordAt(data, at + start);
        if (length != 0 && digits[0] == 0) return (false, 0, 0);
        return (true, length == 0 ? 0 : uint256(digits) >> (256 - 8 * length), at + start + length);
    }
}
