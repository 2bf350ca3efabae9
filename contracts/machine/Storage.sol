// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStepVerifier} from "./IStepVerifier.sol";
import {WrongProver} from "./MachineErrors.sol";
import {AccessTag, Account, Transaction, World} from "./MachineTypes.sol";
import {Execution} from "./lib/Execution.sol";
import {StateTrees} from "./lib/StateTrees.sol";
import {Structures} from "./lib/Structures.sol";
import {TapeReader} from "./lib/Tape.sol";

/// @title Storage
/// @notice Prover 3: instructions on storage. Twin of tandem/machine/storage.py.
/// @dev Prices are those of EIP-2929, net metering that of EIP-2200, refunds that of EIP-3529.
contract Storage is IStepVerifier {
    uint256 private constant SLOAD = 0x54;
    uint256 private constant SSTORE = 0x55;
    uint256 private constant TLOAD = 0x5c;
    uint256 private constant TSTORE = 0x5d;

    /// @notice Gas of a slot by whether it is in the access set.
    uint256 private constant COLD_SLOT = 2_100;
    uint256 private constant WARM_SLOT = 100;
    /// @notice Gas of the first write to a slot that was zero when the transaction began, and to any other.
    uint256 private constant SET_GAS = 20_000;
    uint256 private constant RESET_GAS = 2_900;
    /// @notice SSTORE halts with no more gas than this: a stipend must not write.
    uint256 private constant SENTRY = 2_300;
    /// @notice Refund for a slot that becomes zero.
    uint256 private constant CLEARS = 4_800;

    /// @dev An open slot of the frame's own account.
    /// @param accountAt Handle of the account's proof.
    /// @param valueAt Handle of the slot's proof.
    struct Slot {
        World world;
        bool cold;
        bytes32 key;
        Account account;
        uint256 accountAt;
        bytes32 value;
        uint256 valueAt;
    }

    /// @inheritdoc IStepVerifier
    function verify(bytes32 preHash, bytes calldata witness) external pure returns (bytes32) {
        Execution.Step memory s = Execution.begin(preHash, witness);
        if (s.halted) return Execution.halt(s);
        if (s.op == SLOAD) return _load(s);
        if (s.op == SSTORE) return _store(s);
        if (s.op == TLOAD) return _loadTransient(s);
        if (s.op == TSTORE) return _storeTransient(s);
        revert WrongProver();
    }

    function _load(Execution.Step memory s) private pure returns (bytes32) {
        Slot memory slot;
        _warm(s, slot);
        if (!Execution.charge(s, slot.cold ? COLD_SLOT : WARM_SLOT)) return Execution.halt(s);
        _open(s, slot);
        Execution.push(s, uint256(slot.value));
        if (slot.cold) s.machine.world = Structures.hashWorld(slot.world);
        return Execution.next(s);
    }

    function _store(Execution.Step memory s) private pure returns (bytes32) {
        if (s.frame.isStatic != 0 || s.frame.gas <= SENTRY) return Execution.halt(s);
        bytes32 value = bytes32(s.stack[1]);
        Slot memory slot;
        _warm(s, slot);
        _open(s, slot);
        uint256 cost = slot.cold ? COLD_SLOT : 0;
        if (value == slot.value) {
            if (!Execution.charge(s, cost + WARM_SLOT)) return Execution.halt(s);
        } else {
            (uint256 price, uint256 refund) = _meter(_original(s, slot.key), slot.value, value);
            if (!Execution.charge(s, cost + price)) return Execution.halt(s);
            // The counter is modulo 2^256: within a frame it may be negative.
            unchecked {
                slot.world.refund += refund;
            }
            _write(s, slot, value);
        }
        s.machine.world = Structures.hashWorld(slot.world);
        return Execution.next(s);
    }

    /// @dev Opens the world and warms the slot.
    function _warm(Execution.Step memory s, Slot memory slot) private pure {
        slot.world = Structures.readWorld(s.tape, s.machine.world);
        slot.cold = StateTrees.warm(s.tape, slot.world, AccessTag.SLOT, s.frame.self, s.stack[0]);
        slot.key = StateTrees.storageKey(s.stack[0]);
    }

    /// @dev Opens the account and the slot.
    function _open(Execution.Step memory s, Slot memory slot) private pure {
        (slot.account, slot.accountAt) = StateTrees.readAccount(s.tape, slot.world.stateRoot, s.frame.self);
        (slot.value, slot.valueAt) = StateTrees.readSlot(s.tape, slot.account.storageRoot, slot.key);
    }

    /// @dev What the slot held when the transaction began.
    function _original(Execution.Step memory s, bytes32 key) private pure returns (bytes32 value) {
        Transaction memory transaction = Structures.readTransaction(s.tape, s.machine.transaction);
        (Account memory began,) = StateTrees.readAccount(s.tape, transaction.startRoot, s.frame.self);
        (value,) = StateTrees.readSlot(s.tape, began.storageRoot, key);
    }

    /// @dev Writes the slot and the account.
    function _write(Execution.Step memory s, Slot memory slot, bytes32 value) private pure {
        TapeReader memory t = s.tape;
        Account memory account = slot.account;
        account.storageRoot = StateTrees.writeSlot(t, account.storageRoot, slot.key, slot.valueAt, value);
        slot.world.stateRoot =
            StateTrees.writeAccount(t, slot.world.stateRoot, s.frame.self, slot.accountAt, account);
    }

    /// @dev Gas of a change, beside the cold slot's, and what it adds to the refund counter (modulo 2^256).
    function _meter(bytes32 original, bytes32 current, bytes32 value)
        private
        pure
        returns (uint256 price, uint256 refund)
    {
        if (current == original) {
            if (original == 0) return (SET_GAS, 0);
            return (RESET_GAS, value == 0 ? CLEARS : 0);
        }
        unchecked {
            if (original != 0) {
                if (current == 0) refund -= CLEARS;
                if (value == 0) refund += CLEARS;
            }
            if (value == original) refund += (original == 0 ? SET_GAS : RESET_GAS) - WARM_SLOT;
        }
        price = WARM_SLOT;
    }

    function _loadTransient(Execution.Step memory s) private pure returns (bytes32) {
        World memory world = Structures.readWorld(s.tape, s.machine.world);
        bytes32 key = StateTrees.transientKey(s.frame.self, s.stack[0]);
        (bytes32 value,) = StateTrees.readSlot(s.tape, world.transientRoot, key);
        Execution.push(s, uint256(value));
        return Execution.next(s);
    }

    function _storeTransient(Execution.Step memory s) private pure returns (bytes32) {
        if (s.frame.isStatic != 0) return Execution.halt(s);
        World memory world = Structures.readWorld(s.tape, s.machine.world);
        bytes32 key = StateTrees.transientKey(s.frame.self, s.stack[0]);
        (, uint256 at) = StateTrees.readSlot(s.tape, world.transientRoot, key);
        world.transientRoot = StateTrees.writeSlot(s.tape, world.transientRoot, key, at, bytes32(s.stack[1]));
        s.machine.world = Structures.hashWorld(world);
        return Execution.next(s);
    }
}
