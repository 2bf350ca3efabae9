"""Gossip: what this node says of itself and its channels, and what it passes on of others."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import structlog

from channels.channel import Asset, Channel, asset
from channels.neighbours import Neighbours
from channels.session import Session
from tandem.channels.gossip import EdgeNews, Gossip, NodeNews, as_edge, write_piece
from tandem.channels.identity import Identity, address_of_public_key
from tandem.channels.ledger import OnChain
from tandem.channels.routing import Edge, EdgeTerms
from tandem.channels.signing import BadSignature
from tandem.channels.wire import MOST_NEWS, News
from tandem.errors import EncodingError
from tandem.primitives.types import Address, Hash, Seconds

MOST_EARLY = 1_000
"""Pieces about channels that we have not seen on the chain yet."""
MOST_PIECES = 2_000
"""A second, of one neighbour: more are not looked at."""
REPEAT = 3_600.0
"""Seconds after which own news is told again."""
QUIET = 2.0
"""Seconds between two pieces of news about the same own channel."""
BEAT = 0.2
"""Seconds in which news is gathered."""

Ledgers = Mapping[int, Mapping[Hash, OnChain]]
"""Chain id -> the channels on it."""


class Crier:
    """Gossip between neighbours."""

    def __init__(
        self,
        identity: Identity,
        url: str,
        neighbours: Neighbours,
        ledgers: Callable[[], Ledgers],
        terms: Callable[[Channel], EdgeTerms],
    ) -> None:
        """`url`: where others reach us; empty: they do not."""
        self._identity = identity
        self._url = url
        self._neighbours = neighbours
        self._ledgers = ledgers
        self._terms = terms
        self._gossip = Gossip()
        self._early: OrderedDict[bytes, None] = OrderedDict()
        self._out: dict[bytes, Session | None] = {}
        """Pieces to pass on, and where they came from."""
        self._told: dict[Channel, tuple[float, EdgeNews]] = {}
        self._told_node = 0.0
        self._budget: dict[Address, int] = {}
        self._edges: dict[Asset, list[Edge]] | None = None
        self._log = structlog.get_logger("gossip")

    def joined(self, session: Session) -> None:
        """Tell a new neighbour everything."""
        self._send(session, self._gossip.pieces())

    def take(self, session: Session, news: News) -> None:
        """What a neighbour says. What is not so is dropped; who says too much is not listened to for a second."""
        left = self._budget.get(session.address, MOST_PIECES)
        self._budget[session.address] = left - len(news.pieces)
        for piece in news.pieces[: max(0, left)]:
            try:
                self._learn(piece, session)
            except KeyError:
                self._early[piece] = None
                if len(self._early) > MOST_EARLY:
                    self._early.popitem(last=False)
            except (EncodingError, BadSignature) as reason:
                self._log.info("untrue gossip", node=session.public_key[:5].hex(), reason=str(reason))

    def chain_moved(self) -> None:
        """Pieces that came early may be about channels that are known now."""
        self._edges = None
        for piece in list(self._early):
            try:
                self._learn(piece, None)
            except KeyError:
                continue
            except (EncodingError, BadSignature):
                pass
            self._early.pop(piece, None)

    async def run(self, channels: Callable[[], Iterable[Channel]]) -> None:
        """Tell of ourselves, pass on, forget; for ever."""
        beats = 0
        while True:
            await asyncio.sleep(BEAT)
            beats += 1
            now = time.time()
            if now - self._told_node > REPEAT:
                self._told_node = now
                self._tell(NodeNews(self._identity.public_key, self._url, Seconds(int(now))))
            for channel in channels():
                self._cry(channel, now)
            if beats % round(1 / BEAT) == 0:
                self._budget.clear()
            if beats % 300 == 0:
                self._gossip.forget(self._ledgers(), Seconds(int(now)))
                self._edges = None
                self._told = {channel: self._told[channel] for channel in channels() if channel in self._told}
            out, self._out = self._out, {}
            for session in self._neighbours.sessions():
                self._send(session, [piece for piece, source in out.items() if source is not session])

    # -- what is known

    def edges(self, wanted: Asset) -> list[Edge]:
        """Of other nodes."""
        if self._edges is None:
            ledgers, self._edges = self._ledgers(), {}
            for news in self._gossip.edges():
                channel = ledgers.get(news.chain_id, {}).get(news.channel)
                if channel is None or not news.is_open or news.public_key == self._identity.public_key:
                    continue
                edges = self._edges.setdefault(asset(news.chain_id, channel.key.token), [])
                edges.append(as_edge(news, channel))
        return self._edges.get(wanted, [])

    def news(self) -> list[tuple[EdgeNews, Edge]]:
        """Of all edges, our own too."""
        ledgers = self._ledgers()
        known = ((news, ledgers.get(news.chain_id, {}).get(news.channel)) for news in self._gossip.edges())
        return [(news, as_edge(news, channel)) for news, channel in known if channel is not None]

    def nodes(self) -> list[tuple[NodeNews, Address]]:
        """All that are known, and their addresses."""
        return [(news, address_of_public_key(news.public_key)) for news in self._gossip.nodes()]

    def node(self, address: Address) -> NodeNews | None:
        """Who has this address."""
        return self._gossip.node(address)

    # -- the rest

    def _learn(self, piece: bytes, source: Session | None) -> None:
        news = self._gossip.take(piece, self._ledgers(), Seconds(int(time.time())))
        if news is not None:
            self._out[piece] = source
            self._edges = None

    def _tell(self, news: NodeNews | EdgeNews) -> None:
        try:
            self._learn(write_piece(news, self._identity.sign), None)
        except KeyError:
            self._log.info("the chain does not show the channel yet")

    def _cry(self, channel: Channel, now: float) -> None:
        """Tell of a channel of ours, when there is something to tell."""
        terms, side = self._terms(channel), channel.side
        at, before = self._told.get(channel, (0.0, None))
        if now - at < QUIET:
            return
        news = EdgeNews(
            self._identity.public_key,
            channel.chain.id,
            channel.id,
            terms.fee_base,
            terms.fee_ppm,
            terms.delta,
            terms.least,
            terms.most,
            max(0, side.spendable).bit_length(),
            channel.peer.is_ready,
            Seconds(int(now)) if before is None else before.time,
        )
        if news == before and now - at < REPEAT:
            return
        news = replace(news, time=Seconds(int(now)))
        self._told[channel] = now, news
        self._tell(news)

    def _send(self, session: Session, pieces: list[bytes]) -> None:
        """Without waiting: a neighbour that does not read loses what does not fit."""
        for at in range(0, len(pieces), MOST_NEWS):
            session.post(News(tuple(pieces[at : at + MOST_NEWS])))
