"""The towers that watch for us: they get the newest states of all channels and answer with receipts, which we keep."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from channels.channel import Channel
from channels.neighbours import Neighbours
from channels.session import Session
from channels.store import Journal, Store, write_receipt
from tandem.channels.codec import pack, unpack
from tandem.channels.identity import Identity, NodeUri, address_of_public_key
from tandem.channels.ledger import Status
from tandem.channels.signing import BadSignature
from tandem.channels.tower import Receipt
from tandem.channels.wire import RECEIPT, AskTower, Declined, Delegate, Message, TowerTerms
from tandem.primitives.types import Address, Hash, Seconds

BEAT = 0.2
"""Seconds in which states are gathered: a crash loses the tower's knowledge of these."""
PATIENCE = 10.0
"""Seconds for a receipt; then the states are sent again."""
VALID = 10
"""Windows for which we promise to pay; renewed when half of that is over."""

Covered = tuple[int, int]
"""Nonces of the other's lane and of ours."""


@dataclass(slots=True)
class Guard:
    """One tower, as we see it."""

    uri: NodeUri
    address: Address
    terms: TowerTerms | None = None
    receipts: dict[Hash, Receipt] = field(default_factory=dict)
    sent: dict[Hash, float] = field(default_factory=dict)
    """When the newest states of a channel were sent that are not answered."""
    valid_until: dict[Hash, Seconds] = field(default_factory=dict)
    secrets: dict[Hash, frozenset[bytes]] = field(default_factory=dict)
    """Of each channel, those that were sent last."""
    refusal: str | None = None
    """What it has declined last, and why; or what we do not agree to."""

    def covers(self, channel: Channel) -> bool:
        """Whether it has promised to watch the newest states, and has been sent all secrets."""
        receipt = self.receipts.get(channel.id)
        is_newest = receipt is not None and (receipt.their_nonce, receipt.own_nonce) == newest(channel)
        sent = self.secrets.get(channel.id, frozenset())
        return is_newest and channel.id not in self.sent and frozenset(channel.side.secrets.values()) <= sent


def newest(channel: Channel) -> Covered:
    """What a tower should know."""
    return channel.side.theirs.lane.nonce, channel.side.mine.lane.nonce


class Towers:
    """All that we use."""

    def __init__(
        self,
        identity: Identity,
        neighbours: Neighbours,
        store: Store,
        journal: Journal,
        channels: Mapping[Hash, Channel],
        uris: Iterable[NodeUri],
        most_ppm: int,
    ) -> None:
        """`most_ppm`: what a tower may ask for, parts per million of all that is in a channel."""
        self._identity = identity
        self._neighbours = neighbours
        self._journal = journal
        self._channels = channels
        self._most_ppm = most_ppm
        self.guards: dict[Address, Guard] = {}
        for uri in uris:
            address = address_of_public_key(uri.public_key)
            kept = (RECEIPT.read(unpack(data)) for data in store.receipts(address))
            self.guards[address] = Guard(uri, address, receipts={receipt.channel: receipt for receipt in kept})
        self._log = structlog.get_logger("towers")

    async def run(self) -> None:
        """Delegate, for ever."""
        async with asyncio.TaskGroup() as tasks:
            for guard in self.guards.values():
                tasks.create_task(self._follow(guard))

    def covers(self, channel: Channel) -> int:
        """How many towers watch its newest states."""
        return sum(guard.covers(channel) for guard in self.guards.values())

    async def take(self, session: Session, message: Message) -> None:
        """What a tower says."""
        guard = self.guards.get(session.address)
        if guard is None:
            return
        match message:
            case TowerTerms():
                guard.terms = message
            case Receipt():
                await self._take_receipt(guard, message)
            case Declined(channel, reason):
                guard.refusal = f"channel {channel[:4].hex()}: {reason}"
                self._log.warning("a tower declines", tower=guard.uri.public_key[:5].hex(), reason=guard.refusal)

    async def _take_receipt(self, guard: Guard, receipt: Receipt) -> None:
        channel = self._channels.get(receipt.channel)
        if channel is None or (receipt.client, receipt.chain_id) != (self._identity.address, channel.chain.id):
            return
        try:
            receipt.check(channel.chain.domain, guard.address)
        except BadSignature as reason:
            self._log.error("ALARM", message=f"a tower's receipt is not signed by it: {reason}")
            return
        await self._journal.write(write_receipt(guard.address, receipt.channel, pack(RECEIPT.write(receipt))))
        guard.receipts[receipt.channel] = receipt
        guard.sent.pop(receipt.channel, None)

    async def _follow(self, guard: Guard) -> None:
        self._neighbours.dial(guard.uri)
        session = None
        while True:
            session = await self._neighbours.wait(guard.address, session)
            guard.sent.clear()
            try:
                await session.send(AskTower(1))
                while not session.gone.is_set():
                    await asyncio.sleep(BEAT)
                    if guard.terms is not None:
                        await self._delegate(guard, guard.terms, session)
            except ConnectionError:
                continue

    async def _delegate(self, guard: Guard, terms: TowerTerms, session: Session) -> None:
        """Send what the tower does not have."""
        now = asyncio.get_running_loop().time()
        for channel in list(self._channels.values()):
            chain, key = channel.chain, channel.key
            is_fresh = guard.valid_until.get(channel.id, 0) > chain.now() + VALID * key.window // 2
            on_chain = chain.latest.channels.get(channel.id)
            if on_chain is None or on_chain.status != Status.OPEN or chain.id not in terms.chain_ids:
                continue
            if not any(newest(channel)):
                continue
            if (guard.covers(channel) and is_fresh) or now - guard.sent.get(channel.id, -PATIENCE) < PATIENCE:
                continue
            reward = max(terms.least_reward, -(-on_chain.funds.total * terms.reward_ppm // 10**6))
            if reward * 10**6 > on_chain.funds.total * self._most_ppm:
                guard.refusal = f"channel {channel.id[:4].hex()}: it asks for {reward}, more than we would pay"
                continue
            guard.sent[channel.id] = now
            guard.valid_until[channel.id] = Seconds(chain.now() + VALID * key.window)
            guard.secrets[channel.id] = frozenset(channel.side.secrets.values())
            await session.send(self._delegation(guard, channel, reward))

    def _delegation(self, guard: Guard, channel: Channel, reward: int) -> Delegate:
        side, domain, until = channel.side, channel.chain.domain, guard.valid_until[channel.id]
        nonce = side.theirs.lane.nonce
        digest = domain.tower_pay(channel.id, self._identity.address, nonce, guard.address, reward, until)
        secrets = tuple(side.secrets[lock.ref] for lock in side.theirs.lane.locks if lock.ref in side.secrets)
        signature = self._identity.sign(digest)
        return Delegate(channel.chain.id, channel.id, side.theirs, side.mine, secrets, reward, until, signature)
