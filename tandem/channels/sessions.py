"""Application sessions: what two players sign to play for locks in their channel, as AppRegistry has it.

A player's payout is what he can win of the other's lock: `Session.ref(player)` is the reference of the lock of kind APP
in the *other* player's lane. How a session begins, and why in this order, is in play.py.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from tandem.channels.signing import check_signature, domain_separator, typed_digest
from tandem.primitives.hashing import address_word, keccak, word
from tandem.primitives.types import Address, Hash, Seconds

Player = Literal[0, 1]
NAME = "Tandem Apps"
"""Of the registry's EIP-712 domain."""
LEAST_TIMEOUT = Seconds(60)
"""Of a player for all his turns in a dispute; the registry takes no less."""
MOST_STATE = 16_384
"""Bytes of a state, and of terms, that nodes send one another."""


class GameRules(Protocol):
    """An app's contract (IApp) in Python: the same answers for the same bytes, EncodingError where it reverts."""

    name: str
    """For people."""
    most_turns: int
    """Of one player in a game: he must have the time to make all of them on chain."""

    def terms(self, stake: int) -> bytes:
        """Of a game in which each player can lose so much, wei or the token's units. EncodingError."""
        ...

    def stakes(self, terms: bytes) -> tuple[int, int]:
        """The most that each player can lose: what his lock has to hold, wei or the token's units. EncodingError."""
        ...

    def start(self, terms: bytes) -> bytes:
        """The state before the first turn. EncodingError."""
        ...

    def mover(self, state: bytes) -> Player:
        """Whose turn it is. EncodingError."""
        ...

    def is_valid_transition(self, before: bytes, after: bytes) -> bool:
        """Whether who is at turn may go from one state to the other. EncodingError."""
        ...

    def outcome(self, state: bytes, has_timed_out: bool) -> tuple[int, int] | None:
        """What each player gets of the other's lock, if it has ended. EncodingError.

        `has_timed_out`: whether who is at turn has let his time pass.
        """
        ...

    def write(self, state: bytes, move: str) -> bytes:
        """The state behind a move that a person has written, also one that is not allowed. EncodingError."""
        ...

    def show(self, state: bytes) -> str:
        """A state for people. EncodingError."""
        ...


@dataclass(frozen=True, slots=True)
class Session:
    """What two players agree on. `timeout`: seconds of each for all his turns in a dispute; `terms`: the app's."""

    player0: Address
    player1: Address
    app: Address
    timeout: Seconds
    salt: Hash
    terms: bytes
    id: Hash = field(init=False, compare=False)

    def __post_init__(self) -> None:
        head = address_word(self.player0) + address_word(self.player1) + address_word(self.app)
        tail = word(len(self.terms)) + self.terms + bytes(-len(self.terms) % 32)
        encoded = word(32) + head + word(self.timeout) + self.salt + word(6 * 32) + tail
        object.__setattr__(self, "id", keccak(encoded))

    def address(self, player: Player) -> Address:
        """Who plays."""
        return self.player1 if player else self.player0

    def player(self, address: Address) -> Player:
        """Which one it is. KeyError for anyone else."""
        if address not in (self.player0, self.player1):
            raise KeyError(f"0x{address.hex()} does not play in session 0x{self.id.hex()}")
        return 0 if address == self.player0 else 1

    def ref(self, player: Player) -> Hash:
        """Of what a player can win: the reference of a lock in the other's lane."""
        return keccak(self.id + word(player))


@dataclass(frozen=True, slots=True)
class AppDomain:
    """Where signatures of states count: one registry on one chain."""

    chain_id: int
    registry: Address
    separator: Hash = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "separator", domain_separator(NAME, self.chain_id, self.registry))

    def state(self, session: Hash, turn: int, state: bytes) -> Hash:
        """The digest of a state."""
        return typed_digest(self.separator, "AppState", session + word(turn) + keccak(state))

    def check(self, session: Session, player: Player, turn: int, state: bytes, signature: bytes) -> None:
        """BadSignature unless the player has signed the state."""
        check_signature(self.state(session.id, turn, state), signature, session.address(player))


@dataclass(frozen=True, slots=True)
class SignedState:
    """A state behind so many turns. `signatures`: by player; of who has not signed, empty."""

    turn: int
    state: bytes
    signatures: tuple[bytes, bytes] = (b"", b"")

    @property
    def is_agreed(self) -> bool:
        """Whether both have signed it."""
        return all(self.signatures)


def other_player(player: Player) -> Player:
    """The opponent."""
    return 0 if player else 1
