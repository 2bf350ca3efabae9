// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title ITraceVerifier
/// @notice Judges one step of a level-1 trace: all steps of the machine from one level-0 state to the next, whose last state then
/// repeats to fill the trace.
interface ITraceVerifier {
    /// @notice The state behind step `index` of a level-1 trace. Reverts unless the witness proves it.
    /// @param preHash Hash of the machine before the step.
    /// @param index Of the step in its trace. The first is always taken; behind it, a level-0 state repeats.
    /// @param witness What the step reads.
    /// @return postHash Hash of the machine behind the step. There is one, whatever the witness.
    function next(bytes32 preHash, uint256 index, bytes calldata witness) external view returns (bytes32 postHash);
}
