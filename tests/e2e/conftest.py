"""Real processes: anvil, `ape run deploy`, the sequencer, the challenger."""

from collections.abc import Iterator

import pytest

from localnet import LocalNet, Ports
from tests.support.network import Harness


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNet]:
    """A whole network of its own for each module. At its end, escrow equals supply after every block there was."""
    with LocalNet(tmp_path_factory.mktemp("net"), Ports.free()) as running:
        running.start_l1()
        running.deploy()
        running.start_sequencer("--batch-age", "1000")
        running.start_challenger()
        yield running
        Harness(running).assert_money()
