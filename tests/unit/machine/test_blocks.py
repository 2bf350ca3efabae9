"""BLOCK_BEGIN, BLOCK_END and HALT, judged: what a block inherits, its fee, its ancestors, its header."""

from dataclasses import replace
from typing import Any

import pytest

from tandem.chain.fees import MAX_BASE_FEE
from tandem.chain.header import Header
from tandem.chain.recent import recent_hashes
from tandem.chain.spec import FEE_VAULT
from tandem.evm.rules import TRANSACTION_GAS_CAP
from tandem.inbox.queues import L1Context
from tandem.machine import blocks
from tandem.machine.chain import Ancestry, Chain
from tandem.machine.machine import Machine
from tandem.machine.modes import Flag, Mode, Prover
from tandem.machine.stepping import Proven, prove
from tandem.machine.structures import BlockState, Cursor, Scan, State
from tandem.machine.word_tree import EMPTY_SLICE, Slice, WordTree
from tandem.primitives import rlp
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_HASH, Address, Gas, Hash, Seconds, Wei
from tests.support.chain import START
from tests.support.revm import GAS, Reverted, call_data, decode_result
from tests.unit.machine.on_inbox import OneChain, make_chain
from tests.unit.machine.support import BLOCK, VERIFY

GAS_LIMIT, ELASTICITY, DENOMINATOR, FLOOR, DRIFT = 30_000_000, 6, 250, 1_000, 600
TARGET = GAS_LIMIT // ELASTICITY
FEE = 50_000
TIME = START + 100
"""Of the parent and of the batch."""


@pytest.fixture(scope="module")
def chain() -> OneChain:
    return make_chain(min_base_fee=Wei(FLOOR))


def hash_of(number: int) -> Hash:
    """Hash of an earlier block."""
    return keccak(b"block %d" % number)


def parent(number: int = 1_000, **changes: Any) -> Header:
    """A block to build on."""
    header = Header(
        parent_hash=hash_of(number - 1),
        number=number,
        timestamp=Seconds(TIME),
        state_root=keccak(b"state"),
        transactions_acc=keccak(b"transactions"),
        receipts_acc=keccak(b"receipts"),
        gas_used=Gas(TARGET),
        gas_limit=Gas(GAS_LIMIT),
        base_fee=Wei(FEE),
        prev_randao=keccak(b"randao"),
        coinbase=Address(b"\x77" * 20),
        origin=L1Context(9, keccak(b"origin"), Seconds(TIME - 5), Wei(3)),
        messages_consumed=17,
        recent_hashes=recent_hashes(number, hash_of),
    )
    return replace(header, **changes)


def beginning(
    chain: OneChain, header: Header, decoded: bytes = b"", position: int = 0, messages: int = 17, end: int = 20
) -> Machine:
    """A machine between two blocks of a batch."""
    data = Slice.of(WordTree(decoded), 0, len(decoded)) if decoded else EMPTY_SLICE
    cursor = Cursor(3, 9, messages, end, Seconds(TIME), data, position, 0, 12)
    surroundings = Chain(chain.tables.preimages, chain.parameters, chain.inbox, Ancestry(hash_of))
    return Machine(surroundings, State(Mode.BLOCK, header, cursor))


def begin(chain: OneChain, m: Machine) -> Proven:
    return chain.provers.check(m, Prover.BLOCKS, blocks.begin)


def batch(time_delta: int, messages: int, *transactions: bytes) -> bytes:
    """Decoded bytes: a block, then another."""
    body = [[rlp.encode_int(time_delta), rlp.encode_int(messages), list(transactions)], [b"", b"", []]]
    return rlp.encode(body)


# -- BLOCK_BEGIN


def test_a_block_inherits_from_its_parent(chain: OneChain) -> None:
    header = parent()
    decoded = batch(5, 2, b"one", b"another", bytes(80))
    m = beginning(chain, header, decoded, 2)
    assert begin(chain, m).outcome == "ok"
    assert m.mode == Mode.SCAN
    assert m.block == BlockState(
        number=1_001,
        timestamp=header.timestamp,
        gas_limit=Gas(GAS_LIMIT),
        base_fee=Wei(FEE),
        prev_randao=header.prev_randao,
        coinbase=FEE_VAULT,
        origin=header.origin,
        gas_used=Gas(0),
        transactions_acc=ZERO_HASH,
        receipts_acc=ZERO_HASH,
        recent_hashes=recent_hashes(1_001, lambda number: header.hash if number == 1_000 else hash_of(number)),
        parent_hash=header.hash,
        state_root=header.state_root,
        chain_id=chain.parameters.chain_id,
        data_gas_per_byte=Gas(16),
        transaction_gas_cap=TRANSACTION_GAS_CAP,
        flags=Flag.UNPROTECTED | Flag.CAPPED_PRECOMPILES,
        blob_base_fee=Wei(1),
    )
    assert m.aux == Scan(TIME + 5, 19, 0)
    assert (m.cursor.position, m.cursor.list_end) == (len(decoded) - 4 - 4 - 8 - 82, len(decoded) - 4)
    assert (m.cursor.messages, m.cursor.block_messages_end, m.cursor.messages_end) == (17, 17, 20)


@pytest.mark.parametrize(
    ("time_delta", "wanted"),
    [(0, TIME), (1, TIME + 1), (DRIFT, TIME + DRIFT), (DRIFT + 1, TIME + DRIFT), (2**64 - 1, TIME + DRIFT)],
)
def test_a_blocks_time_may_not_run_ahead(chain: OneChain, time_delta: int, wanted: int) -> None:
    m = beginning(chain, parent(), batch(time_delta, 0), 1)
    begin(chain, m)
    assert isinstance(m.aux, Scan) and m.aux.wanted_time == wanted


@pytest.mark.parametrize(("messages", "limit"), [(0, 17), (2, 19), (3, 20), (4, 20), (2**64 - 1, 20)])
def test_a_block_takes_messages_up_to_the_batchs(chain: OneChain, messages: int, limit: int) -> None:
    m = beginning(chain, parent(), batch(1, messages, b"x"), 1)
    begin(chain, m)
    assert isinstance(m.aux, Scan) and m.aux.limit == limit


@pytest.mark.parametrize("decoded", [b"", batch(0, 0)], ids=["no blocks", "all blocks done"])
def test_messages_left_over_make_a_forced_block(chain: OneChain, decoded: bytes) -> None:
    m = beginning(chain, parent(timestamp=Seconds(TIME + 70)), decoded, len(decoded))
    assert begin(chain, m).outcome == "forced"
    assert m.aux == Scan(TIME, 20, 0)
    assert m.mode == Mode.SCAN and m.cursor.position == m.cursor.list_end == len(decoded)


@pytest.mark.parametrize("decoded", [b"", batch(0, 0)], ids=["no blocks", "all blocks done"])
def test_a_batch_ends(chain: OneChain, decoded: bytes) -> None:
    header = parent()
    m = beginning(chain, header, decoded, len(decoded), messages=20)
    assert begin(chain, m).outcome == "batch over"
    assert (m.mode, m.cursor, m.block, m.aux) == (Mode.BATCH, Cursor(4, 9, 20), header, None)


@pytest.mark.parametrize(
    ("fee", "used", "following"),
    [
        (FEE, TARGET, FEE),
        (FEE, GAS_LIMIT, FEE + FEE * 5 // 250),
        (FEE, TARGET + 1, FEE + 1),
        (FEE, 0, FEE - FEE // 250),
        (FEE, TARGET - 1, FEE),
        (FLOOR, 0, FLOOR),
        (FLOOR + 1, 0, FLOOR),
        (0, 0, FLOOR),
        (MAX_BASE_FEE, GAS_LIMIT, MAX_BASE_FEE),
        (MAX_BASE_FEE - 1, TARGET + 1, MAX_BASE_FEE),
        (MAX_BASE_FEE, 0, MAX_BASE_FEE - MAX_BASE_FEE // 250),
        (123_456_789_012, 3_456_789, 123_456_789_012 - 123_456_789_012 * (TARGET - 3_456_789) // TARGET // 250),
    ],
)
def test_the_base_fee_follows_the_gas_used(chain: OneChain, fee: int, used: int, following: int) -> None:
    m = beginning(chain, parent(base_fee=Wei(fee), gas_used=Gas(used)))
    begin(chain, m)
    assert isinstance(m.block, BlockState) and m.block.base_fee == following


@pytest.mark.parametrize("number", [0, 1, 2, 7, 254, 255, 256, 257, 511, 512, 10**9])
def test_the_parents_hash_joins_the_recent_ones(chain: OneChain, number: int) -> None:
    header = parent(number)
    m = beginning(chain, header)
    begin(chain, m)
    expected = recent_hashes(number + 1, lambda earlier: header.hash if earlier == number else hash_of(earlier))
    assert isinstance(m.block, BlockState) and m.block.recent_hashes == expected


def test_the_rules_are_the_chains() -> None:
    chain = make_chain(
        gas_limit=Gas(2**25), elasticity=3, base_fee_denominator=8, data_gas_per_byte=Gas(0), max_drift=Seconds(7),
        allow_unprotected=False,
    )  # fmt: skip
    m = beginning(chain, parent(gas_limit=Gas(2**25), gas_used=Gas(2**25)), batch(9, 0), 1)
    begin(chain, m)
    assert isinstance(m.block, BlockState) and isinstance(m.aux, Scan)
    assert (m.block.flags, m.block.data_gas_per_byte, m.block.gas_limit) == (Flag.CAPPED_PRECOMPILES, 0, 2**25)
    assert m.aux.wanted_time == TIME + 7
    assert m.block.base_fee > FEE * 5 // 4 - 10
    answer = chain.provers.revm.call(chain.provers.address(Prover.BLOCKS), call_data("parameters()"))
    assert decode_result("(uint256,uint256,uint256,uint256,uint256,uint256,uint256,bool)", answer) == (
        chain.parameters.chain_id, 2**25, 3, 8, chain.parameters.min_base_fee, 0, 7, False,
    )  # fmt: skip


def test_a_head_that_was_never_checked_has_no_proof(chain: OneChain) -> None:
    m = beginning(chain, parent(), b"\xc3\x80\x80\x80", 1)
    whole = prove(beginning(chain, parent(), b"\xc4\xc3\x80\x80\xc0", 1), Prover.BLOCKS, blocks.begin).witness
    head = 1 + 17 * 32
    word = m.cursor.data.bytes().ljust(32, b"\0")
    tape = m.words() + m.cursor.encode() + word + whole[head + 32 :]
    with pytest.raises(Reverted, match="NotCanonical"):
        chain.provers.verify(Prover.BLOCKS, m.hash(), tape)


BEGINNINGS = {
    "block": (batch(5, 2, bytes(60)), 2, 17),
    "forced": (b"", 0, 17),
    "over": (b"", 0, 20),
}


@pytest.mark.parametrize("number", [0, 1_000])
@pytest.mark.parametrize(("decoded", "position", "messages"), BEGINNINGS.values(), ids=BEGINNINGS.keys())
def test_a_beginning_bears_no_damage(
    chain: OneChain, decoded: bytes, position: int, messages: int, number: int
) -> None:
    proven = begin(chain, beginning(chain, parent(number), decoded, position, messages))
    assert chain.provers.damage(proven).other == 0
    assert chain.provers.starve(proven) > 50


# -- BLOCK_END


def ending(chain: OneChain, *, messages: int = 31, position: int = 40, list_end: int = 40) -> Machine:
    """A machine with a block in the making."""
    data = WordTree(bytes(range(90)))
    cursor = Cursor(3, 9, messages, 33, Seconds(TIME), Slice.of(data, 0, 90), position, list_end, 31)
    surroundings = Chain(chain.tables.preimages, chain.parameters, chain.inbox, Ancestry(hash_of))
    return Machine(surroundings, State(Mode.ITEM, BLOCK, cursor))


def test_a_block_ends_with_its_header(chain: OneChain) -> None:
    m = ending(chain)
    cursor = m.cursor
    proven = chain.provers.check(m, Prover.BLOCKS, blocks.end)
    header = m.block
    assert isinstance(header, Header)
    assert header == Header(
        BLOCK.parent_hash, BLOCK.number, BLOCK.timestamp, BLOCK.state_root, BLOCK.transactions_acc, BLOCK.receipts_acc,
        BLOCK.gas_used, BLOCK.gas_limit, BLOCK.base_fee, BLOCK.prev_randao, BLOCK.coinbase, BLOCK.origin, 31,
        BLOCK.recent_hashes,
    )  # fmt: skip
    assert m.words()[4 * 32 : 5 * 32] == header.hash == keccak(header.encode())
    assert (m.mode, m.cursor) == (Mode.BLOCK, replace(cursor, list_end=0))
    assert m.chain.ancestry.block_hash(BLOCK.number) == header.hash
    assert chain.provers.damage(proven).other == 0
    assert chain.provers.starve(proven) > 50


@pytest.mark.parametrize(("messages", "position"), [(30, 40), (31, 39), (32, 40), (30, 3)])
def test_a_block_with_items_left_does_not_end(chain: OneChain, messages: int, position: int) -> None:
    m = ending(chain, messages=messages, position=position)
    tape = m.words() + m.cursor.encode() + BLOCK.encode()
    with pytest.raises(Reverted, match="WrongProver"):
        chain.provers.verify(Prover.BLOCKS, m.hash(), tape)


# -- HALT


def test_a_halted_machine_stays(chain: OneChain) -> None:
    header = parent()
    m = Machine(beginning(chain, header).chain, State(Mode.HALTED, header, Cursor(9, 9, 17)))
    proven = chain.provers.check(m, Prover.BLOCKS, blocks.halt)
    assert proven.before == proven.after == m.hash()
    with pytest.raises(Reverted, match="TapeTooLong"):
        chain.provers.verify(Prover.BLOCKS, proven.before, proven.witness[1:] + b"\0")
    for at in range(7 * 32):
        words = bytearray(m.words())
        words[at] ^= 1
        with pytest.raises(Reverted, match="WrongPreState"):
            chain.provers.verify(Prover.BLOCKS, proven.before, bytes(words))


def test_other_modes_are_refused(chain: OneChain) -> None:
    m = ending(chain)
    for mode in Mode:
        if mode in (Mode.BLOCK, Mode.ITEM, Mode.HALTED):
            continue
        m.mode = mode
        with pytest.raises(Reverted, match="WrongMode"):
            chain.provers.verify(Prover.BLOCKS, m.hash(), m.words() + m.cursor.encode() + BLOCK.encode())


def test_all_are_cheap(chain: OneChain) -> None:
    last: list[rlp.Item] = [b"\xff" * 8, b"\xff" * 8, [bytes(300)]]
    decoded = rlp.encode([[b"", b"", [b"\x01" * 250_000]], last])
    m = beginning(chain, parent(), decoded, len(decoded) - len(rlp.encode(last)))
    proven = begin(chain, m)
    assert proven.outcome == "ok"
    data = call_data(VERIFY, proven.before, proven.witness[1:])
    chain.provers.revm.call(chain.provers.address(Prover.BLOCKS), data, GAS)
    assert chain.provers.revm.gas_used - 21_000 < 90_000
    assert len(proven.witness) < 2_500
