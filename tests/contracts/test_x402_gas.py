"""What x402's channels cost on chain: in snapshots/x402.json without what all transactions pay, in the aims with it."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils import keccak

from examples.paid_api.scheme import COLLECTOR
from tandem.l1.contracts import checksum
from tests.contracts.test_snapshots import compare, execution_gas
from tests.contracts.world import pass_time, place_contract
from tests.contracts.x402_table import DELAY, Line, sign_batch

AMOUNT = 10**6
BATCH = 10
AIMS = {
    "deposit, first": 170_000,
    "claim, each of ten": 30_000,
    "settle": 75_000,
    "claim and refund": 125_000,
}
"""Gas, all in all, at most."""


@pytest.fixture
def gas(settlement: Any, project: Any, accounts: Any) -> dict[str, tuple[int, int]]:
    """What -> gas without and with what every transaction pays."""
    owner, alice, bob, authorizer, deployer = (accounts[at] for at in (9, 2, 3, 7, 0))
    collector = place_contract(checksum(COLLECTOR), project.Erc3009Collector)
    token = owner.deploy(project.PaymentToken)
    token.mint(alice, 100 * AMOUNT, sender=owner)
    measured: dict[str, tuple[int, int]] = {}

    def measure(name: str, receipt: Any, parts: int = 1) -> None:
        measured[name] = execution_gas(receipt) // parts, receipt.gas_used // parts

    def deposit(line: Line, salt: int) -> Any:
        data = line.authorize(AMOUNT, salt, collector=collector)
        return settlement.deposit(line.abi, AMOUNT, collector, data, sender=deployer)

    def claim(lines: list[Line], total: int) -> Any:
        rows = [line.row(total, total) for line in lines]
        return settlement.claimWithSignature(rows, sign_batch(lines, rows, authorizer), sender=deployer)

    lines = [Line(settlement, token, alice, bob, authorizer, salt=keccak(b"%d" % at)) for at in range(BATCH)]
    one = lines[0]
    measure("deposit, first", deposit(one, 0))
    measure("deposit, later", deposit(one, 1))
    for line in lines[1:]:
        deposit(line, 0)
    measure("claim, first", claim([one], 100))
    measure("claim, later", claim([one], 200))
    measure("claim, nothing new", claim([one], 200))
    measure("claim, each of ten", claim(lines, 400), BATCH)
    measure("settle", settlement.settle(bob, token, sender=deployer))
    claim(lines, 600)
    measure("settle, later", settlement.settle(bob, token, sender=deployer))
    measure("refund", lines[1].refund(1_000, deployer))
    rows = [lines[2].row(800, 800)]
    calls = [
        settlement.claimWithSignature.encode_input(rows, sign_batch([lines[2]], rows, authorizer)),
        settlement.refundWithSignature.encode_input(lines[2].abi, AMOUNT, 0, lines[2].sign_refund(AMOUNT, 0)),
    ]
    measure("claim and refund", settlement.multicall(calls, sender=deployer))
    measure("initiateWithdraw", settlement.initiateWithdraw(one.abi, AMOUNT, sender=alice))
    pass_time(DELAY)
    measure("finalizeWithdraw", settlement.finalizeWithdraw(one.abi, sender=alice))
    return measured


def test_is_as_committed_and_within_its_aims(gas: dict[str, tuple[int, int]]) -> None:
    print({name: with_all for name, (_, with_all) in gas.items()})
    assert {name: gas[name][1] for name, aim in AIMS.items() if gas[name][1] > aim} == {}
    compare("x402", {name: without for name, (without, _) in gas.items()})
