"""Contracts that stand at one address on every chain: by the deterministic deployment proxy (EIP-1014's CREATE2)."""

from tandem.chain.predeploys import CREATE2_DEPLOYER
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_HASH, Address, Hash

FINGERPRINT = b"ipfs\x58\x22\x12\x20"
"""What the compiler's hash of all sources stands behind, at the end of a code (solc's metadata, CBOR)."""


def without_fingerprint(code: bytes) -> bytes:
    """The code with that hash blank: it hangs on what else was compiled, and an address must not."""
    at = code.rindex(FINGERPRINT) + len(FINGERPRINT)
    return code[:at] + bytes(32) + code[at + 32 :]


def create2_address(init_code: bytes, salt: Hash = ZERO_HASH) -> Address:
    """Where the proxy puts what this code makes."""
    return Address(keccak(b"\xff" + CREATE2_DEPLOYER + salt + keccak(init_code))[12:])


def deployment_call(init_code: bytes, salt: Hash = ZERO_HASH) -> bytes:
    """What the proxy is to be sent."""
    return salt + init_code
