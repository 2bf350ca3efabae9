"""What both sides are given: values of the protocol's types, with their extremes."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tandem.inbox.queues import L1Context

PROPERTY = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def integers(bits: int) -> st.SearchStrategy[int]:
    return st.one_of(st.sampled_from([0, 1, 2**bits - 1]), st.integers(0, 2**bits - 1))


uint64 = integers(64)
uint256 = integers(256)
addresses = st.one_of(st.sampled_from([bytes(20), b"\xff" * 20]), st.binary(min_size=20, max_size=20))
hashes32 = st.one_of(st.sampled_from([bytes(32), b"\xff" * 32]), st.binary(min_size=32, max_size=32))
contexts = st.builds(L1Context, uint64, hashes32, uint64, uint256)


def context_arguments(context: L1Context) -> tuple[object, ...]:
    return (context.number, context.hash, context.timestamp, context.base_fee)
