"""The towers that watch for us: they get the newest states of all channels and answer with receipts, which we keep."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from channels.channel import Channel
from channels.neighbours import Neighbours
from channels.session import Session
from channels.store import Journal, Store, write_receipt
from tandem.channels.codec import Shape, pack, unpack
from tandem.channels.identity import Identity, NodeUri, address_of_public_key
from tandem.channels.ledger import OnChain, Status
from tandem.channels.signing import BadSignature, SigningDomain
from tandem.channels.tower import Receipt, is_breach
from tandem.channels.wire import DELEGATE, RECEIPT, AskTower, Declined, Delegate, Message, TowerTerms
from tandem.primitives.types import Address, Hash, Seconds

BEAT = 0.2
"""Seconds in which states are gathered: a crash loses the tower's knowledge of these."""
PATIENCE = 10.0
"""Seconds for a receipt; then the states are sent again."""
VALID = 10
"""Windows for which we promise to pay; renewed when half of that is over."""
Covered = tuple[int, int]
"""Nonces of the other's lane and of ours."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a tower has promised, and for which states: with these, a breach can be proved."""

    receipt: Receipt
    states: Delegate


_PROMISE = Shape(Promise, (RECEIPT.field, DELEGATE.field))


@dataclass(slots=True)
class Guard:
    """One tower, as we see it."""

    uri: NodeUri
    address: Address
    terms: TowerTerms | None = None
    promises: dict[Hash, Promise] = field(default_factory=dict)
    """By channel, the newest."""
    sent: dict[Hash, Delegate] = field(default_factory=dict)
    """By channel, what was sent last."""
    asked: dict[Hash, float] = field(default_factory=dict)
    """When, for channels for which that is not answered."""
    refusal: str | None = None
    """What it has declined last, and why; or what we do not agree to."""

    def covers(self, channel: Channel) -> bool:
        """Whether it has promised to watch the newest states, and has been sent all secrets."""
        promise = self.promises.get(channel.id)
        if promise is None or channel.id in self.asked:
            return False
        receipt, sent = promise.receipt, promise.states
        is_newest = (receipt.their_nonce, receipt.own_nonce) == newest(channel)
        return is_newest and frozenset(channel.side.secrets.values()) <= frozenset(sent.secrets)


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
            kept = (_PROMISE.read(unpack(data)) for data in store.receipts(address))
            self.guards[address] = Guard(uri, address, promises={each.receipt.channel: each for each in kept})
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

    def judge(self, settled: OnChain, domain: SigningDomain) -> list[Guard]:
        """The towers that have broken their promise about a channel which has ended; what proves it is kept."""
        return [
            guard
            for guard in self.guards.values()
            if (kept := guard.promises.get(settled.key.id)) is not None
            and is_breach(kept.receipt, kept.states.theirs, kept.states.own, settled, domain)
        ]

    async def _take_receipt(self, guard: Guard, receipt: Receipt) -> None:
        channel, sent = self._channels.get(receipt.channel), guard.sent.get(receipt.channel)
        if channel is None or sent is None or not _answers(receipt, sent, self._identity.address):
            return  # to what was sent before: the newest is under way
        try:
            receipt.check(channel.chain.domain, guard.address)
        except BadSignature as reason:
            self._log.error("ALARM", message=f"a tower's receipt is not signed by it: {reason}")
            return
        if abs(receipt.time - channel.chain.now()) > channel.chain.timing.grace + PATIENCE:
            self._log.error("ALARM", message=f"a tower's receipt is dated {receipt.time}: it would prove nothing")
            return
        promise = Promise(receipt, sent)
        await self._journal.write(write_receipt(guard.address, receipt.channel, pack(_PROMISE.write(promise))))
        guard.promises[receipt.channel] = promise
        guard.asked.pop(receipt.channel, None)

    async def _follow(self, guard: Guard) -> None:
        self._neighbours.dial(guard.uri)
        session = None
        while True:
            session = await self._neighbours.wait(guard.address, session)
            guard.asked.clear()
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
            promise = guard.promises.get(channel.id)
            half = chain.now() + VALID * key.window // 2
            is_fresh = promise is not None and promise.receipt.valid_until > half
            on_chain = chain.latest.channels.get(channel.id)
            if on_chain is None or on_chain.status != Status.OPEN or not any(newest(channel)):
                continue
            if (guard.covers(channel) and is_fresh) or now - guard.asked.get(channel.id, -PATIENCE) < PATIENCE:
                continue
            reward = terms.reward(chain.id, key.token, on_chain.funds.total)
            if reward is None:
                guard.refusal = f"channel {channel.id[:4].hex()}: it does not watch this token on {chain.name}"
                continue
            if reward * 10**6 > on_chain.funds.total * self._most_ppm:
                guard.refusal = f"channel {channel.id[:4].hex()}: it asks for {reward}, more than we would pay"
                continue
            guard.asked[channel.id] = now
            guard.sent[channel.id] = self._delegation(guard, channel, reward)
            await session.send(guard.sent[channel.id])

    def _delegation(self, guard: Guard, channel: Channel, reward: int) -> Delegate:
        side, domain = channel.side, channel.chain.domain
        until = Seconds(channel.chain.now() + VALID * channel.key.window)
        nonce = side.theirs.lane.nonce
        digest = domain.tower_pay(channel.id, self._identity.address, nonce, guard.address, reward, until)
        secrets = tuple(side.secrets[lock.ref] for lock in side.theirs.lane.locks if lock.ref in side.secrets)
        signature = self._identity.sign(digest)
        return Delegate(channel.chain.id, channel.id, side.theirs, side.mine, secrets, reward, until, signature)


def _answers(receipt: Receipt, sent: Delegate, client: Address) -> bool:
    """Whether a receipt is for these states, on these terms."""
    promised = receipt.chain_id, receipt.client, receipt.their_nonce, receipt.own_nonce
    wanted = sent.chain_id, client, sent.theirs.lane.nonce, sent.own.lane.nonce
    return promised == wanted and (receipt.reward, receipt.valid_until) == (sent.reward, sent.valid_until)
