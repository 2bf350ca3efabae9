"""The node: its chains, its channels, its neighbours, and the clock that it goes by."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import structlog
from eth_account.signers.local import LocalAccount

from channels.chain import Chain, ChainSettings
from channels.channel import Asset, Channel
from channels.chores import Chores
from channels.chronicle import Chronicle
from channels.crier import Crier
from channels.forced import add_forced_way
from channels.invoices import Invoices
from channels.link import Certificate
from channels.match_book import MatchBook
from channels.matches import Matches
from channels.neighbours import Neighbours
from channels.opening import MOST_CHANNELS, Opening
from channels.payments import Payments
from channels.peer import ChannelBroken, ChannelEnded, Peer
from channels.records import PaymentRecord
from channels.session import Session
from channels.store import Journal, Store, write_end
from channels.switch import Switch
from channels.towers import Towers
from tandem.channels.closing import Settle, moves, owes, to_register
from tandem.channels.endpoint import Endpoint
from tandem.channels.identity import Identity, NodeUri, address_of_public_key
from tandem.channels.ledger import OnChain, Status
from tandem.channels.play import Answer, Turn
from tandem.channels.routing import Edge, EdgeTerms, FailureMemory, Network
from tandem.channels.sessions import GameRules
from tandem.channels.settlement import Funds
from tandem.channels.states import MOST_AMOUNT, MOST_LOCKS, Side
from tandem.channels.wire import AcceptMatch, AskMatch, AskOpen, Declined, DeclineMatch, Message, News, Welcome
from tandem.primitives.types import ZERO_HASH, Address, Hash, Seconds

TICK = 0.5
"""Seconds between two looks at the clock."""
DEPOSIT_TIME = 5.0
"""Seconds until a deposit that is mined shows in the ledger."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What the owner has decided."""

    folder: Path
    host: str
    port: int
    url: str
    """wss://host:port, as others reach it; empty: they do not."""
    chains: tuple[ChainSettings, ...]
    inbox: tuple[int, Address]
    """L1's chain id, and the contract there that nobody can keep messages to L2 out of."""
    fee_base: int = 0
    """Wei or the token's units for handing a payment on."""
    fee_ppm: int = 1_000
    """Parts per million of its amount."""
    least: int = 1
    """Smallest amount that is handed on."""
    tower_ppm: int = 20_000
    """Of all that is in a channel a tower gets no more, parts per million."""
    towers: tuple[NodeUri, ...] = ()
    """Watchtowers that are told everything, and paid when they save something."""
    apps: Mapping[Address, GameRules] = field(default_factory=lambda: MappingProxyType({}))
    """What can be played, by the app's address on all chains."""


class Node:
    """`run` it; everything else may be asked for meanwhile."""

    def __init__(self, settings: NodeSettings, account: LocalAccount, store: Store) -> None:
        self.settings = settings
        self.identity = Identity(bytes(account.key))
        self.chains = {chain.chain_id: Chain(chain, account) for chain in settings.chains}
        self._forced = add_forced_way(self.chains, *settings.inbox)
        self.channels: dict[Hash, Channel] = {}
        self.opening = Opening(self.identity.address, self.chains, self.channels)
        self.is_ready = False
        """Whether all chains are read and channels are in use."""
        self._store = store
        self.journal = Journal(store)
        self.chronicle = Chronicle(store, self.journal)
        self.memory = FailureMemory()
        self.invoices = Invoices(self.identity, store, self.journal)
        self.payments = Payments(self.identity, store, self.journal, self, self.memory, self._tell_payment)
        self.neighbours = Neighbours(self.identity, self._joined, self._take_message, self._is_partner)
        book = MatchBook(store, self.journal, self.chronicle, self.chains, settings.apps)
        self.matches = Matches(self.identity, self.channels, self.neighbours, book, self._close_alone)
        self.switch = Switch(
            self.identity, self.channels, self.edge_terms, self.invoices, self.payments, self.matches, self.chronicle
        )
        self.crier = Crier(
            self.identity,
            settings.url,
            self.neighbours,
            lambda: {chain.id: chain.latest.channels for chain in self.chains.values()},
            self.edge_terms,
        )
        self.towers = Towers(
            self.identity, self.neighbours, store, self.journal, self.channels, settings.towers, settings.tower_ppm
        )
        self._to_close: set[Hash] = set()
        """Channels that their owner wants to close alone."""
        self._owed_since: dict[Hash, Seconds] = {}
        """Channels whose other side has not paid what the chain says: it has a while to do so."""
        self._unwanted: dict[Hash, str] = {}
        self._depositing: Counter[Hash] = Counter()
        """Own deposits that are on their way, by channel."""
        self._seen_closing: set[Hash] = set()
        self._chores = Chores()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._talks: dict[Hash, asyncio.Task[None]] = {}
        self._log = structlog.get_logger("node")

    # -- running

    async def run(self) -> None:
        """Until it is cancelled. ConfigError where it cannot run."""
        certificate = Certificate(self.settings.folder)
        await self.chronicle.prune()
        try:
            async with asyncio.TaskGroup() as tasks:
                for chain in self.chains.values():
                    tasks.create_task(chain.follow(self._take_news))
                    tasks.create_task(chain.send())
                while not all(chain.is_synced for chain in self.chains.values()):
                    await asyncio.sleep(0.05)
                await self._take_up()
                tasks.create_task(self.neighbours.serve(self.settings.host, self.settings.port, certificate))
                tasks.create_task(self.crier.run(lambda: self.channels.values()))
                tasks.create_task(self.journal.watch())
                tasks.create_task(self.towers.run())
                if self._forced is not None:
                    tasks.create_task(self._forced.watch())
                tasks.create_task(self._tick())
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            await self._stop()

    async def _take_up(self) -> None:
        """Go on where it was left."""
        self.matches.book.load()
        for chain in self.chains.values():
            for channel in list(chain.certain.channels):
                await self._review(chain, channel)
        outgoing = {lock.ref for channel in self.channels.values() for lock in channel.side.proposed.locks}
        await self.payments.recover(outgoing, self.switch.on_chain)
        self.switch.recover()
        for _, public_key, url in self._store.nodes():
            self.neighbours.dial(NodeUri(public_key, url))
        self.is_ready = True
        self._log.info("ready", node=self.uri, channels=len(self.channels))

    async def _stop(self) -> None:
        self.chronicle.close()
        await self.neighbours.close()
        await self.switch.stop()
        await self.matches.stop()
        await self._chores.stop()
        tasks = [*self._tasks, *self._talks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def uri(self) -> str:
        """public key @ host : port."""
        return str(NodeUri(self.identity.public_key, self.settings.url))

    # -- the chain

    async def _take_news(self, chain: Chain, changed: set[Hash]) -> None:
        if not self.is_ready:
            return
        for channel in changed:
            await self._review(chain, channel)
        if changed:
            self.crier.chain_moved()

    async def _review(self, chain: Chain, channel_id: Hash) -> None:
        """What the chain says of a channel has changed."""
        latest, certain = chain.latest.channels.get(channel_id), chain.certain.channels.get(channel_id)
        if certain is None or self.identity.address not in (certain.key.party0, certain.key.party1):
            return
        channel = self.channels.get(channel_id)
        known = channel.chain.id if channel is not None else self._store.chain_of(channel_id)
        if known not in (None, chain.id):
            self._unwanted[channel_id] = f"there is one of the same name on chain {known}"
            return
        if certain.status == Status.SETTLED:
            await self._drop(chain, channel, certain)
            return
        if channel is None and channel_id not in self._unwanted:
            channel = await self._adopt(chain, certain)
        if channel is None:
            return
        await channel.peer.inform(certain.funds, chain.certain_time)
        if latest is not None and latest.status == Status.OPEN:
            if channel_id in self._seen_closing and channel.peer.reopen():
                self._log.warning("a closing has vanished from the chain", channel=channel_id[:4].hex())
                self._talks[channel_id] = asyncio.create_task(self._converse(channel))
            self._seen_closing.discard(channel_id)
        elif latest is not None:
            self._seen_closing.add(channel_id)
            if channel.peer.trouble is None and latest.status == Status.CLOSING:
                by_us = latest.closed_by == self.identity.address
                self.chronicle.note("closing", channel=channel.id, by_us=by_us)
            channel.peer.end("the channel is being closed on chain")

    async def _adopt(self, chain: Chain, on_chain: OnChain) -> Channel | None:
        """Use a channel from now on, if it is worth it."""
        key = on_chain.key
        if len(self.channels) >= MOST_CHANNELS:
            self._unwanted[key.id] = "there are too many channels"
            return None
        if key.window < chain.timing.least_window:
            self._unwanted[key.id] = f"its window is {key.window} s, less than {chain.timing.least_window}"
            self._log.warning("a channel is not used", channel=key.id[:4].hex(), reason=self._unwanted[key.id])
            return None
        side: Side = 0 if self.identity.address == key.party0 else 1
        blank = Endpoint(key, side, chain.domain, chain.timing.terms(key.window), Funds((0, 0)))
        is_new = self._store.chain_of(key.id) is None
        kept = self._store.load(blank)
        if is_new:
            await self.journal.keep(kept)
        peer = Peer(
            kept,
            self.journal.keep,
            self.identity.sign,
            self.switch,
            lambda: float(chain.now()),
            lambda: self.why_no_end(chain, key.id),
        )
        channel = Channel(key, chain, peer)
        self.channels[key.id] = channel
        self._talks[key.id] = asyncio.create_task(self._converse(channel))
        if is_new:
            self.chronicle.note("opened", channel=key.id, chain=chain.name, other=channel.other)
        return channel

    async def _drop(self, chain: Chain, channel: Channel | None, on_chain: OnChain) -> None:
        """It has ended, perhaps while this node was away."""
        key = on_chain.key
        self._to_close.discard(key.id)
        if channel is not None:
            channel.peer.end("the channel has ended")
            self.switch.ended(key.id)
            del self.channels[key.id]
            self._talks.pop(key.id).cancel()
        self._chores.forget(key.id)
        await self.matches.ended(key.id)
        if self._store.chain_of(key.id) is not None:
            for guard in self.towers.judge(on_chain, chain.domain):
                self._log.error("ALARM", message=f"tower {guard.uri} has broken its promise", channel=key.id[:4].hex())
                self.chronicle.note("breach", channel=key.id, tower=str(guard.uri))
            await self.journal.write(write_end(key.id))
            self.chronicle.note("settled", channel=key.id, amount=on_chain.pays[key.side(self.identity.address)])

    async def _converse(self, channel: Channel) -> None:
        """With the other side, whenever it is there."""
        session = None
        while True:
            session = await self.neighbours.wait(channel.other, session)
            try:
                await channel.peer.talk(session.connection(channel.id))
            except ChannelEnded:
                return
            except ChannelBroken as reason:
                self.chronicle.note("broken", channel=channel.id, reason=str(reason))
                return
            finally:
                session.forget(channel.id)

    # -- the clock

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            for channel in list(self.channels.values()):
                self._attend(channel)
            for chain in self.chains.values():
                self._register(chain)

    def _attend(self, channel: Channel) -> None:
        """Do what is due in a channel."""
        chain, side = channel.chain, channel.side
        self.switch.tick(channel)
        self.matches.tick(channel)
        on_chain = chain.latest.channels.get(channel.id)
        if on_chain is None:
            return
        if side.asked_close or side.signed_close or any(side.withdrawals):
            self.spawn(channel.peer.refresh(chain.certain_time))
        for move in moves(side, on_chain, chain.timing, chain.now()):
            if isinstance(move, Settle):
                self._chores.start(channel.id, "settle", partial(chain.settle, on_chain))
            else:
                show = partial(chain.update, channel.key, move.side, move.lane)
                self._chores.start(channel.id, "show", show, move.side)
        if on_chain.status == Status.OPEN and channel.id in self._to_close:
            self._chores.start(channel.id, "close", partial(self._close_alone, channel, "its owner wants it"))
        is_owed = on_chain.status == Status.OPEN and owes(side, chain.latest.secrets, chain.timing, chain.now())
        if not is_owed:
            self._owed_since.pop(channel.id, None)
        elif chain.now() > self._owed_since.setdefault(channel.id, chain.now()) + chain.timing.settle:
            close = partial(self._close_alone, channel, "the other side does not pay what it owes")
            self._chores.start(channel.id, "close", close)

    def _register(self, chain: Chain) -> None:
        """Secrets that are due on a chain, all at once."""
        due = [
            secret
            for channel in self.channels.values()
            if channel.chain is chain
            for secret in to_register(
                channel.side, chain.latest.channels.get(channel.id), chain.latest.secrets, chain.timing, chain.now()
            )
        ]
        if due:
            self._chores.start(ZERO_HASH, "register", partial(self._register_all, chain, due), chain.id)

    async def _register_all(self, chain: Chain, secrets: list[bytes]) -> None:
        self._log.warning("the other side does not answer: secrets go on chain", count=len(secrets), chain=chain.name)
        await chain.register_secrets(secrets)
        self.chronicle.note("registered", chain=chain.name, secrets=str(len(secrets)))

    def spawn(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Work that goes on when who has asked for it is gone, and ends with the node."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- money on its way

    async def deposit(self, channel: Channel, amount: int) -> None:
        """Pay in for ourselves; until the ledger shows it, the channel does not end by consent. ChainFailure."""
        self._depositing[channel.id] += 1
        try:
            await channel.chain.deposit(channel.key, channel.side.side, amount)
        finally:
            self.spawn(self._deposit_is_known(channel.id))

    async def _deposit_is_known(self, channel: Hash) -> None:
        """Some time after: until then the ledger may not show it."""
        await asyncio.sleep(DEPOSIT_TIME)
        self._depositing[channel] -= 1

    def why_no_end(self, chain: Chain, channel: Hash) -> str | None:
        """By consent: what was paid in and is not in the balances would be side 0's."""
        latest, certain = chain.latest.channels.get(channel), chain.certain.channels.get(channel)
        is_settled = latest is not None and certain is not None and latest.funds == certain.funds
        return None if is_settled and not self._depositing[channel] else "a deposit or withdrawal is not certain yet"

    async def keep_closing(self, channel: Channel) -> None:
        """Begin the window, and try until it is done. ChainFailure where the first try fails."""
        self._to_close.add(channel.id)
        await self._close_alone(channel, "its owner wants it")

    async def _close_alone(self, channel: Channel, reason: str) -> None:
        self._log.warning("closing alone", channel=channel.id[:4].hex(), reason=reason)
        channel.peer.end("the channel is being closed on chain")
        side = channel.side
        lanes = (side.theirs, side.mine) if side.side else (side.mine, side.theirs)
        await channel.chain.close(channel.key, lanes)
        self.chronicle.note("closed", channel=channel.id, reason=reason)

    # -- neighbours

    def _is_partner(self, address: Address) -> bool:
        """Whether we have a channel with it."""
        return any(channel.other == address for channel in self.channels.values())

    def _joined(self, session: Session) -> None:
        self.crier.joined(session)
        self.matches.joined(session)

    async def _take_message(self, session: Session, message: Message) -> None:
        match message:
            case News():
                self.crier.take(session, message)
            case AskOpen():
                await session.send(self.opening.answer(session, message))
            case Welcome() | Declined() if self.opening.is_asked(message.channel):
                self.opening.take(message)
            case AskMatch() | AcceptMatch() | DeclineMatch() | Turn() | Answer():
                await self.matches.take(session, message)
            case _:
                await self.towers.take(session, message)

    def _tell_payment(self, record: PaymentRecord) -> None:
        self.chronicle.note(
            "payment",
            outcome=record.outcome.value,
            ref=record.ref,
            amount=record.amount,
            paid_fee=str(record.fee),
            hops=str(len(record.way)),
            error=record.error,
        )

    # -- channels.payments.World

    def edge_terms(self, channel: Channel) -> EdgeTerms:
        """What is asked for handing on over a channel."""
        settings = self.settings
        delta = max(chain.timing.hop_delta for chain in self.chains.values())  # of wherever it comes in
        return EdgeTerms(settings.fee_base, settings.fee_ppm, delta, settings.least, MOST_AMOUNT)

    def network(self, wanted: Asset) -> Network:
        """All edges that are known, our own with what can be paid now."""
        own = (self._edge(channel) for channel in self.channels.values() if channel.asset == wanted)
        return Network([*self.crier.edges(wanted), *(edge for edge in own if edge is not None)])

    def _edge(self, channel: Channel) -> Edge | None:
        available = channel.peer.available
        if not channel.peer.is_ready or channel.peer.locks >= MOST_LOCKS or available <= 0:
            return None
        terms = EdgeTerms(0, 0, Seconds(0), 1, MOST_AMOUNT)
        return Edge(channel.id, self.identity.address, channel.other, terms, available)

    def is_full(self, wanted: Asset) -> bool:
        """Whether a channel of ours has all the locks that it can have: some will go."""
        own = (channel.peer for channel in self.channels.values() if channel.asset == wanted)
        return any(peer.is_ready and peer.locks >= MOST_LOCKS for peer in own)

    def channel(self, channel: Hash) -> Channel | None:
        """One of ours."""
        return self.channels.get(channel)

    def chain_of(self, channel: Hash) -> int:
        """Its chain's id. KeyError."""
        for chain in self.chains.values():
            if channel in chain.latest.channels:
                return chain.id
        raise KeyError(f"no chain has channel 0x{channel.hex()}")

    def public_key(self, address: Address) -> bytes | None:
        """Of a node."""
        if address == self.identity.address:
            return self.identity.public_key
        session = self.neighbours.session(address)
        if session is not None:
            return session.public_key
        news = self.crier.node(address)
        return None if news is None else news.public_key

    def located(self, uri: NodeUri) -> NodeUri:
        """With the place that gossip knows, where none is given."""
        news = self.crier.node(address_of_public_key(uri.public_key))
        return uri if uri.url or news is None else NodeUri(uri.public_key, news.url)

    def now(self) -> Seconds:
        """The latest of all clocks."""
        return max(chain.now() for chain in self.chains.values())

    def latest_expiry(self) -> Seconds:
        """Up to which a first lock may be."""
        most = [channel.side.terms.most_time for channel in self.channels.values()]
        usual = max(chain.timing.roomy_window for chain in self.chains.values())
        return Seconds(self.now() + min(usual, max(most, default=0)))

    def reserve(self, ref: Hash) -> bool:
        """Whether a lock with this reference may go out."""
        return self.switch.reserve(ref)

    def release(self, ref: Hash) -> None:
        """It is out, or will not go."""
        self.switch.release(ref)
