"""A channel of ours that is in use: its terms, its chain, and who is at the other side."""

from dataclasses import dataclass

from channels.chain import Chain
from channels.peer import Peer
from tandem.channels.endpoint import Endpoint
from tandem.channels.states import ChannelKey, Lock
from tandem.primitives.types import ZERO_ADDRESS, Address, Hash

Asset = tuple[int, Address]
"""Chain id and token; ether, (0, zero), is the same on every chain."""


def asset(chain_id: int, token: Address) -> Asset:
    """What is paid with."""
    return (0, token) if token == ZERO_ADDRESS else (chain_id, token)


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """Everything about it that changes is the peer's or the chain's."""

    key: ChannelKey
    chain: Chain
    peer: Peer

    @property
    def id(self) -> Hash:
        """Its name."""
        return self.key.id

    @property
    def side(self) -> Endpoint:
        """Our side's state."""
        return self.peer.endpoint

    @property
    def other(self) -> Address:
        """Who is at the other side."""
        return self.key.party(self.side.other)

    @property
    def asset(self) -> Asset:
        """What is paid with."""
        return asset(self.chain.id, self.key.token)

    @property
    def outgoing_locks(self) -> list[Lock]:
        """All on our lane: those that the other side may hold, and those whose drop it has not signed."""
        return [*self.side.proposed.locks, *self.side.mine.lane.locks]

    def outgoing(self, ref: Hash) -> Lock | None:
        """The lock with this reference on our lane, if the other side may hold it."""
        return next((lock for lock in self.side.proposed.locks if lock.ref == ref), None)

    def incoming(self, ref: Hash) -> Lock | None:
        """The lock with this reference on the other's lane."""
        return next((lock for lock in self.side.theirs.lane.locks if lock.ref == ref), None)

    def is_revealed_in_time(self, lock: Lock) -> bool:
        """Whether the chain says that it is to be paid."""
        revealed = self.chain.latest.secrets.get(lock.ref)
        return revealed is not None and revealed.at <= lock.expiry

    def is_dead(self, lock: Lock) -> bool:
        """Whether it can never be paid any more, and the other side must see that too.

        The chain is read up to a certain block behind the expiry, without the secret. Our clock only makes us wait.
        """
        is_late = self.chain.now() > lock.expiry + self.side.terms.grace + self.chain.timing.grace
        return is_late and self.is_over(lock)

    def is_over(self, lock: Lock) -> bool:
        """Whether the chain has gone by its expiry, for certain, and has not learnt the secret in time."""
        return self.chain.certain_time > lock.expiry and not self.is_revealed_in_time(lock)
