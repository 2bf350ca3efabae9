"""Gas and bytecode size, compared with the committed snapshots.

A difference is not wrong, but it is reviewed. Regenerate with

TANDEM_SNAPSHOTS=update ape test tests/contracts/test_snapshots.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from eth_utils import keccak

from tests.contracts import tree_model
from tests.contracts.table import Table
from tests.contracts.test_lz4 import WORST
from tests.contracts.tree_model import EMPTY
from tests.contracts.world import (
    DELAY,
    MESSAGE_PASSER,
    TOKEN_FACTORY,
    WINDOW,
    L2State,
    Withdrawal,
    World,
    pass_time,
    place_contract,
    unalias,
)
from tests.support.toy_machine import lie_at

SNAPSHOTS = Path(__file__).parents[2] / "snapshots"
COMMAND = "TANDEM_SNAPSHOTS=update ape test tests/contracts/test_snapshots.py"
SIZE_LIMIT = 24_576  # EIP-170
TARGET = "0x000000000000000000000000000000000000bEEF"
DEPLOYED = [
    "Inbox",
    "Rollup",
    "DisputeGame",
    "Bridge",
    "TokenBridge",
    "MessagePasser",
    "TokenFactory",
    "L1Info",
    "FeeVault",
    "BridgedERC20",
    "BridgedERC721",
    "BatchSettlement",
    "Erc3009Collector",
]


def compare(name: str, measured: dict[str, int]) -> None:
    path = SNAPSHOTS / f"{name}.json"
    if os.environ.get("TANDEM_SNAPSHOTS") == "update":
        path.write_text(json.dumps(measured, indent=2, sort_keys=True) + "\n")
        return
    committed = json.loads(path.read_text())
    differences = {
        key: (committed.get(key), measured.get(key))
        for key in sorted(committed.keys() | measured.keys())
        if committed.get(key) != measured.get(key)
    }
    assert not differences, f"{name} changed (committed, measured): {differences}. If intended: {COMMAND}"


def execution_gas(receipt: Any) -> int:
    """Gas without what calldata costs, which varies with the zero bytes in hashes."""
    data = bytes(receipt.data)
    return receipt.gas_used - 21_000 - sum(16 if byte else 4 for byte in data)


@pytest.fixture
def lone(project: Any, accounts: Any) -> World:
    """A world of a deployer whose account nobody uses otherwise: its addresses are always the same."""
    return World(project, accounts[9], accounts[8])


class Measured(Table):
    """A game of which the gas of each move is noted."""

    def __init__(self, world: World, gas: dict[str, int]) -> None:
        super().__init__(world)
        self.gas = gas

    def note(self, name: str, receipt: Any) -> Any:
        """Of each kind the dearest, of bisections the cheapest too."""
        used = execution_gas(receipt)
        least = f"dispute: {name}, the cheapest"
        if name == "bisect":
            self.gas[least] = min(used, self.gas.get(least, used))
        most = f"dispute: {name}, the dearest" if name in ("bisect", "update") else f"dispute: {name}"
        self.gas[most] = max(used, self.gas.get(most, 0))
        return super().note(name, receipt)


def test_sizes(project: Any) -> None:
    sizes = {
        name: len(bytes.fromhex(getattr(project, name).contract_type.runtime_bytecode.bytecode[2:]))
        for name in DEPLOYED
    }
    assert {name: size for name, size in sizes.items() if size >= SIZE_LIMIT} == {}
    compare("sizes", sizes)


def test_gas(project: Any, lone: World, alice: Any, accounts: Any) -> None:
    gas: dict[str, int] = {}
    inbox, rollup, bridge, token_bridge, owner = lone.inbox, lone.rollup, lone.bridge, lone.token_bridge, accounts[9]

    def measure(name: str, receipt: Any) -> Any:
        gas[name] = execution_gas(receipt)
        return receipt

    inbox.sendMessage(TARGET, 100_000, b"", sender=alice)
    measure("Inbox.sendMessage, 100,000 L2 gas", inbox.sendMessage(TARGET, 100_000, b"", sender=alice))
    measure("Bridge.depositETH, 100,000 L2 gas", bridge.depositETH(TARGET, 100_000, b"", sender=alice, value=10**18))
    lone.batch()
    measure("Inbox.submitBatch, 3 bytes", inbox.submitBatch(b"\x00\x00\xc0", 3, sender=lone.sequencer))
    measure("Inbox.submitBatch, 96 KiB", inbox.submitBatch(b"\x01" * 98_304, 3, sender=lone.sequencer))
    pass_time(DELAY + 10)
    measure("Inbox.forceInclude", inbox.forceInclude(sender=alice))

    token = owner.deploy(project.OddERC20)
    token.mint(alice, 1_000, sender=alice)
    token.approve(token_bridge, 1_000, sender=alice)
    measure("TokenBridge.depositERC20", token_bridge.depositERC20(token, TARGET, 500, sender=alice))

    withdrawals = [Withdrawal(TARGET, nonce=n, value=1, gas_limit=50_000) for n in range(16)]
    release = bytes(token_bridge.releaseERC20.encode_input(token, TARGET, 100))
    withdrawals.append(Withdrawal(token_bridge.address, sender=TOKEN_FACTORY, gas_limit=100_000, data=release))
    required = rollup.requiredBatches(lone.genesis_id)
    assertion = lone.assertion(lone.genesis_id, L2State(withdrawals, batches=required))
    measure("Rollup.createAssertion", lone.create(assertion, alice))
    pass_time(WINDOW)
    measure("Rollup.confirmAssertion", rollup.confirmAssertion(assertion.id, sender=alice))
    measure("Rollup.claimBond", rollup.claimBond(assertion.id, sender=alice))
    for name, withdrawal in (("ETH", withdrawals[3]), ("ERC-20", withdrawals[-1])):
        proof = assertion.state.prove(withdrawal)
        receipt = bridge.finalizeWithdrawal(withdrawal.abi, assertion.abi, proof, sender=alice)
        measure(f"Bridge.finalizeWithdrawal, {name}", receipt)

    play(Measured(lone, gas), assertion.id, alice, accounts[3])

    harness = owner.deploy(project.LibHarness)
    tree = {keccak(bytes([i])): keccak(bytes([i, i])) for i in range(200)}
    key = keccak(bytes([7]))
    proof = tree_model.prove(tree, key)
    for name, value in (("write", keccak(b"new")), ("delete", EMPTY)):
        used = harness.updateGas(tree_model.root(tree), key, value, proof.abi, proof.deepest)
        gas[f"SparseMerkleTree.update, {name}, {len(proof.siblings)} siblings"] = used
    for name, data in WORST.items():
        gas[f"LZ4.decode, {name}"] = harness.lz4Gas(data, 262_144)[1]

    passer = place_contract(MESSAGE_PASSER, project.MessagePasser)
    measure("MessagePasser.initiateWithdrawal", passer.initiateWithdrawal(TARGET, 50_000, b"", sender=alice, value=1))
    tokens = int(unalias(owner.address), 16)
    factory = place_contract(TOKEN_FACTORY, project.TokenFactory, {0: tokens})
    for name, finalize, extra in (
        ("ERC20", factory.finalizeERC20Deposit, []),
        ("ERC721", factory.finalizeERC721Deposit, [1]),
    ):
        for which in ("first", "later"):
            arguments = [TARGET, alice, alice, 5 if which == "first" else 6, *extra, ("Token", "TOK", 18)]
            measure(f"TokenFactory.finalize{name}Deposit, {which}", finalize(*arguments, sender=owner))
    compare("gas", gas)


def play(table: Table, parent: bytes, alice: Any, bob: Any) -> None:
    """A game over trees of 20 and 26 levels, toy steps at its end."""
    world = table.world
    batches = world.rollup.requiredBatches(parent)
    world.batch(batches - world.inbox.batchCount())
    truth = world.assertion(parent, L2State(batches=batches), leaves=40)
    world.teach(truth)
    lie = world.assertion(parent, L2State(batches=batches), leaves=40, alter=lie_at(21, 0))
    liar, honest = table.sit(bob, lie), table.sit(alice, truth)
    table.play(honest, liar)
    pass_time(WINDOW)
    table.bring_up(honest)
    table.confirm(honest)
    table.settle(honest, lie)
    table.refund(honest)
    table.cash(honest)
