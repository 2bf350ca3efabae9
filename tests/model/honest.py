"""The honest party: the product's player on the arena's events."""

from collections import Counter
from collections.abc import Callable

from tandem.disputes.board import Board, Record, Timers
from tandem.disputes.edges import Edge, Level
from tandem.disputes.moves import Answer, Bisect, OpenSteps
from tandem.disputes.settlement import refunds, settlements
from tandem.disputes.strategy import next_moves
from tandem.disputes.traces import Claims
from tandem.disputes.updates import updates
from tandem.primitives.types import Hash
from tests.model.arena import Arena, Disagreement, address
from tests.model.calls import ORIGIN, Assert, Call, ClaimBond, Confirm, Reject, Withdraw
from tests.model.knowledge import END, START, PlayedTrace

HONEST = address(0)
OUTRUN = "outrun"
"""What was spent on moves that others made first."""


class Ledger:
    """What the contract keeps for the honest party."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena

    def unpaid(self, edge_id: Hash) -> bool:
        """Whether it is owed the cost of an edge or of work on it."""
        mover, _, cost, _, _ = self._arena.record(edge_id)
        return (mover == HONEST and cost != 0) or self.unpaid_work(edge_id)

    def unpaid_work(self, key: Hash) -> bool:
        """Whether it is owed the cost of work on an edge or in a place."""
        worker, cost = self._arena.work(key)
        return worker == HONEST and cost != 0

    def is_true(self, leaf_id: Hash) -> bool:
        """Whether a leaf was shown to be of the confirmed assertion."""
        return self._arena.record(leaf_id)[4]


class Honest:
    """Awake now and then."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._trace = trace = PlayedTrace(arena.knowledge.honest)
        self.claims = Claims(ORIGIN, START.hash, trace, arena.terms.step_height)  # type: ignore[arg-type]
        self._board = Board()
        self._seen = 0
        self.decision = END.hash, self.claims.root.root
        self.moves = 0
        """Bisections, openings and proofs made."""
        self.spent: Counter[str] = Counter()
        """Wei on gas, by what it was spent on."""
        self.asserted = False
        self.outrun: Callable[[Call], None] = lambda call: None
        """What others do who see a move before it is included."""
        arena.enter(HONEST)

    @property
    def board(self) -> Board:
        """With all events up to now."""
        for event in self._arena.events[self._seen :]:
            self._board.apply(event)
        self._seen = len(self._arena.events)
        return self._board

    @property
    def root(self) -> Record | None:
        """Its root edge, whoever made it."""
        return self.board.get(self.claims.root.id)

    def make_assertion(self) -> None:
        """Once: unless someone else has claimed the same."""
        if self.root is None and self._arena.model.confirmed is None:
            call = Assert(*self.decision, self.claims.end_proof())
            self.outrun(call)
            self.asserted = self._send(call)

    def wake(self) -> None:
        """One round: an assertion where there are wrong ones, all answers that are due, and what time has decided."""
        if self.board.trace_roots(ORIGIN):
            self.make_assertion()
        decided = self._arena.model.confirmed is not None
        for due in next_moves(self.board, self.claims, decided):
            self._answer(self.claims.make(due))
        self._decide()

    def _answer(self, answer: Answer) -> None:
        self.outrun(answer)
        if self._send(answer):
            self.moves += 1
            return
        model = self._arena.model
        match answer:
            case Bisect():
                is_done = answer.edge in model.halves
            case OpenSteps():
                own = self.claims.step_root(answer.leaf.index)
                is_done = own in model.made
            case _:
                is_done = answer.edge in model.proven
        if not is_done:
            raise Disagreement(f"an honest move must revert: {answer.describe()}")

    def _decide(self) -> None:
        """Brings timers up and confirms, when that is possible; settles own bonds of level 1."""
        terms, now = self._arena.terms, self._arena.time
        for update in updates(self.board, self.claims, now, terms.window):
            self._must(update)
        root = self.root
        if root is not None and self._arena.model.confirmed is None:
            timers = Timers(now)
            if timers.true(root) >= terms.window:
                self._must(Confirm(*self.decision))
        for settlement in settlements(self.board, self.claims, now, terms.window):
            self._must(settlement)

    def believes(self, edge: Edge) -> bool:
        """Whether an edge is of its traces."""
        if edge.level == Level.TRACE:
            return self._trace.tree.node(edge.height, edge.index) == edge.root
        return any(edge.origin == root.origin and self._holds(root, edge) for root in self.claims.step_roots())

    def _holds(self, root: Edge, edge: Edge) -> bool:
        tree = self.claims.steps(self.claims.leaf_of(root)).tree
        return tree.node(edge.height, edge.index) == edge.root

    @property
    def is_at_stake(self) -> bool:
        """Whether an own bond of level 1 is not settled."""
        own = (self.board.get(edge.id) for edge in self.claims.step_roots())
        return any(root is not None and not root.is_settled for root in own)

    def clean_up(self) -> None:
        """When all is decided: brings lost bonds, has moves refunded, fetches what is its own."""
        model = self._arena.model
        for (end, root), assertion in model.assertions.items():
            if assertion.status == "pending":
                self._must(Reject(end, root))
        assertion_id = Confirm(*self.decision).assertion
        for refund in refunds(self.board, self.claims, assertion_id, Ledger(self._arena)):
            self._must(refund)
        if self.asserted and not model.assertions[self.decision].is_paid:
            self._must(ClaimBond(*self.decision))
        if model.credits[HONEST]:
            self._must(Withdraw(HONEST))

    def _must(self, call: Call) -> None:
        if not self._send(call):
            raise Disagreement(f"an honest call must revert: {call}")

    def _send(self, call: Call) -> bool:
        before = self._arena.gas_paid
        is_done = self._arena.send(HONEST, call)
        self.spent[type(call).__name__ if is_done else OUTRUN] += self._arena.gas_paid - before
        return is_done
