"""TX_BEGIN: Python and Solidity begin the same transactions, refuse the same, and agree on the state that follows."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tandem.batch.packed import MAX_PACKED_BYTES, pack
from tandem.chain.spec import GenesisAccount
from tandem.evm.validation import intrinsic_gas
from tandem.machine.chain import Ancestry, Chain, NoInbox
from tandem.machine.machine import Machine
from tandem.machine.modes import AccessTag, Mode, Prover
from tandem.machine.state_trees import PRECOMPILES, PRESENT, access_key
from tandem.machine.stepping import OK, Proven
from tandem.machine.structures import BlockState, State, Warm, World
from tandem.machine.transaction_begin import MALFORMED, begin
from tandem.machine.word_tree import Slice, WordTree
from tandem.primitives import rlp
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import address_of
from tandem.primitives.types import ZERO_HASH, Address, Gas, Hash, Wei
from tandem.state import tree
from tandem.transactions.codec import UnsignedTransaction
from tandem.transactions.transaction import AccessList, SignedTransaction
from tests.support.revm import GAS, Reverted, call_data
from tests.unit.machine.support import BLOCK, CHAIN_ID, CONTRACT, CURSOR, PARAMETERS, VAULT, VERIFY, Provers, make_state
from tests.unit.machine.support import intrinsic_gas as call_gas

SECRET = bytes(31) + b"\x07"
SENDER = address_of(SECRET)
FUNDS = Wei(10**18)
IDENTITY = Address(bytes(19) + b"\x04")
LIST: AccessList = (
    (Address(b"\x31" * 20), (Hash(b"\x41" * 32), Hash(b"\x42" * 32))),
    (Address(b"\x32" * 20), ()),
)
STRANGERS = {Address(keccak(bytes([number]))[:20]): GenesisAccount(Wei(number + 1)) for number in range(40)}
BEFORE, BEHIND = b"\xc4\x05\x01\x80", b"\x83abc"
"""Other bytes of the batch around the item."""


@dataclass(frozen=True)
class Case:
    """A transaction, the block that it stands in, and its sender."""

    tx: dict[str, Any] = field(default_factory=dict)
    block: dict[str, Any] = field(default_factory=dict)
    sender: GenesisAccount = GenesisAccount(FUNDS, 4)

    def transaction(self) -> SignedTransaction:
        fields: dict[str, Any] = {
            "type": 2,
            "chain_id": CHAIN_ID,
            "nonce": 4,
            "max_priority_fee": Wei(3),
            "max_fee": Wei(1_000),
            "gas_limit": Gas(500_000),
            "to": CONTRACT,
            "value": Wei(77),
        }
        fields |= self.tx
        if fields["type"] != 2:
            fields["max_priority_fee"] = fields["max_fee"]
        return UnsignedTransaction(**fields).sign(SECRET)

    def block_state(self) -> BlockState:
        changes = dict(self.block)
        if "origin_base_fee" in changes:
            changes["origin"] = replace(BLOCK.origin, base_fee=changes.pop("origin_base_fee"))
        return replace(BLOCK, **changes)

    def machine(self) -> Machine:
        return machine_at(rlp.encode(pack(self.transaction())), self.block_state(), self.sender)


def machine_at(
    item: bytes,
    block: BlockState = BLOCK,
    sender: GenesisAccount | None = None,
    *,
    before: bytes = BEFORE,
    behind: bytes = BEHIND,
) -> Machine:
    """A machine in a block's list of transactions, right before `item`. `sender` None: there is no such account."""
    accounts = STRANGERS | ({} if sender is None else {SENDER: sender})
    tables, root = make_state(accounts)
    data = before + item + behind
    cursor = replace(
        CURSOR,
        messages=CURSOR.block_messages_end,
        data=Slice.of(WordTree(data), 0, len(data)),
        position=len(before),
        list_end=len(data),
    )
    state = State(Mode.ITEM, replace(block, state_root=root), cursor)
    return Machine(Chain(tables.preimages, PARAMETERS, NoInbox(), Ancestry()), state)


def judge(provers: Provers, m: Machine) -> Proven:
    return provers.check(m, Prover.TRANSACTION_BEGIN, begin)


def check_case(provers: Provers, case: Case) -> Proven:
    """Both agree; and what follows is what the case says, worked out another way."""
    m, transaction, block = case.machine(), case.transaction(), case.block_state()
    before = m.cursor
    item = rlp.encode(pack(transaction))
    proven = judge(provers, m)
    assert m.cursor == replace(before, position=before.position + len(item))
    if proven.outcome != OK:
        assert (m.mode, m.world, m.frame, m.tx, m.aux) == (Mode.ITEM, None, None, None, None)
        return proven

    price = min(transaction.max_fee, block.base_fee + transaction.max_priority_fee)
    balance = Wei(case.sender.balance - transaction.gas_limit * price)
    paid = replace(case.sender, balance=balance, nonce=transaction.nonce + 1)
    _, state_root = make_state(STRANGERS | {SENDER: paid})
    warm = {SENDER, block.coinbase} | ({transaction.to} if transaction.to else set())
    entries = {
        access_key(AccessTag.ADDRESS, address): PRESENT
        for address in warm
        if int.from_bytes(address) not in PRECOMPILES
    }
    access_root = tree.update(m.chain.nodes, ZERO_HASH, dict(entries))
    assert m.world == World(state_root, access_root)
    assert m.tx is not None and isinstance(m.aux, Warm) and m.frame is None
    assert m.tx.input.bytes() == transaction.data
    assert (m.tx.transaction_hash, m.tx.gas_price, m.tx.nonce) == (transaction.hash, price, transaction.nonce)
    listed = b"".join(rlp.encode([address, list(slots)]) for address, slots in transaction.access_list)
    assert m.cursor.data.read(m.aux.position, m.aux.list_end - m.aux.position) == listed
    size_gas = len(transaction.raw) * block.data_gas_per_byte * block.origin.base_fee
    cost = intrinsic_gas(transaction.data, transaction.to is None, transaction.access_list)
    assert m.aux.gas == transaction.gas_limit - cost - (size_gas // block.base_fee if block.base_fee else 0)
    return proven


VALID: dict[str, Case] = {
    "a transfer": Case(),
    "type 0": Case({"type": 0}),
    "type 0, unprotected": Case({"type": 0, "chain_id": None}),
    "type 1": Case({"type": 1}),
    "type 1 with an access list": Case({"type": 1, "access_list": LIST}),
    "type 2 with an access list and data": Case({"access_list": LIST, "data": b"\0\1" * 50}),
    "an access list with slots only": Case({"access_list": LIST[:1]}),
    "data": Case({"data": bytes(33) + b"\xff" * 70}),
    "a creation": Case({"to": None, "data": b"\x5f\x5f\xf3" * 40}),
    "a creation without code": Case({"to": None}),
    "a creation with as much code as goes": Case({"to": None, "data": b"\1" * 49_152, "gas_limit": Gas(2**21)}),
    "to a precompile": Case({"to": IDENTITY}),
    "to the tenth precompile": Case({"to": Address(bytes(19) + b"\x0a")}),
    "to the address behind the precompiles": Case({"to": Address(bytes(19) + b"\x0b")}),
    "to the address zero": Case({"to": Address(bytes(20))}),
    "to itself": Case({"to": SENDER}),
    "to the coinbase": Case({"to": VAULT}),
    "sent by the coinbase": Case(block={"coinbase": SENDER}),
    "a block without base fee": Case(block={"base_fee": Wei(0)}),
    "no fee in a block without base fee": Case({"max_fee": Wei(0), "max_priority_fee": Wei(0)}, {"base_fee": Wei(0)}),
    "no L1 data cost": Case(block={"data_gas_per_byte": Gas(0)}),
    "a free L1": Case(block={"origin_base_fee": Wei(0)}),
    "a fee at the base fee": Case({"max_fee": BLOCK.base_fee, "max_priority_fee": Wei(0)}),
    "a tip that the cap cuts": Case({"max_fee": Wei(BLOCK.base_fee + 2), "max_priority_fee": Wei(3)}),
    "a tip that just fits": Case({"max_fee": Wei(BLOCK.base_fee + 3), "max_priority_fee": Wei(3)}),
    "a gas limit at the cap": Case({"gas_limit": BLOCK.transaction_gas_cap}, sender=GenesisAccount(Wei(10**12), 4)),
    "the last gas of a block": Case(block={"gas_used": Gas(BLOCK.gas_limit - 500_000)}),
    "funds to the last wei": Case(sender=GenesisAccount(Wei(500_000 * 1_000 + 77), 4)),
    "a first transaction": Case({"nonce": 0}, sender=GenesisAccount(FUNDS)),
    "the last nonce": Case({"nonce": 2**64 - 2}, sender=GenesisAccount(FUNDS, 2**64 - 2)),
    "all the wei there can be": Case(
        {"value": Wei(2**256 - 1 - 500_000_000)}, sender=GenesisAccount(Wei(2**256 - 1), 4)
    ),
    "storage at the sender": Case(sender=GenesisAccount(FUNDS, 4, storage=((1, 2),))),
}
INVALID: dict[str, tuple[str, Case]] = {
    "unprotected where that is refused": ("unprotected", Case({"type": 0, "chain_id": None}, {"flags": 4})),
    "a gas limit above the cap": ("gas_cap", Case({"gas_limit": Gas(BLOCK.transaction_gas_cap + 1)})),
    "the largest gas limit": ("gas_cap", Case({"gas_limit": Gas(2**64 - 1)})),
    "more gas than the block has": ("block_gas", Case(block={"gas_used": Gas(BLOCK.gas_limit - 499_999)})),
    "a tip above the cap": ("tip_above_cap", Case({"max_priority_fee": Wei(1_001)})),
    "a tip of 2^256 - 1": ("tip_above_cap", Case({"max_priority_fee": Wei(2**256 - 1)})),
    "a fee below the base fee": (
        "fee_cap_below_base_fee",
        Case({"max_fee": Wei(BLOCK.base_fee - 1), "max_priority_fee": Wei(0)}),
    ),
    "too much init code": (
        "init_code_size",
        Case({"to": None, "data": b"\1" * 49_153, "gas_limit": Gas(2**21)}),
    ),
    "too little gas": ("intrinsic_gas", Case({"gas_limit": Gas(21_000)})),
    "a gas limit of zero": ("intrinsic_gas", Case({"gas_limit": Gas(0)})),
    "an L1 too dear": ("intrinsic_gas", Case(block={"origin_base_fee": Wei(2**64)})),
    "an L1 dearer than 2^256": ("intrinsic_gas", Case(block={"origin_base_fee": Wei(2**256 - 1)})),
    "data dearer than 2^256": ("intrinsic_gas", Case(block={"data_gas_per_byte": Gas(2**255)})),
    "a data cost of just above 2^64": (
        "intrinsic_gas",
        Case(block={"origin_base_fee": Wei(2**64), "base_fee": Wei(1), "data_gas_per_byte": Gas(1)}),
    ),
    "a nonce used before": ("nonce_too_low", Case({"nonce": 3})),
    "a nonce too early": ("nonce_too_high", Case({"nonce": 5})),
    "a nonce that cannot grow": ("nonce_max", Case({"nonce": 2**64 - 1}, sender=GenesisAccount(FUNDS, 2**64 - 1))),
    "a wei too little": ("insufficient_funds", Case(sender=GenesisAccount(Wei(500_000 * 1_000 + 76), 4))),
    "no wei for the gas": ("insufficient_funds", Case(sender=GenesisAccount(Wei(500_000 * 1_000 - 1), 4))),
    "a value above all wei": (
        "insufficient_funds",
        Case({"value": Wei(2**256 - 1)}, sender=GenesisAccount(Wei(2**256 - 1), 4)),
    ),
    "a fee that exceeds 256 bits": (
        "insufficient_funds",
        Case({"max_fee": Wei(2**256 - 1)}, sender=GenesisAccount(Wei(2**256 - 1), 4)),
    ),
    "a fee that wraps to nothing": (
        "insufficient_funds",
        Case({"max_fee": Wei(2**237), "gas_limit": Gas(2**19)}, sender=GenesisAccount(Wei(2**256 - 1), 4)),
    ),
    "code at the sender": ("sender_not_eoa", Case(sender=GenesisAccount(FUNDS, 4, b"\x5b"))),
    "a delegation at the sender": (
        "sender_not_eoa",
        Case(sender=GenesisAccount(FUNDS, 4, b"\xef\x01\x00" + CONTRACT)),
    ),
}


@pytest.mark.parametrize("name", VALID)
def test_valid_transactions_begin(provers: Provers, name: str) -> None:
    assert check_case(provers, VALID[name]).outcome == OK


@pytest.mark.parametrize("name", INVALID)
def test_invalid_transactions_are_skipped(provers: Provers, name: str) -> None:
    reason, case = INVALID[name]
    assert check_case(provers, case).outcome == reason


def test_a_sender_that_is_not_there(provers: Provers) -> None:
    item = rlp.encode(pack(Case({"nonce": 0}).transaction()))
    assert judge(provers, machine_at(item)).outcome == "insufficient_funds"
    free = {"nonce": 0, "max_fee": Wei(0), "max_priority_fee": Wei(0), "value": Wei(0)}
    m = machine_at(rlp.encode(pack(Case(free).transaction())), replace(BLOCK, base_fee=Wei(0)))
    assert judge(provers, m).outcome == OK


def test_gas_just_enough(provers: Provers) -> None:
    """For creations and calls, with and without an access list: the intrinsic gas and one less."""
    for more in ({}, {"to": None, "data": b"\0\1\2" * 30}, {"access_list": LIST}, {"data": b"\0" * 65}):
        block = BLOCK.origin.base_fee * BLOCK.data_gas_per_byte
        gas = 30_000
        for _ in range(4):  # the gas limit is part of the size that it pays for
            transaction = Case(more | {"gas_limit": Gas(gas)}).transaction()
            gas = intrinsic_gas(transaction.data, transaction.to is None, transaction.access_list)
            gas += len(transaction.raw) * block // BLOCK.base_fee
        assert check_case(provers, Case(more | {"gas_limit": Gas(gas)})).outcome == OK
        assert check_case(provers, Case(more | {"gas_limit": Gas(gas - 1)})).outcome == "intrinsic_gas"


@pytest.mark.parametrize(
    "item",
    [
        b"\x05",
        b"\x7f",
        b"\x80",
        b"\x81\x80",
        rlp.encode(bytes(55)),
        rlp.encode(bytes(56)),
        rlp.encode(bytes(255)),
        rlp.encode(bytes(256)),
        rlp.encode(pack(VALID["a transfer"].transaction())[:-1]),
        rlp.encode(pack(VALID["a transfer"].transaction()) + b"\0"),
        rlp.encode(bytes(MAX_PACKED_BYTES)),
        rlp.encode(bytes(MAX_PACKED_BYTES + 1)),
        rlp.encode(bytes(200_000)),
    ],
    ids=len,
)
def test_bytes_that_are_no_transaction(provers: Provers, item: bytes) -> None:
    for behind in (b"", BEHIND):
        m = machine_at(item, behind=behind)
        before = m.cursor.position
        assert judge(provers, m).outcome == MALFORMED
        assert m.cursor.position == before + len(item)
        assert m.mode == Mode.ITEM


def test_places_in_the_batch(provers: Provers) -> None:
    """Wherever the item stands among the words, with much or nothing around it."""
    item = rlp.encode(pack(VALID["type 2 with an access list and data"].transaction()))
    for size in (*range(1, 66), 1_023, 40_000, 261_000):
        for behind in (b"", bytes(40)):
            m = machine_at(item, sender=GenesisAccount(FUNDS, 4), before=b"\x11" * size, behind=behind)
            assert judge(provers, m).outcome == OK
    whole = 32 << 13
    m = machine_at(item, sender=GenesisAccount(FUNDS, 4), before=b"\1" * (whole - len(item)), behind=b"")
    assert judge(provers, m).outcome == OK


def test_any_transaction(provers: Provers) -> None:
    """Random fields near what decides: every outcome as Python has it."""
    rng = random.Random(11)
    outcomes: dict[str, int] = {}

    def usually(common: Any, *others: Any) -> Any:
        return common if rng.random() < 0.85 else rng.choice(others)

    for _ in range(300):
        kind = rng.randrange(3)
        data = bytes(rng.choice((0, 1, 0x80, 0xFF)) for _ in range(rng.choice((0, 0, 3, 60, 400))))
        tx = {
            "type": kind,
            "chain_id": None if kind == 0 and rng.random() < 0.4 else CHAIN_ID,
            "nonce": usually(4, 3, 5, 2**64 - 1),
            "max_fee": Wei(usually(1_000, 9, 10, 11, 13, 2**200)),
            "max_priority_fee": Wei(usually(3, 0, 1, 9, 12, 2_000)),
            "gas_limit": Gas(usually(200_000, 21_000, 30_000, 60_000, 2**24, 2**24 + 1)),
            "to": rng.choice((None, CONTRACT, SENDER, VAULT, IDENTITY)),
            "value": Wei(usually(1, 0, 10**17, 2**255)),
            "data": data,
            "access_list": LIST[: rng.randrange(3)] if kind else (),
        }
        block = {
            "base_fee": Wei(usually(10, 0, 7, 11, 2**40)),
            "data_gas_per_byte": Gas(rng.choice((0, 1, 16))),
            "origin_base_fee": Wei(usually(5, 0, 1, 1_000)),
            "flags": usually(5, 1, 7, 0, 4),
            "gas_used": Gas(usually(0, 29_900_000, 13_222_784)),
        }
        balance = Wei(usually(10**18, 2**256 - 1, 30_000_000))
        sender = GenesisAccount(balance, usually(4, 2**64 - 1), usually(b"", b"\1"))
        outcome = check_case(provers, Case(tx, block, sender)).outcome
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert outcomes[OK] > 30 and len(outcomes) >= 8, outcomes


def test_damaged_witnesses(provers: Provers) -> None:
    """A valid transaction of each type, an invalid one, and bytes that are none."""
    cases: list[Callable[[], Machine]] = [
        VALID["type 0, unprotected"].machine,
        VALID["type 2 with an access list and data"].machine,
        VALID["a creation"].machine,
        INVALID["a nonce too early"][1].machine,
        lambda: machine_at(rlp.encode(bytes(70))),
    ]
    for make in cases:
        done = provers.damage(judge(provers, make()), every=1)
        assert done.reverted > 200 and done.other == 0


def test_starvation_never_decides(provers: Provers) -> None:
    proven = judge(provers, VALID["type 2 with an access list and data"].machine())
    assert provers.starve(proven, 400) > 300
    proven = judge(provers, INVALID["a nonce too early"][1].machine())
    assert provers.starve(proven, 200) > 150


def test_steps_of_others_are_refused(provers: Provers) -> None:
    proven = judge(provers, VALID["a transfer"].machine())
    data = proven.witness[1:]
    for mode in (Mode.BLOCK, Mode.WARM, Mode.EXEC):
        words = mode.to_bytes(32, "big") + data[32:224]
        with pytest.raises(Reverted, match="WrongMode"):
            provers.verify(Prover.TRANSACTION_BEGIN, keccak(words), words + data[224:])
    for change in ({"messages": CURSOR.block_messages_end - 1}, {"position": 0, "list_end": 0}):
        m = VALID["a transfer"].machine()
        m.cursor = replace(m.cursor, **change)
        words = m.words()
        with pytest.raises(Reverted, match="WrongProver"):
            provers.verify(Prover.TRANSACTION_BEGIN, keccak(words), words + m.cursor.encode() + data[544:])


WORST: dict[str, tuple[dict[str, Any], int]] = {
    "data": ({"data": bytes(range(1, 256)) * 257}, 65_420),
    "one entry, all slots": ({}, 1_980),
    "entries without slots": ({}, 2_840),
    "entries of one slot": ({}, 1_165),
}


@pytest.mark.parametrize("name", WORST)
def test_worst_case_gas(provers: Provers, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As long as a packed transaction may be. On L1 it must fit 10M gas, calldata included."""
    fields, count = WORST[name]
    fields = {"gas_limit": Gas(2**24), "to": CONTRACT} | fields
    if name == "data":
        fields["data"] = fields["data"][:count]
    else:
        slots = {"one entry, all slots": count, "entries without slots": 0, "entries of one slot": 1}[name]
        entries = 1 if slots == count else count
        keys = tuple(Hash(keccak(number.to_bytes(2))) for number in range(slots))
        fields["access_list"] = tuple((Address(keccak(number.to_bytes(3))[:20]), keys) for number in range(entries))
    case = Case(fields, {"origin_base_fee": Wei(1), "gas_used": Gas(0)})
    size = len(pack(case.transaction()))
    assert MAX_PACKED_BYTES - 400 < size <= MAX_PACKED_BYTES
    m = machine_at(rlp.encode(pack(case.transaction())), case.block_state(), case.sender, before=b"\1" * 131_101)
    proven = judge(provers, m)
    assert proven.outcome == OK
    gas, data = provers.gas(proven), call_data(VERIFY, proven.before, proven.witness[1:])
    with capsys.disabled():
        print(
            f"\nTX_BEGIN, {name}: {gas} gas, {call_gas(data)} of calldata, {len(proven.witness)} bytes of witness",
            end="",
        )
    assert gas + call_gas(data) < 10_000_000 < GAS


def test_usual_gas(provers: Provers, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a transfer", "type 2 with an access list and data"):
        proven = judge(provers, VALID[name].machine())
        gas, size = provers.gas(proven), len(proven.witness)
        with capsys.disabled():
            print(f"\nTX_BEGIN, {name}: {gas} gas, {size} bytes of witness", end="")
        assert gas < 200_000 and size < 8_000
