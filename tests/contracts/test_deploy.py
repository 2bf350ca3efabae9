"""What `ape run deploy` deploys, and that it finds out where the contracts are not what the deployment file says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import ape
import click
import pytest

from scripts.deploy import ETHER, PRESETS, Preset, check, deploy, deploy_channels, genesis_state
from tandem.chain.genesis import genesis_header
from tandem.chain.predeploys import X402
from tandem.chain.spec import ChainParameters, Deployment, GenesisAccount
from tandem.l1.contracts import checksum
from tandem.machine.trace import STEP_DEPTH
from tandem.primitives.types import Address
from tandem.rollup.assertions import TRACE_DEPTH
from tandem.state.tables import StateTables
from tests.support.chain import CHAIN_ID

PRESET = PRESETS["production"]


class Deployed(NamedTuple):
    deployment: Deployment
    contracts: dict[str, Any]
    sequencer: Address

    def check(self, preset: Preset = PRESET, **others: Any) -> None:
        """With other contracts in place of some."""
        state = genesis_state(self.deployment.parameters, self.deployment.genesis)
        check(self.deployment, preset, self.sequencer, state, self.contracts | others)


@pytest.fixture(scope="module")
def deployed(project: Any, accounts: Any) -> Deployed:
    sequencer = Address(bytes.fromhex(accounts[8].address[2:]))
    deployment, contracts = deploy(accounts[7], PRESET, ChainParameters(CHAIN_ID), sequencer, sequencer)
    return Deployed(deployment, contracts, sequencer)


def test_production(deployed: Deployed) -> None:
    rollup, game = deployed.contracts["Rollup"], deployed.contracts["DisputeGame"]
    assert (rollup.bond(), game.stepBond(), game.challengeWindow()) == (10 * ETHER, ETHER, 7 * 24 * 3_600)
    assert (game.traceHeight(), game.stepHeight()) == (TRACE_DEPTH, STEP_DEPTH)
    assert game.verifier() == deployed.contracts["Machine"].address
    assert (rollup.disputeGame(), game.rollup()) == (game.address, rollup.address)
    deployed.check()


def test_blocks_are_judged_by_the_parameters_that_genesis_commits_to(deployed: Deployed) -> None:
    header = genesis_header(deployed.deployment.parameters, deployed.deployment.genesis, StateTables())
    assert bytes(deployed.contracts["Blocks"].configHash()) == header.parent_hash


def test_the_deployment_file_has_all_of_it(deployed: Deployed, tmp_path: Path) -> None:
    deployed.deployment.save(tmp_path / "deployment.json")
    assert Deployment.load(tmp_path / "deployment.json") == deployed.deployment
    assert deployed.deployment.l1.dispute_game == bytes.fromhex(deployed.contracts["DisputeGame"].address[2:])


def test_contracts_of_another_chain_are_found_out(deployed: Deployed, project: Any, accounts: Any) -> None:
    owner, contracts = accounts[7], deployed.contracts
    parameters = (CHAIN_ID + 1, 30_000_000, 6, 250, 10**8, 16, 600, True)
    with pytest.raises(click.ClickException, match="the genesis block's parent hash"):
        deployed.check(Blocks=owner.deploy(project.Blocks, parameters))
    with pytest.raises(click.ClickException, match="the batches prover's inbox"):
        deployed.check(Batches=owner.deploy(project.Batches, owner))
    rollup, machine = contracts["Rollup"], contracts["Machine"]
    low = owner.deploy(project.DisputeGame, rollup, machine, TRACE_DEPTH, 20, PRESET.challenge_window, ETHER)
    with pytest.raises(click.ClickException, match="the game's heights"):
        deployed.check(DisputeGame=low)
    elsewhere = owner.deploy(
        project.DisputeGame, rollup, machine, TRACE_DEPTH, STEP_DEPTH, PRESET.challenge_window, ETHER
    )
    rollup = owner.deploy(project.Rollup, contracts["Inbox"], elsewhere, PRESET.bond, (bytes(32),) * 3 + (0, 0))
    with pytest.raises(click.ClickException, match="the rollup's dispute game"):
        deployed.check(Rollup=rollup)


def test_terms_of_another_preset_are_found_out(deployed: Deployed) -> None:
    with pytest.raises(click.ClickException, match="the bond"):
        deployed.check(PRESETS["development"])


def test_channels_have_the_same_code_at_the_same_address_on_l2(deployed: Deployed) -> None:
    for name in ("ChannelManager", "AppRegistry", "TicTacToe"):
        address = Address(bytes.fromhex(deployed.contracts[name].address[2:]))
        code = bytes(ape.chain.provider.get_code(deployed.contracts[name].address))
        assert deployed.deployment.genesis.accounts[address].code == code != b""


def test_x402s_contracts_are_in_the_genesis_of_l2_alone(deployed: Deployed, project: Any) -> None:
    """Where released clients look for them. No CREATE2 of ours makes these addresses."""
    for name, address in X402.items():
        runtime = getattr(project, name).contract_type.runtime_bytecode.bytecode
        assert deployed.deployment.genesis.accounts[address] == GenesisAccount(nonce=1, code=bytes.fromhex(runtime[2:]))
        assert ape.chain.provider.get_code(checksum(address)) == b""
        assert name not in deployed.contracts


def test_channels_are_deployed_once_for_all_chains(deployed: Deployed, accounts: Any) -> None:
    owner = accounts[7]
    nonce = owner.nonce
    again = deploy_channels(owner)
    assert {name: contract.address for name, contract in again.items()} == {
        name: deployed.contracts[name].address for name in again
    }
    assert owner.nonce == nonce
    with pytest.raises(click.ClickException, match="the channel manager's registry"):
        deployed.check(ChannelManager=owner.deploy(ape.project.ChannelManager, owner))
