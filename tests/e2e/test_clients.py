"""The clients that people use: ethers, web3.py and ape deploy and use contracts on L2."""

import json
import subprocess
from pathlib import Path
from typing import Any

import ape
import pytest

from localnet import LocalNet
from story.stage import ETHER, ROOT
from tests.support.network import USERS, Harness

pytestmark = pytest.mark.e2e
TOKEN = ROOT / "node_modules" / "@uniswap" / "v2-core" / "build" / "ERC20.json"


def test_ethers_deploys_and_uses_a_contract(net: LocalNet) -> None:
    harness = Harness(net)
    harness.deposit(USERS[0], 5 * ETHER)
    script = Path(__file__).parent / "clients" / "ethers_client.mjs"
    command = ["node", str(script), net.l2_url, USERS[0].key.to_0x_hex(), str(TOKEN)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "chainId": 42069,
        "balance": 5,
        "estimateCovers": True,
        "events": 1,
        "refusal": "CALL_EXCEPTION",
        "ether": 7,
        "typeTwo": True,
        "isInItsBlock": True,
        "fees": True,
    }


def test_ape_deploys_and_uses_a_contract(net: LocalNet) -> None:
    harness = Harness(net)
    with ape.networks.parse_network_choice(f"rollup:devnet:{net.l2_url}") as provider:
        assert provider.chain_id == 42069
        owner, other = ape.accounts.test_accounts[3], ape.accounts.test_accounts[4]
        harness.deposit(USERS[0], 5 * ETHER)
        token = owner.deploy(_container(json.loads(TOKEN.read_text())), 1000)
        receipt = token.transfer(other, 5, sender=owner)
        assert token.balanceOf(other) == 5
        [event] = receipt.events
        assert (event.event_name, event.value) == ("Transfer", 5)
        with ape.reverts():
            token.transfer(other, 10_000, sender=owner)
        assert ape.chain.blocks.head.number == harness.l2.web3.eth.block_number


def _container(artifact: dict[str, Any]) -> Any:
    contract_type = {
        "contractName": "ERC20",
        "abi": artifact["abi"],
        "deploymentBytecode": {"bytecode": "0x" + artifact["bytecode"].removeprefix("0x")},
    }
    from ape.contracts import ContractContainer
    from ethpm_types import ContractType

    return ContractContainer(ContractType.model_validate(contract_type))


def test_web3_py_reads_blocks_with_deposits_in_them(net: LocalNet) -> None:
    harness = Harness(net)
    harness.deposit(USERS[1], ETHER)
    numbers = range(harness.l2.web3.eth.block_number + 1)
    blocks = [harness.l2.web3.eth.get_block(number, full_transactions=True) for number in numbers]
    [deposit] = [item for block in blocks for item in block["transactions"] if item["from"] == USERS[1].address]
    assert deposit["type"] == 0x7E
    receipt = harness.l2.web3.eth.get_transaction_receipt(deposit["hash"])
    assert receipt["status"] == 1 and receipt["effectiveGasPrice"] == 0
