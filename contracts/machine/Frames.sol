// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStepVerifier} from "./IStepVerifier.sol";
import {WrongMode} from "./MachineErrors.sol";
import {
    AccessTag,
    Account,
    CallMessage,
    CopyJob,
    CreateMessage,
    End,
    Exit,
    ExitStatus,
    Frame,
    Mode,
    Precompile,
    World
} from "./MachineTypes.sol";
import {CodeChunks} from "./lib/CodeChunks.sol";
import {Execution} from "./lib/Execution.sol";
import {Rlp} from "./lib/Rlp.sol";
import {StateTrees} from "./lib/StateTrees.sol";
import {Structures} from "./lib/Structures.sol";
import {Tape, TapeReader} from "./lib/Tape.sol";
import {WordRange} from "./lib/WordRange.sol";

/// @title Frames
/// @notice Prover 5: where frames begin and end. Twin of tandem/machine/frames.py.
contract Frames is IStepVerifier {
    /// @notice Bytes of a deployed code (EIP-170), and gas for each.
    uint256 private constant MAX_CODE_SIZE = 24_576;
    uint256 private constant DEPOSIT_GAS = 200;
    /// @notice No code begins with it (EIP-3541).
    bytes1 private constant RESERVED = 0xef;
    uint256 private constant WORDS_LAYOUT = 0;
    /// @notice Root of the word tree of depth 17 that holds only zeros: a new frame's memory.
    bytes32 private constant EMPTY_MEMORY = 0xe1d3b5c807b281e4683cc6d6315cf95b9ade8641defcb32372f1c126e398ef7a;

    /// @inheritdoc IStepVerifier
    function verify(bytes32 preHash, bytes calldata witness) external pure returns (bytes32) {
        Execution.Step memory s;
        s.tape = Tape.open(witness);
        s.machine = Structures.readMachine(s.tape, preHash);
        s.world = s.machine.world;
        uint256 mode = s.machine.mode;
        if (mode == Mode.CALL) return _enterCall(s);
        if (mode == Mode.CREATE) return _enterCreation(s);
        if (mode == Mode.EXIT) return _exit(s);
        if (mode == Mode.DEPOSIT) return _deposit(s);
        revert WrongMode();
    }

    /// @dev The step CALL_ENTER.
    function _enterCall(Execution.Step memory s) private pure returns (bytes32) {
        World memory world = Structures.readWorld(s.tape, s.machine.world);
        Frame memory frame = _newFrame(s);
        CallMessage memory message = Structures.readCallMessage(s.tape, s.machine.aux);
        frame.entryWorld = s.machine.world;
        if (message.transfers != 0) {
            world.stateRoot = _transfer(s.tape, world.stateRoot, message);
            s.machine.world = Structures.hashWorld(world);
        }
        frame.isStatic = message.isStatic;
        frame.self = message.self;
        frame.caller = message.caller;
        frame.value = message.value;
        frame.inputRoot = message.inputRoot;
        frame.inputOffset = message.inputOffset;
        frame.inputLength = message.inputLength;
        frame.outputOffset = message.outputOffset;
        frame.outputSize = message.outputSize;
        frame.gas = message.gas;
        s.frame = frame;

        if (StateTrees.isPrecompile(message.codeAddress)) {
            Precompile memory precompile = Precompile({number: uint160(message.codeAddress)});
            return Execution.become(s, Mode.PRECOMPILE, Structures.hashPrecompile(precompile));
        }
        (Account memory account,) = StateTrees.readAccount(s.tape, world.stateRoot, message.codeAddress);
        frame.codeRoot = account.codeRoot;
        frame.codeSize = account.codeSize;
        return Execution.next(s);
    }

    /// @dev The step CREATE_ENTER.
    function _enterCreation(Execution.Step memory s) private pure returns (bytes32) {
        World memory world = Structures.readWorld(s.tape, s.machine.world);
        Frame memory frame = _newFrame(s);
        CreateMessage memory message = Structures.readCreateMessage(s.tape, s.machine.aux);
        bytes memory code = WordRange.bytesAt(s.tape, message.codeRoot, message.codeOffset, message.codeLength);
        address self = _contractAddress(message, code);
        StateTrees.touchAddress(s.tape, world, self);
        s.machine.world = frame.entryWorld = Structures.hashWorld(world);

        (Account memory account, uint256 handle) = StateTrees.readAccount(s.tape, world.stateRoot, self);
        if (_isTaken(account)) return _collide(s);
        StateTrees.warm(s.tape, world, AccessTag.CREATED, self, 0);
        account.nonce = 1;
        account.balance += message.value;
        world.stateRoot = StateTrees.writeAccount(s.tape, world.stateRoot, self, handle, account);
        if (message.value != 0) {
            world.stateRoot = _debit(s.tape, world.stateRoot, message.caller, message.value);
        }
        s.machine.world = Structures.hashWorld(world);

        frame.isCreate = 1;
        frame.self = self;
        frame.caller = message.caller;
        frame.value = message.value;
        frame.codeRoot = CodeChunks.root(code);
        frame.codeSize = code.length;
        frame.gas = message.gas;
        s.frame = frame;
        return Execution.next(s);
    }

    /// @dev Whether no contract can be created there (EIP-684, EIP-7610).
    function _isTaken(Account memory account) private pure returns (bool) {
        return account.nonce != 0 || account.codeHash != StateTrees.EMPTY_CODE_HASH || account.storageRoot != 0;
    }

    /// @dev The address is taken: the gas given is gone. `s.frame` is the creator, if there is one.
    function _collide(Execution.Step memory s) private pure returns (bytes32) {
        if (s.machine.frame == 0) return _endTransaction(s, End({status: 0, gasLeft: 0}));
        Execution.push(s, 0);
        return Execution.next(s);
    }

    /// @dev The step FRAME_EXIT.
    function _exit(Execution.Step memory s) private pure returns (bytes32) {
        Frame memory frame = Structures.readFrame(s.tape, s.machine.frame);
        Exit memory done = Structures.readExit(s.tape, s.machine.aux);
        bool succeeds = done.status == ExitStatus.SUCCESS;
        if (!succeeds) s.machine.world = frame.entryWorld;
        if (frame.parent == 0) return _endTransaction(s, End({status: succeeds ? 1 : 0, gasLeft: frame.gas}));

        Frame memory parent = Structures.readFrame(s.tape, frame.parent);
        s.frame = parent;
        parent.gas += frame.gas;
        Execution.push(s, !succeeds ? 0 : frame.isCreate != 0 ? uint160(frame.self) : 1);
        // A creation that succeeded has no data left: its code is deposited.
        parent.returnRoot = done.outRoot;
        parent.returnOffset = done.outOffset;
        parent.returnLength = done.outLength;

        uint256 size = frame.outputSize < done.outLength ? frame.outputSize : done.outLength;
        if (size == 0) return Execution.next(s);
        return Execution.become(
            s,
            Mode.COPY,
            Structures.hashCopyJob(
                CopyJob({
                    layout: WORDS_LAYOUT,
                    root: done.outRoot,
                    offset: done.outOffset,
                    available: size,
                    to: frame.outputOffset,
                    size: size
                })
            )
        );
    }

    /// @dev The step CODE_DEPOSIT.
    function _deposit(Execution.Step memory s) private pure returns (bytes32) {
        s.frame = Structures.readFrame(s.tape, s.machine.frame);
        Exit memory done = Structures.readExit(s.tape, s.machine.aux);
        uint256 size = done.outLength;
        if (size > MAX_CODE_SIZE || !Execution.charge(s, DEPOSIT_GAS * size)) return Execution.halt(s);
        bytes memory code = WordRange.bytesAt(s.tape, done.outRoot, done.outOffset, size);
        if (size != 0) {
            if (code[0] == RESERVED) return Execution.halt(s);
            World memory world = Structures.readWorld(s.tape, s.machine.world);
            (Account memory account, uint256 handle) = StateTrees.readAccount(s.tape, world.stateRoot, s.frame.self);
            account.codeHash = keccak256(code);
            account.codeRoot = CodeChunks.root(code);
            account.codeSize = size;
            world.stateRoot = StateTrees.writeAccount(s.tape, world.stateRoot, s.frame.self, handle, account);
            s.machine.world = Structures.hashWorld(world);
        }
        return Execution.become(
            s,
            Mode.EXIT,
            Structures.hashExit(Exit({status: ExitStatus.SUCCESS, outRoot: 0, outOffset: 0, outLength: 0}))
        );
    }

    /// @dev A frame below the one that calls, which is opened into `s.frame` if there is one. Memory and stack are empty.
    function _newFrame(Execution.Step memory s) private pure returns (Frame memory frame) {
        bytes32 caller = s.machine.frame;
        if (caller != 0) {
            s.frame = Structures.readFrame(s.tape, caller);
            frame.depth = s.frame.depth + 1;
            frame.parent = caller;
        }
        frame.memoryRoot = EMPTY_MEMORY;
    }

    /// @dev The state root after the call's value has moved. No value: an empty account that is touched goes (EIP-161).
    function _transfer(TapeReader memory t, bytes32 root, CallMessage memory message) private pure returns (bytes32) {
        uint256 value = message.value;
        if (value != 0) root = _debit(t, root, message.caller, value);
        (Account memory account, uint256 handle) = StateTrees.readAccount(t, root, message.self);
        if (value == 0 && !StateTrees.isEmpty(account)) return root;
        account.balance += value;
        return StateTrees.writeAccount(t, root, message.self, handle, account);
    }

    /// @dev The state root after taking wei that were checked to be there.
    function _debit(TapeReader memory t, bytes32 root, address from, uint256 value) private pure returns (bytes32) {
        (Account memory account, uint256 handle) = StateTrees.readAccount(t, root, from);
        account.balance -= value;
        return StateTrees.writeAccount(t, root, from, handle, account);
    }

    /// @dev Where the contract goes: CREATE by the creator's nonce, CREATE2 by salt and init code (EIP-1014).
    function _contractAddress(CreateMessage memory message, bytes memory code) private pure returns (address) {
        if (message.isCreate2 != 0) {
            bytes memory seed = abi.encodePacked(bytes1(0xff), message.caller, message.salt, keccak256(code));
            return address(uint160(uint256(keccak256(seed))));
        }
        bytes memory list = new bytes(128); // a list of at most 31 bytes behind its header, and room for the writers
        uint256 items;
        assembly ("memory-safe") {
            items := add(list, 0x40)
        }
        uint256 end = Rlp.writeInteger(Rlp.writeAddress(items, message.caller), message.nonce);
        uint256 start = Rlp.writeListBefore(items, end - items);
        bytes32 digest;
        assembly ("memory-safe") {
            digest := keccak256(start, sub(end, start))
        }
        return address(uint160(uint256(digest)));
    }

    /// @dev No frame is left.
    function _endTransaction(Execution.Step memory s, End memory end) private pure returns (bytes32) {
        Tape.finish(s.tape);
        s.machine.mode = Mode.END;
        s.machine.frame = 0;
        s.machine.aux = Structures.hashEnd(end);
        return Structures.hashMachine(s.machine);
    }
}
