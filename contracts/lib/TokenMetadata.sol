// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What a token says of itself.
struct Metadata {
    string name;
    string symbol;
    uint8 decimals;
}

/// @title TokenMetadata
/// @notice Asks tokens for their metadata, all of which is optional in ERC-20 and ERC-721. Whatever a token answers, or fails to
/// answer, the result is short and well-formed: a string may come as `string` or, from old tokens, as `bytes32`.
library TokenMetadata {
    /// @dev Longer strings are cut here, so that a deposit always fits its L2 gas.
    uint256 internal constant MAX_LENGTH = 64;
    /// @dev Gas for each question. A caller cannot starve one to change the answer: an answer that fails for want of gas leaves the
    /// caller a 63rd of what it used, too little to go on.
    uint256 private constant QUERY_GAS = 100_000;

    /// @notice Metadata of an ERC-20 token. Without decimals it counts in its smallest unit.
    function ofERC20(address token) internal view returns (Metadata memory) {
        return Metadata(_text(token, 0x06fdde03), _text(token, 0x95d89b41), _decimals(token));
    }

    /// @notice Metadata of an ERC-721 collection.
    function ofERC721(address token) internal view returns (Metadata memory) {
        return Metadata(_text(token, 0x06fdde03), _text(token, 0x95d89b41), 0);
    }

    function _decimals(address token) private view returns (uint8) {
        (bool answered, uint256 size, bytes memory answer) = _ask(token, 0x313ce567);
        if (!answered || size < 32) return 0;
        uint256 word = _word(answer, 0);
        return word > type(uint8).max ? 0 : uint8(word);
    }

    function _text(address token, bytes4 selector) private view returns (string memory) {
        (bool answered, uint256 size, bytes memory answer) = _ask(token, selector);
        if (!answered || size < 32) return "";
        if (size == 32) return _fixedText(_word(answer, 0));
        // ABI: offset, length, bytes. Anything but the usual offset is not worth understanding.
        if (size < 64 || _word(answer, 0) != 32) return "";
        uint256 length = _word(answer, 32);
        if (length > size - 64) return "";
        if (length > MAX_LENGTH) length = MAX_LENGTH;
        bytes memory text = new bytes(length);
        assembly ("memory-safe") {
            mcopy(add(text, 0x20), add(answer, 0x60), length)
        }
        return string(text);
    }

    /// @dev The bytes of a word up to its first zero.
    function _fixedText(uint256 word) private pure returns (string memory) {
        uint256 length;
        while (length < 32 && (word >> (248 - 8 * length)) & 0xff != 0) ++length;
        bytes memory text = new bytes(length);
        for (uint256 i; i < length; ++i) text[i] = bytes1(uint8(word >> (248 - 8 * i)));
        return string(text);
    }

    /// @dev Copies at most the head and MAX_LENGTH bytes of the answer; `size` is its full size.
    function _ask(address token, bytes4 selector) private view returns (bool answered, uint256 size, bytes memory answer) {
        answer = new bytes(64 + MAX_LENGTH);
        uint256 capacity = answer.length;
        assembly ("memory-safe") {
            mstore(0x00, selector)
            answered := staticcall(QUERY_GAS, token, 0x00, 0x04, add(answer, 0x20), capacity)
            size := returndatasize()
        }
    }

    function _word(bytes memory data, uint256 offset) private pure returns (uint256 word) {
        // SAFETY: offset is 0 or 32, within the answer's buffer.
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), offset))
        }
    }
}
