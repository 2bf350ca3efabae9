"""Calls without a signature: results, overrides, estimates; and that nothing lasts."""

from dataclasses import replace

import pytest

from tandem.errors import InvalidTransaction
from tandem.evm.simulate import AccountOverride, Call, call, estimate_gas
from tandem.primitives.hashing import word
from tandem.primitives.types import Gas, Wei
from tests.unit.evm.one_block import (
    ALICE,
    BOB,
    CONTEXT,
    CONTRACT,
    ETHER,
    RETURN_WORD,
    RULES,
    OneBlock,
    call_code,
    push,
    transaction,
)

LOAD = bytes.fromhex("5f54") + RETURN_WORD


def test_call_reads_the_state_and_changes_nothing() -> None:
    block = OneBlock()
    block.deploy(bytes.fromhex("60015f5401805f55") + RETURN_WORD)
    block.state.slots[CONTRACT] = {0: 6}
    for _ in range(2):
        receipt = call(block.state, CONTEXT, RULES, Call(ALICE, CONTRACT))
        assert receipt.status == 1
    assert block.state.slots == {CONTRACT: {0: 6}}


def test_call_gives_revert_data() -> None:
    block = OneBlock()
    block.deploy(push(0xBAD) + bytes.fromhex("60005260206000fd"))
    receipt = call(block.state, CONTEXT, RULES, Call(ALICE, CONTRACT))
    assert (receipt.status, receipt.error, receipt.output) == (0, "revert", word(0xBAD))


def test_call_needs_no_account_and_no_fee() -> None:
    """BASEFEE is 0 where no price is offered."""
    block = OneBlock()
    block.deploy(b"\x48" + RETURN_WORD)
    assert call(block.state, CONTEXT, RULES, Call(to=CONTRACT)).output == word(0)
    priced = call(block.state, CONTEXT, RULES, Call(ALICE, CONTRACT, max_fee=Wei(100)))
    assert priced.output == word(10) and priced.effective_gas_price == 10


def test_call_in_a_contracts_name() -> None:
    block = OneBlock()
    block.deploy(b"\x33" + RETURN_WORD)
    receipt = call(block.state, CONTEXT, RULES, Call(CONTRACT, CONTRACT))
    assert receipt.output == word(int.from_bytes(CONTRACT, "big"))


def test_call_with_more_value_than_there_is_is_refused() -> None:
    with pytest.raises(InvalidTransaction) as refusal:
        call(OneBlock().state, CONTEXT, RULES, Call(BOB, CONTRACT, value=Wei(1)))
    assert refusal.value.code == "insufficient_funds"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (AccountOverride(state_diff={0: 7}), 7),
        (AccountOverride(state={0: 8}), 8),
        (AccountOverride(state={1: 8}), 0),
        (AccountOverride(code=push(9) + RETURN_WORD), 9),
        (AccountOverride(balance=Wei(5), code=b"\x47" + RETURN_WORD), 5),
    ],
)
def test_state_overrides(override: AccountOverride, expected: int) -> None:
    block = OneBlock()
    block.deploy(LOAD)
    block.state.slots[CONTRACT] = {0: 6}
    receipt = call(block.state, CONTEXT, RULES, Call(ALICE, CONTRACT), {CONTRACT: override})
    assert receipt.output == word(expected)
    assert call(block.state, CONTEXT, RULES, Call(ALICE, CONTRACT)).output == word(6)


def test_estimate_of_a_transfer_is_exact() -> None:
    assert estimate_gas(OneBlock().state, CONTEXT, RULES, Call(ALICE, BOB, Wei(1))).gas_used == 21_000


def test_estimate_covers_the_data_cost() -> None:
    rules, context = replace(RULES, data_gas_per_byte=16), replace(CONTEXT, l1_base_fee=Wei(100))
    block = OneBlock(rules, context)
    gas = estimate_gas(block.state, context, rules, Call(ALICE, BOB, Wei(ETHER))).gas_used
    receipt = block.executor.apply(transaction(value=ETHER, gas=gas))
    assert receipt.status == 1 and 0 <= gas - receipt.gas_used < 16 * 10 * 50


def test_estimate_leaves_enough_for_a_call_that_gets_63_64ths() -> None:
    """The inner call needs what the outer must hold more than. The estimate succeeds, one gas less does not."""
    block = OneBlock()
    inner = bytes.fromhex("60015f55 60016001 55".replace(" ", ""))
    block.deploy(inner, b"\xc1" * 20)  # type: ignore[arg-type]
    code = call_code(b"\xc1" * 20, gas=60_000)
    block.deploy(code + push(len(code) + 7) + b"\x57\x5f\x5f\xfd\x00\x5b\x00")
    gas = estimate_gas(block.state, CONTEXT, RULES, Call(ALICE, CONTRACT)).gas_used
    assert OneBlockOf(block).executor.apply(transaction(CONTRACT, gas=gas)).status == 1
    assert OneBlockOf(block).executor.apply(transaction(CONTRACT, gas=gas - 1)).status == 0


def test_estimate_of_what_always_fails_says_why() -> None:
    block = OneBlock()
    block.deploy(b"\x5f\x5f\xfd")
    receipt = estimate_gas(block.state, CONTEXT, RULES, Call(ALICE, CONTRACT))
    assert (receipt.status, receipt.error) == (0, "revert")


def test_estimate_stays_within_what_the_sender_can_pay() -> None:
    block = OneBlock()
    block.change(ALICE, balance=Wei(21_000 * 100))
    request = Call(ALICE, BOB, max_fee=Wei(100))
    assert estimate_gas(block.state, CONTEXT, RULES, request).gas_used == 21_000
    with pytest.raises(InvalidTransaction) as refusal:
        estimate_gas(block.state, CONTEXT, RULES, replace(request, value=Wei(21_000 * 100 + 1)))
    assert refusal.value.code == "insufficient_funds"


def test_estimate_with_a_gas_limit_below_the_need_fails() -> None:
    with pytest.raises(InvalidTransaction) as refusal:
        estimate_gas(OneBlock().state, CONTEXT, RULES, Call(ALICE, BOB, gas_limit=Gas(20_000)))
    assert refusal.value.code == "intrinsic_gas"


class OneBlockOf(OneBlock):
    """Another block on the same state."""

    def __init__(self, other: OneBlock) -> None:
        super().__init__()
        self.state.accounts.update(other.state.accounts)
        self.state.codes.update(other.state.codes)
