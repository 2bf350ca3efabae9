"""Ways for a payment over several channels: Dijkstra from the payee back to the payer, with a memory of failures.

Amounts and expiries grow on the way back, by the fees and deltas of the hops. A node is settled once, by its cheapest
way to the payee; as fees depend on amounts, and amounts decide which edges may be taken, the way found is the best only
as far as amounts differ little (so it is in lnd). Where none is found, least fees, least time and fewest hops are tried
in turn: of several limits that are hard to keep at once, a way that keeps all may still be missed.

Pure. Amounts are wei or the token's units, times timestamps or durations in seconds; none is negative.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from math import exp2
from typing import NamedTuple

from tandem.errors import ConfigError, TandemError
from tandem.primitives.types import ZERO_HASH, Address, Hash, Seconds

MILLION = 10**6
TIME_PRICE = 1_600
"""10^-12 of the amount for each second that a hop locks it longer: 5 % a year."""
ATTEMPT_PRICE = 1_000
"""Parts per million of the amount for an edge, divided by its probability (lnd: DefaultAttemptCostPPM)."""
UNKNOWN, LIKELY = 0.6, 0.95
"""Probability of an edge of which nothing is known, and of one that has just carried as much (both as in lnd)."""
FLOOR = 0.01
"""A less probable edge is left out (lnd: MinRouteProbability, there of a whole way)."""


class NoWay(TandemError):
    """A payment cannot be sent as asked. The message says what stands against it and what may help."""


@dataclass(frozen=True, slots=True)
class EdgeTerms:
    """What the source of an edge asks. `fee_ppm`: parts per million of the amount handed on.

    `delta`: what it wants between the expiry of the lock that it receives and that of the lock that it hands on.
    `least`, `most`: amounts that may go over the edge.
    """

    fee_base: int
    fee_ppm: int
    delta: Seconds
    least: int
    most: int

    def fee(self, amount: int) -> int:
        """For handing `amount` on, rounded up."""
        return self.fee_base - (-amount * self.fee_ppm // MILLION)


@dataclass(frozen=True, slots=True)
class Edge:
    """A channel in one direction. `capacity`: what it may carry at most, as far as is known."""

    channel: Hash
    source: Address
    target: Address
    terms: EdgeTerms
    capacity: int

    def takes(self, amount: int) -> bool:
        """Whether the amount may go over it."""
        return self.terms.least <= amount <= self.terms.most and amount <= self.capacity


@dataclass(frozen=True, slots=True)
class Leg:
    """One lock on the way. `expiry`: a timestamp."""

    edge: Edge
    amount: int
    expiry: Seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """What a way may come to at most: all fees together, the first lock's expiry (a timestamp), its locks."""

    fee: int
    expiry: Seconds
    hops: int = 20


class Network:
    """Edges by where they lead. Of one channel and source the last given counts. Made anew when terms change."""

    __slots__ = ("_incoming",)

    def __init__(self, edges: Iterable[Edge]) -> None:
        self._incoming: dict[Address, list[Edge]] = {}
        for edge in {(edge.channel, edge.source): edge for edge in edges}.values():
            self._incoming.setdefault(edge.target, []).append(edge)

    def incoming(self, target: Address) -> Sequence[Edge]:
        """The edges that lead to a node."""
        return self._incoming.get(target, ())


_Key = tuple[Hash | None, Address]
_Events = dict[_Key, tuple[int, Seconds]]


@dataclass(slots=True)
class FailureMemory:
    """How likely edges carry amounts, by what has happened on them: it counts half after a half-life (seconds).

    Mutable. Of failures and of successes it keeps `most` each, the newest. ConfigError where either is not positive.
    """

    half_life: Seconds = Seconds(600)
    most: int = 10_000
    _failed: _Events = field(default_factory=dict, init=False, repr=False)
    _passed: _Events = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.half_life <= 0 or self.most <= 0:
            raise ConfigError(f"half-life {self.half_life} s, {self.most} entries: set both to more than 0")

    def note_failure(self, channel: Hash, source: Address, amount: int, now: Seconds) -> None:
        """This amount and more fail, and so does still what failed less than a half-life ago."""
        least = min(amount, self._fresh(self._failed, (channel, source), now, amount))
        self._note(self._failed, (channel, source), least, now)
        passed, at = self._passed.get((channel, source), (-1, now))
        if passed >= least:
            self._passed[channel, source] = least - 1, at

    def note_success(self, channel: Hash, source: Address, amount: int, now: Seconds) -> None:
        """This amount and less pass, and so does still what passed less than a half-life ago. The source works."""
        greatest = max(amount, self._fresh(self._passed, (channel, source), now, amount))
        self._note(self._passed, (channel, source), greatest, now)
        failed, at = self._failed.get((channel, source), (greatest + 1, now))
        if failed <= greatest:
            self._failed[channel, source] = greatest + 1, at
        self._failed.pop((None, source), None)

    def note_node_failure(self, address: Address, now: Seconds) -> None:
        """All edges from this node fail."""
        self._note(self._failed, (None, address), 0, now)

    def probability(self, channel: Hash, source: Address, amount: int, now: Seconds) -> float:
        """That the edge carries the amount: 0 right after a failure, UNKNOWN by and by, LIKELY after a success."""
        result = UNKNOWN
        passed, at = self._passed.get((channel, source), (-1, now))
        if amount <= passed:
            result += (LIKELY - UNKNOWN) * self._weight(at, now)
        for key in ((channel, source), (None, source)):
            failure = self._failed.get(key)
            if failure is not None and amount >= failure[0]:
                result *= 1 - self._weight(failure[1], now)
        return result

    def _weight(self, at: Seconds, now: Seconds) -> float:
        return exp2(-max(0, now - at) / self.half_life)

    def _fresh(self, events: _Events, key: _Key, now: Seconds, default: int) -> int:
        amount, at = events.get(key, (default, now))
        return amount if now - at < self.half_life else default

    def _note(self, events: _Events, key: _Key, amount: int, now: Seconds) -> None:
        events.pop(key, None)
        events[key] = amount, now
        if len(events) > self.most:
            del events[next(iter(events))]


class _Label(NamedTuple):
    """What a node must be sent for the way behind it. Compared in this order: channel and source settle ties."""

    rank: int
    cost: int
    """Millionths of a unit."""
    amount: int
    expiry: Seconds
    hops: int
    channel: Hash
    source: Address
    edge: Edge | None = None
    after: "_Label | None" = None

    def legs(self) -> tuple[Leg, ...]:
        """The locks from here to the payee."""
        legs, label = [], self
        while label.edge is not None and label.after is not None:
            legs.append(Leg(label.edge, label.after.amount, label.after.expiry))
            label = label.after
        return tuple(legs)


@dataclass(frozen=True, slots=True)
class _Search:
    """A payment, and what its way must keep to; `why_not` lets go of it step by step."""

    network: Network
    payer: Address
    payee: Address
    amount: int
    final_expiry: Seconds
    memory: FailureMemory | None
    limits: Limits | None
    now: Seconds
    first: Hash | None
    last: Hash | None
    avoid: frozenset[tuple[Hash, Address]]
    bounded: bool = True

    def run(self, rank: int = 0) -> _Label | None:
        """The payer's label. `rank`: what counts before the cost: 0 nothing, 1 the amount, 2 the expiry, 3 the hops."""
        heap = [_Label(0, 0, self.amount, self.final_expiry, 0, ZERO_HASH, self.payee)]
        best: dict[Address, _Label] = {}
        settled: set[Address] = set()
        while heap:
            label = heappop(heap)
            if label.edge is not None and label.source == self.payer:
                return label
            if label.source in settled:
                continue
            settled.add(label.source)
            for edge in self.network.incoming(label.source):
                if edge.source in settled and edge.source != self.payer:
                    continue
                found = self._extend(label, edge, rank)
                if found is not None and (edge.source not in best or found < best[edge.source]):
                    best[edge.source] = found
                    heappush(heap, found)
        return None

    def _extend(self, after: _Label, edge: Edge, rank: int) -> _Label | None:
        """The label of the edge's source, if the way may go over the edge."""
        channel, source, terms, own = edge.channel, edge.source, edge.terms, edge.source == self.payer
        amount, expiry, hops = after.amount, after.expiry, after.hops + 1
        if (own and self.first not in (None, channel)) or (hops == 1 and self.last not in (None, channel)):
            return None
        if (self.bounded and not edge.takes(amount)) or (channel, source) in self.avoid:
            return None
        probable = UNKNOWN if self.memory is None else self.memory.probability(channel, source, amount, self.now)
        if probable < FLOOR:
            return None
        cost = after.cost + round(self.amount * ATTEMPT_PRICE / probable)
        if not own:
            fee = terms.fee(amount)
            cost += fee * MILLION + self.amount * terms.delta * TIME_PRICE // MILLION
            amount, expiry = amount + fee, Seconds(expiry + terms.delta)
        limits = self.limits
        if limits and (amount - self.amount > limits.fee or expiry > limits.expiry or hops > limits.hops):
            return None
        return _Label((0, amount, expiry, hops)[rank], cost, amount, expiry, hops, channel, source, edge, after)

    def why_not(self) -> str:
        """What stands against it: what the search must keep to first so that there is no way any more."""
        free = replace(self, limits=None, memory=None, bounded=False, avoid=frozenset())
        if not free.run():
            forced = " with the first and last channel asked for" if self.first or self.last else ""
            return f"no channels lead to 0x{self.payee.hex()}{forced}: open one, or wait until more are known"
        free = replace(free, avoid=self.avoid)
        way = free.run()
        if not way:
            return "every way goes over an edge that is to be avoided: avoid fewer"
        free = replace(free, bounded=True)
        if not free.run():
            leg = min(way.legs(), key=lambda leg: leg.edge.takes(leg.amount))
            name, terms = f"channel 0x{leg.edge.channel.hex()}", leg.edge.terms
            if leg.amount < terms.least:
                return f"the amount is too small, pay more at once: {name} takes {terms.least} at least"
            most = min(terms.most, leg.edge.capacity)
            return f"too little capacity, pay less or in parts: {name} takes {most} of {leg.amount}"
        free = replace(free, memory=self.memory)
        way, limits = free.run(), self.limits
        if not way or not limits:
            return "every way goes over what has just failed: try again later, or pay less"
        pairs = (way.amount - self.amount, limits.fee), (way.expiry, limits.expiry), (way.hops, limits.hops)
        over = zip(("fees", "first expiry", "hops"), pairs, strict=True)
        what = ", ".join(f"{name} {value} instead of {most}" for name, (value, most) in over if value > most)
        return f"the best way is over the limits, raise them or pay less: {what}"


def find_way(
    network: Network,
    payer: Address,
    payee: Address,
    amount: int,
    final_expiry: Seconds,
    memory: FailureMemory,
    limits: Limits,
    now: Seconds,
    first: Hash | None = None,
    last: Hash | None = None,
    avoid: frozenset[tuple[Hash, Address]] = frozenset(),
) -> tuple[Leg, ...]:
    """The locks of the cheapest way for `amount`, the last one to `final_expiry` (a timestamp). NoWay.

    An edge costs its fee, what its delta costs, and what an attempt costs divided by its probability; the payer's own
    edge has no fee and no delta. `first`, `last`: channels to begin and end with; a payment to oneself needs both.
    `avoid`: edges, by channel and source, that must not be taken.
    """
    if amount <= 0:
        raise NoWay(f"{amount} cannot be paid: pay more than nothing")
    if payer == payee and (first is None or last is None or first == last):
        raise NoWay("a payment to oneself goes out over one channel and comes back over another: name both")
    search = _Search(network, payer, payee, amount, final_expiry, memory, limits, now, first, last, avoid)
    for rank in range(4):
        if way := search.run(rank):
            return way.legs()
    raise NoWay(search.why_not())
