"""What judging a step costs: usually, and at worst. Compared with snapshots/machine.json.

A difference is not wrong, but it is reviewed. Regenerate with

TANDEM_SNAPSHOTS=update pytest tests/unit/machine/test_costs.py

Gas is a call of the prover with its calldata, without the 21,000 of a transaction (costs.py). The worst steps are those
that `python -m tests.unit.machine.worst` found.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tandem.machine.modes import Prover
from tandem.machine.opcodes import OPCODES
from tandem.machine.stepper import BLOCK_END, KINDS, MESSAGE_LOAD, TX_BEGIN, execute
from tests.support.solidity import compile_contracts
from tests.unit.machine.costs import Cost, cost, dispatch_gas
from tests.unit.machine.on_inbox import OneChain, make_chain
from tests.unit.machine.support import CONTRACTS
from tests.unit.machine.typical import batch_steps, family, instructions, judge, kinds, usual_chain
from tests.unit.machine.worst.search import FOUND, LIMIT, WORST, found

SNAPSHOT = Path(__file__).parents[3] / "snapshots" / "machine.json"
COMMAND = "TANDEM_SNAPSHOTS=update pytest tests/unit/machine/test_costs.py"
SIZE_LIMIT = 24_576
"""EIP-170, bytes."""
USUAL_GAS, USUAL_WITNESS = 150_000, 4_096
"""What an instruction stays below."""
DEARER = {"SSTORE": (USUAL_GAS, 5_120)}
"""But one: SSTORE opens account and slot in two states, now and when the transaction began: 4.9 KB of witness."""
STEP_GAS, STEP_WITNESS = 300_000, 8_192
"""What any other usual step stays below."""


def compare(part: str, measured: Mapping[str, int], *, whole: bool = True) -> None:
    """Compare a part of the snapshot, or some entries of it, with what was measured now."""
    committed = json.loads(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}
    before = committed.get(part, {})
    if os.environ.get("TANDEM_SNAPSHOTS") == "update":
        committed[part] = dict(measured) if whole else before | measured
        SNAPSHOT.write_text(json.dumps(committed, indent=2, sort_keys=True) + "\n")
        return
    names = before.keys() | measured.keys() if whole else measured.keys()
    differences = {
        name: (before.get(name), measured.get(name)) for name in names if before.get(name) != measured.get(name)
    }
    assert not differences, f"{part} changed (committed, measured): {differences}. If intended: {COMMAND}"


def compare_costs(part: str, costs: Mapping[str, Cost], *, whole: bool = True) -> None:
    """Compare gas and bytes."""
    compare(f"{part} gas", {name: item.gas for name, item in costs.items()}, whole=whole)
    compare(f"{part} witness bytes", {name: item.witness for name, item in costs.items()}, whole=whole)


def dearest(costs: dict[str, Cost], name: str, item: Cost) -> None:
    """Keep the dearest of a name."""
    if name not in costs or costs[name].gas < item.gas:
        costs[name] = item


@pytest.fixture(scope="module")
def usual() -> OneChain:
    return usual_chain()


def test_sizes() -> None:
    names = [*CONTRACTS.values(), "Machine"]
    sizes = {name: len(compile_contracts(f"machine/{name}.sol")[name].runtime) for name in names}
    assert {name: size for name, size in sizes.items() if size >= SIZE_LIMIT} == {}
    compare("sizes", sizes)


def test_every_instruction_is_cheap(usual: OneChain) -> None:
    costs: dict[str, Cost] = {}
    dear = {}
    for name, machine, prover in instructions():
        item = cost(usual.provers, usual.provers.check(machine, prover, execute))
        dearest(costs, family(name), item)
        gas, witness = DEARER.get(name.split(",")[0], (USUAL_GAS, USUAL_WITNESS))
        if item.gas > gas or item.witness > witness:
            dear[name] = item
    assert dear == {}
    assert costs.keys() >= {family(opcode.name) for opcode in OPCODES if opcode is not None}
    compare_costs("usual instruction", costs)


def test_every_other_step_is_cheap(usual: OneChain) -> None:
    costs: dict[str, Cost] = {}
    for name, proven in batch_steps(usual):
        dearest(costs, name, cost(usual.provers, proven))
    for name, build in kinds().items():
        costs[name] = cost(usual.provers, judge(usual.provers, build()))
    assert {name: item for name, item in costs.items() if item.gas > STEP_GAS or item.witness > STEP_WITNESS} == {}
    measured = {name.split(",")[0] for name in costs}
    assert measured == {kind.name for kind in (*KINDS.values(), MESSAGE_LOAD, TX_BEGIN, BLOCK_END)}
    compare_costs("usual step", costs)


@pytest.mark.parametrize("name", WORST)
def test_the_worst_step_fits_an_l1_transaction(name: str) -> None:
    """The dearest that the search found, by itself and through the dispatcher."""
    chain = make_chain()  # each on an inbox of its own: what is in it is on the witness
    item, proven = WORST[name].measure(chain, found()[name])
    assert item.gas + dispatch_gas(chain.provers, proven) <= LIMIT
    compare_costs("worst", {name: item}, whole=False)


def test_worst_steps_are_of_every_kind() -> None:
    studied = {name.split(",")[0] for name in WORST}
    assert studied >= {kind.name for kind in (*KINDS.values(), MESSAGE_LOAD, TX_BEGIN, BLOCK_END)} - {"PRECOMPILE"}
    precompiles = {name for name in WORST if name.startswith("PRECOMPILE")}
    assert len(precompiles) == 10
    heavy = (Prover.STORAGE, Prover.CALLS)
    assert studied >= {opcode.name for opcode in OPCODES if opcode is not None and opcode.prover in heavy}
    assert found().keys() == WORST.keys(), f"search for those that {FOUND.name} has not"
    snapshot = json.loads(SNAPSHOT.read_text())
    assert snapshot["worst gas"].keys() == snapshot["worst witness bytes"].keys() == WORST.keys()


@pytest.mark.parametrize("levels", [160, 255])
def test_no_depth_of_a_tree_is_too_much(levels: int) -> None:
    """Paths that no one can make: five full ones of 255 siblings in a step would still fit."""
    numbers = found()["SSTORE"] | {"levels": levels, "shared": 0}
    assert WORST["SSTORE"].measure(make_chain(), numbers)[0].gas <= LIMIT
