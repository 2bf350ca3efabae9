"""Standard encodings of transactions: EIP-155, EIP-2718, EIP-2930, EIP-1559, and deposits (protocol.md, section 3).

`decode_signed(raw)` is total: it returns a transaction whose signature recovers to a sender, or raises EncodingError.
"""

from dataclasses import dataclass

from tandem.errors import EncodingError
from tandem.primitives import rlp
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import recover, sign
from tandem.primitives.types import ZERO_ADDRESS, Address, Gas, Hash, Wei
from tandem.transactions.transaction import (
    ACCESS_LIST,
    DEPOSIT,
    DYNAMIC_FEE,
    LEGACY,
    AccessList,
    DepositTransaction,
    SignedTransaction,
    Transaction,
)

MAX_UINT64 = 2**64 - 1


@dataclass(frozen=True, slots=True)
class UnsignedTransaction:
    """What a wallet signs. Types 0 and 1 have one gas price: set both fee fields to it."""

    type: int
    chain_id: int | None
    nonce: int
    max_priority_fee: Wei
    max_fee: Wei
    gas_limit: Gas
    to: Address | None
    value: Wei
    data: bytes = b""
    access_list: AccessList = ()

    def signing_hash(self) -> Hash:
        """The digest that the sender signs."""
        fields = self._fields()
        if self.type == LEGACY:
            if self.chain_id is not None:
                fields += [rlp.encode_int(self.chain_id), b"", b""]
            return keccak(rlp.encode(fields))
        return keccak(bytes([self.type]) + rlp.encode(fields))

    def sign(self, secret: bytes) -> SignedTransaction:
        """Signed by the 32-byte key `secret`."""
        return self.with_signature(*sign(self.signing_hash(), secret))

    def with_signature(self, y_parity: int, r: int, s: int) -> SignedTransaction:
        """With a signature made elsewhere. EncodingError where it recovers to nobody."""
        sender = recover(self.signing_hash(), y_parity, r, s)
        v = y_parity
        if self.type == LEGACY:
            v += 27 if self.chain_id is None else 35 + 2 * self.chain_id
        body = rlp.encode([*self._fields(), rlp.encode_int(v), rlp.encode_int(r), rlp.encode_int(s)])
        raw = body if self.type == LEGACY else bytes([self.type]) + body
        return _assemble(self, y_parity, r, s, raw, sender)

    def _fields(self) -> list[rlp.Item]:
        """The fields before the signature, in the order of the type's EIP."""
        body: list[rlp.Item] = [
            rlp.encode_int(self.gas_limit),
            b"" if self.to is None else self.to,
            rlp.encode_int(self.value),
            self.data,
        ]
        fees: list[rlp.Item] = [rlp.encode_int(self.max_fee)]
        if self.type == LEGACY:
            return [rlp.encode_int(self.nonce), *fees, *body]
        if self.type == DYNAMIC_FEE:
            fees.insert(0, rlp.encode_int(self.max_priority_fee))
        assert self.chain_id is not None
        access: rlp.Item = [[address, list(slots)] for address, slots in self.access_list]
        return [rlp.encode_int(self.chain_id), rlp.encode_int(self.nonce), *fees, *body, access]


def decode_signed(raw: bytes) -> SignedTransaction:
    """The transaction of type 0, 1 or 2 that `raw` encodes. EncodingError says what is wrong with it."""
    if not raw:
        raise EncodingError("transaction: no bytes")
    kind = LEGACY if raw[0] >= 0xC0 else raw[0]
    if kind not in (LEGACY, ACCESS_LIST, DYNAMIC_FEE):
        raise EncodingError(f"transaction: type {raw[0]:#04x} is not supported")
    body = raw if kind == LEGACY else raw[1:]
    fields = rlp.decode(body)
    unsigned, y_parity, r, s = _parts(kind, fields)
    sender = recover(_signed_digest(kind, unsigned.chain_id, body, fields), y_parity, r, s)
    return _assemble(unsigned, y_parity, r, s, raw, sender)


def _signed_digest(kind: int, chain_id: int | None, body: bytes, fields: rlp.Decoded) -> Hash:
    """What the sender signed: the encoding is canonical, so it is cut out of `body` instead of made again."""
    assert isinstance(fields, list)
    signature = sum(rlp.encoded_size(item) for item in fields[-3:] if isinstance(item, bytes))
    signed = rlp.list_payload(body)[:-signature]
    if kind != LEGACY:
        return keccak(bytes([kind]) + rlp.list_header(len(signed)) + signed)
    if chain_id is not None:
        signed += rlp.encode(rlp.encode_int(chain_id)) + b"\x80\x80"
    return keccak(rlp.list_header(len(signed)) + signed)


def deposit_transaction(
    source_hash: Hash, sender: Address, to: Address | None, mint: Wei, value: Wei, gas_limit: Gas, data: bytes
) -> DepositTransaction:
    """A deposit with its encoding and hash."""
    fields: list[rlp.Item] = [
        source_hash,
        sender,
        b"" if to is None else to,
        rlp.encode_int(mint),
        rlp.encode_int(value),
        rlp.encode_int(gas_limit),
        b"",
        data,
    ]
    raw = bytes([DEPOSIT]) + rlp.encode(fields)
    return DepositTransaction(source_hash, sender, to, mint, value, gas_limit, data, raw, keccak(raw))


def decode_stored(raw: bytes, sender: Address) -> Transaction:
    """A transaction from our own store, where its sender stands beside it: nothing is recovered again."""
    if raw[0] != DEPOSIT:
        kind = LEGACY if raw[0] >= 0xC0 else raw[0]
        unsigned, y_parity, r, s = _parts(kind, rlp.decode(raw if kind == LEGACY else raw[1:]))
        return _assemble(unsigned, y_parity, r, s, raw, sender)
    fields = rlp.decode(raw[1:])
    assert isinstance(fields, list)
    source, origin, to, mint, value, gas, _, data = fields
    assert isinstance(source, bytes) and isinstance(origin, bytes) and isinstance(to, bytes) and isinstance(data, bytes)
    return DepositTransaction(
        Hash(source),
        Address(origin),
        Address(to) if to else None,
        Wei(rlp.decode_int(mint)),
        Wei(rlp.decode_int(value)),
        Gas(rlp.decode_int(gas)),
        data,
        raw,
        keccak(raw),
    )


def _parts(kind: int, fields: rlp.Decoded) -> tuple[UnsignedTransaction, int, int, int]:
    return _legacy_parts(kind, fields) if kind == LEGACY else _typed_parts(kind, fields)


def _legacy_parts(kind: int, fields: rlp.Decoded) -> tuple[UnsignedTransaction, int, int, int]:
    if not isinstance(fields, list) or len(fields) != 9:
        raise EncodingError("legacy transaction: 9 fields are expected")
    nonce, price, gas, to, value, data, v_item, r, s = fields
    v = rlp.decode_int(v_item)
    if v in (27, 28):
        chain_id, y_parity = None, v - 27
    elif v >= 37:
        chain_id, y_parity = (v - 35) // 2, (v - 35) % 2
    else:
        raise EncodingError(f"legacy transaction: v = {v} is neither 27, 28 nor an EIP-155 value")
    fee = _wei(price)
    unsigned = UnsignedTransaction(
        kind, chain_id, _uint64(nonce), fee, fee, _gas(gas), _to(to), _wei(value), _bytes(data)
    )
    return unsigned, y_parity, rlp.decode_int(r), rlp.decode_int(s)


def _typed_parts(kind: int, fields: rlp.Decoded) -> tuple[UnsignedTransaction, int, int, int]:
    expected = 12 if kind == DYNAMIC_FEE else 11
    if not isinstance(fields, list) or len(fields) != expected:
        raise EncodingError(f"transaction of type {kind}: {expected} fields are expected")
    chain_id, nonce, *fees = fields[: expected - 8]
    gas, to, value, data, access, parity, r, s = fields[expected - 8 :]
    y_parity = rlp.decode_int(parity, 1)
    if y_parity > 1:
        raise EncodingError(f"transaction of type {kind}: y parity is 0 or 1, not {y_parity}")
    unsigned = UnsignedTransaction(
        kind,
        _uint64(chain_id),
        _uint64(nonce),
        _wei(fees[0]),
        _wei(fees[-1]),
        _gas(gas),
        _to(to),
        _wei(value),
        _bytes(data),
        decode_access_list(access),
    )
    return unsigned, y_parity, rlp.decode_int(r), rlp.decode_int(s)


def _assemble(
    unsigned: UnsignedTransaction, y_parity: int, r: int, s: int, raw: bytes, sender: Address
) -> SignedTransaction:
    return SignedTransaction(
        unsigned.type,
        unsigned.chain_id,
        unsigned.nonce,
        unsigned.max_priority_fee,
        unsigned.max_fee,
        unsigned.gas_limit,
        unsigned.to,
        unsigned.value,
        unsigned.data,
        unsigned.access_list,
        y_parity,
        r,
        s,
        raw,
        keccak(raw),
        sender,
    )


def decode_access_list(item: rlp.Decoded) -> AccessList:
    """An EIP-2930 access list from its RLP item."""
    if not isinstance(item, list):
        raise EncodingError("access list: a list is expected")
    entries = []
    for entry in item:
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[1], list):
            raise EncodingError("access list: an entry is [address, [slot, ...]]")
        slots = tuple(Hash(_sized(slot, 32)) for slot in entry[1])
        entries.append((Address(_sized(entry[0], 20)), slots))
    return tuple(entries)


def _sized(item: rlp.Decoded, size: int) -> bytes:
    data = _bytes(item)
    if len(data) != size:
        raise EncodingError(f"transaction: a field of {size} bytes is expected, it has {len(data)}")
    return data


def _bytes(item: rlp.Decoded) -> bytes:
    if not isinstance(item, bytes):
        raise EncodingError("transaction: bytes are expected, a list is there")
    return item


def _to(item: rlp.Decoded) -> Address | None:
    return None if item == b"" else Address(_sized(item, len(ZERO_ADDRESS)))


def _uint64(item: rlp.Decoded) -> int:
    return rlp.decode_int(item, 8)


def _gas(item: rlp.Decoded) -> Gas:
    return Gas(rlp.decode_int(item, 8))


def _wei(item: rlp.Decoded) -> Wei:
    return Wei(rlp.decode_int(item, 32))
