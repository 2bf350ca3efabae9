"""BATCH_LOAD and BATCH_CHECK: step by step a batch is judged as `decode_batch` judges it at once, on both sides."""

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.batch import lz4
from tandem.batch.payload import (
    LZ4,
    MAX_BATCH_BYTES,
    MAX_DECODED_BYTES,
    MAX_ITEMS,
    PLAIN,
    VERSION,
    PackedBlock,
    decode_batch,
)
from tandem.errors import EncodingError
from tandem.machine import batches
from tandem.machine.block_head import HEAD_BYTES, outer_header_bytes, read_block_head, string_span
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode, Prover
from tandem.machine.stepping import Proven, prove, take
from tandem.machine.structures import Check, Cursor, State
from tandem.machine.word_tree import EMPTY_SLICE, Slice, WordTree
from tandem.primitives import rlp
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import Address, Seconds
from tests.support.chain import START
from tests.support.revm import GAS, Reverted, call_data
from tests.unit.machine.on_inbox import OneChain, make_chain
from tests.unit.machine.support import VERIFY

GAS_BOUND = 10_000_000
FUZZ = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def chain() -> OneChain:
    return make_chain()


# -- BATCH_LOAD


def loading(chain: OneChain, data: bytes) -> Machine:
    """A machine that is about to load these bytes, in a batch of their own."""
    return before(chain, chain.inbox.submit(data).index)


def before(chain: OneChain, index: int) -> Machine:
    """A machine that is about to load a batch."""
    m = chain.machine(index + 1)
    m.cursor = Cursor(index, index + 1, 17)
    return m


def judge(chain: OneChain, m: Machine) -> Proven:
    function = batches.load if m.mode == Mode.BATCH else batches.check
    return chain.provers.check(m, Prover.BATCHES, function)


RLP = rlp.encode([[b"", b"", []]])
CONTAINERS = {
    "plain": (bytes([VERSION, PLAIN]) + RLP, "ok"),
    "compressed": (bytes([VERSION, LZ4]) + lz4.compress(bytes(5_000)), "ok"),
    "one byte": (bytes([VERSION, PLAIN, 0]), "ok"),
    "no bytes": (b"", "malformed"),
    "version alone": (bytes([VERSION]), "malformed"),
    "nothing in it": (bytes([VERSION, PLAIN]), "malformed"),
    "nothing compressed": (bytes([VERSION, LZ4, 0]), "malformed"),
    "another version": (bytes([1, PLAIN]) + RLP, "malformed"),
    "another codec": (bytes([VERSION, 2]) + RLP, "malformed"),
    "the highest codec": (bytes([VERSION, 255]) + RLP, "malformed"),
    "malformed LZ4": (bytes([VERSION, LZ4]) + lz4.compress(bytes(5_000))[:-1], "malformed"),
    "just what may come out": (bytes([VERSION, LZ4]) + lz4.compress(bytes(MAX_DECODED_BYTES)), "ok"),
    "more than may come out": (bytes([VERSION, LZ4]) + lz4.compress(bytes(MAX_DECODED_BYTES + 1)), "malformed"),
    "as long as may be": ((bytes([VERSION, PLAIN]) + bytes(range(256)) * 400)[:MAX_BATCH_BYTES], "ok"),
}


@pytest.mark.parametrize(("data", "outcome"), CONTAINERS.values(), ids=CONTAINERS.keys())
def test_a_container_is_opened(chain: OneChain, data: bytes, outcome: str) -> None:
    m = loading(chain, data)
    assert judge(chain, m).outcome == outcome
    entry = chain.inbox.batches[-1].entry
    assert (m.cursor.messages_end, m.cursor.batch_time) == (entry.messages_consumed, entry.context.timestamp)
    assert (m.cursor.messages, m.cursor.position, m.cursor.list_end) == (17, 0, 0)
    if outcome == "malformed":
        assert (m.mode, m.cursor.data) == (Mode.BLOCK, EMPTY_SLICE)
        with pytest.raises(EncodingError):
            decode_batch(data)
    else:
        assert (m.mode, m.aux) == (Mode.CHECK, Check(0))
        plain = data[2:] if data[1] == PLAIN else lz4.decompress(data[2:], MAX_DECODED_BYTES)
        assert m.cursor.data.bytes() == plain


def test_a_forced_batch_has_no_blocks(chain: OneChain) -> None:
    chain.inbox.enqueue(Address(b"\x01" * 20), Address(b"\x02" * 20))
    m = before(chain, chain.inbox.force().index)
    assert judge(chain, m).outcome == "forced"
    assert (m.mode, m.cursor.data) == (Mode.BLOCK, EMPTY_SLICE)


def test_the_machine_halts_at_its_target(chain: OneChain) -> None:
    m = loading(chain, b"")
    m.cursor = Cursor(m.cursor.batches, m.cursor.batches, 17)
    cursor = m.cursor
    assert judge(chain, m).outcome == "at the target"
    assert (m.mode, m.cursor) == (Mode.HALTED, cursor)


def test_another_batchs_bytes_are_refused(chain: OneChain) -> None:
    first, second = loading(chain, b"\0\0\xc1\x80"), loading(chain, b"\0\0\xc2\x80\x80")
    head = 7 * 32 + 10 * 32
    theirs = prove(second, Prover.BATCHES, batches.load)
    mine = prove(first, Prover.BATCHES, batches.load)
    with pytest.raises(Reverted, match="WrongOpening"):
        chain.provers.verify(Prover.BATCHES, mine.before, mine.witness[1 : 1 + head] + theirs.witness[1 + head :])


def test_a_batch_that_is_not_in_the_inbox_has_no_proof(chain: OneChain) -> None:
    proven = prove(loading(chain, b"\0\0\xc0"), Prover.BATCHES, batches.load)
    for index in (len(chain.inbox.batches), 2**64 - 1, 2**64, 2**256 - 1):
        m = before(chain, len(chain.inbox.batches) - 1)
        m.cursor = Cursor(index, 0, 17)
        tape = m.words() + m.cursor.encode() + proven.witness[1 + 17 * 32 :]
        with pytest.raises(Reverted):
            chain.provers.verify(Prover.BATCHES, m.hash(), tape)


def test_a_location_that_is_not_known_has_no_proof(chain: OneChain) -> None:
    """The inbox has none: it is put into its storage, as version 2 of it might."""
    inbox, evm = chain.inbox, chain.provers.revm.evm
    m = loading(chain, b"\0\0\xc0")
    entry = inbox.batches[-1].entry
    strange = word(2) + entry.encode()[32:]
    accumulator = keccak(inbox.batches[-2].accumulator + keccak(strange))
    slot = int.from_bytes(keccak(word(len(inbox.batches)) + word(2)), "big")
    evm.insert_account_storage(inbox.address, slot, int.from_bytes(accumulator, "big"))
    tape = m.words() + m.cursor.encode() + strange + b"\0\0\0\3\0\0\xc0"
    with pytest.raises(Reverted, match="4e487b71"):
        chain.provers.verify(Prover.BATCHES, m.hash(), tape)
    evm.insert_account_storage(inbox.address, slot, int.from_bytes(inbox.batches[-1].accumulator, "big"))
    assert judge(chain, m).outcome == "ok"


@pytest.mark.parametrize("kind", ["plain", "compressed", "no bytes", "malformed LZ4"])
def test_a_load_bears_no_damage(chain: OneChain, kind: str) -> None:
    proven = judge(chain, loading(chain, CONTAINERS[kind][0]))
    done = chain.provers.damage(proven)
    assert done.other == 0
    assert chain.provers.starve(proven) > 50


def test_a_long_load_bears_no_damage(chain: OneChain) -> None:
    proven = judge(chain, loading(chain, CONTAINERS["as long as may be"][0]))
    assert chain.provers.damage(proven, every=991).other == 0
    assert chain.provers.starve(proven, steps=20) > 15


# -- BATCH_CHECK


def checking(chain: OneChain, decoded: bytes) -> Machine:
    """A machine that is about to check these bytes."""
    m = chain.machine(9)
    cursor = Cursor(3, 9, 17, 20, Seconds(START), Slice.of(WordTree(decoded), 0, len(decoded)))
    return Machine(m.chain, State(Mode.CHECK, m.block, cursor, aux=Check(0)))


def blocks_of(m: Machine) -> list[PackedBlock]:
    """The blocks of a checked batch, read as the steps behind the check read them."""
    assert m.mode == Mode.BLOCK and m.aux is None and m.cursor.list_end == 0
    data, at, found = m.cursor.data.bytes(), m.cursor.position, []
    while at < len(data):
        head = read_block_head(data[at : at + HEAD_BYTES], len(data) - at)
        assert head is not None
        position, end, transactions = at + head.start, at + head.end, []
        while position < end:
            start, position = string_span(data, position, len(data))
            transactions.append(data[start:position])
        assert position == end
        found.append(PackedBlock(head.time_delta, head.messages, tuple(transactions)))
        at = end
    return found


def expected(decoded: bytes) -> list[PackedBlock]:
    """The blocks by `decode_batch`; none where it refuses."""
    try:
        return decode_batch(bytes([VERSION, PLAIN]) + decoded)
    except EncodingError:
        return []


def agree(chain: OneChain, decoded: bytes, *, judged: bool = True) -> list[PackedBlock]:
    """Walk a check to its end. Its blocks must be those of `decode_batch`."""
    blocks = expected(decoded)
    m = checking(chain, decoded)
    while m.mode == Mode.CHECK:
        if judged:
            judge(chain, m)
        else:
            take(m, batches.check)
    assert blocks_of(m) == blocks
    if not blocks:
        assert (m.cursor.data, m.cursor.position) == (EMPTY_SLICE, 0)
    return blocks


ONE = rlp.encode([[b"", b"", [b"tx"]]])
STRUCTURES = {
    "no block": (b"\xc0", 0),
    "a string": (b"\x80", 0),
    "a long string": (rlp.encode(bytes(300)), 0),
    "a byte": (b"\x05", 0),
    "a block": (rlp.encode([[b"", b"", []]]), 1),
    "three blocks": (rlp.encode([[b"\x05", b"", [b"a"]], [b"", b"\xff" * 8, []], [b"", b"", [bytes(99), b""]]]), 3),
    "a byte that stands for itself": (rlp.encode([[b"\x7f", b"\x01", [b"\x00", b"\x7f", b"\x80"]]]), 1),
    "bytes behind": (ONE + b"\x80", 0),
    "bytes missing": (ONE[:-1], 0),
    "a block that is a string": (rlp.encode([b"abc"]), 0),
    "a block of two": (rlp.encode([[b"", b""]]), 0),
    "a block of four": (rlp.encode([[b"", b"", [], b""]]), 0),
    "an empty block": (rlp.encode([[]]), 0),
    "a list for the time": (rlp.encode([[[], b"", []]]), 0),
    "a list for the messages": (rlp.encode([[b"", [b"\x01"], []]]), 0),
    "a string for the transactions": (rlp.encode([[b"", b"", b""]]), 0),
    "a list for a transaction": (rlp.encode([[b"", b"", [b"a", [b"b"]]]]), 0),
    "deep lists": (rlp.encode([[b"", b"", [[[[[]]]]]]]), 0),
    "a time of eight bytes": (rlp.encode([[b"\xff" * 8, b"", []]]), 1),
    "a time of nine bytes": (rlp.encode([[b"\x01" * 9, b"", []]]), 0),
    "a leading zero": (rlp.encode([[b"", b"\0\x01", []]]), 0),
    "a zero byte": (rlp.encode([[b"\0", b"", []]]), 0),
    "a small byte as a string": (b"\xc6\xc5\x81\x05\x80\xc0\x80", 0),
    "a small byte as a string, time": (b"\xc5\xc4\x81\x05\x80\xc0", 0),
    "a small byte as a string, transaction": (b"\xc6\xc5\x80\x80\xc2\x81\x05", 0),
    "a short list in long form": (b"\xf8\x04\xc3\x80\x80\xc0", 0),
    "a length with a leading zero": (b"\xf9\x00\x04\xc3\x80\x80\xc0", 0),
    "a length that is cut short": (b"\xf9\x01", 0),
    "the longest length": (b"\xff" + b"\xff" * 8, 0),
    "a transaction of the longest length": (b"\xcd\xcc\x80\x80\xc9\xbf" + b"\xff" * 8, 0),
    "a transaction beyond its list": (b"\xc8\xc4\x80\x80\xc1\x82\x80\x80\xc0", 0),
    "a block beyond the list": (b"\xc3\xc3\x80\x80\xc0", 0),
    "transactions that end before their block": (b"\xc5\xc4\x80\x80\xc0\x80", 0),
    "transactions that end behind their block": (b"\xc5\xc3\x80\x80\xc1\x80", 0),
    "something behind a block": (b"\xc5\xc3\x80\x80\xc0\x80", 0),
}


@pytest.mark.parametrize(("decoded", "count"), STRUCTURES.values(), ids=STRUCTURES.keys())
def test_each_structure_has_one_verdict(chain: OneChain, decoded: bytes, count: int) -> None:
    assert len(agree(chain, decoded)) == count


@pytest.mark.parametrize("size", [0, 1, 40, 49, 50, 51, 52, 53, 54, 55, 56, 57, 240, 246, 247, 248, 249, 250, 251, 256,
                                  65_523, 65_524, 65_525, 65_526, 65_527, 65_528, 65_529, 65_536, 250_000])  # fmt: skip
def test_headers_of_all_lengths(chain: OneChain, size: int) -> None:
    assert len(agree(chain, rlp.encode([[b"", b"", [bytes(size)]]]))) == 1


@pytest.mark.parametrize("payload", [0, 1, 55, 56, 255, 256, 65_535, 65_536, MAX_DECODED_BYTES - 4])
def test_a_canonical_header_is_known_by_the_length(payload: int) -> None:
    header = len(rlp.list_header(payload))
    assert outer_header_bytes(header + payload) == header


nested = st.recursive(
    st.one_of(st.binary(max_size=3), st.binary(max_size=70)), lambda items: st.lists(items, max_size=4), max_leaves=12
)
numbers = st.one_of(st.integers(0, 2**64 - 1).map(rlp.encode_int), st.binary(max_size=10))
transactions = st.lists(st.one_of(st.binary(max_size=3), st.binary(max_size=300), nested), max_size=5)
sound = st.lists(
    st.tuples(
        st.integers(0, 300).map(rlp.encode_int),
        st.integers(0, 2**64 - 1).map(rlp.encode_int),
        st.lists(st.one_of(st.binary(max_size=3), st.binary(max_size=300)), max_size=5),
    ),
    max_size=5,
)
almost = st.lists(st.one_of(st.tuples(numbers, numbers, transactions), nested), max_size=4)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sound batch with a few bytes changed, left out, or put in."""
    data = bytearray(rlp.encode(draw(sound)))
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(data) - 1))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            data[at] = draw(st.integers(0, 255))
        elif kind == 1:
            data[at] = max(0, min(255, data[at] + draw(st.sampled_from([-1, 1]))))
        elif kind == 2:
            data.insert(at, draw(st.sampled_from([0, 0x80, 0x81, 0xB8, 0xC0, 0xF8, 5])))
        elif len(data) > 1:
            del data[at]
    return bytes(data)


anything = st.one_of(
    sound.map(rlp.encode),
    almost.map(rlp.encode),
    nested.map(rlp.encode),
    damaged(),
    st.binary(min_size=1, max_size=40),
    st.lists(st.sampled_from([0, 1, 0x7F, 0x80, 0x81, 0xB8, 0xC0, 0xC1, 0xC3, 0xC4, 0xF8]), min_size=1).map(bytes),
)


@given(decoded=anything)
@settings(FUZZ, max_examples=1_500)
def test_any_bytes_are_checked_as_they_are_decoded(chain: OneChain, decoded: bytes) -> None:
    agree(chain, decoded, judged=False)


@given(decoded=anything)
@settings(FUZZ, max_examples=400)
def test_any_check_is_judged(chain: OneChain, decoded: bytes) -> None:
    agree(chain, decoded)


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize(
    "blocks",
    [[PackedBlock(0, 0, (b"",) * (MAX_ITEMS - 2))], [PackedBlock(0, 0, ())] * (MAX_ITEMS // 2)],
    ids=["transactions", "blocks"],
)
def test_items_are_counted(chain: OneChain, blocks: list[PackedBlock], over: bool) -> None:
    if over:
        last = blocks[-1]
        blocks = [*blocks[:-1], PackedBlock(0, 0, (*last.transactions, b"\x01"))]
    decoded = rlp.encode([[b"", b"", list(block.transactions)] for block in blocks])
    assert bool(expected(decoded)) != over
    m = checking(chain, decoded)
    while m.mode == Mode.CHECK:
        if isinstance(m.aux, Check) and m.aux.items > MAX_ITEMS - 6:
            judge(chain, m)
        else:
            take(m, batches.check)
    assert blocks_of(m) == ([] if over else blocks)


def steps(chain: OneChain, decoded: bytes) -> Iterable[Proven]:
    """All steps of a check, judged."""
    m = checking(chain, decoded)
    while m.mode == Mode.CHECK:
        yield judge(chain, m)


@pytest.mark.parametrize("name", ["three blocks", "a list for a transaction", "bytes behind", "a leading zero"])
def test_a_check_bears_no_damage(chain: OneChain, name: str) -> None:
    for proven in steps(chain, STRUCTURES[name][0]):
        assert chain.provers.damage(proven).other == 0
        assert chain.provers.starve(proven, steps=20) > 15


def test_other_modes_are_refused(chain: OneChain) -> None:
    m = checking(chain, ONE)
    for mode in Mode:
        if mode in (Mode.BATCH, Mode.CHECK):
            continue
        m.mode = mode
        with pytest.raises(Reverted, match="WrongMode"):
            chain.provers.verify(Prover.BATCHES, m.hash(), m.words() + m.cursor.encode())


# -- what it costs


def sequence(literals: bytes, match: int, offset: int) -> bytes:
    """An LZ4 sequence."""

    def more(value: int) -> bytes:
        return b"" if value < 15 else b"\xff" * ((value - 15) // 255) + bytes([(value - 15) % 255])

    token = bytes([min(len(literals), 15) << 4 | min(match - 4, 15)])
    return token + more(len(literals)) + literals + offset.to_bytes(2, "little") + more(match - 4)


def crowded(count: int, literals: int, match: int, offset: int) -> bytes:
    """An LZ4 block of so many alike sequences, filled up to the longest batch with the last one's literals."""
    block = sequence(b"\x5a" * 64, 4, 1) + sequence(b"\x5a" * literals, match, offset) * count
    size = 68 + count * (literals + match)
    tail = min(MAX_BATCH_BYTES - 2 - len(block) - 400, MAX_DECODED_BYTES - size)
    return block + sequence(b"\x5a" * tail, 4, 1)[:-2]


def cost(chain: OneChain, proven: Proven) -> int:
    """Gas of judging a step, with the calldata, without a transaction's 21,000."""
    data = call_data(VERIFY, proven.before, proven.witness[1:])
    chain.provers.revm.call(chain.provers.address(Prover.BATCHES), data, GAS)
    return chain.provers.revm.gas_used - 21_000


def test_the_costliest_load_fits_a_transaction(chain: OneChain) -> None:
    """The costliest of 1,000 inputs of one or two kinds of sequences: as many as may be, 262,000 bytes.

    Of the 7.6M gas 1.6M are calldata, 0.7M the tree. The bound on decoding itself is tests/contracts/test_lz4.py's.
    """
    data = bytes([VERSION, LZ4]) + crowded(lz4.MAX_SEQUENCES - 2, 1, 24, 14)
    assert MAX_BATCH_BYTES - 500 < len(data) <= MAX_BATCH_BYTES
    m = loading(chain, data)
    proven = judge(chain, m)
    assert proven.outcome == "ok" and m.cursor.data.length > MAX_DECODED_BYTES - 500
    assert cost(chain, proven) < 8_000_000 < GAS_BOUND


def test_the_longest_plain_load_is_cheap(chain: OneChain) -> None:
    assert cost(chain, judge(chain, loading(chain, CONTAINERS["as long as may be"][0]))) < 2_200_000


def test_a_check_is_cheap(chain: OneChain) -> None:
    """In the longest batch, where words of all levels are on the tape; a head over three words."""
    rest: list[rlp.Item] = [[b"\x01" * 8, b"\x01" * 8, [b"\x02" * 300]], [b"", b"", [b"\x03" * 300]]]
    costs = []
    for shift in range(32):
        first: rlp.Item = [b"", b"", [b"\x01" * 250_000, b"\x01" * (6_000 - shift)]]
        costs += [(cost(chain, proven), len(proven.witness)) for proven in steps(chain, rlp.encode([first, *rest]))]
    assert max(gas for gas, _ in costs) < 75_000
    assert max(size for _, size in costs) < 1_500
