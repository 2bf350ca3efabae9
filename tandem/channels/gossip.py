"""What nodes tell of themselves, signed: where they are, and what they ask for handing payments on.

A piece is [kind, fields..., signature], signed over keccak("tandem gossip" ‖ [kind, fields...]). Of each node and each
edge (a channel in one direction) only the newest counts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tandem.channels.codec import (
    AMOUNT,
    FLAG,
    HASH,
    NUMBER,
    PUBLIC_KEY,
    TIME,
    Shape,
    pack,
    read_bytes,
    require,
    text,
    unpack,
)
from tandem.channels.endpoint import Sign
from tandem.channels.identity import address_of_public_key
from tandem.channels.ledger import OnChain, Status
from tandem.channels.routing import Edge, EdgeTerms
from tandem.channels.signing import BadSignature, check_signature
from tandem.errors import EncodingError
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Hash, Seconds

MOST_NODES = 10_000
MOST_AHEAD = Seconds(120)
"""How far a piece's time may be ahead of ours."""
LIFE = Seconds(14 * 86_400)
"""What is older is forgotten: who is there says so again before."""


@dataclass(frozen=True, slots=True)
class NodeNews:
    """Where a node is: wss://host:port; empty: it connects by itself only."""

    public_key: bytes
    url: str
    time: Seconds


@dataclass(frozen=True, slots=True)
class EdgeNews:
    """What a node asks for handing payments on over a channel of its own."""

    public_key: bytes
    chain_id: int
    channel: Hash
    fee_base: int
    fee_ppm: int
    delta: Seconds
    least: int
    most: int
    liquidity: int
    """What it could carry about now: less than 2^liquidity, so that no single payment shows."""
    is_open: bool
    time: Seconds


_SHAPES: Mapping[int, Shape] = {
    1: Shape(NodeNews, (PUBLIC_KEY, text(200), TIME)),
    2: Shape(EdgeNews, (PUBLIC_KEY, NUMBER, HASH, AMOUNT, NUMBER, TIME, AMOUNT, AMOUNT, NUMBER, FLAG, TIME)),
}
News = NodeNews | EdgeNews


def write_piece(news: News, sign: Sign) -> bytes:
    """Signed by the node that it is of."""
    kind = 1 if isinstance(news, NodeNews) else 2
    values = [kind, *_SHAPES[kind].write(news)]
    return pack([*values, sign(_digest(values))])


def read_piece(piece: bytes) -> News:
    """EncodingError, BadSignature."""
    values = unpack(piece)
    require(len(values) > 2 and type(values[0]) is int and values[0] in _SHAPES, "there is no news of this kind")
    news: News = _SHAPES[values[0]].read(values[1:-1])
    require(pack(values) == piece, "the news is not in the one form that it has")
    check_signature(_digest(values[:-1]), read_bytes(values[-1], 65, 65), address_of_public_key(news.public_key))
    return news


def _digest(values: list[object]) -> Hash:
    return keccak(b"tandem gossip" + pack(values))


@dataclass(slots=True)
class Gossip:
    """The newest of each node and edge. Mutable."""

    _nodes: dict[Address, tuple[NodeNews, bytes]] = field(default_factory=dict)
    _edges: dict[tuple[int, Hash, Address], tuple[EdgeNews, bytes]] = field(default_factory=dict)
    """By chain too: channels of one name may be on several."""

    def take(self, piece: bytes, channels: Mapping[int, Mapping[Hash, OnChain]], now: Seconds) -> News | None:
        """What is news, None what is not. EncodingError, BadSignature; KeyError where its channel is not known (yet).

        `channels`: by chain id, those that are open count.
        """
        news = read_piece(piece)
        if news.time > now + MOST_AHEAD or news.time < now - LIFE:
            raise EncodingError(f"the news is of {news.time}, now it is {now}")
        source = address_of_public_key(news.public_key)
        if isinstance(news, NodeNews):
            known = self._nodes.get(source)
            if known is not None and known[0].time >= news.time:
                return None
            if known is None and len(self._nodes) >= MOST_NODES:
                self._drop_strangers(channels)
            if known is None and len(self._nodes) >= MOST_NODES:
                raise EncodingError(f"{MOST_NODES} nodes are known already")
            self._nodes[source] = news, piece
            return news
        channel = channels.get(news.chain_id, {})[news.channel]
        if source not in (channel.key.party0, channel.key.party1):
            raise BadSignature(f"0x{source.hex()} is no party of the channel that it speaks of")
        earlier = self._edges.get((news.chain_id, news.channel, source))
        if channel.status != Status.OPEN or (earlier is not None and earlier[0].time >= news.time):
            return None
        self._edges[news.chain_id, news.channel, source] = news, piece
        return news

    def forget(self, channels: Mapping[int, Mapping[Hash, OnChain]], now: Seconds) -> None:
        """Drop what is too old, and edges of channels that are not open any more."""
        for name, (news, _) in list(self._edges.items()):
            on_chain = channels.get(news.chain_id, {}).get(news.channel)
            if on_chain is None or on_chain.status != Status.OPEN or news.time < now - LIFE:
                del self._edges[name]
        for address, (node, _) in list(self._nodes.items()):
            if node.time < now - LIFE:
                del self._nodes[address]

    def _drop_strangers(self, channels: Mapping[int, Mapping[Hash, OnChain]]) -> None:
        """Nodes without a channel: their names cost nothing."""
        keys = [channel.key for each in channels.values() for channel in each.values() if channel.status == Status.OPEN]
        parties = {party for key in keys for party in (key.party0, key.party1)}
        for address in [address for address in self._nodes if address not in parties]:
            del self._nodes[address]

    def pieces(self) -> list[bytes]:
        """All of it, for a node that comes new."""
        return [piece for _, piece in (*self._nodes.values(), *self._edges.values())]

    def nodes(self) -> Iterator[NodeNews]:
        """All that are known."""
        return (news for news, _ in self._nodes.values())

    def node(self, address: Address) -> NodeNews | None:
        """Who has this address."""
        known = self._nodes.get(address)
        return None if known is None else known[0]

    def public_key(self, address: Address) -> bytes | None:
        """Of who has this address, as far as anyone has said."""
        known = self.node(address)
        return None if known is None else known.public_key

    def edges(self) -> Iterator[EdgeNews]:
        """All that are known."""
        return (news for news, _ in self._edges.values())


def as_edge(news: EdgeNews, channel: OnChain) -> Edge:
    """For the search of ways (tandem.channels.routing)."""
    source = address_of_public_key(news.public_key)
    target = channel.key.party1 if source == channel.key.party0 else channel.key.party0
    terms = EdgeTerms(news.fee_base, news.fee_ppm, news.delta, news.least, news.most)
    return Edge(news.channel, source, target, terms, min(2 ** min(news.liquidity, 128), channel.funds.total))
