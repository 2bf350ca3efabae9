"""What decides a game and comes behind it: timers brought up, confirming, rejecting, settling, refunds, withdrawing.

Each function does what is due by L1's events alone, may be called at any time by anyone, and gives the number of
transactions that L1 took. What L1 refuses (someone else was quicker, the pool is empty) is left for another time.
"""

import time
from collections.abc import Callable, Iterable

import structlog
from web3.contract.contract import ContractFunction

from tandem.disputes.board import Board
from tandem.disputes.settlement import refunds, settlements
from tandem.disputes.traces import Claims
from tandem.disputes.updates import updates
from tandem.l1.assertion_book import Assertion, AssertionBook
from tandem.l1.contracts import L1
from tandem.l1.game_encoding import move_call
from tandem.l1.sender import L1Rejected, L1Sender
from tandem.node.ledger import L1Ledger
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Status

RETRY = 60.0
"""Seconds before a call that L1 refused is tried again."""
WITHDRAW_GAS = 200_000
"""Credits are fetched from where they are worth this much gas on."""


class Housekeeping:
    """The calls of one account, one after the other: many need an earlier one to be mined."""

    def __init__(self, l1: L1, sender: L1Sender, window: int) -> None:
        """`window`: the challenge window, seconds."""
        self._l1 = l1
        self._sender = sender
        self._window = window
        self._refused: dict[str, float] = {}
        self._log = structlog.get_logger("housekeeping")

    def bring_up(self, board: Board, claims: Claims, now: int) -> int:
        """Tell L1 of the timers of own roots that have the window."""
        return self._each(
            (move.describe(), move_call(self._l1.game, move)) for move in updates(board, claims, now, self._window)
        )

    def confirm(self, path: Iterable[Assertion]) -> int:
        """Confirm what has won, of right assertions from the oldest pending one on."""
        functions = self._l1.rollup.functions
        confirmed = 0
        for assertion in path:
            if not functions.isConfirmable(assertion.id).call():
                break
            confirmed += self._try(f"confirm {_name(assertion.id)}", functions.confirmAssertion(assertion.id))
        return confirmed

    def reject(self, book: AssertionBook) -> int:
        """Bring the bonds of dead assertions to the pool, parents before children."""
        rejectable = (entry for entry in book if _is_dead(entry, book))
        functions = self._l1.rollup.functions
        return self._each((f"reject {_name(entry.id)}", functions.rejectAssertion(entry.id)) for entry in rejectable)

    def settle(self, board: Board, claims: Claims, now: int) -> int:
        """Settle the bonds in the places of own level-1 roots that have won."""
        return self._each(
            (move.describe(), move_call(self._l1.game, move)) for move in settlements(board, claims, now, self._window)
        )

    def refund(self, board: Board, claims: Claims, assertion: Hash) -> int:
        """Have the account's moves in the own traces paid from the pool. For a confirmed assertion."""
        moves = refunds(board, claims, assertion, L1Ledger(self._l1, self._sender.address))
        return self._each((move.describe(), move_call(self._l1.game, move)) for move in moves)

    def withdraw(self) -> int:
        """Fetch what is credited to the account, where that is worth it."""
        game = self._l1.game.functions
        credit = game.credit(self._sender.address).call()
        if credit <= WITHDRAW_GAS * self._l1.web3.eth.gas_price:
            return 0
        return self._try(f"withdraw {credit} wei", game.withdraw(self._sender.address))

    def claim_bonds(self, book: AssertionBook) -> int:
        """Fetch the bonds of the account's assertions that are confirmed."""
        functions = self._l1.rollup.functions
        own = (entry for entry in book if entry.asserter == self._sender.address and not entry.is_bond_claimed)
        return self._each(
            (f"claim the bond of {_name(entry.id)}", functions.claimBond(entry.id))
            for entry in own
            if entry.status == Status.CONFIRMED
        )

    def _each(self, calls: Iterable[tuple[str, ContractFunction]]) -> int:
        return sum(self._try(what, call) for what, call in calls)

    def _try(self, what: str, call: ContractFunction) -> int:
        """1 where L1 took it."""
        if self._refused.get(what, 0.0) > time.monotonic():
            return 0
        try:
            receipt = self._sender.send(call)
        except L1Rejected as refusal:
            self._refused[what] = time.monotonic() + RETRY
            self._log.info("refused by L1", what=what, reason=str(refusal))
            return 0
        self._log.info("done", what=what, gas=receipt["gasUsed"])
        return 1


def right_path(book: AssertionBook, is_right: Callable[[Hash], bool]) -> list[Assertion]:
    """The right pending assertions from the latest confirmed one on, oldest first."""
    path: list[Assertion] = []
    parent = book.latest_confirmed
    while True:
        right = [child for child in book.children(parent) if child.status == Status.PENDING and is_right(child.id)]
        if not right:
            return path
        path.append(right[0])
        parent = right[0].id


def _is_dead(entry: Assertion, book: AssertionBook) -> bool:
    """Pending, with a parent that was rejected or has another confirmed child."""
    parent = book.get(entry.opening.parent_id)
    if entry.status != Status.PENDING or parent is None:
        return False
    return parent.status == Status.REJECTED or not book.can_have_child(parent)


def _name(assertion: Hash) -> str:
    return f"assertion 0x{assertion[:4].hex()}"
