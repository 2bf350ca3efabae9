// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title IStepVerifier
/// @notice Judges one step of the machine (machine reference).
interface IStepVerifier {
    /// @notice The state after the step that is taken from `preHash`. Reverts unless the witness proves it.
    /// @param preHash Hash of the machine before the step.
    /// @param witness What the step reads. The dispatcher's has the number of the prover as its first byte; a prover's has not.
    /// @return postHash Hash of the machine after the step. There is one, whatever the witness.
    function verify(bytes32 preHash, bytes calldata witness) external view returns (bytes32 postHash);
}
