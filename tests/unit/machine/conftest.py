"""What the tests of the machine's steps share."""

import pytest

from tests.unit.machine.support import Provers


@pytest.fixture(scope="session")
def provers() -> Provers:
    """The prover contracts on one EVM in process."""
    return Provers()
