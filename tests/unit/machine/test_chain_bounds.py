"""What a chain may be made of: at its bounds every step is judged, beyond them one may be beyond proof."""

from dataclasses import astuple, replace
from typing import Any

import pytest

from tandem.batch.packed import pack
from tandem.batch.payload import PackedBlock, encode_batch
from tandem.chain.fees import MAX_BASE_FEE
from tandem.chain.spec import (
    GENESIS_SUPPLY_LIMIT,
    PARAMETER_LIMIT,
    ChainParameters,
    Deployment,
    Genesis,
    GenesisAccount,
)
from tandem.errors import ConfigError
from tandem.evm.rules import TRANSACTION_GAS_CAP
from tandem.machine import blocks, transaction_begin
from tandem.machine.chain import Ancestry, Chain
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode, Prover
from tandem.machine.structures import Cursor, State
from tandem.machine.word_tree import Slice, WordTree
from tandem.primitives import rlp
from tandem.primitives.types import Gas, Seconds, Wei
from tandem.transactions.codec import UnsignedTransaction
from tandem.transactions.transaction import LEGACY
from tests.support.chain import ADDRESSES, KEYS, make_deployment, transfer
from tests.unit.machine.on_inbox import make_chain, run
from tests.unit.machine.support import BLOCK, CURSOR, Provers, make_state

TOP = PARAMETER_LIMIT - 1
LARGEST: dict[str, Any] = {
    "gas_limit": Gas(TOP),
    "elasticity": TOP,
    "base_fee_denominator": TOP,
    "min_base_fee": Wei(TOP),
    "data_gas_per_byte": Gas(TOP),
    "max_drift": Seconds(TOP),
}
SMALLEST: dict[str, Any] = {
    "gas_limit": TRANSACTION_GAS_CAP,
    "elasticity": 1,
    "base_fee_denominator": 1,
    "min_base_fee": Wei(0),
    "data_gas_per_byte": Gas(0),
    "max_drift": Seconds(0),
    "allow_unprotected": False,
}


@pytest.mark.parametrize("parameters", [LARGEST, SMALLEST, LARGEST | {"elasticity": 1, "base_fee_denominator": 1}])
def test_blocks_of_a_chain_at_the_bounds_are_judged(parameters: dict[str, Any]) -> None:
    chain = make_chain(**parameters)
    chain.inbox.enqueue(ADDRESSES[0], ADDRESSES[1], mint=5, value=3)
    blocks_of_batch = [PackedBlock(2**64 - 1, 1, (pack(transfer(0, 1, ADDRESSES[2])),)), PackedBlock(0, 0, ())]
    chain.inbox.submit(encode_batch(blocks_of_batch))
    done = run(chain.machine(), chain.provers)
    assert done.blocks == [header.hash for headers in chain.derive() for header in headers]


@pytest.mark.parametrize("used", [0, 1, TOP // 2, TOP])
@pytest.mark.parametrize("fee", [0, MAX_BASE_FEE])
def test_the_base_fee_at_the_bounds_is_judged(used: int, fee: int) -> None:
    chain = make_chain(**LARGEST | {"elasticity": 1, "base_fee_denominator": 1, "min_base_fee": Wei(0)})
    header = replace(chain.genesis, gas_used=Gas(used), base_fee=Wei(fee))
    surroundings = Chain(chain.tables.preimages, chain.parameters, chain.inbox, Ancestry())
    m = Machine(surroundings, State(Mode.BLOCK, header, Cursor(0, 1, 0, 1)))
    chain.provers.check(m, Prover.BLOCKS, blocks.begin)


@pytest.mark.parametrize("l1_base_fee", [0, 1, 2**192, 2**256 - 1])
@pytest.mark.parametrize("base_fee", [1, MAX_BASE_FEE])
def test_the_data_cost_at_the_bounds_is_judged(l1_base_fee: int, base_fee: int) -> None:
    """A product of 0 is 0, whatever the other factors come to."""
    provers = Provers()
    unsigned = UnsignedTransaction(
        LEGACY, TOP, 0, Wei(MAX_BASE_FEE), Wei(MAX_BASE_FEE), TRANSACTION_GAS_CAP, ADDRESSES[1], Wei(0)
    )
    transaction = unsigned.sign(KEYS[0])
    item = rlp.encode(pack(transaction))
    tables, root = make_state({ADDRESSES[0]: GenesisAccount(Wei(GENESIS_SUPPLY_LIMIT - 1))})
    block = replace(
        BLOCK,
        chain_id=TOP,
        data_gas_per_byte=Gas(TOP),
        base_fee=Wei(base_fee),
        origin=replace(BLOCK.origin, base_fee=Wei(l1_base_fee)),
        state_root=root,
    )
    data = Slice.of(WordTree(item), 0, len(item))
    cursor = replace(CURSOR, messages=CURSOR.block_messages_end, data=data, list_end=len(item))
    chain = make_chain()
    surroundings = Chain(tables.preimages, chain.parameters, chain.inbox, Ancestry())
    m = Machine(surroundings, State(Mode.ITEM, block, cursor))
    proven = provers.check(m, Prover.TRANSACTION_BEGIN, transaction_begin.begin)
    cost = len(transaction.raw) * TOP * l1_base_fee // base_fee
    assert proven.outcome == ("ok" if 21_000 + cost <= TRANSACTION_GAS_CAP else "intrinsic_gas")


def test_a_parameter_beyond_the_bound_is_refused() -> None:
    names = ("chain_id", *LARGEST)
    for name in names:
        for value in (PARAMETER_LIMIT, 2**255, -1):
            with pytest.raises(ConfigError, match=name):
                replace(ChainParameters(1), **{name: value})
    assert len(astuple(ChainParameters(1))) == len(names) + 1  # and one that is true or false


def test_a_genesis_with_too_many_wei_is_refused() -> None:
    deployment = make_deployment()
    half = GENESIS_SUPPLY_LIMIT // 2

    def holding(second: int) -> Deployment:
        accounts = {ADDRESSES[0]: GenesisAccount(Wei(half)), ADDRESSES[1]: GenesisAccount(Wei(second))}
        return replace(deployment, genesis=Genesis(Seconds(0), accounts))

    assert len(holding(half - 1).genesis.accounts) == 2
    with pytest.raises(ConfigError, match="2\\^128"):
        holding(half)
