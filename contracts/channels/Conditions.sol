// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IOutcomes} from "./IOutcomes.sol";
import {ChannelHashing} from "./ChannelTypes.sol";
import {LockKind, Locks} from "./Locks.sol";
import {Signatures} from "./Signatures.sol";

/// @title Conditions
/// @notice What locks depend on: secrets and vouchers that were registered here, outcomes of application sessions. One registry
/// serves all channels, so that a secret is shown once for all hops of a payment.
abstract contract Conditions {
    using Locks for bytes;

    /// @notice Most secrets that one call registers.
    uint256 public constant MOST_SECRETS = 256;

    /// @notice Where application sessions end.
    IOutcomes public immutable outcomes;
    /// @notice When the preimage of a sha256 hash was registered, seconds; zero: it was not.
    mapping(bytes32 secretHash => uint256 time) public revealedAt;
    /// @notice The best voucher that was registered in time, by its name: keccak(abi.encode(ref, expiry)) of its lock.
    mapping(bytes32 name => uint128 amount) public vouchers;

    /// @notice A secret is known from here on.
    event SecretRevealed(bytes32 indexed secretHash, bytes32 secret);
    /// @notice A better voucher is known from here on.
    event VoucherRegistered(bytes32 indexed name, uint128 amount);

    /// @notice Thrown when one call brings too many secrets.
    error TooManySecrets(uint256 most);
    /// @notice Thrown when it is too late, seconds.
    error Expired(uint256 at);

    constructor(IOutcomes outcomes_) {
        outcomes = outcomes_;
    }

    /// @notice Makes secrets known, 32 bytes each. Those that are known are passed over.
    function registerSecrets(bytes32[] calldata secrets) external {
        if (secrets.length > MOST_SECRETS) revert TooManySecrets(MOST_SECRETS);
        for (uint256 i; i < secrets.length; ++i) {
            bytes32 secretHash = sha256(abi.encodePacked(secrets[i]));
            if (revealedAt[secretHash] != 0) continue;
            revealedAt[secretHash] = block.timestamp;
            emit SecretRevealed(secretHash, secrets[i]);
        }
    }

    /// @notice Makes a voucher known, by its expiry.
    /// @dev Its name fixes signer and expiry, so nobody can spoil it by a late or a foreign one.
    /// @param signer Who pays by it.
    /// @param expiry Of the lock that is to be paid by it, seconds.
    /// @param salt The lock's ref is keccak(abi.encode(signer, salt)).
    function registerVoucher(address signer, uint64 expiry, bytes32 salt, uint128 amount, bytes calldata signature)
        external
    {
        if (block.timestamp > expiry) revert Expired(expiry);
        bytes32 name = _voucherName(keccak256(abi.encode(signer, salt)), expiry);
        Signatures.check(signer, ChannelHashing.voucher(name, amount), signature);
        if (amount <= vouchers[name]) return;
        vouchers[name] = amount;
        emit VoucherRegistered(name, amount);
    }

    /// @dev How much of some locks is to be paid.
    function _payable(bytes calldata locks) internal view returns (uint256 total) {
        (uint256 offset, uint256 end) = locks.range();
        // At most 64 amounts below 2^128.
        unchecked {
            for (; offset < end; offset += Locks.SIZE) {
                (uint256 amount, uint256 expiry, uint256 kind, bytes32 ref) = Locks.at(offset);
                if (kind == uint256(LockKind.HASH)) {
                    uint256 time = revealedAt[ref];
                    if (time != 0 && time <= expiry) total += amount;
                } else if (kind == uint256(LockKind.VOUCHER)) {
                    total += _least(amount, vouchers[_voucherName(ref, expiry)]);
                } else if (kind == uint256(LockKind.APP)) {
                    // slither-disable-next-line calls-loop
                    total += _least(amount, outcomes.payoutOf(ref));
                }
            }
        }
    }

    function _voucherName(bytes32 ref, uint256 expiry) private pure returns (bytes32) {
        return keccak256(abi.encode(ref, expiry));
    }

    function _least(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
