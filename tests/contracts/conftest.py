"""The L1 that contract tests share. ape takes back what a test did to the chain, so these are deployed once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.table import Duel
from tests.contracts.world import World


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
def duel(small_world: World, alice: Any, bob: Any) -> Duel:
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
