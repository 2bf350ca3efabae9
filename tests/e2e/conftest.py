"""Real processes: anvil, `ape run deploy`, the sequencer, the challenger."""

from collections.abc import Iterator

import pytest

from localnet import LocalNet, Ports
from tests.support.battle import Battle
from tests.support.network import Harness
from tests.support.observer import Observer


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


@pytest.fixture(scope="module")
def battle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Battle]:
    """A network for a module's attackers, with a challenger that plays and no one else who asserts."""
    with LocalNet(tmp_path_factory.mktemp("net"), Ports.free()) as running:
        running.start_l1()
        running.deploy()
        running.start_sequencer("--batch-age", "500", "--no-asserter")
        running.start_challenger(play=True)
        with Observer(running.deployment, running.l1_url, running.folder / "observer") as observer:
            yield Battle(running, observer)
        Harness(running).assert_money()
