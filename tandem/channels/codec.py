"""msgpack with one form for each value, and fields that are checked: what wire.py, gossip and invoices are made of.

A message is an array. Amounts, of up to 128 bits, are byte strings without leading zeros. Whatever else comes in is an
EncodingError, whose message says what is wrong with it: a stranger's bytes never do anything else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgpack

from tandem.errors import EncodingError
from tandem.primitives.types import Address, Hash, Seconds


@dataclass(frozen=True, slots=True)
class Field:
    """How a value is written, and read and checked (EncodingError)."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def pack(value: Any) -> bytes:
    """As bytes."""
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def unpack(data: bytes) -> list[Any]:
    """An array again. EncodingError."""
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=True)
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as reason:
        raise EncodingError("these bytes are no message") from reason
    require(isinstance(value, list), "a message is a list")
    return list(value)


def exactly(values: list[Any], count: int) -> list[Any]:
    """So many. EncodingError."""
    require(len(values) == count, f"{count} fields belong here, not {len(values)}")
    return values


def require(condition: bool, reason: str) -> None:
    """EncodingError unless it holds."""
    if not condition:
        raise EncodingError(reason)


def same(value: Any) -> Any:
    """As it is."""
    return value


def read_bytes(value: Any, least: int, most: int) -> bytes:
    """So many bytes."""
    require(isinstance(value, bytes) and least <= len(value) <= most, f"{least} to {most} bytes belong here")
    return bytes(value)


def read_hash(value: Any) -> Hash:
    """32 bytes."""
    return Hash(read_bytes(value, 32, 32))


def read_nonce(value: Any) -> int:
    """64 bits."""
    require(type(value) is int and 0 <= value < 2**64, "a number has 64 bits")
    return int(value)


def write_amount(value: int) -> bytes:
    """Without leading zeros. EncodingError where it is negative."""
    require(value >= 0, "an amount is not negative")
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def read_amount(value: Any) -> int:
    """128 bits."""
    data = read_bytes(value, 0, 16)
    require(data[:1] != b"\0", "an amount has up to 16 bytes, the first of them not zero")
    return int.from_bytes(data, "big")


def blob(least: int, most: int) -> Field:
    """Bytes."""
    return Field(same, lambda value: read_bytes(value, least, most))


def cut(value: str, most: int) -> str:
    """As much of it as has so many bytes in UTF-8."""
    return value.encode(errors="ignore")[:most].decode(errors="ignore")


def text(most: int) -> Field:
    """UTF-8, up to so many bytes."""

    def write(value: str) -> bytes:
        try:
            return read_bytes(value.encode(), 0, most)
        except UnicodeEncodeError as error:
            raise EncodingError("this is no text") from error

    def read(value: Any) -> str:
        try:
            return read_bytes(value, 0, most).decode()
        except UnicodeDecodeError as error:
            raise EncodingError("this is no text") from error

    return Field(write, read)


def brief(most: int) -> Field:
    """Text that only people read: what is longer is cut."""
    field = text(most)
    return Field(lambda value: field.write(cut(value, most)), field.read)


def many(field: Field, most: int) -> Field:
    """Up to so many of a kind, as a tuple."""

    def read(value: Any) -> tuple[Any, ...]:
        require(isinstance(value, list) and len(value) <= most, f"up to {most} belong here")
        return tuple(map(field.read, value))

    return Field(lambda values: list(map(field.write, values)), read)


def optional(field: Field) -> Field:
    """Or nil."""
    return Field(
        lambda value: None if value is None else field.write(value),
        lambda value: None if value is None else field.read(value),
    )


def read_flag(value: Any) -> bool:
    """Yes or no."""
    require(isinstance(value, bool), "yes or no belongs here")
    return bool(value)


HASH = Field(same, read_hash)
FLAG = Field(same, read_flag)
NUMBER = Field(same, read_nonce)
AMOUNT = Field(write_amount, read_amount)
TIME = Field(same, lambda value: Seconds(read_nonce(value)))
SIGNATURE = blob(65, 65)
ADDRESS = Field(same, lambda value: Address(read_bytes(value, 20, 20)))
PUBLIC_KEY = blob(33, 33)


@dataclass(frozen=True, slots=True)
class Shape:
    """A dataclass and its fields, in order: as an array, and back."""

    kind: type
    fields: tuple[Field, ...]

    def write(self, value: Any) -> list[Any]:
        """An array of its fields."""
        names = value.__match_args__
        return [field.write(getattr(value, name)) for name, field in zip(names, self.fields, strict=True)]

    def read(self, values: Any) -> Any:
        """The value again. EncodingError."""
        require(isinstance(values, list), "a list belongs here")
        exactly(values, len(self.fields))
        return self.kind(*(field.read(value) for field, value in zip(self.fields, values, strict=True)))

    @property
    def field(self) -> Field:
        """As a field of another."""
        return Field(self.write, self.read)


def write_named(fields: Mapping[str, Field], value: Any) -> list[Any]:
    """Some attributes of a value, in this order: of one that is kept in part."""
    return [field.write(getattr(value, name)) for name, field in fields.items()]


def read_named(fields: Mapping[str, Field], values: Any) -> dict[str, Any]:
    """These attributes again. EncodingError."""
    require(isinstance(values, list), "a list belongs here")
    pairs = zip(fields.items(), exactly(values, len(fields)), strict=True)
    return {name: field.read(value) for (name, field), value in pairs}
