"""What the contracts' events say of channels, of secrets that were made known, and of application sessions."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from tandem.channels.settlement import Funds
from tandem.channels.states import ChannelKey, Lane, Side
from tandem.primitives.types import Address, Hash, Seconds


class Status(StrEnum):
    """Where a channel is in its life."""

    OPEN = "open"
    CLOSING = "closing"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    """There is a channel."""

    key: ChannelKey


@dataclass(frozen=True, slots=True)
class Deposited:
    """`total`: all that was paid in for the side, wei or the token's units."""

    channel: Hash
    side: Side
    total: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """`total`: all that the side has taken out."""

    channel: Hash
    side: Side
    total: int


@dataclass(frozen=True, slots=True)
class ChannelClosing:
    """The window has begun."""

    channel: Hash
    by: Address
    settle_at: Seconds


@dataclass(frozen=True, slots=True)
class LaneShown:
    """The newest state of a lane so far."""

    channel: Hash
    side: Side
    lane: Lane


@dataclass(frozen=True, slots=True)
class ChannelSettled:
    """The end. `at`: when."""

    channel: Hash
    pays: tuple[int, int]
    at: Seconds


@dataclass(frozen=True, slots=True)
class SecretRevealed:
    """For all channels on the chain. `at`: when, which decides whether a lock is paid."""

    secret: bytes
    ref: Hash
    at: Seconds


@dataclass(frozen=True, slots=True)
class StatePut:
    """A session's state was put down, or moved to. `deadline`: of who is at turn there."""

    session: Hash
    turn: int
    state: bytes
    deadline: Seconds


@dataclass(frozen=True, slots=True)
class SessionResolved:
    """`payouts`: what each player gets of the other's lock."""

    session: Hash
    payouts: tuple[int, int]


Event = (
    ChannelOpened
    | Deposited
    | Withdrawn
    | ChannelClosing
    | LaneShown
    | ChannelSettled
    | SecretRevealed
    | StatePut
    | SessionResolved
)


@dataclass(frozen=True, slots=True)
class OnChain:
    """A channel as the chain has it."""

    key: ChannelKey
    funds: Funds = Funds((0, 0))
    status: Status = Status.OPEN
    settle_at: Seconds = Seconds(0)
    closed_by: Address | None = None
    shown: tuple[Lane, Lane] = (Lane(), Lane())
    pays: tuple[int, int] = (0, 0)
    """What each side got of the end."""
    settled_at: Seconds = Seconds(0)


@dataclass(slots=True)
class Ledger:
    """All channels, secrets and sessions. Mutable: events go in, in the chain's order."""

    channels: dict[Hash, OnChain] = field(default_factory=dict)
    secrets: dict[Hash, SecretRevealed] = field(default_factory=dict)
    sessions: dict[Hash, StatePut] = field(default_factory=dict)
    """Their newest states."""
    outcomes: dict[Hash, SessionResolved] = field(default_factory=dict)
    """Of sessions that have ended."""

    def apply(self, event: Event) -> Hash | None:
        """Take an event. The channel that it is about. KeyError where that was never opened: events are missing."""
        match event:
            case ChannelOpened(key):
                self.channels[key.id] = OnChain(key)
                return key.id
            case SecretRevealed():
                self.secrets.setdefault(event.ref, event)
                return None
            case StatePut():
                self.sessions[event.session] = event
                return None
            case SessionResolved():
                self.outcomes[event.session] = event
                return None
            case Deposited(channel, side, total):
                known = self.channels[channel]
                after = replace(known, funds=replace(known.funds, deposits=_with(known.funds.deposits, side, total)))
            case Withdrawn(channel, side, total):
                known = self.channels[channel]
                after = replace(known, funds=replace(known.funds, withdrawn=_with(known.funds.withdrawn, side, total)))
            case ChannelClosing(channel, by, settle_at):
                after = replace(self.channels[channel], status=Status.CLOSING, closed_by=by, settle_at=settle_at)
            case LaneShown(channel, side, lane):
                known = self.channels[channel]
                one, other = known.shown
                after = replace(known, shown=(one, lane) if side else (lane, other))
            case ChannelSettled(channel, pays, at):
                after = replace(self.channels[channel], status=Status.SETTLED, pays=pays, settled_at=at)
        self.channels[channel] = after
        return channel


def _with(pair: tuple[int, int], side: Side, value: int) -> tuple[int, int]:
    return (pair[0], value) if side else (value, pair[1])
