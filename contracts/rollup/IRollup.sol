// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EdgeId} from "../disputes/EdgeTypes.sol";
import {IDisputeGame} from "../disputes/IDisputeGame.sol";
import {IInbox} from "../inbox/IInbox.sol";
import {SparseMerkleTree} from "../lib/SparseMerkleTree.sol";
import {Account, AssertionId, AssertionOpening, State} from "./RollupTypes.sol";

/// @title IRollup
/// @notice A tree of assertions about L2's state. Anyone may add one with a bond. Since L2 is a pure function of the inbox, and a
/// parent fixes how many batches its child consumes, each assertion has exactly one right child: whoever sees a wrong one adds the
/// right one beside it. Which child is confirmed is the dispute game's to say: one that nobody rivals for the challenge window, or
/// that wins against its rivals.
interface IRollup {
    enum Status {
        None, // never created
        Pending,
        Confirmed, // final
        Rejected // a rival of it, or of an ancestor, was confirmed
    }

    /// @param parent The assertion it goes on from.
    /// @param asserter Whose bond it carries; zero for genesis.
    /// @param status What became of it.
    /// @param bondClaimed Whether its bond was paid back.
    /// @param hasChild Whether it has a child: all later ones are rivals of the first.
    /// @param requiredBatches Batches that its child will have consumed.
    /// @param childStart The level-0 machine state that its child's trace begins with.
    /// @param rootEdge The dispute game's edge over its own trace.
    struct Assertion {
        AssertionId parent;
        address asserter;
        Status status;
        bool bondClaimed;
        bool hasChild;
        uint64 requiredBatches;
        bytes32 childStart;
        EdgeId rootEdge;
    }

    /// @notice An assertion was added (genesis too, with asserter zero).
    /// @param requiredBatches Batches that its child will have consumed.
    event AssertionCreated(
        AssertionId indexed id,
        AssertionId indexed parentId,
        address indexed asserter,
        State state,
        bytes32 traceRoot,
        bytes32 inboxAcc,
        uint64 requiredBatches
    );
    /// @notice A parent has got a second child: the two, and all later ones, are rivals.
    event AssertionContested(AssertionId indexed parentId, AssertionId indexed rival);
    /// @notice An assertion became final.
    event AssertionConfirmed(AssertionId indexed id);
    /// @notice An assertion died; its bond is in the pool.
    event AssertionRejected(AssertionId indexed id);
    /// @notice The bond of a confirmed assertion was paid back.
    event BondClaimed(AssertionId indexed id, address indexed asserter, uint256 amount);

    /// @notice Thrown when the value sent is not the bond.
    error WrongBond(uint256 bond);
    /// @notice Thrown when the same claim was made before; it needs no second bond.
    error AssertionExists(AssertionId id);
    /// @notice Thrown when the parent was never created.
    error UnknownParent(AssertionId parentId);
    /// @notice Thrown when the parent is rejected or has a confirmed child.
    error ParentDecided(AssertionId parentId);
    /// @notice Thrown when the state does not consume exactly the batches that the parent fixes.
    error WrongBatches(uint64 required);
    /// @notice Thrown when the batches that the parent fixes are not all in the inbox.
    error BatchesMissing(uint64 required, uint64 available);
    /// @notice Thrown when the inbox's accumulator is not the one claimed: L1 re-organised, or the claim is about another inbox.
    error WrongInboxAcc(bytes32 expected);
    /// @notice Thrown when the header words do not hash to the block hash.
    error WrongHeader();
    /// @notice Thrown when the header has another state root.
    error WrongStateRoot();
    /// @notice Thrown when the header has another count of messages.
    error WrongMessages();
    /// @notice Thrown when the withdrawal root is not proved to be the message passer's storage root.
    error WrongWithdrawalRoot();
    /// @notice Thrown when the assertion is not pending.
    error NotPending(AssertionId id);
    /// @notice Thrown when the parent is not the latest confirmed assertion.
    error ParentNotLatest(AssertionId parentId);
    /// @notice Thrown when the assertion's root edge has not collected the challenge window.
    error NotWon(AssertionId id);
    /// @notice Thrown when nothing has decided against the assertion.
    error NotDefeated(AssertionId id);
    /// @notice Thrown when there is no bond to claim: not confirmed, claimed already, or genesis.
    error NoBond(AssertionId id);
    /// @notice Thrown when the receiver of ether refuses it.
    error TransferFailed();

    /// @notice Adds an assertion, with a bond.
    /// @param opening What it claims. The caller states the inbox accumulator too, so that a bond is never put, by an L1 re-org
    /// between signing and inclusion, on a claim about other batches than the asserter saw.
    /// @param header The last block's header.
    /// @param messagePasser The message passer's account record in that block.
    /// @param proof Proof of that record under the state root.
    /// @param endProof Siblings of the trace's last state, lowest first: it must be the one that the state describes.
    /// @return id The assertion's id.
    function createAssertion(
        AssertionOpening calldata opening,
        bytes32[17] calldata header,
        Account calldata messagePasser,
        SparseMerkleTree.Proof calldata proof,
        bytes32[] calldata endProof
    ) external payable returns (AssertionId id);

    /// @notice Makes an assertion final: a child of the latest confirmed one whose root edge has won.
    function confirmAssertion(AssertionId id) external;

    /// @notice Marks a dead assertion and moves its bond to the dispute game's pool, which pays the caller for it: a pending child of
    /// a parent with another confirmed child, or of a rejected parent.
    function rejectAssertion(AssertionId id) external;

    /// @notice Pays the bond of a confirmed assertion back to its asserter. Anyone may call.
    function claimBond(AssertionId id) external;

    /// @notice All that is known of an assertion; status None if it does not exist.
    function getAssertion(AssertionId id) external view returns (Assertion memory);

    /// @notice Whether the assertion is final. Stays so when later ones are confirmed.
    function isConfirmed(AssertionId id) external view returns (bool);

    /// @notice Whether `confirmAssertion` would succeed.
    function isConfirmable(AssertionId id) external view returns (bool);

    /// @notice The number of batches that a child of this assertion must have consumed.
    function requiredBatches(AssertionId parentId) external view returns (uint64);

    /// @notice The dispute game's edge over an assertion's trace; zero for genesis.
    function rootEdge(AssertionId id) external view returns (EdgeId);

    /// @notice The last assertion confirmed.
    function latestConfirmed() external view returns (AssertionId);

    /// @notice The genesis assertion.
    function genesis() external view returns (AssertionId);

    /// @notice Bond of an assertion, wei.
    function bond() external view returns (uint256);

    /// @notice The inbox whose batches are judged.
    function inbox() external view returns (IInbox);

    /// @notice Decides between rivals.
    function disputeGame() external view returns (IDisputeGame);
}
