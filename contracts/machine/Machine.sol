// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStepVerifier} from "./IStepVerifier.sol";
import {ITraceVerifier} from "./ITraceVerifier.sol";
import {TapeTooLong, TapeTooShort, WrongPreState, WrongProver} from "./MachineErrors.sol";
import {Mode} from "./MachineTypes.sol";

/// @title Machine
/// @notice The provable machine: judges any one of its steps. The witness names the prover that does it; each prover takes nothing
/// but steps of its own, so that a step has one outcome whoever is named.
contract Machine is IStepVerifier, ITraceVerifier {
    /// @notice Provers by number (machine reference, section 3).
    uint256 public constant PROVERS = 13;
    /// @dev What a witness has of every state: the prover's number and the machine's words.
    uint256 private constant STATE_LENGTH = 1 + 7 * 32;

    address private immutable COMPUTE;
    address private immutable MEMORY_OPS;
    address private immutable ENVIRONMENT;
    address private immutable STORAGE;
    address private immutable CALLS;
    address private immutable FRAMES;
    address private immutable PRECOMPILES;
    address private immutable SPONGE;
    address private immutable TRANSACTION_BEGIN;
    address private immutable TRANSACTION_END;
    address private immutable MESSAGES;
    address private immutable BATCHES;
    address private immutable BLOCKS;

    /// @notice Thrown when there is no contract at a prover's address.
    error NoProver(uint256 number);

    /// @param provers By number. They are deployed before.
    constructor(address[PROVERS] memory provers) {
        for (uint256 i; i < PROVERS; ++i) {
            if (provers[i].code.length == 0) revert NoProver(i);
        }
        COMPUTE = provers[0];
        MEMORY_OPS = provers[1];
        ENVIRONMENT = provers[2];
        STORAGE = provers[3];
        CALLS = provers[4];
        FRAMES = provers[5];
        PRECOMPILES = provers[6];
        SPONGE = provers[7];
        TRANSACTION_BEGIN = provers[8];
        TRANSACTION_END = provers[9];
        MESSAGES = provers[10];
        BATCHES = provers[11];
        BLOCKS = provers[12];
    }

    /// @inheritdoc IStepVerifier
    function verify(bytes32 preHash, bytes calldata witness) public view returns (bytes32) {
        if (witness.length == 0) revert TapeTooShort();
        return IStepVerifier(prover(uint8(witness[0]))).verify(preHash, witness[1:]);
    }

    /// @inheritdoc ITraceVerifier
    /// @dev For a state that repeats the witness is PROVERS, the number of no prover, and the machine's words.
    function next(bytes32 preHash, uint256 index, bytes calldata witness) external view returns (bytes32) {
        if (witness.length < STATE_LENGTH) revert TapeTooShort();
        if (index == 0 || !_isLevelZero(uint256(bytes32(witness[1:33])))) return verify(preHash, witness);
        if (uint8(witness[0]) != PROVERS) revert WrongProver();
        if (witness.length > STATE_LENGTH) revert TapeTooLong();
        if (keccak256(witness[1:]) != preHash) revert WrongPreState();
        return preHash;
    }

    /// @notice The contract behind a number. WrongProver where there is none.
    function prover(uint256 number) public view returns (address) {
        if (number == 0) return COMPUTE;
        if (number == 1) return MEMORY_OPS;
        if (number == 2) return ENVIRONMENT;
        if (number == 3) return STORAGE;
        if (number == 4) return CALLS;
        if (number == 5) return FRAMES;
        if (number == 6) return PRECOMPILES;
        if (number == 7) return SPONGE;
        if (number == 8) return TRANSACTION_BEGIN;
        if (number == 9) return TRANSACTION_END;
        if (number == 10) return MESSAGES;
        if (number == 11) return BATCHES;
        if (number == 12) return BLOCKS;
        revert WrongProver();
    }

    function _isLevelZero(uint256 mode) private pure returns (bool) {
        return mode == Mode.BATCH || mode == Mode.BLOCK || mode == Mode.ITEM || mode == Mode.HALTED;
    }
}
