// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SparseMerkleTree} from "../../lib/SparseMerkleTree.sol";
import {WrongOpening} from "../MachineErrors.sol";
import {AccessTag, Account, World} from "../MachineTypes.sol";
import {Structures} from "./Structures.sol";
import {Tape, TapeReader} from "./Tape.sol";

/// @title StateTrees
/// @notice Accounts, slots and the access set on their trees, by proofs from a tape. Twin of tandem/machine/state_trees.py.
/// @dev A read gives a *handle*: which key was found under which root by which proof. A write of that key under that root uses the
/// proof once more, without checking it again. Between a read and its write, nothing else may be written to that tree.
library StateTrees {
    /// @notice What a handle points to.
    struct Opened {
        bytes32 root;
        bytes32 key;
        uint256 proof; // position in calldata
    }

    /// @notice keccak of no code.
    bytes32 internal constant EMPTY_CODE_HASH = keccak256("");
    /// @notice The value of what is in the access set.
    bytes32 internal constant PRESENT = bytes32(uint256(1));
    /// @notice Cancun's precompiles are 1 to this.
    uint256 internal constant LAST_PRECOMPILE = 10;

    /// @notice The account at an address; the empty one where there is none.
    function readAccount(TapeReader memory t, bytes32 stateRoot, address target)
        internal
        pure
        returns (Account memory account, uint256 handle)
    {
        bytes32 recordHash;
        (recordHash, handle) = readSlot(t, stateRoot, accountKey(target));
        if (recordHash != 0) account = Structures.readAccount(t, recordHash);
        else account.codeHash = EMPTY_CODE_HASH;
    }

    /// @notice The state root after writing an account that was read under `stateRoot`. An empty one is deleted (EIP-161).
    function writeAccount(TapeReader memory t, bytes32 stateRoot, address target, uint256 handle, Account memory account)
        internal
        pure
        returns (bytes32)
    {
        bytes32 recordHash = isEmpty(account) ? bytes32(0) : Structures.hashAccount(account);
        return writeSlot(t, stateRoot, accountKey(target), handle, recordHash);
    }

    /// @notice No nonce, no balance, no code (EIP-161).
    function isEmpty(Account memory account) internal pure returns (bool) {
        return account.nonce == 0 && account.balance == 0 && account.codeHash == EMPTY_CODE_HASH;
    }

    /// @notice The value at `key` of any sparse tree; zero where there is none.
    function readSlot(TapeReader memory t, bytes32 root, bytes32 key)
        internal
        pure
        returns (bytes32 value, uint256 handle)
    {
        SparseMerkleTree.Proof calldata proof = Tape.proof(t);
        if (SparseMerkleTree.root(key, proof) != root) revert WrongOpening();
        value = SparseMerkleTree.valueOf(key, proof);
        uint256 position;
        assembly ("memory-safe") {
            position := proof
        }
        Opened memory opened = Opened(root, key, position);
        assembly ("memory-safe") {
            handle := opened
        }
    }

    /// @notice The root after writing `value` at a key that was read under `root`; zero deletes.
    /// @dev Deleting an entry of a tree that has others reads a node.
    function writeSlot(TapeReader memory t, bytes32 root, bytes32 key, uint256 handle, bytes32 value)
        internal
        pure
        returns (bytes32)
    {
        Opened memory opened;
        assembly ("memory-safe") {
            opened := handle
        }
        if (opened.root != root || opened.key != key) revert WrongOpening();
        uint256 position = opened.proof;
        SparseMerkleTree.Proof calldata proof;
        SparseMerkleTree.Node calldata deepest;
        assembly ("memory-safe") {
            proof := position
            deepest := position
        }
        // Where no preimage is needed none is looked at: any place of calldata will do.
        if (value == 0 && proof.siblings.length != 0 && SparseMerkleTree.valueOf(key, proof) != 0) deepest = Tape.node(t);
        return SparseMerkleTree.rootAfter(key, value, proof, deepest);
    }

    /// @notice Puts an entry into the access set. Changes `world`.
    /// @return wasCold Whether it was not there.
    function warm(TapeReader memory t, World memory world, uint256 tag, address target, uint256 slot)
        internal
        pure
        returns (bool wasCold)
    {
        bytes32 key = accessKey(tag, target, slot);
        (bytes32 value, uint256 handle) = readSlot(t, world.accessRoot, key);
        if (value != 0) return false;
        world.accessRoot = writeSlot(t, world.accessRoot, key, handle, PRESENT);
        return true;
    }

    /// @notice Warms an address. Precompiles always are warm, and nothing is read for them. Changes `world`.
    /// @return wasCold Whether it was not warm.
    function touchAddress(TapeReader memory t, World memory world, address target) internal pure returns (bool wasCold) {
        return !isPrecompile(target) && warm(t, world, AccessTag.ADDRESS, target, 0);
    }

    /// @notice Whether a precompile is at this address.
    function isPrecompile(address target) internal pure returns (bool) {
        uint256 number = uint160(target);
        return number != 0 && number <= LAST_PRECOMPILE;
    }

    /// @notice Key of an address in the account tree.
    function accountKey(address target) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(target));
    }

    /// @notice Key of a slot in a storage tree.
    function storageKey(uint256 slot) internal pure returns (bytes32) {
        return keccak256(abi.encode(slot));
    }

    /// @notice Key of an entry of the access set.
    function accessKey(uint256 tag, address target, uint256 slot) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(tag), target, slot));
    }

    /// @notice Key of a transient slot.
    function transientKey(address target, uint256 slot) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(target, slot));
    }
}
