"""Solidity's side of each encoding, as contracts to call."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.world import World


@pytest.fixture(scope="session")
def deployer(accounts: Any) -> Any:
    return accounts[0]


@pytest.fixture(scope="session")
def libraries(project: Any, deployer: Any) -> Any:
    return deployer.deploy(project.LibHarness)


@pytest.fixture(scope="session")
def hashes(project: Any, deployer: Any) -> Any:
    return deployer.deploy(project.HashHarness)


@pytest.fixture(scope="session")
def world(project: Any, deployer: Any, accounts: Any) -> World:
    return World(project, deployer, accounts[1])
