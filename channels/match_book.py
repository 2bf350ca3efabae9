"""Matches of ours: those that are open, all that are kept, and what their owner hears of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from channels.chain import Chain
from channels.store import Journal, Store, delete_match, write_match
from channels.switch import Chronicle
from tandem.channels.codec import (
    ADDRESS,
    AMOUNT,
    FLAG,
    HASH,
    NUMBER,
    TIME,
    Shape,
    blob,
    exactly,
    many,
    optional,
    pack,
    read_named,
    text,
    unpack,
    write_named,
)
from tandem.channels.match import Match
from tandem.channels.play import Play
from tandem.channels.sessions import MOST_STATE, AppDomain, GameRules, Session, SignedState
from tandem.errors import ConfigError, EncodingError
from tandem.primitives.types import Address, Hash, Seconds

MOST_VOID = 1_024
"""Bytes of why a match does not come to be."""
_BYTES = blob(0, MOST_STATE)
_MAYBE_SIGNATURE = blob(0, 65)
_STATE = Shape(SignedState, (NUMBER, _BYTES, many(_MAYBE_SIGNATURE, 2)))
_PLAY = {
    "session": Shape(Session, (ADDRESS, ADDRESS, ADDRESS, TIME, HASH, _BYTES)).field,
    "player": NUMBER,
    "channel": HASH,
    "name": HASH,
    "agreed": optional(_STATE.field),
    "own": optional(_STATE.field),
    "their_start": _MAYBE_SIGNATURE,
}
_MATCH = {
    "until": TIME,
    "is_ours": FLAG,
    "salt": optional(HASH),
    "void": text(MOST_VOID),
    "ruling": optional(many(AMOUNT, 2)),
}


@dataclass(frozen=True, slots=True)
class KeptMatch:
    """A match, where it is played and since when."""

    chain_id: int
    created: Seconds
    match: Match

    def encode(self) -> bytes:
        """As it is kept: all but what the chain will show again."""
        play, match = write_named(_PLAY, self.match.play), write_named(_MATCH, self.match)
        return pack([self.chain_id, self.created, play, *match])


def read_match(data: bytes, apps: Mapping[Address, GameRules], domains: Mapping[int, AppDomain]) -> KeptMatch:
    """EncodingError; ConfigError where it is of an app or a chain that is not known any more."""
    chain_id, created, play, *rest = exactly(unpack(data), 3 + len(_MATCH))
    fields = read_named(_PLAY, play)
    rules, domain = apps.get(fields["session"].app), domains.get(chain_id)
    if rules is None or domain is None:
        name, app = fields["name"].hex(), fields["session"].app.hex()
        raise ConfigError(f"match 0x{name} is of app 0x{app} on chain {chain_id}: start the node with both")
    match = Match(Play(rules=rules, domain=domain, **fields), **read_named(_MATCH, rest))
    return KeptMatch(NUMBER.read(chain_id), TIME.read(created), match)


class MatchBook:
    """`apps`: by the contract's address, those that this node can play."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        chronicle: Chronicle,
        chains: Mapping[int, Chain],
        apps: Mapping[Address, GameRules],
    ) -> None:
        self.apps = apps
        self.open: dict[Hash, KeptMatch] = {}
        self.is_whole = True
        """Whether all open ones are known: else any lock may be a stake."""
        self._store = store
        self._journal = journal
        self._chronicle = chronicle
        self._chains = chains
        self._since: dict[Hash, Seconds] = {}
        self._log = structlog.get_logger("matches")

    def load(self) -> None:
        """What was left open. ConfigError where a match cannot go on; one that cannot be read stops no other."""
        for data in self._store.open_matches():
            try:
                kept = self._read(data)
            except EncodingError as reason:
                self._log.error("ALARM", message=f"an open match cannot be read: {reason}", record=data.hex())
                self.is_whole = False
                continue
            self.open[kept.match.name] = kept

    def of(self, channel: Hash) -> list[KeptMatch]:
        """The open ones of a channel."""
        return [kept for kept in self.open.values() if kept.match.play.channel == channel]

    def newest(self, count: int) -> list[KeptMatch]:
        """The newest first."""
        return self._readable(self._store.newest("matches", count))

    def named(self, beginning: str) -> list[KeptMatch]:
        """Those whose name begins with these hexadecimal digits, lower case."""
        return self._readable(self._store.matches_named(beginning))

    def find(self, name: Hash) -> KeptMatch | None:
        """Open or not. EncodingError, ConfigError."""
        data = self._store.match(name)
        return None if data is None else self._now(data)

    async def keep(self, kept: KeptMatch) -> None:
        """Returns when it is on the disk; here it counts at once. EncodingError, NotKept."""
        record = kept.encode()
        self.open[kept.match.name] = kept
        self.touch(kept)
        await self._journal.write(write_match(kept.match.name, kept.created, True, record))

    async def flushed(self) -> None:
        """Returns when all that counts here by now is on the disk. NotKept."""
        await self._journal.write()  # behind all that was written before
        if self._journal.failure is not None:
            raise self._journal.failure

    async def end(self, kept: KeptMatch, reason: str = "") -> None:
        """It is not open any more. What was never accepted is forgotten: offers alone shall not fill the disk."""
        match = kept.match if not reason or kept.match.result is not None else replace(kept.match, void=reason)
        self.open.pop(match.name, None)
        self._since.pop(match.name, None)
        if match.salt is None and not match.is_ours:
            await self._journal.write(delete_match(match.name))
        else:
            data = replace(kept, match=match).encode()
            await self._journal.write(write_match(match.name, kept.created, False, data))
        result, player = match.result or (0, 0), match.play.player
        won, lost = result[player], result[1 - player]
        self.note("ended", match, won=str(won), lost=str(lost), reason=match.void)

    def touch(self, kept: KeptMatch) -> None:
        """Something has happened in it."""
        self._since[kept.match.name] = self._chains[kept.chain_id].now()

    def waited(self, kept: KeptMatch) -> int:
        """Seconds since something has happened last in a match, or since this node has started."""
        now = self._chains[kept.chain_id].now()
        return now - self._since.setdefault(kept.match.name, now)

    def note(self, what: str, match: Match, **fields: Any) -> None:
        """For its owner."""
        self._chronicle.note("session", session=match.name, channel=match.play.channel, state=what, **fields)

    def _readable(self, records: list[bytes]) -> list[KeptMatch]:
        """Without those that have ended, of an app or a chain that this node does not have any more."""
        found = []
        for data in records:
            try:
                found.append(self._now(data))
            except (EncodingError, ConfigError) as reason:
                self._log.info("not listed", reason=str(reason))
        return found

    def _now(self, data: bytes) -> KeptMatch:
        """With what the chain has shown, which is not kept."""
        kept = self._read(data)
        return self.open.get(kept.match.name, kept)

    def _read(self, data: bytes) -> KeptMatch:
        return read_match(data, self.apps, {chain.id: chain.apps for chain in self._chains.values()})
