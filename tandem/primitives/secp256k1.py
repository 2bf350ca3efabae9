"""ECDSA on secp256k1 as Ethereum uses it. Backend: coincurve (libsecp256k1), about 40-60 us a recovery."""

from coincurve import PrivateKey, PublicKey

from tandem.errors import EncodingError
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Hash

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Order of the group (SEC 2)."""
HALF_ORDER = ORDER // 2
"""Largest s allowed (EIP-2): of the two signatures (s, ORDER - s) only the low one is valid."""


def recover(digest: Hash, y_parity: int, r: int, s: int) -> Address:
    """The address whose key signed `digest`. EncodingError where none can have (ranges, high s)."""
    if not (0 < r < ORDER and 0 < s <= HALF_ORDER and y_parity in (0, 1)):
        raise EncodingError("signature values are out of range (EIP-2)")
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([y_parity])
    try:
        key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except Exception as error:
        raise EncodingError("no public key fits this signature") from error
    return Address(keccak(key.format(compressed=False)[1:])[12:])


def sign(digest: Hash, secret: bytes) -> tuple[int, int, int]:
    """(y parity, r, s) of a deterministic (RFC 6979), low-s signature by the 32-byte key `secret`."""
    signature = PrivateKey(secret).sign_recoverable(digest, hasher=None)
    return signature[64], int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")


def address_of(secret: bytes) -> Address:
    """The address of the 32-byte key `secret`."""
    return Address(keccak(PrivateKey(secret).public_key.format(compressed=False)[1:])[12:])
