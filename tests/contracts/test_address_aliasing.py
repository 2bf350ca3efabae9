"""AddressAliasing and GasBurner: who a caller is on L2, and what L2 gas costs on L1."""

from __future__ import annotations

import pytest
from eth_utils import to_canonical_address

from tests.contracts.world import alias, place

DELEGATION = b"\xef\x01\x00"


class TestL2Sender:
    def test_a_key_keeps_its_address(self, harness, alice):
        assert harness.l2Sender(sender=alice) == alice.address

    def test_a_contract_is_shifted(self, harness, caller, alice):
        result = caller.forward.call(harness, 0, harness.l2Sender.encode_input(), sender=alice)
        assert result[-20:] == to_canonical_address(alias(caller.address))

    @pytest.mark.parametrize(
        ("contract", "expected"),
        [
            ("0x0000000000000000000000000000000000000000", "0x1111000000000000000000000000000000001111"),
            ("0xFFFFfFFfFfFFfffFFffFFFfFffffFFFffFFFFFfF", "0x1111000000000000000000000000000000001110"),
        ],
        ids=["zero", "wraps around"],
    )
    def test_the_shift_is_modulo_2_to_the_160(self, harness, contract, expected):
        assert harness.aliased(contract) == expected

    def test_a_key_that_delegates_to_code_is_a_key(self, harness, caller):
        account = "0x00000000000000000000000000000000000077aA"
        assert not harness.isDelegated(account)
        place(account, DELEGATION + to_canonical_address(caller.address))
        assert harness.isDelegated(account)

    @pytest.mark.parametrize(
        "code", [b"\xef\x01\x00" + bytes(19), b"\xef\x01\x00" + bytes(21), b"\xef\x01\x01" + bytes(20)]
    )
    def test_other_code_is_no_delegation(self, harness, code):
        account = "0x00000000000000000000000000000000000077aA"
        place(account, code)
        assert not harness.isDelegated(account)
        assert not harness.isDelegated(harness)


@pytest.mark.parametrize("amount", [0, 1, 1_000, 2**19])
def test_burns_what_it_says_and_little_more(harness, amount):
    assert amount <= harness.burnGas(amount) < amount + 200
