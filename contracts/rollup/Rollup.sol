// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInbox} from "../inbox/IInbox.sol";
import {Predeploys} from "../lib/Predeploys.sol";
import {SparseMerkleTree} from "../lib/SparseMerkleTree.sol";
import {IDisputeGame} from "./IDisputeGame.sol";
import {IRollup} from "./IRollup.sol";
import {Account, AssertionId, AssertionOpening, Header, RollupHashing, State} from "./RollupTypes.sol";

/// @title Rollup
/// @notice See IRollup.
contract Rollup is IRollup {
    /// @notice Most batches that one assertion consumes: the level-0 trace of that many must fit its tree.
    uint64 public constant MAX_BATCHES_PER_ASSERTION = 64;

    /// @inheritdoc IRollup
    IInbox public immutable inbox;
    /// @inheritdoc IRollup
    IDisputeGame public immutable disputeGame;
    /// @inheritdoc IRollup
    uint256 public immutable bond;
    /// @inheritdoc IRollup
    uint64 public immutable challengeWindow;
    /// @inheritdoc IRollup
    AssertionId public immutable genesis;

    /// @inheritdoc IRollup
    AssertionId public latestConfirmed;
    /// @inheritdoc IRollup
    uint256 public pool;

    mapping(AssertionId id => Assertion) private _assertions;

    /// @param genesisState State of the genesis block; its batches and messages must be zero.
    constructor(
        IInbox inbox_,
        IDisputeGame disputeGame_,
        uint256 bond_,
        uint64 challengeWindow_,
        State memory genesisState
    ) {
        if (genesisState.batches != 0) revert WrongBatches(0);
        if (genesisState.messages != 0) revert WrongMessages();
        inbox = inbox_;
        disputeGame = disputeGame_;
        bond = bond_;
        challengeWindow = challengeWindow_;

        AssertionId none = AssertionId.wrap(0);
        AssertionId id = RollupHashing.assertionId(none, keccak256(abi.encode(genesisState)), 0, 0);
        Assertion storage assertion = _assertions[id];
        assertion.createdAt = uint64(block.timestamp);
        assertion.status = Status.Confirmed;
        uint64 inboxBatches = inbox_.batchCount();
        assertion.inboxBatches = inboxBatches;
        genesis = id;
        latestConfirmed = id;
        emit AssertionCreated(id, none, address(0), genesisState, 0, 0, inboxBatches);
        emit AssertionConfirmed(id);
    }

    /// @inheritdoc IRollup
    function createAssertion(
        AssertionOpening calldata opening,
        bytes32[17] calldata header,
        Account calldata messagePasser,
        SparseMerkleTree.Proof calldata proof
    ) external payable returns (AssertionId id) {
        if (msg.value != bond) revert WrongBond(bond);
        id = RollupHashing.id(opening);
        if (_assertions[id].status != Status.None) revert AssertionExists(id);

        _checkParent(opening.parentId);
        uint64 inboxBatches = _checkInbox(opening);
        _checkState(opening.state, header, messagePasser, proof);

        Assertion storage assertion = _assertions[id];
        assertion.parent = opening.parentId;
        assertion.asserter = msg.sender;
        assertion.createdAt = uint64(block.timestamp);
        assertion.status = Status.Pending;
        assertion.batches = opening.state.batches;
        assertion.inboxBatches = inboxBatches;
        emit AssertionCreated(
            id, opening.parentId, msg.sender, opening.state, opening.traceRoot, opening.inboxAcc, inboxBatches
        );

        Assertion storage parent = _assertions[opening.parentId];
        if (parent.children == 0) parent.firstChildAt = uint64(block.timestamp);
        else emit AssertionContested(opening.parentId, id);
        ++parent.children;
    }

    /// @inheritdoc IRollup
    function confirmAssertion(AssertionId id) external {
        Assertion storage assertion = _assertions[id];
        if (assertion.status != Status.Pending) revert NotPending(id);
        if (assertion.parent != latestConfirmed) revert ParentNotLatest(assertion.parent);
        if (_isAlone(assertion)) {
            uint256 until = uint256(assertion.createdAt) + challengeWindow;
            if (block.timestamp < until) revert WindowOpen(until);
        } else if (!_hasWon(id)) {
            revert Contested(id);
        }
        assertion.status = Status.Confirmed;
        latestConfirmed = id;
        emit AssertionConfirmed(id);
    }

    /// @inheritdoc IRollup
    function rejectAssertion(AssertionId id) external {
        Assertion storage assertion = _assertions[id];
        if (assertion.status != Status.Pending) revert NotPending(id);
        AssertionId parentId = assertion.parent;
        Status parentStatus = _assertions[parentId].status;
        // INVARIANT: confirmed assertions form one line that ends in the latest, so any other on it has a confirmed child.
        bool hasConfirmedSibling = parentStatus == Status.Confirmed && parentId != latestConfirmed;
        if (!hasConfirmedSibling && parentStatus != Status.Rejected) revert NotDefeated(id);
        assertion.status = Status.Rejected;
        pool += bond;
        emit AssertionRejected(id);
    }

    /// @inheritdoc IRollup
    function claimBond(AssertionId id) external {
        Assertion storage assertion = _assertions[id];
        address asserter = assertion.asserter;
        if (assertion.status != Status.Confirmed || assertion.bondClaimed || asserter == address(0)) revert NoBond(id);
        assertion.bondClaimed = true;
        emit BondClaimed(id, asserter, bond);
        _send(asserter, bond);
    }

    /// @inheritdoc IRollup
    function refund(address payable to, uint256 amount) external {
        if (msg.sender != address(disputeGame)) revert OnlyDisputeGame();
        if (amount > pool) revert PoolExhausted(pool);
        pool -= amount;
        emit Refunded(to, amount);
        _send(to, amount);
    }

    /// @inheritdoc IRollup
    function getAssertion(AssertionId id) external view returns (Assertion memory) {
        return _assertions[id];
    }

    /// @inheritdoc IRollup
    function isConfirmed(AssertionId id) external view returns (bool) {
        return _assertions[id].status == Status.Confirmed;
    }

    /// @inheritdoc IRollup
    function isConfirmable(AssertionId id) external view returns (bool) {
        Assertion storage assertion = _assertions[id];
        if (assertion.status != Status.Pending || assertion.parent != latestConfirmed) return false;
        if (!_isAlone(assertion)) return _hasWon(id);
        return block.timestamp >= uint256(assertion.createdAt) + challengeWindow;
    }

    /// @inheritdoc IRollup
    function requiredBatches(AssertionId parentId) public view returns (uint64) {
        Assertion storage parent = _assertions[parentId];
        if (parent.status == Status.None) revert UnknownParent(parentId);
        uint64 least = parent.batches + 1;
        uint64 most = parent.batches + MAX_BATCHES_PER_ASSERTION;
        uint64 seen = parent.inboxBatches;
        if (seen < least) return least;
        return seen > most ? most : seen;
    }

    /// @dev The parent can still get a child.
    function _checkParent(AssertionId parentId) private view {
        Assertion storage parent = _assertions[parentId];
        Status status = parent.status;
        if (status == Status.None) revert UnknownParent(parentId);
        if (status == Status.Rejected || (status == Status.Confirmed && parentId != latestConfirmed)) {
            revert ParentDecided(parentId);
        }
        // A rival must come while the first child's window is open: time that it stood alone is time in which anyone could object.
        // With two or more children the game decides, and a late third one is the game's affair.
        if (parent.children == 1) {
            uint256 deadline = uint256(parent.firstChildAt) + challengeWindow;
            if (block.timestamp >= deadline) revert RivalTooLate(deadline);
        }
    }

    /// @dev The state consumes the batches that it must, as they are in the inbox.
    /// @return available Batches in the inbox.
    function _checkInbox(AssertionOpening calldata opening) private view returns (uint64 available) {
        uint64 required = requiredBatches(opening.parentId);
        if (opening.state.batches != required) revert WrongBatches(required);
        available = inbox.batchCount();
        if (available < required) revert BatchesMissing(required, available);
        bytes32 acc = inbox.batchAcc(required);
        if (opening.inboxAcc != acc) revert WrongInboxAcc(acc);
    }

    /// @dev The state's parts belong together: the dispute game then only has to judge the block hash.
    function _checkState(
        State calldata state,
        bytes32[17] calldata header,
        Account calldata messagePasser,
        SparseMerkleTree.Proof calldata proof
    ) private pure {
        if (Header.hash(header) != state.blockHash) revert WrongHeader();
        if (Header.stateRoot(header) != state.stateRoot) revert WrongStateRoot();
        if (Header.messagesConsumed(header) != state.messages) revert WrongMessages();
        bytes32 key = keccak256(abi.encodePacked(Predeploys.MESSAGE_PASSER));
        bool proved = SparseMerkleTree.verify(state.stateRoot, key, RollupHashing.hash(messagePasser), proof);
        if (!proved || messagePasser.storageRoot != state.withdrawalRoot) revert WrongWithdrawalRoot();
    }

    function _isAlone(Assertion storage assertion) private view returns (bool) {
        return _assertions[assertion.parent].children == 1;
    }

    function _hasWon(AssertionId id) private view returns (bool) {
        return address(disputeGame) != address(0) && disputeGame.hasWon(id);
    }

    // slither-disable-next-line arbitrary-send-eth,low-level-calls
    function _send(address to, uint256 amount) private {
        (bool success,) = to.call{value: amount}("");
        if (!success) revert TransferFailed();
    }
}
