"""The L1 that contract tests share: deployed once, and what a test does to it is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tandem.chain.predeploys import X402
from tandem.l1.contracts import checksum
from tests.contracts.table import Duel
from tests.contracts.world import World, place_contract, taken_back


@pytest.fixture(autouse=True)
def isolated(project: Any) -> Iterator[None]:
    """Each test finds the chain as fixtures of wider scopes have made it.

    ape sets up a function's fixtures in the order in which they are found: those of test files come after this one,
    those of this file have to ask for it.
    """
    with taken_back():
        yield


@pytest.fixture(scope="session")
def deployer(accounts: Any) -> Any:
    return accounts[0]


@pytest.fixture(scope="session")
def sequencer(accounts: Any) -> Any:
    return accounts[1]


@pytest.fixture(scope="session")
def alice(accounts: Any) -> Any:
    return accounts[2]


@pytest.fixture(scope="session")
def bob(accounts: Any) -> Any:
    return accounts[3]


@pytest.fixture(scope="session")
def world(project: Any, deployer: Any, sequencer: Any) -> World:
    return World(project, deployer, sequencer)


@pytest.fixture(scope="session")
def small_world(project: Any, accounts: Any) -> World:
    """With traces of eight states."""
    return World(project, accounts[4], accounts[6], heights=(3, 3))


@pytest.fixture
def duel(isolated: None, small_world: World, alice: Any, bob: Any) -> Duel:
    return Duel(small_world, alice, bob)


@pytest.fixture(scope="session")
def inbox(world: World) -> Any:
    return world.inbox


@pytest.fixture(scope="session")
def rollup(world: World) -> Any:
    return world.rollup


@pytest.fixture(scope="session")
def bridge(world: World) -> Any:
    return world.bridge


@pytest.fixture(scope="session")
def token_bridge(world: World) -> Any:
    return world.token_bridge


@pytest.fixture(scope="session")
def harness(project: Any, deployer: Any) -> Any:
    return deployer.deploy(project.LibHarness)


@pytest.fixture(scope="session")
def caller(project: Any, deployer: Any) -> Any:
    """A contract that calls what it is told to."""
    return deployer.deploy(project.Caller)


@pytest.fixture(scope="session")
def channel_manager(project: Any, deployer: Any) -> Any:
    return deployer.deploy(project.ChannelManager, deployer.deploy(project.AppRegistry))


@pytest.fixture(scope="session")
def payment_token(project: Any, deployer: Any) -> Any:
    """A token with EIP-3009."""
    return deployer.deploy(project.PaymentToken)


@pytest.fixture
def settlement(isolated: None, project: Any) -> Any:
    """x402's BatchSettlement where clients look for it, by its runtime code alone, as a genesis puts it there."""
    return place_contract(checksum(X402["BatchSettlement"]), project.BatchSettlement)


@pytest.fixture(scope="session")
def pull(project: Any, deployer: Any) -> Any:
    """One of its collectors, which fetches by allowance."""
    return deployer.deploy(project.PullCollector)
