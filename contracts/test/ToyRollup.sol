// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EdgeId} from "../disputes/EdgeTypes.sol";
import {IDisputeGame} from "../disputes/IDisputeGame.sol";
import {AssertionId} from "../rollup/RollupTypes.sol";

/// @title ToyRollup
/// @notice What a dispute game needs of a rollup: assertions, all children of one parent, that claim the end of a trace and nothing
/// else.
contract ToyRollup {
    enum Status {
        None,
        Pending,
        Confirmed,
        Rejected
    }

    struct Assertion {
        address asserter;
        Status status;
        bool bondClaimed;
        EdgeId rootEdge;
    }

    /// @notice The parent of all assertions.
    AssertionId public constant GENESIS = AssertionId.wrap(keccak256("genesis"));

    IDisputeGame public immutable game;
    /// @notice The level-0 state that all traces begin with.
    bytes32 public immutable start;
    /// @notice Bond of an assertion, wei.
    uint256 public immutable bond;
    /// @notice The assertion that was confirmed; zero until one is.
    AssertionId public confirmed;

    mapping(AssertionId id => Assertion) private _assertions;

    error WrongBond();
    error AssertionExists();
    error AlreadyDecided();
    error NotPending();
    error NotWon();
    error NotDefeated();
    error NoBond();
    error TransferFailed();

    constructor(IDisputeGame game_, bytes32 start_, uint256 bond_) {
        game = game_;
        start = start_;
        bond = bond_;
    }

    /// @notice Adds an assertion, with a bond.
    /// @param end The level-0 state that it claims to end in.
    function createAssertion(bytes32 end, bytes32 root, bytes32[] calldata endProof) external payable {
        uint256 gasBefore = gasleft();
        if (msg.value != bond) revert WrongBond();
        if (AssertionId.unwrap(confirmed) != 0) revert AlreadyDecided();
        Assertion storage assertion = _assertions[assertionId(end, root)];
        if (assertion.status != Status.None) revert AssertionExists();
        assertion.asserter = msg.sender;
        assertion.status = Status.Pending;
        uint256 gasSpent = gasBefore - gasleft();
        assertion.rootEdge = game.openTrace(GENESIS, start, end, root, endProof, msg.sender, gasSpent);
    }

    /// @notice Makes an assertion final whose root edge has won.
    function confirmAssertion(AssertionId id) external {
        uint256 gasBefore = gasleft();
        if (_assertions[id].status != Status.Pending) revert NotPending();
        if (AssertionId.unwrap(confirmed) != 0) revert AlreadyDecided();
        if (!game.hasWon(GENESIS, start, _assertions[id].rootEdge)) revert NotWon();
        _assertions[id].status = Status.Confirmed;
        confirmed = id;
        game.noteConfirmation(GENESIS, start, msg.sender, gasBefore - gasleft());
    }

    /// @notice Moves the bond of an assertion with a confirmed sibling to the pool.
    function rejectAssertion(AssertionId id) external {
        uint256 gasBefore = gasleft();
        if (_assertions[id].status != Status.Pending) revert NotPending();
        if (AssertionId.unwrap(confirmed) == 0) revert NotDefeated();
        _assertions[id].status = Status.Rejected;
        game.fund{value: bond}(msg.sender, gasBefore - gasleft());
    }

    /// @notice Pays the bond of the confirmed assertion back.
    function claimBond(AssertionId id) external {
        Assertion storage assertion = _assertions[id];
        if (assertion.status != Status.Confirmed || assertion.bondClaimed) revert NoBond();
        assertion.bondClaimed = true;
        (bool success,) = assertion.asserter.call{value: bond}("");
        if (!success) revert TransferFailed();
    }

    function isConfirmed(AssertionId id) external view returns (bool) {
        return _assertions[id].status == Status.Confirmed;
    }

    function rootEdge(AssertionId id) external view returns (EdgeId) {
        return _assertions[id].rootEdge;
    }

    /// @notice Names an assertion by what it claims.
    function assertionId(bytes32 end, bytes32 root) public pure returns (AssertionId) {
        return AssertionId.wrap(keccak256(abi.encode(GENESIS, end, root)));
    }
}
