// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInbox} from "../inbox/IInbox.sol";
import {IStepVerifier} from "./IStepVerifier.sol";
import {WrongMode, WrongOpening, WrongProver} from "./MachineErrors.sol";
import {
    Account,
    BlockState,
    Cursor,
    End,
    ExitStatus,
    Machine,
    Mode,
    Scan,
    Transaction,
    Warm,
    World
} from "./MachineTypes.sol";
import {DepositHash} from "./lib/DepositHash.sol";
import {InboxEntries, MessageHead} from "./lib/InboxEntries.sol";
import {IntrinsicGas} from "./lib/IntrinsicGas.sol";
import {StateTrees} from "./lib/StateTrees.sol";
import {Structures} from "./lib/Structures.sol";
import {Tape, TapeReader} from "./lib/Tape.sol";
import {WordRange} from "./lib/WordRange.sol";

/// @title Messages
/// @notice Judges MESSAGE_SCAN and MESSAGE_LOAD: which messages a block takes, and each one's beginning.
/// Twin of tandem/machine/messages.py.
contract Messages is IStepVerifier {
    using Tape for TapeReader;

    /// @dev Width of the length of a message's data on the tape.
    uint256 private constant LENGTH_BYTES = 4;

    /// @notice Where the messages come from.
    IInbox public immutable inbox;

    /// @dev A message that is being loaded.
    /// @param nonce The sender's before it.
    /// @param balance The sender's, with what is minted.
    struct Loaded {
        MessageHead head;
        bytes data;
        bytes32 sourceHash;
        uint256 nonce;
        uint256 balance;
    }

    constructor(IInbox inbox_) {
        inbox = inbox_;
    }

    /// @inheritdoc IStepVerifier
    function verify(bytes32 preHash, bytes calldata witness) external view returns (bytes32) {
        TapeReader memory t = Tape.open(witness);
        Machine memory machine = Structures.readMachine(t, preHash);
        Cursor memory cursor = Structures.readCursor(t, machine.cursor);
        BlockState memory blockState = Structures.readBlockState(t, machine.blockState);
        if (machine.mode == Mode.SCAN) _scan(t, machine, cursor, blockState);
        else if (machine.mode == Mode.ITEM) _load(t, machine, cursor, blockState);
        else revert WrongMode();
        t.finish();
        machine.cursor = Structures.hashCursor(cursor);
        return Structures.hashMachine(machine);
    }

    // -- MESSAGE_SCAN

    function _scan(TapeReader memory t, Machine memory machine, Cursor memory cursor, BlockState memory blockState)
        private
        view
    {
        Scan memory scan = Structures.readScan(t, machine.aux);
        if (cursor.blockMessagesEnd != scan.limit) {
            (MessageHead memory head,) = InboxEntries.readMessage(t, inbox, cursor.blockMessagesEnd);
            scan.gas += head.gasLimit;
            if (scan.gas <= blockState.gasLimit) {
                cursor.blockMessagesEnd += 1;
                blockState.originNumber = head.contextNumber;
                blockState.originHash = head.contextHash;
                blockState.originTimestamp = head.contextTimestamp;
                blockState.originBaseFee = head.contextBaseFee;
                machine.blockState = Structures.hashBlockState(blockState);
                machine.aux = Structures.hashScan(scan);
                return;
            }
        }
        // All messages are known: so are the block's time and randomness.
        blockState.timestamp = _max(_max(blockState.timestamp, blockState.originTimestamp), scan.wantedTime);
        blockState.prevRandao = keccak256(abi.encode(blockState.prevRandao, blockState.originHash));
        machine.mode = Mode.ITEM;
        machine.blockState = Structures.hashBlockState(blockState);
        machine.aux = 0;
    }

    function _max(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }

    // -- MESSAGE_LOAD

    function _load(TapeReader memory t, Machine memory machine, Cursor memory cursor, BlockState memory blockState)
        private
        view
    {
        if (cursor.messages >= cursor.blockMessagesEnd) revert WrongProver();
        Loaded memory loaded;
        (loaded.head, loaded.sourceHash) = InboxEntries.readMessage(t, inbox, cursor.messages);
        loaded.data = _readData(t, loaded.head.dataHash);
        cursor.messages += 1;

        World memory world;
        world.stateRoot = _credit(t, blockState.stateRoot, loaded);
        StateTrees.touchAddress(t, world, loaded.head.sender);
        if (loaded.head.isCreation == 0) StateTrees.touchAddress(t, world, loaded.head.to);
        StateTrees.touchAddress(t, world, blockState.coinbase);
        machine.world = Structures.hashWorld(world);
        machine.transaction = Structures.hashTransaction(_transaction(blockState.stateRoot, loaded));

        uint256 intrinsic =
            IntrinsicGas.total(loaded.data, 0, loaded.data.length, loaded.head.isCreation != 0, 0, 0);
        if (intrinsic > loaded.head.gasLimit || loaded.head.value > loaded.balance) {
            machine.mode = Mode.END;
            machine.aux = Structures.hashEnd(End(ExitStatus.HALTED, 0));
        } else {
            machine.mode = Mode.WARM;
            machine.aux = Structures.hashWarm(Warm(0, 0, 0, address(0), loaded.head.gasLimit - intrinsic));
        }
    }

    function _readData(TapeReader memory t, bytes32 dataHash) private pure returns (bytes memory data) {
        uint256 length = t.number(LENGTH_BYTES);
        uint256 position = t.take(length);
        assembly ("memory-safe") {
            data := mload(0x40)
            mstore(data, length)
            calldatacopy(add(data, 0x20), position, length)
            mstore(0x40, add(data, and(add(length, 0x3f), not(0x1f))))
        }
        if (keccak256(data) != dataHash) revert WrongOpening();
    }

    /// @dev The sender gets what is minted and has one more transaction sent, whatever follows. Gives the state root after.
    function _credit(TapeReader memory t, bytes32 stateRoot, Loaded memory loaded) private pure returns (bytes32) {
        address sender = loaded.head.sender;
        (Account memory account, uint256 handle) = StateTrees.readAccount(t, stateRoot, sender);
        loaded.nonce = account.nonce;
        account.nonce += 1;
        account.balance += loaded.head.mint;
        loaded.balance = account.balance;
        return StateTrees.writeAccount(t, stateRoot, sender, handle, account);
    }

    /// @dev The transaction's structure. Its data is a tree of its own.
    function _transaction(bytes32 startRoot, Loaded memory loaded) private pure returns (Transaction memory opened) {
        MessageHead memory head = loaded.head;
        opened.kind = DepositHash.KIND;
        opened.hash = DepositHash.hash(head, loaded.sourceHash, loaded.data);
        opened.origin = head.sender;
        opened.gasLimit = head.gasLimit;
        opened.startRoot = startRoot;
        opened.isCreation = head.isCreation;
        opened.to = head.to;
        opened.value = head.value;
        opened.nonce = loaded.nonce;
        opened.inputRoot = WordRange.treeRoot(loaded.data);
        opened.inputLength = loaded.data.length;
    }
}
