"""What two parties agree on, as contracts/channels/ChannelTypes.sol and Locks.sol have it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from tandem.errors import EncodingError
from tandem.primitives.hashing import address_word, keccak, word
from tandem.primitives.types import ZERO_HASH, Address, Hash, Seconds

Side = Literal[0, 1]
"""Of a channel's two parties the one that opened it as the first, or the other."""
LOCK_SIZE = 54
"""Bytes of a lock."""
MOST_LOCKS = 64
"""Of a lane."""
MOST_AMOUNT = 2**128 - 1


class LockKind(IntEnum):
    """What decides whether a lock is paid."""

    HASH = 0
    """The preimage of `ref` under sha256 was registered by the expiry."""
    VOUCHER = 1
    """As much as the best voucher says that was registered for `ref` and the expiry by then."""
    APP = 2
    """As much as the application session says that `ref` names."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A payment on a condition. `expiry`: a timestamp, seconds."""

    amount: int
    expiry: Seconds
    kind: LockKind
    ref: Hash

    def encode(self) -> bytes:
        """amount (16) ‖ expiry (5) ‖ kind (1) ‖ ref (32)."""
        return self.amount.to_bytes(16, "big") + self.expiry.to_bytes(5, "big") + bytes([self.kind]) + self.ref


def encode_locks(locks: Iterable[Lock]) -> bytes:
    """As the contract takes a lane's locks."""
    return b"".join(lock.encode() for lock in locks)


def decode_locks(data: bytes) -> tuple[Lock, ...]:
    """EncodingError where the bytes are no locks, too many, or of a kind that there is not."""
    if len(data) % LOCK_SIZE or len(data) > MOST_LOCKS * LOCK_SIZE:
        raise EncodingError(f"{len(data)} bytes are not up to {MOST_LOCKS} locks of {LOCK_SIZE} bytes")
    return tuple(_decode_lock(data[at : at + LOCK_SIZE]) for at in range(0, len(data), LOCK_SIZE))


def _decode_lock(data: bytes) -> Lock:
    if data[21] not in list(LockKind):
        raise EncodingError(f"there is no lock of kind {data[21]}")
    expiry = Seconds(int.from_bytes(data[16:21], "big"))
    return Lock(int.from_bytes(data[:16], "big"), expiry, LockKind(data[21]), Hash(data[22:]))


@dataclass(frozen=True, slots=True)
class ChannelKey:
    """What a channel's name is the hash of. `token` zero: ether. `window`: from a lone close to the settlement."""

    party0: Address
    party1: Address
    token: Address
    window: Seconds
    salt: Hash
    id: Hash = field(init=False, compare=False)
    """Names the channel."""

    def __post_init__(self) -> None:
        parts = address_word(self.party0), address_word(self.party1), address_word(self.token), word(self.window)
        object.__setattr__(self, "id", keccak(b"".join(parts) + self.salt))

    def party(self, side: Side) -> Address:
        """Whose side it is."""
        return self.party1 if side else self.party0

    def side(self, party: Address) -> Side:
        """The side of a party. KeyError for anyone else."""
        if party not in (self.party0, self.party1):
            raise KeyError(f"0x{party.hex()} is no party of channel 0x{self.id.hex()}")
        return 0 if party == self.party0 else 1


@dataclass(frozen=True, slots=True)
class Lane:
    """A state of the payments of one side to the other. Both sign it; the newest counts.

    `nonce` counts its states, 0 is the one that nobody signs. `transferred` is what was paid for good.
    """

    nonce: int = 0
    transferred: int = 0
    locks: tuple[Lock, ...] = ()

    @property
    def locked(self) -> int:
        """The sum of its locks."""
        return sum(lock.amount for lock in self.locks)

    @property
    def locks_hash(self) -> Hash:
        """Of the encoded locks; zero for none."""
        return keccak(encode_locks(self.locks)) if self.locks else ZERO_HASH


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Money that a side takes out of an open channel. `total`: with all that it has taken before."""

    side: Side
    total: int
    valid_until: Seconds


@dataclass(frozen=True, slots=True)
class CoopClose:
    """How both sides agree to end a channel: what each gets."""

    balances: tuple[int, int]
    valid_until: Seconds


@dataclass(frozen=True, slots=True)
class TowerPay:
    """What a side pays a watchtower that shows a state of the other's lane, this nonce or a newer one."""

    side: Side
    min_nonce: int
    tower: Address
    reward: int
    valid_until: Seconds
