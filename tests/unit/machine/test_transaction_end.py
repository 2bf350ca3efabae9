"""Prover 9: access lists, the transaction's message, its end, and the contracts that it destroyed."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tandem.batch.packed import pack
from tandem.chain.spec import GenesisAccount
from tandem.inbox.queues import accumulate
from tandem.machine import transaction_end
from tandem.machine.chain import Ancestry, Chain, NoInbox, Overlay
from tandem.machine.fast import skip_item
from tandem.machine.machine import Machine
from tandem.machine.modes import AccessTag, Flag, Mode, Prover
from tandem.machine.state_trees import access_key
from tandem.machine.stepper import at_boundary, kind_of, step
from tandem.machine.stepping import Proven, StepFunction, prove
from tandem.machine.structures import (
    Aux,
    BlockState,
    CallMessage,
    CreateMessage,
    Cursor,
    End,
    State,
    Tx,
    Warm,
    World,
)
from tandem.machine.tape import Tape
from tandem.machine.word_tree import Slice, WordTree
from tandem.primitives import rlp
from tandem.primitives.hashing import address_word, keccak, word
from tandem.primitives.types import ZERO_ADDRESS, ZERO_HASH, Address, Gas, Hash, Wei
from tandem.state import tree
from tandem.state.tables import MemoryTable, StateTables
from tandem.transactions.codec import UnsignedTransaction
from tandem.transactions.transaction import DEPOSIT, DYNAMIC_FEE, AccessList
from tests.support.revm import Reverted
from tests.unit.machine.on_state import FEW_BYTES, LITTLE_GAS, account_address, changed, many_accounts, push
from tests.unit.machine.support import (
    BLOCK,
    CHAIN_ID,
    CONTRACT,
    CURSOR,
    LOGS,
    ORIGIN,
    PARAMETERS,
    TX,
    VAULT,
    Provers,
    make_state,
    slice_of,
)

FUNCTIONS: dict[Mode, StepFunction] = {
    Mode.WARM: transaction_end.warm_next,
    Mode.END: transaction_end.end,
    Mode.SWEEP: transaction_end.sweep,
}
LIST_AT = 77
"""Where the access list's items stand in the batch."""
GAS = 1_234_567
BASE_FEE_BURNT = replace(BLOCK, flags=Flag.BURN_BASE_FEE)


def machine(
    mode: Mode,
    *,
    aux: Aux | None = None,
    tx: Tx | None = TX,
    block: BlockState = BLOCK,
    state: tuple[StateTables, Hash] | None = None,
    data: Slice | None = None,
    **world: Any,
) -> Machine:
    """A machine that is about to take one of these steps; without a frame."""
    tables, root = state or many_accounts()
    cursor = replace(CURSOR, data=data) if data is not None else CURSOR
    began = World(root, log_acc=LOGS[0], log_count=LOGS[1], **world)
    chain = Chain(Overlay(tables.preimages), PARAMETERS, NoInbox(), Ancestry())
    return Machine(chain, State(mode, block, cursor, began, None, tx, aux))


def judge(m: Machine, provers: Provers) -> Proven:
    """The next step, judged."""
    return provers.check(m, Prover.TRANSACTION_END, FUNCTIONS[m.mode])


# -- TX_WARM


def items_of(access_list: AccessList) -> bytes:
    """The list's RLP without its header."""
    return b"".join([rlp.encode([address, list(slots)]) for address, slots in access_list])


def warming(access_list: AccessList, tx: Tx = TX) -> Machine:
    """A machine at the head of a list that stands amid other bytes."""
    items = items_of(access_list)
    batch = b"\xb7" * LIST_AT + items + b"\xc1" * 90
    aux = Warm(LIST_AT, LIST_AT + len(items), 0, ZERO_ADDRESS, GAS) if items else Warm(0, 0, 0, ZERO_ADDRESS, GAS)
    return machine(Mode.WARM, aux=aux, tx=tx, data=Slice.of(WordTree(batch), 0, len(batch)))


def warmed(access_list: AccessList) -> Hash:
    """Root of the access set with just these addresses and slots; precompiles always are warm."""
    keys = {
        access_key(AccessTag.ADDRESS, address)
        for address, _ in access_list
        if not 1 <= int.from_bytes(address, "big") <= 10
    } | {
        access_key(AccessTag.SLOT, address, int.from_bytes(slot, "big"))
        for address, slots in access_list
        for slot in slots
    }
    return tree.update(MemoryTable(), ZERO_HASH, dict.fromkeys(keys, word(1)))


def slots_of(*numbers: int) -> tuple[Hash, ...]:
    """Words."""
    return tuple(Hash(word(number)) for number in numbers)


A, B = account_address(1), account_address(2)
PRECOMPILE = Address(bytes(19) + b"\x09")
LISTS: dict[str, AccessList] = {
    "none": (),
    "an address": ((A, ()),),
    "no address, no slot": ((ZERO_ADDRESS, slots_of(0)),),
    "an entry with a long header": ((A, slots_of(1)),),
    "two bytes of length": ((A, slots_of(*range(8))), (B, ())),
    "three bytes of length": ((B, ()), (A, slots_of(*range(2_000)))),
    "twice the same": ((A, slots_of(1, 1, 2)), (A, slots_of(2, 3)), (A, ())),
    "the last slot": ((A, slots_of(2**256 - 1, 2**255)), (Address(b"\xff" * 20), slots_of(2**256 - 1))),
    "a precompile": ((PRECOMPILE, slots_of(4)), (Address(bytes(19) + b"\x0b"), ())),
}


@pytest.mark.parametrize("name", LISTS)
def test_everything_on_the_list_becomes_warm(name: str, provers: Provers) -> None:
    access_list = LISTS[name]
    m = warming(access_list)
    seen: Counter[str] = Counter()
    long = sum(len(slots) for _, slots in access_list) > 100
    position = -1
    while m.mode == Mode.WARM:
        assert isinstance(m.aux, Warm) and m.aux.position > position
        position = m.aux.position
        if long and sum(seen.values()) % 100:
            seen[prove(m, Prover.TRANSACTION_END, FUNCTIONS[m.mode]).outcome] += 1
        else:
            seen[judge(m, provers).outcome] += 1
    assert m.world is not None and m.world.access_root == warmed(access_list)
    slots = sum(len(slots) for _, slots in access_list)
    assert seen["address"] + seen["address, known"] == len(access_list)
    assert seen["slot"] + seen["slot, known"] == slots
    assert seen["call"] == 1 and sum(seen.values()) == len(access_list) + slots + 1
    assert ("slot, known" in seen) == ("address, known" in seen) == (name == "twice the same") or "pre" in name


def test_any_list(provers: Provers) -> None:
    rng = random.Random(9)
    for _ in range(25):
        access_list = tuple(
            (
                rng.choice((A, B, PRECOMPILE, Address(rng.randbytes(20)))),
                slots_of(*(rng.randrange(6) for _ in range(n))),
            )
            for n in (rng.choice((0, 1, 2, 7, 8, 9)) for _ in range(rng.randrange(5)))
        )
        m = warming(access_list)
        while m.mode == Mode.WARM:
            judge(m, provers)
        assert m.world is not None and m.world.access_root == warmed(access_list)


@pytest.mark.parametrize("data", (b"", b"calldata of some length " * 3))
@pytest.mark.parametrize("access_list", ((), LISTS["an address"]))
def test_the_message_of_a_transaction(data: bytes, access_list: AccessList, provers: Provers) -> None:
    view = slice_of(data)
    called = replace(TX, value=Wei(77), input=view, nonce=9)
    for tx, mode, message in (
        (called, Mode.CALL, CallMessage(False, ORIGIN, CONTRACT, CONTRACT, 77, True, GAS, view, 0, 0)),
        (
            replace(called, is_creation=True, to=ZERO_ADDRESS),
            Mode.CREATE,
            CreateMessage(ORIGIN, 77, GAS, 9, False, 0, view),
        ),
    ):
        m = warming(access_list, tx)
        for _ in access_list:
            judge(m, provers)
        assert judge(m, provers).outcome == ("call" if mode == Mode.CALL else "creation")
        assert (m.mode, m.aux, m.tx, m.frame) == (mode, message, tx, None)


@pytest.mark.parametrize("first", (0x00, 0x80, 0x94, 0xB8, 0xC0, 0xD4, 0xF7, 0xFF))
def test_what_is_no_list_is_not_walked(first: int, provers: Provers) -> None:
    """No such state is ever reached, for TX_BEGIN has read the list."""
    batch = bytes([first]) * 200
    aux = Warm(50, 90, 0, ZERO_ADDRESS, GAS)
    m = machine(Mode.WARM, aux=aux, data=Slice.of(WordTree(batch), 0, len(batch)))
    m.tape = tape = Tape()
    aux = m.read_aux(Warm)
    batch_tree = m.read_cursor().data.tree
    assert batch_tree is not None
    tape.bytes(batch_tree, aux.position, min(transaction_end.HEAD_BYTES, aux.list_end - aux.position))
    m.read_world()
    with pytest.raises(Reverted, match="NotCanonical"):
        provers.verify(Prover.TRANSACTION_END, m.hash(), m.words() + bytes(tape.data))


# -- TX_END

PEOPLE = {
    ORIGIN: GenesisAccount(Wei(5 * 10**17), 5),
    VAULT: GenesisAccount(Wei(10**18)),
    CONTRACT: GenesisAccount(Wei(3), 1, b"\x00", ((1, 2),)),
    A: GenesisAccount(Wei(1)),
}


def paid(**amounts: int) -> Hash:
    """Root of the state of these people, some with more."""
    names = {"origin": ORIGIN, "vault": VAULT}
    accounts = dict(PEOPLE)
    for name, amount in amounts.items():
        before = accounts[names[name]]
        accounts[names[name]] = replace(before, balance=Wei(before.balance + amount))
    return changed(accounts)


def receipt(status: int, used: int) -> Hash:
    """receiptHash."""
    return keccak(word(status) + word(used) + word(LOGS[1]) + LOGS[0])


def ending(gas_left: int, refund: int = 0, status: int = 1, tx: Tx = TX, **other: Any) -> Machine:
    """A machine in END."""
    other.setdefault("state", make_state(PEOPLE))
    return machine(Mode.END, aux=End(status, gas_left), tx=tx, refund=refund, **other)


@pytest.mark.parametrize("status", (0, 1))
@pytest.mark.parametrize("burnt", (False, True))
@pytest.mark.parametrize(
    ("gas_left", "refund", "used"),
    (
        (0, 0, 5_000_000),
        (4_979_000, 0, 21_000),
        (4_979_000, 4_199, 16_801),
        (4_979_000, 4_200, 16_800),
        (4_979_000, 4_201, 16_800),
        (4_979_000, 2**255, 16_800),
        (4_978_996, 4_800, 16_804),
        (0, 4_800, 4_995_200),
    ),
)
def test_what_a_transaction_pays(
    gas_left: int, refund: int, used: int, burnt: bool, status: int, provers: Provers
) -> None:
    block = BASE_FEE_BURNT if burnt else replace(BLOCK, flags=5)
    m = ending(gas_left, refund, status, block=block)
    assert judge(m, provers).outcome == "signed"
    fee = used * (TX.gas_price - (block.base_fee if burnt else 0))
    assert m.block == replace(
        block,
        gas_used=Gas(block.gas_used + used),
        transactions_acc=accumulate(block.transactions_acc, TX.transaction_hash),
        receipts_acc=accumulate(block.receipts_acc, receipt(status, used)),
        state_root=paid(origin=(TX.gas_limit - used) * TX.gas_price, vault=fee),
    )
    assert (m.mode, m.world, m.tx, m.frame, m.aux, m.cursor) == (Mode.ITEM, None, None, None, None, CURSOR)


def test_a_message_pays_nothing(provers: Provers) -> None:
    """Its gas is not the block's, but its receipt tells it, refund and all."""
    tx = replace(TX, kind=DEPOSIT, gas_price=Wei(0))
    m = ending(4_979_000, 9_000, 0, tx)
    assert judge(m, provers).outcome == "message"
    assert m.block == replace(
        BLOCK,
        transactions_acc=accumulate(BLOCK.transactions_acc, TX.transaction_hash),
        receipts_acc=accumulate(BLOCK.receipts_acc, receipt(0, 16_800)),
        state_root=paid(),
    )


def test_the_coinbase_is_the_sender(provers: Provers) -> None:
    m = ending(4_979_000, block=replace(BLOCK, coinbase=ORIGIN))
    judge(m, provers)
    assert isinstance(m.block, BlockState)
    assert m.block.state_root == paid(origin=TX.gas_limit * TX.gas_price)


def test_a_coinbase_that_is_not_there(provers: Provers) -> None:
    """It comes to be by its fee; by no fee it does not (EIP-161)."""
    block = replace(BASE_FEE_BURNT, coinbase=B, base_fee=Wei(11))
    m = ending(0, block=block)
    judge(m, provers)
    assert isinstance(m.block, BlockState) and m.block.state_root == paid()
    m = ending(0, block=replace(block, base_fee=Wei(10)))
    judge(m, provers)
    assert isinstance(m.block, BlockState)
    assert m.block.state_root == changed(PEOPLE | {B: GenesisAccount(Wei(5_000_000))})


def test_a_price_of_nothing(provers: Provers) -> None:
    m = ending(100, tx=replace(TX, gas_price=Wei(0)), block=replace(BASE_FEE_BURNT, base_fee=Wei(0)))
    judge(m, provers)
    assert isinstance(m.block, BlockState) and m.block.state_root == paid()


# -- SELFDESTRUCT_SWEEP


def doom(m: Machine, addresses: Sequence[Address]) -> None:
    """As SELFDESTRUCT does, in that order."""
    assert m.world is not None
    doomed = m.world.doomed
    for address in addresses:
        link = doomed + address_word(address)
        doomed = keccak(link)
        m.chain.nodes.put(doomed, link)
    m.world = replace(m.world, doomed=doomed)


@pytest.mark.parametrize(
    "addresses",
    (
        (CONTRACT,),
        (B,),
        (CONTRACT, A),
        (A, CONTRACT, A),
        (A, A, A),
        (VAULT, A, CONTRACT),
        (VAULT, ORIGIN, A, CONTRACT),
        (B, CONTRACT, ZERO_ADDRESS),
    ),
)
def test_the_doomed_are_swept(addresses: tuple[Address, ...], provers: Provers) -> None:
    """Last in, first out; absent ones and those swept already are no matter. The fee is paid before."""
    m = ending(0)
    doom(m, addresses)
    assert judge(m, provers).outcome == "signed, to sweep"
    assert (m.mode, m.tx, m.frame, m.aux) == (Mode.SWEEP, None, None, None)
    assert isinstance(m.block, BlockState) and m.block.state_root == BLOCK.state_root
    outcomes = []
    while m.mode == Mode.SWEEP:
        outcomes.append(judge(m, provers).outcome)
    assert outcomes == ["more"] * (len(addresses) - 1) + ["last"]
    vault = PEOPLE[VAULT]
    left = PEOPLE | {VAULT: replace(vault, balance=Wei(vault.balance + TX.gas_limit * TX.gas_price))}
    left = {address: account for address, account in left.items() if address not in addresses}
    assert isinstance(m.block, BlockState) and m.block.state_root == changed(left)
    assert (m.mode, m.world, m.aux) == (Mode.ITEM, None, None)


def test_a_message_sweeps_too(provers: Provers) -> None:
    m = ending(0, tx=replace(TX, kind=DEPOSIT))
    doom(m, (CONTRACT,))
    assert judge(m, provers).outcome == "message, to sweep"
    assert judge(m, provers).outcome == "last"
    left = {address: account for address, account in PEOPLE.items() if address != CONTRACT}
    assert isinstance(m.block, BlockState) and m.block.state_root == changed(left)


# -- whole transactions beside the engine

SECRET = keccak(b"a sender's key")
CLEARER = account_address(77)
"""Clears three slots of its storage, and writes a fourth."""
SUICIDAL_CHILDREN = (
    push(0x5FFF, 2) + b"\x5f\x52" + (b"\x60\x02\x60\x1e\x5f\xf0\x50") * 3 + push(int.from_bytes(A, "big"), 20) + b"\xff"
)
"""Init code: makes three contracts that destroy themselves, then destroys its own."""


def transaction(to: Address | None, data: bytes = b"", access_list: AccessList = (), value: int = 0) -> bytes:
    """A signed transaction, packed."""
    signed = UnsignedTransaction(
        DYNAMIC_FEE, CHAIN_ID, 0, Wei(2), Wei(100), Gas(900_000), to, Wei(value), data, access_list
    ).sign(SECRET)
    return pack(signed)


def sender() -> Address:
    """Whose key it is."""
    return UnsignedTransaction(DYNAMIC_FEE, CHAIN_ID, 0, Wei(2), Wei(100), Gas(0), A, Wei(0)).sign(SECRET).sender


def before(packed: bytes, block: BlockState) -> Machine:
    """A machine whose next item is the transaction."""
    clears = b"".join(b"\x5f" + push(slot, 1) + b"\x55" for slot in range(3)) + push(9, 1) + push(3, 1) + b"\x55"
    slots = tuple((slot, 8) for slot in range(3))
    tables, root = make_state(
        PEOPLE | {sender(): GenesisAccount(Wei(10**18)), CLEARER: GenesisAccount(Wei(0), 1, clears, slots)}
    )
    data = rlp.encode([[b"", b"", [packed]]])
    position = len(data) - len(rlp.encode(packed))
    cursor = Cursor(0, 1, 0, data=Slice.of(WordTree(data), 0, len(data)), position=position, list_end=len(data))
    block = replace(block, state_root=root, flags=block.flags | Flag.UNPROTECTED, data_gas_per_byte=Gas(0))
    chain = Chain(Overlay(tables.preimages), PARAMETERS, NoInbox(), Ancestry())
    return Machine(chain, State(Mode.ITEM, block, cursor))


@pytest.mark.parametrize("burnt", (False, True))
@pytest.mark.parametrize(
    ("packed", "sweeps"),
    (
        (transaction(A, value=5), 0),
        (transaction(B), 0),
        (transaction(CLEARER, access_list=((CLEARER, slots_of(0, 2, 7)), (B, ()))), 0),
        (transaction(None, SUICIDAL_CHILDREN, value=9), 4),
        (transaction(None, b"\x5f\x5f\xfd", LISTS["twice the same"]), 0),
        (transaction(None, b"\xfe", LISTS["a precompile"]), 0),
    ),
    ids=("a transfer", "a touch", "refunds", "sweeps", "a revert", "a halt"),
)
def test_a_transaction_ends_as_in_the_engine(packed: bytes, sweeps: int, burnt: bool, provers: Provers) -> None:
    block = replace(BASE_FEE_BURNT, coinbase=A) if burnt else BLOCK
    m, expected = before(packed, block), before(packed, block)
    skip_item(expected, packed)
    seen: Counter[str] = Counter()
    while True:
        kind = kind_of(m)
        if kind.prover == Prover.TRANSACTION_END:
            judge(m, provers)
            seen[kind.name] += 1
        else:
            step(m)
        if at_boundary(m):
            break
    assert isinstance(expected.block, BlockState) and expected.block.gas_used > BLOCK.gas_used
    assert m.block == expected.block
    assert seen["TX_END"] == 1 and seen["SELFDESTRUCT_SWEEP"] == sweeps


# -- damaged and starved; figures


def steps_to_damage() -> dict[str, Machine]:
    """One step for each way through the contract."""

    def walked(m: Machine, steps: int) -> Machine:
        for _ in range(steps):
            FUNCTIONS[m.mode](m)
        return m

    def among_many(*doomed: Address, **other: Any) -> Machine:
        tx = replace(TX, origin=account_address(3))
        m = ending(100, 4_800, state=many_accounts(), tx=tx, block=replace(BLOCK, coinbase=account_address(4)), **other)
        doom(m, doomed)
        return m

    creation = replace(TX, is_creation=True, to=ZERO_ADDRESS, input=slice_of(b"init code" * 9))
    return {
        "WARM: an address": warming(LISTS["two bytes of length"]),
        "WARM: the last address": walked(warming(LISTS["two bytes of length"]), 9),
        "WARM: a precompile": warming(LISTS["a precompile"]),
        "WARM: a slot": walked(warming(LISTS["three bytes of length"]), 60),
        "WARM: a known slot": walked(warming(LISTS["twice the same"]), 2),
        "WARM: a call": walked(warming(LISTS["an address"]), 1),
        "WARM: a creation": warming((), creation),
        "END": among_many(),
        "END, to sweep": among_many(A, B),
        "END of a message": ending(0, tx=replace(TX, kind=DEPOSIT)),
        "END, no coinbase": ending(0, block=replace(BASE_FEE_BURNT, coinbase=B, base_fee=Wei(11))),
        "SWEEP: more": walked(among_many(A, CONTRACT), 1),
        "SWEEP: last": walked(among_many(CONTRACT), 1),
        "SWEEP: absent": walked(among_many(account_address(9_999)), 1),
    }


@pytest.mark.parametrize("name", steps_to_damage())
def test_damaged_witnesses_prove_nothing_else(name: str, provers: Provers) -> None:
    done = provers.damage(judge(steps_to_damage()[name], provers))
    assert done.reverted > 0 and done.other == 0


@pytest.mark.parametrize("name", steps_to_damage())
def test_starved_of_gas_it_reverts(name: str, provers: Provers) -> None:
    assert provers.starve(judge(steps_to_damage()[name], provers)) > 0


@pytest.mark.parametrize("name", steps_to_damage())
def test_what_a_step_costs(name: str, provers: Provers) -> None:
    proven = judge(steps_to_damage()[name], provers)
    gas = provers.gas(proven)
    print(f"{name}: {proven.outcome}, {len(proven.witness)} bytes, {gas} gas")
    assert len(proven.witness) < FEW_BYTES and gas < LITTLE_GAS


def test_other_modes_are_refused(provers: Provers) -> None:
    for mode in Mode:
        if mode in FUNCTIONS:
            continue
        m = ending(0)
        m.mode = mode
        proven = prove(m, Prover.TRANSACTION_END, transaction_end.end)
        with pytest.raises(Reverted, match="WrongMode"):
            provers.verify(Prover.TRANSACTION_END, proven.before, proven.witness[1:])
