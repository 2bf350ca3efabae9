"""An onlooker at the games on L1: the honest claims by its own derivation, what is still to be answered, who moved."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from tandem.chain.spec import Deployment
from tandem.disputes.board import Board, Record
from tandem.disputes.strategy import next_moves
from tandem.disputes.traces import Claims
from tandem.l1.assertion_book import Assertion, AssertionBook
from tandem.l1.contracts import L1, connect
from tandem.l1.game_reader import GameReader
from tandem.l1.log_feed import L1Moved
from tandem.node.player import leaves_below
from tandem.node.replica import catch_up
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Status
from tandem.store import ChainStore
from tests.support.lies_on_l1 import Liar


class Observer:
    """A context. It has a store of its own and sends nothing."""

    def __init__(self, deployment: Deployment, l1_url: str, folder: Path) -> None:
        self._stack = ExitStack()
        self._deployment = deployment
        self._l1 = L1(connect(l1_url), deployment.l1)
        self._store = self._stack.enter_context(ChainStore(folder))
        self._reader = GameReader(self._l1)
        self._claims: dict[Hash, Claims] = {}

    def look(self) -> None:
        """Read L1 up to its head."""
        while True:
            try:
                if self._reader.poll():
                    return
            except L1Moved:
                continue

    @property
    def board(self) -> Board:
        """As it was looked at last."""
        return self._reader.board

    @property
    def book(self) -> AssertionBook:
        """As it was looked at last."""
        return self._reader.book

    @property
    def time(self) -> int:
        """L1's, seconds."""
        return self._reader.time

    @property
    def genesis(self) -> Assertion:
        """The assertion that needs no bond."""
        return next(iter(self.book))

    def claims(self, parent: Assertion) -> Claims:
        """The right ones about the child of an assertion."""
        found = self._claims.get(parent.id)
        if found is None:
            catch_up(self._store, self._deployment, self._l1)
            liar = Liar(self._stack.enter_context(self._store.read()), self._deployment, parent)
            found = self._claims[parent.id] = liar.claims(liar.honest)
        return found

    def right_child(self, parent: Assertion) -> Assertion | None:
        """The assertion of the right trace; None while it is not on L1."""
        if not self.book.children(parent.id):
            return None
        root = self.claims(parent).root.root
        return next((child for child in self.book.children(parent.id) if child.opening.trace_root == root), None)

    def is_answered(self, parent: Assertion) -> bool:
        """Whether the honest side has no answer to give about this parent's child."""
        right = self.right_child(parent)
        if right is None:
            return not self.book.children(parent.id)
        claims = self.claims(parent)
        root = self.board.record(claims.root.id)
        for leaf in leaves_below(root):
            if leaf.is_rivalled and claims.step_root(leaf.edge.index) is None:
                claims.steps(leaf.edge.index)
        return not next_moves(self.board, claims, right.status == Status.CONFIRMED)

    def timer(self, assertion: Assertion) -> int:
        """Of an assertion's root, all timers brought up, seconds."""
        root = next(
            root
            for root in self.board.trace_roots(assertion.opening.parent_id)
            if root.edge.root == assertion.opening.trace_root
        )
        return self.board.timer_true(root.id, self.time)

    def unsettled(self) -> Iterable[Record]:
        """Level-1 roots whose bonds are still held."""
        return (record for record in self.board if record.edge.level == 1 and record.mover and not record.is_settled)

    def __enter__(self) -> "Observer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
