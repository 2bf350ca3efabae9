// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What decides whether a lock is paid.
/// HASH: the preimage of `ref` under sha256 was registered by the lock's expiry (BOLT-02's HTLCs, with one registry for all hops).
/// VOUCHER: as much as the best voucher says that was registered for `ref` and the expiry by then: a virtual channel.
/// APP: as much as the application session says whose outcome `ref` names.
enum LockKind {
    HASH,
    VOUCHER,
    APP
}

/// @title Locks
/// @notice A lane's locks as bytes, one behind the other: amount (16, wei or the token's units) ‖ expiry (5, a timestamp) ‖ kind (1, a
/// LockKind; of any other, nothing is paid) ‖ ref (32, what the condition is about).
library Locks {
    /// @notice Bytes of a lock.
    uint256 internal constant SIZE = 54;
    /// @notice Most locks of a lane.
    uint256 internal constant MOST = 64;

    /// @notice Thrown when the bytes are no locks, or too many, or more than a signed structure can say.
    error MalformedLocks();

    /// @notice keccak of the bytes; zero for none.
    function hash(bytes calldata locks) internal pure returns (bytes32) {
        return locks.length == 0 ? bytes32(0) : keccak256(locks);
    }

    /// @notice How many there are. MalformedLocks unless that is a number, 64 at most.
    function count(bytes calldata locks) internal pure returns (uint256 n) {
        n = locks.length / SIZE;
        if (n * SIZE != locks.length || n > MOST) revert MalformedLocks();
    }

    /// @notice Where the first of them is in calldata, and where the last one ends.
    function range(bytes calldata locks) internal pure returns (uint256 offset, uint256 end) {
        uint256 size = count(locks) * SIZE;
        assembly ("memory-safe") {
            offset := locks.offset
            end := add(offset, size)
        }
    }

    /// @notice The one at an offset in calldata.
    function at(uint256 offset) internal pure returns (uint256 amount, uint256 expiry, uint256 kind, bytes32 ref) {
        assembly ("memory-safe") {
            let head := calldataload(offset)
            amount := shr(128, head)
            expiry := and(shr(88, head), 0xffffffffff)
            kind := and(shr(80, head), 0xff)
            ref := calldataload(add(offset, 22))
        }
    }

    /// @notice The sum of all amounts.
    function sum(bytes calldata locks) internal pure returns (uint256 total) {
        (uint256 offset, uint256 end) = range(locks);
        // At most 64 amounts below 2^128.
        unchecked {
            for (; offset < end; offset += SIZE) {
                (uint256 amount,,,) = at(offset);
                total += amount;
            }
        }
        if (total > type(uint128).max) revert MalformedLocks();
    }
}
