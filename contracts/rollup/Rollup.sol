// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EdgeId} from "../disputes/EdgeTypes.sol";
import {IDisputeGame} from "../disputes/IDisputeGame.sol";
import {IInbox} from "../inbox/IInbox.sol";
import {Predeploys} from "../lib/Predeploys.sol";
import {SparseMerkleTree} from "../lib/SparseMerkleTree.sol";
import {Boundaries} from "../machine/lib/Boundaries.sol";
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
    AssertionId public immutable genesis;

    /// @inheritdoc IRollup
    AssertionId public latestConfirmed;

    mapping(AssertionId id => Assertion) private _assertions;

    /// @param genesisState State of the genesis block; its batches and messages must be zero.
    constructor(
        IInbox inbox_,
        IDisputeGame disputeGame_,
        uint256 bond_,
        State memory genesisState
    ) {
        if (genesisState.batches != 0) revert WrongBatches(0);
        if (genesisState.messages != 0) revert WrongMessages();
        inbox = inbox_;
        disputeGame = disputeGame_;
        bond = bond_;

        AssertionId none = AssertionId.wrap(0);
        AssertionId id = RollupHashing.assertionId(none, keccak256(abi.encode(genesisState)), 0, 0);
        Assertion storage assertion = _assertions[id];
        assertion.status = Status.Confirmed;
        uint64 required = _required(0, inbox_.batchCount());
        assertion.requiredBatches = required;
        assertion.childStart = Boundaries.first(genesisState.blockHash, 0, required, 0);
        genesis = id;
        latestConfirmed = id;
        emit AssertionCreated(id, none, address(0), genesisState, 0, 0, required);
        emit AssertionConfirmed(id);
    }

    /// @inheritdoc IRollup
    function createAssertion(
        AssertionOpening calldata opening,
        bytes32[17] calldata header,
        Account calldata messagePasser,
        SparseMerkleTree.Proof calldata proof,
        bytes32[] calldata endProof
    ) external payable returns (AssertionId id) {
        uint256 gasBefore = gasleft();
        if (msg.value != bond) revert WrongBond(bond);
        id = RollupHashing.id(opening);
        if (_assertions[id].status != Status.None) revert AssertionExists(id);

        bytes32 start = _checkParent(opening.parentId);
        uint64 inboxBatches = _checkInbox(opening);
        _checkState(opening.state, header, messagePasser, proof);
        _record(id, opening, inboxBatches);

        bytes32 end = Boundaries.last(opening.state.blockHash, opening.state.batches, opening.state.messages);
        _assertions[id].rootEdge = disputeGame.openTrace(
            opening.parentId, start, end, opening.traceRoot, endProof, msg.sender, gasBefore - gasleft()
        );
    }

    /// @inheritdoc IRollup
    function confirmAssertion(AssertionId id) external {
        uint256 gasBefore = gasleft();
        Assertion storage assertion = _assertions[id];
        if (assertion.status != Status.Pending) revert NotPending(id);
        if (assertion.parent != latestConfirmed) revert ParentNotLatest(assertion.parent);
        if (!_hasWon(assertion)) revert NotWon(id);
        assertion.status = Status.Confirmed;
        latestConfirmed = id;
        emit AssertionConfirmed(id);
        AssertionId parentId = assertion.parent;
        disputeGame.noteConfirmation(parentId, _assertions[parentId].childStart, msg.sender, gasBefore - gasleft());
    }

    /// @inheritdoc IRollup
    function rejectAssertion(AssertionId id) external {
        uint256 gasBefore = gasleft();
        Assertion storage assertion = _assertions[id];
        if (assertion.status != Status.Pending) revert NotPending(id);
        AssertionId parentId = assertion.parent;
        Status parentStatus = _assertions[parentId].status;
        // INVARIANT: confirmed assertions form one line that ends in the latest, so any other on it has a confirmed child.
        bool hasConfirmedSibling = parentStatus == Status.Confirmed && parentId != latestConfirmed;
        if (!hasConfirmedSibling && parentStatus != Status.Rejected) revert NotDefeated(id);
        assertion.status = Status.Rejected;
        emit AssertionRejected(id);
        disputeGame.fund{value: bond}(msg.sender, gasBefore - gasleft());
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
        return assertion.status == Status.Pending && assertion.parent == latestConfirmed && _hasWon(assertion);
    }

    /// @inheritdoc IRollup
    function rootEdge(AssertionId id) external view returns (EdgeId) {
        return _assertions[id].rootEdge;
    }

    /// @inheritdoc IRollup
    function requiredBatches(AssertionId parentId) public view returns (uint64) {
        Assertion storage parent = _assertions[parentId];
        if (parent.status == Status.None) revert UnknownParent(parentId);
        return parent.requiredBatches;
    }

    /// @dev The parent can still get a child.
    /// @return start The level-0 state that the child's trace begins with.
    function _checkParent(AssertionId parentId) private view returns (bytes32 start) {
        Assertion storage parent = _assertions[parentId];
        Status status = parent.status;
        if (status == Status.None) revert UnknownParent(parentId);
        if (status == Status.Rejected || (status == Status.Confirmed && parentId != latestConfirmed)) {
            revert ParentDecided(parentId);
        }
        return parent.childStart;
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

    function _record(AssertionId id, AssertionOpening calldata opening, uint64 inboxBatches) private {
        State calldata state = opening.state;
        uint64 required = _required(state.batches, inboxBatches);
        Assertion storage parent = _assertions[opening.parentId];
        bool isContested = parent.hasChild;
        parent.hasChild = true;
        _assertions[id] = Assertion({
            parent: opening.parentId,
            asserter: msg.sender,
            status: Status.Pending,
            bondClaimed: false,
            hasChild: false,
            requiredBatches: required,
            childStart: Boundaries.first(state.blockHash, state.batches, required, state.messages),
            rootEdge: EdgeId.wrap(0)
        });
        emit AssertionCreated(
            id, opening.parentId, msg.sender, state, opening.traceRoot, opening.inboxAcc, required
        );
        if (isContested) emit AssertionContested(opening.parentId, id);
    }

    /// @dev Batches that the child of an assertion consumes: those in the inbox when its parent was made, one at least, and no more
    /// than a trace has room for.
    function _required(uint64 batches, uint64 inboxBatches) private pure returns (uint64) {
        uint64 least = batches + 1;
        uint64 most = batches + MAX_BATCHES_PER_ASSERTION;
        if (inboxBatches < least) return least;
        return inboxBatches > most ? most : inboxBatches;
    }

    function _hasWon(Assertion storage assertion) private view returns (bool) {
        AssertionId parentId = assertion.parent;
        return disputeGame.hasWon(parentId, _assertions[parentId].childStart, assertion.rootEdge);
    }

    // slither-disable-next-line arbitrary-send-eth,low-level-calls
    function _send(address to, uint256 amount) private {
        (bool success,) = to.call{value: amount}("");
        if (!success) revert TransferFailed();
    }
}
