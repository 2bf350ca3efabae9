// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Predeploys} from "../lib/Predeploys.sol";
import {ChainParameters} from "./ChainParameters.sol";
import {IStepVerifier} from "./IStepVerifier.sol";
import {NotCanonical, WrongMode, WrongProver} from "./MachineErrors.sol";
import {BlockState, Cursor, Flags, Header, Machine, Mode, Scan} from "./MachineTypes.sol";
import {BaseFee} from "./lib/BaseFee.sol";
import {BlockHead} from "./lib/BlockHead.sol";
import {Structures} from "./lib/Structures.sol";
import {Tape, TapeReader} from "./lib/Tape.sol";
import {WordRange} from "./lib/WordRange.sol";

/// @title Blocks
/// @notice Judges BLOCK_BEGIN, BLOCK_END and HALT: from one block's header to the next. Twin of tandem/machine/blocks.py.
contract Blocks is IStepVerifier {
    using Tape for TapeReader;

    /// @dev Depth of the tree of recent block hashes.
    uint256 private constant RECENT_DEPTH = 8;
    /// @dev EIP-7825.
    uint256 private constant TRANSACTION_GAS_CAP = 1 << 24;
    /// @dev No block has blobs: the fee stays at its least (EIP-4844).
    uint256 private constant BLOB_BASE_FEE = 1;

    // The chain's parameters: see ChainParameters.
    uint256 private immutable _chainId;
    uint256 private immutable _gasLimit;
    uint256 private immutable _elasticity;
    uint256 private immutable _baseFeeDenominator;
    uint256 private immutable _minBaseFee;
    uint256 private immutable _dataGasPerByte;
    uint256 private immutable _maxDrift;
    bool private immutable _allowUnprotected;

    constructor(ChainParameters memory parameters_) {
        _chainId = parameters_.chainId;
        _gasLimit = parameters_.gasLimit;
        _elasticity = parameters_.elasticity;
        _baseFeeDenominator = parameters_.baseFeeDenominator;
        _minBaseFee = parameters_.minBaseFee;
        _dataGasPerByte = parameters_.dataGasPerByte;
        _maxDrift = parameters_.maxDrift;
        _allowUnprotected = parameters_.allowUnprotected;
    }

    /// @inheritdoc IStepVerifier
    function verify(bytes32 preHash, bytes calldata witness) external view returns (bytes32) {
        TapeReader memory t = Tape.open(witness);
        Machine memory machine = Structures.readMachine(t, preHash);
        if (machine.mode == Mode.BLOCK) _begin(t, machine);
        else if (machine.mode == Mode.ITEM) _end(t, machine);
        else if (machine.mode != Mode.HALTED) revert WrongMode();
        t.finish();
        return Structures.hashMachine(machine);
    }

    /// @notice The chain that these blocks are of.
    function parameters() public view returns (ChainParameters memory) {
        return ChainParameters({
            chainId: _chainId,
            gasLimit: _gasLimit,
            elasticity: _elasticity,
            baseFeeDenominator: _baseFeeDenominator,
            minBaseFee: _minBaseFee,
            dataGasPerByte: _dataGasPerByte,
            maxDrift: _maxDrift,
            allowUnprotected: _allowUnprotected
        });
    }

    /// @notice Hash of the chain's parameters: the genesis block's parent hash.
    function configHash() external view returns (bytes32) {
        return keccak256(abi.encode(parameters()));
    }

    // -- BLOCK_BEGIN

    function _begin(TapeReader memory t, Machine memory machine) private view {
        Cursor memory cursor = Structures.readCursor(t, machine.cursor);
        if (cursor.position < cursor.dataLength) {
            BlockHead.Head memory head = _readHead(t, cursor);
            Header memory parent = Structures.readHeader(t, machine.blockState);
            Scan memory scan;
            scan.wantedTime = _min(parent.timestamp + head.timeDelta, cursor.batchTime + _maxDrift);
            scan.limit = _min(cursor.messages + head.messages, cursor.messagesEnd);
            cursor.listEnd = cursor.position + head.end;
            cursor.position += head.start;
            _open(t, machine, cursor, parent, scan);
        } else if (cursor.messages < cursor.messagesEnd) {
            Header memory parent = Structures.readHeader(t, machine.blockState);
            cursor.listEnd = cursor.position;
            _open(t, machine, cursor, parent, Scan(cursor.batchTime, cursor.messagesEnd, 0));
        } else {
            Cursor memory next;
            next.batches = cursor.batches + 1;
            next.target = cursor.target;
            next.messages = cursor.messages;
            machine.mode = Mode.BATCH;
            machine.cursor = Structures.hashCursor(next);
        }
    }

    /// @dev The head of the next block. BATCH_CHECK has seen that it is one.
    function _readHead(TapeReader memory t, Cursor memory cursor) private pure returns (BlockHead.Head memory head) {
        uint256 available = cursor.dataLength - cursor.position;
        bytes memory data = WordRange.bytesAt(t, cursor.dataRoot, cursor.position, _min(BlockHead.BYTES, available));
        bool ok;
        (ok, head) = BlockHead.read(data, available);
        if (!ok) revert NotCanonical();
    }

    /// @dev The block on `parent`. Its time, origin and randomness are the parent's until its messages are known.
    function _open(
        TapeReader memory t,
        Machine memory machine,
        Cursor memory cursor,
        Header memory parent,
        Scan memory scan
    ) private view {
        BlockState memory opened;
        opened.number = parent.number + 1;
        opened.timestamp = parent.timestamp;
        opened.gasLimit = _gasLimit;
        opened.baseFee = BaseFee.next(
            parent.baseFee, parent.gasLimit, parent.gasUsed, _elasticity, _baseFeeDenominator, _minBaseFee
        );
        opened.prevRandao = parent.prevRandao;
        opened.coinbase = Predeploys.FEE_VAULT;
        opened.originNumber = parent.originNumber;
        opened.originHash = parent.originHash;
        opened.originTimestamp = parent.originTimestamp;
        opened.originBaseFee = parent.originBaseFee;
        opened.recentHashes = _remember(t, parent, machine.blockState);
        opened.parentHash = machine.blockState;
        opened.stateRoot = parent.stateRoot;
        opened.chainId = _chainId;
        opened.dataGasPerByte = _dataGasPerByte;
        opened.transactionGasCap = TRANSACTION_GAS_CAP;
        opened.flags = (_allowUnprotected ? Flags.UNPROTECTED : 0) | Flags.CAPPED_PRECOMPILES;
        opened.blobBaseFee = BLOB_BASE_FEE;

        cursor.blockMessagesEnd = cursor.messages;
        machine.mode = Mode.SCAN;
        machine.blockState = Structures.hashBlockState(opened);
        machine.aux = Structures.hashScan(scan);
        machine.cursor = Structures.hashCursor(cursor);
    }

    /// @dev recentHashes of the parent's child: the parent's, with the parent's own hash in it.
    function _remember(TapeReader memory t, Header memory parent, bytes32 parentHash) private pure returns (bytes32) {
        uint256 index = parent.number % (1 << RECENT_DEPTH);
        WordRange.Range memory range = WordRange.read(t, parent.recentHashes, RECENT_DEPTH, index, 1);
        range.words[0] = parentHash;
        return WordRange.rootOf(range);
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    // -- BLOCK_END

    function _end(TapeReader memory t, Machine memory machine) private pure {
        Cursor memory cursor = Structures.readCursor(t, machine.cursor);
        if (cursor.messages != cursor.blockMessagesEnd || cursor.position < cursor.listEnd) revert WrongProver();
        BlockState memory ended = Structures.readBlockState(t, machine.blockState);
        Header memory header;
        header.parentHash = ended.parentHash;
        header.number = ended.number;
        header.timestamp = ended.timestamp;
        header.stateRoot = ended.stateRoot;
        header.transactionsAcc = ended.transactionsAcc;
        header.receiptsAcc = ended.receiptsAcc;
        header.gasUsed = ended.gasUsed;
        header.gasLimit = ended.gasLimit;
        header.baseFee = ended.baseFee;
        header.prevRandao = ended.prevRandao;
        header.coinbase = ended.coinbase;
        header.originNumber = ended.originNumber;
        header.originHash = ended.originHash;
        header.originTimestamp = ended.originTimestamp;
        header.originBaseFee = ended.originBaseFee;
        header.messagesConsumed = cursor.messages;
        header.recentHashes = ended.recentHashes;

        cursor.listEnd = 0;
        machine.mode = Mode.BLOCK;
        machine.blockState = Structures.hashHeader(header);
        machine.cursor = Structures.hashCursor(cursor);
    }
}
