// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {NotEnoughGas} from "../MachineErrors.sol";

/// @title Precompiled
/// @notice The precompiles of Cancun: L2's own table of gas, which inputs they take, and their results, from L1's precompiles.
/// Twin of the tables in tandem/machine/precompiles.py.
/// @dev What L1 asks for a call may change, and a call that fails for want of gas looks like one that was given invalid input.
/// So `compute` is for inputs that are known to be valid, where a failure can mean nothing but gas; `attempt` is for inputs
/// that may not be, all of them cheap, and is given many times the gas that they need.
library Precompiled {
    uint256 internal constant ECRECOVER = 1;
    uint256 internal constant SHA256 = 2;
    uint256 internal constant RIPEMD160 = 3;
    uint256 internal constant IDENTITY = 4;
    uint256 internal constant MODEXP = 5;
    uint256 internal constant ECADD = 6;
    uint256 internal constant ECMUL = 7;
    uint256 internal constant PAIRING = 8;
    uint256 internal constant BLAKE2F = 9;
    uint256 internal constant POINT_EVALUATION = 10;

    /// @notice Bytes of one pair of points (EIP-197).
    uint256 internal constant PAIR = 192;
    /// @notice Bytes of the three lengths before MODEXP's operands (EIP-198).
    uint256 internal constant MODEXP_HEAD = 96;

    /// @notice Caps of protocol.md, section 9: bytes of SHA256 and RIPEMD160.
    uint256 internal constant HASH_CAP = 65_536;
    /// @notice Bytes of PAIRING: 150 pairs.
    uint256 internal constant PAIRING_CAP = 28_800;
    /// @notice Bytes of each of MODEXP's operands.
    uint256 internal constant MODEXP_OPERAND_CAP = 1_024;
    /// @notice MODEXP's gas by EIP-2565.
    uint256 internal constant MODEXP_GAS_CAP = 700_000;
    /// @notice Rounds of BLAKE2F.
    uint256 internal constant ROUNDS_CAP = 65_536;

    /// @dev Gas of an attempt. The dearest, a pairing of one pair, is 79,000 since EIP-1108.
    uint256 private constant ATTEMPT_GAS = 1_000_000;
    /// @dev More than is spent between looking at the gas left and the call, the call's own 100 included.
    uint256 private constant SPARE_GAS = 2_000;

    uint256 private constant EXPONENT_HEAD = 32;

    /// @notice L1's precompile did not answer as its EIP says.
    error OddAnswer();

    /// @notice L2's gas of a call, for all whose gas is known by the input's length: not for MODEXP and BLAKE2F.
    /// @param length Of the input, bytes.
    function gasOf(uint256 number, uint256 length) internal pure returns (uint256) {
        uint256 words = (length + 31) >> 5;
        if (number == ECRECOVER) return 3_000;
        if (number == SHA256) return 60 + 12 * words;
        if (number == RIPEMD160) return 600 + 120 * words;
        if (number == IDENTITY) return 15 + 3 * words;
        if (number == ECADD) return 150; // this and the next two: EIP-1108
        if (number == ECMUL) return 6_000;
        if (number == PAIRING) return 45_000 + 34_000 * (length / PAIR);
        return 50_000; // POINT_EVALUATION, EIP-4844
    }

    /// @notice Whether an input of this length is one that the precompile takes.
    function takes(uint256 number, uint256 length) internal pure returns (bool) {
        if (number == PAIRING) return length % PAIR == 0;
        if (number == BLAKE2F) return length == 213;
        if (number == POINT_EVALUATION) return length == 192;
        return true;
    }

    /// @notice Whether an input of this length is within the chain's cap.
    function withinCap(uint256 number, uint256 length) internal pure returns (bool) {
        if (number == SHA256 || number == RIPEMD160) return length <= HASH_CAP;
        return number != PAIRING || length <= PAIRING_CAP;
    }

    /// @notice How many bytes of the input are read where it is that long. Not for MODEXP.
    function reads(uint256 number, uint256 length) internal pure returns (uint256) {
        if (number == ECRECOVER || number == ECADD) return 128;
        return number == ECMUL ? 96 : length;
    }

    /// @notice MODEXP's gas by EIP-2565; the largest number there is where it is larger.
    /// @param base Length of the base, bytes. So are `exponent` and `modulus`.
    /// @param head The exponent's first 32 bytes as a number; all of it, if it is shorter.
    function modexpGas(uint256 base, uint256 exponent, uint256 modulus, uint256 head) internal pure returns (uint256) {
        unchecked {
            uint256 longest = base > modulus ? base : modulus;
            if (longest == 0) return 200;
            if (longest > type(uint128).max || exponent > type(uint64).max) return type(uint256).max;
            uint256 words = (longest + 7) >> 3; // below 2^125
            uint256 iterations = _highestBit(head);
            if (exponent > EXPONENT_HEAD) iterations += (exponent - EXPONENT_HEAD) << 3;
            if (iterations == 0) iterations = 1;
            if (words > type(uint64).max) return type(uint256).max;
            uint256 gasNeeded = words * words * iterations / 3;
            return gasNeeded < 200 ? 200 : gasNeeded;
        }
    }

    /// @notice The answer to an input that is known to be valid.
    /// @param size Of the answer, bytes. ECRECOVER may give none.
    function compute(uint256 number, bytes memory input, uint256 size) internal view returns (bytes memory output) {
        bool success;
        (success, output) = _call(gasleft(), number, input, size);
        if (!success) revert NotEnoughGas();
    }

    /// @notice The answer to an input that may be invalid: then `valid` is false. Not for more than one pair of PAIRING.
    function attempt(uint256 number, bytes memory input, uint256 size)
        internal
        view
        returns (bool valid, bytes memory output)
    {
        if (gasleft() - gasleft() / 64 < ATTEMPT_GAS + SPARE_GAS) revert NotEnoughGas();
        return _call(ATTEMPT_GAS, number, input, size);
    }

    function _call(uint256 gasGiven, uint256 index, bytes memory input, uint256 size)
        private
        view
        returns (bool success, bytes memory output)
    {
        output = new bytes(size);
        uint256 given;
        assembly ("memory-safe") {
            success := staticcall(gasGiven, index, add(input, 0x20), mload(input), add(output, 0x20), size)
            given := returndatasize()
        }
        if (!success) return (false, "");
        if (given == 0 && index == ECRECOVER) return (true, "");
        if (given != size) revert OddAnswer();
    }

    /// @dev Index of the highest bit that is set; 0 for 0.
    function _highestBit(uint256 value) private pure returns (uint256 index) {
        unchecked {
            for (uint256 step = 128; step != 0; step >>= 1) {
                if (value >> step != 0) {
                    value >>= step;
                    index += step;
                }
            }
        }
    }
}
