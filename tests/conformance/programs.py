"""Random programs: contracts that call one another, create, destroy, log, and reach the edges of memory, stack and gas.

Every piece is a few instructions with operands that mostly make sense, so that programs run for a while before they
fail. The same seed gives the same program.
"""

import random
from dataclasses import dataclass

from tandem.machine.opcodes import OPCODES
from tandem.primitives.types import Address
from tests.support.assembler import push

CONTRACTS = (Address(b"\xc1" * 20), Address(b"\xc2" * 20), Address(b"\xc3" * 20))
STRANGER, NOBODY = Address(b"\xd1" * 20), Address(b"\xd2" * 20)
"""One with a balance and no code, one that is not there."""
EDGES = (0, 1, 2, 31, 32, 33, 63, 64, 255, 256, 2**32, 2**64 - 1, 2**64, 2**255, 2**256 - 1, 2**128, 2**160)
SPANS = (0, 1, 31, 32, 33, 64, 95, 100, 1023, 1024, 1025, 3000)
HUGE = (2**22, 2**32, 2**64, 2**255, 2**256 - 1)
CALLS = {0xF1: True, 0xF2: True, 0xF4: False, 0xFA: False}
"""Opcode, and whether it takes a value."""
PRECOMPILES = (1, 2, 4, 5, 6, 7, 8, 9)
"""RIPEMD-160 left out: py-evm asks OpenSSL for it, which may not have it. Point evaluation has its own tests."""
PLAIN = tuple(
    opcode.number
    for opcode in OPCODES
    if opcode is not None
    and opcode.number not in (0x56, 0x57)
    and (opcode.number <= 0x5F or 0xA0 <= opcode.number <= 0xA4)
)
INIT_CODES = (
    "60006000f3",
    "60fe60005360016000f3",
    "60ef60005360016000f3",
    "60206000fd",
    "33ff",
    "30ff",
    "fe",
    "60016000556020600060003e60056000f3",
    "6160016000f3",
    "5b600056",
    "60aa6000526001601ff3",
)
"""Deploying nothing, INVALID, 0xEF, reverting, destroying itself (for the creator, for itself), halting, writing and
copying return data out of bounds, deploying too much, looping, deploying an undefined instruction."""


@dataclass(frozen=True, slots=True)
class Program:
    """A case: codes of CONTRACTS, their balances and storage, and the transaction to the first of them.

    One slot, of the first contract, is there before: pyrevm counts further ones, and their contracts, as touched by the
    transaction.
    """

    codes: tuple[bytes, ...]
    balances: tuple[int, ...]
    storage: tuple[dict[int, int], ...]
    value: int
    data: bytes
    is_creation: bool


def random_program(dice: random.Random) -> Program:
    """A program."""
    return Program(
        codes=tuple(_code(dice) for _ in CONTRACTS),
        balances=tuple(dice.choice((0, 1, 1000)) for _ in CONTRACTS),
        storage=({dice.randrange(4): dice.choice((1, 2, 2**255))}, {}, {}),
        value=dice.choice((0, 0, 1, 5)),
        data=dice.randbytes(dice.choice((0, 1, 4, 32, 70, 200))),
        is_creation=dice.random() < 0.1,
    )


def _code(dice: random.Random) -> bytes:
    code = b""
    for _ in range(dice.randint(1, 24)):
        code += dice.choices(_PIECES, _WEIGHTS)[0](dice, len(code))
    return code


def _word(dice: random.Random) -> int:
    return dice.choice((dice.choice(EDGES), dice.choice(EDGES), dice.randrange(2**256), dice.randrange(300)))


def _span(dice: random.Random) -> int:
    return dice.choice(HUGE) if dice.random() < 0.02 else dice.choice(SPANS)


def _address(dice: random.Random) -> int:
    known = (*CONTRACTS, *CONTRACTS, STRANGER, NOBODY)
    if dice.random() < 0.3:
        return dice.choice(PRECOMPILES)
    return int.from_bytes(dice.choice(known), "big") | (dice.randrange(2**96) << 160 if dice.random() < 0.05 else 0)


def _plain(dice: random.Random, _at: int) -> bytes:
    opcode = OPCODES[dice.choice(PLAIN)]
    assert opcode is not None
    short = dice.random() < 0.02
    return b"".join(push(_word(dice)) for _ in range(max(0, opcode.pops - short))) + bytes([opcode.number])


def _memory(dice: random.Random, _at: int) -> bytes:
    number = dice.choice((0x51, 0x52, 0x53, 0x20, 0x37, 0x39, 0x3E, 0x5E, 0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0x35))
    opcode = OPCODES[number]
    assert opcode is not None
    operands = [_span(dice) for _ in range(opcode.pops)]
    return b"".join(push(value) for value in reversed(operands)) + bytes([number])


def _store(dice: random.Random, _at: int) -> bytes:
    number = dice.choice((0x55, 0x55, 0x5D, 0x54, 0x5C))
    value = push(dice.choice((0, 0, 1, 2, 2**255))) if number in (0x55, 0x5D) else b""
    return value + push(dice.randrange(4)) + bytes([number])


def _account(dice: random.Random, _at: int) -> bytes:
    number = dice.choice((0x31, 0x3B, 0x3F, 0x3C))
    copied = b"".join(push(_span(dice)) for _ in range(3)) if number == 0x3C else b""
    return copied + push(_address(dice)) + bytes([number])


def _call(dice: random.Random, _at: int) -> bytes:
    number = dice.choice(tuple(CALLS))
    spans = b"".join(push(_span(dice)) for _ in range(4))
    value = push(dice.choice((0, 0, 1, 2, 10**6))) if CALLS[number] else b""
    gas = push(dice.choice((0, 100, 2_300, 5_000, 50_000, 10**6, 2**256 - 1)))
    return spans + value + push(_address(dice)) + gas + bytes([number])


def _create(dice: random.Random, _at: int) -> bytes:
    init = bytes.fromhex(dice.choice(INIT_CODES))
    stored = bytes([0x5F + len(init)]) + init + push(0) + b"\x52"
    salt = push(dice.randrange(2))
    span = push(dice.choice((len(init), len(init), len(init), 0, 50_000)))
    value = push(dice.choice((0, 0, 0, 1, 10**6)))
    start = push(32 - len(init))
    if dice.random() < 0.5:
        return stored + salt + span + start + value + b"\xf5"
    return stored + span + start + value + b"\xf0"


def _loop(dice: random.Random, at: int) -> bytes:
    """A body some times over: counter on the stack, JUMPDEST behind it."""
    body = dice.choice((b"\x5a\x50", b"\x80\x54\x50", b"\x80\x80\x55", b"\x80\x51\x50", b"\x80\x3f\x50", b"\x59\x50"))
    head = push(dice.choice((1, 2, 5, 20)))
    target = at + len(head)
    return head + b"\x5b" + body + b"\x60\x01\x90\x03\x80" + b"\x61" + target.to_bytes(2, "big") + b"\x57\x50"


def _jump(dice: random.Random, at: int) -> bytes:
    """Over some bytes, mostly to a JUMPDEST: now and then to one inside push data."""
    inside = dice.random() < 0.1
    target = at + 4 + (1 if inside else 2)
    return b"\x61" + target.to_bytes(2, "big") + b"\x56" + (b"\x61\x5b\x5b" if inside else b"\xfe\xfe\x5b")


def _stack(dice: random.Random, at: int) -> bytes:
    """Words, and DUP or SWAP that reach them, or just do not."""
    count = dice.randint(1, 17)
    words = b"".join(push(dice.randrange(1000)) for _ in range(count))
    return words + bytes([dice.choice((0x7F, 0x8F)) + dice.randint(1, 16)])


def _fill(dice: random.Random, at: int) -> bytes:
    """Fill the stack to its end, or by one word less."""
    target = at + len(push(dice.choice((900, 1000))))
    return push(900) + b"\x5b\x58\x90" + b"\x60\x01\x90\x03\x80" + b"\x61" + target.to_bytes(2, "big") + b"\x57"


def _end(dice: random.Random, _at: int) -> bytes:
    number = dice.choice((0xF3, 0xF3, 0xFD, 0x00, 0xFE, 0x0C, 0xFF))
    if number == 0xFF:
        return push(_address(dice)) + b"\xff"
    return push(_span(dice)) + push(_span(dice)) + bytes([number])


_PIECES = (_plain, _memory, _store, _account, _call, _create, _loop, _jump, _stack, _fill, _end)
_WEIGHTS = (6, 5, 5, 2, 6, 3, 2, 1, 2, 0.15, 0.8)
