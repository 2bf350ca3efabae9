// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice Thrown when the machine's words do not hash to the state that the step is taken from.
error WrongPreState();
/// @notice Thrown when a structure, a range, a record or a proof does not lead to what commits to it.
error WrongOpening();
/// @notice Thrown when the state's mode is not one of the step's.
error WrongMode();
/// @notice Thrown when the step is not one that this contract judges.
error WrongProver();
/// @notice Thrown when the witness ends before the step has read all that it needs.
error TapeTooShort();
/// @notice Thrown when the step has not read all of the witness.
error TapeTooLong();
/// @notice Thrown when a witness says the right thing in a form that is not the only one.
error NotCanonical();
/// @notice Thrown when there is too little gas to be sure of a sub-call's answer.
error NotEnoughGas();
