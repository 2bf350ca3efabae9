// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInbox} from "../inbox/IInbox.sol";
import {BatchLocation} from "../inbox/InboxTypes.sol";
import {LZ4} from "../lib/LZ4.sol";
import {IStepVerifier} from "./IStepVerifier.sol";
import {WrongMode, WrongOpening} from "./MachineErrors.sol";
import {Check, Cursor, Machine, Mode} from "./MachineTypes.sol";
import {BlockHead} from "./lib/BlockHead.sol";
import {BatchEntry, InboxEntries} from "./lib/InboxEntries.sol";
import {Rlp} from "./lib/Rlp.sol";
import {Structures} from "./lib/Structures.sol";
import {Tape, TapeReader} from "./lib/Tape.sol";
import {WordRange} from "./lib/WordRange.sol";

/// @title Batches
/// @notice Judges BATCH_LOAD and BATCH_CHECK: a batch's bytes are decoded into a tree, then walked once.
/// Twin of tandem/machine/batches.py.
contract Batches is IStepVerifier {
    using Tape for TapeReader;

    /// @dev Width of the length of the batch's bytes on the tape.
    uint256 private constant LENGTH_BYTES = 4;
    /// @dev What stands before the payload: version and codec.
    uint256 private constant CONTAINER_BYTES = 2;
    uint256 private constant VERSION = 0;
    uint256 private constant PLAIN = 0;
    uint256 private constant COMPRESSED = 1;
    uint256 private constant MAX_DECODED_BYTES = 262_144;
    uint256 private constant MAX_ITEMS = 8_192;
    uint256 private constant BLOCK_ITEMS = 2;
    /// @dev Longest payload of a list whose length stands in its first byte.
    uint256 private constant SHORT = 55;

    /// @notice Where the batches come from.
    IInbox public immutable inbox;

    constructor(IInbox inbox_) {
        inbox = inbox_;
    }

    /// @inheritdoc IStepVerifier
    function verify(bytes32 preHash, bytes calldata witness) external view returns (bytes32) {
        TapeReader memory t = Tape.open(witness);
        Machine memory machine = Structures.readMachine(t, preHash);
        Cursor memory cursor = Structures.readCursor(t, machine.cursor);
        if (machine.mode == Mode.BATCH) _load(t, machine, cursor);
        else if (machine.mode == Mode.CHECK) _check(t, machine, cursor);
        else revert WrongMode();
        t.finish();
        machine.cursor = Structures.hashCursor(cursor);
        return Structures.hashMachine(machine);
    }

    // -- BATCH_LOAD

    function _load(TapeReader memory t, Machine memory machine, Cursor memory cursor) private view {
        if (cursor.batches == cursor.target) {
            machine.mode = Mode.HALTED;
            return;
        }
        BatchEntry memory entry = InboxEntries.readBatch(t, inbox, cursor.batches);
        cursor.messagesEnd = entry.messagesConsumed;
        cursor.batchTime = entry.contextTimestamp;
        machine.mode = Mode.BLOCK;
        if (BatchLocation(entry.location) == BatchLocation.None) return;

        bytes memory decoded = _decode(_readData(t, entry.dataHash));
        if (decoded.length == 0) return;
        cursor.dataRoot = WordRange.treeRoot(decoded);
        cursor.dataLength = decoded.length;
        machine.mode = Mode.CHECK;
        machine.aux = Structures.hashCheck(Check(0));
    }

    /// @dev The batch's bytes, which stay in calldata.
    // slither-disable-next-line write-after-write
    function _readData(TapeReader memory t, bytes32 dataHash) private pure returns (bytes calldata data) {
        uint256 length = t.number(LENGTH_BYTES);
        uint256 position = t.take(length);
        bytes32 actual;
        assembly ("memory-safe") {
            data.offset := position
            data.length := length
            // Hashed in free memory that is not claimed: the decoder's output will come there.
            let free := mload(0x40)
            calldatacopy(free, position, length)
            actual := keccak256(free, length)
        }
        if (actual != dataHash) revert WrongOpening();
    }

    /// @dev The RLP in a batch's container. Empty where the container breaks a rule, as no RLP is.
    function _decode(bytes calldata data) private pure returns (bytes memory decoded) {
        if (data.length < CONTAINER_BYTES || uint8(data[0]) != VERSION) return decoded;
        bytes calldata payload = data[CONTAINER_BYTES:];
        if (uint8(data[1]) == PLAIN) return payload.length > MAX_DECODED_BYTES ? decoded : payload;
        if (uint8(data[1]) == COMPRESSED) (, decoded) = LZ4.decode(payload, MAX_DECODED_BYTES);
    }

    // -- BATCH_CHECK

    function _check(TapeReader memory t, Machine memory machine, Cursor memory cursor) private pure {
        uint256 items = Structures.readCheck(t, machine.aux).items;
        bool sound;
        if (cursor.position == 0) {
            sound = _checkOuter(t, cursor);
        } else if (cursor.position < cursor.listEnd) {
            items += 1;
            sound = _checkTransaction(t, cursor);
        } else {
            items += BLOCK_ITEMS;
            sound = _checkBlock(t, cursor);
        }
        if (!sound || items > MAX_ITEMS) {
            // A batch that breaks a rule has no blocks.
            cursor.dataRoot = 0;
            cursor.dataLength = 0;
            cursor.position = 0;
        } else if (cursor.position < cursor.dataLength) {
            machine.aux = Structures.hashCheck(Check(items));
            return;
        } else {
            cursor.position = _outerHeaderBytes(cursor.dataLength);
        }
        cursor.listEnd = 0;
        machine.mode = Mode.BLOCK;
        machine.aux = 0;
    }

    /// @dev The list of blocks must be all that there is. An empty one has no blocks, as what is unsound.
    function _checkOuter(TapeReader memory t, Cursor memory cursor) private pure returns (bool) {
        bytes memory data = _read(t, cursor, BlockHead.HEADER_BYTES, cursor.dataLength);
        (bool ok, bool isList, uint256 start, uint256 length) =
            Rlp.readHeader(BlockHead.wordAt(data, 0), cursor.dataLength);
        cursor.position = start;
        return ok && isList && start + length == cursor.dataLength && length != 0;
    }

    function _checkBlock(TapeReader memory t, Cursor memory cursor) private pure returns (bool) {
        bytes memory data = _read(t, cursor, BlockHead.BYTES, cursor.dataLength);
        (bool ok, BlockHead.Head memory head) = BlockHead.read(data, cursor.dataLength - cursor.position);
        cursor.listEnd = cursor.position + head.end;
        cursor.position += head.start;
        return ok;
    }

    function _checkTransaction(TapeReader memory t, Cursor memory cursor) private pure returns (bool) {
        bytes memory data = _read(t, cursor, BlockHead.HEADER_BYTES, cursor.listEnd);
        (bool ok, bool isList, uint256 start, uint256 length) =
            Rlp.readHeader(BlockHead.wordAt(data, 0), cursor.listEnd - cursor.position);
        cursor.position += start + length;
        return ok && !isList;
    }

    /// @dev The next `count` bytes, or those up to `end`.
    function _read(TapeReader memory t, Cursor memory cursor, uint256 count, uint256 end)
        private
        pure
        returns (bytes memory)
    {
        uint256 available = end - cursor.position;
        return WordRange.bytesAt(t, cursor.dataRoot, cursor.position, count < available ? count : available);
    }

    /// @dev Bytes of the header of a list that takes `length` bytes, header included. It is canonical: the length says it.
    function _outerHeaderBytes(uint256 length) private pure returns (uint256) {
        if (length <= 1 + SHORT) return 1;
        if (length < 2 + 0x100) return 2;
        return length < 3 + 0x10000 ? 3 : 4;
    }
}
