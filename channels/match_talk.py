"""What two nodes say about their matches. All that is signed is on the disk before it is sent."""

from collections.abc import Mapping
from dataclasses import replace

import structlog

from channels.channel import Channel
from channels.match_book import MOST_VOID, KeptMatch, MatchBook
from channels.neighbours import Neighbours
from channels.session import Session as Link
from tandem.channels.codec import cut
from tandem.channels.identity import Identity
from tandem.channels.match import Match
from tandem.channels.play import Answer, InvalidMove, Play, Turn
from tandem.channels.sessions import Session
from tandem.channels.signing import BadSignature
from tandem.channels.wire import AcceptMatch, AskMatch, DeclineMatch, MatchMessage
from tandem.errors import ConfigError, EncodingError, TandemError
from tandem.primitives.types import Hash

MOST_OPEN = 16
"""Matches of a channel at once, offers too."""


class NoMatch(TandemError):
    """It cannot be played like this. The message says why, and what to do."""


class MatchTalk:
    """With who is at the other side of each channel."""

    def __init__(
        self, identity: Identity, channels: Mapping[Hash, Channel], neighbours: Neighbours, book: MatchBook
    ) -> None:
        self._identity = identity
        self._channels = channels
        self._neighbours = neighbours
        self._book = book
        self._log = structlog.get_logger("matches")

    # -- what is heard

    async def take(self, link: Link, message: MatchMessage) -> None:
        """Of who is at the other side of its channel."""
        channel, kept = self._channels.get(message.channel), self._book.open.get(message.name)
        if channel is None or channel.other != link.address:
            return
        if isinstance(message, AskMatch):
            await self._take_ask(channel, message)
            return
        if kept is None or kept.match.play.channel != channel.id:
            self._log.info("of no match", kind=type(message).__name__, name=message.name[:4].hex())
            return
        try:
            match message:
                case AcceptMatch(_, _, salt):
                    if kept.match.is_ours and kept.match.salt is None and not kept.match.void:
                        await self._book.keep(replace(kept, match=kept.match.accepted(salt)))
                        self._book.note("accepted", kept.match)
                case DeclineMatch(_, _, reason):
                    if not kept.match.is_bound and not kept.match.void:
                        await self.void(kept, reason)
                case Turn():
                    await self._take_turn(channel, kept, message)
                case Answer():
                    await self.advance(kept, kept.match.play.take_answer(message))
        except (InvalidMove, BadSignature, EncodingError) as reason:
            self._log.error("ALARM", message=f"a turn is not taken: {reason}", match=message.name[:4].hex())
            self._book.note("refused", kept.match, reason=str(reason))

    async def _take_ask(self, channel: Channel, ask: AskMatch) -> None:
        try:
            known = self._book.find(ask.name)
            match = self.match(channel, ask, is_ours=False) if known is None else known.match
            if known is None:
                self.check(channel, match)
        except (NoMatch, EncodingError, ConfigError) as reason:
            await self.say(channel, DeclineMatch(channel.id, ask.name, str(reason)))
            return
        if known is None:
            await self._book.keep(KeptMatch(channel.chain.id, channel.chain.now(), match))
            self._book.note("asked", match)
        elif match.void:
            await self.say(channel, DeclineMatch(channel.id, ask.name, match.void))

    async def _take_turn(self, channel: Channel, kept: KeptMatch, turn: Turn) -> None:
        if kept.match.salt is None or kept.match.void:
            return
        play, answer = kept.match.play.take(turn, self._identity.sign)
        await self.advance(kept, play)
        if answer is not None:
            await self.say(channel, answer)

    # -- what is said

    async def say(self, channel: Channel, message: MatchMessage) -> None:
        """What is lost for want of a connection is said again with the next one."""
        link = self._neighbours.session(channel.other)
        try:
            if link is not None:
                await link.send(message)
        except ConnectionError:
            pass

    async def say_again(self, channel: Channel, match: Match) -> None:
        """After a reconnect: what the other may not have got."""
        await self._book.flushed()
        session = match.play.session
        if match.void:
            await self.say(channel, DeclineMatch(channel.id, match.name, match.void))
        elif match.salt is None and match.is_ours:
            terms = session.app, session.timeout, session.terms
            await self.say(channel, AskMatch(channel.id, match.name, *terms, match.play.player == 0, match.until))
        elif match.salt is not None and not match.is_ours and match.play.agreed is None:
            await self.say(channel, AcceptMatch(channel.id, match.name, match.salt))
        for message in match.play.again():
            await self.say(channel, message)

    # -- what comes of it

    def match(self, channel: Channel, ask: AskMatch, *, is_ours: bool) -> Match:
        """Before it is accepted: its session has no salt yet. NoMatch where its rules are not known."""
        rules = self._book.apps.get(ask.app)
        if rules is None:
            raise NoMatch(f"the rules of 0x{ask.app.hex()} are not known")
        asker, asked = (self._identity.address, channel.other) if is_ours else (channel.other, self._identity.address)
        one, other = (asker, asked) if ask.is_first else (asked, asker)
        session = Session(one, other, ask.app, ask.timeout, ask.name, ask.terms)
        player = session.player(self._identity.address)
        return Match(Play(session, player, rules, channel.chain.apps, channel.id, ask.name), ask.until, is_ours)

    def check(self, channel: Channel, match: Match) -> None:
        """NoMatch where it cannot be played safely, EncodingError where the terms are none."""
        timing, timeout, now = channel.chain.timing, match.play.session.timeout, channel.chain.now()
        (own, others), most = match.stakes, timing.most_session(channel.key.window)
        if len([kept for kept in self._book.of(channel.id) if kept.match.name != match.name]) >= MOST_OPEN:
            raise NoMatch(f"{MOST_OPEN} matches are open in this channel: end some first")
        least = timing.least_session(match.play.rules.most_turns)
        if not least <= timeout <= most:
            raise NoMatch(f"a player's time must be {least} to {most} s in this channel, not {timeout}")
        if not now < match.until <= now + channel.side.terms.most_time:
            raise NoMatch(f"it must begin within {channel.side.terms.most_time} s")
        if channel.peer.trouble is not None:
            raise NoMatch(f"nothing can be played in this channel: {channel.peer.trouble}")
        if not (0 < own <= channel.peer.available and 0 < others <= channel.side.receivable):
            raise NoMatch(
                f"the stakes are {own} and {others}: {channel.peer.available} can be staked here, "
                f"{channel.side.receivable} by the other side"
            )

    async def advance(self, kept: KeptMatch, play: Play) -> None:
        """It goes on."""
        before, after = kept.match.play, replace(kept.match, play=play)
        if play == before:
            await self._book.flushed()  # what it says again may be on its way to the disk
            return
        await self._book.keep(replace(kept, match=after))
        if play.agreed is not None and play.agreed != before.agreed:
            kind = "over" if play.end is not None else "turn" if play.agreed.turn else "begun"
            self._book.note(kind, after, turn=str(play.agreed.turn), ours=play.is_our_turn)

    async def void(self, kept: KeptMatch, reason: str) -> None:
        """It does not come to be."""
        match = replace(kept.match, void=cut(reason, MOST_VOID))
        await self._book.keep(replace(kept, match=match))
        self._book.note("void", match, reason=match.void)
        channel = self._channels.get(match.play.channel)
        if channel is not None:
            await self.say(channel, DeclineMatch(channel.id, match.name, match.void))
