// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {WrongMode, WrongOpening} from "../MachineErrors.sol";
import {Exit, ExitStatus, Frame, Machine, Mode} from "../MachineTypes.sol";
import {Opcodes} from "./Opcodes.sol";
import {Structures} from "./Structures.sol";
import {Tape, TapeReader} from "./Tape.sol";
import {WordRange} from "./WordRange.sol";

/// @title Execution
/// @notice What every instruction has in common: fetch, the checks before it, gas, stack, memory, and how its step ends.
/// Twin of tandem/machine/execution.py.
library Execution {
    uint256 internal constant STACK_LIMIT = 1024;
    /// @notice Memory beyond would cost more than any transaction has.
    uint256 internal constant MAX_MEMORY_WORDS = 1 << 17;
    /// @notice Code bytes in a chunk, and depth of the tree of chunks.
    uint256 internal constant CHUNK_BYTES = 31;
    uint256 internal constant CODE_DEPTH = 11;

    /// @dev No offset or size below it can overflow a sum, none above it is ever paid for.
    uint256 private constant HUGE = 1 << 64;
    /// @dev A frame's words before pc, and from pc on.
    uint256 private constant STATIC_WORDS = 15;
    uint256 private constant MOVING_WORDS = 9;

    /// @notice A step of mode EXEC on its way.
    /// @param machine As before the step, but for `world`, which the instruction may replace.
    /// @param world `machine.world` as before the step: what a halt goes back to.
    /// @param op The opcode.
    /// @param halted Whether the step halts before the instruction has begun.
    /// @param stack The words taken, the top first.
    /// @param chunk The code chunk of the opcode; zero past the code's end.
    struct Step {
        TapeReader tape;
        Machine machine;
        Frame frame;
        bytes32 world;
        uint256 op;
        bool halted;
        uint256[] stack;
        bytes32 chunk;
    }

    /// @notice Opens machine and frame, fetches the opcode, checks what every instruction checks, takes its static gas and its
    /// words, and moves pc behind the opcode.
    function begin(bytes32 preHash, bytes calldata witness) internal pure returns (Step memory s) {
        open(s, preHash, witness, Mode.EXEC);
        Frame memory frame = s.frame;
        if (frame.pc < frame.codeSize) {
            s.chunk = WordRange.one(s.tape, frame.codeRoot, CODE_DEPTH, frame.pc / CHUNK_BYTES);
            s.op = uint8(s.chunk[1 + frame.pc % CHUNK_BYTES]);
        }
        (bool defined, uint256 gas, uint256 pops, uint256 pushes) = Opcodes.info(s.op);
        s.halted = !defined || frame.stackSize < pops || frame.stackSize - pops + pushes > STACK_LIMIT || frame.gas < gas;
        if (s.halted) return s;
        frame.gas -= gas;
        s.stack = takeStack(s, pops);
        frame.pc += 1;
    }

    /// @notice Opens machine and frame in any mode that has a frame. WrongMode if it is another one.
    function open(Step memory s, bytes32 preHash, bytes calldata witness, uint256 mode) internal pure {
        s.tape = Tape.open(witness);
        s.machine = Structures.readMachine(s.tape, preHash);
        if (s.machine.mode != mode) revert WrongMode();
        s.frame = Structures.readFrame(s.tape, s.machine.frame);
        s.world = s.machine.world;
    }

    /// @notice Takes words off the stack, which has so many.
    /// @return words The top first.
    function takeStack(Step memory s, uint256 count) internal pure returns (uint256[] memory words) {
        if (count == 0) return words;
        Frame memory frame = s.frame;
        uint256 position = Tape.take(s.tape, count * 32);
        bytes32 below = Tape.word(s.tape);
        bytes32 top = below;
        assembly ("memory-safe") {
            words := mload(0x40)
            mstore(words, count)
            let from := add(words, 0x20)
            let at := add(from, shl(5, count))
            mstore(0x40, at)
            calldatacopy(from, position, shl(5, count))
            for {} gt(at, from) {} {
                at := sub(at, 0x20)
                mstore(0x00, top)
                mstore(0x20, mload(at))
                top := keccak256(0x00, 0x40)
            }
        }
        if (top != frame.stackHash) revert WrongOpening();
        frame.stackSize -= count;
        frame.stackHash = below;
    }

    /// @notice One more word on the stack. That it fits was checked before.
    function push(Step memory s, uint256 value) internal pure {
        Frame memory frame = s.frame;
        bytes32 below = frame.stackHash;
        bytes32 top;
        assembly ("memory-safe") {
            mstore(0x00, below)
            mstore(0x20, value)
            top := keccak256(0x00, 0x40)
        }
        frame.stackHash = top;
        frame.stackSize += 1;
    }

    /// @notice Takes gas. False, and takes none, where there is less.
    function charge(Step memory s, uint256 amount) internal pure returns (bool) {
        Frame memory frame = s.frame;
        if (amount > frame.gas) return false;
        unchecked {
            frame.gas -= amount;
        }
        return true;
    }

    /// @notice Makes memory reach over the span and pays for it: 3 gas a word and words squared over 512 (yellow paper, 9.1).
    /// False, and does nothing, where the gas does not suffice. No span is free.
    function expand(Step memory s, uint256 offset, uint256 size) internal pure returns (bool) {
        if (size == 0) return true;
        if (offset >= HUGE || size >= HUGE) return false;
        uint256 before = s.frame.memoryWords;
        unchecked {
            uint256 afterwards = (offset + size + 31) >> 5;
            if (afterwards > MAX_MEMORY_WORDS) return false;
            if (afterwards <= before) return true;
            uint256 cost = 3 * (afterwards - before) + ((afterwards * afterwards) >> 9) - ((before * before) >> 9);
            if (!charge(s, cost)) return false;
            s.frame.memoryWords = afterwards;
        }
        return true;
    }

    /// @notice Bytes of memory that `expand` made sure of. For none, nothing is read.
    function readMemory(Step memory s, uint256 offset, uint256 size) internal pure returns (bytes memory) {
        return WordRange.bytesAt(s.tape, s.frame.memoryRoot, offset, size);
    }

    /// @notice Replaces bytes of memory that `expand` made sure of. For none, nothing is read.
    function editMemory(Step memory s, uint256 offset, bytes memory data) internal pure {
        uint256 size = data.length;
        if (size == 0) return;
        uint256 first = offset >> 5;
        uint256 count = ((offset + size - 1) >> 5) - first + 1;
        WordRange.Range memory range = WordRange.read(s.tape, s.frame.memoryRoot, WordRange.DEPTH, first, count);
        bytes32[] memory words = range.words;
        assembly ("memory-safe") {
            mcopy(add(add(words, 0x20), and(offset, 31)), add(data, 0x20), size)
        }
        s.frame.memoryRoot = WordRange.rootOf(range);
    }

    /// @notice On to the next instruction.
    /// @return The state after the step.
    function next(Step memory s) internal pure returns (bytes32) {
        return become(s, Mode.EXEC, 0);
    }

    /// @notice An exceptional halt: all gas gone, no data, the world as it was before the step.
    /// @return The state after the step.
    function halt(Step memory s) internal pure returns (bytes32) {
        Frame memory frame = s.frame;
        assembly ("memory-safe") {
            calldatacopy(add(frame, mul(STATIC_WORDS, 0x20)), calldatasize(), mul(MOVING_WORDS, 0x20))
        }
        s.machine.world = s.world;
        Exit memory exit;
        return become(s, Mode.EXIT, Structures.hashExit(exit));
    }

    /// @notice Ends the frame with a slice of data. A creation that succeeds deposits its code first.
    /// @return The state after the step.
    function leave(Step memory s, uint256 status, bytes32 root, uint256 offset, uint256 length)
        internal
        pure
        returns (bytes32)
    {
        Exit memory exit;
        exit.status = status;
        if (length != 0) {
            exit.outRoot = root;
            exit.outOffset = offset;
            exit.outLength = length;
        }
        bool deposits = s.frame.isCreate != 0 && status == ExitStatus.SUCCESS;
        return become(s, deposits ? Mode.DEPOSIT : Mode.EXIT, Structures.hashExit(exit));
    }

    /// @notice On to a mode, with the frame as it is now. Nothing may be left on the tape.
    /// @param auxHash Hash of the mode's structure; 0 for none.
    /// @return The state after the step.
    function become(Step memory s, uint256 mode, bytes32 auxHash) internal pure returns (bytes32) {
        Tape.finish(s.tape);
        s.machine.mode = mode;
        s.machine.frame = Structures.hashFrame(s.frame);
        s.machine.aux = auxHash;
        return Structures.hashMachine(s.machine);
    }
}
