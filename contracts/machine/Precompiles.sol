// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IStepVerifier} from "./IStepVerifier.sol";
import {ExitStatus, Flags, Frame, Mode} from "./MachineTypes.sol";
import {Execution} from "./lib/Execution.sol";
import {Precompiled} from "./lib/Precompiled.sol";
import {Structures} from "./lib/Structures.sol";
import {Tape} from "./lib/Tape.sol";
import {WordRange} from "./lib/WordRange.sol";

/// @title Precompiles
/// @notice Prover 6: PRECOMPILE. Gas by L2's table, the result from L1's precompile. Twin of tandem/machine/precompiles.py.
/// @dev What can be told from the lengths comes first; input is read only where the outcome hangs on it.
contract Precompiles is IStepVerifier {
    uint256 private constant CULPRIT_BYTES = 4;

    /// @notice Thrown when the pair of points that the witness calls invalid is not, or is none of the input's.
    error NoCulprit();

    /// @inheritdoc IStepVerifier
    function verify(bytes32 preHash, bytes calldata witness) external view returns (bytes32 postHash) {
        Execution.Step memory s;
        Execution.open(s, preHash, witness, Mode.PRECOMPILE);
        bool capped = Structures.readBlockState(s.tape, s.machine.blockState).flags & Flags.CAPPED_PRECOMPILES != 0;
        uint256 number = Structures.readPrecompile(s.tape, s.machine.aux).number;
        return number == Precompiled.MODEXP ? _modexp(s, capped) : _run(s, number, capped);
    }

    /// @dev Any but MODEXP.
    function _run(Execution.Step memory s, uint256 number, bool capped) private view returns (bytes32) {
        Frame memory frame = s.frame;
        uint256 length = frame.inputLength;
        if (!Precompiled.takes(number, length)) return Execution.halt(s);
        if (capped && !Precompiled.withinCap(number, length)) return Execution.halt(s);
        if (number == Precompiled.BLAKE2F) return _blake2f(s, capped);
        if (!Execution.charge(s, Precompiled.gasOf(number, length))) return Execution.halt(s);
        if (number == Precompiled.IDENTITY) {
            return Execution.leave(s, ExitStatus.SUCCESS, frame.inputRoot, frame.inputOffset, length);
        }
        if (number == Precompiled.PAIRING) return _pairing(s);
        bytes memory input = _input(s, 0, Precompiled.reads(number, length));
        if (number <= Precompiled.RIPEMD160) return _succeed(s, Precompiled.compute(number, input, 32));
        (bool valid, bytes memory output) = Precompiled.attempt(number, input, 64);
        return valid ? _succeed(s, output) : Execution.halt(s);
    }

    /// @dev Three readings: the lengths, as much of the exponent as the gas hangs on, and the operands where they matter.
    function _modexp(Execution.Step memory s, bool capped) private view returns (bytes32) {
        bytes memory head = _input(s, 0, Precompiled.MODEXP_HEAD);
        (uint256 base, uint256 exponent, uint256 modulus) = abi.decode(head, (uint256, uint256, uint256));
        uint256 longest = Math.max(Math.max(base, exponent), modulus);
        if (capped && longest > Precompiled.MODEXP_OPERAND_CAP) return Execution.halt(s);
        uint256 gasNeeded = Precompiled.modexpGas(base, exponent, modulus, _exponentHead(s, base, exponent));
        if (capped && gasNeeded > Precompiled.MODEXP_GAS_CAP) return Execution.halt(s);
        if (!Execution.charge(s, gasNeeded)) return Execution.halt(s);
        if (modulus == 0) return _succeed(s, "");
        bytes memory operands = _input(s, Precompiled.MODEXP_HEAD, base + exponent + modulus);
        return _succeed(s, Precompiled.compute(Precompiled.MODEXP, bytes.concat(head, operands), modulus));
    }

    /// @dev The exponent's first 32 bytes as a number; all of it, if it is shorter.
    function _exponentHead(Execution.Step memory s, uint256 base, uint256 exponent) private pure returns (uint256) {
        uint256 count = Math.min(exponent, 32);
        if (count == 0) return 0;
        uint256 length = s.frame.inputLength;
        bytes memory head = _input(s, base < length ? Precompiled.MODEXP_HEAD + base : length, count);
        return uint256(bytes32(head)) >> (256 - 8 * count);
    }

    /// @dev Gas is the number of rounds (EIP-152).
    function _blake2f(Execution.Step memory s, bool capped) private view returns (bytes32) {
        bytes memory input = _input(s, 0, s.frame.inputLength);
        uint256 rounds = uint32(bytes4(input));
        if (uint8(input[input.length - 1]) > 1) return Execution.halt(s);
        if (capped && rounds > Precompiled.ROUNDS_CAP) return Execution.halt(s);
        if (!Execution.charge(s, rounds)) return Execution.halt(s);
        return _succeed(s, Precompiled.compute(Precompiled.BLAKE2F, input, 64));
    }

    /// @dev On the tape first: which pair makes the input invalid, counted from 1, or 0. That pair alone is tried then, and must
    /// be refused; or all of them are computed, and must be valid. So the failure of a dear call is never believed.
    function _pairing(Execution.Step memory s) private view returns (bytes32) {
        uint256 length = s.frame.inputLength;
        uint256 culprit = Tape.number(s.tape, CULPRIT_BYTES);
        if (culprit == 0) return _succeed(s, Precompiled.compute(Precompiled.PAIRING, _input(s, 0, length), 32));
        uint256 end = culprit * Precompiled.PAIR;
        if (end > length) revert NoCulprit();
        bytes memory pair = _input(s, end - Precompiled.PAIR, Precompiled.PAIR);
        (bool valid,) = Precompiled.attempt(Precompiled.PAIRING, pair, 32);
        if (valid) revert NoCulprit();
        return Execution.halt(s);
    }

    /// @dev Bytes of the call's input, zeros behind its end.
    function _input(Execution.Step memory s, uint256 from, uint256 count) private pure returns (bytes memory) {
        Frame memory frame = s.frame;
        return WordRange.sliceBytes(s.tape, frame.inputRoot, frame.inputOffset, frame.inputLength, from, count);
    }

    /// @dev The call gives these bytes, in a tree of their own.
    function _succeed(Execution.Step memory s, bytes memory output) private pure returns (bytes32) {
        return Execution.leave(s, ExitStatus.SUCCESS, WordRange.treeRoot(output), 0, output.length);
    }
}
