// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ITraceVerifier} from "../machine/ITraceVerifier.sol";
import {WrongPreState} from "../machine/MachineErrors.sol";

/// @title ToyMachine
/// @notice A machine whose whole state is a word and the number of steps to its next level-0 state, to dispute about at no
/// expense. Where its runs end is told to it beforehand.
contract ToyMachine is ITraceVerifier {
    /// @dev A word, and how many steps are left to the next level-0 state.
    uint256 private constant STATE_LENGTH = 64;

    /// @notice Most steps between two level-0 states.
    uint256 public immutable longest;
    /// @notice What follows a state with which a run ends; zero for all others.
    mapping(bytes32 state => bytes32) public exits;
    /// @notice Whether a run has ended with this state: it repeats.
    mapping(bytes32 state => bool) public hasHalted;

    constructor(uint256 longest_) {
        longest = longest_;
    }

    /// @notice From `state` the machine goes to `end`, and stays there. `end` is the hash of anything but 64 bytes.
    function finish(bytes32 state, bytes32 end) external {
        exits[state] = end;
        hasHalted[end] = true;
    }

    /// @inheritdoc ITraceVerifier
    /// @dev The witness is what the state is the hash of. Whatever has not 64 bytes is a level-0 state.
    function next(bytes32 preHash, uint256 index, bytes calldata witness) external view returns (bytes32) {
        if (keccak256(witness) != preHash) revert WrongPreState();
        uint256 left = witness.length == STATE_LENGTH ? uint256(bytes32(witness[32:])) : 0;
        if (hasHalted[preHash] || (index != 0 && left == 0)) return preHash;
        if (exits[preHash] != 0) return exits[preHash];
        return keccak256(abi.encode(preHash, left == 0 ? uint256(preHash) % longest : left - 1));
    }
}
