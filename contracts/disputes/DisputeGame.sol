// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ITraceVerifier} from "../machine/ITraceVerifier.sol";
import {IRollup} from "../rollup/IRollup.sol";
import {AssertionId} from "../rollup/RollupTypes.sol";
import {EdgeClocks} from "./EdgeClocks.sol";
import {Edge, EdgeHashing, EdgeId, Lift, Opening, Path, PlaceId, Spot} from "./EdgeTypes.sol";
import {IDisputeGame} from "./IDisputeGame.sol";
import {RefundPool} from "./RefundPool.sol";
import {Way, Ways} from "./Ways.sol";

/// @title DisputeGame
/// @notice See IDisputeGame, and the disputes reference.
// slither-disable-next-line unimplemented-functions
contract DisputeGame is IDisputeGame, EdgeClocks, RefundPool {
    /// @dev Words of calldata of a bisection, all of it.
    uint256 private constant BISECT_WORDS = 8;
    /// @dev The same of an assertion, but for its last state's siblings, with a message passer 32 branches deep.
    uint256 private constant ASSERT_WORDS = 72;
    /// @dev The same of an opening, but for siblings.
    uint256 private constant OPEN_WORDS = 14;
    /// @dev The same of a proof, but for siblings and the witness.
    uint256 private constant PROVE_WORDS = 14;
    /// @dev Gas of a bisection behind the point where its cost is known: the right child's slot and the event.
    uint256 private constant BISECT_REST = 24_000;
    /// @dev The same of an opening: slots of record and claim.
    uint256 private constant OPEN_REST = 46_000;
    /// @dev The same of a proof: its slot and the event.
    uint256 private constant PROVE_REST = 26_000;
    /// @dev The same of bringing a root up to the window, and of a confirmation: a slot and an event.
    uint256 private constant DECIDE_REST = 28_000;
    /// @dev The same of refunding: pool, credit and its event.
    uint256 private constant REFUND_REST = 30_000;
    /// @dev The same of funding: pool, credit and its event.
    uint256 private constant FUND_REST = 30_000;
    /// @dev Gas of the rollup's call that brings a bond or a confirmation, before it gets here.
    uint256 private constant ROLLUP_CALL = 12_000;
    /// @dev Gas of settling with one loser, the transaction's own included.
    uint256 private constant SETTLE_GAS = 110_000;
    /// @dev Gas of each loser more.
    uint256 private constant LOSER_GAS = 30_000;
    /// @dev What who opens a root pays later, to have the bond back: a transaction to claim or settle it.
    uint256 private constant BOND_ALLOWANCE = 90_000;
    /// @dev What who brings a level-0 root up to the window, or confirms it, pays later: a transaction to withdraw.
    uint256 private constant WITHDRAW_ALLOWANCE = 45_000;
    /// @dev Words of calldata of a lift, but for siblings and level-1 roots.
    uint256 private constant LIFT_WORDS = 14;
    /// @dev The same of a refund, but for siblings.
    uint256 private constant REFUND_WORDS = 13;
    /// @dev The same of an edge.
    uint256 private constant EDGE_WORDS = 6;

    /// @inheritdoc IDisputeGame
    IRollup public immutable rollup;
    /// @inheritdoc IDisputeGame
    ITraceVerifier public immutable verifier;
    /// @inheritdoc IDisputeGame
    uint40 public immutable challengeWindow;

    /// @inheritdoc IDisputeGame
    mapping(PlaceId place => EdgeId) public winner;
    /// @inheritdoc IDisputeGame
    mapping(EdgeId stepRoot => EdgeId leaf) public claimOf;
    /// @inheritdoc IDisputeGame
    mapping(EdgeId stepRoot => bool) public isSettled;

    /// @dev By the id of a leaf or a root (no edge is both), or of the place that a confirmed root is in.
    mapping(bytes32 id => Work) private _works;

    constructor(
        IRollup rollup_,
        ITraceVerifier verifier_,
        uint8 traceHeight_,
        uint8 stepHeight_,
        uint40 challengeWindow_,
        uint256 stepBond_
    ) EdgeClocks(traceHeight_, stepHeight_) RefundPool(stepBond_) {
        rollup = rollup_;
        verifier = verifier_;
        challengeWindow = challengeWindow_;
    }

    /// @inheritdoc IDisputeGame
    function openTrace(
        AssertionId parentId,
        bytes32 start,
        bytes32 end,
        bytes32 root,
        bytes32[] calldata endProof,
        address mover,
        uint256 gasSpent
    ) external returns (EdgeId id) {
        uint256 gasBefore = gasleft() + gasSpent;
        if (msg.sender != address(rollup)) revert OnlyRollup();
        _requireEnd(root, end, endProof, traceHeight);
        Edge memory edge = Edge(AssertionId.unwrap(parentId), TRACE, traceHeight, 0, start, root);
        id = _open(edge, EdgeId.wrap(0), mover, gasBefore, ASSERT_WORDS);
    }

    /// @inheritdoc IDisputeGame
    function bisect(Edge calldata edge, bytes32 left, bytes32 right) external {
        uint256 gasBefore = gasleft();
        if (edge.height == 0) revert WrongPlace(edge.level, 0);
        if (EdgeHashing.join(left, right) != edge.root) revert WrongChildren();
        Spot memory spot = _spot(edge);
        _requireRivalled(spot);

        uint256 height;
        uint256 index;
        unchecked {
            height = edge.height - 1; // not 0
            index = 2 * uint256(edge.index);
        }
        PlaceId leftPlace = EdgeHashing.place(edge.origin, edge.level, height, index, edge.prefix);
        bytes32 prefix = EdgeHashing.join(edge.prefix, left);
        PlaceId rightPlace = EdgeHashing.place(edge.origin, edge.level, height, index | 1, prefix);
        EdgeId child = EdgeHashing.edgeId(rightPlace, right);
        bool isFirst = _makeChildren(leftPlace, rightPlace, child);
        uint40 cost = _cost(gasBefore, BISECT_WORDS, BISECT_REST);
        _records[child] = Record(msg.sender, 0, cost, isFirst, false);
        emit EdgeBisected(spot.id, left, right);
    }

    /// @inheritdoc IDisputeGame
    function openSteps(Edge calldata leaf, Opening calldata opening, bytes32 root, bytes32[] calldata endProof)
        external
        payable
        returns (EdgeId id)
    {
        uint256 gasBefore = gasleft();
        if (msg.value != stepBond) revert WrongStepBond(stepBond);
        if (leaf.level != TRACE || leaf.height != 0) revert WrongPlace(leaf.level, leaf.height);
        Spot memory spot = _spot(leaf);
        _requireRivalled(spot);
        _requireEnd(root, leaf.root, endProof, stepHeight);
        Edge memory edge = Edge(PlaceId.unwrap(spot.place), STEPS, stepHeight, 0, _stateBefore(leaf, opening), root);
        id = _open(edge, spot.id, msg.sender, gasBefore, OPEN_WORDS + traceHeight);
        claimOf[id] = spot.id;
    }

    /// @inheritdoc IDisputeGame
    function prove(Edge calldata edge, Opening calldata opening, bytes calldata witness) external {
        uint256 gasBefore = gasleft();
        if (edge.level != STEPS || edge.height != 0) revert WrongPlace(edge.level, edge.height);
        Spot memory spot = _spot(edge);
        _requireRivalled(spot);
        if (_inherited(spot) == INFINITE) revert AlreadyProven(spot.id);
        bytes32 post = verifier.next(_stateBefore(edge, opening), edge.index, witness);
        if (post != edge.root) revert WrongStep(post);
        _inherit(spot, INFINITE);
        uint256 words = PROVE_WORDS + stepHeight + witness.length / 32; // no witness has more than its step reads
        _works[EdgeId.unwrap(spot.id)] = Work(msg.sender, _cost(gasBefore, words, PROVE_REST));
        emit EdgeProven(spot.id, msg.sender);
    }

    /// @inheritdoc IDisputeGame
    function update(Lift[] calldata lifts) external {
        uint256 gasBefore = gasleft();
        if (lifts.length == 0 || _isDecided(lifts[lifts.length - 1].top)) return; // someone was quicker
        uint256 gas = gasBefore - gasleft() + TRANSACTION_GAS + 2 * WORD_GAS;
        for (uint256 i; i < lifts.length; ++i) {
            gasBefore = gasleft();
            Lift calldata lift = lifts[i];
            if (_isDecided(lift.top)) continue;
            Spot memory top = _spot(lift.top);
            uint256 inherited = _inherited(top);
            _lift(lift, top);
            if (_inherited(top) == inherited) continue; // what changes nothing is nobody's work
            uint256 words = LIFT_WORDS + lift.path.siblings.length + EDGE_WORDS * lift.stepRoots.length;
            gas += gasBefore - gasleft() + WORD_GAS * words;
            if (!_isDecided(lift.top)) continue;
            gas += DECIDE_REST + (lift.top.level == TRACE ? WITHDRAW_ALLOWANCE : 0);
            _works[EdgeId.unwrap(top.id)] = Work(msg.sender, _priced(gas < DISPUTE_GAS ? gas : DISPUTE_GAS));
            emit RootDecided(top.id, msg.sender);
            gas = 0;
        }
    }

    /// @inheritdoc IDisputeGame
    function settleSteps(Edge calldata root, bytes32[] calldata losers) external {
        if (root.level != STEPS || root.height != stepHeight) revert WrongPlace(root.level, root.height);
        Spot memory spot = _spot(root);
        (PlaceId place, EdgeId id) = (spot.place, spot.id);
        if (EdgeId.unwrap(winner[place]) == 0) {
            _requireWon(spot);
            winner[place] = id;
            isSettled[id] = true;
            emit StepRootWon(place, id);
            _credit(_records[id].mover, stepBond);
        } else if (winner[place] != id) {
            revert NotWon(id, 0);
        }
        uint256 settled;
        for (uint256 i; i < losers.length; ++i) {
            EdgeId loser = EdgeHashing.edgeId(place, losers[i]);
            if (_records[loser].mover == address(0)) revert UnknownEdge(loser);
            if (isSettled[loser]) continue; // someone was quicker, or it is the winner
            isSettled[loser] = true;
            ++settled;
            emit StepRootLost(place, loser);
        }
        if (settled == 0) return;
        _fundPool(settled * stepBond);
        _payCollector(msg.sender, _priced(SETTLE_GAS + LOSER_GAS * (settled - 1)));
    }

    /// @inheritdoc IDisputeGame
    function refundTrace(AssertionId assertion, Edge calldata root, Path calldata path) external {
        uint256 gasBefore = gasleft();
        Spot memory spot = _spot(root);
        EdgeId id = spot.id;
        if (!rollup.isConfirmed(assertion) || rollup.rootEdge(assertion) != id) revert NotConfirmed(id);
        bool isDisputed = _clocks[spot.place].rivalledAt != 0; // what nobody rivals was no move
        uint256 paid = isDisputed ? _refundRoot(spot) + _refundWork(PlaceId.unwrap(spot.place)) : 0;
        (Spot memory end, uint256 below) = _refundWay(root, spot, path);
        bool isShown = path.siblings.length == root.height && !_records[end.id].isTrue;
        if (isShown) _records[end.id].isTrue = true;
        _payRefunder(gasBefore, path, paid + below, isShown && _exists(end) && _clocks[end.place].rivalledAt != 0);
    }

    /// @inheritdoc IDisputeGame
    function refundSteps(Edge calldata root, Path calldata path) external {
        uint256 gasBefore = gasleft();
        Spot memory spot = _spot(root);
        EdgeId id = spot.id;
        if (winner[spot.place] != id || !_records[claimOf[id]].isTrue) revert NotConfirmed(id);
        uint256 paid = _refundRoot(spot);
        (Spot memory end, uint256 below) = _refundWay(root, spot, path);
        _payRefunder(gasBefore, path, paid + below + _refundWork(EdgeId.unwrap(end.id)), false);
    }

    /// @inheritdoc IDisputeGame
    function fund(address rejecter, uint256 gasSpent) external payable {
        uint256 gasBefore = gasleft() + gasSpent;
        if (msg.sender != address(rollup)) revert OnlyRollup();
        _fundPool(msg.value);
        _payCollector(rejecter, _cost(gasBefore, 1, FUND_REST + ROLLUP_CALL));
    }

    /// @inheritdoc IDisputeGame
    function noteConfirmation(AssertionId parentId, bytes32 start, address confirmer, uint256 gasSpent) external {
        uint256 gasBefore = gasleft() + gasSpent;
        if (msg.sender != address(rollup)) revert OnlyRollup();
        PlaceId place = EdgeHashing.place(AssertionId.unwrap(parentId), TRACE, traceHeight, 0, start);
        if (_clocks[place].rivalledAt == 0) return;
        uint40 cost = _cost(gasBefore, 1, ROLLUP_CALL + DECIDE_REST + WITHDRAW_ALLOWANCE);
        _works[PlaceId.unwrap(place)] = Work(confirmer, cost);
        emit PlaceConfirmed(place, confirmer);
    }

    /// @inheritdoc IDisputeGame
    function getWork(bytes32 id) external view returns (Work memory) {
        return _works[id];
    }

    /// @inheritdoc IDisputeGame
    function hasWon(AssertionId parentId, bytes32 start, EdgeId root) external view returns (bool) {
        PlaceId place = EdgeHashing.place(AssertionId.unwrap(parentId), TRACE, traceHeight, 0, start);
        Spot memory spot = Spot(place, root, PlaceId.wrap(0));
        return _exists(spot) && _timer(spot) >= challengeWindow;
    }

    /// @param words Of the move's calldata, but for the siblings of the last state.
    function _open(Edge memory edge, EdgeId claim, address mover, uint256 gasBefore, uint256 words)
        private
        returns (EdgeId id)
    {
        PlaceId place = EdgeHashing.place(edge.origin, edge.level, edge.height, edge.index, edge.prefix);
        id = EdgeHashing.edgeId(place, edge.root);
        if (_records[id].mover != address(0)) revert EdgeExists(id);
        emit EdgeOpened(id, claim, mover, edge);
        bool isFirst = _claim(place);
        _records[id] = Record(mover, 0, _cost(gasBefore, words + edge.height, OPEN_REST + BOND_ALLOWANCE), isFirst, false);
    }

    function _requireWon(Spot memory spot) private view {
        if (!_exists(spot)) revert UnknownEdge(spot.id);
        uint256 time = _timer(spot);
        if (time < challengeWindow) revert NotWon(spot.id, time);
    }

    /// @dev Brings timers up one way.
    function _lift(Lift calldata lift, Spot memory top) private {
        Way memory way = Ways.walk(lift.top, top, lift.path);
        if (lift.stepRoots.length > 1) revert TooManyStepRoots();
        if (lift.stepRoots.length == 1) {
            Spot memory stepRoot = _spot(lift.stepRoots[0]);
            if (claimOf[stepRoot.id] != way.on[0].id) revert WrongClaim(claimOf[stepRoot.id]);
            _inherit(way.on[0], _timer(stepRoot));
        }
        uint256 length = lift.path.siblings.length;
        for (uint256 k; k < length; ++k) {
            uint256 least = _timer(way.on[k]);
            uint256 beside = _timer(way.beside[k]);
            if (beside < least) least = beside;
            _inherit(way.on[k + 1], least); // an edge that is not there has no children that are: the least is 0
        }
    }

    /// @dev Credits the bisections on a way. A bisection's cost is in its right child.
    /// @return end Where the way ends.
    /// @return paid Gwei.
    function _refundWay(Edge calldata top, Spot memory topSpot, Path calldata path)
        private
        returns (Spot memory end, uint256 paid)
    {
        Way memory way = Ways.walk(top, topSpot, path);
        uint256 length = path.siblings.length;
        for (uint256 k; k < length; ++k) {
            paid += _refundEdge((path.index >> k) & 1 == 1 ? way.on[k].id : way.beside[k].id);
        }
        end = way.on[0];
    }

    /// @return cost What was kept with an edge and is paid now, gwei.
    function _refundEdge(EdgeId id) private returns (uint256 cost) {
        Record storage record = _records[id];
        cost = record.cost;
        if (cost == 0) return 0;
        record.cost = 0;
        _payFromPool(record.mover, cost);
    }

    /// @dev The same of a root's opening, and of bringing it up to the window.
    function _refundRoot(Spot memory root) private returns (uint256) {
        return _refundEdge(root.id) + _refundWork(EdgeId.unwrap(root.id));
    }

    /// @dev The same of work.
    function _refundWork(bytes32 id) private returns (uint256 cost) {
        Work storage work = _works[id];
        cost = work.cost;
        if (cost == 0) return 0;
        work.cost = 0;
        _payFromPool(work.mover, cost);
    }

    /// @dev Pays who calls for crediting others: never more than `paid`, gwei, or credits in small pieces would drain the pool.
    /// @param isShown Whether a leaf in dispute was shown to be true: that happens once, and is paid in full.
    function _payRefunder(uint256 gasBefore, Path calldata path, uint256 paid, bool isShown) private {
        if (paid == 0 && !isShown) return;
        uint256 cost = _cost(gasBefore, REFUND_WORDS + path.siblings.length, REFUND_REST);
        _payCollector(msg.sender, isShown || cost < paid ? cost : paid);
    }

    /// @dev Whether this is a root whose timer, as brought up so far, has the window.
    function _isDecided(Edge calldata edge) private view returns (bool) {
        return _isRoot(edge) && _timer(_spot(edge)) >= challengeWindow;
    }

    /// @dev The state before a leaf: with index 0 the prefix itself, else the last one under the last left sibling, whose height is
    /// the number of the index's trailing zeros.
    function _stateBefore(Edge calldata leaf, Opening calldata opening) private pure returns (bytes32) {
        uint256 index = leaf.index;
        if (index == 0) return leaf.prefix;
        uint256 height = opening.siblings.length;
        bool isSibling = height <= HIGHEST && index & ((1 << (height + 1)) - 1) == 1 << height;
        bytes32 left = _lastUnder(opening.state, opening.siblings);
        if (!isSibling || EdgeHashing.join(opening.prefix, left) != leaf.prefix) revert WrongOpening();
        return opening.state;
    }

    /// @dev `state` is the last under `root`.
    function _requireEnd(bytes32 root, bytes32 state, bytes32[] calldata siblings, uint256 height) private pure {
        if (siblings.length != height || _lastUnder(state, siblings) != root) revert WrongEnd();
    }

    /// @dev The root of a tree whose last leaf is `state`: on its way up there are left siblings only.
    function _lastUnder(bytes32 state, bytes32[] calldata siblings) private pure returns (bytes32 node) {
        node = state;
        uint256 height = siblings.length;
        for (uint256 k; k < height; ++k) node = EdgeHashing.join(siblings[k], node);
    }
}
