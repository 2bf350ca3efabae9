// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStepVerifier} from "./IStepVerifier.sol";
import {NotCanonical, WrongMode, WrongOpening} from "./MachineErrors.sol";
import {
    AccessTag,
    Account,
    BlockState,
    CallMessage,
    CreateMessage,
    Cursor,
    End,
    Flags,
    Machine,
    Mode,
    Transaction,
    Warm,
    World
} from "./MachineTypes.sol";
import {Rlp} from "./lib/Rlp.sol";
import {StateTrees} from "./lib/StateTrees.sol";
import {Structures} from "./lib/Structures.sol";
import {Tape, TapeReader} from "./lib/Tape.sol";
import {WordRange} from "./lib/WordRange.sol";

/// @title TransactionEnd
/// @notice Prover 9: TX_WARM, from the access list to the transaction's message; TX_END and SELFDESTRUCT_SWEEP, what follows when
/// that is over. Twin of tandem/machine/transaction_end.py.
contract TransactionEnd is IStepVerifier {
    using Tape for TapeReader;

    /// @notice At most a fifth of the gas used is refunded (EIP-3529).
    uint256 private constant MAX_REFUND_QUOTIENT = 5;
    /// @notice Transaction type of a message from L1.
    uint256 private constant DEPOSIT = 0x7e;
    /// @notice An entry of the access list up to its first slot has no more: two list headers, an address in between.
    uint256 private constant HEAD_BYTES = 9 + 21 + 9;
    /// @notice An address as an RLP item, and a slot.
    uint256 private constant ADDRESS_ITEM = 21;
    uint256 private constant SLOT_ITEM = 33;

    /// @inheritdoc IStepVerifier
    function verify(bytes32 preHash, bytes calldata witness) external pure returns (bytes32) {
        TapeReader memory t = Tape.open(witness);
        Machine memory machine = Structures.readMachine(t, preHash);
        if (machine.mode == Mode.WARM) _warmNext(t, machine);
        else if (machine.mode == Mode.END) _end(t, machine);
        else if (machine.mode == Mode.SWEEP) _sweep(t, machine);
        else revert WrongMode();
        t.finish();
        return Structures.hashMachine(machine);
    }

    // -- TX_WARM

    function _warmNext(TapeReader memory t, Machine memory machine) private pure {
        Warm memory aux = Structures.readWarm(t, machine.aux);
        if (aux.position == aux.listEnd) {
            _beginMessage(t, machine, aux.gas);
            return;
        }
        Cursor memory cursor = Structures.readCursor(t, machine.cursor);
        if (aux.position < aux.entryEnd) _warmSlot(t, machine, cursor.dataRoot, aux);
        else _warmAddress(t, machine, cursor.dataRoot, aux);
        machine.aux = Structures.hashWarm(aux);
    }

    function _beginMessage(TapeReader memory t, Machine memory machine, uint256 gas_) private pure {
        Transaction memory transaction = Structures.readTransaction(t, machine.transaction);
        if (transaction.isCreation != 0) {
            CreateMessage memory creation;
            creation.caller = transaction.origin;
            creation.value = transaction.value;
            creation.gas = gas_;
            creation.nonce = transaction.nonce;
            creation.codeRoot = transaction.inputRoot;
            creation.codeOffset = transaction.inputOffset;
            creation.codeLength = transaction.inputLength;
            machine.mode = Mode.CREATE;
            machine.aux = Structures.hashCreateMessage(creation);
            return;
        }
        CallMessage memory message;
        message.caller = transaction.origin;
        message.self = transaction.to;
        message.codeAddress = transaction.to;
        message.value = transaction.value;
        message.transfers = 1;
        message.gas = gas_;
        message.inputRoot = transaction.inputRoot;
        message.inputOffset = transaction.inputOffset;
        message.inputLength = transaction.inputLength;
        machine.mode = Mode.CALL;
        machine.aux = Structures.hashCallMessage(message);
    }

    function _warmSlot(TapeReader memory t, Machine memory machine, bytes32 dataRoot, Warm memory aux) private pure {
        // Behind the item's header.
        bytes memory slot = WordRange.bytesAt(t, dataRoot, aux.position + 1, 32);
        World memory world = Structures.readWorld(t, machine.world);
        StateTrees.warm(t, world, AccessTag.SLOT, aux.account, uint256(bytes32(slot)));
        machine.world = Structures.hashWorld(world);
        aux.position += SLOT_ITEM;
    }

    /// @dev [address, [slot, ...]] up to the first slot.
    function _warmAddress(TapeReader memory t, Machine memory machine, bytes32 dataRoot, Warm memory aux) private pure {
        uint256 available = aux.listEnd - aux.position;
        bytes memory head =
            WordRange.bytesAt(t, dataRoot, aux.position, available < HEAD_BYTES ? available : HEAD_BYTES);
        (uint256 start, uint256 length) = _listHeader(head, 0, available);
        uint256 slots = start + ADDRESS_ITEM;
        uint256 entryEnd = start + length;
        // TX_BEGIN has read the list: it is what it should be.
        if (slots > entryEnd) revert NotCanonical();
        (uint256 skip,) = _listHeader(head, slots, entryEnd - slots);
        aux.account = address(bytes20(_wordAt(head, start + 1)));
        aux.entryEnd = aux.position + entryEnd;
        aux.position += slots + skip;

        World memory world = Structures.readWorld(t, machine.world);
        StateTrees.touchAddress(t, world, aux.account);
        machine.world = Structures.hashWorld(world);
    }

    /// @dev Header of the list at `at`: where its payload starts, counted from there, and the payload's length.
    function _listHeader(bytes memory data, uint256 at, uint256 available)
        private
        pure
        returns (uint256 start, uint256 length)
    {
        bool ok;
        bool isList;
        (ok, isList, start, length) = Rlp.readHeader(_wordAt(data, at), available);
        if (!ok || !isList) revert NotCanonical();
    }

    /// @dev The 32 bytes from `at` on. Those behind the end of `data` may be anything.
    function _wordAt(bytes memory data, uint256 at) private pure returns (bytes32 found) {
        assembly ("memory-safe") {
            found := mload(add(add(data, 0x20), at))
        }
    }

    // -- TX_END

    function _end(TapeReader memory t, Machine memory machine) private pure {
        Transaction memory transaction = Structures.readTransaction(t, machine.transaction);
        World memory world = Structures.readWorld(t, machine.world);
        BlockState memory blockState = Structures.readBlockState(t, machine.blockState);
        End memory aux = Structures.readEnd(t, machine.aux);

        uint256 used = _gasUsed(transaction.gasLimit - aux.gasLeft, world.refund);
        if (transaction.kind != DEPOSIT) {
            _settle(t, transaction, world, blockState, used);
            blockState.gasUsed += used;
        }
        blockState.transactionsAcc = keccak256(abi.encode(blockState.transactionsAcc, transaction.hash));
        bytes32 receiptHash = keccak256(abi.encode(aux.status, used, world.logCount, world.logAcc));
        blockState.receiptsAcc = keccak256(abi.encode(blockState.receiptsAcc, receiptHash));

        machine.transaction = 0;
        machine.frame = 0;
        machine.aux = 0;
        if (world.doomed == 0) {
            _finish(machine, blockState, world.stateRoot);
        } else {
            machine.mode = Mode.SWEEP;
            machine.world = Structures.hashWorld(world);
            machine.blockState = Structures.hashBlockState(blockState);
        }
    }

    function _gasUsed(uint256 used, uint256 refund) private pure returns (uint256) {
        uint256 most = used / MAX_REFUND_QUOTIENT;
        return used - (refund < most ? refund : most);
    }

    /// @dev The gas that was bought and not used goes back to the sender, the fee to the coinbase.
    function _settle(
        TapeReader memory t,
        Transaction memory transaction,
        World memory world,
        BlockState memory blockState,
        uint256 used
    ) private pure {
        uint256 price = transaction.gasPrice;
        _credit(t, world, transaction.origin, (transaction.gasLimit - used) * price);
        if (blockState.flags & Flags.BURN_BASE_FEE != 0) price -= blockState.baseFee;
        _credit(t, world, blockState.coinbase, used * price);
    }

    /// @dev Wei for an account. Nothing, for an account that there is not, leaves it so (EIP-161).
    function _credit(TapeReader memory t, World memory world, address to, uint256 amount) private pure {
        (Account memory account, uint256 at) = StateTrees.readAccount(t, world.stateRoot, to);
        account.balance += amount;
        world.stateRoot = StateTrees.writeAccount(t, world.stateRoot, to, at, account);
    }

    // -- SELFDESTRUCT_SWEEP

    /// @dev The last of the contracts to destroy. One may be among them more than once.
    function _sweep(TapeReader memory t, Machine memory machine) private pure {
        World memory world = Structures.readWorld(t, machine.world);
        bytes32 doomed = t.word();
        bytes32 who = t.word();
        if (keccak256(abi.encode(doomed, who)) != world.doomed) revert WrongOpening();
        address contract_ = address(uint160(uint256(who)));
        (, uint256 at) = StateTrees.readAccount(t, world.stateRoot, contract_);
        Account memory none;
        none.codeHash = StateTrees.EMPTY_CODE_HASH;
        world.stateRoot = StateTrees.writeAccount(t, world.stateRoot, contract_, at, none);
        world.doomed = doomed;
        if (doomed == 0) {
            _finish(machine, Structures.readBlockState(t, machine.blockState), world.stateRoot);
        } else {
            machine.world = Structures.hashWorld(world);
        }
    }

    /// @dev The transaction is over: its state is the block's.
    function _finish(Machine memory machine, BlockState memory blockState, bytes32 stateRoot) private pure {
        blockState.stateRoot = stateRoot;
        machine.blockState = Structures.hashBlockState(blockState);
        machine.world = 0;
        machine.mode = Mode.ITEM;
    }
}
