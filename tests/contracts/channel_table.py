"""A channel between two accounts of ape's, and what they sign about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import ape

from tandem.channels.settlement import secret_hash
from tandem.channels.signing import SigningDomain, sign_digest
from tandem.channels.states import ChannelKey, Lane, Lock, LockKind, Side, encode_locks
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, Address, Hash, Seconds
from tests.contracts.world import now

CHANNEL_WINDOW = 86_400
SECRETS = tuple(keccak(b"secret %d" % number) for number in range(64))
NO_LANE = (0, 0, b"", b"", b"")


def address(account: Any) -> Address:
    """Of an account or a contract, as bytes."""
    return Address(bytes.fromhex(account.address[2:]))


def lock(number: int, amount: int, *, expires_in: int = 3_600) -> Lock:
    """One whose secret is SECRETS[number]."""
    return Lock(amount, Seconds(now() + expires_in), LockKind.HASH, secret_hash(SECRETS[number]))


@dataclass
class Pair:
    """Two parties and the channel that they have, or will have."""

    manager: Any
    parties: tuple[Any, Any]
    token: Address = ZERO_ADDRESS
    salt: Hash = field(default_factory=lambda: keccak(b"salt"))
    window: int = CHANNEL_WINDOW

    def __post_init__(self) -> None:
        one, other = map(address, self.parties)
        self.key = ChannelKey(one, other, self.token, Seconds(self.window), self.salt)
        self.domain = SigningDomain(ape.chain.chain_id, address(self.manager))

    @property
    def abi(self) -> tuple:
        """The key as the contract takes it."""
        key = self.key
        return (key.party0, key.party1, key.token, key.window, key.salt)

    @property
    def status(self) -> int:
        return self.manager.getChannel(self.key.id).status

    def open(self, amount0: int, amount1: int = 0) -> Pair:
        """With deposits for both sides: ether."""
        self.manager.open(self.abi, amount0, sender=self.parties[0], value=amount0)
        if amount1:
            self.manager.deposit(self.abi, 1, amount1, sender=self.parties[1], value=amount1)
        return self

    def sign(self, digest: Hash, *, by: tuple[Any, Any] | None = None) -> tuple[bytes, bytes]:
        """By both parties, or by others in their place."""
        one, other = self.parties if by is None else by
        return sign_with(one, digest), sign_with(other, digest)

    def proof(
        self, side: Side, lane: Lane, *, by: tuple[Any, Any] | None = None, domain: SigningDomain | None = None
    ) -> tuple:
        """A lane's state with its signatures."""
        digest = (domain or self.domain).lane(self.key.id, self.key.party(side), lane)
        return (lane.nonce, lane.transferred, encode_locks(lane.locks), *self.sign(digest, by=by))

    def close(self, by: int, lane0: Lane | None = None, lane1: Lane | None = None) -> Any:
        """By a party alone, with what it shows."""
        proofs = [NO_LANE if lane is None else self.proof(side, lane) for side, lane in ((0, lane0), (1, lane1))]
        return self.manager.close(self.abi, *proofs, sender=self.parties[by])

    def update(self, side: Side, lane: Lane, sender: Any) -> Any:
        return self.manager.update(self.abi, side, self.proof(side, lane), sender=sender)

    def settle(self, sender: Any, lane0: Lane | None = None, lane1: Lane | None = None) -> Any:
        """With the locks of these states."""
        locks = [encode_locks(lane.locks) if lane else b"" for lane in (lane0, lane1)]
        return self.manager.settle(self.abi, *locks, sender=sender)

    def paid(self, receipt: Any) -> tuple[int, int]:
        """What each side has of the end, by the event."""
        [log] = receipt.decode_logs(self.manager.ChannelSettled)
        return log.pay0, log.pay1


def sign_with(account: Any, digest: Hash) -> bytes:
    """With the key of a test account."""
    return sign_digest(digest, bytes.fromhex(account.private_key.removeprefix("0x")))
