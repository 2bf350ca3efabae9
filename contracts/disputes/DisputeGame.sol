// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ITraceVerifier} from "../machine/ITraceVerifier.sol";
import {IRollup} from "../rollup/IRollup.sol";
import {AssertionId} from "../rollup/RollupTypes.sol";
import {EdgeClocks} from "./EdgeClocks.sol";
import {Edge, EdgeHashing, EdgeId, Opening, Path, PlaceId} from "./EdgeTypes.sol";
import {IDisputeGame} from "./IDisputeGame.sol";
import {RefundPool} from "./RefundPool.sol";
import {Way, Ways} from "./Ways.sol";

/// @title DisputeGame
/// @notice See IDisputeGame, and the disputes reference.
contract DisputeGame is IDisputeGame, EdgeClocks, RefundPool {
    uint8 private constant TRACE = 0;
    uint8 private constant STEPS = 1;
    /// @dev Indices have 64 bits.
    uint8 private constant HIGHEST = 63;

    /// @dev Words of calldata of a bisection, all of it.
    uint256 private constant BISECT_WORDS = 8;
    /// @dev The same of an assertion, but for its last state's siblings, with a message passer 32 branches deep.
    uint256 private constant ASSERT_WORDS = 72;
    /// @dev The same of an opening, but for siblings.
    uint256 private constant OPEN_WORDS = 14;
    /// @dev The same of a proof, but for siblings and the witness.
    uint256 private constant PROVE_WORDS = 14;
    /// @dev The same of settling, but for the losers.
    uint256 private constant SETTLE_WORDS = 8;
    /// @dev Gas of a bisection behind the point where its cost is known: the right child's two slots and the event.
    uint256 private constant BISECT_REST = 48_000;
    /// @dev The same of an opening: slots of clock, record and claim, and the event.
    uint256 private constant OPEN_REST = 80_000;
    /// @dev The same of a proof: its slots and the event.
    uint256 private constant PROVE_REST = 50_000;
    /// @dev The same of funding: a credit, a rejected assertion.
    uint256 private constant FUND_REST = 45_000;
    /// @dev What it takes later, an edge, to bring its timer up and to credit its move.
    uint256 private constant EDGE_ALLOWANCE = 25_000;
    /// @dev The same of a root: transactions to update, confirm or settle, refund, withdraw, claim the bond.
    uint256 private constant ROOT_ALLOWANCE = 400_000;

    /// @inheritdoc IDisputeGame
    IRollup public immutable rollup;
    /// @inheritdoc IDisputeGame
    ITraceVerifier public immutable verifier;
    /// @inheritdoc IDisputeGame
    uint8 public immutable traceHeight;
    /// @inheritdoc IDisputeGame
    uint8 public immutable stepHeight;
    /// @inheritdoc IDisputeGame
    uint40 public immutable challengeWindow;
    /// @inheritdoc IDisputeGame
    uint256 public immutable stepBond;

    /// @inheritdoc IDisputeGame
    mapping(PlaceId place => EdgeId) public winner;
    /// @inheritdoc IDisputeGame
    mapping(EdgeId stepRoot => EdgeId leaf) public claimOf;
    /// @inheritdoc IDisputeGame
    mapping(EdgeId stepRoot => bool) public isSettled;

    mapping(EdgeId leaf => Proof) private _proofs;

    constructor(
        IRollup rollup_,
        ITraceVerifier verifier_,
        uint8 traceHeight_,
        uint8 stepHeight_,
        uint40 challengeWindow_,
        uint256 stepBond_
    ) {
        if (traceHeight_ > HIGHEST || stepHeight_ > HIGHEST) revert WrongHeights();
        rollup = rollup_;
        verifier = verifier_;
        traceHeight = traceHeight_;
        stepHeight = stepHeight_;
        challengeWindow = challengeWindow_;
        stepBond = stepBond_;
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
        PlaceId place = EdgeHashing.place(edge);
        EdgeId id = EdgeHashing.edgeId(place, edge.root);
        _requireRivalled(place, id);

        uint256 height;
        uint256 index;
        unchecked {
            height = edge.height - 1; // not 0
            index = 2 * uint256(edge.index);
        }
        place = EdgeHashing.place(edge.origin, edge.level, height, index, edge.prefix);
        EdgeId child = EdgeHashing.edgeId(place, left);
        if (!_exists(child)) _make(place, child, msg.sender, 0); // a rival's half may be the same
        place = EdgeHashing.place(edge.origin, edge.level, height, index | 1, EdgeHashing.join(edge.prefix, left));
        child = EdgeHashing.edgeId(place, right);
        if (_exists(child)) revert EdgeExists(child);
        _make(place, child, msg.sender, _cost(gasBefore, BISECT_WORDS, BISECT_REST + EDGE_ALLOWANCE));
        emit EdgeBisected(id, left, right);
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
        PlaceId place = EdgeHashing.place(leaf);
        EdgeId claim = EdgeHashing.edgeId(place, leaf.root);
        _requireRivalled(place, claim);
        _requireEnd(root, leaf.root, endProof, stepHeight);
        Edge memory edge = Edge(PlaceId.unwrap(place), STEPS, stepHeight, 0, _stateBefore(leaf, opening), root);
        id = _open(edge, claim, msg.sender, gasBefore, OPEN_WORDS + traceHeight);
        claimOf[id] = claim;
    }

    /// @inheritdoc IDisputeGame
    function prove(Edge calldata edge, Opening calldata opening, bytes calldata witness) external {
        uint256 gasBefore = gasleft();
        if (edge.level != STEPS || edge.height != 0) revert WrongPlace(edge.level, edge.height);
        PlaceId place = EdgeHashing.place(edge);
        EdgeId id = EdgeHashing.edgeId(place, edge.root);
        _requireRivalled(place, id);
        if (_records[id].inherited == INFINITE) revert AlreadyProven(id);
        bytes32 post = verifier.next(_stateBefore(edge, opening), edge.index, witness);
        if (post != edge.root) revert WrongStep(post);
        _inherit(id, INFINITE);
        uint256 words = PROVE_WORDS + stepHeight + witness.length / 32; // no witness has more than its step reads
        _proofs[id] = Proof(msg.sender, _cost(gasBefore, words, PROVE_REST + EDGE_ALLOWANCE));
        emit EdgeProven(id, msg.sender);
    }

    /// @inheritdoc IDisputeGame
    function update(Edge calldata top, Path calldata path, Edge[] calldata stepRoots) external {
        Way memory way = Ways.walk(top, path);
        for (uint256 i; i < stepRoots.length; ++i) {
            PlaceId place = EdgeHashing.place(stepRoots[i]);
            EdgeId stepRoot = EdgeHashing.edgeId(place, stepRoots[i].root);
            if (claimOf[stepRoot] != way.ids[0]) revert WrongClaim(claimOf[stepRoot]);
            _inherit(way.ids[0], _timer(place, stepRoot));
        }
        uint256 length = path.siblings.length;
        for (uint256 k; k < length; ++k) {
            uint256 least = _timer(way.places[k], way.ids[k]);
            uint256 beside = _timer(way.placesBeside[k], way.idsBeside[k]);
            if (beside < least) least = beside;
            _inherit(way.ids[k + 1], least); // an edge that is not there has no children that are: the least is 0
        }
    }

    /// @inheritdoc IDisputeGame
    function settleSteps(Edge calldata root, bytes32[] calldata losers) external {
        uint256 gasBefore = gasleft();
        if (root.level != STEPS || root.height != stepHeight) revert WrongPlace(root.level, root.height);
        PlaceId place = EdgeHashing.place(root);
        EdgeId id = EdgeHashing.edgeId(place, root.root);
        if (EdgeId.unwrap(winner[place]) == 0) {
            _requireWon(place, id);
            winner[place] = id;
            isSettled[id] = true;
            emit StepRootWon(place, id);
            _credit(_records[id].mover, stepBond);
        } else if (winner[place] != id) {
            revert NotWon(id, 0);
        }
        uint256 count = losers.length;
        for (uint256 i; i < count; ++i) {
            EdgeId loser = EdgeHashing.edgeId(place, losers[i]);
            if (!_exists(loser)) revert UnknownEdge(loser);
            if (isSettled[loser]) revert NotLost(loser);
            isSettled[loser] = true;
            emit StepRootLost(place, loser);
            _fundPool(stepBond);
        }
        if (count != 0) _payCollector(msg.sender, _cost(gasBefore, SETTLE_WORDS + count, FUND_REST));
    }

    /// @inheritdoc IDisputeGame
    function refundTrace(AssertionId assertion, Edge calldata root, Path calldata path) external {
        PlaceId place = EdgeHashing.place(root);
        EdgeId id = EdgeHashing.edgeId(place, root.root);
        if (!rollup.isConfirmed(assertion) || rollup.rootEdge(assertion) != id) revert NotConfirmed(id);
        if (_clocks[place].rivalledAt != 0) _refundEdge(id); // what nobody rivals was no move in a dispute
        EdgeId end = _refund(root, path);
        if (path.siblings.length == root.height) _records[end].isTrue = true;
    }

    /// @inheritdoc IDisputeGame
    function refundSteps(Edge calldata root, Path calldata path) external {
        PlaceId place = EdgeHashing.place(root);
        EdgeId id = EdgeHashing.edgeId(place, root.root);
        if (winner[place] != id || !_records[claimOf[id]].isTrue) revert NotConfirmed(id);
        _refundEdge(id);
        EdgeId end = _refund(root, path);
        Proof memory proof = _proofs[end];
        if (proof.cost == 0) return;
        _proofs[end].cost = 0;
        _payFromPool(proof.mover, proof.cost);
    }

    /// @inheritdoc IDisputeGame
    function fund(address rejecter, uint256 gasSpent) external payable {
        uint256 gasBefore = gasleft() + gasSpent;
        if (msg.sender != address(rollup)) revert OnlyRollup();
        _fundPool(msg.value);
        _payCollector(rejecter, _cost(gasBefore, 1, FUND_REST));
    }

    /// @inheritdoc IDisputeGame
    function getProof(EdgeId leaf) external view returns (Proof memory) {
        return _proofs[leaf];
    }

    /// @inheritdoc IDisputeGame
    function hasWon(AssertionId parentId, bytes32 start, EdgeId root) external view returns (bool) {
        PlaceId place = EdgeHashing.place(AssertionId.unwrap(parentId), TRACE, traceHeight, 0, start);
        return _exists(root) && _timer(place, root) >= challengeWindow;
    }

    /// @param words Of the move's calldata, but for the siblings of the last state.
    function _open(Edge memory edge, EdgeId claim, address mover, uint256 gasBefore, uint256 words)
        private
        returns (EdgeId id)
    {
        PlaceId place = EdgeHashing.place(edge.origin, edge.level, edge.height, edge.index, edge.prefix);
        id = EdgeHashing.edgeId(place, edge.root);
        if (_exists(id)) revert EdgeExists(id);
        emit EdgeOpened(id, claim, mover, edge);
        _make(place, id, mover, _cost(gasBefore, words + edge.height, OPEN_REST + ROOT_ALLOWANCE));
    }

    function _requireWon(PlaceId place, EdgeId id) private view {
        if (!_exists(id)) revert UnknownEdge(id);
        uint256 time = _timer(place, id);
        if (time < challengeWindow) revert NotWon(id, time);
    }

    /// @dev Credits the bisections on a way and gives its end. A bisection's cost is in its right child.
    function _refund(Edge calldata top, Path calldata path) private returns (EdgeId) {
        Way memory way = Ways.walk(top, path);
        uint256 length = path.siblings.length;
        for (uint256 k; k < length; ++k) {
            _refundEdge((path.index >> k) & 1 == 1 ? way.ids[k] : way.idsBeside[k]);
        }
        return way.ids[0];
    }

    function _refundEdge(EdgeId id) private {
        Record storage record = _records[id];
        uint256 cost = record.cost;
        if (cost == 0) return;
        record.cost = 0;
        _payFromPool(record.mover, cost);
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
