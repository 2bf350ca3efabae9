"""What a channel pays in the end: ChannelManager.settle in Python, term by term."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from tandem.channels.signing import voucher_name
from tandem.channels.states import Lane, Lock, LockKind
from tandem.primitives.types import Hash, Seconds


@dataclass(frozen=True, slots=True)
class Funds:
    """What went in and out of a channel on chain, by side. Wei or the token's units."""

    deposits: tuple[int, int]
    withdrawn: tuple[int, int] = (0, 0)

    @property
    def total(self) -> int:
        """All that is in it."""
        return sum(self.deposits) - sum(self.withdrawn)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the chain knows that locks depend on."""

    revealed: Mapping[Hash, Seconds] = field(default_factory=dict)
    """sha256 hash -> when its preimage was registered."""
    vouchers: Mapping[Hash, int] = field(default_factory=dict)
    """Name (voucher_name) -> amount of the best voucher registered in time."""
    outcomes: Mapping[Hash, int] = field(default_factory=dict)
    """Reference -> what an application session pays."""


def secret_hash(secret: bytes) -> Hash:
    """What a lock of kind HASH refers to."""
    return Hash(sha256(secret).digest())


def payable(lock: Lock, known: Knowledge) -> int:
    """How much of a lock is paid."""
    match lock.kind:
        case LockKind.HASH:
            at = known.revealed.get(lock.ref)
            return lock.amount if at is not None and at <= lock.expiry else 0
        case LockKind.VOUCHER:
            return min(lock.amount, known.vouchers.get(voucher_name(lock.ref, lock.expiry), 0))
        case LockKind.APP:
            return min(lock.amount, known.outcomes.get(lock.ref, 0))


def settle(funds: Funds, lanes: tuple[Lane, Lane], known: Knowledge) -> tuple[int, int]:
    """What each side gets.

    In one shot and in signed arithmetic: which state of the other lane was shown moves no limit of one's own, so an old
    state never pays who shows it more (unlike Raiden's settlement in two steps).
    """
    out0, out1 = (lane.transferred + sum(payable(lock, known) for lock in lane.locks) for lane in lanes)
    balance = funds.deposits[0] - funds.withdrawn[0] - out0 + out1
    pay0 = min(max(balance, 0), funds.total)
    return pay0, funds.total - pay0
