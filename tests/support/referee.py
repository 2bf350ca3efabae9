"""The dispute game's rules in Python, over the toy machine: DisputeGame.sol without money, slots and gas.

Keeps its own state, by hashes, and tells events as the contract does. Whatever is refused raises Refused.
"""

from dataclasses import dataclass, field

from tandem.disputes.edges import INFINITE, Edge, Level, Opening, Path, join, last_under
from tandem.disputes.events import Bisected, Event, Inherited, Opened, Proven, StepRootLost, StepRootWon
from tandem.disputes.moves import Bisect, Lift, Move, OpenSteps, Prove, RefundSteps, RefundTrace, SettleSteps, Update
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_HASH, Address, Hash
from tests.support.toy_machine import STATE_LENGTH, ToyState, toy_step


class Refused(Exception):
    """The contract would have reverted."""


def require(condition: object, reason: str) -> None:
    if not condition:
        raise Refused(reason)


@dataclass
class Kept:
    """What is kept of an edge."""

    mover: Address
    is_first: bool
    inherited: int = 0
    unpaid: bool = False
    work_unpaid: bool = False
    """Its proof, or bringing it up to the window."""
    is_true: bool = False


@dataclass
class Referee:
    """One game contract. `exits` of the toy machine: where its runs end, and with what."""

    exits: dict[Hash, Hash]
    longest: int
    trace_height: int
    step_height: int
    window: int
    now: int = 1
    events: list[Event] = field(default_factory=list)
    kept: dict[Hash, Kept] = field(default_factory=dict)
    clocks: dict[Hash, list[int]] = field(default_factory=dict)
    """Times of all claims in a place."""
    claims: dict[Hash, Hash] = field(default_factory=dict)
    winners: dict[Hash, Hash] = field(default_factory=dict)
    settled: set[Hash] = field(default_factory=set)
    confirmed: dict[Hash, Hash] = field(default_factory=dict)
    """Root edges of confirmed assertions."""
    unpaid_places: set[Hash] = field(default_factory=set)
    """Those of confirmed roots with rivals, until that is paid."""

    # -- what it says

    def timer(self, edge: Edge) -> int:
        """By what was brought up, seconds."""
        return self._timer(edge.place, edge.id)

    def unpaid(self, edge_id: Hash) -> bool:
        """Whether its making, or work on it, is still to be paid."""
        return self.kept[edge_id].unpaid or self.kept[edge_id].work_unpaid

    def unpaid_work(self, key: Hash) -> bool:
        """Whether the work on an edge, or confirming the root in a place, is still to be paid."""
        return key in self.unpaid_places or (key in self.kept and self.kept[key].work_unpaid)

    def is_true(self, leaf_id: Hash) -> bool:
        """Whether a refund has shown this leaf to be in a confirmed assertion."""
        return self.kept[leaf_id].is_true

    # -- moves

    def claim(self, root: Edge, end: Hash, end_proof: tuple[Hash, ...], mover: Address) -> None:
        """An assertion's root."""
        require(len(end_proof) == self.trace_height and last_under(end, end_proof) == root.root, "WrongEnd")
        self._open(root, ZERO_HASH, mover)

    def confirm(self, assertion: Hash, root: Edge) -> None:
        """Makes an assertion final."""
        require(self.timer(root) >= self.window, "NotWon")
        self.confirmed[assertion] = root.id
        if len(self.clocks[root.place]) > 1:
            self.unpaid_places.add(root.place)

    def move(self, move: Move, mover: Address) -> None:
        """Any move."""
        match move:
            case Bisect():
                self._bisect(move, mover)
            case OpenSteps():
                self._open_steps(move, mover)
            case Prove():
                self._prove(move)
            case Update():
                self._update(move)
            case SettleSteps():
                self._settle(move)
            case RefundTrace():
                require(self.confirmed.get(move.assertion) == move.root.id, "NotConfirmed")
                if len(self.clocks[move.root.place]) > 1:
                    self._paid(move.root.id)
                    self.unpaid_places.discard(move.root.place)
                end = self._refund(move.root, move.path)
                if len(move.path.siblings) == move.root.height:
                    self.kept[end].is_true = True
            case RefundSteps():
                winner = self.winners.get(move.root.place)
                require(winner == move.root.id and self.kept[self.claims[winner]].is_true, "NotConfirmed")
                self._paid(move.root.id)
                self.kept[self._refund(move.root, move.path)].work_unpaid = False

    def _bisect(self, move: Bisect, mover: Address) -> None:
        self._require_rivalled(move.edge)
        require(move.edge.height, "WrongPlace")
        require(join(move.left, move.right) == move.edge.root, "WrongChildren")
        left, right = move.edge.children(move.left, move.right)
        require(right.id not in self.kept, "EdgeExists")
        if left.id not in self.kept:
            self._make(left, mover)
        self._make(right, mover, unpaid=True)
        self.events.append(Bisected(move.edge.id, move.left, move.right, self.now))

    def _open_steps(self, move: OpenSteps, mover: Address) -> None:
        leaf = move.leaf
        require(leaf.level == Level.TRACE and leaf.height == 0, "WrongPlace")
        self._require_rivalled(leaf)
        ends = len(move.end_proof) == self.step_height and last_under(leaf.root, move.end_proof) == move.root
        require(ends, "WrongEnd")
        root = Edge(leaf.place, Level.STEPS, self.step_height, 0, self._before(leaf, move.opening), move.root)
        self._open(root, leaf.id, mover)
        self.claims[root.id] = leaf.id

    def _prove(self, move: Prove) -> None:
        edge = move.edge
        require(edge.level == Level.STEPS and edge.height == 0, "WrongPlace")
        self._require_rivalled(edge)
        require(self.kept[edge.id].inherited < INFINITE, "AlreadyProven")
        before = self._before(edge, move.opening)
        require(self._next(before, edge.index, move.witness) == edge.root, "WrongStep")
        self._inherit(edge.id, INFINITE)
        self.kept[edge.id].work_unpaid = True
        self.events.append(Proven(edge.id, Address(bytes(20))))

    def _next(self, before: Hash, index: int, witness: bytes) -> Hash:
        """ToyMachine.next"""
        require(keccak(witness) == before, "WrongPreState")
        left = int.from_bytes(witness[32:], "big") if len(witness) == STATE_LENGTH else 0
        if before in self.exits.values() or (index and not left):
            return before
        return self.exits.get(before) or toy_step(ToyState(witness), self.longest).hash

    def _update(self, move: Update) -> None:
        if not move.lifts or self._is_decided(move.lifts[-1].top):
            return
        for lift in move.lifts:
            if not self._is_decided(lift.top):
                self._lift(lift)
                self.kept[lift.top.id].work_unpaid |= self._is_decided(lift.top)

    def _is_decided(self, edge: Edge) -> bool:
        height = self.step_height if edge.level == Level.STEPS else self.trace_height
        return edge.height == height and self.timer(edge) >= self.window

    def _lift(self, lift: Lift) -> None:
        edges, beside = walk(lift.top, lift.path)
        require(len(lift.step_roots) <= 1, "TooManyStepRoots")
        for root in lift.step_roots:
            require(self.claims.get(root.id) == edges[0].id, "WrongClaim")
            self._inherit(edges[0].id, self.timer(root))
        for child, other, parent in zip(edges, beside, edges[1:], strict=False):
            self._inherit(parent.id, min(self.timer(child), self.timer(other)))

    def _settle(self, move: SettleSteps) -> None:
        place, root_id = move.root.place, move.root.id
        if place not in self.winners:
            require(self.timer(move.root) >= self.window, "NotWon")
            self.winners[place] = root_id
            self.settled.add(root_id)
            self.events.append(StepRootWon(place, root_id))
        require(self.winners[place] == root_id, "NotWon")
        for loser in (join(place, root) for root in move.losers):
            require(loser in self.kept, "UnknownEdge")
            if loser in self.settled:
                continue
            self.settled.add(loser)
            self.events.append(StepRootLost(place, loser))

    def _refund(self, top: Edge, path: Path) -> Hash:
        edges, beside = walk(top, path)
        for edge, other in zip(edges, beside, strict=False):
            self.kept[(edge if edge.index & 1 else other).id].unpaid = False
        return edges[0].id

    def _paid(self, root_id: Hash) -> None:
        self.kept[root_id].unpaid = self.kept[root_id].work_unpaid = False

    # -- what they have in common

    def _open(self, edge: Edge, claim: Hash, mover: Address) -> None:
        require(edge.id not in self.kept, "EdgeExists")
        self._make(edge, mover, unpaid=True)
        self.events.append(Opened(edge, claim, mover, self.now))

    def _make(self, edge: Edge, mover: Address, *, unpaid: bool = False) -> None:
        times = self.clocks.setdefault(edge.place, [])
        self.kept[edge.id] = Kept(mover, not times, unpaid=unpaid)
        times.append(self.now)

    def _inherit(self, edge_id: Hash, inherited: int) -> None:
        kept = self.kept.get(edge_id)
        if inherited and (kept is None or inherited > kept.inherited):
            require(kept, "UnknownEdge")
            self.kept[edge_id].inherited = inherited
            self.events.append(Inherited(edge_id, inherited))

    def _timer(self, place: Hash, edge_id: Hash) -> int:
        kept = self.kept.get(edge_id)
        if kept is None:
            return 0
        times = self.clocks[place]
        own = (times[1] if len(times) > 1 else self.now) - times[0] if kept.is_first else 0
        return min(own + kept.inherited, INFINITE)

    def _require_rivalled(self, edge: Edge) -> None:
        require(edge.id in self.kept, "UnknownEdge")
        require(len(self.clocks[edge.place]) > 1, "NotRivalled")

    def _before(self, leaf: Edge, opening: Opening) -> Hash:
        if leaf.index == 0:
            return leaf.prefix
        zeros = (leaf.index & -leaf.index).bit_length() - 1
        shown = join(opening.prefix, last_under(opening.state, opening.siblings))
        require(len(opening.siblings) == zeros and shown == leaf.prefix, "WrongOpening")
        return opening.state


def walk(top: Edge, path: Path) -> tuple[list[Edge], list[Edge]]:
    """Ways.walk: the edges on a way, from its end up, and those beside it."""
    length = len(path.siblings)
    require(length <= top.height and path.index >> length == top.index, "WrongPath")
    nodes = [path.node]
    for k, sibling in enumerate(path.siblings):
        nodes.append(join(sibling, nodes[k]) if path.index >> k & 1 else join(nodes[k], sibling))
    require(nodes[-1] == top.root, "WrongPath")
    edges, beside = [top], []
    for k in reversed(range(length)):
        halves = (nodes[k], path.siblings[k])
        is_right = path.index >> k & 1
        left, right = edges[-1].children(*(halves[::-1] if is_right else halves))
        edges.append(right if is_right else left)
        beside.append(left if is_right else right)
    return edges[::-1], beside[::-1]
