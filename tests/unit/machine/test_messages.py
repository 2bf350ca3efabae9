"""MESSAGE_SCAN and MESSAGE_LOAD, judged with the real inbox: which messages a block takes, and how each one begins."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from tandem.chain.spec import FEE_VAULT, GenesisAccount
from tandem.evm.validation import intrinsic_gas
from tandem.inbox.queues import L1Context, Message, QueuedMessage
from tandem.machine import messages
from tandem.machine.chain import Ancestry, Chain, Overlay
from tandem.machine.machine import Machine
from tandem.machine.modes import AccessTag, Mode, Prover
from tandem.machine.state_trees import PRECOMPILES, PRESENT, access_key, read_account
from tandem.machine.stepping import Proven, prove
from tandem.machine.structures import BlockState, Cursor, End, Scan, State, Warm, World
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, ZERO_HASH, Address, Gas, Hash, Seconds, Wei
from tandem.state import tree
from tandem.state.tables import StateTables
from tests.support.chain import ETHER, START
from tests.support.revm import GAS, Reverted, call_data
from tests.unit.machine.on_inbox import OneChain, make_chain
from tests.unit.machine.support import BLOCK, VERIFY, make_state

RICH, NEW, CONTRACT = Address(b"\x21" * 20), Address(b"\x22" * 20), Address(b"\x23" * 20)
IDENTITY = Address(bytes(19) + b"\x04")
STRANGERS = {Address(keccak(bytes([number]))[:20]): GenesisAccount(Wei(number + 1)) for number in range(40)}
ACCOUNTS = STRANGERS | {
    RICH: GenesisAccount(Wei(10 * ETHER), 4),
    CONTRACT: GenesisAccount(Wei(7), 1, b"\x60\x00", ((1, 2),)),
    FEE_VAULT: GenesisAccount(nonce=1, code=b"\x00"),
}
MAX_DATA = 65_536


@pytest.fixture(scope="module")
def chain() -> OneChain:
    return make_chain()


def machine(
    chain: OneChain,
    mode: Mode,
    cursor: Cursor,
    aux: Scan | None = None,
    *,
    accounts: Mapping[Address, GenesisAccount] = ACCOUNTS,
    block: BlockState = BLOCK,
) -> Machine:
    """A machine before a step of these two kinds."""
    tables, root = make_state(accounts)
    surroundings = Chain(Overlay(tables.preimages), chain.parameters, chain.inbox, Ancestry())
    block = replace(block, state_root=root, coinbase=FEE_VAULT)
    return Machine(surroundings, State(mode, block, cursor, aux=aux))


# -- MESSAGE_SCAN


def scanning(chain: OneChain, index: int, limit: int, gas: int = 0, wanted: int = 0) -> Machine:
    """A machine that asks whether its block takes message `index`."""
    cursor = Cursor(2, 9, max(0, index - 1), limit + 1, Seconds(START), block_messages_end=index)
    return machine(chain, Mode.SCAN, cursor, Scan(wanted, limit, gas))


def scan(chain: OneChain, m: Machine) -> Proven:
    return chain.provers.check(m, Prover.MESSAGES, messages.scan)


@pytest.mark.parametrize("slack", [0, 1, 10**6])
def test_a_message_that_fits_is_taken(chain: OneChain, slack: int) -> None:
    queued = chain.inbox.enqueue(RICH, NEW, gas=123_456)
    gas = BLOCK.gas_limit - 123_456 - slack
    m = scanning(chain, queued.index, queued.index + 1, gas, 5)
    before = m.block
    assert scan(chain, m).outcome == "taken"
    assert isinstance(before, BlockState)
    assert m.block == replace(before, origin=queued.message.context)
    assert (m.mode, m.aux) == (Mode.SCAN, Scan(5, queued.index + 1, gas + 123_456))
    assert m.cursor.block_messages_end == queued.index + 1 and m.cursor.messages == max(0, queued.index - 1)


@pytest.mark.parametrize("over", [1, 123_456])
def test_a_message_that_does_not_fit_is_left(chain: OneChain, over: int) -> None:
    queued = chain.inbox.enqueue(RICH, NEW, gas=123_456)
    m = scanning(chain, queued.index, queued.index + 1, BLOCK.gas_limit - 123_456 + over)
    assert scan(chain, m).outcome == "no room"
    assert (m.mode, m.aux, m.cursor.block_messages_end) == (Mode.ITEM, None, queued.index)


@pytest.mark.parametrize(
    ("parent", "origin", "wanted", "time"),
    [(5, 4, 3, 5), (4, 5, 3, 5), (4, 3, 5, 5), (5, 5, 5, 5), (5, 5, 4, 5), (0, 0, 2**65, 2**65)],
)
def test_the_block_has_the_latest_of_its_times(
    chain: OneChain, parent: int, origin: int, wanted: int, time: int
) -> None:
    context = L1Context(3, keccak(b"origin"), Seconds(origin), Wei(2))
    m = scanning(chain, 3, 3, wanted=wanted)
    assert isinstance(m.block, BlockState)
    m.block = replace(m.block, timestamp=Seconds(parent), origin=context)
    before = m.block
    assert scan(chain, m).outcome == "no more"
    randao = keccak(before.prev_randao + context.hash)
    assert m.block == replace(before, timestamp=Seconds(time), prev_randao=randao)
    assert m.mode == Mode.ITEM


@pytest.mark.parametrize("gas", [0, BLOCK.gas_limit], ids=["taken", "no room"])
def test_a_scan_bears_no_damage(chain: OneChain, gas: int) -> None:
    index = chain.inbox.enqueue(RICH, NEW, mint=ETHER, value=1, data=b"\x01\x02").index
    proven = scan(chain, scanning(chain, index, index + 1, gas))
    assert chain.provers.damage(proven).other == 0
    assert chain.provers.starve(proven) > 50


def test_the_end_of_a_scan_bears_no_damage(chain: OneChain) -> None:
    proven = scan(chain, scanning(chain, 3, 3))
    assert chain.provers.damage(proven).other == 0
    assert chain.provers.starve(proven) > 50


def test_another_message_is_refused(chain: OneChain) -> None:
    first, second = chain.inbox.enqueue(RICH, NEW), chain.inbox.enqueue(RICH, CONTRACT)
    m = scanning(chain, first.index, second.index + 1)
    assert isinstance(m.block, BlockState) and isinstance(m.aux, Scan)
    opened = m.words() + m.cursor.encode() + m.block.encode() + m.aux.encode()
    with pytest.raises(Reverted, match="WrongOpening"):
        chain.provers.verify(Prover.MESSAGES, m.hash(), opened + second.message.head())
    for index in (len(chain.inbox.messages), 2**64 - 1, 2**64 + first.index, 2**256 - 1):
        m.cursor = replace(m.cursor, block_messages_end=index)
        opened = m.words() + m.cursor.encode() + m.block.encode() + m.aux.encode()
        with pytest.raises(Reverted):
            chain.provers.verify(Prover.MESSAGES, m.hash(), opened + first.message.head())


# -- MESSAGE_LOAD


def loading(chain: OneChain, queued: QueuedMessage, accounts: Mapping[Address, GenesisAccount] = ACCOUNTS) -> Machine:
    """A machine whose block has taken a message and is about to begin it."""
    cursor = Cursor(2, 9, queued.index, queued.index + 1, Seconds(START), block_messages_end=queued.index + 1)
    return machine(chain, Mode.ITEM, cursor, accounts=accounts)


def load(chain: OneChain, m: Machine) -> Proven:
    return chain.provers.check(m, Prover.MESSAGES, messages.load)


@dataclass(frozen=True)
class Case:
    """A message as the bridge queues it."""

    sender: Address = RICH
    to: Address | None = CONTRACT
    mint: int = 0
    value: int = 0
    gas: int = 100_000
    data: bytes = b""

    def queue(self, chain: OneChain) -> QueuedMessage:
        return chain.inbox.enqueue(self.sender, self.to, mint=self.mint, value=self.value, gas=self.gas, data=self.data)


CASES = {
    "call": Case(value=3, data=b"\x01\0\x02"),
    "creation": Case(to=None, data=b"\x60\0" * 40, gas=200_000),
    "creation of nothing": Case(to=None),
    "mint": Case(mint=5 * ETHER, value=ETHER),
    "new sender": Case(NEW, mint=1, value=1),
    "new sender without funds": Case(NEW),
    "all that is there": Case(value=10 * ETHER),
    "to itself": Case(to=RICH, value=1),
    "to the coinbase": Case(to=FEE_VAULT, value=1),
    "from the coinbase": Case(FEE_VAULT, mint=2, value=1),
    "from a contract": Case(CONTRACT, mint=2, value=1),
    "to a precompile": Case(to=IDENTITY, data=b"\x05"),
    "to nobody": Case(to=ZERO_ADDRESS, value=1),
    "just enough gas": Case(gas=21_000 + 16 * 33, data=b"\x01" * 33),
    "most gas": Case(gas=2**24),
    "largest mint": Case(NEW, mint=2**256 - 1, value=2**256 - 1),
    "no byte": Case(data=b""),
    "a zero byte": Case(data=b"\0"),
    "a byte below 0x80": Case(data=b"\x7f"),
    "a byte": Case(data=b"\x80"),
    "55 bytes": Case(data=b"\x01" * 55),
    "56 bytes": Case(data=b"\0" * 56),
    "255 bytes": Case(data=b"\x01" * 255),
    "256 bytes": Case(data=b"\0\x01" * 128),
    "65,535 bytes": Case(data=random.Random(1).randbytes(MAX_DATA - 1), gas=2 * 10**6),
    "65,536 bytes": Case(data=random.Random(2).randbytes(MAX_DATA), gas=2 * 10**6),
    "longest init code": Case(to=None, data=random.Random(3).randbytes(49_152), gas=2 * 10**6),
}


def warm_addresses(case: Case) -> Hash:
    """Root of the access set that the message starts with."""
    addresses = {case.sender, FEE_VAULT} | ({case.to} if case.to is not None else set())
    keys = {
        access_key(AccessTag.ADDRESS, address): PRESENT
        for address in addresses
        if int.from_bytes(address, "big") not in PRECOMPILES
    }
    return tree.update(StateTables().preimages, ZERO_HASH, dict(keys))


def credited(case: Case) -> Hash:
    """Root of the state with the mint and the nonce, built anew."""
    before = ACCOUNTS.get(case.sender, GenesisAccount())
    after = replace(before, balance=Wei(before.balance + case.mint), nonce=before.nonce + 1)
    return make_state(ACCOUNTS | {case.sender: after})[1]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_message_begins(chain: OneChain, case: Case) -> None:
    queued = case.queue(chain)
    m = loading(chain, queued)
    cursor, block = m.cursor, m.block
    assert isinstance(block, BlockState)
    assert load(chain, m).outcome == "ok"
    assert m.world == World(credited(case), warm_addresses(case))
    transaction = queued.message.transaction(queued.accumulator)
    assert m.tx is not None
    assert (m.tx.kind, m.tx.transaction_hash, m.tx.origin) == (0x7E, transaction.hash, case.sender)
    assert (m.tx.gas_price, m.tx.gas_limit, m.tx.value) == (0, case.gas, case.value)
    assert (m.tx.start_root, m.tx.blob_hashes) == (block.state_root, ZERO_HASH)
    assert (m.tx.is_creation, m.tx.to) == (case.to is None, case.to or ZERO_ADDRESS)
    assert m.tx.nonce == ACCOUNTS.get(case.sender, GenesisAccount()).nonce
    assert (m.tx.input.bytes(), m.tx.input.offset) == (case.data, 0)
    assert m.aux == Warm(0, 0, 0, ZERO_ADDRESS, case.gas - intrinsic_gas(case.data, case.to is None))
    assert (m.mode, m.cursor, m.block) == (Mode.WARM, replace(cursor, messages=queued.index + 1), block)


@pytest.mark.parametrize(
    "case",
    [Case(value=10 * ETHER + 1), Case(NEW, value=1), Case(NEW, mint=5, value=6), Case(to=None, value=2**256 - 1)],
)
def test_value_that_is_not_there_ends_a_message(chain: OneChain, case: Case) -> None:
    m = loading(chain, case.queue(chain))
    assert load(chain, m).outcome == "no balance"
    assert (m.mode, m.aux) == (Mode.END, End(0, 0))
    assert m.world is not None and m.world.state_root == credited(case)


@pytest.mark.parametrize(("to", "least"), [(CONTRACT, 21_000 + 16 + 4), (None, 53_000 + 16 + 4 + 2)])
@pytest.mark.parametrize("short", [0, 1, 20_000])
def test_gas_that_is_not_there_ends_a_message(chain: OneChain, to: Address | None, least: int, short: int) -> None:
    """The inbox refuses such; should another version of it not, they have an outcome all the same."""
    context = L1Context(3, keccak(b"origin"), Seconds(START), Wei(2))
    message = Message(RICH, to, Wei(9), Wei(1), Gas(least - short), b"\0\x01", context)
    m = loading(chain, chain.inbox.plant(message))
    assert load(chain, m).outcome == ("intrinsic gas" if short else "ok")
    assert m.aux == (End(0, 0) if short else Warm(0, 0, 0, ZERO_ADDRESS, 0))
    assert m.world is not None
    assert read_account(m, m.world.state_root, RICH).balance == 10 * ETHER + 9


@pytest.mark.parametrize("name", ["call", "creation", "new sender", "to a precompile", "to itself", "a byte"])
def test_a_load_bears_no_damage(chain: OneChain, name: str) -> None:
    proven = load(chain, loading(chain, CASES[name].queue(chain)))
    assert chain.provers.damage(proven).other == 0
    assert chain.provers.starve(proven) > 50


def test_a_failing_load_bears_no_damage(chain: OneChain) -> None:
    proven = load(chain, loading(chain, Case(NEW, mint=1, value=2).queue(chain)))
    assert chain.provers.damage(proven).other == 0
    assert chain.provers.starve(proven) > 50


def test_a_long_load_bears_no_damage(chain: OneChain) -> None:
    proven = load(chain, loading(chain, CASES["65,536 bytes"].queue(chain)))
    assert chain.provers.damage(proven, every=701).other == 0
    assert chain.provers.starve(proven, steps=20) > 15


def test_a_block_without_messages_left_loads_none(chain: OneChain) -> None:
    queued = Case().queue(chain)
    proven = prove(loading(chain, queued), Prover.MESSAGES, messages.load)
    m = loading(chain, queued)
    m.cursor = replace(m.cursor, block_messages_end=queued.index)
    tape = m.words() + m.cursor.encode() + proven.witness[1 + 17 * 32 :]
    with pytest.raises(Reverted, match="WrongProver"):
        chain.provers.verify(Prover.MESSAGES, m.hash(), tape)


def test_other_modes_are_refused(chain: OneChain) -> None:
    m = loading(chain, Case().queue(chain))
    assert isinstance(m.block, BlockState)
    for mode in Mode:
        if mode in (Mode.SCAN, Mode.ITEM):
            continue
        m.mode = mode
        with pytest.raises(Reverted, match="WrongMode"):
            chain.provers.verify(Prover.MESSAGES, m.hash(), m.words() + m.cursor.encode() + m.block.encode())


# -- what they cost


def cost(chain: OneChain, proven: Proven) -> int:
    """Gas of judging a step, with the calldata, without a transaction's 21,000."""
    data = call_data(VERIFY, proven.before, proven.witness[1:])
    chain.provers.revm.call(chain.provers.address(Prover.MESSAGES), data, GAS)
    return chain.provers.revm.gas_used - 21_000


def test_the_longest_message_fits_a_transaction(chain: OneChain) -> None:
    proven = load(chain, loading(chain, CASES["65,536 bytes"].queue(chain)))
    assert cost(chain, proven) < 2_000_000


def test_a_typical_message_is_cheap(chain: OneChain) -> None:
    proven = load(chain, loading(chain, CASES["mint"].queue(chain)))
    assert cost(chain, proven) < 150_000
    assert len(proven.witness) < 4_096
    index = chain.inbox.enqueue(RICH, NEW).index
    assert cost(chain, scan(chain, scanning(chain, index, index + 1))) < 75_000
