// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStepVerifier} from "./IStepVerifier.sol";
import {WrongProver} from "./MachineErrors.sol";
import {ExitStatus, Frame} from "./MachineTypes.sol";
import {Execution} from "./lib/Execution.sol";
import {WordRange} from "./lib/WordRange.sol";

/// @title Compute
/// @notice Prover 0: instructions that read nothing but the stack, the code and the frame; and those not defined, which halt.
/// Twin of tandem/machine/compute.py.
contract Compute is IStepVerifier {
    uint256 private constant STOP = 0x00;
    uint256 private constant EXP = 0x0a;
    uint256 private constant POP = 0x50;
    uint256 private constant JUMP = 0x56;
    uint256 private constant JUMPI = 0x57;
    uint256 private constant JUMPDEST = 0x5b;
    uint256 private constant PUSH0 = 0x5f;
    uint256 private constant PUSH1 = 0x60;
    uint256 private constant PUSH32 = 0x7f;
    uint256 private constant DUP16 = 0x8f;
    uint256 private constant SWAP16 = 0x9f;
    /// @notice Gas for each byte of an exponent (EIP-160).
    uint256 private constant EXP_BYTE = 50;

    /// @inheritdoc IStepVerifier
    function verify(bytes32 preHash, bytes calldata witness) external pure returns (bytes32) {
        Execution.Step memory s = Execution.begin(preHash, witness);
        if (s.halted) return Execution.halt(s);
        uint256 op = s.op;
        if (op >= PUSH0 && op <= PUSH32) {
            _push(s, op - PUSH0);
        } else if (op > PUSH32 && op <= DUP16) {
            _duplicate(s);
        } else if (op > DUP16 && op <= SWAP16) {
            _swap(s);
        } else if (op == JUMP || op == JUMPI) {
            if (!_jump(s)) return Execution.halt(s);
        } else if (op == STOP) {
            return Execution.leave(s, ExitStatus.SUCCESS, bytes32(0), 0, 0);
        } else if (op == EXP && !Execution.charge(s, EXP_BYTE * _byteLength(s.stack[1]))) {
            return Execution.halt(s);
        } else if (op != POP && op != JUMPDEST) {
            Execution.push(s, s.stack.length == 0 ? _ofFrame(s.frame, op) : _ofWords(s.stack, op));
        }
        return Execution.next(s);
    }

    /// @dev The word that an instruction makes of those taken: L1's instruction is L2's.
    function _ofWords(uint256[] memory words, uint256 op) private pure returns (uint256 result) {
        uint256 a = words[0];
        uint256 b = words.length > 1 ? words[1] : 0;
        uint256 n = words.length > 2 ? words[2] : 0;
        bool known = true;
        assembly ("memory-safe") {
            switch op
            case 0x01 { result := add(a, b) }
            case 0x02 { result := mul(a, b) }
            case 0x03 { result := sub(a, b) }
            case 0x04 { result := div(a, b) }
            case 0x05 { result := sdiv(a, b) }
            case 0x06 { result := mod(a, b) }
            case 0x07 { result := smod(a, b) }
            case 0x08 { result := addmod(a, b, n) }
            case 0x09 { result := mulmod(a, b, n) }
            case 0x0a { result := exp(a, b) }
            case 0x0b { result := signextend(a, b) }
            case 0x10 { result := lt(a, b) }
            case 0x11 { result := gt(a, b) }
            case 0x12 { result := slt(a, b) }
            case 0x13 { result := sgt(a, b) }
            case 0x14 { result := eq(a, b) }
            case 0x15 { result := iszero(a) }
            case 0x16 { result := and(a, b) }
            case 0x17 { result := or(a, b) }
            case 0x18 { result := xor(a, b) }
            case 0x19 { result := not(a) }
            case 0x1a { result := byte(a, b) }
            case 0x1b { result := shl(a, b) }
            case 0x1c { result := shr(a, b) }
            case 0x1d { result := sar(a, b) }
            default { known := 0 }
        }
        if (!known) revert WrongProver();
    }

    /// @dev The word that an instruction finds in the frame.
    function _ofFrame(Frame memory frame, uint256 op) private pure returns (uint256) {
        if (op == 0x30) return uint160(frame.self);
        if (op == 0x33) return uint160(frame.caller);
        if (op == 0x34) return frame.value;
        if (op == 0x36) return frame.inputLength;
        if (op == 0x38) return frame.codeSize;
        if (op == 0x3d) return frame.returnLength;
        if (op == 0x58) return frame.pc - 1;
        if (op == 0x59) return frame.memoryWords * 32;
        if (op == 0x5a) return frame.gas;
        revert WrongProver();
    }

    /// @dev PUSHn. The instruction's own chunk is read; its data may reach into two more. Behind the tree there is nothing.
    function _push(Execution.Step memory s, uint256 width) private pure {
        uint256 opcodeAt = s.frame.pc - 1;
        uint256 following = opcodeAt / Execution.CHUNK_BYTES + 1;
        uint256 last = (opcodeAt + width) / Execution.CHUNK_BYTES;
        if (last >= 1 << Execution.CODE_DEPTH) last = (1 << Execution.CODE_DEPTH) - 1;
        // Bytes of code from behind the opcode on, the first in the highest place.
        uint256 data = uint256(s.chunk) << (8 * (2 + opcodeAt % Execution.CHUNK_BYTES));
        if (last >= following) {
            uint256 have = Execution.CHUNK_BYTES - 1 - opcodeAt % Execution.CHUNK_BYTES;
            bytes32[] memory chunks =
                WordRange.read(s.tape, s.frame.codeRoot, Execution.CODE_DEPTH, following, last - following + 1).words;
            for (uint256 i; i < chunks.length; ++i) {
                data |= (uint256(chunks[i]) << 8) >> (8 * (have + i * Execution.CHUNK_BYTES));
            }
        }
        // SAFETY: shifts by 256 and more give zero: PUSH0.
        Execution.push(s, data >> (256 - 8 * width));
        s.frame.pc += width;
    }

    /// @dev DUPn: the deepest word taken comes on top of all.
    function _duplicate(Execution.Step memory s) private pure {
        uint256 n = s.stack.length;
        uint256 deepest = s.stack[n - 1];
        while (n > 0) Execution.push(s, s.stack[--n]);
        Execution.push(s, deepest);
    }

    /// @dev SWAPn: the deepest word taken and the top change places.
    function _swap(Execution.Step memory s) private pure {
        uint256 n = s.stack.length;
        (s.stack[0], s.stack[n - 1]) = (s.stack[n - 1], s.stack[0]);
        while (n > 0) Execution.push(s, s.stack[--n]);
    }

    /// @dev JUMP and JUMPI. False where there is no JUMPDEST to jump to.
    function _jump(Execution.Step memory s) private pure returns (bool) {
        if (s.op == JUMPI && s.stack[1] == 0) return true;
        uint256 destination = s.stack[0];
        if (destination >= s.frame.codeSize) return false;
        bytes32 chunk = WordRange.one(s.tape, s.frame.codeRoot, Execution.CODE_DEPTH, destination / Execution.CHUNK_BYTES);
        if (!_isDestination(chunk, destination % Execution.CHUNK_BYTES)) return false;
        s.frame.pc = destination;
        return true;
    }

    /// @dev Whether byte `target` of a chunk's code is an instruction, and JUMPDEST. The chunk's first byte says where its
    /// first instruction is; from there the walk passes over push data. At most 31 steps.
    function _isDestination(bytes32 chunk, uint256 target) private pure returns (bool) {
        uint256 at = uint8(chunk[0]);
        while (at < target) {
            uint256 op = uint8(chunk[at + 1]);
            at += op >= PUSH1 && op <= PUSH32 ? op - PUSH0 + 1 : 1;
        }
        return at == target && uint8(chunk[at + 1]) == JUMPDEST;
    }

    /// @dev Bytes that a number has without leading zeros.
    function _byteLength(uint256 value) private pure returns (uint256 length) {
        for (; value != 0; value >>= 8) ++length;
    }
}
