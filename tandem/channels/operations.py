"""What a lane's next state does, seen by both sides alike. One signature pair covers as many operations as fit."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tandem.channels.states import MOST_AMOUNT, MOST_LOCKS, Lane, Lock, LockKind
from tandem.errors import TandemError
from tandem.primitives.types import Hash


class InvalidUpdate(TandemError):
    """A lane's next state, or what it is made of, breaks a rule. The message says which."""


@dataclass(frozen=True, slots=True)
class Pay:
    """For good, at once."""

    amount: int


@dataclass(frozen=True, slots=True)
class AddLock:
    """On a condition."""

    lock: Lock
    onion: bytes = b""
    """For the receiver, who may have to hand the payment on (tandem.channels.onion). Nobody signs it."""


@dataclass(frozen=True, slots=True)
class PayLock:
    """The condition is met: what was locked is paid for good."""

    ref: Hash


@dataclass(frozen=True, slots=True)
class DropLock:
    """The condition will not be met: what was locked is the sender's again."""

    ref: Hash


@dataclass(frozen=True, slots=True)
class PayPart:
    """An application session has ended: of what was locked so much is paid for good, the rest is the sender's again."""

    ref: Hash
    amount: int


Operation = Pay | AddLock | PayLock | DropLock | PayPart


def ref_of(operation: Operation) -> Hash | None:
    """Of the lock that it is about; None for a payment."""
    match operation:
        case Pay():
            return None
        case AddLock(lock, _):
            return lock.ref
        case PayLock(ref) | DropLock(ref) | PayPart(ref, _):
            return ref


def apply(lane: Lane, operations: Iterable[Operation]) -> Lane:
    """The next state of a lane. InvalidUpdate where an operation makes no sense.

    A reference is dealt with once in a state: a lock that comes is there to be looked at, one that goes was there.
    """
    transferred, locks = lane.transferred, {lock.ref: lock for lock in lane.locks}
    dealt_with: set[Hash] = set()
    for operation in operations:
        about = ref_of(operation)
        if about is not None:
            _require(about not in dealt_with, "a reference is dealt with twice")
            dealt_with.add(about)
        match operation:
            case Pay(amount):
                _require(amount > 0, "nothing is paid")
                transferred += amount
            case AddLock(lock, _):
                _require(lock.ref not in locks, "there is a lock with this reference already")
                _require(lock.amount > 0, "nothing is locked")
                locks[lock.ref] = lock
            case PayLock(ref):
                _require(ref in locks, "there is no such lock to pay")
                transferred += locks.pop(ref).amount
            case DropLock(ref):
                _require(ref in locks, "there is no such lock to drop")
                del locks[ref]
            case PayPart(ref, amount):
                _require(ref in locks, "there is no such lock to pay")
                lock = locks.pop(ref)
                _require(lock.kind == LockKind.APP, "only an application session's lock is paid in part")
                _require(0 < amount <= lock.amount, f"of a lock of {lock.amount} not {amount} can be paid")
                transferred += amount
    _require(len(locks) <= MOST_LOCKS, f"a lane has {MOST_LOCKS} locks at most")
    after = replace(lane, nonce=lane.nonce + 1, transferred=transferred, locks=tuple(locks.values()))
    _require(after.transferred + after.locked <= MOST_AMOUNT, "the lane has paid more than can be signed")
    return after


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise InvalidUpdate(reason)
