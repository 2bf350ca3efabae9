"""Fixtures of the sequencer's tests."""

from collections.abc import Iterator

import pytest

from tests.unit.sequencer.node import Node, start, stop


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One node for a module's tests."""
    made = start(tmp_path_factory.mktemp("node"))
    yield made
    stop(made)
