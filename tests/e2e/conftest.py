"""Real processes: anvil, `ape run deploy`, the sequencer, the challenger."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from web3 import Web3

from localnet import LocalNet, Ports
from localnet.network import BIN, START_TIMEOUT, answers
from localnet.process import Child
from tandem.l1.contracts import connect
from tests.support.battle import Battle
from tests.support.channel_net import ChannelNet, channel_net
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


@pytest.fixture(scope="session")
def channel_l1(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChannelNet]:
    """An L1 with contracts for all who test channel nodes there: each with nodes of its own."""
    with channel_net(tmp_path_factory.mktemp("l1")) as net:
        yield net


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Web3]:
    """An L1 alone that makes a block for each transaction, and when it is told to."""
    port = Ports.free().l1
    child = Child("anvil", [str(BIN / "anvil"), "--port", str(port), "--silent"], tmp_path / "anvil.log")
    child.wait_until(lambda: answers(f"http://127.0.0.1:{port}"), START_TIMEOUT)
    yield connect(f"http://127.0.0.1:{port}")
    child.stop()
