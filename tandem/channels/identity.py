"""Who a node is: one secp256k1 key for its channels, its onions and its connections."""

from dataclasses import dataclass, field

from coincurve import PrivateKey, PublicKey

from tandem.channels.signing import sign_digest
from tandem.errors import EncodingError
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Hash


@dataclass(frozen=True, slots=True)
class Identity:
    """The own key. `public_key`: compressed, 33 bytes."""

    secret: bytes = field(repr=False)
    public_key: bytes = field(init=False)
    address: Address = field(init=False)

    def __post_init__(self) -> None:
        public_key = PrivateKey(self.secret).public_key.format()
        object.__setattr__(self, "public_key", public_key)
        object.__setattr__(self, "address", address_of_public_key(public_key))

    def sign(self, digest: Hash) -> bytes:
        """65 bytes."""
        return sign_digest(digest, self.secret)


def address_of_public_key(public_key: bytes) -> Address:
    """EncodingError where it is no key."""
    try:
        point = PublicKey(public_key)
    except ValueError as reason:
        raise EncodingError(f"0x{public_key.hex()} is no public key") from reason
    return Address(keccak(point.format(compressed=False)[1:])[12:])


@dataclass(frozen=True, slots=True)
class NodeUri:
    """Where a node is: public key @ host : port."""

    public_key: bytes
    url: str
    """wss://host:port; empty: it is known, but not where."""

    @classmethod
    def parse(cls, text: str) -> "NodeUri":
        """EncodingError where it is none."""
        key, _, place = text.strip().partition("@")
        try:
            public_key = bytes.fromhex(key.removeprefix("0x"))
        except ValueError as reason:
            raise EncodingError(f"{key!r} is no public key in hexadecimal digits") from reason
        address_of_public_key(public_key)
        host, _, port = place.rpartition(":")
        if place and not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise EncodingError(f"{place!r} is no host:port")
        return cls(public_key, f"wss://{place}" if place else "")

    def __str__(self) -> str:
        return self.public_key.hex() + (f"@{self.url.removeprefix('wss://')}" if self.url else "")
