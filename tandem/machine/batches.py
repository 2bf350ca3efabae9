"""BATCH_LOAD and BATCH_CHECK: a batch's bytes are decoded into a tree, then walked once. Twin of Batches.sol."""

from dataclasses import replace

from tandem.batch.payload import BLOCK_ITEMS, MAX_ITEMS, decompress
from tandem.errors import EncodingError
from tandem.inbox.queues import DataLocation
from tandem.machine.block_head import HEAD_BYTES, HEADER_BYTES, outer_header_bytes, read_block_head, read_header
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode
from tandem.machine.structures import Check, Cursor
from tandem.machine.word_tree import EMPTY_SLICE, Slice, WordTree

LENGTH_BYTES = 4
"""Width of the length of a batch's or a message's bytes on the tape."""
AT_TARGET, FORCED, MALFORMED = "at the target", "forced", "malformed"
OUTER, BLOCK, TRANSACTION, LAST, UNSOUND = "outer list", "block", "transaction", "last", "unsound"


def load(m: Machine) -> str | None:
    """The step BATCH_LOAD."""
    cursor = m.read_cursor()
    if cursor.batches == cursor.target:
        m.become(Mode.HALTED)
        return AT_TARGET
    queued = m.chain.inbox.batch(cursor.batches)
    entry = queued.entry
    m.tape.raw(entry.encode())
    cursor = replace(cursor, messages_end=entry.messages_consumed, batch_time=entry.context.timestamp)
    if entry.location == DataLocation.NONE:
        return _go_to_blocks(m, cursor, FORCED)
    m.tape.number(len(queued.data), LENGTH_BYTES)
    m.tape.raw(queued.data)
    try:
        decoded = decompress(queued.data)
    except EncodingError:
        decoded = b""
    if not decoded:
        return _go_to_blocks(m, cursor, MALFORMED)
    m.cursor = replace(cursor, data=Slice.of(WordTree(decoded), 0, len(decoded)))
    m.become(Mode.CHECK, Check(0))
    return None


def check(m: Machine) -> str | None:
    """The step BATCH_CHECK."""
    cursor, aux = m.read_cursor(), m.read_aux(Check)
    if not cursor.position:
        return _check_outer(m, cursor, aux)
    if cursor.position < cursor.list_end:
        return _check_transaction(m, cursor, aux)
    return _check_block(m, cursor, aux)


def _check_outer(m: Machine, cursor: Cursor, aux: Check) -> str:
    """The list of blocks must be all that there is. An empty one has no blocks, as what is unsound."""
    header = read_header(_read(m, cursor, HEADER_BYTES, cursor.data.length), cursor.data.length)
    if header is None or not header.is_list or header.end != cursor.data.length or not header.length:
        return _reject(m, cursor)
    m.cursor = replace(cursor, position=header.start)
    m.become(Mode.CHECK, aux)
    return OUTER


def _check_block(m: Machine, cursor: Cursor, aux: Check) -> str:
    head = read_block_head(_read(m, cursor, HEAD_BYTES, cursor.data.length), cursor.data.length - cursor.position)
    if head is None or aux.items + BLOCK_ITEMS > MAX_ITEMS:
        return _reject(m, cursor)
    start = cursor.position
    return _go_on(m, replace(cursor, position=start + head.start, list_end=start + head.end), aux, BLOCK, BLOCK_ITEMS)


def _check_transaction(m: Machine, cursor: Cursor, aux: Check) -> str:
    header = read_header(_read(m, cursor, HEADER_BYTES, cursor.list_end), cursor.list_end - cursor.position)
    if header is None or header.is_list or aux.items == MAX_ITEMS:
        return _reject(m, cursor)
    return _go_on(m, replace(cursor, position=cursor.position + header.end), aux, TRANSACTION, 1)


def _read(m: Machine, cursor: Cursor, count: int, end: int) -> bytes:
    """The next `count` bytes, or those up to `end`."""
    assert cursor.data.tree is not None
    count = min(count, end - cursor.position)
    m.tape.bytes(cursor.data.tree, cursor.position, count)
    return cursor.data.read(cursor.position, count)


def _go_on(m: Machine, cursor: Cursor, aux: Check, outcome: str, items: int) -> str:
    """To the next item; behind the last one the batch is sound, and begins with its first block."""
    if cursor.position < cursor.data.length:
        m.cursor = cursor
        m.become(Mode.CHECK, Check(aux.items + items))
        return outcome
    return _go_to_blocks(
        m, replace(cursor, position=outer_header_bytes(cursor.data.length), list_end=0), f"{outcome}, {LAST}"
    )


def _reject(m: Machine, cursor: Cursor) -> str:
    """A batch that breaks a rule has no blocks."""
    return _go_to_blocks(m, replace(cursor, data=EMPTY_SLICE, position=0, list_end=0), UNSOUND)


def _go_to_blocks(m: Machine, cursor: Cursor, outcome: str) -> str:
    m.cursor = cursor
    m.become(Mode.BLOCK)
    return outcome
