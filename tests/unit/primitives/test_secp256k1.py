"""Signatures against eth-keys, and refusal of malleable and impossible ones."""

import pytest
from eth_keys import keys
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.errors import EncodingError
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import ORDER, address_of, recover, sign

secrets = st.integers(1, ORDER - 1).map(lambda value: value.to_bytes(32, "big"))


@given(secrets, st.binary(max_size=40))
@settings(max_examples=40, deadline=None)
def test_recovery_gives_the_signers_address_as_eth_keys_does(secret: bytes, message: bytes) -> None:
    digest = keccak(message)
    y_parity, r, s = sign(digest, secret)
    assert recover(digest, y_parity, r, s) == address_of(secret)
    assert keys.PrivateKey(secret).public_key.to_canonical_address() == address_of(secret)
    assert keys.Signature(vrs=(y_parity, r, s)).recover_public_key_from_msg_hash(
        digest
    ).to_canonical_address() == address_of(secret)


def test_the_malleated_twin_of_a_signature_is_refused() -> None:
    digest = keccak(b"x")
    y_parity, r, s = sign(digest, bytes(31) + b"\1")
    with pytest.raises(EncodingError, match="EIP-2"):
        recover(digest, 1 - y_parity, r, ORDER - s)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (1, ORDER), (5, 1)])
def test_values_that_no_key_can_have_made_are_refused(r: int, s: int) -> None:
    with pytest.raises(EncodingError):
        recover(keccak(b"x"), 0, r, s)
