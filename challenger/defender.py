"""The playing part of the challenger: a thread that asserts what is right, plays every game about it, and settles.

It keeps nothing that matters. Each round reads L1's events, takes the watcher's verdicts, and does what follows from
both: after kill -9, a re-org or a time without L1 it goes on from there.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Event

from challenger.asserting import Asserting
from challenger.games import Games, OpenGame
from challenger.judge import Verdict
from challenger.own_claim import OwnClaim
from challenger.playing import Playing, bonds_at_stake, describe_next
from challenger.view import root_of
from tandem.chain.spec import Deployment
from tandem.disputes.moves import Answer
from tandem.errors import TandemError
from tandem.l1.assertion_book import Assertion
from tandem.l1.contracts import L1
from tandem.l1.game_reader import GameReader
from tandem.l1.sender import L1Sender
from tandem.node.commitments import Commitments
from tandem.node.housekeeping import Housekeeping, right_path
from tandem.node.ledger import L1Ledger
from tandem.node.player import make_moves
from tandem.node.reserve import gas_ahead
from tandem.node.role import Role
from tandem.node.step_files import StepFiles
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Status
from tandem.store import ChainStore

POLL = 0.5
"""Seconds between two rounds."""
LOOK_FOR_REFUNDS_AGAIN = 60.0
"""Seconds until a decided game in which nothing happens is asked again for what is to be paid: some calls a move."""
LOOK_AGAIN = 2.0
"""Seconds to wait where L1 re-organised, or refused."""
FORGET_AFTER = 60.0
"""Least seconds between two readings of everything: L1 refusing a move may mean that some log was not shown."""
ASSERTION_BOND, STEP_BONDS = "the bond of an assertion", "level-1 bonds, with gas to play on"

Verdicts = Mapping[Hash, Verdict]


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
        step_files: StepFiles,
        verdicts: Callable[[], Verdicts],
        settings: Settings,
        stopping: Event,
    ) -> None:
        """`step_files`: for what it works out at level 1. `verdicts`: what the watcher thinks of each assertion now."""
        super().__init__("defender", POLL, stopping)
        self._l1 = l1
        self._sender = sender
        self._verdicts = verdicts
        self._assert_after = settings.assert_after
        self._reader = GameReader(l1, settings.confirmations)
        self._housekeeping = Housekeeping(l1, sender, deployment.l1.challenge_window)
        self._games = Games(
            lambda parent: OwnClaim(store, deployment.parameters, commitments, parent, sender.address, step_files)
        )
        self._asserting = Asserting(store, l1, sender, self._games, settings.verify_seconds, stopping)
        self._bonds: tuple[int, int] | None = None
        self._next_forget = 0.0
        self._missing: dict[str, int] = {}
        """What for -> wei that the account lacked, in this round."""
        self._status = Playing(sender.address)

    def playing(self) -> Playing:
        """The latest state of affairs. For any thread."""
        return self._status

    def run(self) -> None:
        """Until the daemon stops."""
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
        self._missing = {}
        calls = self._play_all(verdicts)
        calls += self._assert_due(verdicts)
        calls += self._keep_house(verdicts)
        self._games.close_idle(self._reader.board, self._reader.book)
        lacking = (f"{what}: {self._sender.address} lacks {wei} wei" for what, wei in self._missing.items())
        self._status = replace(self._status, alarms=(*self._games.disagreements(), *lacking))
        self._tell("waiting")

    # -- games

    def _play_all(self, verdicts: Verdicts) -> int:
        """Rival and answer all that is wrong on what is right. Gives how many transactions L1 took."""
        book, calls = self._reader.book, 0
        games: list[OpenGame] = []
        for parent in book:
            if verdicts.get(parent.id) != Verdict.RIGHT or self._stopping.is_set():
                continue
            children = book.children(parent.id)
            if not any(verdicts.get(child.id) == Verdict.WRONG for child in children):
                continue
            right = next((child for child in children if verdicts.get(child.id) == Verdict.RIGHT), None)
            if right is not None:
                game = self._take_up(parent, right)
                if game is not None:
                    games.append(game)
                    calls += self._play(game, right)
            elif book.can_have_child(parent):
                calls += self._assert(parent)
        return calls + self._work(games)

    def _take_up(self, parent: Assertion, right: Assertion) -> OpenGame | None:
        """The game about a right assertion; None where nothing is to be done in it."""
        board = self._reader.board
        root = root_of(board, right)
        if root is None or not root.is_rivalled or right.status == Status.REJECTED:
            return None
        if self._games.is_over(board, right, root, L1Ledger(self._l1, self._sender.address)):
            return None
        if not self._games.is_open(parent):
            self._tell(f"taking up the game about {_name(parent)}")
        return self._games.game(parent, right)

    def _play(self, game: OpenGame, right: Assertion) -> int:
        """All that takes no work. Gives how many transactions L1 took."""
        board, now, player = self._reader.board, self._reader.time, game.claim.player
        claims = player.claims
        calls = self._send(player.at_hand(board, game.is_decided))
        calls += self._housekeeping.bring_up(board, claims, now)
        calls += self._housekeeping.settle(board, claims, now)
        if game.is_decided and not calls and game.last_look + LOOK_FOR_REFUNDS_AGAIN < time.monotonic():
            game.last_look = time.monotonic()
            calls += self._housekeeping.refund(board, claims, right.id)
        if calls:
            game.note_call()
        return calls

    def _work(self, games: Iterable[OpenGame]) -> int:
        """Answers that take re-executing: a spell, in the first game that needs it. Then L1 is looked at again."""
        board = self._reader.board
        for game in games:
            player = game.claim.player
            far = player.far(board, game.is_decided)
            if not far or self._stopping.is_set():
                continue
            self._tell(f"re-executing, to {far[0].describe()}")
            known = set(player.disagreements)
            made = self._send(player.work(board, game.is_decided))
            for leaf in player.disagreements.keys() - known:
                self._log.error("ALARM", message=str(player.disagreements[leaf]))
            if made:
                game.note_call()
            return made
        return 0

    def _send(self, answers: Sequence[Answer]) -> int:
        """Send moves. Gives how many L1 took."""
        if not answers:
            return 0
        self._tell(f"sending {len(answers)} moves, the first: {answers[0].describe()}")
        result = make_moves(self._l1, self._sender, answers, self._gas_ahead())
        for answer in result.made:
            self._log.info("move made", move=answer.describe())
        for reason in result.refused:
            self._log.warning("move refused", reason=reason)
        if result.refused and time.monotonic() >= self._next_forget:
            self._next_forget = time.monotonic() + FORGET_AFTER
            self._reader.forget()
        if result.missing:
            self._missing[STEP_BONDS] = self._missing.get(STEP_BONDS, 0) + result.missing
        self._status = replace(self._status, moves=self._status.moves + len(result.made))
        return len(result.made)

    def _gas_ahead(self) -> int:
        """Of all open games."""
        board = self._reader.board
        return sum(gas_ahead(board, game.claim.player.claims, game.is_decided) for game in self._games)

    # -- assertions

    def _assert_due(self, verdicts: Verdicts) -> int:
        """Make the next right assertion when nobody did for so long."""
        tip = self._tip(verdicts)
        if self._assert_after is None or tip is None or self._reader.time - tip.made_at < self._assert_after:
            return 0
        made = self._assert(tip)
        if not self._reader.book.children(tip.id):
            self._games.close(tip)  # nothing to play: it is made again where a rival appears
        return made

    def _tip(self, verdicts: Verdicts) -> Assertion | None:
        """The last of the right assertions; None where what was confirmed last is not right, or not judged."""
        book = self._reader.book
        path = self._right_path(verdicts)
        tip = path[-1] if path else book.get(book.latest_confirmed)
        return tip if tip is not None and verdicts.get(tip.id) == Verdict.RIGHT else None

    def _assert(self, parent: Assertion) -> int:
        """Make the right child of a parent where that is possible. Gives whether L1 took it."""
        if not self._asserting.is_due(parent):
            return 0
        bond, _ = self._bond_sizes()
        missing = self._asserting.missing(bond)
        if missing:
            self._missing[ASSERTION_BOND] = missing
            return 0
        self._tell(f"verifying the child of {_name(parent)}")
        return int(self._asserting.make(parent, bond))

    # -- the rest

    def _keep_house(self, verdicts: Verdicts) -> int:
        book = self._reader.book
        calls = self._housekeeping.confirm(self._right_path(verdicts))
        calls += self._housekeeping.reject(book)
        calls += self._housekeeping.claim_bonds(book)
        return calls + self._housekeeping.withdraw()

    def _right_path(self, verdicts: Verdicts) -> list[Assertion]:
        return right_path(self._reader.book, lambda assertion: verdicts.get(assertion) == Verdict.RIGHT)

    def _bond_sizes(self) -> tuple[int, int]:
        """Of an assertion and of a level-1 root, wei."""
        if self._bonds is None:
            self._bonds = (self._l1.rollup.functions.bond().call(), self._l1.game.functions.stepBond().call())
        return self._bonds

    def _tell(self, doing: str) -> None:
        """Hand the state of affairs over."""
        board, address = self._reader.board, self._sender.address
        self._status = replace(
            self._status,
            doing=doing,
            balance=self._sender.balance(),
            spent=self._sender.spent,
            credit=self._l1.game.functions.credit(address).call(),
            at_stake=bonds_at_stake(board, self._reader.book, address, *self._bond_sizes()),
            next_moves=describe_next(self._games, board),
        )


def _name(assertion: Assertion) -> str:
    return f"assertion 0x{assertion.id[:4].hex()}"
