"""The dearest forms of the steps of blocks, messages and batches."""

from dataclasses import replace

from tandem.batch import lz4
from tandem.batch.payload import MAX_BATCH_BYTES, MAX_DECODED_BYTES
from tandem.chain.header import Header
from tandem.inbox.queues import L1Context, Message
from tandem.machine import (
    batches,
    blocks,
    messages,
)
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode, Prover
from tandem.machine.structures import (
    Check,
    Cursor,
    Scan,
    State,
)
from tandem.machine.word_tree import Slice, WordTree
from tandem.primitives import rlp
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Gas, Seconds, Wei
from tests.unit.machine.costs import (
    DEAD,
    crowded_tree,
    noise,
    usual,
)
from tests.unit.machine.on_inbox import OneChain
from tests.unit.machine.support import BLOCK, CALLER, VAULT
from tests.unit.machine.worst.case import LEVELS, Numbers, Step, Worst, deepen


def header() -> Header:
    """A parent block's."""
    recent = WordTree(noise(32 * 256, 8), 8)
    return Header(
        parent_hash=keccak(b"parent"),
        number=300,
        timestamp=Seconds(1_800_000_000),
        state_root=keccak(b"state"),
        transactions_acc=keccak(b"transactions"),
        receipts_acc=keccak(b"receipts"),
        gas_used=Gas(12_345_678),
        gas_limit=Gas(30_000_000),
        base_fee=Wei(2**64 - 1),
        prev_randao=keccak(b"randao"),
        coinbase=VAULT,
        origin=BLOCK.origin,
        messages_consumed=17,
        recent_hashes=recent.root(),
    )


def between(chain: OneChain, mode: Mode, cursor: Cursor) -> Machine:
    """A machine of that chain between two blocks."""
    m = chain.machine(0)
    parent = header()
    for past in range(parent.number - 256, parent.number):
        m.chain.ancestry.add(past, WordTree(noise(32 * 256, 8), 8).node(0, past % 256))
    return Machine(m.chain, State(mode, parent, cursor))


def batch_data(head: bytes, position: int) -> Slice:
    """As long a batch as there may be, with a block's head at `position`."""
    return Slice.of(crowded_tree(head, position, MAX_DECODED_BYTES // 32), 0, MAX_DECODED_BYTES)


def block_head(numbers: Numbers) -> bytes:
    """A block's head, its integers and list as long as they may be."""
    integers = [rlp.encode_int(2 ** numbers["time bits"] - 1), rlp.encode_int(2 ** numbers["messages bits"] - 1)]
    return rlp.encode([*integers, [b"\x81\xff" * numbers["items"]]])


INTEGERS = {"time bits": (1, 64), "messages bits": (1, 64), "items": (1, 30_000), "position": (1, 190_000)}


def begin_block() -> Worst:
    def build(chain: OneChain, numbers: Numbers) -> Step:
        head = block_head(numbers)
        cursor = Cursor(
            3, 9, 17, 20, Seconds(1_800_000_100), batch_data(head, numbers["position"]), numbers["position"]
        )
        return between(chain, Mode.BLOCK, cursor), Prover.BLOCKS, blocks.begin

    return Worst(INTEGERS, build)


def end_block() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        m = usual(b"", at=0, mode=Mode.ITEM)
        m.cursor = replace(m.cursor, messages=30, block_messages_end=30)
        m.world = m.frame = m.tx = None
        return m, Prover.BLOCKS, blocks.end

    return Worst({"nothing": (0, 0)}, build)


def halt() -> Worst:
    def build(chain: OneChain, numbers: Numbers) -> Step:
        return between(chain, Mode.HALTED, Cursor(9, 9, 17)), Prover.BLOCKS, blocks.halt

    return Worst({"nothing": (0, 0)}, build)


def check_batch() -> Worst:
    """The head of a block, or a transaction's header."""

    def build(chain: OneChain, numbers: Numbers) -> Step:
        position = numbers["position"]
        head = rlp.encode(noise(numbers["items"])) if numbers["transaction"] else block_head(numbers)
        end = position + len(head) if numbers["transaction"] else position
        cursor = Cursor(3, 9, 17, 20, Seconds(1_800_000_100), batch_data(head, position), position, end)
        m = between(chain, Mode.CHECK, cursor)
        m.aux = Check(4_000)
        return m, Prover.BATCHES, batches.check

    return Worst(INTEGERS | {"transaction": (0, 1)}, build)


def message(size: int, fill: int, to: Address | None, gas: int) -> Message:
    """A message of which nothing is zero."""
    data = noise(size) if fill else bytes(size)
    context = L1Context(2**32 - 1, keccak(b"context"), Seconds(1_900_000_000), Wei(2**63 - 1))
    return Message(CALLER, to, Wei(2**128 - 1), Wei(2**127 - 1), Gas(gas), data, context)


def load_message() -> Worst:
    def build(chain: OneChain, numbers: Numbers) -> Step:
        to = None if numbers["creates"] else DEAD
        planted = chain.inbox.plant(message(numbers["size"], numbers["fill"], to, numbers["gas"]))
        m = usual(b"", at=0, mode=Mode.ITEM)
        index = len(chain.inbox.messages) - 1
        assert chain.inbox.message(index) is planted
        m = deepen(m, numbers, (CALLER,))
        assert m.world is not None
        block = replace(BLOCK, state_root=m.world.state_root)
        cursor = replace(m.cursor, messages=index, block_messages_end=index + 1)
        surroundings = replace(m.chain, inbox=chain.inbox)
        return (
            Machine(surroundings, State(Mode.ITEM, block, cursor)),
            Prover.MESSAGES,
            messages.load,
        )

    space = {"size": (0, 65_536), "fill": (0, 1), "creates": (0, 1), "gas": (100_000, 2**24)}
    return Worst(LEVELS | space, build)


def scan_messages() -> Worst:
    def build(chain: OneChain, numbers: Numbers) -> Step:
        chain.inbox.plant(message(3, 1, DEAD, 2**24))
        m = usual(b"", at=0, mode=Mode.SCAN)
        index = len(chain.inbox.messages) - 1
        cursor = replace(m.cursor, messages=index, block_messages_end=index)
        aux = Scan(2**40, index + numbers["more"], numbers["gas"])
        state = State(Mode.SCAN, BLOCK, cursor, aux=aux)
        return Machine(replace(m.chain, inbox=chain.inbox), state), Prover.MESSAGES, messages.scan

    return Worst({"more": (0, 1), "gas": (0, 30_000_000)}, build)


def load_batch() -> Worst:
    """Compressed as anyone may compress it: three kinds of sequences, as many as the caps of sequences, input and
    output allow; what is left of input and output are literals."""

    def build(chain: OneChain, numbers: Numbers) -> Step:
        data = b"\0\1" + lz4_block(numbers) if numbers["compressed"] else b"\0\0" + noise(MAX_BATCH_BYTES - 2)
        queued = chain.inbox.submit(data)
        cursor = Cursor(queued.index, queued.index + 1, 17)
        return between(chain, Mode.BATCH, cursor), Prover.BATCHES, batches.load

    kinds = {
        f"{what} {kind}": bounds
        for kind in "abc"
        for what, bounds in {
            "literals": (0, 40),
            "match": (4, 300),
            "offset": (1, 64),
            "count": (0, lz4.MAX_SEQUENCES - 2),
        }.items()
    }
    known = ((0, 19, 1, 1_282), (15, 19, 1, 4_092), (0, 35, 17, 2_816))  # as tests/contracts/test_lz4.py has it
    start = {
        f"{what} {kind}": value
        for kind, values in zip("abc", known, strict=True)
        for what, value in zip(("literals", "match", "offset", "count"), values, strict=True)
    }
    return Worst(kinds | {"compressed": (0, 1)}, build, (start | {"compressed": 1},))


def lz4_block(numbers: Numbers) -> bytes:
    """The block that these numbers describe."""
    sequences, room, most = lz4.MAX_SEQUENCES - 2, MAX_BATCH_BYTES - 2, MAX_DECODED_BYTES
    start = sequence(noise(64), 4, 1)
    parts, used, made = [start], len(start), 68
    for kind in "abc":
        literals, match = numbers[f"literals {kind}"], numbers[f"match {kind}"]
        part = sequence(noise(literals), match, numbers[f"offset {kind}"])
        size = literals + match
        fitting = min((room - 400 - used) // len(part), (most - made) // size, sequences)
        count = min(numbers[f"count {kind}"], fitting)
        parts.append(part * count)
        used, made, sequences = used + count * len(part), made + count * size, sequences - count
    rest = max(min(room - used - 390, most - made), 0)
    return b"".join([*parts, sequence(noise(rest), 4, 0)[: -2 if rest else 1]])


def sequence(literals: bytes, match: int, offset: int) -> bytes:
    """An LZ4 sequence (protocol.md, section 5)."""

    def more(value: int) -> bytes:
        return b"" if value < 15 else b"\xff" * ((value - 15) // 255) + bytes([(value - 15) % 255])

    count = len(literals)
    token = bytes([min(count, 15) << 4 | min(match - 4, 15)])
    return token + more(count) + literals + offset.to_bytes(2, "little") + more(match - 4)
