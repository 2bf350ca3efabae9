"""Routing: every way found is valid, one is found where there is one, and the cheapest; what failed is shunned."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.channels.routing import (
    ATTEMPT_PRICE,
    LIKELY,
    TIME_PRICE,
    UNKNOWN,
    Edge,
    EdgeTerms,
    FailureMemory,
    Leg,
    Limits,
    Network,
    NoWay,
    find_way,
)
from tandem.errors import ConfigError
from tandem.primitives.types import Address, Hash, Seconds

A, B, C, D, E = NODES = [Address(bytes([0xA0 + at]) * 20) for at in range(5)]
NOW, FINAL = Seconds(1_000), Seconds(10_000)
PLENTY = 10**30
FREE = EdgeTerms(0, 0, Seconds(0), 0, PLENTY)
ANY = Limits(PLENTY, Seconds(PLENTY))
AMOUNT = 1_000_000


def name(number: int) -> Hash:
    """Of a channel."""
    return Hash(number.to_bytes(32, "big"))


def edge(number: int, source: Address, target: Address, capacity: int = PLENTY, **terms: Any) -> Edge:
    """One that asks nothing but what is said."""
    return Edge(name(number), source, target, replace(FREE, **terms), capacity)


def way(
    edges: list[Edge],
    amount: int = AMOUNT,
    payer: Address = A,
    payee: Address = D,
    memory: FailureMemory | None = None,
    limits: Limits = ANY,
    now: Seconds = NOW,
    **rules: Any,
) -> tuple[Leg, ...]:
    """From A to D, if nothing else is said."""
    return find_way(Network(edges), payer, payee, amount, FINAL, memory or FailureMemory(), limits, now, **rules)


def names(legs: tuple[Leg, ...]) -> list[int]:
    """The channels' numbers."""
    return [int.from_bytes(leg.edge.channel, "big") for leg in legs]


# -- the model: all ways, one by one


def walks(edges: list[Edge], payer: Address, payee: Address, seen: tuple[Edge, ...] = ()) -> Iterator[tuple[Edge, ...]]:
    """All ways that visit no node twice; from a node to itself, those that begin and end there only."""
    here = seen[-1].target if seen else payer
    if seen and here == payee:
        yield seen
        return
    visited = {payer, *(each.target for each in seen)}
    for each in edges:
        if each.source == here and (each.target not in visited or each.target == payee):
            yield from walks(edges, payer, payee, (*seen, each))


def legs_of(walk: tuple[Edge, ...], amount: int) -> list[Leg]:
    """What a way's locks must be."""
    legs = [Leg(walk[-1], amount, FINAL)]
    for each, behind in reversed(list(pairwise(walk))):
        legs.insert(0, Leg(each, legs[0].amount + asked(behind, legs[0].amount), later(legs[0].expiry, behind)))
    return legs


def asked(each: Edge, amount: int) -> int:
    """The fee for handing an amount on."""
    return each.terms.fee_base + ceil(Fraction(amount * each.terms.fee_ppm, 1_000_000))


def later(expiry: Seconds, behind: Edge) -> Seconds:
    """The expiry that the source of an edge wants to receive."""
    return Seconds(expiry + behind.terms.delta)


def fits(legs: list[Leg], limits: Limits) -> bool:
    """Whether a way keeps to the edges' bounds and to the limits."""
    bounds = all(each.edge.terms.least <= each.amount <= each.edge.terms.most for each in legs)
    room = all(each.amount <= each.edge.capacity for each in legs)
    fees, expiry = legs[0].amount - legs[-1].amount, legs[0].expiry
    return bounds and room and fees <= limits.fee and expiry <= limits.expiry and len(legs) <= limits.hops


def cost(legs: list[Leg] | tuple[Leg, ...], memory: FailureMemory) -> float:
    """Units that a way costs, with what time and attempts are reckoned at."""
    amount, fees = legs[-1].amount, legs[0].amount - legs[-1].amount
    chances = [memory.probability(each.edge.channel, each.edge.source, each.amount, NOW) for each in legs]
    time = (legs[0].expiry - legs[-1].expiry) * amount * TIME_PRICE / 10**12
    return fees + time + sum(amount * ATTEMPT_PRICE / 10**6 / chance for chance in chances)


def check(legs: tuple[Leg, ...], payer: Address, payee: Address, amount: int, limits: Limits) -> None:
    """Follow a payment from hop to hop: each gets what it asks, and the payee what it is to get."""
    assert legs[0].edge.source == payer
    assert (legs[-1].edge.target, legs[-1].amount, legs[-1].expiry) == (payee, amount, FINAL)
    for received, handed_on in pairwise(legs):
        assert received.edge.target == handed_on.edge.source not in (payer, payee)
        assert received.amount - handed_on.amount == asked(handed_on.edge, handed_on.amount)
        assert received.expiry - handed_on.expiry == handed_on.edge.terms.delta
    assert fits(list(legs), limits)
    assert len({leg.edge.target for leg in legs}) == len(legs)
    assert len({leg.edge.channel for leg in legs}) == len(legs)


terms = st.builds(
    EdgeTerms,
    fee_base=st.integers(0, 9),
    fee_ppm=st.sampled_from((0, 1, 1_000, 300_000)),
    delta=st.integers(0, 5).map(Seconds),
    least=st.sampled_from((0, 0, 0, 20)),
    most=st.sampled_from((PLENTY, PLENTY, 40)),
)
pairs = st.permutations(NODES).map(lambda nodes: (nodes[0], nodes[1]))


@st.composite
def graphs(draw: st.DrawFn, /, **fixed: Any) -> list[Edge]:
    """Channels between five nodes, parallel ones too, each with terms of its own in one or both directions."""
    edges = []
    for number, (one, other) in enumerate(draw(st.lists(pairs, min_size=7, max_size=12))):
        for source, target in ((one, other), (other, one))[: draw(st.integers(1, 2))]:
            capacity = draw(st.sampled_from((PLENTY, PLENTY, 30, 50)))
            edges.append(Edge(name(number), source, target, replace(draw(terms), **fixed), capacity))
    return draw(st.permutations(edges))


amounts = st.integers(1, 50)
limits_of_all = st.builds(
    Limits, st.integers(0, 60), st.integers(FINAL - 1, FINAL + 20).map(Seconds), st.integers(1, 6)
)


def roomy(edges: list[Edge]) -> list[Edge]:
    """The same, for any amount."""
    return [replace(each, capacity=PLENTY, terms=replace(each.terms, least=0, most=PLENTY)) for each in edges]


@given(graphs(), amounts, limits_of_all)
def test_a_way_found_keeps_all_rules(edges: list[Edge], amount: int, limits: Limits) -> None:
    try:
        legs = way(edges, amount, limits=limits)
    except NoWay:
        return
    check(legs, A, D, amount, limits)


@given(graphs(least=0), amounts, st.integers(0, 30))
def test_a_way_is_found_where_there_is_one(edges: list[Edge], amount: int, fee: int) -> None:
    """Whatever capacities and the limit of the fee are; and for each of the other limits alone, edges with room."""
    single = Limits(fee, ANY.expiry), Limits(PLENTY, Seconds(FINAL + fee % 12)), Limits(PLENTY, ANY.expiry, fee % 4 + 1)
    for graph, limits in zip((edges, roomy(edges), roomy(edges)), single, strict=True):
        if any(fits(legs_of(walk, amount), limits) for walk in walks(graph, A, D)):
            check(way(graph, amount, limits=limits), A, D, amount, limits)
        else:
            with pytest.raises(NoWay):
                way(graph, amount, limits=limits)


failures = st.lists(st.tuples(st.integers(0, 8), st.sampled_from(NODES), st.integers(0, 900)), max_size=8)


@given(graphs(fee_ppm=0), st.integers(1, 10**6), failures)
def test_it_is_the_cheapest(edges: list[Edge], amount: int, failed: list[tuple[int, Address, int]]) -> None:
    """To the millionth where fees do not depend on amounts."""
    edges, memory = roomy(edges), FailureMemory()
    for number, source, at in failed:
        memory.note_failure(name(number), source, 1, Seconds(at))
    best = min((cost(legs_of(walk, amount), memory) for walk in walks(edges, A, D)), default=None)
    if best is not None:
        assert cost(way(edges, amount, memory=memory), memory) == pytest.approx(best, abs=1e-4, rel=1e-9)


@given(graphs(fee_base=1, fee_ppm=0, delta=0).flatmap(lambda edges: st.tuples(st.just(edges), st.permutations(edges))))
def test_the_order_of_the_edges_decides_nothing(both: tuple[list[Edge], list[Edge]]) -> None:
    found: list[object] = []
    for edges in both:
        try:
            found.append(way(edges, 10))
        except NoWay as reason:
            found.append(str(reason))
    assert found[0] == found[1]


@given(graphs(), amounts, st.data())
def test_a_cycle_goes_out_and_back_over_the_channels_asked_for(
    edges: list[Edge], amount: int, data: st.DataObject
) -> None:
    edges = roomy(edges)
    ends = [(walk[0].channel, walk[-1].channel) for walk in walks(edges, A, A)]
    numbers = st.integers(0, 12).map(name)
    first, last = data.draw(st.sampled_from(ends) if ends else st.tuples(numbers, numbers))
    if data.draw(st.booleans()):
        last = data.draw(numbers)
    if first != last and (first, last) in ends:
        legs = way(edges, amount, payee=A, first=first, last=last)
        check(legs, A, A, amount, ANY)
        assert (legs[0].edge.channel, legs[-1].edge.channel) == (first, last)
    else:
        with pytest.raises(NoWay):
            way(edges, amount, payee=A, first=first, last=last)


# -- what it comes to, by example


def test_amounts_and_expiries_grow_towards_the_payer() -> None:
    one = edge(1, A, B, fee_base=500, fee_ppm=50_000, delta=99)
    two = edge(2, B, C, fee_base=7, fee_ppm=1_000, delta=20)
    three = edge(3, C, D, fee_base=3, fee_ppm=10_000, delta=30)
    legs = way([one, two, three], amount=1_001)
    assert [leg.edge for leg in legs] == [one, two, three]
    assert [leg.amount for leg in legs] == [1_015 + 7 + 2, 1_001 + 3 + 11, 1_001], "the payer's own edge is free"
    assert [leg.expiry for leg in legs] == [FINAL + 50, FINAL + 30, FINAL]


def test_a_fee_is_rounded_up() -> None:
    terms = EdgeTerms(5, 1_000, Seconds(0), 0, PLENTY)
    assert [terms.fee(amount) for amount in (0, 1, 1_000, 1_001)] == [5, 6, 6, 7]


def test_of_parallel_channels_the_cheaper_one_is_taken_and_of_equal_ones_the_first_by_name() -> None:
    edges = [edge(1, A, B), edge(4, B, D, fee_base=2), edge(3, B, D, fee_base=1), edge(2, B, D, fee_base=1)]
    assert names(way(edges)) == [1, 2]


def test_time_has_a_price() -> None:
    """8.64 for a million that is locked for 90 minutes more."""
    slow = [edge(1, A, B), edge(2, B, D, delta=5_400)]
    assert names(way([*slow, edge(3, B, D, fee_base=8)])) == [1, 3]
    assert names(way([*slow, edge(3, B, D, fee_base=9)])) == [1, 2]


def test_a_small_fee_is_paid_for_fewer_hops() -> None:
    short = edge(3, C, D, fee_base=AMOUNT * ATTEMPT_PRICE // 10**6)
    edges = [edge(1, A, B), edge(2, B, C), edge(4, A, C), edge(5, C, E), edge(6, E, D)]
    assert names(way([*edges, short])) == [4, 3]
    dear = replace(short, terms=replace(short.terms, fee_base=2 * short.terms.fee_base))
    assert names(way([*edges, dear])) == [4, 5, 6]


@pytest.mark.parametrize(
    ("direct", "near", "limits", "taken", "cheaper"),
    [
        (edge(5, C, D, fee_base=60), edge(2, B, C, fee_base=60), Limits(99, ANY.expiry), [1, 2, 3, 4], [1, 2, 5]),
        (edge(5, C, D, delta=60), edge(2, B, C, delta=60), Limits(0, Seconds(FINAL + 99)), [1, 2, 3, 4], [1, 2, 5]),
        (edge(5, C, D, fee_base=60), edge(2, B, C, capacity=AMOUNT + 59), ANY, [1, 2, 3, 4], [1, 2, 5]),
        (edge(5, C, D, fee_base=9_999), edge(2, B, C), Limits(PLENTY, ANY.expiry, 3), [1, 2, 5], [1, 2, 3, 4]),
    ],
    ids=["fee", "expiry", "capacity", "hops"],
)
def test_what_is_cheaper_from_a_hop_on_but_leads_to_no_way_is_not_the_end(
    direct: Edge, near: Edge, limits: Limits, taken: list[int], cheaper: list[int]
) -> None:
    edges = [edge(1, A, B), near, edge(3, C, E), edge(4, E, D), direct]
    assert names(way(edges, limits=limits)) == taken
    assert names(way(roomy(edges))) == cheaper


def test_first_and_last_channels_are_kept_to() -> None:
    edges = [edge(1, A, B), edge(2, A, C, fee_base=9), edge(3, B, D), edge(4, C, D, fee_base=9), edge(5, B, C)]
    edges += [edge(6, C, B, fee_base=9), edge(7, A, D)]
    assert names(way(edges)) == [7]
    assert names(way(edges, first=name(2))) == [2, 4]
    assert names(way(edges, last=name(3))) == [1, 3]
    assert names(way(edges, first=name(2), last=name(3))) == [2, 6, 3]
    assert names(way(edges, first=name(7), last=name(7))) == [7]


def test_a_cycle_may_have_two_hops_where_a_neighbour_has_two_channels() -> None:
    edges = [edge(1, A, B), edge(1, B, A), edge(2, A, B, fee_base=1), edge(2, B, A, fee_base=5, delta=8)]
    legs = way(edges, payee=A, first=name(1), last=name(2))
    assert [(leg.amount, leg.expiry) for leg in legs] == [(AMOUNT + 5, FINAL + 8), (AMOUNT, FINAL)]


def test_an_edge_to_be_avoided_is_so_in_one_direction() -> None:
    edges = [edge(1, A, B), edge(2, B, D), edge(3, B, D, fee_base=9)]
    assert names(way(edges, avoid=frozenset({(name(2), B)}))) == [1, 3]
    assert names(way(edges, avoid=frozenset({(name(2), D)}))) == [1, 2]


def test_bounds_are_amounts_that_may_still_go_over_an_edge() -> None:
    assert way([edge(1, A, D, least=AMOUNT, most=AMOUNT, capacity=AMOUNT)])


def test_of_a_channel_and_source_the_last_edge_counts() -> None:
    assert way([edge(1, A, D), edge(1, A, D, capacity=9)], amount=9)
    with pytest.raises(NoWay):
        way([edge(1, A, D), edge(1, A, D, capacity=9)], amount=10)


@pytest.mark.parametrize(
    ("edges", "rules", "says"),
    [
        ([edge(1, A, B), edge(2, D, B)], {}, f"no channels lead to 0x{D.hex()}: open one"),
        ([edge(1, A, D)], {"first": name(2)}, "with the first and last channel asked for"),
        ([edge(1, A, D)], {"last": name(2)}, "with the first and last channel asked for"),
        ([edge(1, A, D, capacity=AMOUNT - 1)], {}, f"too little capacity.* 0x{name(1).hex()} takes 999999 of 1000000"),
        ([edge(1, A, B, most=AMOUNT), edge(2, B, D, fee_base=1)], {}, "too little capacity.* takes 1000000 of 1000001"),
        ([edge(1, A, D, least=AMOUNT + 1)], {}, f"too small.* 0x{name(1).hex()} takes 1000001 at least"),
        ([edge(1, A, D)], {"avoid": frozenset({(name(1), A)})}, "avoid fewer"),
        (
            [edge(1, A, B), edge(2, B, D, fee_base=8)],
            {"limits": Limits(7, ANY.expiry)},
            "limits.*: fees 8 instead of 7",
        ),
        (
            [edge(1, A, B), edge(2, B, D, delta=8)],
            {"limits": Limits(0, Seconds(FINAL + 7), 1)},
            "limits.*: first expiry 10008 instead of 10007, hops 2 instead of 1$",
        ),
        ([edge(1, A, D)], {"limits": Limits(0, Seconds(FINAL - 1))}, "limits.*: first expiry 10000 instead of 9999"),
        ([edge(1, A, D)], {"amount": 0}, "0 cannot be paid"),
        ([edge(1, A, B), edge(1, B, A)], {"payee": A, "first": name(1)}, "to oneself"),
        ([edge(1, A, B), edge(1, B, A)], {"payee": A, "first": name(1), "last": name(1)}, "to oneself"),
    ],
)
def test_where_there_is_no_way_it_says_why(edges: list[Edge], rules: dict[str, Any], says: str) -> None:
    with pytest.raises(NoWay, match=says):
        way(edges, **rules)


# -- what has happened before


def test_a_failure_fades_by_half_lives() -> None:
    memory = FailureMemory(Seconds(100))
    memory.note_failure(name(1), A, 50, NOW)
    chances = [memory.probability(name(1), A, 50, Seconds(NOW + after)) for after in (0, 100, 200, 100_000)]
    assert chances == pytest.approx([0, UNKNOWN / 2, UNKNOWN * 3 / 4, UNKNOWN])
    assert memory.probability(name(1), A, 51, NOW) == 0, "more fails too"
    others = (name(1), A, 49), (name(1), B, 50), (name(2), A, 50)
    assert [memory.probability(*other, NOW) for other in others] == [UNKNOWN] * 3


def test_a_success_fades_too() -> None:
    memory = FailureMemory(Seconds(100))
    memory.note_success(name(1), A, 50, NOW)
    chances = [memory.probability(name(1), A, 50, Seconds(NOW + after)) for after in (0, 100, 100_000)]
    assert chances == pytest.approx([LIKELY, (LIKELY + UNKNOWN) / 2, UNKNOWN])
    assert memory.probability(name(1), A, 1, NOW) == LIKELY, "less passes too"
    others = (name(1), A, 51), (name(1), B, 50), (name(2), A, 50)
    assert [memory.probability(*other, NOW) for other in others] == [UNKNOWN] * 3


def test_what_comes_later_counts() -> None:
    memory = FailureMemory()
    memory.note_success(name(1), A, 50, NOW)
    memory.note_failure(name(1), A, 40, NOW)
    assert [memory.probability(name(1), A, amount, NOW) for amount in (39, 40, 50)] == [LIKELY, 0, 0]
    memory.note_success(name(1), A, 45, NOW)
    assert [memory.probability(name(1), A, amount, NOW) for amount in (39, 45, 46)] == [LIKELY, LIKELY, 0]
    memory.note_failure(name(1), A, 45, NOW)
    assert memory.probability(name(1), A, 45, Seconds(NOW + 600)) == pytest.approx(UNKNOWN / 2), "it never passed"
    memory.note_success(name(1), A, 45, NOW)
    assert memory.probability(name(1), A, 45, NOW) == LIKELY


def test_of_failures_the_least_counts_while_it_is_fresh_and_of_successes_the_greatest() -> None:
    for after, known in ((99, True), (100, False)):
        memory = FailureMemory(Seconds(100))
        memory.note_failure(name(1), A, 50, NOW)
        memory.note_failure(name(1), A, 80, then := Seconds(NOW + after))
        memory.note_success(name(2), A, 80, NOW)
        memory.note_success(name(2), A, 50, then)
        assert memory.probability(name(1), A, 80, then) == 0
        assert memory.probability(name(1), A, 50, then) == (0 if known else UNKNOWN)
        assert memory.probability(name(2), A, 50, then) == LIKELY
        assert memory.probability(name(2), A, 80, then) == (LIKELY if known else UNKNOWN)
    memory.note_failure(name(1), A, 20, then)
    memory.note_success(name(2), A, 90, then)
    assert memory.probability(name(1), A, 20, then) == 0
    assert memory.probability(name(2), A, 90, then) == LIKELY


def test_a_node_fails_with_all_its_edges_until_one_works() -> None:
    memory = FailureMemory()
    memory.note_success(name(1), A, 50, NOW)
    memory.note_node_failure(A, NOW)
    assert [memory.probability(name(number), A, 1, NOW) for number in (1, 2)] == [0, 0]
    assert memory.probability(name(1), B, 1, NOW) == UNKNOWN
    assert memory.probability(name(2), A, 1, Seconds(NOW + 600)) == pytest.approx(UNKNOWN / 2)
    memory.note_success(name(2), A, 50, NOW)
    assert memory.probability(name(3), A, 1, NOW) == UNKNOWN


def test_the_oldest_is_dropped_where_there_is_no_room() -> None:
    memory = FailureMemory(most=2)
    for number in (1, 2, 1, 3):
        memory.note_failure(name(number), A, 1, NOW)
        memory.note_success(name(number), B, 1, NOW)
    assert [memory.probability(name(number), A, 1, NOW) for number in (1, 2, 3)] == [0, UNKNOWN, 0]
    assert [memory.probability(name(number), B, 1, NOW) for number in (1, 2, 3)] == [LIKELY, UNKNOWN, LIKELY]
    memory.note_node_failure(C, NOW)
    assert memory.probability(name(1), A, 1, NOW) == UNKNOWN


def test_a_clock_that_was_put_back_makes_nothing_less_than_impossible() -> None:
    memory = FailureMemory()
    memory.note_failure(name(1), A, 1, NOW)
    assert memory.probability(name(1), A, 1, Seconds(0)) == 0


@pytest.mark.parametrize("wrong", [{"half_life": Seconds(0)}, {"most": 0}])
def test_a_memory_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="more than 0"):
        FailureMemory(**wrong)


def test_what_failed_is_left_out_then_shunned_then_taken_again() -> None:
    fee = AMOUNT // 100
    edges, memory = [edge(1, A, B), edge(2, B, D), edge(3, B, D, fee_base=fee)], FailureMemory()
    memory.note_failure(name(2), B, AMOUNT, NOW)
    assert names(way(edges, memory=memory)) == [1, 3]
    assert names(way(edges, amount=AMOUNT - 1, memory=memory)) == [1, 2], "less may pass"
    with pytest.raises(NoWay, match="just failed: try again later"):
        way(edges[:2], memory=memory, now=Seconds(NOW + 14))
    soon, late = Seconds(NOW + 60), Seconds(NOW + 600)
    assert names(way(edges[:2], memory=memory, now=soon)) == [1, 2], "at a price"
    assert names(way(edges, memory=memory, now=soon)) == [1, 3]
    assert names(way(edges, memory=memory, now=late)) == [1, 2]


def test_a_node_that_failed_is_gone_around() -> None:
    edges, memory = [edge(1, A, B), edge(2, B, D), edge(3, A, C), edge(4, C, D, fee_base=9)], FailureMemory()
    assert names(way(edges, memory=memory)) == [1, 2]
    memory.note_node_failure(B, NOW)
    assert names(way(edges, memory=memory)) == [3, 4]
