"""The playing part of the challenger: a thread that asserts what is right, plays every game about it, and settles.

It keeps nothing that matters. Each round reads L1's events, takes the watcher's verdicts, and does what follows from
both: after kill -9, a re-org or a time without L1 it goes on from there.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Event

from challenger.games import Games, OpenGame
from challenger.judge import Verdict
from challenger.own_claim import OwnClaim
from challenger.playing import Playing, bonds_at_stake, describe_next
from challenger.view import root_of
from tandem.chain.spec import Deployment
from tandem.errors import StateMissing, TandemError
from tandem.l1.assertion_book import Assertion
from tandem.l1.contracts import L1
from tandem.l1.encoding import claim_arguments
from tandem.l1.game_reader import GameReader
from tandem.l1.sender import L1Rejected, L1Sender
from tandem.node.commitments import Commitments
from tandem.node.housekeeping import Housekeeping, right_path
from tandem.node.ledger import L1Ledger
from tandem.node.player import GAS_RESERVE, make_moves
from tandem.node.role import Role
from tandem.node.verification import Disagreement
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Status
from tandem.store import ChainStore

POLL = 0.5
"""Seconds between two rounds."""
LOOK_AGAIN = 2.0
"""Seconds to wait where L1 re-organised, or refused."""
RETRY = 60.0
"""Seconds between two tries of the same assertion, and of reading all again because L1 refused a move."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How the challenger plays."""

    assert_after: float | None
    """Seconds since the last right assertion after which it makes the next one; None: never, but for rivals."""
    verify_seconds: float
    """How long it re-executes on the stepper before it asserts."""
    confirmations: int
    """L1 blocks to stay behind the head."""


class Defender(Role):
    """Plays for the right side with one account."""

    def __init__(
        self,
        deployment: Deployment,
        store: ChainStore,
        l1: L1,
        sender: L1Sender,
        commitments: Commitments,
        verdicts: Callable[[], Mapping[Hash, Verdict]],
        settings: Settings,
        stopping: Event,
    ) -> None:
        """`verdicts`: what the watcher thinks of each assertion now."""
        super().__init__("defender", POLL, stopping)
        self._store = store
        self._l1 = l1
        self._sender = sender
        self._verdicts = verdicts
        self._settings = settings
        self._reader = GameReader(l1, settings.confirmations)
        window = deployment.l1.challenge_window
        self._housekeeping = Housekeeping(l1, sender, window)
        self._games = Games(
            lambda parent: OwnClaim(store, deployment.parameters, commitments, parent, sender.address, window)
        )
        self._bonds: tuple[int, int] | None = None
        self._next_try: dict[Hash, float] = {}
        self._next_forget = 0.0
        self._disagreements: dict[Hash, str] = {}
        self._missing: dict[str, int] = {}
        self._status = Playing(sender.address)

    def playing(self) -> Playing:
        """The latest state of affairs. For any thread."""
        return self._status

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._games.close_all()

    def step(self) -> None:
        """One round; what does not fit together for now is looked at again."""
        try:
            self._round()
        except TandemError as reason:
            self._log.info("looking at L1 again", reason=str(reason))
            self._stopping.wait(LOOK_AGAIN)

    def _round(self) -> None:
        """Read, play, assert, settle, tell."""
        while not self._reader.poll():
            if self._stopping.is_set():
                return
        verdicts = self._verdicts()
        self._missing.clear()
        calls = self._play_all(verdicts)
        calls += self._assert_due(verdicts)
        calls += self._keep_house(verdicts)
        if not calls:
            self._games.close_idle(self._reader.board)
        self._tell("waiting")

    # -- games

    def _play_all(self, verdicts: Mapping[Hash, Verdict]) -> int:
        book, calls = self._reader.book, 0
        for parent in book:
            if verdicts.get(parent.id) != Verdict.RIGHT or self._stopping.is_set():
                continue
            children = book.children(parent.id)
            if not any(verdicts.get(child.id) == Verdict.WRONG for child in children):
                continue
            right = next((child for child in children if verdicts.get(child.id) == Verdict.RIGHT), None)
            if right is not None:
                calls += self._play(parent, right)
            elif book.can_have_child(parent):
                calls += self._assert(parent, "a rival of what is wrong")
        return calls

    def _play(self, parent: Assertion, right: Assertion) -> int:
        board, now = self._reader.board, self._reader.time
        root = root_of(board, right)
        if root is None or not root.is_rivalled or right.status == Status.REJECTED:
            return 0
        if self._games.is_over(board, right, root, L1Ledger(self._l1)):
            return 0
        if not self._games.is_open(parent):
            self._tell(f"taking up the game about assertion 0x{parent.id[:4].hex()}")
        game = self._open(parent, right)
        if game is None:
            return 0
        calls = self._answer(game)
        calls += self._housekeeping.bring_up(board, game.claim.player.claims, now)
        calls += self._housekeeping.settle(board, game.claim.player.claims, now)
        if right.status == Status.CONFIRMED and not calls:
            calls += self._housekeeping.refund(board, game.claim.player.claims, right.id)
        if calls:
            game.last_call = time.monotonic()
        return calls

    def _open(self, parent: Assertion, right: Assertion) -> OpenGame | None:
        """None where the stepper disagrees, or the store holds another chain for now."""
        if parent.id in self._disagreements:
            return None
        try:
            game = self._games.get(parent, right)
        except Disagreement as disagreement:
            self._disagree(parent, disagreement)
            return None
        except StateMissing:
            return None
        if game.claim.claim.opening.id() != right.id:
            self._games.close(parent.id)
            return None
        return game

    def _answer(self, game: OpenGame) -> int:
        """Send all moves that are due. Gives how many L1 took."""
        made = 0
        player = game.claim.player
        for answers in player.rounds(self._reader.board, self._reader.time):
            self._tell(f"sending {len(answers)} moves, the first: {answers[0].describe()}")
            result = make_moves(self._l1, self._sender, answers)
            made += len(result.made)
            for answer in result.made:
                self._log.info("move made", move=answer.describe())
            for reason in result.refused:
                self._log.warning("move refused", reason=reason)
            if result.refused and time.monotonic() >= self._next_forget:
                self._next_forget = time.monotonic() + RETRY
                self._reader.forget()
            if result.missing:
                self._missing["bonds of level-1 roots"] = result.missing
            if self._stopping.is_set():
                break
        self._status = replace(self._status, moves=self._status.moves + made)
        for disagreement in player.disagreements.values():
            self._log.error("ALARM", message=str(disagreement))
        return made

    # -- assertions

    def _assert_due(self, verdicts: Mapping[Hash, Verdict]) -> int:
        """Make the next right assertion when nobody did for so long."""
        after = self._settings.assert_after
        tip = self._tip(verdicts)
        if after is None or tip is None or self._reader.time - tip.made_at < after:
            return 0
        return self._assert(tip, "the next right one")

    def _tip(self, verdicts: Mapping[Hash, Verdict]) -> Assertion | None:
        """The last of the right assertions; None where what was confirmed last is not right, or not judged."""
        book = self._reader.book
        path = right_path(book, lambda assertion: verdicts.get(assertion) == Verdict.RIGHT)
        tip = path[-1] if path else book.get(book.latest_confirmed)
        return tip if tip is not None and verdicts.get(tip.id) == Verdict.RIGHT else None

    def _assert(self, parent: Assertion, why: str) -> int:
        """Make the right child of an assertion, unless the stepper disagrees. Gives whether L1 took it."""
        if parent.id in self._disagreements or self._next_try.get(parent.id, 0.0) > time.monotonic():
            return 0
        with self._store.read() as session:
            if session.batch_count() < parent.required_batches:
                return 0
        bond, _ = self._bond_sizes()
        missing = bond + GAS_RESERVE - self._sender.balance()
        if missing > 0:
            self._missing["the bond of an assertion"] = missing
            return 0
        self._next_try[parent.id] = time.monotonic() + RETRY
        self._tell(f"verifying the child of assertion 0x{parent.id[:4].hex()}")
        try:
            claim = self._games.make(parent)
        except Disagreement as disagreement:
            self._disagree(parent, disagreement)
            return 0
        with claim:
            try:
                verified, total = claim.verify(self._settings.verify_seconds)
            except Disagreement as disagreement:
                self._disagree(parent, disagreement)
                return 0
            self._log.info("re-executed on the stepper", states=verified, of=total)
            return self._send_assertion(claim, bond, why)

    def _send_assertion(self, own: OwnClaim, bond: int, why: str) -> int:
        call = self._l1.rollup.functions.createAssertion(*claim_arguments(own.claim))
        try:
            receipt = self._sender.send(call, value=bond)
        except L1Rejected as refusal:
            self._log.info("assertion refused by L1", reason=str(refusal))
            return 0
        opening = own.claim.opening
        self._log.info(
            "assertion made", why=why, id=opening.id().hex(), batches=opening.state.batches, gas=receipt["gasUsed"]
        )
        return 1

    def _disagree(self, parent: Assertion, disagreement: Disagreement) -> None:
        self._disagreements[parent.id] = str(disagreement)
        self._log.error("ALARM", message=str(disagreement), parent=parent.id.hex())

    # -- the rest

    def _keep_house(self, verdicts: Mapping[Hash, Verdict]) -> int:
        book = self._reader.book
        path = right_path(book, lambda assertion: verdicts.get(assertion) == Verdict.RIGHT)
        calls = self._housekeeping.confirm(path)
        calls += self._housekeeping.reject(book)
        calls += self._housekeeping.claim_bonds(book)
        return calls + self._housekeeping.withdraw()

    def _bond_sizes(self) -> tuple[int, int]:
        """Of an assertion and of a level-1 root, wei."""
        if self._bonds is None:
            self._bonds = (self._l1.rollup.functions.bond().call(), self._l1.game.functions.stepBond().call())
        return self._bonds

    def _tell(self, doing: str) -> None:
        """Hand the state of affairs over."""
        board, address = self._reader.board, self._sender.address
        bond, step_bond = self._bond_sizes()
        self._status = replace(
            self._status,
            doing=doing,
            balance=self._sender.balance(),
            spent=self._sender.spent,
            credit=self._l1.game.functions.credit(address).call(),
            at_stake=bonds_at_stake(board, self._reader.book, address, bond, step_bond),
            next_moves=describe_next(self._games, board, self._reader.time),
            alarms=self._alarms(),
        )

    def _alarms(self) -> tuple[str, ...]:
        lacking = (f"{what}: {wei} wei are missing on {self._sender.address}" for what, wei in self._missing.items())
        at_leaves = (
            str(disagreement) for game in self._games for disagreement in game.claim.player.disagreements.values()
        )
        return (*self._disagreements.values(), *at_leaves, *lacking)
