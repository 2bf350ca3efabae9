"""A client of towers that do not keep their word: which receipts it takes, and how it finds out."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from channels.channel import Channel
from channels.neighbours import Neighbours
from channels.session import Session
from channels.store import Journal, Store
from channels.towers import Guard, Towers
from tandem.channels.endpoint import Endpoint, SignedLane
from tandem.channels.identity import Identity, NodeUri
from tandem.channels.ledger import ChannelClosing, ChannelOpened, ChannelSettled, Deposited, Ledger, OnChain
from tandem.channels.settlement import Funds
from tandem.channels.signing import SigningDomain, sign_digest
from tandem.channels.states import ChannelKey, Lane
from tandem.channels.timing import Timing
from tandem.channels.tower import Receipt
from tandem.channels.wire import Delegate, Message, Rate, TowerTerms
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, Address, Hash, Seconds

PAYER, CLIENT, TOWER = (Identity(keccak(b"towers %d" % number)) for number in range(3))
DOMAIN = SigningDomain(1, Address(b"\x11" * 20))
TIMING = Timing()
KEY = ChannelKey(PAYER.address, CLIENT.address, ZERO_ADDRESS, Seconds(86_400), keccak(b"towers"))
ALL = 10**9


@dataclass(eq=False)
class Clock:
    """A chain as Towers sees it."""

    id: int = 1
    name: str = "L1"
    domain: SigningDomain = DOMAIN
    timing: Timing = TIMING
    latest: Ledger = field(default_factory=Ledger)

    def now(self) -> Seconds:
        return Seconds(int(time.time()))


class Line:
    """The session with the tower: what it is sent."""

    address = TOWER.address

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message)


def signed(lane: Lane) -> SignedLane:
    digest = DOMAIN.lane(KEY.id, PAYER.address, lane)
    return SignedLane(lane, (PAYER.sign(digest), CLIENT.sign(digest)))


class World:
    """A client whose channel has 500 for it, by state 9."""

    def __init__(self, store: Store) -> None:
        self.chain, self.line, self.store = Clock(), Line(), store
        self.chain.latest.apply(ChannelOpened(KEY))
        self.chain.latest.apply(Deposited(KEY.id, 0, ALL))
        side = Endpoint(KEY, 1, DOMAIN, TIMING.terms(KEY.window), Funds((ALL, 0)), theirs=signed(Lane(9, 500)))
        self.peer = type("Peer", (), {"endpoint": side})()
        self.channel = Channel(KEY, cast(Any, self.chain), cast(Any, self.peer))
        self.journal = Journal(store)
        self.towers = self.restart()

    def restart(self) -> Towers:
        uri = NodeUri(TOWER.public_key, "wss://tower:1")
        channels = {KEY.id: self.channel}
        return Towers(CLIENT, cast(Neighbours, None), self.store, self.journal, cast(Any, channels), [uri], 10**6)

    @property
    def guard(self) -> Guard:
        return self.towers.guards[TOWER.address]

    async def delegate(self) -> Delegate:
        terms = TowerTerms((Rate(1, ZERO_ADDRESS, 100),), 0, 100)
        await self.towers._delegate(self.guard, terms, cast(Session, self.line))
        last = self.line.sent[-1]
        assert isinstance(last, Delegate)
        return last

    def receipt(self, of: Delegate, **changes: Any) -> Receipt:
        nonces = of.theirs.lane.nonce, of.own.lane.nonce
        blank = Receipt(1, KEY.id, CLIENT.address, *nonces, of.reward, of.valid_until, self.chain.now())
        blank = replace(blank, **changes)
        return replace(blank, signature=sign_digest(blank.digest(DOMAIN), keccak(b"towers 2")))

    async def take(self, receipt: Receipt) -> None:
        """With the journal at work, until it is on the disk."""
        watching = asyncio.create_task(self.journal.watch())
        await self.towers.take(cast(Session, self.line), receipt)
        watching.cancel()

    def end(self, receipt: Receipt, closes_in: int = 10) -> OnChain:
        """Closed by the payer, who has shown nothing."""
        at = Seconds(receipt.time + closes_in + KEY.window)
        for event in (ChannelClosing(KEY.id, PAYER.address, at), ChannelSettled(KEY.id, (ALL, 0), at)):
            self.chain.latest.apply(event)
        return self.chain.latest.channels[KEY.id]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Store(tmp_path / "node.sqlite") as store:
        yield World(store)


def test_a_tower_that_does_nothing_is_found_out_also_after_a_restart(world: World) -> None:
    async def play() -> None:
        receipt = world.receipt(await world.delegate())
        await world.take(receipt)
        assert world.towers.covers(world.channel) == 1
        settled = world.end(receipt)
        assert world.towers.judge(settled, DOMAIN) == [world.guard]
        world.towers = world.restart()
        assert world.towers.judge(settled, DOMAIN) == [world.guard]
        shown = replace(settled, shown=(Lane(9, 500), Lane()))
        assert world.towers.judge(shown, DOMAIN) == []

    asyncio.run(play())


@pytest.mark.parametrize(
    "changes",
    [{"time": Seconds(2**40)}, {"time": Seconds(1)}, {"reward": 99}, {"valid_until": Seconds(1)}, {"their_nonce": 8}],
    ids=["of the future", "of long ago", "for another reward", "not for long", "for an older state"],
)
def test_a_receipt_that_would_prove_nothing_is_none(world: World, changes: dict[str, Any]) -> None:
    async def play() -> None:
        sent = await world.delegate()
        await world.take(world.receipt(sent, **changes))
        assert world.towers.covers(world.channel) == 0
        await world.take(world.receipt(sent))
        assert world.towers.covers(world.channel) == 1

    asyncio.run(play())


def test_an_older_receipt_does_not_take_the_place_of_a_newer_one(world: World) -> None:
    async def play() -> None:
        first = await world.delegate()
        await world.take(world.receipt(first))
        world.peer.endpoint = replace(world.peer.endpoint, theirs=signed(Lane(10, 600)))  # type: ignore[attr-defined]
        assert world.towers.covers(world.channel) == 0
        second = await world.delegate()
        await world.take(world.receipt(second))
        await world.take(world.receipt(first))
        assert world.guard.promises[Hash(KEY.id)].receipt.their_nonce == 10

    asyncio.run(play())
