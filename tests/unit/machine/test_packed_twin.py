"""Packed transactions mean the same in Python and Solidity: whatever the bytes, both read one transaction or none."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from tandem.batch.packed import (
    BYTES_BASE,
    DECIMAL_BASE,
    EXPONENTS,
    HAS_ACCESS_LIST,
    HAS_DATA,
    HAS_TO,
    MAX_PACKED_BYTES,
    PARITY,
    UNPROTECTED,
    pack,
    pack_number,
    places,
    unpack,
)
from tandem.errors import EncodingError
from tandem.evm.validation import intrinsic_gas
from tandem.primitives import rlp
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import HALF_ORDER, ORDER
from tandem.primitives.types import Address, Gas, Hash, Wei
from tandem.transactions.codec import UnsignedTransaction
from tandem.transactions.transaction import AccessList, SignedTransaction
from tests.support.revm import Reverted, Revm, call_data, decode_result
from tests.support.solidity import compile_contracts

CHAIN = 42069
SECRET = bytes(31) + b"\x07"
TRANSACTION = (
    "(uint256,bool,uint256,uint256,uint256,uint256,bool,address,uint256,uint256,uint256,uint256,uint256,uint256,"
    "uint256,uint256,uint256,uint256,uint256,bytes32,bytes32,address)"
)
FULL_SIGNATURE = bytes(31) + b"\x01" + bytes(31) + b"\x01"
PLENTY = 2**30
"""More gas than any call here can need."""


class Harness:
    """The contract, with Python's answer beside."""

    def __init__(self) -> None:
        self.revm = Revm()
        self.address = self.revm.deploy(compile_contracts("test/PackedHarness.sol")["PackedHarness"])

    def call(self, signature: str, result: str, *values: Any, gas: int = PLENTY) -> Any:
        return decode_result(result, self.revm.call(self.address, call_data(signature, *values), gas))

    def agree(self, packed: bytes, chain_id: int = CHAIN) -> SignedTransaction | None:
        """Both read the same. Gives what they read."""
        valid, fields = self.call("unpack(bytes,uint256)", f"bool,{TRANSACTION}", packed, chain_id)
        try:
            transaction = unpack(packed, chain_id)
        except EncodingError:
            assert not valid, packed.hex()
            return None
        assert valid, packed.hex()
        assert_same(fields, transaction, packed)
        return transaction


@pytest.fixture(scope="module")
def harness() -> Harness:
    return Harness()


def assert_same(fields: tuple[Any, ...], tx: SignedTransaction, packed: bytes) -> None:
    kind, is_protected, nonce, gas_limit, tip, fee, is_creation, to, value, *rest = fields
    access_at, access_size, addresses, slots, data_at, data_size, parity, r, s, size, digest, tx_hash, sender = rest
    assert (kind, nonce, gas_limit, tip, fee) == (tx.type, tx.nonce, tx.gas_limit, tx.max_priority_fee, tx.max_fee)
    assert is_protected == (tx.chain_id is not None)
    assert (is_creation, bytes.fromhex(to[2:])) == (tx.to is None, tx.to or bytes(20))
    assert value == tx.value
    listed = b"".join(rlp.encode([address, list(keys)]) for address, keys in tx.access_list)
    assert packed[access_at : access_at + access_size] == listed
    assert (addresses, slots) == (len(tx.access_list), sum(len(keys) for _, keys in tx.access_list))
    assert packed[data_at : data_at + data_size] == tx.data
    there = places(packed)
    assert there.access_list == ((access_at, access_size) if access_size else (0, 0))
    assert there.data == ((data_at, data_size) if data_size else (0, 0))
    assert (parity, r, s) == (tx.y_parity, tx.r, tx.s)
    assert (size, tx_hash, bytes.fromhex(sender[2:])) == (len(tx.raw), tx.hash, tx.sender)
    assert digest == unsigned_of(tx).signing_hash()


def unsigned_of(tx: SignedTransaction) -> UnsignedTransaction:
    return UnsignedTransaction(
        tx.type,
        tx.chain_id,
        tx.nonce,
        tx.max_priority_fee,
        tx.max_fee,
        tx.gas_limit,
        tx.to,
        tx.value,
        tx.data,
        tx.access_list,
    )


def any_number(rng: random.Random, bits: int) -> int:
    """Small, round, at a power of two, or anything."""
    power = 1 << rng.randrange(bits + 1)
    choice = rng.randrange(4)
    if choice == 0:
        value = rng.randrange(200)
    elif choice == 1:
        value = rng.randrange(1000) * 10 ** rng.randrange(24)
    elif choice == 2:
        value = power + rng.choice((-1, 0, 1))
    else:
        value = rng.randrange(power)
    return max(0, min(value, (1 << bits) - 1))


def any_access_list(rng: random.Random) -> AccessList:
    return tuple(
        (Address(rng.randbytes(20)), tuple(Hash(rng.randbytes(32)) for _ in range(rng.choice((0, 0, 1, 2, 8)))))
        for _ in range(rng.choice((0, 1, 1, 2, 5, 13)))
    )


def any_data(rng: random.Random) -> bytes:
    size = rng.choice((0, 0, 1, 1, 2, 54, 55, 56, 57, 200, 255, 256, 1000))
    return bytes(rng.choice((0, 0, 1, 0x7F, 0x80, 0xFF)) for _ in range(size))


def any_signed(rng: random.Random, chain_id: int = CHAIN) -> SignedTransaction:
    kind = rng.randrange(3)
    fee = Wei(any_number(rng, 256))
    return UnsignedTransaction(
        type=kind,
        chain_id=None if kind == 0 and rng.random() < 0.5 else chain_id,
        nonce=any_number(rng, 64),
        max_priority_fee=Wei(any_number(rng, 256)) if kind == 2 else fee,
        max_fee=fee,
        gas_limit=Gas(any_number(rng, 64)),
        to=None if rng.random() < 0.3 else Address(rng.randbytes(20)),
        value=Wei(any_number(rng, 256)),
        data=any_data(rng),
        access_list=any_access_list(rng) if kind else (),
    ).sign(rng.randbytes(32))


def test_transactions_of_all_types(harness: Harness) -> None:
    rng = random.Random(1)
    for _ in range(400):
        chain_id = rng.choice((1, 45, 46, CHAIN, 2**64 - 1))
        transaction = any_signed(rng, chain_id)
        assert harness.agree(pack(transaction), chain_id) == transaction


def test_damaged_bytes(harness: Harness) -> None:
    rng = random.Random(2)
    valid = 0
    for _ in range(1500):
        data = bytearray(pack(any_signed(rng)))
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(min(len(data), rng.choice((1, 10, 50, 100_000))))
            data[at] = rng.choice((rng.randrange(256), data[at] ^ 1 << rng.randrange(8), 0, 0xFF))
        for candidate in (bytes(data), bytes(data[: rng.randrange(len(data))]), bytes(data) + rng.randbytes(1)):
            valid += harness.agree(candidate) is not None
    assert 100 < valid < 1500


def test_noise(harness: Harness) -> None:
    rng = random.Random(3)
    for _ in range(1500):
        harness.agree(rng.randbytes(rng.randrange(0, 150)))


def test_every_number_form_in_every_place(harness: Harness) -> None:
    """Each first byte, its digits zero, full, or any: as nonce, gas limit, fees and value."""
    rng = random.Random(4)
    valid = 0
    for first in range(256):
        if first < BYTES_BASE:
            width = 0
        elif first < DECIMAL_BASE:
            width = first - BYTES_BASE + 1
        else:
            width = 1 + (first - DECIMAL_BASE) // EXPONENTS
        for digits in (bytes(width), b"\xff" * width, rng.randbytes(width), b"\0" * (width > 0) + b"\1" * (width - 1)):
            number = bytes([first]) + digits
            for place in range(5):
                numbers = [pack_number(9)] * 5
                numbers[place] = number
                valid += harness.agree(bytes([2]) + b"".join(numbers) + FULL_SIGNATURE) is not None
    assert valid > 4000


@pytest.mark.parametrize("flags", range(256))
def test_every_flags_byte(harness: Harness, flags: int) -> None:
    body = b"\1\2" + b"\3" * (1 + (flags & 3 == 2)) + b"\x22" * 20 * bool(flags & HAS_TO) + b"\4"
    body += (b"\x19\xd8" + b"\xd7\x94" + b"\x33" * 20 + b"\xc1\xc0") * bool(flags & HAS_ACCESS_LIST)
    sound = b"\x18\xd7\xd6\x94" + b"\x33" * 20 + b"\xc0"
    harness.agree(bytes([flags]) + body + b"\3abc" * bool(flags & HAS_DATA) + FULL_SIGNATURE)
    body = b"\1\2" + b"\3" * (1 + (flags & 3 == 2)) + b"\x22" * 20 * bool(flags & HAS_TO) + b"\4"
    body += sound * bool(flags & HAS_ACCESS_LIST) + b"\3abc" * bool(flags & HAS_DATA)
    expected = flags & 3 < 3 and flags < 128 and not flags & (HAS_ACCESS_LIST if flags & 3 == 0 else UNPROTECTED)
    assert (harness.agree(bytes([flags]) + body + FULL_SIGNATURE) is not None) == expected


def test_signatures_at_their_bounds(harness: Harness) -> None:
    edges = (0, 1, 2, 5, 2**255, HALF_ORDER - 1, HALF_ORDER, HALF_ORDER + 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1)
    read = 0
    for flags in (0, PARITY, UNPROTECTED, UNPROTECTED | PARITY, 1, 2 | PARITY):
        body = bytes([flags]) + b"\1\2\3\4" + b"\5" * (flags & 3 == 2)
        for r in edges:
            for s in edges:
                read += harness.agree(body + r.to_bytes(32, "big") + s.to_bytes(32, "big")) is not None
    assert read > 50


ACCESS_LISTS: list[Callable[[bytes, bytes], Any]] = [
    lambda address, slot: [],
    lambda address, slot: [[address, []]],
    lambda address, slot: [[address, [slot]], [address, [slot, slot]]],
    lambda address, slot: [[address, [slot] * 9]] * 30,
    lambda address, slot: b"",
    lambda address, slot: address,
    lambda address, slot: [address],
    lambda address, slot: [[]],
    lambda address, slot: [[address]],
    lambda address, slot: [[address, slot]],
    lambda address, slot: [[address, b""]],
    lambda address, slot: [[address, [], []]],
    lambda address, slot: [[address, [slot], b""]],
    lambda address, slot: [[[], address]],
    lambda address, slot: [[[address], []]],
    lambda address, slot: [[address[1:], []]],
    lambda address, slot: [[address + b"\1", []]],
    lambda address, slot: [[b"", [slot]]],
    lambda address, slot: [[address, [slot[1:]]]],
    lambda address, slot: [[address, [slot + b"\1"]]],
    lambda address, slot: [[address, [b"\1"]]],
    lambda address, slot: [[address, [b"\1"] * 33]],
    lambda address, slot: [[address, [[slot]]]],
    lambda address, slot: [[address, [[]] * 33]],
    lambda address, slot: [[address, [slot, []]]],
    lambda address, slot: [[address, []], []],
    lambda address, slot: [[address, []], b"\1"],
]


def with_access_list(encoded: bytes, length: bytes | None = None) -> bytes:
    head = bytes([1 | HAS_ACCESS_LIST]) + b"\1\2\3\4"
    return head + (pack_number(len(encoded)) if length is None else length) + encoded + FULL_SIGNATURE


@pytest.mark.parametrize("shape", range(len(ACCESS_LISTS)))
def test_shapes_of_access_lists(harness: Harness, shape: int) -> None:
    encoded = rlp.encode(ACCESS_LISTS[shape](b"\x11" * 20, b"\x22" * 32))
    assert (harness.agree(with_access_list(encoded)) is not None) == (shape < 4)
    for number in (0, len(encoded) - 1, len(encoded) + 1):
        harness.agree(with_access_list(encoded, pack_number(number)))


def test_damaged_access_lists(harness: Harness) -> None:
    rng = random.Random(5)
    for _ in range(1500):
        encoded = bytearray(rlp.encode(ACCESS_LISTS[rng.randrange(4)](b"\x11" * 20, b"\x22" * 32)))
        for _ in range(rng.randrange(1, 3)):
            heads = [at for at, byte in enumerate(encoded) if byte not in (0x11, 0x22)]
            at = rng.choice(heads)
            encoded[at] = rng.choice((encoded[at] + rng.choice((-1, 1)), rng.randrange(256), 0xF8, 0xC0, 0x80)) & 0xFF
        harness.agree(with_access_list(bytes(encoded)))


@pytest.mark.parametrize(
    "encoded",
    [
        b"\xf8\x00",  # a long form for nothing
        b"\xf8\x17\xd6\x94" + b"\x11" * 20 + b"\xc0",  # a long form for 23 bytes
        b"\xf9\x00\x17\xd6\x94" + b"\x11" * 20 + b"\xc0",  # a leading zero
        b"\xd8\xf8\x16\x94" + b"\x11" * 20 + b"\xc0",  # inside
        b"\xd8\xd7\xb8\x14" + b"\x11" * 20 + b"\xc0",
        b"\xd8\xd7\x94" + b"\x11" * 20 + b"\xf8\x00",
        b"\xd9\xd8\x94" + b"\x11" * 20 + b"\xc2\x81\x11",
        b"\xff" + b"\xff" * 8,
        b"\xff" + b"\x00" * 8,
        b"\xc0\xc0",
    ],
)
def test_access_lists_that_are_not_canonical(harness: Harness, encoded: bytes) -> None:
    assert harness.agree(with_access_list(encoded)) is None


def test_headers_as_python_reads_them(harness: Harness) -> None:
    """All first bytes, with payloads that fit exactly, are a byte short, or a byte long."""
    rng = random.Random(6)
    for first in range(256):
        for second in (0, 1, 55, 56, 0x7F, 0x80, 0xFF):
            for padding in (*range(12), 55, 56, 57, 58, 128, 257, 258, 300):
                head = bytes([first, second]) + rng.choice((bytes(7), rng.randbytes(7), bytes(5) + b"\1\0"))
                available = rng.choice((0, 1, 2, padding, padding + 1, padding + 2, padding + 9))
                data = (head + bytes([1]) * padding)[:available]
                word = (head + b"\xee" * 32)[:32]
                answer = harness.call("readHeader(bytes32,uint256)", "bool,bool,uint256,uint256", word[:32], len(data))
                assert answer[0] == (header_of(data, word) is not None), data.hex()
                if answer[0]:
                    assert tuple(answer[1:]) == header_of(data, word)


def header_of(data: bytes, word: bytes) -> tuple[bool, int, int] | None:
    """(is a list, start, length) of the item at the front of `data`, as tandem.primitives.rlp reads it."""
    if not data:
        return None
    if data[0] < 0x80:
        return False, 0, 1
    is_list = data[0] >= 0xC0
    try:
        start, stop = rlp._span(data, 0, len(data), data[0] - (0xC0 if is_list else 0x80))
    except EncodingError:
        return None
    if not is_list and stop - start == 1 and data[start] < 0x80:
        return None
    return is_list, start, stop - start


def test_zero_bytes(harness: Harness) -> None:
    rng = random.Random(7)
    for size in (*range(70), 1000, 4097):
        data = bytes(rng.choice((0, 0, 1, 0x80, 0xFF, 0x7F)) for _ in range(size + 40))
        offset = rng.randrange(40)
        count = harness.call("zeroBytes(bytes,uint256,uint256)", "uint256", data, offset, size)
        assert count == data[offset : offset + size].count(0)


def test_lengths_at_their_bounds(harness: Harness) -> None:
    """Data of 55, 56, 255, 256 bytes and of as many as there may be; with one byte more it is no transaction."""
    around = len(pack(data_transaction(b"\1" * 60_001))) - 60_001
    for size in (55, 56, 255, 256, MAX_PACKED_BYTES - 1 - around, MAX_PACKED_BYTES - around):
        assert harness.agree(pack(data_transaction(b"\1" * size))) is not None
    longest, longer = (pack(data_transaction(b"\1" * (MAX_PACKED_BYTES - around + more))) for more in (0, 1))
    assert (len(longest), len(longer)) == (MAX_PACKED_BYTES, MAX_PACKED_BYTES + 1)
    assert harness.agree(longer) is None


def test_memory_is_left_alone(harness: Harness) -> None:
    rng = random.Random(8)
    for _ in range(50):
        transaction = any_signed(rng)
        intact, digest = harness.call("unpackMemory(bytes,uint256)", "bool,bytes32", pack(transaction), CHAIN)
        assert intact
        assert digest == transaction.hash


def test_starvation_never_decides(harness: Harness) -> None:
    """With too little gas the call reverts; it does not take a valid transaction for an invalid one."""
    packed = pack(data_transaction(b"\1" * 100))
    data = call_data("unpack(bytes,uint256)", packed, CHAIN)
    enough, steps = False, 0
    for gas in range(21_000, 60_000, 50):
        try:
            valid = decode_result("bool", harness.revm.call(harness.address, data, gas)[:32])
        except Reverted:
            assert not enough
            steps += 1
            continue
        assert valid
        enough = True
    assert enough and steps > 100


def test_worst_case_gas(harness: Harness, capsys: pytest.CaptureFixture[str]) -> None:
    worst = {
        "data": data_transaction(bytes(range(1, 256)) * 257, 65_430),
        "one entry, all slots": listed_transaction(1, 1980),
        "entries without slots": listed_transaction(2842, 0),
        "entries of one slot": listed_transaction(1168, 1),
    }
    for name, transaction in worst.items():
        packed = pack(transaction)
        assert MAX_PACKED_BYTES - 120 < len(packed) <= MAX_PACKED_BYTES, (name, len(packed))
        assert harness.agree(packed) == transaction
        valid, gas = harness.call("unpackGas(bytes,uint256)", "bool,uint256", packed, CHAIN)
        assert valid and gas < 2_000_000
        with capsys.disabled():
            print(f"\nunpack, {name}: {gas} gas, {len(packed)} bytes", end="")
    gas = harness.call("zeroBytesGas(bytes)", "uint256", bytes(MAX_PACKED_BYTES))
    assert gas < 250_000
    with capsys.disabled():
        print(f"\nzero bytes of {MAX_PACKED_BYTES}: {gas} gas")


def data_transaction(data: bytes, size: int | None = None) -> SignedTransaction:
    return UnsignedTransaction(0, CHAIN, 1, Wei(7), Wei(7), Gas(2**24), None, Wei(3), data[:size]).sign(SECRET)


def listed_transaction(addresses: int, slots: int) -> SignedTransaction:
    entries = tuple(
        (Address(keccak(bytes([1, index >> 8, index & 255]))[:20]), (Hash(keccak(bytes([index & 255]))),) * slots)
        for index in range(addresses)
    )
    to = Address(b"\x11" * 20)
    return UnsignedTransaction(2, CHAIN, 1, Wei(7), Wei(7), Gas(2**24), to, Wei(3), b"", entries).sign(SECRET)


def test_intrinsic_gas_counts_what_validation_counts(harness: Harness) -> None:
    rng = random.Random(9)
    for _ in range(50):
        data, entries, creation = any_data(rng), any_access_list(rng), rng.random() < 0.5
        slots = sum(len(keys) for _, keys in entries)
        gas = harness.call("intrinsicGas(bytes,bool,uint256,uint256)", "uint256", data, creation, len(entries), slots)
        assert gas == intrinsic_gas(data, creation, entries)
