"""What two nodes send each other, and what a side of a channel keeps: as bytes, and back.

A message is a msgpack array, [kind, fields...] (codec.py), of at most 256 KiB, with one encoding. Those about a channel
begin with its name.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tandem.channels.codec import (
    ADDRESS,
    AMOUNT,
    FLAG,
    HASH,
    NUMBER,
    PUBLIC_KEY,
    SIGNATURE,
    TIME,
    Field,
    Shape,
    blob,
    brief,
    exactly,
    many,
    optional,
    pack,
    read_amount,
    read_bytes,
    read_hash,
    read_named,
    require,
    same,
    unpack,
    write_amount,
    write_named,
)
from tandem.channels.endpoint import Ack, AskClose, AskWithdrawal, Consent, Endpoint, Proposal, SignedLane
from tandem.channels.operations import AddLock, DropLock, Operation, Pay, PayLock, PayPart
from tandem.channels.play import Answer, Turn
from tandem.channels.sessions import MOST_STATE
from tandem.channels.states import MOST_LOCKS, CoopClose, Lane, Side, Withdrawal, decode_locks, encode_locks
from tandem.channels.tower import Receipt
from tandem.errors import EncodingError
from tandem.primitives.types import Address, Hash, Seconds

MOST_BYTES = 256 << 10
"""Of a message: 64 locks with their onions and some thousand payments fit."""
MOST_OPERATIONS = 8_192
"""Of a proposal."""
MOST_ONION = 2_048
"""Bytes of what comes with a lock."""
MOST_REASON = 1_024
"""Bytes of why something failed."""
MOST_NEWS = 128
"""Pieces of gossip in a message."""
MOST_RATES = 64
"""Of a tower."""
MOST_PIECE = 512
"""Bytes of a piece of gossip."""


@dataclass(frozen=True, slots=True)
class Reveal:
    """The secret of a lock in the receiver's lane: it may be paid now."""

    channel: Hash
    secret: bytes


@dataclass(frozen=True, slots=True)
class GiveUp:
    """A lock in the receiver's lane may be dropped. `reason`: of a hop behind, for the payment's sender (onion.py)."""

    channel: Hash
    ref: Hash
    reason: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """So much of a lock in the receiver's lane was won in an application session: it may be paid now."""

    channel: Hash
    ref: Hash
    amount: int


@dataclass(frozen=True, slots=True)
class Reestablish:
    """After a connection is made: the nonces of the newest states that the sender has, and what it counts."""

    channel: Hash
    mine: int
    theirs: int
    deposits: int
    """Of the receiver's that the sender counts, wei or the token's units."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Of the receiver's deposits so much counts now."""

    channel: Hash
    deposits: int


@dataclass(frozen=True, slots=True)
class Copies:
    """For who has lost states: the newest that both signed, of the receiver's lane and of the sender's."""

    channel: Hash
    receivers: SignedLane
    senders: SignedLane


@dataclass(frozen=True, slots=True)
class Refused:
    """A proposal breaks a rule. The channel stands still until people have looked at it."""

    channel: Hash
    nonce: int
    reason: str


@dataclass(frozen=True, slots=True)
class Declined:
    """What was asked for (AskWithdrawal, AskClose, AskOpen) is not to be had, or not now."""

    channel: Hash
    reason: str


@dataclass(frozen=True, slots=True)
class AskOpen:
    """May the sender open this channel, and would it be used?"""

    channel: Hash
    chain_id: int
    token: Address
    window: Seconds
    salt: Hash
    amount: int


@dataclass(frozen=True, slots=True)
class Welcome:
    """The channel may be opened."""

    channel: Hash


@dataclass(frozen=True, slots=True)
class AskMatch:
    """Would the receiver play? `name`: of the match, chosen at random; `is_first`: the sender is player 0."""

    channel: Hash
    name: Hash
    app: Address
    timeout: Seconds
    terms: bytes
    is_first: bool
    until: Seconds
    """It has begun by then, or does not."""


@dataclass(frozen=True, slots=True)
class AcceptMatch:
    """The sender will. `salt`: random; the session's is keccak(name ‖ salt)."""

    channel: Hash
    name: Hash
    salt: Hash


@dataclass(frozen=True, slots=True)
class DeclineMatch:
    """It does not come to be."""

    channel: Hash
    name: Hash
    reason: str


MatchMessage = AskMatch | AcceptMatch | DeclineMatch | Turn | Answer


@dataclass(frozen=True, slots=True)
class News:
    """Gossip: signed pieces (tandem.channels.gossip)."""

    pieces: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AskTower:
    """What does this tower watch, and for how much?"""

    version: int


@dataclass(frozen=True, slots=True)
class Rate:
    """What a tower watches: channels on a chain, in a token (zero: ether), for a reward of at least so much of it."""

    chain_id: int
    token: Address
    least: int


@dataclass(frozen=True, slots=True)
class TowerTerms:
    """A tower's offer. `reward_ppm`: of all that is in a channel, at least what its rate says."""

    rates: tuple[Rate, ...]
    reward_ppm: int
    most_channels: int
    """Of one client."""

    def reward(self, chain_id: int, token: Address, total: int) -> int | None:
        """For a channel with so much in it, wei or the token's units; None: such channels are not watched."""
        least = [rate.least for rate in self.rates if (rate.chain_id, rate.token) == (chain_id, token)]
        return max(least[0], -(-total * self.reward_ppm // 10**6)) if least else None


@dataclass(frozen=True, slots=True)
class Delegate:
    """The newest states of a channel of the sender's, for a tower; it is paid by `signature` (TowerPay)."""

    chain_id: int
    channel: Hash
    theirs: SignedLane
    """The lane that pays the sender."""
    own: SignedLane
    secrets: tuple[bytes, ...]
    """Of locks on it."""
    reward: int
    valid_until: Seconds
    signature: bytes


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first message of each side. `nonce`: what the other side signs."""

    version: int
    public_key: bytes
    nonce: Hash


@dataclass(frozen=True, slots=True)
class Proof:
    """The second: a signature over the other's nonce and what the connection is bound to (channels/handshake.py)."""

    signature: bytes


ChannelMessage = (
    Proposal
    | Ack
    | Reveal
    | GiveUp
    | Claim
    | Reestablish
    | Counted
    | Copies
    | Refused
    | AskWithdrawal
    | AskClose
    | Consent
    | Declined
)
Message = (
    ChannelMessage
    | MatchMessage
    | AskOpen
    | Welcome
    | News
    | Greeting
    | Proof
    | AskTower
    | TowerTerms
    | Delegate
    | Receipt
)


def encode(message: Message) -> bytes:
    """As it is sent."""
    kind, shape = _SHAPES[type(message)]
    return pack([kind, *shape.write(message)])


def decode(data: bytes) -> Message:
    """What was sent. EncodingError."""
    if len(data) > MOST_BYTES:
        raise EncodingError(f"a message has {MOST_BYTES} bytes at most, not {len(data)}")
    content = unpack(data)
    require(bool(content) and type(content[0]) is int and content[0] in _KINDS, "there is no message of this kind")
    message: Message = _KINDS[content[0]].read(content[1:])
    require(encode(message) == data, "the message is not in the one form that it has")
    return message


def encode_endpoint(side: Endpoint) -> bytes:
    """What a side has to keep: all but what the chain and the settings say (key, side, domain, terms, funds)."""
    return pack(write_named(_KEPT, side))


def decode_endpoint(data: bytes, blank: Endpoint) -> Endpoint:
    """The side again. `blank`: a new one of the same channel. EncodingError."""
    return Endpoint(blank.key, blank.side, blank.domain, blank.terms, blank.funds, **read_named(_KEPT, unpack(data)))


# -- parts


def _operation(operation: Operation) -> list[Any]:
    match operation:
        case Pay(amount):
            return [0, write_amount(amount)]
        case AddLock(lock, onion):
            return [1, lock.encode(), onion]
        case PayLock(ref):
            return [2, ref]
        case DropLock(ref):
            return [3, ref]
        case PayPart(ref, amount):
            return [4, ref, write_amount(amount)]


def _read_operation(value: Any) -> Operation:
    match value:
        case [0, bytes(amount)]:
            return Pay(read_amount(amount))
        case [1, bytes(lock), bytes(onion)]:
            [decoded] = decode_locks(read_bytes(lock, 54, 54))
            return AddLock(decoded, read_bytes(onion, 0, MOST_ONION))
        case [2, bytes(ref)]:
            return PayLock(read_hash(ref))
        case [3, bytes(ref)]:
            return DropLock(read_hash(ref))
        case [4, bytes(ref), bytes(amount)]:
            return PayPart(read_hash(ref), read_amount(amount))
    raise EncodingError("there is no operation of this kind")


def _signed(signed: SignedLane) -> list[Any]:
    lane = signed.lane
    return [lane.nonce, write_amount(lane.transferred), encode_locks(lane.locks), *signed.signatures]


def _read_signed(value: Any) -> SignedLane:
    require(isinstance(value, list), "a lane's state is a list")
    nonce, transferred, locks, *signatures = exactly(value, 5)
    nonce = NUMBER.read(nonce)
    size = 65 if nonce else 0
    one, other = (read_bytes(signature, size, size) for signature in signatures)
    lane = Lane(nonce, read_amount(transferred), decode_locks(read_bytes(locks, 0, MOST_BYTES)))
    return SignedLane(lane, (one, other))


def _read_secret(pair: Any) -> tuple[Hash, bytes]:
    require(isinstance(pair, list), "a secret has a hash")
    ref, secret = exactly(pair, 2)
    return read_hash(ref), read_bytes(secret, 32, 32)


def _read_outcome(pair: Any) -> tuple[Hash, int]:
    require(isinstance(pair, list), "an outcome has a reference")
    ref, amount = exactly(pair, 2)
    return read_hash(ref), read_amount(amount)


def _read_side(value: Any) -> Side:
    require(value in (0, 1), "a side is 0 or 1")
    return 1 if value else 0


_LANE = Field(_signed, _read_signed)
_OPERATIONS = many(Field(_operation, _read_operation), MOST_OPERATIONS)
_REASON = brief(MOST_REASON)
_STATE = blob(0, MOST_STATE)
_PROPOSAL = Shape(Proposal, (HASH, NUMBER, _OPERATIONS, SIGNATURE))
_HASHES = many(HASH, MOST_OPERATIONS)
_SECRETS = many(Field(list, _read_secret), MOST_OPERATIONS)
_OUTCOMES = many(Field(lambda pair: [pair[0], write_amount(pair[1])], _read_outcome), MOST_LOCKS)
_WITHDRAWALS = many(optional(Shape(Withdrawal, (Field(same, _read_side), AMOUNT, TIME)).field), 2)
_BALANCES = many(AMOUNT, 2)
_CLOSE = optional(Shape(CoopClose, (_BALANCES, TIME)).field)

_KEPT = {
    "mine": _LANE,
    "proposal": optional(_PROPOSAL.field),
    "theirs": _LANE,
    "secrets": Field(
        lambda secrets: _SECRETS.write(sorted(secrets.items())),
        lambda value: MappingProxyType(dict(_SECRETS.read(value))),
    ),
    "outcomes": Field(
        lambda outcomes: _OUTCOMES.write(sorted(outcomes.items())),
        lambda value: MappingProxyType(dict(_OUTCOMES.read(value))),
    ),
    "given_up": Field(lambda refs: _HASHES.write(sorted(refs)), lambda value: frozenset(_HASHES.read(value))),
    "withdrawals": _WITHDRAWALS,
    "asked_close": _CLOSE,
    "signed_close": _CLOSE,
}

DELEGATE = Shape(Delegate, (NUMBER, HASH, _LANE, _LANE, many(HASH, MOST_LOCKS), AMOUNT, TIME, SIGNATURE))
RECEIPT = Shape(Receipt, (NUMBER, HASH, ADDRESS, NUMBER, NUMBER, AMOUNT, TIME, TIME, SIGNATURE))

_KINDS: dict[int, Shape] = {
    1: _PROPOSAL,
    2: Shape(Ack, (HASH, NUMBER, SIGNATURE)),
    3: Shape(Reveal, (HASH, HASH)),
    4: Shape(GiveUp, (HASH, HASH, blob(0, MOST_REASON))),
    5: Shape(Reestablish, (HASH, NUMBER, NUMBER, AMOUNT)),
    6: Shape(Copies, (HASH, _LANE, _LANE)),
    7: Shape(Refused, (HASH, NUMBER, _REASON)),
    8: Shape(Counted, (HASH, AMOUNT)),
    9: Shape(AskWithdrawal, (HASH, AMOUNT, TIME)),
    10: Shape(AskClose, (HASH, AMOUNT, AMOUNT, TIME)),
    11: Shape(Consent, (HASH, TIME, SIGNATURE)),
    12: Shape(Declined, (HASH, _REASON)),
    13: Shape(AskOpen, (HASH, NUMBER, ADDRESS, TIME, HASH, AMOUNT)),
    14: Shape(Welcome, (HASH,)),
    15: Shape(News, (many(blob(1, MOST_PIECE), MOST_NEWS),)),
    16: Shape(Greeting, (NUMBER, PUBLIC_KEY, HASH)),
    17: Shape(Proof, (SIGNATURE,)),
    18: Shape(AskTower, (NUMBER,)),
    19: Shape(TowerTerms, (many(Shape(Rate, (NUMBER, ADDRESS, AMOUNT)).field, MOST_RATES), NUMBER, NUMBER)),
    20: DELEGATE,
    21: RECEIPT,
    22: Shape(Claim, (HASH, HASH, AMOUNT)),
    23: Shape(AskMatch, (HASH, HASH, ADDRESS, TIME, _STATE, FLAG, TIME)),
    24: Shape(AcceptMatch, (HASH, HASH, HASH)),
    25: Shape(DeclineMatch, (HASH, HASH, _REASON)),
    26: Shape(Turn, (HASH, HASH, NUMBER, _STATE, SIGNATURE)),
    27: Shape(Answer, (HASH, HASH, NUMBER, SIGNATURE)),
}
_SHAPES = {shape.kind: (kind, shape) for kind, shape in _KINDS.items()}
