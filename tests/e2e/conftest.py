"""Real processes: anvil, `ape run deploy`, the sequencer, the challenger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from localnet import LocalNet, Ports


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNet]:
    """A whole network of its own for each module."""
    with LocalNet(tmp_path_factory.mktemp("net"), Ports.free()) as running:
        running.start_l1()
        running.deploy()
        running.start_sequencer("--batch-age", "1000")
        running.start_challenger()
        yield running


@pytest.fixture
def empty_folder(tmp_path: Path) -> Path:
    """A folder with nothing in it."""
    return tmp_path
