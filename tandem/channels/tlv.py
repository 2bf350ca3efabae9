"""TLV streams (BOLT-01): records by their types. One class for each kind of stream, one field for each type.

    class Payload(Records):
        amount: int | None = short(2, 8)

    Payload.decode(stream).amount

OnionError where bytes break an encoding.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import Field, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Self

from coincurve import PublicKey

from tandem.channels.onion import OnionError, bigsize, read_bigsize

POINT = 33
"""Bytes of a public key."""


def write_stream(records: Mapping[int, bytes]) -> bytes:
    """Records by their types, as a TLV stream. BOLT-01."""
    return b"".join(bigsize(kind) + bigsize(len(value)) + value for kind, value in sorted(records.items()))


def read_stream(stream: bytes, known: Collection[int]) -> dict[int, bytes]:
    """Records by their types. `known`: the types that the reader understands; of others, it may skip the odd ones.

    OnionError where types do not rise, a record is cut off, or one of an even type is not understood.
    """
    records: dict[int, bytes] = {}
    last, at = -1, 0
    while at < len(stream):
        kind, at = read_bigsize(stream, at)
        size, at = read_bigsize(stream, at)
        require(kind > last, f"record {kind} stands behind record {last}")
        require(kind % 2 == 1 or kind in known, f"record {kind} is unknown, and must be understood")
        require(at + size <= len(stream), f"record {kind} is cut off")
        records[kind] = stream[at : at + size]
        last, at = kind, at + size
    return records


def write_whole(value: int, size: int) -> bytes:
    """A number of `size` bytes. OnionError where it has no room."""
    require(0 <= value < 1 << 8 * size, f"{value} does not fit into {size} bytes")
    return value.to_bytes(size, "big")


def read_whole(data: bytes, size: int) -> int:
    """Such a number. OnionError."""
    require(len(data) == size, f"a number of {size} bytes has {len(data)}")
    return int.from_bytes(data, "big")


def write_short(value: int, size: int) -> bytes:
    """A truncated number (BOLT-01): of `size` bytes, without leading zeros. OnionError where it has no room."""
    return write_whole(value, size).lstrip(b"\0")


def read_short(data: bytes, size: int) -> int:
    """Such a number. OnionError."""
    require(
        len(data) <= size and data[:1] != b"\0", f"a truncated number has {len(data)} bytes of {size}, or begins with 0"
    )
    return int.from_bytes(data, "big")


def check_point(data: bytes) -> bytes:
    """A public key, 33 bytes. OnionError where it is none."""
    try:
        require(len(data) == POINT, f"a public key has {POINT} bytes, not {len(data)}")
        PublicKey(data)
    except ValueError as reason:
        raise OnionError("a public key is no point of the curve") from reason
    return data


def record(kind: int, write: Callable[[Any], bytes], read: Callable[[bytes], Any]) -> Any:
    """A field that is the stream's record of this type, and absent unless it is set."""
    return field(default=None, metadata={"kind": kind, "write": write, "read": read})


def raw(kind: int) -> Any:
    """Bytes as they are."""
    return record(kind, bytes, bytes)


def point(kind: int) -> Any:
    """A public key, 33 bytes."""
    return record(kind, check_point, check_point)


def whole(kind: int, size: int) -> Any:
    """A number of `size` bytes."""
    return record(kind, lambda value: write_whole(value, size), lambda data: read_whole(data, size))


def short(kind: int, size: int) -> Any:
    """A truncated number of up to `size` bytes."""
    return record(kind, lambda value: write_short(value, size), lambda data: read_short(data, size))


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """A stream's records by their names, and others by their types."""

    others: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def kinds(self) -> frozenset[int]:
        """The types that are there."""
        named = {kind for kind, each in self._named().items() if getattr(self, each.name) is not None}
        return frozenset(named | self.others.keys())

    def encode(self) -> bytes:
        """As a TLV stream. OnionError where a value does not fit."""
        known = self._named()
        require(known.keys().isdisjoint(self.others), "a record that has a name is among the others")
        values = {
            kind: known[kind].metadata["write"](getattr(self, known[kind].name)) for kind in self.kinds if kind in known
        }
        return write_stream({**values, **self.others})

    @classmethod
    def decode(cls, stream: bytes, kinds: Collection[int] = ()) -> Self:
        """The records of a stream. `kinds`: further types that are understood. OnionError."""
        known = cls._named()
        records = read_stream(stream, {*known, *kinds})
        values = {known[kind].name: known[kind].metadata["read"](records[kind]) for kind in known if kind in records}
        others = {kind: value for kind, value in records.items() if kind not in known}
        return cls(**values, others=MappingProxyType(others))

    @classmethod
    def _named(cls) -> dict[int, Field[Any]]:
        return {each.metadata["kind"]: each for each in fields(cls) if each.metadata}


def require(holds: bool, what: str) -> None:
    """OnionError unless it holds."""
    if not holds:
        raise OnionError(what)
