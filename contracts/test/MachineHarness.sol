// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {
    Account,
    BlockState,
    CallMessage,
    Check,
    CopyJob,
    CreateMessage,
    Cursor,
    End,
    Exit,
    Frame,
    HashJob,
    Header,
    Machine,
    Precompile,
    Scan,
    Transaction,
    Warm,
    World
} from "../machine/MachineTypes.sol";
import {Execution} from "../machine/lib/Execution.sol";
import {Opcodes} from "../machine/lib/Opcodes.sol";
import {StateTrees} from "../machine/lib/StateTrees.sol";
import {Structures} from "../machine/lib/Structures.sol";
import {Tape, TapeReader} from "../machine/lib/Tape.sol";
import {WordRange} from "../machine/lib/WordRange.sol";

/// @title StructuresHarness
/// @notice Test only: opens each structure, and sees that it hashes to what it was opened by.
contract StructuresHarness {
    error HashDiffers();

    function readMachine(bytes32 expected, bytes calldata tape) external pure returns (Machine memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readMachine(t, expected);
        _finish(t, Structures.hashMachine(x), expected);
    }

    function readWorld(bytes32 expected, bytes calldata tape) external pure returns (World memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readWorld(t, expected);
        _finish(t, Structures.hashWorld(x), expected);
    }

    function readFrame(bytes32 expected, bytes calldata tape) external pure returns (Frame memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readFrame(t, expected);
        _finish(t, Structures.hashFrame(x), expected);
    }

    function readTransaction(bytes32 expected, bytes calldata tape) external pure returns (Transaction memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readTransaction(t, expected);
        _finish(t, Structures.hashTransaction(x), expected);
    }

    function readBlockState(bytes32 expected, bytes calldata tape) external pure returns (BlockState memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readBlockState(t, expected);
        _finish(t, Structures.hashBlockState(x), expected);
    }

    function readHeader(bytes32 expected, bytes calldata tape) external pure returns (Header memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readHeader(t, expected);
        _finish(t, Structures.hashHeader(x), expected);
    }

    function readCursor(bytes32 expected, bytes calldata tape) external pure returns (Cursor memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readCursor(t, expected);
        _finish(t, Structures.hashCursor(x), expected);
    }

    function readCheck(bytes32 expected, bytes calldata tape) external pure returns (Check memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readCheck(t, expected);
        _finish(t, Structures.hashCheck(x), expected);
    }

    function readScan(bytes32 expected, bytes calldata tape) external pure returns (Scan memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readScan(t, expected);
        _finish(t, Structures.hashScan(x), expected);
    }

    function readWarm(bytes32 expected, bytes calldata tape) external pure returns (Warm memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readWarm(t, expected);
        _finish(t, Structures.hashWarm(x), expected);
    }

    function readCallMessage(bytes32 expected, bytes calldata tape) external pure returns (CallMessage memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readCallMessage(t, expected);
        _finish(t, Structures.hashCallMessage(x), expected);
    }

    function readCreateMessage(bytes32 expected, bytes calldata tape) external pure returns (CreateMessage memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readCreateMessage(t, expected);
        _finish(t, Structures.hashCreateMessage(x), expected);
    }

    function readCopyJob(bytes32 expected, bytes calldata tape) external pure returns (CopyJob memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readCopyJob(t, expected);
        _finish(t, Structures.hashCopyJob(x), expected);
    }

    function readHashJob(bytes32 expected, bytes calldata tape) external pure returns (HashJob memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readHashJob(t, expected);
        _finish(t, Structures.hashHashJob(x), expected);
    }

    function readPrecompile(bytes32 expected, bytes calldata tape) external pure returns (Precompile memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readPrecompile(t, expected);
        _finish(t, Structures.hashPrecompile(x), expected);
    }

    function readExit(bytes32 expected, bytes calldata tape) external pure returns (Exit memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readExit(t, expected);
        _finish(t, Structures.hashExit(x), expected);
    }

    function readEnd(bytes32 expected, bytes calldata tape) external pure returns (End memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readEnd(t, expected);
        _finish(t, Structures.hashEnd(x), expected);
    }

    function readAccount(bytes32 expected, bytes calldata tape) external pure returns (Account memory x) {
        TapeReader memory t = Tape.open(tape);
        x = Structures.readAccount(t, expected);
        _finish(t, Structures.hashAccount(x), expected);
    }

    function _finish(TapeReader memory t, bytes32 made, bytes32 expected) private pure {
        Tape.finish(t);
        if (made != expected) revert HashDiffers();
    }
}

/// @title MachineHarness
/// @notice Test only: makes the machine's libraries callable. Each function reads all of its tape.
contract MachineHarness {
    error Disturbed();

    // Tape

    /// @return The tape's words and numbers: one of each width.
    function numbers(bytes calldata tape, uint256[] calldata widths) external pure returns (uint256[] memory) {
        TapeReader memory t = Tape.open(tape);
        uint256[] memory found = new uint256[](widths.length);
        for (uint256 i; i < widths.length; ++i) {
            found[i] = widths[i] == 32 ? uint256(Tape.word(t)) : Tape.number(t, widths[i]);
        }
        Tape.finish(t);
        return found;
    }

    // Word ranges

    function readRange(bytes32 root, uint256 depth, uint256 first, uint256 count, bytes calldata tape)
        external
        pure
        returns (bytes32[] memory words)
    {
        TapeReader memory t = Tape.open(tape);
        words = WordRange.read(t, root, depth, first, count).words;
        Tape.finish(t);
    }

    /// @notice Reads a range, and replaces its words. Memory allocated before and after must not notice.
    function editRange(bytes32 root, uint256 depth, uint256 first, bytes32[] calldata words, bytes calldata tape)
        external
        pure
        returns (bytes32 edited)
    {
        bytes memory before = abi.encode(root);
        TapeReader memory t = Tape.open(tape);
        WordRange.Range memory range = WordRange.read(t, root, depth, first, words.length);
        bytes32[] memory after_ = new bytes32[](2);
        for (uint256 i; i < words.length; ++i) range.words[i] = words[i];
        edited = WordRange.rootOf(range);
        for (uint256 i; i < words.length; ++i) if (range.words[i] != words[i]) revert Disturbed();
        if (bytes32(before) != root || after_[0] != 0 || after_[1] != 0) revert Disturbed();
        Tape.finish(t);
    }

    /// @return reading Gas of reading a range.
    /// @return hashing Gas of its root after.
    function rangeGas(bytes32 root, uint256 depth, uint256 first, uint256 count, bytes calldata tape)
        external
        view
        returns (uint256 reading, uint256 hashing)
    {
        TapeReader memory t = Tape.open(tape);
        uint256 start = gasleft();
        WordRange.Range memory range = WordRange.read(t, root, depth, first, count);
        reading = start - gasleft();
        start = gasleft();
        WordRange.rootOf(range);
        hashing = start - gasleft();
    }

    function one(bytes32 root, uint256 depth, uint256 index, bytes calldata tape) external pure returns (bytes32 word) {
        TapeReader memory t = Tape.open(tape);
        word = WordRange.one(t, root, depth, index);
        Tape.finish(t);
    }

    function bytesAt(bytes32 root, uint256 start, uint256 length, bytes calldata tape)
        external
        pure
        returns (bytes memory data)
    {
        TapeReader memory t = Tape.open(tape);
        data = WordRange.bytesAt(t, root, start, length);
        _requirePadded(data);
        Tape.finish(t);
    }

    function sliceBytes(
        bytes32 root,
        uint256 offset,
        uint256 length,
        uint256 from,
        uint256 count,
        bytes calldata tape
    ) external pure returns (bytes memory data) {
        TapeReader memory t = Tape.open(tape);
        data = WordRange.sliceBytes(t, root, offset, length, from, count);
        _requirePadded(data);
        Tape.finish(t);
    }

    /// @notice Root over the first `length` bytes of `data`, with the others behind them in memory, which must stay.
    function treeRoot(bytes memory data, uint256 length) external pure returns (bytes32 root) {
        bytes32 whole = keccak256(data);
        uint256 size = data.length;
        assembly ("memory-safe") {
            mstore(data, length)
        }
        root = WordRange.treeRoot(data);
        assembly ("memory-safe") {
            mstore(data, size)
        }
        if (keccak256(data) != whole) revert Disturbed();
    }

    function treeRootGas(bytes memory data) external view returns (uint256) {
        uint256 start = gasleft();
        WordRange.treeRoot(data);
        return start - gasleft();
    }

    // State trees

    function readAccount(bytes32 root, address target, bytes calldata tape)
        external
        pure
        returns (Account memory account)
    {
        TapeReader memory t = Tape.open(tape);
        (account,) = StateTrees.readAccount(t, root, target);
        Tape.finish(t);
    }

    function writeAccount(bytes32 root, address target, Account memory account, bytes calldata tape)
        external
        pure
        returns (bytes32 newRoot)
    {
        TapeReader memory t = Tape.open(tape);
        (, uint256 handle) = StateTrees.readAccount(t, root, target);
        newRoot = StateTrees.writeAccount(t, root, target, handle, account);
        Tape.finish(t);
    }

    function readSlot(bytes32 root, bytes32 key, bytes calldata tape) external pure returns (bytes32 value) {
        TapeReader memory t = Tape.open(tape);
        (value,) = StateTrees.readSlot(t, root, key);
        Tape.finish(t);
    }

    function writeSlot(bytes32 root, bytes32 key, bytes32 value, bytes calldata tape)
        external
        pure
        returns (bytes32 newRoot)
    {
        TapeReader memory t = Tape.open(tape);
        (, uint256 handle) = StateTrees.readSlot(t, root, key);
        newRoot = StateTrees.writeSlot(t, root, key, handle, value);
        Tape.finish(t);
    }

    /// @return reading Gas of reading a slot.
    /// @return writing Gas of writing it after.
    function slotGas(bytes32 root, bytes32 key, bytes32 value, bytes calldata tape)
        external
        view
        returns (uint256 reading, uint256 writing)
    {
        TapeReader memory t = Tape.open(tape);
        uint256 start = gasleft();
        (, uint256 handle) = StateTrees.readSlot(t, root, key);
        reading = start - gasleft();
        start = gasleft();
        StateTrees.writeSlot(t, root, key, handle, value);
        writing = start - gasleft();
    }

    function warm(bytes32 accessRoot, uint256 tag, address target, uint256 slot, bytes calldata tape)
        external
        pure
        returns (bool wasCold, bytes32 newRoot)
    {
        TapeReader memory t = Tape.open(tape);
        World memory world;
        world.accessRoot = accessRoot;
        wasCold = StateTrees.warm(t, world, tag, target, slot);
        newRoot = world.accessRoot;
        Tape.finish(t);
    }

    function touchAddress(bytes32 accessRoot, address target, bytes calldata tape)
        external
        pure
        returns (bool wasCold, bytes32 newRoot)
    {
        TapeReader memory t = Tape.open(tape);
        World memory world;
        world.accessRoot = accessRoot;
        wasCold = StateTrees.touchAddress(t, world, target);
        newRoot = world.accessRoot;
        Tape.finish(t);
    }

    function keys(uint256 tag, address target, uint256 slot) external pure returns (bytes32[4] memory) {
        return [
            StateTrees.accountKey(target),
            StateTrees.storageKey(slot),
            StateTrees.accessKey(tag, target, slot),
            StateTrees.transientKey(target, slot)
        ];
    }

    // Instructions

    function info(uint256 op) external pure returns (bool defined, uint256 gas, uint256 pops, uint256 pushes) {
        return Opcodes.info(op);
    }

    function expand(uint256 memoryWords, uint256 gas, uint256 offset, uint256 size)
        external
        pure
        returns (bool done, uint256 wordsAfter, uint256 gasAfter)
    {
        Execution.Step memory s;
        s.frame.memoryWords = memoryWords;
        s.frame.gas = gas;
        done = Execution.expand(s, offset, size);
        return (done, s.frame.memoryWords, s.frame.gas);
    }

    function charge(uint256 gas, uint256 amount) external pure returns (bool done, uint256 gasAfter) {
        Execution.Step memory s;
        s.frame.gas = gas;
        done = Execution.charge(s, amount);
        return (done, s.frame.gas);
    }

    /// @notice An instruction that first changes the world and then halts.
    function haltLate(bytes32 preHash, bytes calldata witness) external pure returns (bytes32) {
        Execution.Step memory s = Execution.begin(preHash, witness);
        s.machine.world = keccak256("another world");
        Execution.push(s, 1);
        return Execution.halt(s);
    }

    /// @notice An instruction that puts back all words that it takes.
    function putBack(bytes32 preHash, bytes calldata witness) external pure returns (bytes32) {
        Execution.Step memory s = Execution.begin(preHash, witness);
        if (s.halted) return Execution.halt(s);
        for (uint256 i = s.stack.length; i > 0; --i) Execution.push(s, s.stack[i - 1]);
        return Execution.next(s);
    }

    /// @notice An instruction that does nothing with the words that it takes.
    function drop(bytes32 preHash, bytes calldata witness) external pure returns (bytes32) {
        Execution.Step memory s = Execution.begin(preHash, witness);
        return s.halted ? Execution.halt(s) : Execution.next(s);
    }

    /// @dev Zeros must fill the last word.
    function _requirePadded(bytes memory data) private pure {
        uint256 filling;
        assembly ("memory-safe") {
            let length := mload(data)
            if and(length, 31) { filling := shl(shl(3, and(length, 31)), mload(add(data, and(add(length, 31), not(31))))) }
        }
        if (filling != 0) revert Disturbed();
    }
}
