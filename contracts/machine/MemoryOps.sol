// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStepVerifier} from "./IStepVerifier.sol";
import {WrongProver} from "./MachineErrors.sol";
import {CopyJob, ExitStatus, HashJob, Mode} from "./MachineTypes.sol";
import {EventLog} from "./lib/EventLog.sol";
import {Execution} from "./lib/Execution.sol";
import {Structures} from "./lib/Structures.sol";
import {TapeReader} from "./lib/Tape.sol";
import {WordRange} from "./lib/WordRange.sol";

/// @title MemoryOps
/// @notice Prover 1: instructions on memory and calldata, logs, the ends of a frame, and the copies.
/// Twin of tandem/machine/memory_ops.py.
/// @dev Sizes are bounded by what memory can hold once `expand` has passed: it comes before any charge by size.
contract MemoryOps is IStepVerifier {
    uint256 private constant KECCAK256 = 0x20;
    uint256 private constant CALLDATALOAD = 0x35;
    uint256 private constant CALLDATACOPY = 0x37;
    uint256 private constant CODECOPY = 0x39;
    uint256 private constant RETURNDATACOPY = 0x3e;
    uint256 private constant MLOAD = 0x51;
    uint256 private constant MSTORE = 0x52;
    uint256 private constant MSTORE8 = 0x53;
    uint256 private constant MCOPY = 0x5e;
    uint256 private constant LOG0 = 0xa0;
    uint256 private constant LOG4 = 0xa4;
    uint256 private constant RETURN = 0xf3;
    uint256 private constant REVERT = 0xfd;

    /// @notice Gas for a word copied, a word hashed, a byte logged (yellow paper, appendix G).
    uint256 private constant COPY_WORD = 3;
    uint256 private constant HASH_WORD = 6;
    uint256 private constant LOG_BYTE = 8;
    /// @notice A COPY step fills memory up to the next multiple of this.
    uint256 private constant COPY_BYTES = 1024;
    /// @notice Longer data is hashed in steps of its own.
    uint256 private constant MAX_HASH_BYTES = 65_536;
    uint256 private constant WORDS_LAYOUT = 0;
    uint256 private constant CODE_LAYOUT = 1;

    /// @inheritdoc IStepVerifier
    function verify(bytes32 preHash, bytes calldata witness) external pure returns (bytes32) {
        // The machine's first word is its mode: only COPY is another one here.
        if (witness.length >= 32 && uint256(bytes32(witness)) == Mode.COPY) return _copyStep(preHash, witness);
        Execution.Step memory s = Execution.begin(preHash, witness);
        if (s.halted) return Execution.halt(s);
        uint256 op = s.op;
        if (op == MLOAD || op == MSTORE || op == MSTORE8) return _access(s);
        if (op == CALLDATALOAD) return _callDataLoad(s);
        if (op == KECCAK256) return _keccak(s);
        if (op == RETURN || op == REVERT) return _return(s);
        if (op >= LOG0 && op <= LOG4) return _log(s);
        if (op == CALLDATACOPY || op == CODECOPY || op == RETURNDATACOPY || op == MCOPY) return _startCopy(s);
        revert WrongProver();
    }

    /// @dev MLOAD, MSTORE, MSTORE8.
    function _access(Execution.Step memory s) private pure returns (bytes32) {
        uint256 offset = s.stack[0];
        if (!Execution.expand(s, offset, s.op == MSTORE8 ? 1 : 32)) return Execution.halt(s);
        if (s.op == MLOAD) {
            Execution.push(s, uint256(bytes32(Execution.readMemory(s, offset, 32))));
        } else if (s.op == MSTORE) {
            Execution.editMemory(s, offset, abi.encodePacked(s.stack[1]));
        } else {
            Execution.editMemory(s, offset, abi.encodePacked(uint8(s.stack[1])));
        }
        return Execution.next(s);
    }

    function _callDataLoad(Execution.Step memory s) private pure returns (bytes32) {
        bytes memory data = WordRange.sliceBytes(
            s.tape, s.frame.inputRoot, s.frame.inputOffset, s.frame.inputLength, s.stack[0], 32
        );
        Execution.push(s, uint256(bytes32(data)));
        return Execution.next(s);
    }

    function _keccak(Execution.Step memory s) private pure returns (bytes32) {
        uint256 offset = s.stack[0];
        uint256 size = s.stack[1];
        if (!Execution.expand(s, offset, size) || !Execution.charge(s, HASH_WORD * _words(size))) {
            return Execution.halt(s);
        }
        uint256[4] memory none;
        if (size > MAX_HASH_BYTES) return _hashInSteps(s, 0, none);
        Execution.push(s, uint256(keccak256(Execution.readMemory(s, offset, size))));
        return Execution.next(s);
    }

    function _log(Execution.Step memory s) private pure returns (bytes32) {
        uint256 offset = s.stack[0];
        uint256 size = s.stack[1];
        if (s.frame.isStatic != 0 || !Execution.expand(s, offset, size) || !Execution.charge(s, LOG_BYTE * size)) {
            return Execution.halt(s);
        }
        uint256 count = s.op - LOG0;
        uint256[4] memory topics;
        for (uint256 i; i < count; ++i) topics[i] = s.stack[2 + i];
        if (size > MAX_HASH_BYTES) return _hashInSteps(s, count + 1, topics);
        bytes32 dataHash = keccak256(Execution.readMemory(s, offset, size));
        s.machine.world = EventLog.add(s.tape, s.machine.world, s.frame.self, count, topics, dataHash);
        return Execution.next(s);
    }

    /// @dev To KECCAK, with the sponge empty.
    /// @param purpose 0: KECCAK256. n + 1: LOGn.
    function _hashInSteps(Execution.Step memory s, uint256 purpose, uint256[4] memory topics)
        private
        pure
        returns (bytes32)
    {
        HashJob memory job;
        job.root = s.frame.memoryRoot;
        job.offset = s.stack[0];
        job.size = s.stack[1];
        job.topics = purpose;
        job.topic0 = topics[0];
        job.topic1 = topics[1];
        job.topic2 = topics[2];
        job.topic3 = topics[3];
        return Execution.become(s, Mode.KECCAK, Structures.hashHashJob(job));
    }

    /// @dev RETURN and REVERT.
    function _return(Execution.Step memory s) private pure returns (bytes32) {
        if (!Execution.expand(s, s.stack[0], s.stack[1])) return Execution.halt(s);
        uint256 status = s.op == RETURN ? ExitStatus.SUCCESS : ExitStatus.REVERTED;
        return Execution.leave(s, status, s.frame.memoryRoot, s.stack[0], s.stack[1]);
    }

    /// @dev CALLDATACOPY, CODECOPY, RETURNDATACOPY, MCOPY: charge, expand, and go to COPY unless there is nothing to copy.
    function _startCopy(Execution.Step memory s) private pure returns (bytes32) {
        uint256 to = s.stack[0];
        uint256 start = s.stack[1];
        uint256 size = s.stack[2];
        if (s.op == RETURNDATACOPY) {
            // Reading behind the end halts (EIP-211).
            uint256 length = s.frame.returnLength;
            if (start > length || size > length - start) return Execution.halt(s);
        }
        if (
            !Execution.expand(s, s.op == MCOPY && start > to ? start : to, size)
                || !Execution.charge(s, COPY_WORD * _words(size))
        ) return Execution.halt(s);
        if (size == 0) return Execution.next(s);

        CopyJob memory job;
        job.to = to;
        job.size = size;
        if (s.op == CALLDATACOPY) {
            _from(job, s.frame.inputRoot, s.frame.inputOffset, s.frame.inputLength, start);
        } else if (s.op == RETURNDATACOPY) {
            _from(job, s.frame.returnRoot, s.frame.returnOffset, s.frame.returnLength, start);
        } else if (s.op == CODECOPY) {
            job.layout = CODE_LAYOUT;
            _from(job, s.frame.codeRoot, 0, s.frame.codeSize, start);
        } else {
            _from(job, s.frame.memoryRoot, start, size, 0);
        }
        return Execution.become(s, Mode.COPY, Structures.hashCopyJob(job));
    }

    /// @dev The source of a copy: bytes of a slice from `start` on. A source without bytes is no source.
    function _from(CopyJob memory job, bytes32 root, uint256 offset, uint256 length, uint256 start) private pure {
        if (start >= length) return;
        job.root = root;
        job.offset = offset + start;
        job.available = length - start;
    }

    /// @dev The step COPY.
    function _copyStep(bytes32 preHash, bytes calldata witness) private pure returns (bytes32) {
        Execution.Step memory s;
        Execution.open(s, preHash, witness, Mode.COPY);
        CopyJob memory job = Structures.readCopyJob(s.tape, s.machine.aux);

        uint256 count = COPY_BYTES - job.to % COPY_BYTES;
        if (count > job.size) count = job.size;
        uint256 there = count < job.available ? count : job.available;
        bytes memory data = new bytes(count);
        if (there != 0) _fill(data, s.tape, job, there);
        Execution.editMemory(s, job.to, data);
        if (count == job.size) return Execution.next(s);

        bool exhausted = there == job.available;
        return Execution.become(
            s,
            Mode.COPY,
            Structures.hashCopyJob(
                CopyJob({
                    layout: job.layout,
                    root: exhausted ? bytes32(0) : job.root,
                    offset: exhausted ? 0 : job.offset + there,
                    available: job.available - there,
                    to: job.to + count,
                    size: job.size - count
                })
            )
        );
    }

    /// @dev Puts the next `there` bytes of the source at the beginning of `data`.
    function _fill(bytes memory data, TapeReader memory t, CopyJob memory job, uint256 there) private pure {
        bytes memory source;
        uint256 skip;
        if (job.layout == WORDS_LAYOUT) {
            source = WordRange.bytesAt(t, job.root, job.offset, there);
        } else {
            source = _chunksAt(t, job.root, job.offset, there);
            skip = job.offset % Execution.CHUNK_BYTES;
        }
        assembly ("memory-safe") {
            mcopy(add(data, 0x20), add(add(source, 0x20), skip), there)
        }
    }

    /// @dev The code of the chunks that hold `count` bytes of it: each has a byte before them that is none of the code's.
    function _chunksAt(TapeReader memory t, bytes32 root, uint256 offset, uint256 count)
        private
        pure
        returns (bytes memory code)
    {
        uint256 first = offset / Execution.CHUNK_BYTES;
        uint256 last = (offset + count - 1) / Execution.CHUNK_BYTES;
        bytes32[] memory chunks = WordRange.read(t, root, Execution.CODE_DEPTH, first, last - first + 1).words;
        // SAFETY: a chunk is written as a word, a byte wider than its code. Each overwrites the last byte of the one before,
        // and there is room for that of the last.
        code = new bytes(chunks.length * Execution.CHUNK_BYTES + 1);
        for (uint256 i; i < chunks.length; ++i) {
            bytes32 chunk = chunks[i] << 8;
            uint256 at = i * Execution.CHUNK_BYTES;
            assembly ("memory-safe") {
                mstore(add(add(code, 0x20), at), chunk)
            }
        }
    }

    /// @dev Words that hold so many bytes.
    function _words(uint256 size) private pure returns (uint256) {
        return (size + 31) / 32;
    }
}
