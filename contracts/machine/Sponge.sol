// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStepVerifier} from "./IStepVerifier.sol";
import {WrongMode} from "./MachineErrors.sol";
import {Frame, HashJob, Machine, Mode} from "./MachineTypes.sol";
import {EventLog} from "./lib/EventLog.sol";
import {KeccakF} from "./lib/KeccakF.sol";
import {Structures} from "./lib/Structures.sol";
import {Tape, TapeReader} from "./lib/Tape.sol";
import {WordRange} from "./lib/WordRange.sol";

/// @title Sponge
/// @notice Prover 7: KECCAK. Data too long to be hashed in one step is absorbed a block a step; the last gives the hash to who
/// wanted it. Twin of tandem/machine/sponge.py.
contract Sponge is IStepVerifier {
    /// @inheritdoc IStepVerifier
    function verify(bytes32 preHash, bytes calldata witness) external pure returns (bytes32 postHash) {
        TapeReader memory t = Tape.open(witness);
        Machine memory machine = Structures.readMachine(t, preHash);
        if (machine.mode != Mode.KECCAK) revert WrongMode();
        HashJob memory job = Structures.readHashJob(t, machine.aux);
        uint256 count = job.size < KeccakF.RATE ? job.size : KeccakF.RATE;
        bytes memory chunk = WordRange.bytesAt(t, job.root, job.offset, count);
        uint256[7] memory lanes = _lanes(job);
        uint256[25] memory state = KeccakF.unpack(lanes);
        if (count == KeccakF.RATE) {
            KeccakF.absorb(state, chunk);
            KeccakF.pack(state, lanes);
            job.offset += KeccakF.RATE;
            job.size -= KeccakF.RATE;
            machine.aux = Structures.hashHashJob(job);
        } else {
            KeccakF.absorb(state, KeccakF.pad(chunk));
            _finish(t, machine, job, KeccakF.squeeze(state));
        }
        Tape.finish(t);
        return Structures.hashMachine(machine);
    }

    /// @dev Back to the instruction that wanted the hash: it is pushed, or the log is appended.
    function _finish(TapeReader memory t, Machine memory machine, HashJob memory job, bytes32 digest) private pure {
        Frame memory frame = Structures.readFrame(t, machine.frame);
        machine.mode = Mode.EXEC;
        machine.aux = 0;
        if (job.topics == 0) {
            frame.stackHash = keccak256(abi.encode(frame.stackHash, digest));
            frame.stackSize += 1; // there is room: two words were taken for it
            machine.frame = Structures.hashFrame(frame);
            return;
        }
        uint256[4] memory topics = [job.topic0, job.topic1, job.topic2, job.topic3];
        machine.world = EventLog.add(t, machine.world, frame.self, job.topics - 1, topics, digest);
    }

    /// @dev The job's first seven words as an array, in place.
    function _lanes(HashJob memory job) private pure returns (uint256[7] memory lanes) {
        assembly ("memory-safe") {
            lanes := job
        }
    }
}
