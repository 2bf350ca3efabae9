"""What transactions do: failures roll back to the bit, fees and deposits follow the protocol, caps hold."""

import threading
from dataclasses import replace

import pytest

from tandem.errors import InvalidTransaction
from tandem.evm.calls import contract_address, contract_address2
from tandem.evm.precompiles import modexp_gas
from tandem.evm.rules import CANCUN, PrecompileCaps, ethereum
from tandem.primitives.hashing import EMPTY_CODE_HASH, keccak, word
from tandem.primitives.types import ZERO_HASH, Address, Gas, Hash, Wei
from tandem.state.account import Account
from tests.unit.evm.one_block import (
    ALICE,
    BOB,
    CONTEXT,
    CONTRACT,
    ETHER,
    RETURN_WORD,
    RULES,
    VAULT,
    OneBlock,
    call_code,
    deposit,
    push,
    transaction,
)

SSTORE_AND_LOG = bytes.fromhex("602a600055 60006000a0 602b60015d".replace(" ", ""))
FAILURES = {
    "revert": (b"\x5f\x5f\xfd", "revert"),
    "invalid opcode": (b"\xfe", "invalid_opcode"),
    "stack underflow": (b"\x50", "stack_underflow"),
    "stack overflow": (b"\x5b\x5f\x60\x08\x56", "stack_overflow"),
    "bad jump": (b"\x60\x00\x56", "invalid_jump"),
    "jump into push data": (b"\x60\x5b\x60\x0c\x56", "invalid_jump"),
    "out of gas": (b"\x62\xff\xff\xff\x5f\x20", "out_of_gas"),
    "return data out of bounds": (b"\x60\x01\x5f\x5f\x3e", "return_data_out_of_bounds"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failure_leaves_only_fee_and_nonce(name: str) -> None:
    """Storage, logs, value and a nested creation are all taken back."""
    ending, error = FAILURES[name]
    nested = bytes.fromhex("5f5f5ff050")  # CREATE with no code: a new account
    code = SSTORE_AND_LOG + nested + ending
    if name == "stack overflow":
        code = code[:-3] + bytes([0x60, len(SSTORE_AND_LOG + nested), 0x56])
    block = OneBlock()
    block.deploy(code)
    receipt = block.executor.apply(transaction(CONTRACT, value=5))
    assert (receipt.status, receipt.error, receipt.logs) == (0, error, ())
    fee = receipt.gas_used * 11
    diff = block.executor.finish()
    assert diff.storage == {} and diff.code == {} and diff.burnt == 0
    assert diff.accounts == {
        ALICE: Account(1, Wei(1_000 * ETHER - fee)),
        VAULT: Account(balance=Wei(fee)),
    }
    assert (receipt.gas_used == 100_000) == (error != "revert")


def test_revert_gives_its_data_and_the_gas_left() -> None:
    block = OneBlock()
    block.deploy(push(0xBAD) + bytes.fromhex("60005260206000fd"))
    receipt = block.executor.apply(transaction(CONTRACT))
    assert receipt.output == word(0xBAD) and receipt.gas_used < 22_000


def test_base_fee_and_tip_both_go_to_the_vault() -> None:
    block = OneBlock()
    receipt = block.executor.apply(transaction(value=5, gas=21_000))
    assert (receipt.gas_used, receipt.effective_gas_price) == (21_000, 11)
    accounts = block.executor.finish().accounts
    assert accounts[VAULT] == Account(balance=Wei(21_000 * 11))
    assert accounts[BOB] == Account(balance=Wei(5))


def test_ethereum_burns_the_base_fee() -> None:
    block = OneBlock(ethereum(CANCUN, RULES.chain_id))
    block.executor.apply(transaction(gas=21_000))
    diff = block.executor.finish()
    assert diff.accounts[VAULT] == Account(balance=Wei(21_000)) and diff.burnt == 21_000 * 10


def test_data_gas_is_part_of_the_intrinsic_gas() -> None:
    """dataGas = len(raw) * dataGasPerByte * l1BaseFee / baseFee, rounded down."""
    rules = replace(RULES, data_gas_per_byte=16)
    context = replace(CONTEXT, l1_base_fee=Wei(33))
    tx = transaction(gas=100_000)
    expected = 21_000 + len(tx.raw) * 16 * 33 // 10
    assert OneBlock(rules, context).executor.apply(tx).gas_used == expected
    with pytest.raises(InvalidTransaction, match="intrinsic gas too low"):
        OneBlock(rules, context).executor.apply(transaction(gas=22_000))
    free = replace(context, base_fee=Wei(0))
    assert OneBlock(rules, free).executor.apply(tx).gas_used == 21_000


def test_creation_gives_code_with_its_chunk_root() -> None:
    block = OneBlock()
    runtime = push(42) + RETURN_WORD
    init = push(runtime) + bytes.fromhex("5f52") + push(len(runtime)) + push(32 - len(runtime)) + b"\xf3"
    receipt = block.executor.apply(transaction(None, data=init))
    assert receipt.status == 1 and receipt.contract_address == contract_address(ALICE, 0)
    diff = block.executor.finish()
    account = diff.accounts[receipt.contract_address]
    assert account is not None and account.nonce == 1 and account.code_size == len(runtime)
    assert account.code_root != ZERO_HASH and diff.code == {keccak(runtime): runtime}
    assert block.executor.apply(transaction(receipt.contract_address, nonce=1)).output == word(42)


@pytest.mark.parametrize("what", ["nonce", "code", "storage"])
def test_creation_where_something_is_collides(what: str) -> None:
    """EIP-684 and, for storage, EIP-7610. It costs all gas; the sender's nonce grows."""
    block = OneBlock()
    taken = Address(contract_address(ALICE, 0))
    fields = {
        "nonce": {"nonce": 1},
        "code": {"code_hash": Hash(b"\x01" * 32)},
        "storage": {"storage_root": Hash(b"\x01" * 32)},
    }
    block.state.accounts[taken] = replace(Account(balance=Wei(1)), **fields[what])  # type: ignore[arg-type]
    receipt = block.executor.apply(transaction(None))
    assert (receipt.status, receipt.error, receipt.gas_used) == (0, "address_collision", 100_000)
    assert set(block.executor.finish().accounts) == {ALICE, VAULT}


def test_create2_where_storage_is_collides() -> None:
    block = OneBlock()
    taken = Address(contract_address2(CONTRACT, 0, b""))
    block.state.accounts[taken] = Account(balance=Wei(1), storage_root=Hash(b"\x01" * 32))
    block.deploy(bytes.fromhex("5f5f5f5ff5") + RETURN_WORD)
    receipt = block.executor.apply(transaction(CONTRACT, gas=200_000))
    assert receipt.status == 1 and receipt.output == word(0) and receipt.gas_used > 190_000
    created = block.executor.finish().accounts[CONTRACT]
    assert created is not None and created.nonce == 2


def test_selfdestruct_in_the_creating_transaction_to_itself_burns() -> None:
    """EIP-6780: the only way that ETH is destroyed on L2, so it is counted for escrow = supply."""
    block = OneBlock()
    block.executor.apply(transaction(None, value=7, data=b"\x30\xff"))
    diff = block.executor.finish()
    assert diff.burnt == 7 and contract_address(ALICE, 0) not in diff.accounts


def test_ether_sent_to_a_destroyed_contract_burns() -> None:
    """The contract destroys itself towards Bob, and is then paid 3 wei before the transaction ends."""
    block = OneBlock()
    child = contract_address(CONTRACT, 1)
    init = push(BOB) + b"\xff"
    code = push(init) + bytes.fromhex("5f52") + push(len(init)) + push(32 - len(init)) + push(2) + b"\xf0\x50"
    block.deploy(code + call_code(child, value=3), balance=5)
    receipt = block.executor.apply(transaction(CONTRACT, gas=300_000))
    assert receipt.status == 1
    diff = block.executor.finish()
    assert diff.burnt == 3 and child not in diff.accounts
    assert diff.accounts[BOB] == Account(balance=Wei(2))


def test_burn_that_is_reverted_is_none() -> None:
    block = OneBlock()
    init = b"\x30\xff"
    create = push(init) + bytes.fromhex("5f52") + push(len(init)) + push(32 - len(init)) + push(2) + b"\xf0"
    block.deploy(create + b"\x5f\x5f\xfd", balance=5)
    block.executor.apply(transaction(CONTRACT, gas=300_000))
    diff = block.executor.finish()
    assert diff.burnt == 0 and CONTRACT not in diff.accounts


def test_selfdestruct_of_an_older_contract_only_moves_its_balance() -> None:
    block = OneBlock()
    block.deploy(push(BOB) + b"\xff", balance=9)
    block.executor.apply(transaction(CONTRACT))
    diff = block.executor.finish()
    assert diff.accounts[BOB] == Account(balance=Wei(9)) and diff.burnt == 0
    left = diff.accounts[CONTRACT]
    assert left is not None and left.code_hash != EMPTY_CODE_HASH and left.balance == 0


def test_refund_of_a_cleared_slot_is_capped_at_a_fifth() -> None:
    block = OneBlock()
    block.deploy(bytes.fromhex("5f5f55"))
    block.state.slots[CONTRACT] = {0: 1}
    receipt = block.executor.apply(transaction(CONTRACT))
    spent = 21_000 + 2 + 2 + 5_000
    assert receipt.gas_used == spent - min(4_800, spent // 5)
    assert block.executor.finish().storage == {CONTRACT: {0: 0}}


def test_slot_that_ends_as_it_began_is_not_in_the_diff() -> None:
    block = OneBlock()
    block.deploy(bytes.fromhex("60015f555f5f55"))
    block.executor.apply(transaction(CONTRACT))
    assert block.executor.finish().storage == {}


# -- deposits (protocol.md, section 3)


def test_deposit_mints_and_calls_without_fee() -> None:
    block = OneBlock()
    receipt = block.executor.apply(deposit(mint=10, value=4, gas=21_000))
    assert (receipt.status, receipt.gas_used, receipt.effective_gas_price) == (1, 21_000, 0)
    diff = block.executor.finish()
    assert diff.accounts == {ALICE: Account(1, Wei(1_000 * ETHER + 6)), BOB: Account(balance=Wei(4))}
    assert diff.minted == 10 and block.executor.gas_used == 0, "what pays no base fee does not move it"


@pytest.mark.parametrize(
    ("tx", "error"),
    [
        (deposit(mint=10, gas=20_999), "intrinsic_gas"),
        (deposit(None, mint=10, gas=53_001, data=b"\0"), "intrinsic_gas"),
        (deposit(mint=10, value=1_000 * ETHER + 11), "insufficient_balance"),
    ],
)
def test_deposit_that_cannot_start_keeps_mint_and_nonce_only(tx: object, error: str) -> None:
    block = OneBlock()
    receipt = block.executor.apply(tx)  # type: ignore[arg-type]
    assert (receipt.status, receipt.error, receipt.gas_used) == (0, error, tx.gas_limit)  # type: ignore[attr-defined]
    assert block.executor.finish().accounts == {ALICE: Account(1, Wei(1_000 * ETHER + 10))}


def test_deposit_that_reverts_keeps_mint_and_nonce() -> None:
    block = OneBlock()
    block.deploy(SSTORE_AND_LOG + b"\x5f\x5f\xfd")
    receipt = block.executor.apply(deposit(CONTRACT, mint=10, value=4))
    assert receipt.status == 0 and 21_000 < receipt.gas_used < 100_000
    assert block.executor.finish().accounts == {ALICE: Account(1, Wei(1_000 * ETHER + 10))}


def test_deposit_creates_at_the_senders_nonce() -> None:
    receipt = OneBlock().executor.apply(deposit(None, data=b"\x00"))
    assert receipt.status == 1 and receipt.contract_address == contract_address(ALICE, 0)


def test_deposit_pays_no_data_gas() -> None:
    rules, context = replace(RULES, data_gas_per_byte=16), replace(CONTEXT, l1_base_fee=Wei(10**9))
    assert OneBlock(rules, context).executor.apply(deposit(gas=21_000)).status == 1


def test_deposits_have_a_gas_budget_of_their_own() -> None:
    block = OneBlock(context=replace(CONTEXT, gas_limit=Gas(50_000)))
    with pytest.raises(InvalidTransaction):
        block.executor.apply(deposit(gas=50_001))
    block.executor.apply(deposit(gas=50_000))
    with pytest.raises(InvalidTransaction):
        block.executor.apply(deposit(gas=21_000))
    block.executor.apply(transaction(nonce=1, gas=50_000))


# -- precompiles


def _modexp_input(base: int, exponent: int, modulus: int) -> bytes:
    return word(base) + word(exponent) + word(modulus)


RSA_2048 = _modexp_input(256, 256, 256) + b"\xff" * 768
CAPS = {
    "sha256": (2, b"", 65_536, None),
    "ripemd160": (3, b"", 65_536, None),
    "modexp, operands": (5, _modexp_input(1_024, 0, 0), 0, _modexp_input(1_025, 0, 0)),
    "modexp, gas": (5, RSA_2048, 0, _modexp_input(256, 257, 256) + b"\xff" * 769),
    "pairing": (8, b"", 0, bytes(192 * 151)),
    "blake2f": (9, (12).to_bytes(4, "big") + bytes(209), 0, (65_537).to_bytes(4, "big") + bytes(209)),
}


@pytest.mark.parametrize("name", CAPS)
def test_precompile_above_its_cap_halts_and_consumes_its_gas(name: str) -> None:
    number, small, span, large = CAPS[name]
    small = small or bytes(span)
    large = bytes(span + 1) if large is None else large
    address = Address(number.to_bytes(20, "big"))
    wide = replace(RULES, transaction_gas_cap=None)
    within = transaction(address, data=small, gas=20_000_000)
    beyond = transaction(address, data=large, gas=20_000_000)
    assert OneBlock(wide).executor.apply(within).status == 1
    refused = OneBlock(wide).executor.apply(beyond)
    assert (refused.status, refused.error, refused.gas_used) == (0, "precompile", 20_000_000)
    assert OneBlock(replace(wide, precompile_caps=None)).executor.apply(beyond).error is None


def test_modexp_of_2048_bits_is_just_affordable() -> None:
    assert modexp_gas(RSA_2048) == 698_709 <= PrecompileCaps().modexp_gas


@pytest.mark.parametrize("head", [b"\xff" * 32, bytes(32)], ids=["largest exponents", "exponents behind zeros"])
def test_modexp_on_l1_costs_at_most_what_a_proof_can_pay(head: bytes) -> None:
    """EIP-7883's price of inputs of every shape that the caps let pass."""
    caps = PrecompileCaps()
    worst = small = 0
    for width in [*range(41), *range(48, caps.modexp_operand + 1, 8)]:
        for length in range(caps.modexp_operand + 1):
            if modexp_gas(_modexp_input(0, length, width) + head) > caps.modexp_gas:
                continue
            complexity = 16 if width <= 32 else 2 * ((width + 7) // 8) ** 2
            bits = int.from_bytes(head[: min(length, 32)], "big").bit_length()
            price = max(500, complexity * max(16 * max(length - 32, 0) + max(bits - 1, 0), 1))
            worst = max(worst, price)
            small = max(small, price if width <= 32 else 0)
    assert small <= 258_032
    assert 8_000_000 < worst <= 12 * caps.modexp_gas + 8


def test_identity_copies_as_much_as_gas_buys() -> None:
    data = bytes(100_000)
    receipt = OneBlock().executor.apply(transaction(Address((4).to_bytes(20, "big")), data=data, gas=2**23))
    assert (receipt.status, receipt.output) == (1, data)


def test_modexp_of_nothing_to_the_nothing_is_one() -> None:
    """0^0 mod m = 1, where py-evm answers 0."""
    address = Address((5).to_bytes(20, "big"))
    receipt = OneBlock().executor.apply(transaction(address, data=_modexp_input(0, 0, 1) + b"\x05"))
    assert receipt.output == b"\x01"


# -- depth


def test_calls_nest_1024_deep_on_a_small_thread_stack() -> None:
    """Calls itself as long as gas and depth allow, and counts: 1,024 levels below the first, on 256 KiB of C stack."""
    block = OneBlock(replace(RULES, transaction_gas_cap=None), replace(CONTEXT, gas_limit=Gas(10**15)))
    block.change(ALICE, balance=Wei(10**30))
    # slot 0 += 1; CALL(GAS, self, 0, ...)
    block.deploy(bytes.fromhex("5f5460010180 5f55 5f5f5f5f5f30 5a f1".replace(" ", "")))
    outcome: list[int] = []
    threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(
            target=lambda: outcome.append(block.executor.apply(transaction(CONTRACT, gas=10**14)).status)
        )
        thread.start()
    finally:
        threading.stack_size(0)
    thread.join()
    assert outcome == [1]
    assert block.executor.finish().storage == {CONTRACT: {0: 1_025}}


def test_interrupted_transaction_leaves_the_block_as_it_was() -> None:
    """A bug in a tracer, or a signal, must not leave half a transaction behind."""

    class Interrupting:
        def step(self, *_: object) -> None:
            raise KeyboardInterrupt

        enter = leave = destruct = lambda *_: None

    block = OneBlock()
    block.deploy(b"\x00")
    with pytest.raises(KeyboardInterrupt):
        block.executor.apply(transaction(CONTRACT, value=1), Interrupting())
    assert block.executor.finish().accounts == {}
    assert block.executor.apply(transaction(CONTRACT, value=1)).status == 1
