"""Transactions of official tests, in every type that Ethereum has: the chain itself decodes only types 0 to 2."""

from dataclasses import replace
from typing import Any

from tandem.errors import EncodingError
from tandem.primitives import rlp
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import recover
from tandem.primitives.types import ZERO_HASH, Address, Gas, Hash, Wei
from tandem.transactions.codec import decode_access_list, decode_signed
from tandem.transactions.transaction import (
    ACCESS_LIST,
    BLOB,
    DYNAMIC_FEE,
    LEGACY,
    SET_CODE,
    Authorization,
    SignedTransaction,
)

AUTHORIZATION_MAGIC = b"\x05"
"""EIP-7702: what an authorization's signing hash begins with."""


def decode(raw: bytes) -> SignedTransaction:
    """The transaction that `raw` encodes. EncodingError where it is none."""
    return _decode_new(raw[0], raw) if raw[:1] in (b"\x03", b"\x04") else decode_signed(raw)


def _decode_new(kind: int, raw: bytes) -> SignedTransaction:
    """Behind the access list type 3 has its blob fee and hashes, type 4 its authorizations; then the signature."""
    fields = _list(rlp.decode(raw[1:]))
    if len(fields) != (14 if kind == BLOB else 13):
        raise EncodingError(f"transaction of type {kind}: {len(fields)} fields")
    *unsigned, parity, r, s = fields
    chain_id, nonce, tip, fee, gas, to, value, data, access, *rest = unsigned
    digest = keccak(raw[:1] + rlp.encode(unsigned))
    y_parity, r_value, s_value = rlp.decode_int(parity, 1), rlp.decode_int(r), rlp.decode_int(s)
    transaction = SignedTransaction(
        type=kind,
        chain_id=rlp.decode_int(chain_id),
        nonce=rlp.decode_int(nonce, 8),
        max_priority_fee=Wei(rlp.decode_int(tip)),
        max_fee=Wei(rlp.decode_int(fee)),
        gas_limit=Gas(rlp.decode_int(gas, 8)),
        to=Address(_bytes(to, 20)) if to else None,
        value=Wei(rlp.decode_int(value)),
        data=_bytes(data),
        access_list=decode_access_list(access),
        y_parity=y_parity,
        r=r_value,
        s=s_value,
        raw=raw,
        hash=keccak(raw),
        sender=recover(digest, y_parity, r_value, s_value),
    )
    if kind == BLOB:
        hashes = tuple(Hash(_bytes(item, 32)) for item in _list(rest[1]))
        return replace(transaction, max_blob_fee=Wei(rlp.decode_int(rest[0])), blob_hashes=hashes)
    return replace(transaction, authorizations=tuple(_authorization(item) for item in _list(rest[0])))


def _authorization(item: rlp.Decoded) -> Authorization:
    fields = _list(item)
    if len(fields) != 6:
        raise EncodingError(f"authorization: {len(fields)} fields")
    chain_id, address, nonce, parity, r, s = fields
    return authorization(
        rlp.decode_int(chain_id),
        Address(_bytes(address, 20)),
        rlp.decode_int(nonce, 8),
        rlp.decode_int(parity, 1),
        rlp.decode_int(r),
        rlp.decode_int(s),
    )


def authorization(chain_id: int, address: Address, nonce: int, parity: int, r: int, s: int) -> Authorization:
    """An authorization with its authority recovered, where a key fits."""
    body = rlp.encode([rlp.encode_int(chain_id), address, rlp.encode_int(nonce)])
    try:
        authority = recover(keccak(AUTHORIZATION_MAGIC + body), parity, r, s)
    except EncodingError:
        authority = None
    return Authorization(chain_id, address, nonce, authority)


def from_fields(fields: dict[str, Any], indexes: dict[str, int], chain_id: int) -> SignedTransaction:
    """The transaction of a fixture without encoded bytes, by its fields and the indexes of one case."""
    access = fields.get("accessLists", [None])[indexes["data"] if "accessLists" in fields else 0]
    authorizations = fields.get("authorizationList")
    if authorizations is not None:
        kind = SET_CODE
    elif "blobVersionedHashes" in fields:
        kind = BLOB
    elif "maxFeePerGas" in fields:
        kind = DYNAMIC_FEE
    else:
        kind = LEGACY if access is None else ACCESS_LIST
    fee = number(fields["maxFeePerGas"] if "maxFeePerGas" in fields else fields["gasPrice"])
    return SignedTransaction(
        type=kind,
        chain_id=chain_id,
        nonce=number(fields["nonce"], 64),
        max_priority_fee=Wei(number(fields.get("maxPriorityFeePerGas", hex(fee)))),
        max_fee=Wei(fee),
        gas_limit=Gas(number(fields["gasLimit"][indexes["gas"]], 64)),
        to=Address(octets(fields["to"])) if fields["to"] else None,
        value=Wei(number(fields["value"][indexes["value"]])),
        data=octets(fields["data"][indexes["data"]]),
        access_list=tuple(
            (Address(octets(entry["address"])), tuple(Hash(octets(key)) for key in entry["storageKeys"]))
            for entry in access or ()
        ),
        y_parity=0,
        r=0,
        s=0,
        raw=b"",
        hash=ZERO_HASH,
        sender=Address(octets(fields["sender"])),
        max_blob_fee=Wei(number(fields.get("maxFeePerBlobGas", "0x0"))),
        blob_hashes=tuple(Hash(octets(digest)) for digest in fields.get("blobVersionedHashes", ())),
        authorizations=tuple(
            authorization(
                number(entry["chainId"]),
                Address(octets(entry["address"])),
                number(entry["nonce"], 64),
                number(entry.get("yParity", entry.get("v", "0x0"))),
                number(entry["r"]),
                number(entry["s"]),
            )
            for entry in authorizations or ()
        ),
    )


def number(text: str, bits: int = 256) -> int:
    """A quantity of a fixture. EncodingError where it does not fit: such cases expect to be refused."""
    digits = text.removeprefix("0x:bigint ")
    value = 0 if digits in ("", "0x") else int(digits, 16 if "0x" in text else 10)
    if value >> bits:
        raise EncodingError(f"{text} does not fit in {bits} bits")
    return value


def octets(text: str) -> bytes:
    """Bytes of a fixture."""
    return bytes.fromhex(text.removeprefix("0x"))


def _list(item: rlp.Decoded) -> list[rlp.Decoded]:
    if isinstance(item, bytes):
        raise EncodingError("transaction: a list is expected")
    return item


def _bytes(item: rlp.Decoded, size: int | None = None) -> bytes:
    if not isinstance(item, bytes) or (size is not None and len(item) != size):
        raise EncodingError("transaction: a field has a wrong size")
    return item
