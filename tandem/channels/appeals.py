"""What to do on chain about a session: nothing of it is left to the other player's good will.

The registry's clock runs for who is at turn there. An older state than both have signed is answered by the newest; what
waits for the other's signature is a move from there; an end that pays this player something is resolved, and one that
pays nobody, if both have not signed it: nobody else would.
"""

from dataclasses import dataclass

from tandem.channels.play import Play
from tandem.channels.sessions import SignedState
from tandem.errors import EncodingError
from tandem.primitives.types import Seconds


@dataclass(frozen=True, slots=True)
class Registered:
    """A session as AppRegistry has it (IAppRegistry.Record), and its state's bytes."""

    turn: int
    state: bytes
    is_agreed: bool
    deadline: Seconds
    is_resolved: bool = False


@dataclass(frozen=True, slots=True)
class Put:
    """A state that both have signed."""

    state: SignedState


@dataclass(frozen=True, slots=True)
class MoveOn:
    """A turn of this player's own, from the state that stands there."""

    before: bytes
    after: SignedState


@dataclass(frozen=True, slots=True)
class Resolve:
    """The session is over."""

    state: bytes


Appeal = Put | MoveOn | Resolve


def appeal(play: Play, registered: Registered | None, is_wanted: bool, now: Seconds) -> Appeal | None:
    """The next thing to do, one at a time. `now`: by the chain's clock.

    `is_wanted`: whether to begin with it where nothing is on chain; what is there is always answered.
    """
    agreed = play.agreed
    if registered is None:
        return Put(agreed) if is_wanted and agreed is not None else None
    if registered.is_resolved:
        return None
    if agreed is not None and _is_better(play, agreed, registered):
        return Put(agreed)
    own = play.own
    if own is not None and own.turn == registered.turn + 1 and now < registered.deadline and _is_next(play, registered):
        return MoveOn(registered.state, own)
    has_timed_out = now >= registered.deadline
    payouts = play.rules.outcome(registered.state, has_timed_out)
    if payouts is None or not (registered.is_agreed or has_timed_out):
        return None
    is_needed = payouts[play.player] > 0 or (not any(payouts) and play.end is None)
    return Resolve(registered.state) if is_needed else None


def _is_better(play: Play, agreed: SignedState, registered: Registered) -> bool:
    """Also in place of a lone move of the same turn: if it was another one, or how it ended counts at once by that."""
    if registered.turn != agreed.turn or registered.is_agreed:
        return registered.turn < agreed.turn
    return registered.state != agreed.state or play.end is not None


def _is_next(play: Play, registered: Registered) -> bool:
    assert play.own is not None
    if play.rules.outcome(registered.state, False) is not None or play.rules.mover(registered.state) != play.player:
        return False
    try:
        return play.rules.is_valid_transition(registered.state, play.own.state)
    except EncodingError:
        return False
