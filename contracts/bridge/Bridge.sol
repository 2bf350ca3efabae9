// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInbox} from "../inbox/IInbox.sol";
import {AddressAliasing} from "../lib/AddressAliasing.sol";
import {SparseMerkleTree} from "../lib/SparseMerkleTree.sol";
import {IRollup} from "../rollup/IRollup.sol";
import {AssertionId, AssertionOpening, RollupHashing} from "../rollup/RollupTypes.sol";
import {IBridge} from "./IBridge.sol";
import {Withdrawal, WithdrawalHashing} from "./WithdrawalTypes.sol";

/// @title Bridge
/// @notice See IBridge.
/// @dev It performs arbitrary calls, so it must never hold anything but ether that such a call may not touch: tokens and
/// allowances belong into contracts of their own (TokenBridge).
contract Bridge is IBridge {
    /// @notice L2 gas of a deposit made by a plain transfer.
    uint64 public constant RECEIVE_GAS_LIMIT = 100_000;

    /// @dev What a call costs before the callee has any gas: cold account 2,600, value 9,000, new account 25,000, and the opcodes
    /// between the check and the call.
    uint256 private constant CALL_OVERHEAD = 40_000;

    /// @inheritdoc IBridge
    IInbox public immutable inbox;
    /// @inheritdoc IBridge
    IRollup public immutable rollup;

    /// @inheritdoc IBridge
    mapping(bytes32 withdrawalHash => WithdrawalStatus) public statusOf;

    bool private transient _performing;
    address private transient _l2Sender;

    constructor(IInbox inbox_, IRollup rollup_) {
        if (inbox_.bridge() != address(this)) revert ForeignInbox();
        inbox = inbox_;
        rollup = rollup_;
    }

    /// @notice Deposits to the caller's own address on L2 (its alias, if it is a contract).
    receive() external payable {
        _deposit(AddressAliasing.l2Sender(), RECEIVE_GAS_LIMIT, "");
    }

    /// @inheritdoc IBridge
    function depositETH(address to, uint64 gasLimit, bytes calldata data) external payable returns (uint64) {
        return _deposit(to, gasLimit, data);
    }

    /// @inheritdoc IBridge
    function finalizeWithdrawal(
        Withdrawal calldata withdrawal,
        AssertionOpening calldata opening,
        SparseMerkleTree.Proof calldata proof
    ) external returns (bool success) {
        bytes32 withdrawalHash = WithdrawalHashing.hash(withdrawal);
        if (statusOf[withdrawalHash] != WithdrawalStatus.None) revert AlreadyFinalized(withdrawalHash);
        AssertionId id = RollupHashing.id(opening);
        if (!rollup.isConfirmed(id)) revert NotConfirmed(id);
        bytes32 key = WithdrawalHashing.storageKey(withdrawalHash);
        if (!SparseMerkleTree.verify(opening.state.withdrawalRoot, key, WithdrawalHashing.SENT, proof)) {
            revert InvalidProof();
        }
        success = _perform(withdrawalHash, withdrawal);
        emit WithdrawalFinalized(withdrawalHash, id, success);
    }

    /// @inheritdoc IBridge
    function replay(Withdrawal calldata withdrawal) external returns (bool success) {
        bytes32 withdrawalHash = WithdrawalHashing.hash(withdrawal);
        if (statusOf[withdrawalHash] != WithdrawalStatus.Failed) revert NotFailed(withdrawalHash);
        success = _perform(withdrawalHash, withdrawal);
        emit WithdrawalReplayed(withdrawalHash, success);
    }

    /// @inheritdoc IBridge
    function l2Sender() external view returns (address) {
        if (!_performing) revert NoWithdrawal();
        return _l2Sender;
    }

    function _deposit(address to, uint64 gasLimit, bytes memory data) private returns (uint64 messageIndex) {
        address from = AddressAliasing.l2Sender();
        messageIndex = inbox.enqueue(from, to, false, msg.value, msg.value, gasLimit, data);
        emit EtherDeposited(from, to, msg.value, messageIndex);
    }

    /// @dev Makes the call and records how it went.
    function _perform(bytes32 withdrawalHash, Withdrawal calldata withdrawal) private returns (bool success) {
        if (_performing) revert WithdrawalInProgress();
        address target = withdrawal.target;
        // SAFETY: to the inbox the bridge is the one who may mint for any sender, and to itself it would be a depositor like any
        // other but with everyone's ether: a call to either, in the bridge's name, would give L2 senders the bridge's powers.
        if (target == address(inbox) || target == address(this)) revert ForbiddenTarget(target);

        // Marked before the call, so that the callee finds it done; a failure takes the mark back below.
        statusOf[withdrawalHash] = WithdrawalStatus.Succeeded;
        // slither-disable-next-line write-after-write
        _performing = true;
        // slither-disable-next-line write-after-write
        _l2Sender = withdrawal.sender;
        success = _call(target, withdrawal.value, withdrawal.gasLimit, withdrawal.data);
        _performing = false;
        _l2Sender = address(0);
        if (!success) statusOf[withdrawalHash] = WithdrawalStatus.Failed;
    }

    /// @dev Calls with all gas but what EIP-150 withholds, and copies no return data, which the callee could make expensive.
    function _call(address target, uint256 value, uint256 gasLimit, bytes memory data) private returns (bool success) {
        // SAFETY: a call gets at most 63/64 of what is left. Were less than gasLimit to arrive, a relayer could make a good call fail
        // by starving it (and with it what depends on its first try).
        uint256 needed = (gasLimit + CALL_OVERHEAD) * 64 / 63 + 1;
        if (gasleft() < needed) revert InsufficientGas(needed);
        assembly ("memory-safe") {
            success := call(gas(), target, value, add(data, 0x20), mload(data), 0, 0)
        }
    }
}
