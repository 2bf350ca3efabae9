"""A tower among clients that want it to work for nothing: what it takes, and what it does on chain."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from channels.chain import Chain, ChainSettings
from channels.tower import service
from channels.tower.rows import TowerStore
from channels.tower.service import MOST_SECRETS, NotTaken, Tower, TowerSettings
from tandem.channels.endpoint import SignedLane
from tandem.channels.ledger import ChannelClosing, ChannelOpened, ChannelSettled, Deposited, LaneShown, Withdrawn
from tandem.channels.settlement import secret_hash
from tandem.channels.signing import sign_digest
from tandem.channels.states import ChannelKey, Lane, Lock, LockKind, Side
from tandem.channels.timing import Timing
from tandem.channels.wire import Delegate, Rate, TowerTerms
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, Address, Hash, Seconds
from tests.unit.channels.test_endpoint import KEYS, PARTIES

MANAGER = Address(b"\x11" * 20)
TOKEN = Address(b"\x77" * 20)
LEAST, ENOUGH = 1_000, 10**9
"""Reward, wei; and what a channel has."""
WINDOW = Seconds(86_400)
CLIENT = PARTIES[1]
SECRETS = sorted(keccak(b"tower %d" % number) for number in range(64))


class Watched(Chain):
    """Its ledger is the test's; what would be sent is noted, and does not happen."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.sent: list[tuple[Any, ...]] = []
        self.notes: dict[Side, tuple[Address, int]] = {}

    async def update(self, *arguments: Any) -> None:
        self.sent.append(("update", *arguments))

    async def update_for_reward(self, *arguments: Any) -> None:
        self.sent.append(("rescue", *arguments))

    async def settle(self, channel: Any) -> None:
        self.sent.append(("settle", channel.key.id))

    async def register_secrets(self, secrets: Any) -> None:
        self.sent.append(("secrets", *secrets))

    async def rescue(self, channel: Hash, side: Side) -> tuple[Address, int]:
        return self.notes.get(side, (ZERO_ADDRESS, 0))

    @property
    def kinds(self) -> set[str]:
        """What was sent."""
        return {each[0] for each in self.sent}


class World:
    """A tower and a channel whose sides are one person."""

    def __init__(self, folder: Path) -> None:
        account = Account.from_key(keccak(b"tower"))
        settings = ChainSettings("L1", "http://127.0.0.1:1", 1, MANAGER, MANAGER, 0, 12, Timing())
        terms = TowerTerms((Rate(1, ZERO_ADDRESS, LEAST),), 0, 100)
        self.store = TowerStore(folder / "tower.sqlite")
        self.store.__enter__()
        own = TowerSettings(folder, "127.0.0.1", 0, "", (settings,), (1, MANAGER), terms)
        self.tower = Tower(own, account, self.store)
        self.chain = self.tower.chains[1] = Watched(settings, account)
        self.key = self.channel()

    def channel(self, *, token: Address = ZERO_ADDRESS, window: Seconds = WINDOW) -> ChannelKey:
        key = ChannelKey(PARTIES[0], PARTIES[1], token, window, keccak(token + window.to_bytes(8, "big")))
        self.tell(ChannelOpened(key))
        self.tell(Deposited(key.id, 0, ENOUGH))
        return key

    def tell(self, event: Any) -> None:
        self.chain.latest.apply(event)

    def signed(self, key: ChannelKey, side: Side, lane: Lane) -> SignedLane:
        digest = self.chain.domain.lane(key.id, key.party(side), lane)
        return SignedLane(lane, (sign_digest(digest, KEYS[0]), sign_digest(digest, KEYS[1])))

    async def delegate(
        self,
        lane: Lane,
        secrets: tuple[bytes, ...] = (),
        *,
        key: ChannelKey | None = None,
        own: Lane = Lane(),  # noqa: B008 - frozen
        life: int = 3 * WINDOW,
    ) -> Any:
        """The receipt. NotTaken."""
        key = key or self.key
        until, me = Seconds(int(time.time()) + life), self.tower.identity.address
        pay = self.chain.domain.tower_pay(key.id, CLIENT, lane.nonce, me, LEAST, until)
        theirs = self.signed(key, 0, lane)
        mine = self.signed(key, 1, own) if own.nonce else SignedLane()
        message = Delegate(1, key.id, theirs, mine, secrets, LEAST, until, sign_digest(pay, KEYS[1]))
        return await self.tower._delegated(CLIENT, message)

    def close(self, window: int = WINDOW) -> None:
        self.tell(ChannelClosing(self.key.id, PARTIES[0], Seconds(int(time.time()) + window)))

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """It looks at its channels a few times."""
        ticking = asyncio.create_task(self.tower._tick())
        await asyncio.sleep(0.15)
        try:
            yield
        finally:
            ticking.cancel()
            await self.tower.chores.stop()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(service, "TICK", 0.02)
    world = World(tmp_path)
    yield world
    world.store.close()


def locks(count: int) -> tuple[Lock, ...]:
    """Which expire soon; the later the larger."""
    soon = Seconds(int(time.time()) + 300)
    return tuple(Lock(LEAST + at, soon, LockKind.HASH, secret_hash(SECRETS[at])) for at in range(count))


def run(work: Callable[[], Any]) -> None:
    asyncio.run(work())


def test_an_open_channel_costs_a_tower_nothing(world: World) -> None:
    """Whoever has both sides could otherwise have it register new secrets for ever."""

    async def play() -> None:
        await world.delegate(Lane(1, 10**6, locks(64)), tuple(SECRETS))
        async with world.at_work():
            assert world.chain.sent == []

    run(play)


def test_of_a_closing_channel_the_largest_locks_secrets_are_registered(world: World) -> None:
    async def play() -> None:
        await world.delegate(Lane(1, 10**6, locks(64)), tuple(SECRETS))
        world.close()
        async with world.at_work():
            [(_, *shown)] = [each for each in world.chain.sent if each[0] == "secrets"]
            assert sorted(shown) == sorted(SECRETS[-MOST_SECRETS:])
            assert world.chain.kinds == {"secrets", "rescue"}

    run(play)


def test_a_client_that_has_taken_out_what_would_pay_gets_nothing(world: World) -> None:
    async def play() -> None:
        old = Lane(1, 0, locks(1))
        await world.delegate(Lane(5, 10**6, locks(9)), tuple(SECRETS[:9]), own=Lane(2, 0))
        world.tell(Withdrawn(world.key.id, 0, ENOUGH))
        world.close()
        world.tell(LaneShown(world.key.id, 1, old))
        async with world.at_work():
            assert world.chain.sent == []

    run(play)


def test_a_promise_to_pay_that_is_over_is_answered_by_nothing(world: World) -> None:
    async def play() -> None:
        await world.delegate(Lane(5, 10**6))
        world.chain._offset = 3.0 * WINDOW + 10
        async with world.at_work():
            assert world.tower.rows == {}
            assert [list(world.store.rows())] == [[]]

    run(play)


def test_a_promise_that_is_renewed_in_the_meantime_is_kept(world: World) -> None:
    async def play() -> None:
        await world.delegate(Lane(5, 10**6))
        [late] = world.tower.rows.values()
        await world.delegate(Lane(6, 10**6))
        await world.tower._forget(late)
        assert [row.newest.theirs.lane.nonce for row in world.store.rows()] == [6]
        assert world.tower.neighbours._is_partner(CLIENT)

    run(play)


def test_nor_while_it_closes(world: World) -> None:
    async def play() -> None:
        await world.delegate(Lane(5, 10**6))
        world.close(5 * WINDOW)
        world.chain._offset = 3.0 * WINDOW + 10
        async with world.at_work():
            assert world.chain.sent == []
            assert len(world.tower.rows) == 1

    run(play)


@pytest.mark.parametrize(("is_noted", "reward"), [(True, LEAST), (True, LEAST - 1), (False, LEAST)])
def test_it_settles_what_pays_it(world: World, is_noted: bool, reward: int) -> None:
    async def play() -> None:
        await world.delegate(Lane(5, 10**6))
        world.close(-1)
        world.tell(LaneShown(world.key.id, 0, Lane(5, 10**6)))
        world.chain.notes = {1: ((world.tower.identity.address if is_noted else CLIENT), reward)}
        async with world.at_work():
            assert world.chain.sent == ([("settle", world.key.id)] if is_noted and reward == LEAST else [])

    run(play)


def test_who_has_not_to_pay_does_not_keep_it_from_settling_for_who_has(world: World) -> None:
    """Both sides of a channel may be its clients."""

    async def play() -> None:
        await world.delegate(Lane(5, 10**6))
        [row] = world.tower.rows.values()
        world.tower.rows = {(world.key.id, PARTIES[0]): replace(row, client=PARTIES[0]), **world.tower.rows}
        world.close(-1)
        world.tell(LaneShown(world.key.id, 0, Lane(5, 10**6)))
        world.chain.notes = {1: (world.tower.identity.address, LEAST)}
        async with world.at_work():
            assert world.chain.sent == [("settle", world.key.id)]

    run(play)


@pytest.mark.parametrize(
    ("key", "lane", "reason"),
    [
        ({"window": Seconds(60)}, Lane(1, 10**6), "its window is 60 s"),
        ({"token": TOKEN}, Lane(1, 10**6), "channels in this token are not watched on L1"),
        ({}, Lane(1, 10**6, (Lock(ENOUGH + 1, Seconds(2**40 - 1), LockKind.HASH, Hash(bytes(32))),)), "locks for more"),
        ({}, Lane(1, LEAST - 1), "too little in the channel"),
    ],
)
def test_what_it_could_not_keep_or_would_not_be_paid_for_is_not_taken(
    world: World, key: dict[str, Any], lane: Lane, reason: str
) -> None:
    channel = world.channel(**key) if key else world.key

    async def play() -> None:
        with pytest.raises(NotTaken, match=reason):
            await world.delegate(lane, key=channel)

    run(play)


def test_a_client_with_a_row_has_a_place(world: World) -> None:
    async def play() -> None:
        assert not world.tower.neighbours._is_partner(CLIENT)
        await world.delegate(Lane(1, 10**6))
        assert world.tower.neighbours._is_partner(CLIENT)
        world.close()
        world.tell(ChannelSettled(world.key.id, (0, 0), Seconds(1)))
        world.chain.certain.channels.update(world.chain.latest.channels)
        await world.tower._take_news(world.chain, {world.key.id})
        assert not world.tower.neighbours._is_partner(CLIENT)

    run(play)


def test_a_receipt_says_what_was_promised(world: World) -> None:
    async def play() -> None:
        receipt = await world.delegate(Lane(5, 10**6), own=Lane(3, 7))
        receipt.check(world.chain.domain, world.tower.identity.address)
        assert (receipt.their_nonce, receipt.own_nonce, receipt.reward) == (5, 3, LEAST)
        assert replace(receipt, reward=0).digest(world.chain.domain) != receipt.digest(world.chain.domain)

    run(play)
