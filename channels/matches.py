"""Application sessions of ours: asked for, played, paid by how they end, and taken to the chain where the other stops.

What is due is worked out anew at every tick, from the match, both lanes and the chain (tandem.channels.match,
tandem.channels.appeals): a crash loses no more than time. The registry's moves are built on only when no re-org changes
them; old states there are answered at once.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from channels.chain import Chain
from channels.channel import Channel
from channels.chores import Chores
from channels.match_book import KeptMatch, MatchBook
from channels.match_talk import MatchTalk, NoMatch
from channels.neighbours import Neighbours
from channels.session import Session as Link
from channels.switch import CANNOT
from tandem.channels.appeals import MoveOn, Put, Registered, Resolve, appeal
from tandem.channels.identity import Identity
from tandem.channels.ledger import Status
from tandem.channels.match import Award, Begin, Forgo, Match, Stake, Step, Void, is_settled, next_step
from tandem.channels.operations import AddLock, InvalidUpdate, PayPart
from tandem.channels.play import NotNow
from tandem.channels.states import Lock, LockKind
from tandem.channels.wire import AcceptMatch, AskMatch, MatchMessage
from tandem.primitives.types import Hash, Seconds

OFFER_TIME = Seconds(3_600)
"""That an offer stands, if its owner says nothing."""
STRANGE_TIME = 10.0
"""Seconds until a lock is given up that belongs to no match: what was accepted may be on its way."""
Close = Callable[[Channel, str], Coroutine[Any, Any, None]]
"""A channel alone, for a reason."""


class Matches:
    """All of a node's. channels.switch.Player."""

    def __init__(
        self,
        identity: Identity,
        channels: Mapping[Hash, Channel],
        neighbours: Neighbours,
        book: MatchBook,
        close: Close,
    ) -> None:
        self.book = book
        self._identity = identity
        self._channels = channels
        self._close = close
        self._talk = MatchTalk(identity, channels, neighbours, book)
        self._claims: dict[Hash, int] = {}
        """What the other side says that it has won, by reference."""
        self._placed: set[Hash] = set()
        """Matches whose stake of ours was on our lane."""
        self._strangers: dict[Hash, dict[Lock, float]] = {}
        """Locks of no match by channel, and since when."""
        self._told: set[Hash] = set()
        """Matches whose owner was told that his stake is not given back."""
        self._seen: dict[Hash, int] = {}
        """The turn that stands on chain, where its owner was told."""
        self._busy: set[Hash] = set()
        self._chores = Chores()
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("matches")

    # -- running

    def joined(self, link: Link) -> None:
        """The other side is there."""
        for kept in self.book.open.values():
            channel = self._channels.get(kept.match.play.channel)
            if channel is not None and channel.other == link.address:
                self._spawn(self._talk.say_again(channel, kept.match))

    async def take(self, link: Link, message: MatchMessage) -> None:
        """What it says."""
        await self._talk.take(link, message)

    async def ended(self, channel: Hash) -> None:
        """A channel is settled: nothing of its matches is open."""
        self._strangers.pop(channel, None)
        self._chores.forget(channel)
        for kept in self.book.of(channel):
            await self._end(kept, "the channel has ended")

    async def stop(self) -> None:
        """What is left is due at the next start."""
        await self._chores.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- what the owner asks for

    async def offer(
        self, channel: Channel, app: str, stake: int, timeout: Seconds | None, life: Seconds | None, *, is_first: bool
    ) -> Hash:
        """Ask the other side to play. Its name. NoMatch, EncodingError.

        `timeout`: of each player in a dispute, None: the longest; `life`: seconds until it must have begun.
        """
        found = [(address, rules) for address, rules in self.book.apps.items() if rules.name == app]
        if not found:
            names = ", ".join(rules.name for rules in self.book.apps.values())
            raise NoMatch(f"there is no app {app!r}, there are: {names}")
        [(address, rules)] = found
        if timeout is None:
            timeout = channel.chain.timing.most_session(channel.key.window)
        if life is None:
            life = min(OFFER_TIME, channel.side.terms.most_time)
        until, name = Seconds(channel.chain.now() + life), Hash(os.urandom(32))
        ask = AskMatch(channel.id, name, address, timeout, rules.terms(stake), is_first, until)
        match = self._talk.match(channel, ask, is_ours=True)
        self._talk.check(channel, match)
        await self.book.keep(KeptMatch(channel.chain.id, channel.chain.now(), match))
        self.book.note("offered", match)
        await self._talk.say(channel, ask)
        return name

    async def accept(self, name: Hash) -> None:
        """What the other side has asked for. NoMatch."""
        channel, kept = self._find(name)
        match = kept.match
        if match.is_ours or match.salt is not None or match.void:
            raise NoMatch("this is no offer that waits for our answer")
        self._talk.check(channel, match)
        salt = Hash(os.urandom(32))
        await self.book.keep(replace(kept, match=match.accepted(salt)))
        self.book.note("accepted", match)
        await self._talk.say(channel, AcceptMatch(channel.id, name, salt))

    async def decline(self, name: Hash) -> None:
        """Not to play, while nothing is signed. NoMatch."""
        _, kept = self._find(name)
        if kept.match.is_bound:
            raise NoMatch("it has begun: play it to its end")
        await self._talk.void(kept, "the other player does not want to")

    async def move(self, name: Hash, text: str) -> None:
        """Our turn, as the app writes moves. NoMatch, NotNow, InvalidMove, EncodingError."""
        channel, kept = self._find(name)
        stands = kept.match.play.position
        if stands is None:
            raise NotNow("it has not begun: both players sign the start when both stakes are there")
        play, turn = kept.match.play.move(kept.match.play.rules.write(stands.state, text), self._identity.sign)
        await self._talk.advance(kept, play)
        self.book.note("moved", kept.match, turn=str(turn.turn))
        await self._talk.say(channel, turn)

    def _find(self, name: Hash) -> tuple[Channel, KeptMatch]:
        kept = self.book.open.get(name)
        channel = None if kept is None else self._channels.get(kept.match.play.channel)
        if kept is None or channel is None:
            raise NoMatch("there is no open match of this name")
        return channel, kept

    # -- the clock

    def claimed(self, ref: Hash, amount: int) -> None:
        """The other side has won so much of a lock of ours, it says."""
        if any(kept.match.staked == ref for kept in self.book.open.values()):
            self._claims[ref] = amount

    def tick(self, channel: Channel) -> None:
        """Do what is due in a channel's matches."""
        mine = self.book.of(channel.id)
        for kept in mine:
            if kept.match.name not in self._busy:
                self._busy.add(kept.match.name)
                self._spawn(self._attend(channel, kept.match.name))
        if self.book.is_whole:
            self._give_up_strangers(channel, {kept.match.won for kept in mine})

    def _give_up_strangers(self, channel: Channel, known: set[Hash]) -> None:
        now, before = asyncio.get_running_loop().time(), self._strangers.pop(channel.id, {})
        not_strange = known | channel.side.given_up
        since = {
            lock: before.get(lock, now)
            for lock in channel.side.theirs.lane.locks
            if lock.kind == LockKind.APP and lock.ref not in not_strange
        }
        for lock, found in since.items():
            if now > found + STRANGE_TIME:
                since[lock] = now
                self._spawn(self._give_up(channel, lock))
        if since:
            self._strangers[channel.id] = since

    async def _give_up(self, channel: Channel, lock: Lock) -> None:
        try:
            await channel.peer.give_up(lock)
        except CANNOT as reason:
            self._log.info("not given up", ref=lock.ref[:4].hex(), reason=str(reason))

    async def _attend(self, channel: Channel, name: Hash) -> None:
        try:
            if (kept := self.book.open.get(name)) is not None:
                await self._hear(channel, kept)
            if (kept := self.book.open.get(name)) is not None:
                await self._do(channel, kept, next_step(kept.match, channel.side, channel.chain.now()))
            if (kept := self.book.open.get(name)) is not None:
                self._pay(channel, kept.match)
                self._appeal(channel, kept)
                self._tell(channel, kept)
                if is_settled(kept.match, channel.side):
                    await self._end(kept, "")
        except CANNOT as reason:
            self._log.info("not done in a match", match=name[:4].hex(), reason=str(reason))
        finally:
            self._busy.discard(name)

    async def _hear(self, channel: Channel, kept: KeptMatch) -> None:
        """What the chain says, and is certain of."""
        match, chain, session = kept.match, channel.chain, kept.match.play.session.id
        shown, outcome = chain.certain.sessions.get(session), chain.certain.outcomes.get(session)
        after = match if shown is None else replace(match, play=match.play.with_shown(shown.turn, shown.state))
        after = after if outcome is None else replace(after, ruling=outcome.payouts)
        if after != match:
            await self.book.keep(replace(kept, match=after))
        newest = chain.latest.sessions.get(session)
        if newest is not None and self._seen.get(match.name) != newest.turn:
            self._seen[match.name] = newest.turn
            self.book.touch(kept)
            self.book.note("on chain", after, turn=str(newest.turn), deadline=str(newest.deadline))

    async def _do(self, channel: Channel, kept: KeptMatch, step: Step | None) -> None:
        match step:
            case Stake() | Begin() if channel.peer.trouble is not None:
                await self._talk.void(kept, channel.peer.trouble)
            case Stake() if kept.match.name in self._placed:
                await self._talk.void(kept, "the other side gives our stake back")
            case Stake(lock):
                try:
                    await channel.peer.do(AddLock(lock), is_patient=False)
                except InvalidUpdate as reason:
                    await self._talk.void(self.book.open.get(kept.match.name, kept), str(reason))
                self._placed.add(kept.match.name)
            case Begin():
                self._placed.add(kept.match.name)
                play, turn = kept.match.play.sign_start(self._identity.sign)
                await self._talk.advance(kept, play)
                await self._talk.say(channel, turn)
            case Void(reason):
                await self._talk.void(kept, reason)
            case Award(ref, amount):
                await channel.peer.award(ref, amount)
            case Forgo(lock) if lock.ref in channel.side.outcomes:
                await channel.peer.abandon(lock)  # the chain has it otherwise
            case Forgo(lock):
                await channel.peer.give_up(lock)

    def _pay(self, channel: Channel, match: Match) -> None:
        """What is asked of our lock, if that is right."""
        owed, claim = match.owed(channel.side), self._claims.get(match.staked)
        if claim is not None and 0 < claim <= owed:
            channel.peer.resolve(PayPart(match.staked, claim))

    def _tell(self, channel: Channel, kept: KeptMatch) -> None:
        """That the other keeps our stake on our lane, once: whether to close for it is its owner's to decide."""
        match, most = kept.match, kept.match.play.session.timeout + channel.chain.timing.grace
        amount = match.kept_back(channel.side)
        is_late = self.book.waited(kept) > most and not _is_closing(channel)
        if amount and is_late and match.name not in self._told:
            self._told.add(match.name)
            reason = "the other side does not give it back: close the channel alone to get it"
            self.book.note("stake kept", match, stake=str(amount), reason=reason)

    async def _end(self, kept: KeptMatch, reason: str) -> None:
        await self.book.end(kept, reason)
        self._placed.discard(kept.match.name)
        self._told.discard(kept.match.name)
        self._chores.forget(kept.match.name)
        self._seen.pop(kept.match.name, None)
        self._claims.pop(kept.match.staked, None)

    # -- on chain

    def _appeal(self, channel: Channel, kept: KeptMatch) -> None:
        """Where the other does not do what is up to him; and always to answer what is there."""
        chain, match, session = channel.chain, kept.match, kept.match.play.session
        is_closing, waited = _is_closing(channel), self.book.waited(kept)
        is_late = waited > session.timeout + chain.timing.grace
        is_wanted = match.is_up_to_other(channel.side) and (is_closing or is_late)
        if session.id in chain.latest.outcomes:
            is_unpaid = match.ruling is not None and match.due(channel.side) > 0
            if is_unpaid and not is_closing and waited > chain.timing.settle + chain.timing.grace:
                close = partial(self._close, channel, "the other side does not pay what it has lost")
                self._chores.start(channel.id, "close", close)
        elif match.play.position is not None and (is_wanted or session.id in chain.latest.sessions):
            self._chores.start(match.name, "appeal", partial(self._appeal_now, chain, match.name, is_wanted))

    async def _appeal_now(self, chain: Chain, name: Hash, is_wanted: bool) -> None:
        kept = self.book.open.get(name)
        if kept is None:
            return
        await self.book.flushed()
        play = kept.match.play
        put = chain.latest.sessions.get(play.session.id)
        registered: Registered | None = None
        if put is not None:
            is_agreed = await chain.is_agreed(play.session, put.state)
            if is_agreed is None:
                return  # there is something newer: it will be read
            registered = Registered(put.turn, put.state, is_agreed, put.deadline)
        match appeal(play, registered, is_wanted, chain.now()):
            case Put(state):
                await chain.put_state(play.session, state)
            case MoveOn(before, after):
                await chain.move_state(play.session, before, after)
            case Resolve(state):
                await chain.resolve_session(play.session, state)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._log.error("ALARM", message=f"a match was not dealt with: {task.exception()!r}")


def _is_closing(channel: Channel) -> bool:
    on_chain = channel.chain.latest.channels.get(channel.id)
    return on_chain is not None and on_chain.status == Status.CLOSING
