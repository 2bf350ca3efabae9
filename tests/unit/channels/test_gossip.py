"""What nodes say of themselves: signed, of a time, and only the newest counts."""

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.channels import gossip as gossip_module
from tandem.channels.codec import pack, unpack
from tandem.channels.gossip import LIFE, MOST_AHEAD, EdgeNews, Gossip, News, NodeNews, as_edge, read_piece, write_piece
from tandem.channels.identity import Identity
from tandem.channels.ledger import OnChain, Status
from tandem.channels.routing import Edge, EdgeTerms
from tandem.channels.settlement import Funds
from tandem.channels.signing import BadSignature
from tandem.channels.states import ChannelKey
from tandem.channels.wire import MOST_PIECE
from tandem.errors import EncodingError
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, Hash, Seconds

ONE, OTHER, STRANGER = (Identity(keccak(name)) for name in (b"one", b"other", b"stranger"))
KEY = ChannelKey(ONE.address, OTHER.address, ZERO_ADDRESS, Seconds(86_400), keccak(b"salt"))
CHANNEL = OnChain(KEY, Funds((700, 300)))
CHANNELS = {1: {KEY.id: CHANNEL}, 2: {KEY.id: CHANNEL}}
"""By the same name on two chains."""
NOW = Seconds(2_000_000)
NODE = NodeNews(ONE.public_key, "wss://one.example:9", NOW)
EDGE = EdgeNews(ONE.public_key, 1, KEY.id, 10, 100, Seconds(5_400), 1, 500, 9, True, NOW)
hashes = st.binary(min_size=32, max_size=32).map(Hash)
numbers = st.integers(0, 2**64 - 1)
amounts = st.integers(0, 2**128 - 1)
mine = st.just(ONE.public_key)
nodes = st.builds(NodeNews, mine, st.text(max_size=50), numbers)
edges = st.builds(
    EdgeNews, mine, numbers, hashes, amounts, numbers, numbers, amounts, amounts, numbers, st.booleans(), numbers
)


def piece(news: News, by: Identity = ONE) -> bytes:
    return write_piece(news, by.sign)


@pytest.fixture
def gossip() -> Gossip:
    return Gossip()


# -- pieces


@given(nodes | edges)
def test_what_is_told_is_heard(news: News) -> None:
    assert read_piece(piece(news)) == news


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([piece(NODE), piece(EDGE)]), st.data())
def test_a_changed_byte_is_refused(told: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(told) - 1))
    changed = told[:at] + bytes([told[at] ^ data.draw(st.integers(1, 255))]) + told[at + 1 :]
    with pytest.raises((EncodingError, BadSignature)):
        read_piece(changed)


@pytest.mark.parametrize("news", [NODE, EDGE], ids=["node", "edge"])
def test_every_field_is_signed_by_the_node_itself(news: News) -> None:
    values = unpack(piece(news))
    for at, item in enumerate(fields(news), start=1):
        value = getattr(news, item.name)
        if item.name == "public_key":
            other: object = STRANGER.public_key
        elif isinstance(value, bool):
            other = not value
        elif isinstance(value, int):
            other = value + 1
        else:
            other = keccak(b"other") if isinstance(value, bytes) else value + "9"
        changed = unpack(piece(replace(news, **{item.name: other})))  # type: ignore[arg-type]
        assert [position for position in range(len(values)) if changed[position] != values[position]] == [
            at,
            len(values) - 1,
        ]
        with pytest.raises(BadSignature):
            read_piece(pack([*changed[:-1], values[-1]]))
    with pytest.raises(BadSignature):
        read_piece(piece(news, by=STRANGER))


@pytest.mark.parametrize("news", [NODE, EDGE], ids=["node", "edge"])
def test_a_piece_has_one_form(news: News) -> None:
    values = unpack(piece(news))
    longer = b"\xdc" + len(values).to_bytes(2, "big") + piece(news)[1:]
    assert unpack(longer) == values
    with pytest.raises(EncodingError, match="not in the one form"):
        read_piece(longer)


def test_what_is_signed_can_be_nothing_else_than_gossip() -> None:
    *values, signature = unpack(piece(NODE))
    assert ONE.sign(keccak(b"tandem gossip" + pack(values))) == signature
    with pytest.raises(BadSignature):
        read_piece(pack([*values, ONE.sign(keccak(pack(values)))]))


def test_the_largest_piece_can_be_sent() -> None:
    most, amount = 2**64 - 1, 2**128 - 1
    edge = EdgeNews(
        ONE.public_key, most, KEY.id, amount, most, Seconds(most), amount, amount, most, True, Seconds(most)
    )
    assert max(len(piece(edge)), len(piece(NodeNews(ONE.public_key, "x" * 200, Seconds(most))))) <= MOST_PIECE


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no message"),
        (pack([]), "no news of this kind"),
        (pack([1, b""]), "no news of this kind"),
        (pack([3, b"", b""]), "no news of this kind"),
        (pack([True, b"", b""]), "no news of this kind"),
        (pack([1, b"", b""]), "3 fields belong here, not 1"),
        (pack([2, *unpack(piece(NODE))[1:]]), "11 fields belong here, not 3"),
        (pack([*unpack(piece(EDGE))[:-3], 1, *unpack(piece(EDGE))[-2:]]), "yes or no"),
        (pack([*unpack(piece(NODE))[:-1], b""]), "65 to 65 bytes"),
        (pack([1, bytes(33), *unpack(piece(NODE))[2:]]), "is no public key"),
        (pack([1, ONE.public_key, b"x" * 201, *unpack(piece(NODE))[3:]]), "0 to 200 bytes"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, reason: str) -> None:
    with pytest.raises(EncodingError, match=reason):
        read_piece(data)


# -- what is known


@pytest.mark.parametrize("news", [NODE, EDGE], ids=["node", "edge"])
def test_only_the_newest_counts(gossip: Gossip, news: News) -> None:
    older, newer = (replace(news, time=Seconds(NOW + seconds)) for seconds in (-1, 1))
    for each, is_news in ((news, True), (news, False), (older, False), (newer, True), (news, False)):
        assert gossip.take(piece(each), CHANNELS, NOW) == (each if is_news else None)
    assert gossip.pieces() == [piece(newer)]
    assert [*gossip.nodes(), *gossip.edges()] == [newer]


@pytest.mark.parametrize("news", [NODE, EDGE], ids=["node", "edge"])
def test_news_is_of_now_or_not_long_ago(gossip: Gossip, news: News) -> None:
    for time in (NOW + MOST_AHEAD + 1, NOW - LIFE - 1, 0, 2**64 - 1):
        with pytest.raises(EncodingError, match=f"the news is of {time}, now it is {NOW}"):
            gossip.take(piece(replace(news, time=Seconds(time))), CHANNELS, NOW)
    assert not gossip.pieces()
    for time in (NOW - LIFE, NOW + MOST_AHEAD):
        each = replace(news, time=Seconds(time))
        assert gossip.take(piece(each), CHANNELS, NOW) == each


def test_nodes_are_found_by_their_addresses(gossip: Gossip) -> None:
    gossip.take(piece(NODE), {}, NOW)
    assert (gossip.node(ONE.address), gossip.node(OTHER.address)) == (NODE, None)
    assert (gossip.public_key(ONE.address), gossip.public_key(OTHER.address)) == (ONE.public_key, None)


def test_each_side_speaks_of_its_own_direction(gossip: Gossip) -> None:
    back = replace(EDGE, public_key=OTHER.public_key, fee_base=7)
    assert gossip.take(piece(EDGE), CHANNELS, NOW) == EDGE
    assert gossip.take(piece(back, by=OTHER), CHANNELS, NOW) == back
    assert set(gossip.edges()) == {EDGE, back}
    stranger = replace(EDGE, public_key=STRANGER.public_key)
    with pytest.raises(BadSignature, match=f"0x{STRANGER.address.hex()} is no party"):
        gossip.take(piece(stranger, by=STRANGER), CHANNELS, NOW)


def test_channels_of_one_name_on_two_chains_are_two(gossip: Gossip) -> None:
    on_other = replace(EDGE, chain_id=2, time=Seconds(NOW - 5))
    assert gossip.take(piece(EDGE), CHANNELS, NOW) == EDGE
    assert gossip.take(piece(on_other), CHANNELS, NOW) == on_other
    assert set(gossip.edges()) == {EDGE, on_other}
    gossip.forget({1: CHANNELS[1]}, NOW)
    assert list(gossip.edges()) == [EDGE]


def test_a_channel_that_is_not_known_yet_may_be_later(gossip: Gossip) -> None:
    for known in ({}, {1: {}}, {2: CHANNELS[2]}):
        with pytest.raises(KeyError):
            gossip.take(piece(EDGE), known, NOW)
    assert gossip.take(piece(EDGE), CHANNELS, NOW) == EDGE


@pytest.mark.parametrize("status", [Status.CLOSING, Status.SETTLED])
def test_channels_that_end_carry_nothing(gossip: Gossip, status: Status) -> None:
    ending = {1: {KEY.id: replace(CHANNEL, status=status)}}
    assert gossip.take(piece(EDGE), ending, NOW) is None
    assert gossip.take(piece(EDGE), CHANNELS, NOW) == EDGE
    gossip.forget(CHANNELS, NOW)
    assert list(gossip.edges()) == [EDGE]
    gossip.forget(ending, NOW)
    assert not gossip.pieces()


def test_who_is_silent_for_long_is_forgotten(gossip: Gossip) -> None:
    gossip.take(piece(NODE), CHANNELS, NOW)
    gossip.take(piece(EDGE), CHANNELS, NOW)
    gossip.forget(CHANNELS, Seconds(NOW + LIFE))
    assert gossip.pieces() == [piece(NODE), piece(EDGE)]
    gossip.forget(CHANNELS, Seconds(NOW + LIFE + 1))
    assert not gossip.pieces()
    assert gossip.node(ONE.address) is None


def test_no_more_nodes_are_remembered_than_there_is_room_for(gossip: Gossip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gossip_module, "MOST_NODES", 1)
    gossip.take(piece(NODE), CHANNELS, NOW)
    other = NodeNews(OTHER.public_key, "", NOW)
    with pytest.raises(EncodingError, match="1 nodes are known already"):
        gossip.take(piece(other, by=OTHER), CHANNELS, NOW)
    newer = replace(NODE, time=Seconds(NOW + 1))
    assert gossip.take(piece(newer), CHANNELS, NOW) == newer, "who is known may still move"
    assert gossip.take(piece(other, by=OTHER), {}, NOW) == other, "who has no channel makes room"
    assert gossip.node(ONE.address) is None


@pytest.mark.parametrize(("liquidity", "capacity"), [(0, 1), (9, 512), (10, 1_000), (127, 1_000), (2**64 - 1, 1_000)])
def test_an_edge_leads_to_the_other_side_and_carries_no_more_than_is_in_the_channel(
    liquidity: int, capacity: int
) -> None:
    terms = EdgeTerms(10, 100, Seconds(5_400), 1, 500)
    news = replace(EDGE, liquidity=liquidity)
    assert as_edge(news, CHANNEL) == Edge(KEY.id, ONE.address, OTHER.address, terms, capacity)
    back = replace(news, public_key=OTHER.public_key)
    assert as_edge(back, CHANNEL) == Edge(KEY.id, OTHER.address, ONE.address, terms, capacity)
