"""Random programs on engine, stepper, revm and py-evm, with steps judged by the contracts. `make fuzz` goes on."""

import pytest

from tests.conformance.fuzz import cases, run
from tests.support.verifier import Verifier

SEEDS = 60
SAMPLE = 12


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier()


@pytest.mark.parametrize("first", range(0, SEEDS, 10))
def test_random_programs_end_alike_on_four_machines(verifier: Verifier, first: int) -> None:
    judged = sum(
        run(setting, SAMPLE, verifier, dice) for seed in range(first, first + 10) for setting, dice in cases(seed)
    )
    assert judged > 200
