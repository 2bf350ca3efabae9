// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title LZ4
/// @notice Decodes the LZ4 block format, strictly (protocol reference, section 5). Every input either has one output or is malformed;
/// nothing here reverts, because "malformed" is a result that L1 has to be able to judge.
/// @dev Assembly, because one L1 transaction must be able to decode the worst input of 96 KiB to 256 KiB, with gas left to judge the
/// output. That is also why sequences are counted: they cost more than bytes do. The worst input that a search found takes 6.2M gas,
/// and the prices of the kinds of sequences that it measured bound their mixtures by 6.7M (tests/contracts/test_lz4.py).
/// A sequence is `token ‖ literal length ‖ literals ‖ offset ‖ match length`, where both lengths begin in the token's nibbles and, from
/// 15 on, go on in bytes while those are 255; only the last sequence ends after its literals.
library LZ4 {
    /// @notice Most sequences of a block, the last one (literals only) included.
    uint256 internal constant MAX_SEQUENCES = 8_192;

    /// @notice Decodes `input` to at most `cap` bytes (a constant of the caller's, far below 2^64).
    /// @return ok Whether the input is well-formed and its output within the cap.
    /// @return output What it decodes to; empty when not ok.
    function decode(bytes calldata input, uint256 cap) internal pure returns (bool ok, bytes memory output) {
        assembly ("memory-safe") {
            // SAFETY: the output grows in free memory, which is claimed at the end. Short copies are whole words, so up to 63 bytes
            // beyond the output are scratch: later output overwrites them, and no one else owns them yet.
            output := mload(0x40)
            let start := add(output, 0x20)
            let out := start
            let end := add(start, cap)
            let pos := input.offset
            let limit := add(pos, input.length)
            let left := MAX_SEQUENCES

            // Before `safe`, a sequence of at most 14 literals needs no check of its literals, of the input's end and of the count,
            // and a match of at most 17 bytes none of its length. INVARIANT, while pos < safe:
            //   safe + 18 <= limit                  such a sequence takes at most 18 bytes
            //   out + 6 * (safe + 18 - pos) <= end  and gives, with such a match, at most 6 bytes for each that it takes
            //   safe + 18 - pos <= 3 * left         any but the last takes at least 3 bytes
            let safe := 0

            // A token is due at pos. Leaving the loop with ok = 0 means malformed.
            for {} 1 {} {
                let word := calldataload(pos)
                let length := byte(0, word)
                let literals := shr(4, length)

                if iszero(and(lt(literals, 15), slt(pos, safe))) {
                    if iszero(slt(pos, safe)) {
                        if iszero(and(lt(pos, limit), lt(0, left))) { break }
                        safe := div(sub(end, out), 6)
                        if gt(safe, mul(left, 3)) { safe := mul(left, 3) }
                        safe := add(pos, safe)
                        if gt(safe, limit) { safe := limit }
                        safe := sub(safe, 18)
                    }
                    if eq(literals, 15) {
                        pos := add(pos, 1)
                        word := byte(1, word)
                        literals := add(literals, word)
                        if eq(word, 255) {
                            // Goes on while bytes are 255 and the length can still be right.
                            for {} 1 {} {
                                pos := add(pos, 1)
                                word := byte(0, calldataload(pos))
                                literals := add(literals, word)
                                if or(lt(word, 255), gt(literals, cap)) { break }
                            }
                        }
                    }
                    word := add(add(pos, 1), literals)
                    if iszero(lt(word, limit)) {
                        // The last sequence ends here, or malformed input does.
                        if and(eq(word, limit), iszero(gt(literals, sub(end, out)))) {
                            calldatacopy(out, add(pos, 1), literals)
                            out := add(out, literals)
                            ok := 1
                        }
                        break
                    }
                    // Literals and the part of the match's length that the token tells: all of it if the match is short.
                    if gt(add(literals, add(and(length, 15), 4)), sub(end, out)) { break }
                }

                calldatacopy(out, add(pos, 1), literals)
                out := add(out, literals)
                pos := add(pos, literals)
                word := calldataload(pos)
                pos := add(pos, 3)
                left := sub(left, 1)
                length := add(and(length, 15), 4)
                let offset := or(byte(1, word), shl(8, byte(2, word)))
                // Not 0, not more than is written.
                if iszero(lt(sub(offset, 1), sub(out, start))) { break }

                if lt(length, 18) {
                    word := mload(sub(out, offset))
                    if lt(offset, length) {
                        // It overlaps what it writes: the last `offset` bytes (16 at most) repeat. As a number v of b bits, times
                        // floor((2^256 - 1) / (2^b - 1)) = 2^(256-b) + 2^(256-2b) + ..., they fill 17 bytes or more.
                        offset := shl(3, offset)
                        // slither-disable-next-line incorrect-shift
                        word := mul(shr(sub(256, offset), word), div(not(0), sub(shl(offset, 1), 1)))
                    }
                    mstore(out, word)
                    out := add(out, length)
                    continue
                }

                // A match of any length.
                if eq(length, 19) {
                    word := byte(3, word)
                    pos := add(pos, 1)
                    length := add(length, word)
                    if eq(word, 255) {
                        for {} 1 {} {
                            word := byte(0, calldataload(pos))
                            pos := add(pos, 1)
                            length := add(length, word)
                            if or(lt(word, 255), gt(length, cap)) { break }
                        }
                    }
                }
                if gt(length, sub(end, out)) { break }
                // Keeps the invariant: a sixth of the length is less, and literals are no more than what they take.
                safe := sub(safe, shr(2, length))
                let next := add(out, length)
                if lt(offset, 32) {
                    // As above, 17 bytes or more in a word; two such words.
                    word := shl(3, offset)
                    // slither-disable-next-line incorrect-shift
                    word := mul(shr(sub(256, word), mload(sub(out, offset))), div(not(0), sub(shl(word, 1), 1)))
                    offset := mul(offset, div(32, offset))
                    mstore(out, word)
                    mstore(add(out, offset), word)
                    offset := shl(1, offset)
                    if iszero(gt(length, offset)) {
                        out := next
                        continue
                    }
                    out := add(out, offset)
                    length := sub(length, offset)
                }
                // Double what repeats until a copy covers the rest.
                for {} lt(offset, length) {} {
                    mcopy(out, sub(out, offset), offset)
                    out := add(out, offset)
                    length := sub(length, offset)
                    offset := shl(1, offset)
                }
                mcopy(out, sub(out, offset), length)
                out := next
            }

            switch ok
            case 0 {
                output := 0x60 // Solidity's empty bytes
            }
            default {
                mstore(output, sub(out, start))
                mstore(0x40, and(add(out, 0x1f), not(0x1f)))
            }
        }
    }
}
