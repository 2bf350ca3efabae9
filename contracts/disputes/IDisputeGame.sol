// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ITraceVerifier} from "../machine/ITraceVerifier.sol";
import {IRollup} from "../rollup/IRollup.sol";
import {AssertionId} from "../rollup/RollupTypes.sol";
import {Edge, EdgeId, Lift, Opening, Path, PlaceId} from "./EdgeTypes.sol";

/// @title IDisputeGame
/// @notice Decides between rival claims about a trace, all against all (BoLD, arXiv:2404.10491, with clocks on the nodes of a
/// perfect binary tree). Every claim is an edge. Rivals agree on all states before and differ in the root of what follows; a
/// rivalled edge is bisected by whoever believes in it, down to one level-0 state, there a level-1 root is opened over the
/// machine's steps to that state, and bisected in turn down to one step, which the verifier judges. An edge's timer is how long it
/// stood without a rival, and the least of its children's timers: true claims collect all the time there is, false ones none. An
/// assertion has won when its root's timer reaches the challenge window. Nothing depends on who makes a move.
interface IDisputeGame {
    /// @notice A root or a right child that was made.
    /// @param mover Who made it.
    /// @param inherited What its children, or a level-1 root, have given it, seconds.
    /// @param cost Of the move that made it, and the left child, gwei, until that is paid.
    /// @param isFirst Whether it was the first in its place: the only one that ever stood alone.
    /// @param isTrue Whether a confirmed assertion was shown to contain this level-0 leaf.
    struct Record {
        address mover;
        uint40 inherited;
        uint40 cost;
        bool isFirst;
        bool isTrue;
    }

    /// @notice What was done: a leaf of level 1 was proven, a root was brought up to the window, or a level-0 root was confirmed.
    /// @param mover Who did it.
    /// @param cost Of doing it, gwei, until that is paid.
    struct Work {
        address mover;
        uint40 cost;
    }

    /// @notice The root of a trace was claimed.
    /// @param claim What its last state was shown to be the end of: zero at level 0, a level-0 leaf's id at level 1.
    event EdgeOpened(EdgeId indexed id, EdgeId indexed claim, address indexed mover, Edge edge);
    /// @notice An edge has its two children now, whether or not the left one was there before.
    event EdgeBisected(EdgeId indexed id, bytes32 left, bytes32 right);
    /// @notice A leaf of level 1 is proven: its timer is infinite from here on.
    event EdgeProven(EdgeId indexed id, address indexed mover);
    /// @notice What an edge's children, or a level-1 root, have given it, seconds.
    event TimerInherited(EdgeId indexed id, uint40 inherited);
    /// @notice A root's timer was brought up to the window.
    event RootDecided(EdgeId indexed id, address indexed mover);
    /// @notice A level-0 root in this place, which has rivals, belongs to a confirmed assertion.
    event PlaceConfirmed(PlaceId indexed place, address indexed mover);
    /// @notice A level-1 root has won: its bond is credited to its mover.
    event StepRootWon(PlaceId indexed place, EdgeId indexed id);
    /// @notice A level-1 root has lost to another: its bond is in the pool.
    event StepRootLost(PlaceId indexed place, EdgeId indexed id);
    /// @notice A move, or the work of settling, is paid for from the pool.
    event Credited(address indexed to, uint256 amount);
    /// @notice Someone fetched what was credited.
    event Withdrawn(address indexed to, uint256 amount);
    /// @notice A lost bond came in, wei.
    event PoolFunded(uint256 amount);

    /// @notice Thrown when anyone but the rollup opens a level-0 root or brings a lost bond.
    error OnlyRollup();
    /// @notice Thrown when the heights of the trees do not fit an edge.
    error WrongHeights();
    /// @notice Thrown when the edge was never made.
    error UnknownEdge(EdgeId id);
    /// @notice Thrown when the same edge is there already: whoever made it claims the same.
    error EdgeExists(EdgeId id);
    /// @notice Thrown when the edge has no rival: there is nothing to decide.
    error NotRivalled(EdgeId id);
    /// @notice Thrown when the move is for edges of another level or height.
    error WrongPlace(uint8 level, uint8 height);
    /// @notice Thrown when the two roots are not the children of the edge's.
    error WrongChildren();
    /// @notice Thrown when a state is not shown to be the last of a trace.
    error WrongEnd();
    /// @notice Thrown when a state is not shown to be the one before the leaf.
    error WrongOpening();
    /// @notice Thrown when the way does not lead to where it says.
    error WrongPath();
    /// @notice Thrown when the step leads to another state than the leaf claims.
    error WrongStep(bytes32 postHash);
    /// @notice Thrown when the leaf is proven already.
    error AlreadyProven(EdgeId id);
    /// @notice Thrown when the value sent is not the bond of a level-1 root.
    error WrongStepBond(uint256 bond);
    /// @notice Thrown when the level-1 root does not claim to end in this leaf.
    error WrongClaim(EdgeId claim);
    /// @notice Thrown when a lift has more than one level-1 root.
    error TooManyStepRoots();
    /// @notice Thrown when costs up to the bond, wei, cannot be kept in gwei.
    error StepBondTooHigh(uint256 bond);
    /// @notice Thrown when the edge's timer has not reached the window, or another has won in its place.
    error NotWon(EdgeId id, uint256 timer);
    /// @notice Thrown when moves are to be paid that are not shown to have served a confirmed assertion.
    error NotConfirmed(EdgeId id);
    /// @notice Thrown when the pool does not hold the amount, wei. Have lost bonds brought first.
    error PoolExhausted(uint256 available);
    /// @notice Thrown when there is nothing to fetch.
    error NothingCredited(address to);
    /// @notice Thrown when the receiver of ether refuses it.
    error TransferFailed();

    /// @notice Opens the level-0 root of an assertion. Only the rollup, which has taken a bond for it.
    /// @param parentId The assertion that it goes on from.
    /// @param start The level-0 state that it begins with.
    /// @param end The level-0 state that it claims to end with.
    /// @param root Root over its level-0 states.
    /// @param endProof Siblings of the last of them, lowest first.
    /// @param mover Who asserts.
    /// @param gasSpent By the asserter's call before this one: gasleft() here lacks the 64th that a caller keeps back.
    function openTrace(
        AssertionId parentId,
        bytes32 start,
        bytes32 end,
        bytes32 root,
        bytes32[] calldata endProof,
        address mover,
        uint256 gasSpent
    ) external returns (EdgeId id);

    /// @notice Splits a rivalled edge into its two halves. Deterministic: an edge has one pair of children, whoever splits it.
    function bisect(Edge calldata edge, bytes32 left, bytes32 right) external;

    /// @notice Opens a level-1 root over the machine's steps to a rivalled level-0 leaf, with a bond.
    /// @param opening Shows the state before the leaf: the steps begin there.
    /// @param root Root over the states behind each step.
    /// @param endProof Siblings of the last of them, lowest first: it must be the leaf.
    function openSteps(Edge calldata leaf, Opening calldata opening, bytes32 root, bytes32[] calldata endProof)
        external
        payable
        returns (EdgeId id);

    /// @notice Proves a rivalled leaf of level 1 by the verifier.
    /// @param opening Shows the state before it.
    function prove(Edge calldata edge, Opening calldata opening, bytes calldata witness) external;

    /// @notice Brings timers up some ways, one after the other: each edge on a way inherits the least of its children's timers.
    /// Timers never fall. A way from a root that has the window already is passed over; if the last one is, all are.
    /// @dev Who brings a root up to the window is paid, once it is confirmed or has won, for all ways of the call up to there that
    /// changed anything, but for those to another such root before.
    function update(Lift[] calldata lifts) external;

    /// @notice Settles the bonds of level-1 roots in one place: the first whose timer reaches the window has won, all others lost.
    /// @param root The winner.
    /// @param losers Roots of rivals of it; those that are settled are passed over. Whoever settles them is paid for that, by number.
    function settleSteps(Edge calldata root, bytes32[] calldata losers) external;

    /// @notice Credits the moves along a way down from the root of a confirmed assertion to those who made them, and to who calls
    /// what that costs: at most as much as the moves, but in full where a disputed leaf is first shown to be true.
    /// @dev Where the way ends in a leaf, level-1 moves below it can be credited afterwards.
    function refundTrace(AssertionId assertion, Edge calldata root, Path calldata path) external;

    /// @notice The same from a level-1 root that has won, and whose leaf was the end of a way credited before.
    function refundSteps(Edge calldata root, Path calldata path) external;

    /// @notice Sends someone what was credited to him. Anyone may call.
    function withdraw(address to) external;

    /// @notice Keeps what it cost to confirm an assertion, if that was disputed. Only the rollup.
    /// @param parentId The assertion that it goes on from.
    /// @param start The level-0 state that its trace begins with.
    /// @param gasSpent By the confirmer's call before this one.
    function noteConfirmation(AssertionId parentId, bytes32 start, address confirmer, uint256 gasSpent) external;

    /// @notice Brings a lost bond. Only the rollup.
    /// @param rejecter Who is paid for the work of it.
    /// @param gasSpent By his call before this one.
    function fund(address rejecter, uint256 gasSpent) external payable;

    /// @notice Whether an assertion's root edge has collected the whole window. Once true, never false.
    /// @param parentId The assertion that it goes on from.
    /// @param start The level-0 state that its trace begins with.
    function hasWon(AssertionId parentId, bytes32 start, EdgeId root) external view returns (bool);

    /// @notice An edge's timer by what it has inherited so far, seconds; INFINITE for what is proven. Zero if it was never made.
    function timer(Edge calldata edge) external view returns (uint256);

    /// @notice Whether the edge was made.
    function exists(Edge calldata edge) external view returns (bool);

    /// @notice All that is kept of a root or a right child; zeros if it was never made. Of left children there is isTrue alone, and
    /// they have no mover: whoever bisected made the right one.
    function getRecord(EdgeId id) external view returns (Record memory);

    /// @notice Who proved a leaf of level 1 or brought a root up to the window, by its id, or confirmed a level-0 root that has
    /// rivals, by the id of its place; zeros if nobody did.
    function getWork(bytes32 id) external view returns (Work memory);

    /// @notice The leaf that a level-1 root claims to end in.
    function claimOf(EdgeId stepRoot) external view returns (EdgeId leaf);

    /// @notice Whether the bond of a level-1 root is settled.
    function isSettled(EdgeId stepRoot) external view returns (bool);

    /// @notice When a place was first claimed and when it got a second claim, seconds; zero: not yet.
    function clock(PlaceId place) external view returns (uint40 claimedAt, uint40 rivalledAt);

    /// @notice The level-1 root that has won in its place, zero while none has.
    function winner(PlaceId place) external view returns (EdgeId);

    /// @notice Lost bonds that have not been credited to anyone, wei. They never go to a rival's owner as such: who could win his
    /// own lost bond back would challenge himself for free, and delay everyone.
    function pool() external view returns (uint256);

    /// @notice What someone may fetch, wei.
    function credit(address who) external view returns (uint256);

    /// @notice The timer that decides, seconds.
    function challengeWindow() external view returns (uint40);

    /// @notice Bond of a level-1 root, wei.
    function stepBond() external view returns (uint256);

    /// @notice Highest gas price that is paid back, wei: what a lost step bond covers for the moves that its root made necessary.
    function priceCap() external view returns (uint256);

    /// @notice Height of a level-0 root.
    function traceHeight() external view returns (uint8);

    /// @notice Height of a level-1 root.
    function stepHeight() external view returns (uint8);

    /// @notice The contract whose assertions are disputed.
    function rollup() external view returns (IRollup);

    /// @notice The judge of single steps.
    function verifier() external view returns (ITraceVerifier);
}
