"""One player's side of a session: what he has signed and holds, what he may sign next. Frozen in, frozen out.

Who is at turn signs the next state and sends it; the other checks it and signs too. Then both hold a state that
AppRegistry takes (`put`). While a turn waits for its answer, the mover can go on from the agreed state on chain
(`move`). So nobody ever signs two states of one turn: the other could show whichever he likes better.

    one, turn = one.move(state, sign)
    other, answer = other.take(turn, sign)
    one = one.take_answer(answer)

The start is a state as any other: it counts when both have signed it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tandem.channels.sessions import AppDomain, GameRules, Player, Session, SignedState, other_player
from tandem.errors import EncodingError, TandemError
from tandem.primitives.types import Hash

Sign = Callable[[Hash], bytes]
"""A digest to a signature of the own key."""


class InvalidMove(TandemError):
    """The rules of the game, or of turns, do not allow it. The message says why."""


class NotNow(TandemError):
    """It cannot be done yet, or not any more. The message says why."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A state that the sender has moved to; or the start. `name`: of the match."""

    channel: Hash
    name: Hash
    turn: int
    state: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The sender has signed the receiver's turn too."""

    channel: Hash
    name: Hash
    turn: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Play:
    """All that a player knows of a session."""

    session: Session
    player: Player
    rules: GameRules
    domain: AppDomain
    channel: Hash
    name: Hash
    agreed: SignedState | None = None
    """The newest state that both have signed."""
    own: SignedState | None = None
    """What this player alone has signed, a newer one: the other may hold it, and sign it any time."""
    their_start: bytes = b""
    """The other's signature of the start, before this player's."""
    shown: SignedState | None = None
    """The newest state on chain, as far as that is certain. A move there needs no answer."""

    @property
    def other(self) -> Player:
        """The opponent."""
        return other_player(self.player)

    @property
    def position(self) -> SignedState | None:
        """Where it stands: what the next turn is made from."""
        if self.agreed is None or (self.shown is not None and self.shown.turn > self.agreed.turn):
            return self.shown
        return self.agreed

    @property
    def waiting(self) -> SignedState | None:
        """What this player has signed and the other has not, nor has the chain."""
        stands = self.position
        return None if self.own is None or (stands is not None and stands.turn >= self.own.turn) else self.own

    @property
    def end(self) -> tuple[int, int] | None:
        """What each player gets of the other's lock, if both have signed how it ended."""
        return None if self.agreed is None else self.rules.outcome(self.agreed.state, False)

    @property
    def mover(self) -> Player | None:
        """Whose turn it is; None before the start and when it is over."""
        if self.position is None or self.rules.outcome(self.position.state, False) is not None:
            return None
        return self.rules.mover(self.position.state)

    @property
    def is_our_turn(self) -> bool:
        """Whether this player can move now."""
        return self.waiting is None and self.mover == self.player

    # -- own turns

    def sign_start(self, sign: Sign) -> tuple["Play", Turn]:
        """Be ready to play. Only when the other's lock is held (match.py). NotNow where it was signed before."""
        if self.own is not None or self.agreed is not None:
            raise NotNow("the start is signed already")
        after, turn = self._signed(0, self.rules.start(self.session.terms), sign)
        return (after._agree(self.their_start) if self.their_start else after), turn

    def move(self, state: bytes, sign: Sign) -> tuple["Play", Turn]:
        """Go on. NotNow where it is not this player's turn, InvalidMove where the rules do not allow it."""
        stands = self.position
        if stands is None:
            raise NotNow("it has not begun: both players sign the start when both locks are there")
        if self.waiting is not None:
            raise NotNow("the last turn waits for the other player's answer")
        if self.mover != self.player:
            raise NotNow("it is over" if self.mover is None else "it is the other player's turn")
        self._check_move(stands.state, state)
        return self._signed(stands.turn + 1, state, sign)

    def again(self) -> list[Turn | Answer]:
        """What the other may not have got, in this order: he takes no turn before he has the one before answered."""
        answers: list[Turn | Answer] = [] if self.agreed is None else [self._answer(self.agreed)]
        own, stands = self.own, self.position
        if own is None or (stands is not None and stands.turn > own.turn):
            return answers
        return [*answers, self._turn(own)]  # also what the chain shows: how it has ended counts when both have signed

    def take_answer(self, answer: Answer) -> "Play":
        """The other has signed it too. An old answer changes nothing. BadSignature."""
        if self.own is None or answer.turn != self.own.turn or not self._is_new(answer.turn):
            return self
        self.domain.check(self.session, self.other, answer.turn, self.own.state, answer.signature)
        return self._agree(answer.signature)

    # -- the other's

    def take(self, turn: Turn, sign: Sign) -> tuple["Play", Answer | None]:
        """Sign the other's turn too, if it is his and keeps the rules: BadSignature, InvalidMove.

        The one that was signed last is answered again: the first answer may have been lost.
        """
        self.domain.check(self.session, self.other, turn.turn, turn.state, turn.signature)
        if not self._is_new(turn.turn):
            agreed = self.agreed
            is_last = agreed is not None and (agreed.turn, agreed.state) == (turn.turn, turn.state)
            return self, self._answer(agreed) if agreed is not None and is_last else None
        if turn.turn == 0:
            return self._take_start(turn), None
        if self.shown is not None and turn.turn < self.shown.turn:
            return self, None  # the chain has gone on from it
        self._check_turn(turn)
        signature = sign(self.domain.state(self.session.id, turn.turn, turn.state))
        agreed = SignedState(turn.turn, turn.state, self._both(signature, turn.signature))
        # A turn of ours that was built on this one, on chain, stays signed.
        own = self.own if self.own is not None and self.own.turn > turn.turn else None
        return replace(self, agreed=agreed, own=own), self._answer(agreed)

    def _take_start(self, turn: Turn) -> "Play":
        if turn.state != self.rules.start(self.session.terms):
            raise InvalidMove("this is not how the game starts")
        if self.own is None:
            return replace(self, their_start=turn.signature)
        return self._agree(turn.signature) if self.own.turn == 0 else self  # else it went on on chain

    def _check_turn(self, turn: Turn) -> None:
        stands = self.position
        if stands is None:
            raise InvalidMove("it has not begun")
        if stands is self.shown and (turn.turn, turn.state) == (stands.turn, stands.state):
            return  # it was made on chain before
        if turn.turn != stands.turn + 1 or self.mover != self.other:
            raise InvalidMove(f"turn {turn.turn} is not the other player's to make: {stands.turn} were made")
        self._check_move(stands.state, turn.state)

    # -- the chain

    def with_shown(self, turn: int, state: bytes) -> "Play":
        """Reckon with a state that is certainly on chain. Older than what both have signed, it changes nothing."""
        known = -1 if self.shown is None else self.shown.turn
        is_news = turn > known and self._is_new(turn)
        return replace(self, shown=SignedState(turn, state)) if is_news else self

    # -- parts

    def _is_new(self, turn: int) -> bool:
        return self.agreed is None or turn > self.agreed.turn

    def _check_move(self, before: bytes, after: bytes) -> None:
        try:
            is_valid = self.rules.is_valid_transition(before, after)
        except EncodingError as reason:
            raise InvalidMove(str(reason)) from reason
        if not is_valid:
            raise InvalidMove("the rules of the game do not allow this turn")

    def _signed(self, turn: int, state: bytes, sign: Sign) -> tuple["Play", Turn]:
        signature = sign(self.domain.state(self.session.id, turn, state))
        own = SignedState(turn, state, self._both(signature, b""))
        return replace(self, own=own), self._turn(own)

    def _agree(self, signature: bytes) -> "Play":
        """On what this player has signed."""
        assert self.own is not None
        both = self._both(self.own.signatures[self.player], signature)
        return replace(self, agreed=replace(self.own, signatures=both), own=None, their_start=b"")

    def _turn(self, state: SignedState) -> Turn:
        return Turn(self.channel, self.name, state.turn, state.state, state.signatures[self.player])

    def _answer(self, state: SignedState) -> Answer:
        return Answer(self.channel, self.name, state.turn, state.signatures[self.player])

    def _both(self, own: bytes, others: bytes) -> tuple[bytes, bytes]:
        return (others, own) if self.player else (own, others)
