// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStepVerifier} from "./IStepVerifier.sol";
import {WrongOpening, WrongProver} from "./MachineErrors.sol";
import {Account, BlockState, CopyJob, Mode, Transaction, World} from "./MachineTypes.sol";
import {Execution} from "./lib/Execution.sol";
import {StateTrees} from "./lib/StateTrees.sol";
import {Structures} from "./lib/Structures.sol";
import {Tape, TapeReader} from "./lib/Tape.sol";
import {WordRange} from "./lib/WordRange.sol";

/// @title Environment
/// @notice Prover 2: instructions on other accounts, the transaction and the block. Twin of tandem/machine/environment.py.
contract Environment is IStepVerifier {
    using Tape for TapeReader;

    uint256 private constant BALANCE = 0x31;
    uint256 private constant ORIGIN = 0x32;
    uint256 private constant GASPRICE = 0x3a;
    uint256 private constant EXTCODESIZE = 0x3b;
    uint256 private constant EXTCODECOPY = 0x3c;
    uint256 private constant EXTCODEHASH = 0x3f;
    uint256 private constant BLOCKHASH = 0x40;
    uint256 private constant COINBASE = 0x41;
    uint256 private constant TIMESTAMP = 0x42;
    uint256 private constant NUMBER = 0x43;
    uint256 private constant PREVRANDAO = 0x44;
    uint256 private constant GASLIMIT = 0x45;
    uint256 private constant CHAINID = 0x46;
    uint256 private constant SELFBALANCE = 0x47;
    uint256 private constant BASEFEE = 0x48;
    uint256 private constant BLOBHASH = 0x49;
    uint256 private constant BLOBBASEFEE = 0x4a;

    /// @notice Gas of an address by whether it is in the access set (EIP-2929).
    uint256 private constant COLD_ACCOUNT = 2_600;
    uint256 private constant WARM_ACCOUNT = 100;
    /// @notice Gas for a word copied.
    uint256 private constant COPY_WORD = 3;
    uint256 private constant CODE_LAYOUT = 1;
    /// @notice How far back BLOCKHASH sees, and depth of the tree of these hashes.
    uint256 private constant RECENT_BLOCKS = 256;
    uint256 private constant RECENT_DEPTH = 8;

    /// @inheritdoc IStepVerifier
    function verify(bytes32 preHash, bytes calldata witness) external pure returns (bytes32) {
        Execution.Step memory s = Execution.begin(preHash, witness);
        if (s.halted) return Execution.halt(s);
        uint256 op = s.op;
        if (op == EXTCODECOPY) return _codeCopy(s);
        if (op == BALANCE || op == EXTCODESIZE || op == EXTCODEHASH) return _ofAccount(s);
        if (op == SELFBALANCE) {
            World memory world = Structures.readWorld(s.tape, s.machine.world);
            (Account memory account,) = StateTrees.readAccount(s.tape, world.stateRoot, s.frame.self);
            Execution.push(s, account.balance);
        } else if (op == BLOCKHASH) {
            Execution.push(s, _blockHash(s));
        } else if (op == ORIGIN || op == GASPRICE || op == BLOBHASH) {
            Execution.push(s, _ofTransaction(s));
        } else {
            Execution.push(s, _ofBlock(Structures.readBlockState(s.tape, s.machine.blockState), op));
        }
        return Execution.next(s);
    }

    /// @dev BALANCE, EXTCODESIZE, EXTCODEHASH.
    function _ofAccount(Execution.Step memory s) private pure returns (bytes32) {
        address who = address(uint160(s.stack[0]));
        (bool paid, bytes32 root) = _access(s, who);
        if (!paid) return Execution.halt(s);
        (Account memory account,) = StateTrees.readAccount(s.tape, root, who);
        if (s.op == BALANCE) Execution.push(s, account.balance);
        else if (s.op == EXTCODESIZE) Execution.push(s, account.codeSize);
        // The hash of an account that there is not is zero (EIP-1052, EIP-161).
        else Execution.push(s, StateTrees.isEmpty(account) ? 0 : uint256(account.codeHash));
        return Execution.next(s);
    }

    /// @dev EXTCODECOPY. The account is opened only where something is copied.
    function _codeCopy(Execution.Step memory s) private pure returns (bytes32) {
        address who = address(uint160(s.stack[0]));
        uint256 start = s.stack[2];
        CopyJob memory job;
        job.layout = CODE_LAYOUT;
        job.to = s.stack[1];
        job.size = s.stack[3];
        // Sizes are bounded by what memory can hold once `expand` has passed.
        if (!Execution.expand(s, job.to, job.size) || !Execution.charge(s, COPY_WORD * ((job.size + 31) / 32))) {
            return Execution.halt(s);
        }
        (bool paid, bytes32 root) = _access(s, who);
        if (!paid) return Execution.halt(s);
        if (job.size == 0) return Execution.next(s);
        (Account memory account,) = StateTrees.readAccount(s.tape, root, who);
        // A source without bytes is no source.
        if (start < account.codeSize) {
            job.root = account.codeRoot;
            job.offset = start;
            job.available = account.codeSize - start;
        }
        return Execution.become(s, Mode.COPY, Structures.hashCopyJob(job));
    }

    /// @dev Opens the world, warms an address and pays for it.
    function _access(Execution.Step memory s, address who) private pure returns (bool paid, bytes32 stateRoot) {
        World memory world = Structures.readWorld(s.tape, s.machine.world);
        bool cold = StateTrees.touchAddress(s.tape, world, who);
        paid = Execution.charge(s, cold ? COLD_ACCOUNT : WARM_ACCOUNT);
        if (cold) s.machine.world = Structures.hashWorld(world);
        stateRoot = world.stateRoot;
    }

    /// @dev Zero outside the 256 blocks before this one.
    function _blockHash(Execution.Step memory s) private pure returns (uint256) {
        uint256 number = s.stack[0];
        BlockState memory blockState = Structures.readBlockState(s.tape, s.machine.blockState);
        if (number >= blockState.number || blockState.number - number > RECENT_BLOCKS) return 0;
        return uint256(WordRange.one(s.tape, blockState.recentHashes, RECENT_DEPTH, number % RECENT_BLOCKS));
    }

    /// @dev ORIGIN, GASPRICE, BLOBHASH.
    function _ofTransaction(Execution.Step memory s) private pure returns (uint256) {
        Transaction memory transaction = Structures.readTransaction(s.tape, s.machine.transaction);
        if (s.op == ORIGIN) return uint160(transaction.origin);
        if (s.op == GASPRICE) return transaction.gasPrice;
        return _blobHash(s.tape, transaction.blobHashes, s.stack[0]);
    }

    /// @dev The `index`-th of the hashes that `blobHashes` commits to; zero behind the last.
    function _blobHash(TapeReader memory t, bytes32 blobHashes, uint256 index) private pure returns (uint256 found) {
        if (blobHashes == 0) return 0;
        uint256 count = t.number(1);
        uint256 position = t.take(count * 32);
        bytes32 committed;
        assembly ("memory-safe") {
            // SAFETY: scratch beyond the free memory pointer, at most 8,160 bytes.
            let free := mload(0x40)
            calldatacopy(free, position, shl(5, count))
            committed := keccak256(free, shl(5, count))
            if lt(index, count) { found := mload(add(free, shl(5, index))) }
        }
        if (committed != blobHashes) revert WrongOpening();
    }

    /// @dev What the block holds.
    function _ofBlock(BlockState memory blockState, uint256 op) private pure returns (uint256) {
        if (op == COINBASE) return uint160(blockState.coinbase);
        if (op == TIMESTAMP) return blockState.timestamp;
        if (op == NUMBER) return blockState.number;
        if (op == PREVRANDAO) return uint256(blockState.prevRandao);
        if (op == GASLIMIT) return blockState.gasLimit;
        if (op == CHAINID) return blockState.chainId;
        if (op == BASEFEE) return blockState.baseFee;
        if (op == BLOBBASEFEE) return blockState.blobBaseFee;
        revert WrongProver();
    }
}
