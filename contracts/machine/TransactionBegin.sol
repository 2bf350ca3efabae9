// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStepVerifier} from "./IStepVerifier.sol";
import {NotCanonical, WrongMode, WrongProver} from "./MachineErrors.sol";
import {Account, BlockState, Cursor, Flags, Machine, Mode, Transaction, Warm, World} from "./MachineTypes.sol";
import {IntrinsicGas} from "./lib/IntrinsicGas.sol";
import {PackedTransaction, SignedTransaction} from "./lib/PackedTransaction.sol";
import {Rlp} from "./lib/Rlp.sol";
import {StateTrees} from "./lib/StateTrees.sol";
import {Structures} from "./lib/Structures.sol";
import {Tape, TapeReader} from "./lib/Tape.sol";
import {WordRange} from "./lib/WordRange.sol";

/// @title TransactionBegin
/// @notice Judges TX_BEGIN: the next packed transaction of a block is read, judged, and begun if it is valid. An invalid one
/// moves the cursor, nothing else. Twin of tandem/machine/transaction_begin.py.
contract TransactionBegin is IStepVerifier {
    using Tape for TapeReader;

    /// @dev The longest header of an RLP item.
    uint256 private constant HEADER_BYTES = 9;
    /// @dev EIP-3860.
    uint256 private constant MAX_INIT_CODE = 49_152;
    /// @dev EIP-2681.
    uint256 private constant MAX_NONCE = type(uint64).max;
    bytes32 private constant EMPTY_CODE_HASH = keccak256("");

    /// @param start Where the packed form starts in the batch's bytes.
    /// @param gasPrice Effective, wei.
    /// @param intrinsic Gas, the L1 data cost included.
    struct Step {
        TapeReader tape;
        Machine machine;
        Cursor cursor;
        BlockState blockState;
        SignedTransaction transaction;
        uint256 start;
        bytes packed;
        uint256 gasPrice;
        uint256 intrinsic;
    }

    /// @inheritdoc IStepVerifier
    function verify(bytes32 preHash, bytes calldata witness) external view returns (bytes32) {
        Step memory step;
        step.tape = Tape.open(witness);
        step.machine = Structures.readMachine(step.tape, preHash);
        if (step.machine.mode != Mode.ITEM) revert WrongMode();
        step.cursor = Structures.readCursor(step.tape, step.machine.cursor);
        if (step.cursor.messages != step.cursor.blockMessagesEnd || step.cursor.position >= step.cursor.listEnd) {
            revert WrongProver();
        }
        step.blockState = Structures.readBlockState(step.tape, step.machine.blockState);

        if (_readItem(step) && _checkForm(step)) _begin(step);
        step.machine.cursor = Structures.hashCursor(step.cursor);
        step.tape.finish();
        return Structures.hashMachine(step.machine);
    }

    /// @dev Reads the item and moves the cursor past it. False where it is no packed transaction.
    function _readItem(Step memory step) private view returns (bool valid) {
        Cursor memory cursor = step.cursor;
        uint256 available = cursor.listEnd - cursor.position;
        bytes memory header = WordRange.bytesAt(
            step.tape, cursor.dataRoot, cursor.position, available < HEADER_BYTES ? available : HEADER_BYTES
        );
        (bool ok, bool isList, uint256 start, uint256 length) = Rlp.readHeader(bytes32(header), available);
        // BATCH_CHECK has seen that it is a byte string within its list.
        if (!ok || isList) revert NotCanonical();
        step.start = cursor.position + start;
        cursor.position = step.start + length;
        if (length > PackedTransaction.MAX_BYTES) return false;
        step.packed = WordRange.bytesAt(step.tape, cursor.dataRoot, step.start, length);
        (valid, step.transaction) = PackedTransaction.unpack(step.packed, step.blockState.chainId);
    }

    /// @dev Whether all is right that needs no state; what it costs.
    function _checkForm(Step memory step) private pure returns (bool) {
        SignedTransaction memory transaction = step.transaction;
        BlockState memory blockState = step.blockState;
        if (!transaction.isProtected && blockState.flags & Flags.UNPROTECTED == 0) return false;
        if (transaction.gasLimit > blockState.transactionGasCap) return false;
        if (blockState.gasUsed + transaction.gasLimit > blockState.gasLimit) return false;
        if (transaction.maxPriorityFee > transaction.maxFee || transaction.maxFee < blockState.baseFee) return false;
        if (transaction.isCreation && transaction.dataLength > MAX_INIT_CODE) return false;

        (bool payable_, uint256 dataGas) = _dataGas(transaction.size, blockState);
        step.intrinsic = dataGas
            + IntrinsicGas.total(
                step.packed,
                transaction.dataOffset,
                transaction.dataLength,
                transaction.isCreation,
                transaction.addresses,
                transaction.slots
            );
        // SAFETY: maxFee >= baseFee, and the sum is not above maxFee.
        unchecked {
            step.gasPrice = transaction.maxFee - blockState.baseFee < transaction.maxPriorityFee
                ? transaction.maxFee
                : blockState.baseFee + transaction.maxPriorityFee;
        }
        return payable_ && transaction.gasLimit >= step.intrinsic;
    }

    /// @dev L1 data cost as L2 gas (protocol reference, section 2). Not payable where the product exceeds 256 bits: base fees are
    /// below 2^64, so the quotient exceeds 2^192, and no gas limit 2^64.
    function _dataGas(uint256 size, BlockState memory blockState) private pure returns (bool payable_, uint256 gas_) {
        if (blockState.dataGasPerByte == 0 || blockState.baseFee == 0) return (true, 0);
        (bool first, uint256 units) = _multiply(size, blockState.dataGasPerByte);
        (bool second, uint256 cost) = _multiply(units, blockState.originBaseFee);
        gas_ = cost / blockState.baseFee;
        // The bound lets the rest of the intrinsic gas be added.
        payable_ = first && second && gas_ <= type(uint64).max;
        if (!payable_) gas_ = 0;
    }

    /// @dev The product, and whether it fits 256 bits.
    function _multiply(uint256 a, uint256 b) private pure returns (bool fits, uint256 product) {
        unchecked {
            product = a * b;
            fits = a == 0 || product / a == b;
        }
    }

    /// @dev Judges it by its sender's account and begins it if it is valid.
    function _begin(Step memory step) private pure {
        SignedTransaction memory transaction = step.transaction;
        BlockState memory blockState = step.blockState;
        (Account memory account, uint256 handle) =
            StateTrees.readAccount(step.tape, blockState.stateRoot, transaction.sender);
        if (!_checkSender(transaction, account)) return;

        // SAFETY: the balance covers the gas at maxFee, which is not below the price.
        unchecked {
            account.balance -= transaction.gasLimit * step.gasPrice;
            account.nonce += 1;
        }
        World memory world;
        world.stateRoot =
            StateTrees.writeAccount(step.tape, blockState.stateRoot, transaction.sender, handle, account);
        StateTrees.touchAddress(step.tape, world, transaction.sender);
        if (!transaction.isCreation) StateTrees.touchAddress(step.tape, world, transaction.to);
        StateTrees.touchAddress(step.tape, world, blockState.coinbase);

        step.machine.mode = Mode.WARM;
        step.machine.world = Structures.hashWorld(world);
        step.machine.transaction = Structures.hashTransaction(_opened(step));
        step.machine.aux = Structures.hashWarm(_accessList(step));
    }

    /// @dev Nonce, funds, and that no code stands at the sender's address (EIP-3607).
    function _checkSender(SignedTransaction memory transaction, Account memory account) private pure returns (bool) {
        if (transaction.nonce != account.nonce || account.nonce >= MAX_NONCE) return false;
        (bool fits, uint256 needed) = _multiply(transaction.gasLimit, transaction.maxFee);
        // What exceeds 256 bits exceeds any balance.
        if (!fits || needed > account.balance || transaction.value > account.balance - needed) return false;
        return account.codeHash == EMPTY_CODE_HASH;
    }

    /// @dev The transaction's structure. Its data stays where it is, in the batch.
    function _opened(Step memory step) private pure returns (Transaction memory opened) {
        SignedTransaction memory transaction = step.transaction;
        opened.kind = transaction.kind;
        opened.hash = transaction.hash;
        opened.origin = transaction.sender;
        opened.gasPrice = step.gasPrice;
        opened.gasLimit = transaction.gasLimit;
        opened.startRoot = step.blockState.stateRoot;
        opened.isCreation = transaction.isCreation ? 1 : 0;
        opened.to = transaction.to;
        opened.value = transaction.value;
        opened.nonce = transaction.nonce;
        if (transaction.dataLength != 0) {
            opened.inputRoot = step.cursor.dataRoot;
            opened.inputOffset = step.start + transaction.dataOffset;
            opened.inputLength = transaction.dataLength;
        }
    }

    /// @dev Where its access list stands in the batch, and the gas that it runs with.
    function _accessList(Step memory step) private pure returns (Warm memory warm) {
        SignedTransaction memory transaction = step.transaction;
        if (transaction.accessLength != 0) {
            warm.position = step.start + transaction.accessOffset;
            warm.listEnd = warm.position + transaction.accessLength;
        }
        warm.gas = transaction.gasLimit - step.intrinsic;
    }
}
