"""A transfer to an account without code takes a short cut around the EVM. It must be the same in every respect."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.errors import InvalidTransaction
from tandem.evm.diff import StateDiff
from tandem.evm.executor import BlockExecutor
from tandem.evm.receipt import Receipt
from tandem.evm.rules import CANCUN, PRAGUE, ethereum
from tandem.primitives.types import Address, Wei
from tandem.state.account import Account
from tests.unit.evm.one_block import ALICE, BOB, CONTEXT, CONTRACT, ETHER, RULES, VAULT, OneBlock, deposit, transaction

EMPTY = Address(b"\xe0" * 20)
"""An account that the state holds although it is empty, as only Ethereum's tests have it."""
TARGETS = (ALICE, BOB, VAULT, CONTRACT, EMPTY, *(Address(n.to_bytes(20, "big")) for n in (1, 4, 9, 10, 11, 99)))
RULE_SETS = (RULES, replace(RULES, fork=PRAGUE, data_gas_per_byte=1), ethereum(CANCUN, RULES.chain_id))

steps = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from(TARGETS),
        st.integers(0, 3) | st.just(500 * ETHER),
        st.sampled_from((21_000, 21_016, 25_000, 60_000)),
        st.binary(max_size=3),
        st.integers(0, 2),
        st.sampled_from(((), ((BOB, ()),))),
    ),
    min_size=1,
    max_size=4,
)


class WithoutShortcut(BlockExecutor):
    """Every call makes a frame."""

    shortcut_transfers = False


@settings(max_examples=300, deadline=None)
@given(rules=st.sampled_from(RULE_SETS), steps=steps)
def test_short_cut_and_evm_agree(rules: object, steps: list[tuple[object, ...]]) -> None:
    """Receipts, refusals and state after a few transactions and deposits."""
    assert _run(BlockExecutor, rules, steps) == _run(WithoutShortcut, rules, steps)


def _run(
    executor_class: type[BlockExecutor], rules: object, steps: list[tuple[object, ...]]
) -> tuple[list[Receipt | str], StateDiff]:
    context = replace(CONTEXT, l1_base_fee=Wei(20))
    block = OneBlock(rules, context)  # type: ignore[arg-type]
    block.deploy(bytes.fromhex("345f5500"))
    block.state.accounts[EMPTY] = Account()
    executor = executor_class(block.state, context, rules)  # type: ignore[arg-type]
    results: list[Receipt | str] = []
    nonce = 0
    for is_deposit, to, value, gas, data, tip, access in steps:
        if is_deposit:
            tx = deposit(to, mint=1, value=value, gas=gas, data=data)  # type: ignore[arg-type]
        else:
            tx = transaction(to, nonce=nonce, value=value, gas=gas, data=data, tip=tip, access_list=access)  # type: ignore[arg-type, assignment]
        try:
            results.append(executor.apply(tx))
            nonce += 1
        except InvalidTransaction as refusal:
            results.append(refusal.code)
    return results, executor.finish()
