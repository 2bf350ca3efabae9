"""The dispute game worked out from the history of moves (disputes.md): what each call does, what timers are, where the
money is. It names edges by their fields. Where the contract differs, one of the two is wrong."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from tandem.disputes.edges import INFINITE, Edge, Level, join, last_under
from tandem.disputes.moves import Bisect, Lift, OpenSteps, Prove, RefundSteps, RefundTrace, SettleSteps, Update
from tandem.primitives.types import Hash
from tests.model.calls import Assert, Call, ClaimBond, Confirm, Reject, Withdraw
from tests.model.places import Refused, Spot, need, right_halves, spot, state_before, way_down

WINNING_GAS = 80_000
"""For the bond of a level-1 root that has won: the refund of its opening has an allowance for that."""
Step = Callable[[Hash, int, bytes], Hash | None]
"""The verifier: (state before, index, witness) to the state behind; None where it reverts."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a game is set up with. Seconds, wei."""

    trace_height: int
    step_height: int
    window: int
    bond: int
    step_bond: int
    origin: Hash
    """The parent assertion."""
    start: Hash
    """The level-0 state that all assertions begin with."""


@dataclass(slots=True)
class Assertion:
    """A level-0 root with a bond."""

    root: Edge
    asserter: str
    status: str = "pending"
    is_paid: bool = False


@dataclass(slots=True)
class Debt:
    """What a move has cost, as the contract says, gwei; 0 when paid."""

    mover: str
    cost: int


@dataclass(slots=True)
class Outcome:
    """What a call has made of the model."""

    touched: list[Edge] = field(default_factory=list)
    """Edges whose timers or records it may have changed."""
    costly: Edge | None = None
    """The edge that the move's cost is kept with, as one that it made."""
    works: list[Hash] = field(default_factory=list)
    """What it is kept with as work: ids of a proven edge or of roots brought up to the window; a confirmed place."""
    is_all_work: bool = True
    """Whether nothing else was done."""
    collector: str | None = None
    """Who is paid for settling, or for having others paid."""
    most: int | None = None
    """Wei that he is paid at most."""
    gas_besides: int = 0
    """What the transaction used at most for other things."""


class GameModel:
    """All that was done, and what follows from it."""

    def __init__(self, terms: Terms, step: Step) -> None:
        self.terms = terms
        self.now = 0
        self._step = step
        self.history: dict[Spot, list[tuple[int, Edge]]] = defaultdict(list)
        self.made: dict[Edge, int] = {}
        self.halves: dict[Edge, tuple[Edge, Edge]] = {}
        self.claim: dict[Edge, Edge] = {}
        self.claimants: dict[Edge, list[Edge]] = defaultdict(list)
        self.proven: set[Edge] = set()
        self.kept: Counter[Edge] = Counter()
        """What edges have inherited so far, seconds."""
        self.assertions: dict[tuple[Hash, Hash], Assertion] = {}
        self.winners: dict[Spot, Edge] = {}
        self.settled: set[Edge] = set()
        self.shown: set[Edge] = set()
        """Leaves that are known to be of the confirmed assertion."""
        self.debts: dict[Edge, Debt] = {}
        self.work_debts: dict[Hash, Debt] = {}
        self.openers: dict[Edge, str] = {}
        self.pool = 0
        self.credits: Counter[str] = Counter()

    # -- clocks

    def is_rivalled(self, edge: Edge) -> bool:
        """Whether its place was claimed twice."""
        return len(self.history[spot(edge)]) > 1

    def own(self, edge: Edge) -> int:
        """How long it stood alone, seconds."""
        claims = self.history[spot(edge)]
        if not claims or claims[0][1] != edge:
            return 0
        return (claims[1][0] if len(claims) > 1 else self.now) - claims[0][0]

    def timer_kept(self, edge: Edge) -> int:
        """By what was brought up."""
        return min(self.own(edge) + self.kept[edge], INFINITE)

    def timer_true(self, edge: Edge, known: dict[Edge, int] | None = None) -> int:
        """Were everything brought up."""
        known = {} if known is None else known
        if edge not in known:
            below = 0
            if edge in self.proven:
                below = INFINITE
            elif edge in self.halves:
                below = min(self.timer_true(half, known) for half in self.halves[edge])
            elif self.claimants[edge]:
                below = max(self.timer_true(root, known) for root in self.claimants[edge])
            known[edge] = min(self.own(edge) + below, INFINITE)
        return known[edge]

    @property
    def confirmed(self) -> Assertion | None:
        """The assertion that is final."""
        return next((one for one in self.assertions.values() if one.status == "confirmed"), None)

    @property
    def held(self) -> int:
        """The contract's balance, wei."""
        bonds = sum(root not in self.settled for root in self.claim) * self.terms.step_bond
        return self.pool + self.credits.total() + bonds

    # -- calls

    def take(self, call: Call, sender: str, value: int) -> Outcome:
        """Does a call. Refused where the contract must revert; then nothing has changed."""
        match call:
            case Assert():
                return self._assert(call, sender, value)
            case OpenSteps():
                return self._open_steps(call, sender, value)
        need(value == 0, "pays for nothing")
        match call:
            case Bisect():
                return self._bisect(call, sender)
            case Prove():
                return self._prove(call, sender)
            case Update():
                return self._update(call, sender)
            case SettleSteps():
                return self._settle(call, sender)
            case RefundTrace():
                return self._refund_trace(call, sender)
            case RefundSteps():
                return self._refund_steps(call, sender)
            case Confirm():
                return self._confirm(call, sender)
            case Reject():
                return self._reject(call, sender)
            case ClaimBond():
                return self._claim_bond(call)
            case Withdraw():
                need(self.credits[call.to] > 0, "nothing credited")
                self.credits[call.to] = 0
                return Outcome()

    def _make(self, edge: Edge, sender: str) -> None:
        """A root or a right half, that the move's cost is kept with."""
        self._claim(edge)
        self.debts[edge] = Debt(sender, 0)
        self.shown.discard(edge)

    def _claim(self, edge: Edge) -> None:
        self.made[edge] = self.now
        self.history[spot(edge)].append((self.now, edge))

    def _assert(self, call: Assert, sender: str, value: int) -> Outcome:
        terms = self.terms
        need(value == terms.bond, "wrong bond")
        need(self.confirmed is None and (call.end, call.root) not in self.assertions, "no such child")
        edge = Edge(terms.origin, Level.TRACE, terms.trace_height, 0, terms.start, call.root)
        self._need_end(call.root, call.end, call.end_proof, terms.trace_height)
        need(edge not in self.made, "exists")
        self._make(edge, sender)
        self.assertions[call.end, call.root] = Assertion(edge, sender)
        return Outcome([edge], edge)

    def _bisect(self, call: Bisect, sender: str) -> Outcome:
        edge = call.edge
        need(edge.height > 0 and join(call.left, call.right) == edge.root, "wrong children")
        need(edge in self.made and self.is_rivalled(edge), "no rival")
        need(edge not in self.halves, "bisected")
        left, right = self.halves[edge] = edge.children(call.left, call.right)
        if left not in self.made:
            self._claim(left)
        self._make(right, sender)
        return Outcome([edge, left, right], right)

    def _open_steps(self, call: OpenSteps, sender: str, value: int) -> Outcome:
        leaf, height = call.leaf, self.terms.step_height
        need(value == self.terms.step_bond, "wrong bond")
        need(leaf.level == Level.TRACE and leaf.height == 0, "wrong place")
        need(leaf in self.made and self.is_rivalled(leaf), "no rival")
        self._need_end(call.root, leaf.root, call.end_proof, height)
        root = Edge(leaf.place, Level.STEPS, height, 0, state_before(leaf, call.opening), call.root)
        need(root not in self.made, "exists")
        self._make(root, sender)
        self.claim[root] = leaf
        self.claimants[leaf].append(root)
        self.openers[root] = sender
        return Outcome([leaf, root], root)

    def _prove(self, call: Prove, sender: str) -> Outcome:
        edge = call.edge
        need(edge.level == Level.STEPS and edge.height == 0, "wrong place")
        need(edge in self.made and self.is_rivalled(edge), "no rival")
        need(edge not in self.proven, "proven")
        behind = self._step(state_before(edge, call.opening), edge.index, call.witness)
        need(behind == edge.root, "wrong step")
        self.proven.add(edge)
        self.kept[edge] = INFINITE
        self.work_debts[edge.id] = Debt(sender, 0)
        return Outcome([edge], works=[edge.id])

    def _update(self, call: Update, sender: str) -> Outcome:
        outcome = Outcome()
        if not call.lifts or self._is_decided(call.lifts[-1].top):
            return outcome
        before = self.kept.copy()
        try:
            for lift in call.lifts:
                if self._is_decided(lift.top):
                    outcome.is_all_work = False
                    continue
                had = self.kept[lift.top]
                outcome.touched += self._lift(lift)
                is_useful = self.kept[lift.top] > had
                outcome.is_all_work &= is_useful
                if is_useful and self._is_decided(lift.top):
                    outcome.works.append(lift.top.id)
        except Refused:
            self.kept = before
            raise
        outcome.is_all_work &= outcome.works[-1:] == [call.lifts[-1].top.id]
        for root in outcome.works:
            self.work_debts[root] = Debt(sender, 0)
        return outcome

    def _is_decided(self, edge: Edge) -> bool:
        height = self.terms.step_height if edge.level else self.terms.trace_height
        return edge.height == height and self.has_window(edge)

    def _lift(self, lift: Lift) -> list[Edge]:
        way = way_down(lift.top, lift.path)
        end = way[-1][0]
        need(len(lift.step_roots) <= 1, "too many roots")
        for root in lift.step_roots:
            need(self.claim.get(root) == end, "wrong claim")
            self._inherit(end, self.timer_kept(root))
        for (edge, _), pair in zip(reversed(way[:-1]), reversed([pair for _, pair in way[1:]]), strict=True):
            assert pair is not None
            self._inherit(edge, min(map(self.timer_kept, pair)))
        return [edge for edge, _ in way]

    def has_window(self, root: Edge) -> bool:
        """Whether its timer has come up to the window."""
        return self.timer_kept(root) >= self.terms.window

    def _inherit(self, edge: Edge, seconds: int) -> None:
        if seconds > self.kept[edge]:
            assert edge in self.made, "an edge that was never made has time"
            self.kept[edge] = seconds

    def _settle(self, call: SettleSteps, sender: str) -> Outcome:
        root = call.root
        need(root.level == Level.STEPS and root.height == self.terms.step_height, "wrong place")
        winner = self.winners.get(spot(root))
        losers = [replace(root, root=loser) for loser in call.losers]
        wins = winner is None and root in self.made and self.has_window(root)
        need(wins or winner == root, "not won")
        need(all(loser in self.made for loser in losers), "unknown edge")
        if wins:
            self.winners[spot(root)] = root
            self.settled.add(root)
            self.credits[self.openers[root]] += self.terms.step_bond
        lost = set(losers) - self.settled
        self.settled |= lost
        self.pool += self.terms.step_bond * len(lost)
        return Outcome([root, *losers], collector=sender if lost else None, gas_besides=WINNING_GAS if wins else 0)

    def _refund_trace(self, call: RefundTrace, sender: str) -> Outcome:
        confirmed = self.confirmed
        need(confirmed is not None, "not confirmed")
        assert confirmed is not None
        need(call.assertion == self.name(confirmed) and call.root == confirmed.root, "not confirmed")
        way = way_down(call.root, call.path)
        roots = [call.root] if self.is_rivalled(call.root) else []
        due = self._pay(roots + right_halves(way), [key for root in roots for key in (root.id, root.place)])
        end = way[-1][0]
        is_shown = end.height == 0 and end not in self.shown
        if is_shown:
            self.shown.add(end)
        is_of_use = is_shown and end in self.made and self.is_rivalled(end)
        collector = sender if due or is_of_use else None
        return Outcome([edge for edge, _ in way], collector=collector, most=None if is_of_use else due)

    def _refund_steps(self, call: RefundSteps, sender: str) -> Outcome:
        root = call.root
        need(self.winners.get(spot(root)) == root and self.claim[root] in self.shown, "not confirmed")
        way = way_down(root, call.path)
        due = self._pay([root, *right_halves(way)], {root.id, way[-1][0].id})
        return Outcome([edge for edge, _ in way], collector=sender if due else None, most=due)

    def _pay(self, edges: Iterable[Edge], works: Iterable[Hash]) -> int:
        """Pays for making edges and for work. Gives how much, wei."""
        debts = [self.debts[edge] for edge in edges if edge in self.debts]
        debts += [self.work_debts[key] for key in works if key in self.work_debts]
        due = sum(debt.cost for debt in debts) * 10**9
        need(due <= self.pool, "pool exhausted")
        self.pool -= due
        for debt in debts:
            self.credits[debt.mover] += debt.cost * 10**9
            debt.cost = 0
        return due

    def _confirm(self, call: Confirm, sender: str) -> Outcome:
        assertion = self.assertions.get((call.end, call.root))
        need(assertion is not None and assertion.status == "pending" and self.confirmed is None, "not pending")
        assert assertion is not None
        need(self.has_window(assertion.root), "not won")
        assertion.status = "confirmed"
        if not self.is_rivalled(assertion.root):
            return Outcome()
        self.work_debts[assertion.root.place] = Debt(sender, 0)
        return Outcome(works=[assertion.root.place])

    def _reject(self, call: Reject, sender: str) -> Outcome:
        assertion = self.assertions.get((call.end, call.root))
        need(assertion is not None and assertion.status == "pending" and self.confirmed is not None, "not defeated")
        assert assertion is not None
        assertion.status = "rejected"
        self.pool += self.terms.bond
        return Outcome(collector=sender)

    def _claim_bond(self, call: ClaimBond) -> Outcome:
        assertion = self.assertions.get((call.end, call.root))
        need(assertion is not None and assertion.status == "confirmed" and not assertion.is_paid, "no bond")
        assert assertion is not None
        assertion.is_paid = True
        return Outcome()

    def name(self, assertion: Assertion) -> Hash:
        """Its id."""
        end, root = next(key for key, one in self.assertions.items() if one is assertion)
        return Confirm(end, root).assertion

    def _need_end(self, root: Hash, end: Hash, siblings: tuple[Hash, ...], height: int) -> None:
        need(len(siblings) == height and last_under(end, siblings) == root, "wrong end")
