// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title LZ4
/// @notice Decodes the LZ4 block format, strictly (protocol reference, section 5). Every input either has one output or is malformed;
/// nothing here reverts, because "malformed" is a result that L1 has to be able to judge.
/// @dev Assembly, because one L1 transaction must be able to decode the worst input of 96 KiB to 256 KiB. The worst that a search found
/// (the tests keep it) takes 12.4M gas, 14.0M with its calldata, of the 16.8M that a transaction may have (EIP-7825).
/// A sequence is `token ‖ literal length ‖ literals ‖ offset ‖ match length`, where both lengths begin in the token's nibbles and, from
/// 15 on, go on in bytes while those are 255; only the last sequence ends after its literals.
library LZ4 {
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

            // INVARIANT: at the head of either loop a token is due, start <= out <= end. Leaving the outer loop with ok = 0 means
            // malformed; the inner one sets limit to 0 for that.
            for {} lt(pos, limit) {} {
                // The many: at most 14 literals, so that one word holds the sequence. A short one (match of at most 17 bytes) gives
                // at most 6 bytes for each that it takes (18 at most), so before `safe` none can cross either end; long ones are
                // checked by themselves.
                let safe := add(pos, div(sub(end, out), 6))
                if gt(safe, limit) { safe := limit }
                safe := sub(safe, 18)
                for {} slt(pos, safe) {} {
                    let word := calldataload(pos)
                    let length := byte(0, word)
                    if gt(length, 13) {
                        let literals := shr(4, length)
                        if eq(literals, 15) { break }
                        length := and(length, 15)
                        if literals {
                            mstore(out, shl(8, word))
                            out := add(out, literals)
                            pos := add(pos, literals)
                            word := shl(shl(3, literals), word)
                        }
                        if gt(length, 13) {
                            // A long match.
                            let offset := or(byte(1, word), shl(8, byte(2, word)))
                            if or(iszero(offset), gt(offset, sub(out, start))) {
                                limit := 0
                                break
                            }
                            pos := add(pos, 3)
                            length := add(length, 4)
                            if eq(length, 19) {
                                // Goes on while bytes are 255, the input lasts and the length can still be right.
                                pos := add(pos, 1)
                                let more := byte(3, word)
                                length := add(length, more)
                                if eq(more, 255) {
                                    for {} and(eq(more, 255), and(lt(pos, limit), iszero(gt(length, cap)))) {} {
                                        more := byte(0, calldataload(pos))
                                        length := add(length, more)
                                        pos := add(pos, 1)
                                    }
                                    if eq(more, 255) { limit := 0 }
                                }
                            }
                            if gt(length, sub(end, out)) {
                                limit := 0
                                break
                            }
                            safe := sub(safe, shr(2, length)) // more than the sixth by which the room has shrunk
                            word := add(out, length) // where the output ends then
                            if lt(offset, 17) {
                                // See below. Two words of whole repetitions, 34 bytes or more.
                                offset := shl(3, offset)
                                let repeated :=
                                    mul(
                                        shr(sub(256, offset), mload(sub(out, shr(3, offset)))),
                                        div(not(0), sub(shl(offset, 1), 1))
                                    )
                                offset := shr(3, mul(offset, div(256, offset)))
                                mstore(out, repeated)
                                out := add(out, offset)
                                mstore(out, repeated)
                                if iszero(gt(word, add(out, offset))) {
                                    out := word
                                    continue
                                }
                                length := sub(word, out)
                            }
                            // Double what repeats until a copy covers the rest.
                            for {} lt(offset, length) {} {
                                mcopy(out, sub(out, offset), offset)
                                out := add(out, offset)
                                length := sub(length, offset)
                                offset := shl(1, offset)
                            }
                            mcopy(out, sub(out, offset), length)
                            out := word
                            continue
                        }
                    }
                    // A short match.
                    length := add(length, 4)
                    let offset := or(byte(1, word), shl(8, byte(2, word)))
                    word := sub(out, offset)
                    if slt(word, start) {
                        limit := 0
                        break
                    }
                    word := mload(word)
                    if lt(offset, length) {
                        // It overlaps what it writes: the last `offset` bytes (16 at most) repeat. As a number v of b bits, times
                        // floor((2^256 - 1) / (2^b - 1)) = 2^(256-b) + 2^(256-2b) + ..., they fill 17 bytes or more.
                        if iszero(offset) {
                            limit := 0
                            break
                        }
                        offset := shl(3, offset)
                        word := mul(shr(sub(256, offset), word), div(not(0), sub(shl(offset, 1), 1)))
                    }
                    mstore(out, word)
                    out := add(out, length)
                    pos := add(pos, 3)
                }

                // Near an end, or many literals: one sequence of any kind, every bound checked.
                if iszero(lt(pos, limit)) { break }
                let word := calldataload(pos)
                let literals := shr(252, word)
                let length := and(shr(248, word), 15)
                pos := add(pos, 1)
                if eq(literals, 15) {
                    let more := 255
                    for {} and(eq(more, 255), and(lt(pos, limit), iszero(gt(literals, cap)))) {} {
                        more := byte(0, calldataload(pos))
                        literals := add(literals, more)
                        pos := add(pos, 1)
                    }
                    if eq(more, 255) { break }
                }
                if or(gt(literals, sub(limit, pos)), gt(literals, sub(end, out))) { break }
                calldatacopy(out, pos, literals)
                pos := add(pos, literals)
                out := add(out, literals)
                if eq(pos, limit) {
                    ok := 1
                    break
                }

                word := calldataload(pos)
                pos := add(pos, 2)
                let offset := or(byte(0, word), shl(8, byte(1, word)))
                if or(gt(pos, limit), or(iszero(offset), gt(offset, sub(out, start)))) { break }
                if eq(length, 15) {
                    let more := 255
                    for {} and(eq(more, 255), and(lt(pos, limit), iszero(gt(length, cap)))) {} {
                        more := byte(0, calldataload(pos))
                        length := add(length, more)
                        pos := add(pos, 1)
                    }
                    if eq(more, 255) { break }
                }
                length := add(length, 4)
                if gt(length, sub(end, out)) { break }
                for {} lt(offset, length) {} {
                    mcopy(out, sub(out, offset), offset)
                    out := add(out, offset)
                    length := sub(length, offset)
                    offset := shl(1, offset)
                }
                mcopy(out, sub(out, offset), length)
                out := add(out, length)
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
