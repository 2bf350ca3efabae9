"""The packed form of signed transactions (protocol.md, section 5): what cannot be recomputed, in as few bytes as go.

Against the standard encoding it drops the chain id, list and string headers, and writes amounts with their decimal
zeros folded (1.5 ether is 2 bytes).
"""

from dataclasses import dataclass

from tandem.batch.cursor import Cursor
from tandem.errors import EncodingError
from tandem.primitives import rlp
from tandem.primitives.types import Address, Gas, Wei
from tandem.transactions.codec import MAX_UINT64, UnsignedTransaction, decode_access_list
from tandem.transactions.transaction import DYNAMIC_FEE, LEGACY, AccessList, SignedTransaction

MAX_PACKED_BYTES = 65_536
"""A longer one is no transaction: L1 must be able to read and hash any in one transaction of its own."""
MOST_OVERHEAD = 96
"""By how much a packed form may be longer than the standard one: 62 bytes for zeros of r and s, a few of lengths."""

PARITY, HAS_TO, HAS_DATA, HAS_ACCESS_LIST, UNPROTECTED, RESERVED = 4, 8, 16, 32, 64, 128
TYPE_MASK = 3

LITERAL_LIMIT, BYTES_BASE, DECIMAL_BASE = 0x80, 0x80, 0xA0
EXPONENTS = 24
"""A decimal number's first byte: 0xa0 + 24 * (mantissa bytes - 1) + exponent; mantissa of 1 to 4 bytes."""
MANTISSA_LIMIT = 1 << 32
POWERS: list[int] = [10**exponent for exponent in range(EXPONENTS)]


def pack(transaction: SignedTransaction) -> bytes:
    """The shortest packed form."""
    flags = transaction.type
    flags |= PARITY * transaction.y_parity
    flags |= HAS_TO * (transaction.to is not None)
    flags |= HAS_DATA * bool(transaction.data)
    flags |= HAS_ACCESS_LIST * bool(transaction.access_list)
    flags |= UNPROTECTED * (transaction.chain_id is None)
    parts = [bytes([flags]), pack_number(transaction.nonce), pack_number(transaction.gas_limit)]
    if transaction.type == DYNAMIC_FEE:
        parts.append(pack_number(transaction.max_priority_fee))
    parts.append(pack_number(transaction.max_fee))
    if transaction.to is not None:
        parts.append(transaction.to)
    parts.append(pack_number(transaction.value))
    if transaction.access_list:
        encoded = rlp.encode([[address, list(slots)] for address, slots in transaction.access_list])
        parts += (pack_number(len(encoded)), encoded)
    if transaction.data:
        parts += (pack_number(len(transaction.data)), transaction.data)
    parts += (transaction.r.to_bytes(32, "big"), transaction.s.to_bytes(32, "big"))
    return b"".join(parts)


def is_packable(transaction: SignedTransaction) -> bool:
    """Whether the packed form is one that `unpack` takes. Quick for all but the longest."""
    return len(transaction.raw) <= MAX_PACKED_BYTES - MOST_OVERHEAD or len(pack(transaction)) <= MAX_PACKED_BYTES


def unpack(data: bytes, chain_id: int) -> SignedTransaction:
    """The transaction that `data` packs, on the chain with `chain_id`. EncodingError where there is none."""
    if len(data) > MAX_PACKED_BYTES:
        raise EncodingError(f"packed transaction: {len(data)} bytes, at most {MAX_PACKED_BYTES} are allowed")
    cursor = Cursor(data)
    flags = cursor.byte()
    kind = flags & TYPE_MASK
    if kind == TYPE_MASK or flags & RESERVED:
        raise EncodingError(f"packed transaction: flags {flags:#04x} are not defined")
    if (kind != LEGACY and flags & UNPROTECTED) or (kind == LEGACY and flags & HAS_ACCESS_LIST):
        raise EncodingError(f"packed transaction: flags {flags:#04x} do not fit type {kind}")
    nonce = _uint64(cursor)
    gas_limit = Gas(_uint64(cursor))
    first_fee = Wei(_number(cursor))
    max_fee = Wei(_number(cursor)) if kind == DYNAMIC_FEE else first_fee
    to = Address(cursor.take(20)) if flags & HAS_TO else None
    value = Wei(_number(cursor))
    access_list: AccessList = ()
    if flags & HAS_ACCESS_LIST:
        access_list = decode_access_list(rlp.decode(cursor.take(_number(cursor))))
    call_data = cursor.take(_number(cursor)) if flags & HAS_DATA else b""
    r = int.from_bytes(cursor.take(32), "big")
    s = int.from_bytes(cursor.take(32), "big")
    cursor.finish()
    unsigned = UnsignedTransaction(
        type=kind,
        chain_id=None if flags & UNPROTECTED else chain_id,
        nonce=nonce,
        max_priority_fee=first_fee,
        max_fee=max_fee,
        gas_limit=gas_limit,
        to=to,
        value=value,
        data=call_data,
        access_list=access_list,
    )
    return unsigned.with_signature(1 if flags & PARITY else 0, r, s)


@dataclass(frozen=True, slots=True)
class Places:
    """Where two parts of a packed transaction stand: offset and length; (0, 0) where there is none."""

    access_list: tuple[int, int]
    """Its items, without the list's header."""
    data: tuple[int, int]


def places(data: bytes) -> Places:
    """The places in a packed transaction that `unpack` takes."""
    cursor = Cursor(data)
    flags = cursor.byte()
    for _ in range(4 if flags & TYPE_MASK == DYNAMIC_FEE else 3):
        _number(cursor)
    if flags & HAS_TO:
        cursor.take(20)
    _number(cursor)
    access_list = call_data = (0, 0)
    if flags & HAS_ACCESS_LIST:
        encoded = cursor.take(_number(cursor))
        length = len(rlp.list_payload(encoded))
        access_list = (cursor.position - length, length)
    if flags & HAS_DATA:
        length = _number(cursor)
        call_data = (cursor.position, length)
    return Places(access_list if access_list[1] else (0, 0), call_data if call_data[1] else (0, 0))


def pack_number(value: int) -> bytes:
    """The shortest form of an unsigned integer below 2^256."""
    if value < LITERAL_LIMIT:
        return bytes([value])
    size = (value.bit_length() + 7) // 8
    plain = bytes([BYTES_BASE + size - 1]) + value.to_bytes(size, "big")
    mantissa, exponent = value, 0
    while mantissa % 10 == 0 and exponent < EXPONENTS - 1:
        mantissa //= 10
        exponent += 1
    if mantissa >= MANTISSA_LIMIT:
        return plain
    width = (mantissa.bit_length() + 7) // 8
    if width >= size:
        return plain
    return bytes([DECIMAL_BASE + EXPONENTS * (width - 1) + exponent]) + mantissa.to_bytes(width, "big")


def _number(cursor: Cursor) -> int:
    first = cursor.byte()
    if first < LITERAL_LIMIT:
        return first
    if first < DECIMAL_BASE:
        return int.from_bytes(cursor.take(first - BYTES_BASE + 1), "big")
    width, exponent = divmod(first - DECIMAL_BASE, EXPONENTS)
    return int.from_bytes(cursor.take(width + 1), "big") * POWERS[exponent]


def _uint64(cursor: Cursor) -> int:
    value = _number(cursor)
    if value > MAX_UINT64:
        raise EncodingError(f"packed transaction: {value} does not fit 64 bits")
    return value
