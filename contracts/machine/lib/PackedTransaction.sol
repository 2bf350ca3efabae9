// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {NotEnoughGas} from "../MachineErrors.sol";
import {Rlp} from "./Rlp.sol";

/// @notice A signed transaction. Offsets count from the packed form's first byte.
/// @param kind 0: EIP-155, 1: EIP-2930, 2: EIP-1559.
/// @param isProtected Whether it was signed with the chain's id; types 1 and 2 are.
/// @param maxPriorityFee Wei per gas. Types 0 and 1 have one price, held in both fee fields.
/// @param accessOffset Where the access list's items start, without the list's header.
/// @param accessLength Bytes of its items.
/// @param addresses Entries of the access list.
/// @param slots Slots in all its entries.
/// @param size Bytes of the standard encoding, whose keccak is `hash`.
struct SignedTransaction {
    uint256 kind;
    bool isProtected;
    uint256 nonce;
    uint256 gasLimit;
    uint256 maxPriorityFee;
    uint256 maxFee;
    bool isCreation;
    address to;
    uint256 value;
    uint256 accessOffset;
    uint256 accessLength;
    uint256 addresses;
    uint256 slots;
    uint256 dataOffset;
    uint256 dataLength;
    uint256 parity;
    uint256 r;
    uint256 s;
    uint256 size;
    bytes32 signingHash;
    bytes32 hash;
    address sender;
}

/// @title PackedTransaction
/// @notice The packed form of signed transactions (protocol reference, section 5) and the standard encodings that it stands for.
/// Twin of `unpack` in tandem/batch/packed.py: what is invalid there is invalid here, and nothing else is.
/// @dev Bytes come from the inbox, where anyone may have written anything, so malformed ones are a result and never a revert.
library PackedTransaction {
    /// @notice Longer ones are invalid: the step that reads one must fit a transaction on L1.
    uint256 internal constant MAX_BYTES = 65_536;

    uint256 private constant PARITY = 4;
    uint256 private constant HAS_TO = 8;
    uint256 private constant HAS_DATA = 16;
    uint256 private constant HAS_ACCESS_LIST = 32;
    uint256 private constant UNPROTECTED = 64;
    uint256 private constant RESERVED = 128;
    uint256 private constant TYPE_MASK = 3;

    /// @dev Order of secp256k1's group (SEC 2). Of the signatures s and ORDER - s only the lower is valid (EIP-2).
    uint256 private constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    /// @dev Encodings are longer than the packed form by less than this: headers, integers (nine of at most 33 bytes), `to`, and
    /// the room that Rlp's writers ask for. SAFETY: amounts fold to no less than 2 bytes, so each integer is counted in full here.
    uint256 private constant OVERHEAD = 512;

    /// @dev ecrecover takes 3,000 gas. One part in 64 stays with the caller (EIP-150).
    uint256 private constant RECOVER_GAS = 3_000;

    /// @dev Memory pointers. Once `failed`, whatever is read means nothing.
    struct Reader {
        uint256 at;
        uint256 end;
        bool failed;
    }

    /// @notice The transaction that `packed` stands for on the chain with `chainId` (below 2^254).
    /// @return valid Whether there is one. Nothing in `transaction` means anything if not.
    function unpack(bytes memory packed, uint256 chainId)
        internal
        view
        returns (bool valid, SignedTransaction memory transaction)
    {
        if (packed.length > MAX_BYTES || !_fields(transaction, packed)) return (false, transaction);
        if (transaction.r == 0 || transaction.r >= ORDER || transaction.s == 0 || transaction.s > ORDER / 2) {
            return (false, transaction);
        }
        _hashes(transaction, packed, chainId);
        transaction.sender = _recover(transaction);
        valid = transaction.sender != address(0);
    }

    /// @dev Fills in all but what is computed from the standard encoding.
    function _fields(SignedTransaction memory transaction, bytes memory packed) private pure returns (bool) {
        Reader memory reader;
        uint256 base;
        assembly ("memory-safe") {
            base := add(packed, 0x20)
        }
        reader.at = base;
        reader.end = base + packed.length;

        uint256 flags = _take(reader, 1) >> 248;
        uint256 kind = flags & TYPE_MASK;
        if (reader.failed || kind == TYPE_MASK || flags & RESERVED != 0) return false;
        if (flags & (kind == 0 ? HAS_ACCESS_LIST : UNPROTECTED) != 0) return false;
        transaction.kind = kind;
        transaction.isProtected = flags & UNPROTECTED == 0;
        transaction.parity = flags & PARITY == 0 ? 0 : 1;
        transaction.isCreation = flags & HAS_TO == 0;

        transaction.nonce = _number(reader);
        transaction.gasLimit = _number(reader);
        if (transaction.nonce > type(uint64).max || transaction.gasLimit > type(uint64).max) return false;
        transaction.maxPriorityFee = _number(reader);
        transaction.maxFee = kind == 2 ? _number(reader) : transaction.maxPriorityFee;
        if (!transaction.isCreation) transaction.to = address(uint160(_take(reader, 20) >> 96));
        transaction.value = _number(reader);
        if (flags & HAS_ACCESS_LIST != 0) {
            uint256 length = _number(reader);
            uint256 start = reader.at;
            _take(reader, length);
            if (reader.failed || !_accessList(transaction, start, length)) return false;
            transaction.accessOffset -= base;
        }
        if (flags & HAS_DATA != 0) {
            transaction.dataLength = _number(reader);
            transaction.dataOffset = reader.at - base;
            _take(reader, transaction.dataLength);
        }
        transaction.r = _take(reader, 32);
        transaction.s = _take(reader, 32);
        return !reader.failed && reader.at == reader.end;
    }

    /// @dev Moves past `count` bytes. Gives the word that starts where they do.
    function _take(Reader memory reader, uint256 count) private pure returns (uint256 word) {
        uint256 at = reader.at;
        if (count > reader.end - at) {
            reader.failed = true;
            return 0;
        }
        // SAFETY: checked to be within the packed form.
        unchecked {
            reader.at = at + count;
        }
        assembly ("memory-safe") {
            word := mload(at)
        }
    }

    /// @dev A number in any of its forms. None exceeds 256 bits: the largest decimal one is below 2^32 * 10^23.
    function _number(Reader memory reader) private pure returns (uint256) {
        uint256 first = _take(reader, 1) >> 248;
        unchecked {
            if (first < 0x80) return first;
            if (first < 0xa0) {
                uint256 size = first - 0x7f;
                return _take(reader, size) >> (256 - 8 * size);
            }
            uint256 width = 1 + (first - 0xa0) / 24;
            return (_take(reader, width) >> (256 - 8 * width)) * 10 ** ((first - 0xa0) % 24);
        }
    }

    /// @dev Whether the bytes at memory pointer `at` are an access list, [[address, [slot, ...]], ...], and nothing else.
    function _accessList(SignedTransaction memory transaction, uint256 at, uint256 length) private pure returns (bool) {
        bytes32 head;
        assembly ("memory-safe") {
            head := mload(at)
        }
        (bool ok, bool isList, uint256 start, uint256 size) = Rlp.readHeader(head, length);
        if (!ok || !isList || start + size != length) return false;
        transaction.accessOffset = at + start;
        transaction.accessLength = size;
        (ok, transaction.addresses, transaction.slots) = _entries(at + start, at + length);
        return ok;
    }

    /// @dev Whether the bytes between two memory pointers are entries of an access list, and how many with how many slots.
    /// An item of known size is known by its first byte: 0x94 is an address, 0xa0 a slot, and no other form of it is canonical.
    /// Assembly, because there may be 2,848 entries: it halves the gas.
    function _entries(uint256 at, uint256 end) private pure returns (bool ok, uint256 addresses, uint256 slots) {
        assembly ("memory-safe") {
            // Where the payload of the list at `from` starts and stops; (0, 0) unless one stands there that stops by `limit`.
            // As Rlp.readHeader, for lists only.
            function list(from, limit) -> start, until {
                let head := mload(from)
                let size := sub(byte(0, head), 0xc0)
                start := add(from, 1)
                switch lt(size, 56)
                case 1 { until := add(start, size) }
                default {
                    if iszero(lt(size, 64)) { leave } // a byte string
                    start := add(start, sub(size, 55))
                    size := shr(sub(696, shl(3, size)), shl(8, head))
                    if and(lt(55, size), lt(0, byte(1, head))) { until := add(start, size) }
                }
                if gt(until, limit) { until := 0 }
            }

            ok := 1
            for {} lt(at, end) {} {
                let start, until := list(at, end)
                // 22: an address and the header of a list of slots.
                if or(lt(until, add(start, 22)), sub(byte(0, mload(start)), 0x94)) {
                    ok := 0
                    break
                }
                let slot, last := list(add(start, 21), until)
                if or(sub(last, until), mod(sub(until, slot), 33)) {
                    ok := 0
                    break
                }
                addresses := add(addresses, 1)
                slots := add(slots, div(sub(until, slot), 33))
                for {} lt(slot, until) { slot := add(slot, 33) } { ok := and(ok, eq(byte(0, mload(slot)), 0xa0)) }
                at := until
            }
        }
    }

    /// @dev Writes the standard encoding twice, without and with the signature. Only what follows the common fields differs.
    function _hashes(SignedTransaction memory transaction, bytes memory packed, uint256 chainId) private pure {
        uint256 items;
        uint256 base;
        assembly ("memory-safe") {
            base := add(packed, 0x20)
            // 64 bytes ahead of the items: for the list's header and the type.
            items := add(mload(0x40), 64)
            mstore(0x40, and(add(add(add(items, mload(packed)), OVERHEAD), 0x1f), not(0x1f)))
        }
        bool isLegacy = transaction.kind == 0;
        uint256 common = _writeFields(transaction, items, base, chainId);

        uint256 end = common;
        if (isLegacy && transaction.isProtected) {
            end = Rlp.writeInteger(end, chainId);
            end = Rlp.writeInteger(end, 0);
            end = Rlp.writeInteger(end, 0);
        }
        (transaction.signingHash,) = _hash(transaction.kind, items, end);

        uint256 v = transaction.parity;
        if (isLegacy) v += transaction.isProtected ? 35 + 2 * chainId : 27;
        end = Rlp.writeInteger(common, v);
        end = Rlp.writeInteger(end, transaction.r);
        end = Rlp.writeInteger(end, transaction.s);
        (transaction.hash, transaction.size) = _hash(transaction.kind, items, end);
    }

    /// @dev The fields before the signature, in the order of the type's EIP.
    function _writeFields(SignedTransaction memory transaction, uint256 out, uint256 base, uint256 chainId)
        private
        pure
        returns (uint256)
    {
        if (transaction.kind != 0) out = Rlp.writeInteger(out, chainId);
        out = Rlp.writeInteger(out, transaction.nonce);
        if (transaction.kind == 2) out = Rlp.writeInteger(out, transaction.maxPriorityFee);
        out = Rlp.writeInteger(out, transaction.maxFee);
        out = Rlp.writeInteger(out, transaction.gasLimit);
        out = transaction.isCreation ? Rlp.writeInteger(out, 0) : Rlp.writeAddress(out, transaction.to);
        out = Rlp.writeInteger(out, transaction.value);
        out = Rlp.writeString(out, base + transaction.dataOffset, transaction.dataLength);
        if (transaction.kind == 0) return out;
        out = Rlp.writeHeader(out, Rlp.LIST, transaction.accessLength);
        return Rlp.copy(out, base + transaction.accessOffset, transaction.accessLength);
    }

    /// @dev Hash and size of a transaction whose fields stand between two memory pointers.
    function _hash(uint256 kind, uint256 items, uint256 end) private pure returns (bytes32 result, uint256 size) {
        uint256 start = Rlp.writeListBefore(items, end - items);
        assembly ("memory-safe") {
            if kind {
                start := sub(start, 1)
                mstore8(start, kind)
            }
            size := sub(end, start)
            result := keccak256(start, size)
        }
    }

    /// @dev Who signed; zero where no key fits. The precompile fails only for want of gas, which decides nothing.
    function _recover(SignedTransaction memory transaction) private view returns (address sender) {
        if (gasleft() < RECOVER_GAS * 2) revert NotEnoughGas();
        bytes32[4] memory input =
            [transaction.signingHash, bytes32(27 + transaction.parity), bytes32(transaction.r), bytes32(transaction.s)];
        bool ok;
        assembly ("memory-safe") {
            mstore(0, 0)
            ok := staticcall(gas(), 1, input, 0x80, 0, 0x20)
            sender := mload(0)
        }
        if (!ok) revert NotEnoughGas();
    }
}
