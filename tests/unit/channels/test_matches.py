"""Sessions of a real node's parts, on a real disk, against another side that says what the test wants."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from channels import matches as matches_module
from channels.chain import Chain
from channels.channel import Channel
from channels.chronicle import Chronicle
from channels.match_book import MOST_VOID, MatchBook
from channels.match_talk import NoMatch
from channels.matches import Matches
from channels.models import SessionRequest
from channels.neighbours import Neighbours
from channels.peer import Peer
from channels.session import Session as Link
from channels.store import Journal, Store, Write, write_match
from channels.switch import Switch
from tandem.channels.endpoint import Ack, Endpoint, Proposal
from tandem.channels.ledger import Ledger, OnChain, StatePut
from tandem.channels.match import Match
from tandem.channels.operations import AddLock, DropLock, Operation, apply
from tandem.channels.play import Answer, Turn
from tandem.channels.routing import EdgeTerms
from tandem.channels.sessions import AppDomain
from tandem.channels.settlement import Funds
from tandem.channels.states import ChannelKey, Lane, Lock, LockKind
from tandem.channels.tic_tac_toe import TicTacToe
from tandem.channels.timing import Timing
from tandem.channels.wire import AcceptMatch, AskMatch, Claim, DeclineMatch, MatchMessage, Message, Reestablish, Refused
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, Address, Hash, Seconds
from tests.unit.channels.test_play import WON
from tests.unit.channels.test_switch import DOMAIN, PAYER, START, WINDOW, Nobody
from tests.unit.channels.test_switch import HOP as ALICE

BOB = PAYER
APPS = AppDomain(31337, Address(b"\x22" * 20))
GAME, RULES, STAKE = Address(b"\x33" * 20), TicTacToe(), 100
NAME, SALT = keccak(b"name"), keccak(b"salt")
TIMEOUT = Timing().most_session(WINDOW)


@dataclass(eq=False)
class Clock:
    """A chain as matches see it. `calls`: what is done there."""

    id: int = 31337
    timing: Timing = Timing()
    apps: AppDomain = APPS
    latest: Ledger = field(default_factory=Ledger)
    certain: Ledger = field(default_factory=Ledger)
    certain_time: Seconds = Seconds(START)
    time: int = START
    calls: list[str] = field(default_factory=list)

    def now(self) -> Seconds:
        return Seconds(self.time)

    async def put_state(self, *_: Any) -> None:
        self.calls.append("put")


class Alice:
    """The node. Its channel's other side is Bob, who signs what he gets."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.others = Clock(), Nobody()
        chain, channels = cast(Chain, self.clock), dict[Hash, Channel]()
        self.store = Store(folder / "node.sqlite")
        self.journal = Journal(self.store)
        self.chronicle = Chronicle(self.store, self.journal)
        self.book = self.new_book({31337: chain})
        self.said: list[Message] = []
        """By the node, of matches."""
        self.link = cast(Link, SimpleNamespace(address=BOB.address, send=self._say))
        neighbours = cast(Neighbours, SimpleNamespace(session=lambda address: self.link))
        self.closed: list[str] = []
        self.matches = Matches(ALICE, channels, neighbours, self.book, self._close)
        edge = EdgeTerms(0, 0, Seconds(1), 1, 2**128 - 1)
        self.switch = Switch(ALICE, channels, lambda _: edge, self.others, self.others, self.matches, self.chronicle)
        key = ChannelKey(ALICE.address, BOB.address, ZERO_ADDRESS, WINDOW, keccak(b"channel"))
        funds = Funds((1_000, 1_000))
        side = Endpoint(key, 0, DOMAIN, self.clock.timing.terms(WINDOW), funds)
        self.peer = Peer(side, self.journal.keep, ALICE.sign, self.switch, lambda: float(self.clock.time))
        self.channel = channels[key.id] = Channel(key, chain, self.peer)
        for ledger in (self.clock.latest, self.clock.certain):
            ledger.channels[key.id] = OnChain(key, funds)
        self.lane, self.alices = Lane(), Lane()
        self._out: asyncio.Queue[Message] = asyncio.Queue()

    def new_book(self, chains: dict[int, Chain]) -> MatchBook:
        return MatchBook(self.store, self.journal, self.chronicle, chains, {GAME: RULES})

    async def _say(self, message: Message) -> None:
        self.said.append(message)

    async def _close(self, channel: Channel, reason: str) -> None:
        self.closed.append(reason)

    async def send(self, message: Message, /) -> None:
        """To Bob (channels.peer.Connection)."""
        if isinstance(message, Proposal) and message.nonce == self.alices.nonce + 1:
            self.alices = apply(self.alices, message.operations)
            signature = BOB.sign(DOMAIN.lane(self.channel.id, ALICE.address, self.alices))
            await self._out.put(Ack(self.channel.id, message.nonce, signature))

    async def recv(self) -> Message:
        return await self._out.get()

    async def start(self) -> None:
        self._talk = asyncio.create_task(self.peer.talk(self))
        await self.bob_sends(Reestablish(self.channel.id, 0, 0, 1_000))

    async def stop(self) -> None:
        self._talk.cancel()
        await asyncio.gather(self._talk, return_exceptions=True)
        await self.matches.stop()
        await self.switch.stop()
        await self.journal.write()
        self.store.close()

    async def bob_sends(self, message: Message) -> None:
        """In the channel."""
        await self._out.put(message)
        await asyncio.sleep(0.02)

    async def bob_does(self, *operations: Operation) -> None:
        """On his lane."""
        self.lane = apply(self.lane, operations)
        signature = BOB.sign(DOMAIN.lane(self.channel.id, BOB.address, self.lane))
        await self.bob_sends(Proposal(self.channel.id, self.lane.nonce, operations, signature))

    async def hear(self, message: MatchMessage) -> None:
        """From Bob, of matches."""
        await self.matches.take(self.link, message)

    async def ticks(self, count: int = 4) -> None:
        for _ in range(count):
            self.matches.tick(self.channel)
            await asyncio.sleep(0.02)

    def heard(self, kind: type) -> list[Any]:
        """What Bob has of a kind."""
        return [message for message in self.said if isinstance(message, kind)]

    @property
    def match(self) -> Match:
        """The only one."""
        [kept] = self.book.open.values()
        return kept.match

    def signed(self, turn: int, state: bytes) -> Turn:
        """By Bob."""
        signature = BOB.sign(APPS.state(self.match.play.session.id, turn, state))
        return Turn(self.channel.id, self.match.name, turn, state, signature)

    def stake(self, match: Match, amount: int = STAKE) -> AddLock:
        """Bob's."""
        return AddLock(Lock(amount, Seconds(START + 3_600), LockKind.APP, match.won))

    def ask(self, *, is_first: bool = False) -> AskMatch:
        """Bob's. `is_first`: he begins."""
        until = Seconds(START + 3_600)
        return AskMatch(self.channel.id, NAME, GAME, TIMEOUT, RULES.terms(STAKE), is_first, until)

    async def offer(self) -> Hash:
        return await self.matches.offer(self.channel, RULES.name, STAKE, None, None, is_first=True)

    async def begin(self) -> None:
        """Alice has asked, and is to move."""
        await self.hear(AcceptMatch(self.channel.id, await self.offer(), SALT))
        await self.bob_does(self.stake(self.match))
        await self.ticks()
        await self.hear(self.signed(0, RULES.start(RULES.terms(STAKE))))
        assert self.match.play.is_our_turn

    async def play(self, moves: str) -> None:
        """From the start; Alice makes the first of them."""
        for at, cell in enumerate(moves):
            stands = self.match.play.position
            assert stands is not None
            state = RULES.write(stands.state, cell)
            if at % 2:
                await self.hear(self.signed(at + 1, state))
            else:
                await self.matches.move(self.match.name, cell)
                await self.hear(self.answer(at + 1, state))

    def answer(self, turn: int, state: bytes) -> Answer:
        return Answer(self.channel.id, self.match.name, turn, self.signed(turn, state).signature)


def run(folder: Path, scene: Callable[[Alice], Awaitable[None]]) -> None:
    async def whole() -> None:
        alice = Alice(folder)
        async with asyncio.timeout(20):
            await alice.start()
            await scene(alice)
            await alice.stop()

    asyncio.run(whole())


# -- stakes


def test_a_strange_lock_that_was_given_up_is_no_stake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bob locks, waits until Alice has given the lock up, and accepts only then."""
    monkeypatch.setattr(matches_module, "STRANGE_TIME", 0.01)

    async def scene(alice: Alice) -> None:
        name = await alice.offer()
        accepted = alice.match.accepted(SALT)
        await alice.bob_does(alice.stake(accepted))
        await alice.ticks()
        assert accepted.won in alice.channel.side.given_up
        await alice.hear(AcceptMatch(alice.channel.id, name, SALT))
        await alice.ticks()
        assert not alice.heard(Turn) and not alice.channel.side.proposed.locks
        assert alice.heard(DeclineMatch)[-1].reason == "the other's stake was given up"

    run(tmp_path, scene)


def test_what_strange_locks_leave_behind_goes_with_them(tmp_path: Path) -> None:
    async def scene(alice: Alice) -> None:
        lock = Lock(1, Seconds(START + 3_600), LockKind.APP, keccak(b"strange"))
        await alice.bob_does(AddLock(lock))
        await alice.ticks(1)
        assert list(alice.matches._strangers[alice.channel.id]) == [lock]
        await alice.channel.peer.give_up(lock)
        await alice.bob_does(DropLock(lock.ref))
        await alice.ticks(1)
        assert not alice.matches._strangers

    run(tmp_path, scene)


def test_a_claim_of_nothing_is_not_paid(tmp_path: Path) -> None:
    """A proposal with it would fail, and with it whatever else goes into it."""

    async def scene(alice: Alice) -> None:
        await alice.begin()
        match = alice.match
        await alice.bob_sends(Claim(alice.channel.id, match.staked, 0))
        await alice.book.keep(replace(alice.book.open[match.name], match=replace(match, ruling=(0, STAKE))))
        with capture_logs() as logs:
            await alice.ticks()
            assert alice.match.owed(alice.channel.side) == STAKE
            assert not [each for each in logs if each["event"] == "ALARM"]
            await alice.bob_sends(Claim(alice.channel.id, match.staked, STAKE))
            await alice.ticks()
        assert alice.channel.side.mine.lane.transferred == STAKE

    run(tmp_path, scene)


def test_only_claims_of_open_matches_are_kept(tmp_path: Path) -> None:
    async def scene(alice: Alice) -> None:
        await alice.begin()
        for ref in (keccak(b"any"), alice.match.won, alice.match.staked):
            alice.matches.claimed(ref, 1)
        assert alice.matches._claims == {alice.match.staked: 1}

    run(tmp_path, scene)


def test_the_owner_hears_once_of_a_stake_that_is_not_given_back(tmp_path: Path) -> None:
    async def scene(alice: Alice) -> None:
        await alice.hear(AcceptMatch(alice.channel.id, await alice.offer(), SALT))
        await alice.ticks()
        await alice.hear(DeclineMatch(alice.channel.id, alice.match.name, "no"))
        for wait in (TIMEOUT, 300, 300):
            await alice.ticks()
            alice.clock.time += wait
        await alice.ticks()
        notes = [each for each in alice.chronicle.newest(100) if each.get("state") == "stake kept"]
        assert [(each["stake"], each["reason"].partition(": ")[2]) for each in notes] == [
            ("100", "close the channel alone to get it")
        ]

    run(tmp_path, scene)


# -- what is kept


def test_a_reason_of_any_length_can_be_kept(tmp_path: Path) -> None:
    """What Bob refuses Alice's stake for has as many bytes as there may be, and four to a character."""

    async def scene(alice: Alice) -> None:
        await alice.hear(AcceptMatch(alice.channel.id, await alice.offer(), SALT))
        await alice.bob_does(alice.stake(alice.match))
        await alice.bob_sends(Refused(alice.channel.id, 1, "\N{GRINNING FACE}" * 256))
        await alice.ticks()
        assert MOST_VOID - 4 < len(alice.match.void.encode()) <= MOST_VOID
        again = alice.new_book({31337: cast(Chain, alice.clock)})
        again.load()
        assert again.open == alice.book.open

    run(tmp_path, scene)


def test_a_record_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    async def scene(alice: Alice) -> None:
        name = await alice.offer()
        await alice.journal.write(write_match(NAME, START, True, b"poison"))
        again = alice.new_book({31337: cast(Chain, alice.clock)})
        with capture_logs() as logs:
            again.load()
        assert list(again.open) == [name]
        assert [each["record"] for each in logs if each["event"] == "ALARM"] == [b"poison".hex()]
        assert [kept.match.name for kept in again.newest(9)] == [name]
        await alice.hear(alice.ask())
        assert alice.heard(DeclineMatch)[-1].name == NAME, "nor does who asks by its name"
        assert alice.store.match(NAME) == b"poison"

    run(tmp_path, scene)


def test_no_lock_is_strange_while_a_record_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be the stake of that match."""
    monkeypatch.setattr(matches_module, "STRANGE_TIME", 0.01)

    async def scene(alice: Alice) -> None:
        await alice.journal.write(write_match(NAME, START, True, b"poison"))
        alice.book.load()
        await alice.bob_does(AddLock(Lock(1, Seconds(START + 3_600), LockKind.APP, keccak(b"strange"))))
        await alice.ticks()
        assert not alice.channel.side.given_up

    run(tmp_path, scene)


def test_what_has_ended_elsewhere_is_not_listed(tmp_path: Path) -> None:
    """On a chain that the node does not have any more."""

    async def scene(alice: Alice) -> None:
        name = await alice.offer()
        await alice.matches.decline(name)
        await alice.ticks()
        [kept] = alice.book.newest(9)
        await alice.journal.write(write_match(name, START, False, replace(kept, chain_id=5).encode()))
        assert alice.book.newest(9) == alice.book.named(name.hex()[:8]) == []
        await alice.hear(replace(alice.ask(), name=name))
        assert alice.heard(DeclineMatch)[-1].reason.endswith("start the node with both"), "its name is taken"

    run(tmp_path, scene)


class Slow:
    """The disk takes what it gets when the test says."""

    def __init__(self, alice: Alice, monkeypatch: pytest.MonkeyPatch) -> None:
        self._loop, self._go, commit = asyncio.get_running_loop(), asyncio.Event(), alice.store.commit

        def late(writes: list[Write]) -> None:
            asyncio.run_coroutine_threadsafe(self._go.wait(), self._loop).result()
            commit(writes)

        monkeypatch.setattr(alice.store, "commit", late)

    def go(self) -> None:
        self._go.set()


def test_nothing_signed_is_said_before_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for it: the other side is there again, or sends his turn again, or the chain is due."""

    async def scene(alice: Alice) -> None:
        await alice.begin()
        await alice.play(WON[0])
        alice.said.clear()
        stands = alice.match.play.position
        assert stands is not None
        turn = alice.signed(2, RULES.write(stands.state, WON[1]))
        slow = Slow(alice, monkeypatch)
        first = asyncio.create_task(alice.hear(turn))
        await asyncio.sleep(0)
        assert alice.match.play.is_our_turn, "here it counts at once"
        again = asyncio.create_task(alice.hear(turn))
        alice.matches.joined(alice.link)
        appeal = asyncio.create_task(alice.matches._appeal_now(alice.channel.chain, alice.match.name, is_wanted=True))
        await asyncio.sleep(0.05)
        assert (alice.said, alice.clock.calls) == ([], [])
        slow.go()
        await asyncio.gather(first, again, appeal)
        await alice.ticks(1)
        assert len(alice.heard(Answer)) == 3 and alice.clock.calls == ["put"]

    run(tmp_path, scene)


# -- what is asked for


def test_a_game_has_the_time_that_all_its_turns_take_on_chain(tmp_path: Path) -> None:
    """Or who moves less often wins by the other's time."""

    async def scene(alice: Alice) -> None:
        least = alice.clock.timing.least_session(RULES.most_turns)
        with pytest.raises(NoMatch, match=f"must be {least} to {TIMEOUT} s"):
            await alice.matches.offer(alice.channel, RULES.name, STAKE, Seconds(least - 1), None, is_first=True)
        await alice.hear(replace(alice.ask(), timeout=Seconds(least - 1)))
        assert "a player's time must be" in alice.heard(DeclineMatch)[-1].reason
        await alice.matches.offer(alice.channel, RULES.name, STAKE, least, None, is_first=True)

    run(tmp_path, scene)


@pytest.mark.parametrize("name", ["timeout", "life"])
def test_times_that_no_session_has_are_refused(name: str) -> None:
    for value in (-1, 0, 2**32):
        with pytest.raises(ValidationError, match=name):
            SessionRequest(channel="0x00", app="tic-tac-toe", stake="1", **cast(Any, {name: value}))


def test_where_a_session_stands_on_chain_is_told_once(tmp_path: Path) -> None:
    async def scene(alice: Alice) -> None:
        await alice.begin()
        session, start = alice.match.play.session, RULES.start(RULES.terms(STAKE))
        alice.clock.latest.sessions[session.id] = StatePut(session.id, 0, start, Seconds(START + TIMEOUT))
        await alice.ticks()
        notes = [each for each in alice.chronicle.newest(100) if each.get("state") == "on chain"]
        assert [each["deadline"] for each in notes] == [str(START + TIMEOUT)]

    run(tmp_path, scene)
