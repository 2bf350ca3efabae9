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
        return SignedTransaction(
            type=self.type,
            chain_id=self.chain_id,
            nonce=self.nonce,
            max_priority_fee=self.max_priority_fee,
            max_fee=self.max_fee,
            gas_limit=self.gas_limit,
            to=self.to,
            value=self.value,
            data=self.data,
            access_list=self.access_list,
            y_parity=y_parity,
            r=r,
            s=s,
            raw=raw,
            hash=keccak(raw),
            sender=sender,
        )

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
    if raw[0] >= 0xC0:
        return _decode_legacy(rlp.decode(raw))
    if raw[0] in (ACCESS_LIST, DYNAMIC_FEE):
        return _decode_typed(raw[0], rlp.decode(raw[1:]))
    raise EncodingError(f"transaction: type {raw[0]:#04x} is not supported")


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
        return _from_raw(raw, sender)
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


def _from_raw(raw: bytes, sender: Address) -> SignedTransaction:
    raw_type = LEGACY if raw[0] >= 0xC0 else raw[0]
    fields = rlp.decode(raw if raw_type == LEGACY else raw[1:])
    unsigned, y_parity, r, s = (_legacy_parts if raw_type == LEGACY else _typed_parts)(raw_type, fields)
    return _assemble(unsigned, y_parity, r, s, raw, sender)


def _decode_legacy(fields: rlp.Decoded) -> SignedTransaction:
    unsigned, y_parity, r, s = _legacy_parts(LEGACY, fields)
    return unsigned.with_signature(y_parity, r, s)


def _decode_typed(kind: int, fields: rlp.Decoded) -> SignedTransaction:
    unsigned, y_parity, r, s = _typed_parts(kind, fields)
    return unsigned.with_signature(y_parity, r, s)


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
