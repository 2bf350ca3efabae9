// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title KeccakF
/// @notice The sponge of keccak-256 piece by piece (FIPS 202, with keccak's own padding), for data too long to be hashed in one
/// step. Twin of tandem/machine/sponge.py.
/// @dev A state is 25 lanes of 64 bits, lane x + 5 y at index x + 5 y, each in a word of its own and standing there twice, in
/// bits 0..63 and 64..127: so a lane rotated left by n is what stands 64 - n bits higher.
library KeccakF {
    /// @notice Bytes that one absorption takes (1,088 bits).
    uint256 internal constant RATE = 136;
    /// @notice Words of a packed state: four lanes each, the first in the lowest bits; the last holds one.
    uint256 internal constant PACKED_WORDS = 7;

    uint256 private constant LANES = 25;
    /// @dev The bits of a lane.
    uint256 private constant LANE = 0xffffffffffffffff;
    /// @dev A lane times this stands twice.
    uint256 private constant TWICE = 0x10000000000000001;

    /// @notice The state that is packed in these words.
    function unpack(uint256[PACKED_WORDS] memory packed) internal pure returns (uint256[25] memory state) {
        unchecked {
            for (uint256 i; i < LANES; ++i) state[i] = ((packed[i >> 2] >> ((i & 3) << 6)) & LANE) * TWICE;
        }
    }

    /// @notice Overwrites `packed` with the state.
    function pack(uint256[25] memory state, uint256[PACKED_WORDS] memory packed) internal pure {
        unchecked {
            for (uint256 i; i < PACKED_WORDS; ++i) packed[i] = 0;
            for (uint256 i; i < LANES; ++i) packed[i >> 2] |= (state[i] & LANE) << ((i & 3) << 6);
        }
    }

    /// @notice The last block, from the less than 136 bytes that are left.
    function pad(bytes memory rest) internal pure returns (bytes memory last) {
        uint256 length = rest.length;
        last = new bytes(RATE);
        assembly ("memory-safe") {
            mcopy(add(last, 0x20), add(rest, 0x20), length)
        }
        last[length] = 0x01;
        last[RATE - 1] |= 0x80; // where the end of the data is the end of the block, one byte is both
    }

    /// @notice Takes up one block and permutes.
    /// @param chunk The block, 136 bytes and as many behind them as fill a word.
    function absorb(uint256[25] memory state, bytes memory chunk) internal pure {
        unchecked {
            for (uint256 i; i < RATE / 8; ++i) {
                uint256 four; // the word that holds the i-th lane of the block, its first lane in the highest bits
                assembly ("memory-safe") {
                    four := mload(add(add(chunk, 0x20), shl(5, shr(2, i))))
                }
                state[i] ^= ((_reverse(four) >> (192 - ((i & 3) << 6))) & LANE) * TWICE;
            }
        }
        permute(state);
    }

    /// @notice The hash that a state gives when all is absorbed: its first four lanes.
    function squeeze(uint256[25] memory state) internal pure returns (bytes32) {
        uint256 four = (state[0] << 192) | ((state[1] & LANE) << 128) | ((state[2] & LANE) << 64) | (state[3] & LANE);
        return bytes32(_reverse(four));
    }

    /// @notice keccak-f[1600], in place.
    function permute(uint256[25] memory state) internal pure {
        uint256 a;
        uint256 b; // a second state behind all memory in use: the rounds go from one to the other
        uint256 once = LANE; // on the stack, where they are cheaper than in the code
        uint256 twice = TWICE;
        assembly ("memory-safe") {
            a := state
            b := mload(0x40)
        }
        _round(0x1, a, b, once, twice);
        _round(0x8082, b, a, once, twice);
        _round(0x800000000000808a, a, b, once, twice);
        _round(0x8000000080008000, b, a, once, twice);
        _round(0x808b, a, b, once, twice);
        _round(0x80000001, b, a, once, twice);
        _round(0x8000000080008081, a, b, once, twice);
        _round(0x8000000000008009, b, a, once, twice);
        _round(0x8a, a, b, once, twice);
        _round(0x88, b, a, once, twice);
        _round(0x80008009, a, b, once, twice);
        _round(0x8000000a, b, a, once, twice);
        _round(0x8000808b, a, b, once, twice);
        _round(0x800000000000008b, b, a, once, twice);
        _round(0x8000000000008089, a, b, once, twice);
        _round(0x8000000000008003, b, a, once, twice);
        _round(0x8000000000008002, a, b, once, twice);
        _round(0x8000000000000080, b, a, once, twice);
        _round(0x800a, a, b, once, twice);
        _round(0x800000008000000a, b, a, once, twice);
        _round(0x8000000080008081, a, b, once, twice);
        _round(0x8000000000008080, b, a, once, twice);
        _round(0x80000001, a, b, once, twice);
        _round(0x8000000080008008, b, a, once, twice);
    }

    /// @dev One round: the state at `from` goes to `to` by theta, rho, pi, chi and iota. c: parities of the columns, d: what theta
    /// adds to a column, b: lanes of one row of the result, moved and rotated, with rubbish above bit 63 that chi leaves behind.
    function _round(uint256 roundConstant, uint256 from, uint256 to, uint256 once, uint256 twice) private pure {
        assembly ("memory-safe") {
            let d0
            let d1
            let d2
            let d3
            let d4
            {
                let c0 := xor(mload(from), xor(mload(add(from, 0x0a0)), mload(add(from, 0x140))))
                c0 := xor(c0, xor(mload(add(from, 0x1e0)), mload(add(from, 0x280))))
                let c1 := xor(mload(add(from, 0x020)), xor(mload(add(from, 0x0c0)), mload(add(from, 0x160))))
                c1 := xor(c1, xor(mload(add(from, 0x200)), mload(add(from, 0x2a0))))
                let c2 := xor(mload(add(from, 0x040)), xor(mload(add(from, 0x0e0)), mload(add(from, 0x180))))
                c2 := xor(c2, xor(mload(add(from, 0x220)), mload(add(from, 0x2c0))))
                let c3 := xor(mload(add(from, 0x060)), xor(mload(add(from, 0x100)), mload(add(from, 0x1a0))))
                c3 := xor(c3, xor(mload(add(from, 0x240)), mload(add(from, 0x2e0))))
                let c4 := xor(mload(add(from, 0x080)), xor(mload(add(from, 0x120)), mload(add(from, 0x1c0))))
                c4 := xor(c4, xor(mload(add(from, 0x260)), mload(add(from, 0x300))))
                d0 := xor(c4, mul(and(shr(63, c1), once), twice))
                d1 := xor(c0, mul(and(shr(63, c2), once), twice))
                d2 := xor(c1, mul(and(shr(63, c3), once), twice))
                d3 := xor(c2, mul(and(shr(63, c4), once), twice))
                d4 := xor(c3, mul(and(shr(63, c0), once), twice))
            }
            {
                let b0 := xor(mload(from), d0)
                let b1 := shr(20, xor(mload(add(from, 0x0c0)), d1))
                let b2 := shr(21, xor(mload(add(from, 0x180)), d2))
                let b3 := shr(43, xor(mload(add(from, 0x240)), d3))
                let b4 := shr(50, xor(mload(add(from, 0x300)), d4))
                mstore(to, mul(and(xor(b0, and(not(b1), b2)), once), twice))
                mstore(add(to, 0x020), mul(and(xor(b1, and(not(b2), b3)), once), twice))
                mstore(add(to, 0x040), mul(and(xor(b2, and(not(b3), b4)), once), twice))
                mstore(add(to, 0x060), mul(and(xor(b3, and(not(b4), b0)), once), twice))
                mstore(add(to, 0x080), mul(and(xor(b4, and(not(b0), b1)), once), twice))
            }
            {
                let b0 := shr(36, xor(mload(add(from, 0x060)), d3))
                let b1 := shr(44, xor(mload(add(from, 0x120)), d4))
                let b2 := shr(61, xor(mload(add(from, 0x140)), d0))
                let b3 := shr(19, xor(mload(add(from, 0x200)), d1))
                let b4 := shr(3, xor(mload(add(from, 0x2c0)), d2))
                mstore(add(to, 0x0a0), mul(and(xor(b0, and(not(b1), b2)), once), twice))
                mstore(add(to, 0x0c0), mul(and(xor(b1, and(not(b2), b3)), once), twice))
                mstore(add(to, 0x0e0), mul(and(xor(b2, and(not(b3), b4)), once), twice))
                mstore(add(to, 0x100), mul(and(xor(b3, and(not(b4), b0)), once), twice))
                mstore(add(to, 0x120), mul(and(xor(b4, and(not(b0), b1)), once), twice))
            }
            {
                let b0 := shr(63, xor(mload(add(from, 0x020)), d1))
                let b1 := shr(58, xor(mload(add(from, 0x0e0)), d2))
                let b2 := shr(39, xor(mload(add(from, 0x1a0)), d3))
                let b3 := shr(56, xor(mload(add(from, 0x260)), d4))
                let b4 := shr(46, xor(mload(add(from, 0x280)), d0))
                mstore(add(to, 0x140), mul(and(xor(b0, and(not(b1), b2)), once), twice))
                mstore(add(to, 0x160), mul(and(xor(b1, and(not(b2), b3)), once), twice))
                mstore(add(to, 0x180), mul(and(xor(b2, and(not(b3), b4)), once), twice))
                mstore(add(to, 0x1a0), mul(and(xor(b3, and(not(b4), b0)), once), twice))
                mstore(add(to, 0x1c0), mul(and(xor(b4, and(not(b0), b1)), once), twice))
            }
            {
                let b0 := shr(37, xor(mload(add(from, 0x080)), d4))
                let b1 := shr(28, xor(mload(add(from, 0x0a0)), d0))
                let b2 := shr(54, xor(mload(add(from, 0x160)), d1))
                let b3 := shr(49, xor(mload(add(from, 0x220)), d2))
                let b4 := shr(8, xor(mload(add(from, 0x2e0)), d3))
                mstore(add(to, 0x1e0), mul(and(xor(b0, and(not(b1), b2)), once), twice))
                mstore(add(to, 0x200), mul(and(xor(b1, and(not(b2), b3)), once), twice))
                mstore(add(to, 0x220), mul(and(xor(b2, and(not(b3), b4)), once), twice))
                mstore(add(to, 0x240), mul(and(xor(b3, and(not(b4), b0)), once), twice))
                mstore(add(to, 0x260), mul(and(xor(b4, and(not(b0), b1)), once), twice))
            }
            {
                let b0 := shr(2, xor(mload(add(from, 0x040)), d2))
                let b1 := shr(9, xor(mload(add(from, 0x100)), d3))
                let b2 := shr(25, xor(mload(add(from, 0x1c0)), d4))
                let b3 := shr(23, xor(mload(add(from, 0x1e0)), d0))
                let b4 := shr(62, xor(mload(add(from, 0x2a0)), d1))
                mstore(add(to, 0x280), mul(and(xor(b0, and(not(b1), b2)), once), twice))
                mstore(add(to, 0x2a0), mul(and(xor(b1, and(not(b2), b3)), once), twice))
                mstore(add(to, 0x2c0), mul(and(xor(b2, and(not(b3), b4)), once), twice))
                mstore(add(to, 0x2e0), mul(and(xor(b3, and(not(b4), b0)), once), twice))
                mstore(add(to, 0x300), mul(and(xor(b4, and(not(b0), b1)), once), twice))
            }
            mstore(to, xor(mload(to), mul(roundConstant, twice)))
        }
    }

    /// @dev Each of the four lanes of a word with its bytes reversed: lanes are little-endian.
    function _reverse(uint256 word) private pure returns (uint256) {
        uint256 ones = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        uint256 twos = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
        uint256 fours = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
        word = ((word >> 8) & ones) | ((word & ones) << 8);
        word = ((word >> 16) & twos) | ((word & twos) << 16);
        return ((word >> 32) & fours) | ((word & fours) << 32);
    }
}
