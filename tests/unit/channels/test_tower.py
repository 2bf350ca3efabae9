"""A tower's receipt: whose it is, and when it shows that a promise was broken."""

from dataclasses import replace

import pytest

from tandem.channels.ledger import OnChain, Status
from tandem.channels.settlement import Funds
from tandem.channels.signing import BadSignature, sign_digest
from tandem.channels.states import Lane
from tandem.channels.tower import Receipt, is_breach
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import address_of
from tandem.primitives.types import Seconds
from tests.unit.channels.test_endpoint import DOMAIN, KEY, PARTIES, START

TOWER = keccak(b"tower")
RECEIPT = Receipt(31337, KEY.id, PARTIES[1], 7, 3, START)
CLOSED = Seconds(START + 1)


def settled(shown: int, closed: int = CLOSED) -> OnChain:
    lanes = Lane(shown, 5), Lane()
    return OnChain(KEY, Funds((9, 9)), Status.SETTLED, Seconds(closed + KEY.window), PARTIES[0], lanes, (9, 9))


def test_a_receipt_is_the_towers() -> None:
    signed = replace(RECEIPT, signature=sign_digest(RECEIPT.digest(DOMAIN), TOWER))
    signed.check(DOMAIN, address_of(TOWER))
    for other in (replace(signed, their_nonce=8), replace(signed, time=Seconds(START + 1))):
        with pytest.raises(BadSignature):
            other.check(DOMAIN, address_of(TOWER))
    with pytest.raises(BadSignature):
        signed.check(DOMAIN, PARTIES[0])


@pytest.mark.parametrize(
    ("on_chain", "is_broken"),
    [
        (settled(6), True),
        (settled(0), True),
        (settled(7), False),
        (settled(8), False),
        (settled(6, START), True),
        (settled(6, START - 1), False),
        (replace(settled(6), status=Status.CLOSING), False),
        (replace(settled(6), closed_by=None), False),
    ],
)
def test_a_promise_is_broken_when_an_older_state_was_settled_although_there_was_time(
    on_chain: OnChain, is_broken: bool
) -> None:
    assert is_breach(RECEIPT, on_chain) == is_broken
