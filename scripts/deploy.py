"""`ape run deploy`: deploy Tandem's L1 contracts and write the deployment file that every daemon reads.

    ape run deploy                                   dry run on ape's ephemeral chain
    ape run deploy --network ethereum:devnet         on the devnet's L1
    ape run deploy --network ... --account ALIAS --preset production --sequencer ADDRESS

No contract has an owner: what is set here is set for good, and printed.
"""

from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import ape
import click
import rlp
from ape.cli import ConnectedProviderCommand
from eth_account import Account
from rich.console import Console
from rich.table import Table

from tandem.chain.deterministic import create2_address, deployment_call, without_fingerprint
from tandem.chain.genesis import genesis_header
from tandem.chain.predeploys import CREATE2_DEPLOYER, CREATE2_DEPLOYER_CODE, PREDEPLOYS, X402, genesis_accounts
from tandem.chain.spec import ChainParameters, Deployment, Genesis, L1Contracts
from tandem.l1.contracts import PROVERS
from tandem.machine.trace import STEP_DEPTH
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_HASH, Address, Seconds
from tandem.rollup.assertions import TRACE_DEPTH, Opening, State
from tandem.state.account import EMPTY_ACCOUNT
from tandem.state.database import HistoricalState
from tandem.state.tables import StateTables

ETHER = 10**18


@dataclass(frozen=True, slots=True)
class Preset:
    """What differs between a chain to play with and one to keep money on."""

    challenge_window: int
    """Seconds that an assertion must stand unrivalled."""
    force_inclusion_delay: int
    """Seconds after which anyone can force a message in."""
    bond: int
    """Wei that an assertion carries."""
    step_bond: int
    """Wei that a level-1 root carries in a dispute."""


PRESETS = {
    "development": Preset(3_600, 600, bond=ETHER, step_bond=ETHER // 10),
    "production": Preset(7 * 86_400, 86_400, bond=10 * ETHER, step_bond=ETHER),
}
PROXY_TRANSACTION = (
    "0xf8a58085174876e800830186a08080b853604580600e600039806000f350fe"
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
    "3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
    "1ba02222222222222222222222222222222222222222222222222222222222222222"
    "a02222222222222222222222222222222222222222222222222222222222222222"
)
"""What makes the deterministic deployment proxy, signed by nobody (Arachnid's deterministic-deployment-proxy)."""
PROXY_MAKER = str(Account.recover_transaction(PROXY_TRANSACTION))
"""Its sender."""
PROXY_COST = 10**16
"""Wei: 100,000 gas at the 100 gwei that the transaction pays."""
EVERYWHERE = ("AppRegistry", "ChannelManager", "TicTacToe")
"""What stands at the same address on every chain."""
DEVELOPMENT_SEQUENCER = 1
"""Account of the development mnemonic that sequences where no --sequencer is given; `python -m sequencer` has it."""


@click.command(cls=ConnectedProviderCommand)
@click.option("--preset", type=click.Choice(list(PRESETS)), default="development", show_default=True)
@click.option("--account", "alias", help="Alias of the deploying ape account (development chains: test account 0).")
@click.option("--sequencer", help="Address that may post batches (development chains: test account 1).")
@click.option("--fee-recipient", help="L1 address that the L2 fee vault pays (default: the sequencer).")
@click.option("--chain-id", type=int, default=42069, show_default=True, help="Chain id of the L2.")
@click.option("--l1-data-gas", type=int, default=16, show_default=True, help="L1 gas charged per transaction byte.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("devnet/deployment.json"), show_default=True)
def cli(
    preset: str,
    alias: str | None,
    sequencer: str | None,
    fee_recipient: str | None,
    chain_id: int,
    l1_data_gas: int,
    out: Path,
) -> None:
    """Deploy the L1 contracts of a new chain."""
    console = Console(highlight=False)
    network = ape.networks.active_provider.network
    deployer = _deployer(alias, network.is_dev or network.chain_id in (1337, 31337))
    if sequencer is None:
        if alias is not None:
            raise click.UsageError("--sequencer is needed with --account: it can never be changed later")
        sequencer = ape.accounts.test_accounts[DEVELOPMENT_SEQUENCER].address
    chosen = PRESETS[preset]
    parameters = ChainParameters(chain_id=chain_id, data_gas_per_byte=l1_data_gas)  # type: ignore[arg-type]
    deployment, contracts = deploy(
        deployer, chosen, parameters, _address(sequencer), _address(fee_recipient or sequencer)
    )
    _show(console, network.name, chosen, parameters, sequencer, contracts)
    if network.name == "local":
        console.print("This chain ends with this command: no deployment file was written.")
        return
    deployment.save(out)
    console.print(f"Deployment written to [bold]{out}[/bold]. Next: python -m sequencer --deployment {out}")


def deploy(
    deployer: Any, preset: Preset, parameters: ChainParameters, sequencer: Address, fee_recipient: Address
) -> tuple[Deployment, dict[str, Any]]:
    """Deploy all contracts. They name one another, so their addresses are computed before the first is there."""
    project = ape.project
    channels = deploy_channels(deployer)
    others = {_address(contract.address): _code_at(contract.address) for contract in channels.values()}
    others |= {address: bytes.fromhex(_runtime(project, name)) for name, address in X402.items()}
    nonce = deployer.nonce
    names = ("Inbox", "Bridge", "TokenBridge", "Rollup", *PROVERS, "Machine", "DisputeGame")
    at = {name: _created_by(_address(deployer.address), nonce + index) for index, name in enumerate(names)}
    head = ape.chain.blocks.head
    codes = {name: bytes.fromhex(_runtime(project, name)) for name in PREDEPLOYS}
    genesis = Genesis(Seconds(head.timestamp), genesis_accounts(codes, at["TokenBridge"], fee_recipient, others))
    state = genesis_state(parameters, genesis)
    arguments = _arguments(at, preset, parameters, sequencer, state)
    contracts = {}
    for name in names:
        contracts[name] = deployer.deploy(getattr(project, name), *arguments.get(name, ()))
        if _address(contracts[name].address) != at[name]:
            raise click.ClickException(f"{name} is not at the computed address: did {deployer.address} send meanwhile?")
    contracts |= channels
    l1 = L1Contracts(
        chain_id=ape.chain.chain_id,
        inbox=at["Inbox"],
        rollup=at["Rollup"],
        bridge=at["Bridge"],
        token_bridge=at["TokenBridge"],
        machine=at["Machine"],
        dispute_game=at["DisputeGame"],
        channel_manager=_address(channels["ChannelManager"].address),
        app_registry=_address(channels["AppRegistry"].address),
        tic_tac_toe=_address(channels["TicTacToe"].address),
        start_block=head.number + 1,
        force_inclusion_delay=Seconds(preset.force_inclusion_delay),
        challenge_window=Seconds(preset.challenge_window),
    )
    deployment = Deployment(parameters, genesis, l1)
    check(deployment, preset, sequencer, state, contracts)
    return deployment, contracts


def deploy_channels(deployer: Any) -> dict[str, Any]:
    """The contracts of payment channels, where they are on every chain. What is there already stays."""
    registry = _deploy_everywhere(deployer, "AppRegistry", b"")
    manager = _deploy_everywhere(deployer, "ChannelManager", bytes(12) + _address(registry.address))
    game = _deploy_everywhere(deployer, "TicTacToe", b"")
    return dict(zip(EVERYWHERE, (registry, manager, game), strict=True))


def _deploy_everywhere(deployer: Any, name: str, arguments: bytes) -> Any:
    """By the deterministic deployment proxy. `arguments`: of the constructor, ABI-encoded."""
    container = getattr(ape.project, name)
    creation = bytes.fromhex(container.contract_type.deployment_bytecode.bytecode.removeprefix("0x"))
    init_code = without_fingerprint(creation) + arguments
    address = _hex(create2_address(init_code))
    if not _code_at(address):
        _require_proxy(deployer)
        deployer.transfer(_hex(CREATE2_DEPLOYER), 0, data=deployment_call(init_code))
    if not _code_at(address):
        raise click.ClickException(f"{name} did not get to {address}: the deterministic deployment proxy made nothing")
    return container.at(address)


def _require_proxy(deployer: Any) -> None:
    """Public chains and anvil have the proxy. Elsewhere its maker's transaction brings it (Nick's method)."""
    if _code_at(_hex(CREATE2_DEPLOYER)) == CREATE2_DEPLOYER_CODE:
        return
    deployer.transfer(PROXY_MAKER, PROXY_COST)
    ape.chain.provider.web3.eth.send_raw_transaction(PROXY_TRANSACTION)
    if _code_at(_hex(CREATE2_DEPLOYER)) != CREATE2_DEPLOYER_CODE:
        raise click.ClickException("this chain does not take the deterministic deployment proxy's transaction")


def _code_at(address: str) -> bytes:
    return bytes(ape.chain.provider.get_code(address))


def _arguments(
    at: dict[str, Address], preset: Preset, parameters: ChainParameters, sequencer: Address, state: State
) -> dict[str, tuple[Any, ...]]:
    """What the constructors that take anything take. `at`: where each contract will be."""
    return {
        "Inbox": (_hex(at["Bridge"]), _hex(sequencer), preset.force_inclusion_delay),
        "Bridge": (_hex(at["Inbox"]), _hex(at["Rollup"])),
        "TokenBridge": (_hex(at["Bridge"]), _hex(at["Inbox"])),
        "Rollup": (
            _hex(at["Inbox"]),
            _hex(at["DisputeGame"]),
            preset.bond,
            (state.block_hash, state.state_root, state.withdrawal_root, state.batches, state.messages),
        ),
        "Messages": (_hex(at["Inbox"]),),
        "Batches": (_hex(at["Inbox"]),),
        "Blocks": (astuple(parameters),),
        "Machine": ([_hex(at[name]) for name in PROVERS],),
        "DisputeGame": (
            _hex(at["Rollup"]),
            _hex(at["Machine"]),
            TRACE_DEPTH,
            STEP_DEPTH,
            preset.challenge_window,
            preset.step_bond,
        ),
    }


def genesis_state(parameters: ChainParameters, genesis: Genesis) -> State:
    """The state that the rollup starts from."""
    tables = StateTables()
    header = genesis_header(parameters, genesis, tables)
    passer = HistoricalState(tables, header.state_root).account(PREDEPLOYS["MessagePasser"]) or EMPTY_ACCOUNT
    return State(header.hash, header.state_root, passer.storage_root, 0, 0)


def check(deployment: Deployment, preset: Preset, sequencer: Address, state: State, contracts: dict[str, Any]) -> None:
    """The contracts say of themselves what the deployment file will say of them: nothing here can be changed later."""
    l1 = deployment.l1
    inbox, rollup, game = contracts["Inbox"], contracts["Rollup"], contracts["DisputeGame"]
    wired: dict[str, tuple[Any, Any]] = {
        "the inbox's bridge": (inbox.bridge(), _hex(l1.bridge)),
        "the inbox's sequencer": (inbox.sequencer(), _hex(sequencer)),
        "the force-inclusion delay": (inbox.forceInclusionDelay(), l1.force_inclusion_delay),
        "the bridge's inbox": (contracts["Bridge"].inbox(), _hex(l1.inbox)),
        "the bridge's rollup": (contracts["Bridge"].rollup(), _hex(l1.rollup)),
        "the token bridge's bridge": (contracts["TokenBridge"].bridge(), _hex(l1.bridge)),
        "the token bridge's inbox": (contracts["TokenBridge"].inbox(), _hex(l1.inbox)),
        "the rollup's inbox": (rollup.inbox(), _hex(l1.inbox)),
        "the rollup's dispute game": (rollup.disputeGame(), _hex(l1.dispute_game)),
        "the bond": (rollup.bond(), preset.bond),
        "the genesis assertion": (bytes(rollup.genesis()), Opening(ZERO_HASH, state, ZERO_HASH, ZERO_HASH).id()),
        "the messages prover's inbox": (contracts["Messages"].inbox(), _hex(l1.inbox)),
        "the batches prover's inbox": (contracts["Batches"].inbox(), _hex(l1.inbox)),
        "the genesis block's parent hash": (
            bytes(contracts["Blocks"].configHash()),
            genesis_header(deployment.parameters, deployment.genesis, StateTables()).parent_hash,
        ),
        "the game's rollup": (game.rollup(), _hex(l1.rollup)),
        "the game's verifier": (game.verifier(), _hex(l1.machine)),
        "the game's heights": ((game.traceHeight(), game.stepHeight()), (TRACE_DEPTH, STEP_DEPTH)),
        "the challenge window": (game.challengeWindow(), l1.challenge_window),
        "the bond of a level-1 root": (game.stepBond(), preset.step_bond),
        "the channel manager's registry": (contracts["ChannelManager"].outcomes(), _hex(l1.app_registry)),
    }
    for number, name in enumerate(PROVERS):
        wired[f"prover {number}"] = (contracts["Machine"].prover(number), contracts[name].address)
    for what, (found, expected) in wired.items():
        if found != expected:
            raise click.ClickException(f"{what} is {found!r} where {expected!r} belongs: do not use these contracts")


def _deployer(alias: str | None, is_development: bool) -> Any:
    if alias is not None:
        return ape.accounts.load(alias)
    if not is_development:
        raise click.UsageError("--account ALIAS is needed here: development accounts are for development chains only")
    return ape.accounts.test_accounts[0]


def _runtime(project: Any, name: str) -> str:
    code: str = getattr(project, name).contract_type.runtime_bytecode.bytecode
    return code.removeprefix("0x")


def _created_by(deployer: Address, nonce: int) -> Address:
    return Address(keccak(rlp.encode([deployer, nonce]))[12:])


def _address(value: str) -> Address:
    return Address(bytes.fromhex(value.removeprefix("0x")))


def _hex(value: bytes) -> str:
    return str(ape.convert("0x" + value.hex(), ape.types.AddressType))


def _show(
    console: Console,
    network: str,
    preset: Preset,
    parameters: ChainParameters,
    sequencer: str,
    contracts: dict[str, Any],
) -> None:
    table = Table("what", "value", title=f"Tandem on {network}", title_justify="left")
    for name, contract in contracts.items():
        if name not in PROVERS:
            table.add_row(name, contract.address)
    own = (contract for name, contract in contracts.items() if name not in EVERYWHERE)
    gas = sum(contract.creation_metadata.receipt.gas_used for contract in own)
    table.add_row("gas of the deployment", f"{gas:,}, {len(PROVERS)} provers behind Machine included, channels not")
    table.add_row("sequencer", sequencer)
    table.add_row("L2 chain id", str(parameters.chain_id))
    table.add_row("challenge window", f"{preset.challenge_window:,} s")
    table.add_row("force-inclusion delay", f"{preset.force_inclusion_delay:,} s")
    table.add_row("assertion bond", f"{preset.bond / ETHER:g} ETH")
    table.add_row("step bond", f"{preset.step_bond / ETHER:g} ETH")
    table.add_row("L2 block gas limit", f"{parameters.gas_limit:,}")
    table.add_row("L2 base fee floor", f"{parameters.min_base_fee:,} wei")
    table.add_row("L1 gas charged per byte", str(parameters.data_gas_per_byte))
    console.print(table)
