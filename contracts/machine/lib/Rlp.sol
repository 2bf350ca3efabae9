// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Rlp
/// @notice RLP (yellow paper, appendix B), strict: every value has exactly one encoding, and only that is read. Twin of
/// tandem/primitives/rlp.py.
/// @dev Writers take a memory pointer and give the next one. They may write a word beyond it: whoever allocates leaves 32 bytes
/// more than the encoding takes, and 32 before a list whose header is written last.
library Rlp {
    /// @dev First byte of an empty string and of an empty list.
    uint256 internal constant STRING = 0x80;
    uint256 internal constant LIST = 0xc0;
    /// @dev Longest payload whose length stands in the first byte.
    uint256 private constant SHORT = 55;

    /// @notice Reads an item's header.
    /// @param head The item's first 32 bytes. Those behind its holder's end may be anything.
    /// @param available Bytes from the item's first one to the end of what holds it. Below 2^255.
    /// @return ok Whether the header is canonical and the item within its holder. Nothing else means anything if not.
    /// @return isList Whether it is a list; a byte string otherwise.
    /// @return start Where the payload starts, counted from the item's first byte. 0 for a byte that stands for itself.
    /// @return length The payload's length.
    function readHeader(bytes32 head, uint256 available)
        internal
        pure
        returns (bool ok, bool isList, uint256 start, uint256 length)
    {
        assembly ("memory-safe") {
            let first := byte(0, head)
            switch lt(first, STRING)
            case 1 {
                length := 1
                ok := gt(available, 0)
            }
            default {
                isList := iszero(lt(first, LIST))
                start := 1
                length := sub(first, add(STRING, shl(6, isList)))
                switch gt(length, SHORT)
                case 0 {
                    // A byte below 0x80 stands for itself.
                    ok := or(isList, or(sub(length, 1), iszero(lt(byte(1, head), STRING))))
                }
                default {
                    // 1 to 8 bytes of length: all in `head`. Not with a leading zero, not for a short payload.
                    start := sub(length, sub(SHORT, 1))
                    length := shr(sub(264, shl(3, start)), shl(8, head))
                    ok := and(gt(byte(1, head), 0), gt(length, SHORT))
                }
                // SAFETY: no overflow, length < 2^64. Implies that the header, too, is within.
                ok := and(gt(ok, 0), iszero(gt(add(start, length), available)))
            }
        }
    }

    /// @notice Writes an integer: big-endian without leading zeros, zero as an empty string.
    function writeInteger(uint256 out, uint256 value) internal pure returns (uint256 next) {
        uint256 size = byteLength(value);
        assembly ("memory-safe") {
            switch and(lt(value, 0x80), gt(value, 0))
            case 1 {
                mstore8(out, value)
                next := add(out, 1)
            }
            default {
                mstore8(out, add(STRING, size))
                // SAFETY: a shift by 256 (value 0) stores zero.
                mstore(add(out, 1), shl(sub(256, shl(3, size)), value))
                next := add(add(out, 1), size)
            }
        }
    }

    /// @notice Writes an address.
    function writeAddress(uint256 out, address value) internal pure returns (uint256 next) {
        assembly ("memory-safe") {
            mstore8(out, add(STRING, 20))
            mstore(add(out, 1), shl(96, value))
            next := add(out, 21)
        }
    }

    /// @notice Writes a word as a string of 32 bytes.
    function writeWord(uint256 out, bytes32 value) internal pure returns (uint256 next) {
        assembly ("memory-safe") {
            mstore8(out, add(STRING, 32))
            mstore(add(out, 1), value)
            next := add(out, 33)
        }
    }

    /// @notice Writes a string: `length` bytes that stand in memory at `source`.
    function writeString(uint256 out, uint256 source, uint256 length) internal pure returns (uint256 next) {
        bytes32 first;
        assembly ("memory-safe") {
            first := mload(source)
        }
        next = length == 1 && uint8(first[0]) < STRING ? out : writeHeader(out, STRING, length);
        return copy(next, source, length);
    }

    /// @notice Writes the header of a string (`base` STRING, not of one byte below 0x80) or of a list (`base` LIST).
    function writeHeader(uint256 out, uint256 base, uint256 length) internal pure returns (uint256 next) {
        uint256 size = length > SHORT ? byteLength(length) : 0;
        assembly ("memory-safe") {
            switch size
            case 0 {
                mstore8(out, add(base, length))
            }
            default {
                mstore8(out, add(add(base, SHORT), size))
                mstore(add(out, 1), shl(sub(256, shl(3, size)), length))
            }
            next := add(add(out, 1), size)
        }
    }

    /// @notice Writes the header of a list right before its items, which stand from `items` on and take `length` bytes.
    /// @return start Where the list now starts. The 32 bytes before `items` are overwritten.
    function writeListBefore(uint256 items, uint256 length) internal pure returns (uint256 start) {
        uint256 size = length > SHORT ? byteLength(length) : 0;
        assembly ("memory-safe") {
            mstore(sub(items, 32), length)
            start := sub(sub(items, 1), size)
            switch size
            case 0 { mstore8(start, add(LIST, length)) }
            default { mstore8(start, add(add(LIST, SHORT), size)) }
        }
    }

    /// @notice Copies bytes that are encoded already.
    function copy(uint256 out, uint256 source, uint256 length) internal pure returns (uint256 next) {
        assembly ("memory-safe") {
            mcopy(out, source, length)
            next := add(out, length)
        }
    }

    /// @notice Bytes of an integer without leading zeros; 0 for zero.
    function byteLength(uint256 value) internal pure returns (uint256 size) {
        assembly ("memory-safe") {
            // Halve what is left five times; what remains is one byte.
            let step := shl(4, lt(0xffffffffffffffffffffffffffffffff, value))
            size := step
            value := shr(shl(3, step), value)
            step := shl(3, lt(0xffffffffffffffff, value))
            size := add(size, step)
            value := shr(shl(3, step), value)
            step := shl(2, lt(0xffffffff, value))
            size := add(size, step)
            value := shr(shl(3, step), value)
            step := shl(1, lt(0xffff, value))
            size := add(size, step)
            value := shr(shl(3, step), value)
            size := add(size, add(gt(value, 0), gt(value, 0xff)))
        }
    }
}
