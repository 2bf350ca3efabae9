"""What to do on chain about a channel that is closing: nothing in it is signed any more, and the window runs."""

from dataclasses import dataclass

from tandem.channels.endpoint import Endpoint, SignedLane
from tandem.channels.ledger import OnChain, SecretRevealed, Status
from tandem.channels.states import Lane, LockKind, Side
from tandem.channels.timing import Timing
from tandem.primitives.types import Hash, Seconds


@dataclass(frozen=True, slots=True)
class Show:
    """A newer state of a side's lane."""

    side: Side
    lane: SignedLane


@dataclass(frozen=True, slots=True)
class Settle:
    """The window is over."""


Move = Show | Settle


def moves(side: Endpoint, on_chain: OnChain, timing: Timing, now: Seconds) -> list[Move]:
    """All that is to be done now. `now`: by the chain's clock."""
    if on_chain.status != Status.CLOSING:
        return []
    if now >= on_chain.settle_at:
        is_ours = on_chain.closed_by == side.key.party(side.side)
        return [Settle()] if is_ours or now >= on_chain.settle_at + timing.settle else []
    found: list[Move] = []
    if side.theirs.lane.nonce > on_chain.shown[side.other].nonce:
        found.append(Show(side.other, side.theirs))
    if is_worse(on_chain.shown[side.side], side.mine.lane):
        found.append(Show(side.side, side.mine))
    return found


def to_register(
    side: Endpoint, on_chain: OnChain | None, revealed: dict[Hash, SecretRevealed], timing: Timing, now: Seconds
) -> list[bytes]:
    """Secrets that must be on chain now, or their locks will not be paid: the other side does not answer."""
    is_closing = on_chain is not None and on_chain.status == Status.CLOSING
    return [
        side.secrets[lock.ref]
        for lock in side.theirs.lane.locks
        if lock.ref in side.secrets
        and lock.ref not in revealed
        and now <= lock.expiry
        and (is_closing or now >= lock.expiry - timing.reveal_before)
    ]


def owes(side: Endpoint, revealed: dict[Hash, SecretRevealed], timing: Timing, now: Seconds) -> bool:
    """Whether the other side should have paid a lock long ago, whose secret the chain shows."""
    return any(
        lock.kind == LockKind.HASH
        and lock.ref in revealed
        and revealed[lock.ref].at <= lock.expiry
        and now > lock.expiry + side.terms.grace + 2 * timing.grace
        for lock in side.theirs.lane.locks
    )


def is_worse(shown: Lane, newest: Lane) -> bool:
    """Whether an old state of our own lane could cost us more than the newest: it has locks that were dropped since."""
    gone = {*shown.locks} - {*newest.locks}
    return shown.nonce < newest.nonce and bool(gone) and shown.transferred + shown.locked > newest.transferred
