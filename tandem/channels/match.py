"""A session with its stakes: each player's lock of kind APP in his own lane, and what becomes of both.

How it begins, and why nobody can be robbed on the way:

    offer       One asks, by a name; the other accepts with a salt. The session's salt is keccak(name ‖ salt): nobody
                has signed or resolved this session before, whatever either side has lost or kept.
    stakes      Both add their locks, in any order. A lock is paid only by what the registry says, and that takes no
                state, not even the start, which the lock's owner has not signed.
    start       Each signs it when the other's lock is in a state of the other's lane that both have signed, and his own
                too. So who can lose his stake holds the other's. (If the registry began a session without signatures,
                who has not locked yet could play on chain for the stake of who has.) A lock that was given up, before
                its match was known, is no stake: the other may drop it.
    too late    Who has not signed the start by `until` never will, and gives the other's lock up. Who has signed it and
                hears nothing keeps what he holds until his own lock is gone: the other may still begin.

An end that both have signed, or that is certain on chain, says what each lock pays. Each asks for what he has won
(`Award`) or gives the other's lock up (`Forgo`); who is asked pays. A lock of kind APP never expires.
"""

from dataclasses import dataclass, replace

from tandem.channels.endpoint import Endpoint
from tandem.channels.play import Play
from tandem.channels.sessions import Player, Session
from tandem.channels.states import Lane, Lock, LockKind
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash, Seconds


@dataclass(frozen=True, slots=True)
class Stake:
    """Add our lock."""

    lock: Lock


@dataclass(frozen=True, slots=True)
class Begin:
    """Sign the start."""


@dataclass(frozen=True, slots=True)
class Void:
    """It does not come to be."""

    reason: str


@dataclass(frozen=True, slots=True)
class Award:
    """So much of the other's lock is ours: ask for it."""

    ref: Hash
    amount: int


@dataclass(frozen=True, slots=True)
class Forgo:
    """Nothing of the other's lock is ours: give it up."""

    lock: Lock


Step = Stake | Begin | Void | Award | Forgo


@dataclass(frozen=True, slots=True)
class Match:
    """One player's side of it. `until`: it has begun by then, or does not."""

    play: Play
    until: Seconds
    is_ours: bool
    """Whether we have asked for it."""
    salt: Hash | None = None
    """Of who was asked, when both want it: then the session has its own."""
    void: str = ""
    """Why it does not come to be."""
    ruling: tuple[int, int] | None = None
    """How it has ended on chain, for certain: what each player gets of the other's lock."""

    @property
    def name(self) -> Hash:
        """What both call it."""
        return self.play.name

    @property
    def result(self) -> tuple[int, int] | None:
        """What each player gets of the other's lock, if that is certain."""
        return self.play.end if self.ruling is None else self.ruling

    @property
    def is_bound(self) -> bool:
        """Whether we have signed anything: then the other may have it played to its end."""
        return self.play.own is not None or self.play.agreed is not None

    @property
    def won(self) -> Hash:
        """The reference of the other's lock."""
        return self.play.session.ref(self.play.player)

    @property
    def staked(self) -> Hash:
        """The reference of our lock."""
        return self.play.session.ref(self.play.other)

    @property
    def stakes(self) -> tuple[int, int]:
        """Ours and the other's."""
        by_player = self.play.rules.stakes(self.play.session.terms)
        return by_player[self.play.player], by_player[self.play.other]

    def due(self, side: Endpoint) -> int:
        """What the other's lock has to pay by the result; 0 where there is none, of either."""
        return self._pays(side.theirs.lane, self.won, self.play.player)

    def owed(self, side: Endpoint) -> int:
        """The same of our lock."""
        return self._pays(side.mine.lane, self.staked, self.play.other)

    def kept_back(self, side: Endpoint) -> int:
        """What the other has still to give back of our lock; 0 before the end."""
        lock = _find(side.mine.lane, self.staked)
        is_over = self.result is not None or bool(self.void)
        return lock.amount - self.owed(side) if is_over and lock is not None else 0

    def _pays(self, lane: Lane, ref: Hash, player: Player) -> int:
        lock = _find(lane, ref)
        return 0 if lock is None or self.result is None else min(lock.amount, self.result[player])

    def is_up_to_other(self, side: Endpoint) -> bool:
        """Whether the other is to act: to sign, to move, or to pay what was won."""
        if self.result is not None:
            return self.due(side) > 0
        return self.play.waiting is not None or self.play.mover == self.play.other

    def accepted(self, salt: Hash) -> "Match":
        """Both want it. `salt`: of who was asked."""
        session = self.play.session
        salted = Session(
            session.player0, session.player1, session.app, session.timeout, keccak(self.name + salt), session.terms
        )
        return replace(self, play=replace(self.play, session=salted), salt=salt)


def next_step(match: Match, side: Endpoint, now: Seconds) -> Step | None:
    """What is to be done in the channel now; the same again until it is done."""
    held = _find(side.theirs.lane, match.won)
    if match.result is not None:
        return _collect(side, held, match.due(side))
    if match.void:
        return _collect(side, held, 0)
    is_out = any(_find(lane, match.staked) for lane in (side.mine.lane, side.proposed))
    if now > match.until and match.play.position is None and not (match.is_bound and is_out):
        return Void("it has not begun in time")
    if match.is_bound or match.salt is None:
        return None
    own, others = match.stakes
    if held is not None and (held.kind != LockKind.APP or held.amount < others):
        return Void("the other's stake is too small")
    if held is not None and held.ref in side.given_up:
        return Void("the other's stake was given up")
    if not is_out:
        return Stake(Lock(own, match.until, LockKind.APP, match.staked))
    is_both = held is not None and _find(side.mine.lane, match.staked) and _find(side.proposed, match.staked)
    return Begin() if is_both else None


def is_settled(match: Match, side: Endpoint) -> bool:
    """Whether it has come to its end, and no lane has a lock of it."""
    lanes = side.mine.lane, side.proposed, side.theirs.lane
    has_lock = any(_find(lane, ref) for lane in lanes for ref in (match.won, match.staked))
    return not has_lock and (match.result is not None or bool(match.void))


def _collect(side: Endpoint, held: Lock | None, due: int) -> Step | None:
    if held is None or held.ref in side.given_up:
        return None
    if due:
        return None if side.outcomes.get(held.ref) == due else Award(held.ref, due)
    return Forgo(held)


def _find(lane: Lane, ref: Hash) -> Lock | None:
    return next((lock for lock in lane.locks if lock.ref == ref), None)
