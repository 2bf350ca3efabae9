"""Edges, ways through them, and the states that a trace begins and ends with."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.deploy import PRESETS, deploy
from tandem.chain.spec import ChainParameters
from tandem.disputes.edges import INFINITE, Edge, Level
from tandem.machine.modes import Mode
from tandem.machine.structures import Cursor, State
from tandem.machine.trace import STEP_DEPTH, first_boundary
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address
from tandem.rollup.assertions import TRACE_DEPTH
from tandem.rollup.trace_tree import TraceTree
from tests.contracts.world import World
from tests.parity.test_hashes import headers
from tests.parity.values import PROPERTY, hashes32, uint64
from tests.support.chain import CHAIN_ID
from tests.support.toy_machine import Claim

edges = st.builds(Edge, hashes32, st.sampled_from(Level), st.integers(0, 255), uint64, hashes32, hashes32)


@pytest.fixture(scope="session")
def disputes(project: Any, deployer: Any) -> Any:
    return deployer.deploy(project.DisputeHarness)


@PROPERTY
@given(edges)
def test_edge(disputes, edge):
    place, digest = disputes.names(astuple(edge))
    assert (bytes(place), bytes(digest)) == (edge.place, edge.id)


@PROPERTY
@given(st.lists(hashes32, min_size=1, max_size=16), st.data(), hashes32, st.sampled_from(Level))
def test_way(disputes, leaves, data, start, level):
    claim = Claim(keccak(start), level, start, TraceTree(b"".join(leaves), 4))
    top = data.draw(st.integers(0, 4))
    end = data.draw(st.integers(0, top))
    index = data.draw(st.integers(0, (1 << (4 - end)) - 1))
    on, beside = disputes.walk(astuple(claim.edge(top, index >> (top - end))), astuple(claim.path(end, index, top)))
    for height, (place, digest, behind) in enumerate(on, end):
        edge = claim.edge(height, index >> (height - end))
        assert (bytes(place), bytes(digest)) == (edge.place, edge.id)
        if height != top:
            sibling = claim.edge(height, edge.index ^ 1)
            there = beside[height - end]
            assert (bytes(there[0]), bytes(there[1])) == (sibling.place, sibling.id)
            kept = (behind, there[2]) if edge.index % 2 == 0 else (there[2], behind)
            right = sibling if edge.index % 2 == 0 else edge
            assert [bytes(place) for place in kept] == [right.place, bytes(32)], "a left child is kept behind itself"


@PROPERTY
@given(headers, uint64, uint64, uint64)
def test_boundaries(disputes, header, batches, target, messages):
    header = replace(header, messages_consumed=messages)
    first = first_boundary(header, batches, target)
    state = State(first.mode, first.block, first.cursor)
    assert bytes(disputes.firstBoundary(header.hash, batches, target, messages)) == state.hash()
    halted = State(Mode.HALTED, header, Cursor(target, target, messages))
    assert bytes(disputes.lastBoundary(header.hash, target, messages)) == halted.hash()


@pytest.mark.parametrize("preset", PRESETS)
def test_heights_are_those_of_the_traces(project: Any, accounts: Any, preset: str) -> None:
    address = Address(bytes.fromhex(accounts[8].address[2:]))
    _, contracts = deploy(accounts[7], PRESETS[preset], ChainParameters(CHAIN_ID), address, address)
    game = contracts["DisputeGame"]
    assert (game.traceHeight(), game.stepHeight(), game.INFINITE()) == (TRACE_DEPTH, STEP_DEPTH, INFINITE)


def test_the_worlds_heights_are_those_too(world: World) -> None:
    assert (world.game.traceHeight(), world.game.stepHeight()) == (TRACE_DEPTH, STEP_DEPTH) == world.heights
