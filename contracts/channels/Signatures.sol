// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Signatures
/// @notice Whether someone has signed a digest: by his key, or as a contract (ERC-1271).
library Signatures {
    /// @notice Thrown when this is no signature of the signer's.
    error BadSignature(address signer);

    /// @notice Of 65 bytes r ‖ s ‖ v with s in the lower half and v 27 or 28; or what the signer's contract takes.
    /// @dev The key counts whatever code the signer has: with EIP-7702 an account could otherwise revoke what it has signed by
    /// giving itself code. A contract that is a party can do so all the same: who deals with one must know it.
    function check(address signer, bytes32 digest, bytes calldata signature) internal view {
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, signature);
        if (failure == ECDSA.RecoverError.NoError && recovered == signer) return;
        bool isContracts = signer.code.length != 0
            && SignatureChecker.isValidERC1271SignatureNow(signer, digest, signature);
        if (!isContracts) revert BadSignature(signer);
    }
}
