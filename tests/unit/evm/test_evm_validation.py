"""Every transaction that must be refused is refused with its code, and leaves nothing behind."""

from dataclasses import replace

import pytest

from tandem.errors import InvalidTransaction
from tandem.evm.executor import BlockExecutor
from tandem.evm.rules import CANCUN, PRAGUE, ethereum
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, Gas, Hash, Wei
from tandem.transactions.transaction import BLOB, SET_CODE, Authorization, SignedTransaction
from tests.unit.evm.one_block import ALICE, BOB, CONTEXT, ETHER, RULES, OneBlock, transaction

BLOB_HASH = Hash(b"\x01" + bytes(31))
REFUSED = {
    "tip above the fee cap": (transaction(max_fee=100, tip=101), "tip_above_cap"),
    "fee cap below the base fee": (transaction(max_fee=9, tip=0), "fee_cap_below_base_fee"),
    "gas below the intrinsic, type 0": (transaction(gas=20_999, kind=0), "intrinsic_gas"),
    "gas below the intrinsic, type 1": (transaction(gas=20_999, kind=1), "intrinsic_gas"),
    "gas below the intrinsic, type 2": (transaction(gas=20_999), "intrinsic_gas"),
    "gas below the intrinsic with an access list": (
        transaction(gas=23_399, access_list=((BOB, ()),)),
        "intrinsic_gas",
    ),
    "gas below the intrinsic of a creation": (transaction(None, gas=53_001, data=b"\0"), "intrinsic_gas"),
    "init code too large": (transaction(None, gas=10_000_000, data=bytes(49_153)), "init_code_size"),
    "nonce used": (transaction(nonce=4), "nonce_too_low"),
    "nonce of the future": (transaction(nonce=6), "nonce_too_high"),
    "no funds for value and most gas": (
        transaction(nonce=5, value=1_000 * ETHER - 100 * 100_000 + 1),
        "insufficient_funds",
    ),
    "another chain": (transaction(chain_id=1), "wrong_chain_id"),
    "no chain": (transaction(chain_id=None, kind=0), "unprotected"),
    "gas above EIP-7825's cap": (transaction(gas=2**24 + 1), "gas_cap"),
    "gas above the block's": (transaction(gas=2**24, data=b""), "block_gas"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_and_leaves_nothing(name: str) -> None:
    """Alice has nonce 5 and 1,000 ETH."""
    tx, code = REFUSED[name]
    block = OneBlock(context=replace(CONTEXT, gas_limit=Gas(2**24 - 1)))
    block.change(ALICE, nonce=5)
    with pytest.raises(InvalidTransaction) as refusal:
        block.executor.apply(tx)
    assert refusal.value.code == code
    assert block.executor.finish() == OneBlock().executor.finish()
    assert block.executor.gas_used == 0


def test_sender_with_code_is_refused() -> None:
    """EIP-3607."""
    block = OneBlock()
    block.deploy(b"\x00", ALICE, balance=ETHER)
    assert _code(block.executor, transaction(nonce=1)) == "sender_not_eoa"


def test_nonce_of_two_to_the_64_less_one_is_refused() -> None:
    """EIP-2681."""
    block = OneBlock()
    block.change(ALICE, nonce=2**64 - 1)
    assert _code(block.executor, transaction(nonce=2**64 - 1)) == "nonce_max"


def test_gas_of_earlier_transactions_counts_towards_the_block() -> None:
    block = OneBlock(context=replace(CONTEXT, gas_limit=Gas(120_999)))
    block.executor.apply(transaction(gas=21_000))
    assert _code(block.executor, transaction(nonce=1, gas=100_000)) == "block_gas"
    assert block.executor.apply(transaction(nonce=1, gas=99_999)).status == 1


def test_unprotected_transactions_are_accepted_where_the_chain_allows_them() -> None:
    block = OneBlock(replace(RULES, allow_unprotected=True))
    assert block.executor.apply(transaction(chain_id=None, kind=0)).status == 1


def test_blob_transactions_are_refused_on_l2() -> None:
    assert _code(OneBlock().executor, _blob()) == "type_not_supported"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"to": None}, "blob_creation"),
        ({"blob_hashes": ()}, "blob_none"),
        ({"blob_hashes": (BLOB_HASH,) * 7}, "blob_count"),
        ({"blob_hashes": (Hash(bytes(32)),)}, "blob_version"),
        ({"max_blob_fee": Wei(0)}, "blob_fee_cap"),
        ({"max_blob_fee": Wei(1_000 * ETHER)}, "insufficient_funds"),
    ],
)
def test_blob_rules_of_ethereum(change: dict[str, object], code: str) -> None:
    block = OneBlock(ethereum(CANCUN, RULES.chain_id))
    assert _code(block.executor, replace(_blob(), **change)) == code  # type: ignore[arg-type]


def test_set_code_rules_of_ethereum() -> None:
    authorization = Authorization(0, ZERO_ADDRESS, 0, None)
    tx = replace(transaction(), type=SET_CODE, authorizations=(authorization,))
    assert _code(OneBlock(ethereum(CANCUN, RULES.chain_id)).executor, tx) == "type_not_supported"
    prague = ethereum(PRAGUE, RULES.chain_id)
    assert _code(OneBlock(prague).executor, replace(tx, to=None)) == "authorization_creation"
    assert _code(OneBlock(prague).executor, replace(tx, authorizations=())) == "authorization_none"
    assert OneBlock(prague).executor.apply(tx).gas_used == 46_000


def test_calldata_floor_of_prague() -> None:
    """EIP-7623: 100 bytes other than zero are 400 tokens, 4,000 gas above 21,000."""
    rules = replace(RULES, fork=PRAGUE)
    data = b"\x01" * 100
    assert _code(OneBlock(rules).executor, transaction(data=data, gas=24_999)) == "intrinsic_gas"
    assert OneBlock(rules).executor.apply(transaction(data=data, gas=25_000)).gas_used == 25_000
    assert OneBlock().executor.apply(transaction(data=data, gas=25_000)).gas_used == 22_600


def test_delegated_account_may_send_in_prague() -> None:
    """EIP-7702 exempts the pointer from EIP-3607."""
    block = OneBlock(replace(RULES, fork=PRAGUE))
    block.deploy(b"\xef\x01\x00" + BOB, ALICE, balance=ETHER)
    assert block.executor.apply(transaction(nonce=1)).status == 1


def _blob() -> SignedTransaction:
    return replace(transaction(), type=BLOB, max_blob_fee=Wei(1), blob_hashes=(BLOB_HASH,), hash=keccak(b"blob"))


def _code(executor: BlockExecutor, tx: SignedTransaction) -> str:
    with pytest.raises(InvalidTransaction) as refusal:
        executor.apply(tx)
    return refusal.value.code
