"""The chunk commitment of contract code (protocol.md, section 1; after EIP-2926).

A chunk is one byte, how many of its leading bytes are push data of an earlier chunk, and 31 bytes of code: from one
chunk alone a verifier sees whether a byte in it is an instruction.
"""

from tandem.primitives.types import ZERO_HASH, Hash
from tandem.state import words

CHUNK_BYTES = 31
DEPTH = 11
"""2,048 chunks: enough for init code of 49,152 bytes (EIP-3860)."""
PUSH1, PUSH32 = 0x60, 0x7F


def chunks(code: bytes) -> list[bytes]:
    """The code's 32-byte chunks."""
    offsets = _first_instructions(code)
    return [
        bytes([offsets[i]]) + code[i * CHUNK_BYTES : (i + 1) * CHUNK_BYTES].ljust(CHUNK_BYTES, b"\0")
        for i in range(len(offsets))
    ]


def code_root(code: bytes) -> Hash:
    """Root of the word tree over the chunks; zero for no code."""
    return words.root(chunks(code), DEPTH) if code else ZERO_HASH


def _first_instructions(code: bytes) -> list[int]:
    """For each chunk, how many of its leading bytes are push data (31 where all are)."""
    count = -(-len(code) // CHUNK_BYTES)
    offsets = [0] * count
    at = 0
    while at < len(code):
        opcode = code[at]
        width = opcode - PUSH1 + 2 if PUSH1 <= opcode <= PUSH32 else 1
        following = at + width
        chunk = at // CHUNK_BYTES + 1
        while chunk < count and chunk * CHUNK_BYTES < following:
            offsets[chunk] = min(following - chunk * CHUNK_BYTES, CHUNK_BYTES)
            chunk += 1
        at = following
    return offsets
