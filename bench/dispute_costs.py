"""What a dispute costs, from the committed snapshot and the presets, beside what others have published."""

import json
import math

from rich.console import Console
from rich.table import Table

from bench.machine import SNAPSHOT
from scripts.deploy import PRESETS
from story.stage import ETHER
from tandem.machine.trace import STEP_DEPTH
from tandem.rollup.assertions import TRACE_DEPTH

GAS = SNAPSHOT.with_name("gas.json")
TRANSACTION_GAS = 21_000
MOVES = {"createAssertion": 1, "bisect, the dearest": TRACE_DEPTH + STEP_DEPTH, "openSteps": 1, "prove": 1}
"""Of the honest side against one false root, at full depth: name in the snapshot -> times."""
OP_STACK_DEPTH = 73
OP_STACK_GAS = (400_000, 300_000_000)
"""Gas that OP Stack's bonds stand for at the top and at the bottom, growing by the same factor from move to move, at
OP_STACK_PRICE wei (specs.optimism.io, bond incentives)."""
OP_STACK_PRICE = 200 * 10**9
BOLD_BOND = 3_600
"""ETH that an assertion on Arbitrum One carries (docs.arbitrum.io, chain parameters)."""
DAVE_GAS = {"halving": 65_175, "opening": 237_531, "last step": 102_728}
"""Of Cartesi's Dave: ADVANCE_MATCH, SEAL_INNER_MATCH_AND_CREATE_INNER_TOURNAMENT, WIN_LEAF_MATCH (cartesi/dave,
Gas.sol), without the transaction. All its moves are between 57,355 and 237,531."""


def show_costs(console: Console) -> None:
    """Print the tables."""
    snapshot = json.loads(GAS.read_text())
    gas = {name.removeprefix("dispute: "): value for name, value in snapshot.items() if name.startswith("dispute: ")}
    console.print(_moves(gas))
    console.print(_peers(gas))


def _moves(gas: dict[str, int]) -> Table:
    """Execution alone: calldata is in what a fight shows."""
    table = Table("call", "gas", "times", title="One false root at full depth (snapshots/gas.json, without calldata)")
    for name, used in gas.items():
        times = MOVES.get(name)
        table.add_row(name, f"{used + TRANSACTION_GAS:,}", "" if times is None else str(times))
    total = sum(times * (gas[name] + TRANSACTION_GAS) for name, times in MOVES.items())
    table.add_row("all moves, at most", f"{total:,}", str(sum(MOVES.values())))
    return table


def _peers(gas: dict[str, int]) -> Table:
    table = Table("", "Tandem", "other", "other / Tandem", title="Beside what others have published")
    preset = PRESETS["production"]
    bond, step_bond = preset.bond / ETHER, preset.step_bond / ETHER
    rows: tuple[tuple[str, float, str, float], ...] = (
        ("bond of an assertion, ETH", bond, "Arbitrum BoLD", BOLD_BOND),
        ("bonds of both sides on one way to the last step, ETH", 2 * (bond + step_bond), "OP Stack", op_stack_bonds()),
        ("moves of both sides on that way", 2 * sum(MOVES.values()) - 1, "OP Stack", OP_STACK_DEPTH + 2),
        ("gas of a halving, the dearest", gas["bisect, the dearest"], "Dave", DAVE_GAS["halving"]),
        ("gas of opening the next level", gas["openSteps"], "Dave", DAVE_GAS["opening"]),
        ("gas of a last step, a toy's here", gas["prove"], "Dave", DAVE_GAS["last step"]),
    )
    for what, ours, who, theirs in rows:
        table.add_row(what, f"{ours:,.0f}", f"{who}: {theirs:,.0f}", f"{theirs / ours:.2f}")
    return table


def op_stack_bonds() -> float:
    """ETH, of all moves from the root claim to the deepest, both sides' together."""
    first, last = OP_STACK_GAS
    growth = float(last / first)
    gas = sum(first * math.pow(growth, depth / OP_STACK_DEPTH) for depth in range(OP_STACK_DEPTH + 1))
    return gas * OP_STACK_PRICE / ETHER
