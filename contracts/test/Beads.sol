// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Beads
/// @notice For `make prove` (story/proof.py): a string of hashes. Lives on L2; nothing of it is deployed on L1.
contract Beads {
    uint256 public constant MAX_AT_ONCE = 64;

    bytes32 public last = keccak256("clasp");
    uint256 public count;

    event Threaded(address indexed by, uint256 number, bytes32 last);

    /// @notice Thrown when so many beads do not fit the needle.
    error TooMany(uint256 number);

    /// @notice Hashes `number` more beads onto the string, and seals them with SHA-256 and the time.
    function thread(uint256 number) external returns (bytes32 bead) {
        if (number > MAX_AT_ONCE) revert TooMany(number);
        bead = last;
        for (uint256 i = 0; i < number; ++i) bead = keccak256(abi.encode(bead, i));
        bead = sha256(abi.encode(bead, block.timestamp));
        last = bead;
        count += number;
        emit Threaded(msg.sender, number, bead);
    }
}
