// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStepVerifier} from "./IStepVerifier.sol";
import {WrongProver} from "./MachineErrors.sol";
import {AccessTag, Account, CallMessage, CreateMessage, ExitStatus, Mode, World} from "./MachineTypes.sol";
import {Execution} from "./lib/Execution.sol";
import {StateTrees} from "./lib/StateTrees.sol";
import {Structures} from "./lib/Structures.sol";

/// @title Calls
/// @notice Prover 4: the instructions that call, create and destroy. They charge, warm and check; the frame itself is opened by the
/// next step (Frames). Twin of tandem/machine/calls.py.
contract Calls is IStepVerifier {
    uint256 private constant CREATE = 0xf0;
    uint256 private constant CALL = 0xf1;
    uint256 private constant CALLCODE = 0xf2;
    uint256 private constant DELEGATECALL = 0xf4;
    uint256 private constant CREATE2 = 0xf5;
    uint256 private constant STATICCALL = 0xfa;
    uint256 private constant SELFDESTRUCT = 0xff;

    uint256 private constant DEPTH_LIMIT = 1024;
    /// @notice Gas of an access (EIP-2929).
    uint256 private constant COLD_ACCOUNT = 2600;
    uint256 private constant WARM_ACCOUNT = 100;
    /// @notice Gas of a call with value, what the callee gets of it, and gas of an account that it brings to life.
    uint256 private constant CALL_VALUE_GAS = 9000;
    uint256 private constant CALL_STIPEND = 2300;
    uint256 private constant NEW_ACCOUNT_GAS = 25_000;
    /// @notice Gas for a word of init code (EIP-3860); CREATE2 hashes it, too (EIP-1014).
    uint256 private constant INIT_WORD_GAS = 2;
    uint256 private constant HASH_WORD_GAS = 6;
    /// @notice Bytes (EIP-3860).
    uint256 private constant MAX_INIT_CODE = 49_152;
    /// @notice EIP-2681.
    uint256 private constant MAX_NONCE = type(uint64).max;

    /// @inheritdoc IStepVerifier
    function verify(bytes32 preHash, bytes calldata witness) external pure returns (bytes32) {
        Execution.Step memory s = Execution.begin(preHash, witness);
        if (s.halted) return Execution.halt(s);
        uint256 op = s.op;
        if (op == CALL || op == CALLCODE || op == DELEGATECALL || op == STATICCALL) return _call(s);
        if (op == CREATE || op == CREATE2) return _create(s);
        if (op == SELFDESTRUCT) return _selfdestruct(s);
        revert WrongProver();
    }

    /// @dev CALL and its kin.
    function _call(Execution.Step memory s) private pure returns (bytes32) {
        uint256 op = s.op;
        // Only these two have the value on the stack; DELEGATECALL inherits its frame's and moves none.
        bool moves = op == CALL || op == CALLCODE;
        uint256 moved = moves ? s.stack[2] : 0;
        if (op == CALL && moved != 0 && s.frame.isStatic != 0) return Execution.halt(s);

        uint256 spans = moves ? 3 : 2; // where on the stack offset and size of input and output are
        if (
            !Execution.expand(s, s.stack[spans], s.stack[spans + 1])
                || !Execution.expand(s, s.stack[spans + 2], s.stack[spans + 3])
        ) return Execution.halt(s);

        World memory world = Structures.readWorld(s.tape, s.machine.world);
        if (!Execution.charge(s, _accessGas(s, world, moved))) return Execution.halt(s);
        s.machine.world = Structures.hashWorld(world);

        uint256 given = _give(s, s.stack[0]);
        if (moved != 0) given += CALL_STIPEND;
        if (s.frame.depth >= DEPTH_LIMIT || (moved != 0 && _ownBalance(s, world.stateRoot) < moved)) {
            s.frame.gas += given;
            return _refuse(s);
        }
        return Execution.become(s, Mode.CALL, Structures.hashCallMessage(_message(s, moved, given, spans)));
    }

    /// @dev Gas of reaching the account that is called, and of moving value to it. It is warm from now on.
    function _accessGas(Execution.Step memory s, World memory world, uint256 moved) private pure returns (uint256 cost) {
        address to = address(uint160(s.stack[1]));
        cost = StateTrees.touchAddress(s.tape, world, to) ? COLD_ACCOUNT : WARM_ACCOUNT;
        if (moved == 0) return cost;
        cost += CALL_VALUE_GAS;
        if (s.op == CALL) {
            (Account memory account,) = StateTrees.readAccount(s.tape, world.stateRoot, to);
            if (StateTrees.isEmpty(account)) cost += NEW_ACCOUNT_GAS;
        }
    }

    function _ownBalance(Execution.Step memory s, bytes32 stateRoot) private pure returns (uint256) {
        (Account memory account,) = StateTrees.readAccount(s.tape, stateRoot, s.frame.self);
        return account.balance;
    }

    /// @param spans Where on the stack offset and size of input and output are.
    function _message(Execution.Step memory s, uint256 moved, uint256 given, uint256 spans)
        private
        pure
        returns (CallMessage memory message)
    {
        bool delegates = s.op == DELEGATECALL;
        bool leaves = s.op == CALL || s.op == STATICCALL; // the code runs as the account that is called, not as this one
        address to = address(uint160(s.stack[1]));
        message.isStatic = s.op == STATICCALL ? 1 : s.frame.isStatic;
        message.caller = delegates ? s.frame.caller : s.frame.self;
        message.self = leaves ? to : s.frame.self;
        message.codeAddress = to;
        message.value = delegates ? s.frame.value : moved;
        message.transfers = leaves ? 1 : 0;
        message.gas = given;
        if (s.stack[spans + 1] != 0) {
            message.inputRoot = s.frame.memoryRoot;
            message.inputOffset = s.stack[spans];
            message.inputLength = s.stack[spans + 1];
        }
        message.outputOffset = s.stack[spans + 2];
        message.outputSize = s.stack[spans + 3];
    }

    /// @dev CREATE and CREATE2.
    function _create(Execution.Step memory s) private pure returns (bytes32) {
        bool isCreate2 = s.op == CREATE2;
        uint256 size = s.stack[2];
        if (s.frame.isStatic != 0 || size > MAX_INIT_CODE) return Execution.halt(s);
        uint256 wordGas = isCreate2 ? INIT_WORD_GAS + HASH_WORD_GAS : INIT_WORD_GAS;
        if (!Execution.charge(s, (size + 31) / 32 * wordGas) || !Execution.expand(s, s.stack[1], size)) {
            return Execution.halt(s);
        }
        if (s.frame.depth >= DEPTH_LIMIT) return _refuse(s);

        CreateMessage memory message;
        {
            World memory world = Structures.readWorld(s.tape, s.machine.world);
            (Account memory account, uint256 handle) = StateTrees.readAccount(s.tape, world.stateRoot, s.frame.self);
            if (account.balance < s.stack[0] || account.nonce >= MAX_NONCE) return _refuse(s);
            message.nonce = account.nonce;
            account.nonce += 1;
            world.stateRoot = StateTrees.writeAccount(s.tape, world.stateRoot, s.frame.self, handle, account);
            s.machine.world = Structures.hashWorld(world);
        }
        message.caller = s.frame.self;
        message.value = s.stack[0];
        message.gas = _give(s, s.frame.gas);
        if (isCreate2) {
            message.isCreate2 = 1;
            message.salt = s.stack[3];
        }
        if (size != 0) {
            message.codeRoot = s.frame.memoryRoot;
            message.codeOffset = s.stack[1];
            message.codeLength = size;
        }
        _clearReturnData(s);
        return Execution.become(s, Mode.CREATE, Structures.hashCreateMessage(message));
    }

    /// @dev SELFDESTRUCT: moves the balance; the contract goes only if this transaction created it (EIP-6780).
    function _selfdestruct(Execution.Step memory s) private pure returns (bytes32) {
        if (s.frame.isStatic != 0) return Execution.halt(s);
        World memory world = Structures.readWorld(s.tape, s.machine.world);
        address heir = address(uint160(s.stack[0]));
        uint256 cost = StateTrees.touchAddress(s.tape, world, heir) ? COLD_ACCOUNT : 0;
        (Account memory account, uint256 handle) = StateTrees.readAccount(s.tape, world.stateRoot, s.frame.self);
        bool created = _isCreated(s, world.accessRoot);

        uint256 balance = account.balance;
        account.balance = 0;
        if (heir == s.frame.self) {
            if (!Execution.charge(s, cost)) return Execution.halt(s);
            if (balance != 0 && created) {
                world.stateRoot = StateTrees.writeAccount(s.tape, world.stateRoot, heir, handle, account);
            }
        } else {
            if (balance != 0) {
                world.stateRoot = StateTrees.writeAccount(s.tape, world.stateRoot, s.frame.self, handle, account);
            }
            (account, handle) = StateTrees.readAccount(s.tape, world.stateRoot, heir);
            bool isNew = StateTrees.isEmpty(account);
            if (isNew && balance != 0) cost += NEW_ACCOUNT_GAS;
            if (!Execution.charge(s, cost)) return Execution.halt(s);
            account.balance += balance;
            // Nothing for an empty account: as it is touched, it goes (EIP-161).
            if (isNew || balance != 0) {
                world.stateRoot = StateTrees.writeAccount(s.tape, world.stateRoot, heir, handle, account);
            }
        }
        if (created) world.doomed = keccak256(abi.encode(world.doomed, s.frame.self));
        s.machine.world = Structures.hashWorld(world);
        return Execution.leave(s, ExitStatus.SUCCESS, bytes32(0), 0, 0);
    }

    /// @dev Whether this transaction created the contract that runs.
    function _isCreated(Execution.Step memory s, bytes32 accessRoot) private pure returns (bool) {
        (bytes32 value,) =
            StateTrees.readSlot(s.tape, accessRoot, StateTrees.accessKey(AccessTag.CREATED, s.frame.self, 0));
        return value != 0;
    }

    /// @dev Takes the gas that a callee gets: at most all but a 64th (EIP-150).
    function _give(Execution.Step memory s, uint256 asked) private pure returns (uint256 given) {
        unchecked {
            given = s.frame.gas - s.frame.gas / 64;
            if (asked < given) given = asked;
            s.frame.gas -= given;
        }
    }

    /// @dev The call or creation does not begin, and the instruction is over.
    function _refuse(Execution.Step memory s) private pure returns (bytes32) {
        Execution.push(s, 0);
        _clearReturnData(s);
        return Execution.next(s);
    }

    function _clearReturnData(Execution.Step memory s) private pure {
        s.frame.returnRoot = 0;
        s.frame.returnOffset = 0;
        s.frame.returnLength = 0;
    }
}
