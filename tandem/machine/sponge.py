"""KECCAK: data too long to be hashed in one step is absorbed a block a step; the last gives the hash to who wanted it.

The sponge is that of FIPS 202, with keccak's own padding: 25 lanes of 64 bits, lane x + 5 y at index x + 5 y.
Twin of contracts/machine/Sponge.sol and lib/KeccakF.sol.
"""

from collections.abc import Sequence
from dataclasses import replace

from tandem.machine.event_log import add_log
from tandem.machine.machine import Machine
from tandem.machine.modes import Mode
from tandem.machine.structures import HashJob
from tandem.primitives.types import Hash

RATE = 136
"""Bytes that one absorption takes (1,088 bits)."""
LANES = 25
PACKED_WORDS = 7
"""Four lanes to a word, the first in the lowest bits; the last word holds one."""
EMPTY_SPONGE = (0,) * PACKED_WORDS
MASK = 2**64 - 1
ROUND_CONSTANTS = (
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000, 0x000000000000808B,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008A, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000A, 0x000000008000808B, 0x800000000000008B, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
)  # fmt: skip


def _moves() -> tuple[tuple[int, int, int], ...]:
    """Rho and pi: for each lane, where it goes and by how much it is rotated."""
    found, x, y = [(0, 0, 0)], 1, 0
    for step in range(24):
        target_x, target_y = y, (2 * x + 3 * y) % 5
        found.append((x + 5 * y, target_x + 5 * target_y, (step + 1) * (step + 2) // 2 % 64))
        x, y = target_x, target_y
    return tuple(found)


MOVES = _moves()


def keccak_f(lanes: Sequence[int]) -> list[int]:
    """keccak-f[1600]."""
    state = list(lanes)
    for constant in ROUND_CONSTANTS:
        columns = [state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20] for x in range(5)]
        theta = [columns[x - 1] ^ _rotate(columns[(x + 1) % 5], 1) for x in range(5)]
        moved = [0] * LANES
        for source, target, count in MOVES:
            moved[target] = _rotate(state[source] ^ theta[source % 5], count)
        for row in range(0, LANES, 5):
            for x in range(5):
                state[row + x] = moved[row + x] ^ (~moved[row + (x + 1) % 5] & moved[row + (x + 2) % 5])
        state[0] ^= constant
    return state


def _rotate(lane: int, count: int) -> int:
    return (lane << count | lane >> 64 - count) & MASK


def unpack(packed: Sequence[int]) -> list[int]:
    """Lanes of a packed state."""
    return [packed[i // 4] >> 64 * (i % 4) & MASK for i in range(LANES)]


def pack(lanes: Sequence[int]) -> tuple[int, ...]:
    """The packed state of these lanes."""
    return tuple(sum(lane << 64 * i for i, lane in enumerate(lanes[at : at + 4])) for at in range(0, LANES, 4))


def pad(rest: bytes) -> bytes:
    """The last block, from the less than 136 bytes that are left."""
    block = bytearray(rest.ljust(RATE, b"\0"))
    block[len(rest)] ^= 0x01
    block[-1] ^= 0x80
    return bytes(block)


def absorb(packed: Sequence[int], block: bytes) -> tuple[int, ...]:
    """The packed state after one block of 136 bytes."""
    lanes = unpack(packed)
    for i in range(RATE // 8):
        lanes[i] ^= int.from_bytes(block[8 * i : 8 * i + 8], "little")
    return pack(keccak_f(lanes))


def squeeze(packed: Sequence[int]) -> Hash:
    """The hash that a state gives when all is absorbed: its first 32 bytes."""
    return Hash(packed[0].to_bytes(32, "little"))


def absorb_next(m: Machine) -> str | None:
    """The step KECCAK. Less than a block, even nothing, is the end."""
    job = m.read_aux(HashJob)
    count = min(job.size, RATE)
    m.tape.bytes(job.source, job.offset, count)
    data = job.source.read(job.offset, count)
    if count == RATE:
        rest = replace(job, lanes=absorb(job.lanes, data), offset=job.offset + RATE, size=job.size - RATE)
        m.become(Mode.KECCAK, rest)
        return None
    digest = squeeze(absorb(job.lanes, pad(data)))
    frame = m.read_frame()
    m.become(Mode.EXEC)
    if not job.topics:
        frame.push(int.from_bytes(digest, "big"))
        return "hash"
    add_log(m, frame.target, list(job.topic_words[: job.topics - 1]), digest)
    return "log"
