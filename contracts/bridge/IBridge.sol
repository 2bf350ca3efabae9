// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInbox} from "../inbox/IInbox.sol";
import {SparseMerkleTree} from "../lib/SparseMerkleTree.sol";
import {IRollup} from "../rollup/IRollup.sol";
import {AssertionId, AssertionOpening} from "../rollup/RollupTypes.sol";
import {Withdrawal} from "./WithdrawalTypes.sol";

/// @title IBridge
/// @notice Holds the ether that exists on L2, and performs the calls that L2 sends to L1. A call is performed once its record is
/// proved under a confirmed assertion; it pays once, by the hash of its content, however it is proved.
interface IBridge {
    enum WithdrawalStatus {
        None, // never finalised
        Succeeded, // its call succeeded: nothing more can happen
        Failed // its call failed: the ether is here still and anyone can replay the call
    }

    /// @notice Ether was deposited.
    /// @param from Sender on L2.
    /// @param to Receiver on L2.
    /// @param messageIndex The deposit's index in the inbox.
    event EtherDeposited(address indexed from, address indexed to, uint256 amount, uint64 indexed messageIndex);
    /// @notice A withdrawal was finalised; its call succeeded or failed.
    event WithdrawalFinalized(bytes32 indexed withdrawalHash, AssertionId indexed assertionId, bool success);
    /// @notice A failed withdrawal was tried again.
    event WithdrawalReplayed(bytes32 indexed withdrawalHash, bool success);

    /// @notice Thrown when the inbox takes another contract for its bridge.
    error ForeignInbox();
    /// @notice Thrown when the withdrawal was finalised before.
    error AlreadyFinalized(bytes32 withdrawalHash);
    /// @notice Thrown when the withdrawal to replay was not finalised, or has succeeded.
    error NotFailed(bytes32 withdrawalHash);
    /// @notice Thrown when the opening is not that of a confirmed assertion.
    error NotConfirmed(AssertionId id);
    /// @notice Thrown when the proof does not show the withdrawal under the assertion's withdrawal root.
    error InvalidProof();
    /// @notice Thrown when the call would go to the inbox or to the bridge itself.
    error ForbiddenTarget(address target);
    /// @notice Thrown when the transaction has too little gas for the call to get all that the withdrawal asks for.
    error InsufficientGas(uint256 needed);
    /// @notice Thrown when a withdrawal's call tries to finalise or replay another.
    error WithdrawalInProgress();
    /// @notice Thrown when the sender on L2 is asked for outside a withdrawal's call.
    error NoWithdrawal();

    /// @notice Deposits the value sent: it is minted to the caller on L2 (aliased if a contract), which then calls `to` with it.
    /// Where that call fails, the ether stays with the caller on L2.
    /// @param to Receiver on L2.
    /// @param gasLimit L2 gas of the call.
    /// @param data Data of the call.
    /// @return messageIndex The deposit's index in the inbox.
    function depositETH(address to, uint64 gasLimit, bytes calldata data) external payable returns (uint64 messageIndex);

    /// @notice Performs a withdrawal. Anyone, once.
    /// @param opening A confirmed assertion after the withdrawal; older confirmed ones stay good.
    /// @param proof Proof of the withdrawal's record in the message passer's storage.
    /// @return success Whether the call succeeded. If not, see `replay`.
    function finalizeWithdrawal(
        Withdrawal calldata withdrawal,
        AssertionOpening calldata opening,
        SparseMerkleTree.Proof calldata proof
    ) external returns (bool success);

    /// @notice Tries the call of a failed withdrawal again. Anyone, until it succeeds.
    /// @return success Whether the call succeeded.
    function replay(Withdrawal calldata withdrawal) external returns (bool success);

    /// @notice Who on L2 sent the withdrawal whose call is being performed.
    function l2Sender() external view returns (address);

    /// @notice What became of a withdrawal.
    function statusOf(bytes32 withdrawalHash) external view returns (WithdrawalStatus);

    /// @notice The queue that deposits go to.
    function inbox() external view returns (IInbox);

    /// @notice Says which assertions are confirmed.
    function rollup() external view returns (IRollup);
}
