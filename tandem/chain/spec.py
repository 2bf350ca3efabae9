"""What makes one chain this chain: its parameters, its genesis state, and where it settles on L1.

A deployment is one JSON file (`ape run deploy` writes it); every program reads it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tandem.errors import ConfigError
from tandem.evm.rules import TRANSACTION_GAS_CAP
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import Address, Gas, Hash, Seconds, Wei

FEE_VAULT = Address(bytes.fromhex("5400000000000000000000000000000000000004"))
MESSAGE_PASSER = Address(bytes.fromhex("5400000000000000000000000000000000000001"))
TOKEN_FACTORY = Address(bytes.fromhex("5400000000000000000000000000000000000002"))
L1_INFO = Address(bytes.fromhex("5400000000000000000000000000000000000003"))

DEVELOPMENT_CHAIN_IDS = frozenset({1337, 31337, 42069})
"""Only on these are development keys, development methods and cheating allowed."""

PARAMETER_LIMIT = 2**64
"""Every parameter is below: then no product that a proof makes of them outgrows 256 bits (protocol.md, section 2)."""
GENESIS_SUPPLY_LIMIT = 2**128
"""The genesis balances sum to less, wei. All ether of L1 on top, and still no balance comes near 2^256."""


@dataclass(frozen=True, slots=True)
class ChainParameters:
    """The parameters of protocol.md, section 2 and 6. Their hash is the parent hash of the genesis block."""

    chain_id: int
    gas_limit: Gas = Gas(30_000_000)
    elasticity: int = 6
    """Target gas of a block = gas limit / elasticity."""
    base_fee_denominator: int = 250
    """Largest relative change of the base fee a block: (elasticity - 1) / denominator."""
    min_base_fee: Wei = Wei(100_000_000)
    data_gas_per_byte: Gas = Gas(16)
    """L1 gas that a byte of a transaction is charged for; 0 switches the L1 data cost off."""
    max_drift: Seconds = Seconds(600)
    """How far a block's time may be ahead of the L1 time of its batch."""
    allow_unprotected: bool = True
    """Whether transactions signed without a chain id are accepted (the CREATE2 deployer's needs it)."""

    def __post_init__(self) -> None:
        for item in fields(self):
            if not 0 <= getattr(self, item.name) < PARAMETER_LIMIT:
                raise ConfigError(f"{item.name} is not in 0 to 2^64 - 1: some block might be beyond proof")
        if self.gas_limit < TRANSACTION_GAS_CAP:
            raise ConfigError(f"the block gas limit is below {TRANSACTION_GAS_CAP}: a message might fit no block")
        if not 1 <= self.elasticity <= self.gas_limit or self.base_fee_denominator < 1:
            raise ConfigError("elasticity and base fee denominator must be at least 1")

    def config_hash(self) -> Hash:
        """keccak over the parameters as words, in the order of their fields."""
        return keccak(b"".join(word(int(getattr(self, item.name))) for item in fields(self)))


@dataclass(frozen=True, slots=True)
class GenesisAccount:
    """An account of the genesis state."""

    balance: Wei = Wei(0)
    nonce: int = 0
    code: bytes = b""
    storage: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Genesis:
    """The state before the first block."""

    timestamp: Seconds
    accounts: Mapping[Address, GenesisAccount]


@dataclass(frozen=True, slots=True)
class L1Contracts:
    """Where the chain settles."""

    chain_id: int
    inbox: Address
    rollup: Address
    bridge: Address
    token_bridge: Address
    machine: Address
    """Judges single steps of the chain (machine.md)."""
    dispute_game: Address
    """Decides between rival assertions (disputes.md)."""
    channel_manager: Address
    """Payment channels. On L2 they stand at the same address."""
    app_registry: Address
    """Application sessions in channels, and the same of it."""
    tic_tac_toe: Address
    """An app to play, and the same of it."""
    start_block: int
    """L1 block from which on the inbox has events."""
    force_inclusion_delay: Seconds
    """The inbox's: how long a message may be left out."""
    challenge_window: Seconds
    """The dispute game's: how long an assertion must stand unrivalled."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A chain and its contracts on L1."""

    parameters: ChainParameters
    genesis: Genesis
    l1: L1Contracts

    def __post_init__(self) -> None:
        supply = sum(account.balance for account in self.genesis.accounts.values())
        if supply >= GENESIS_SUPPLY_LIMIT:
            raise ConfigError("the genesis balances sum to 2^128 wei or more: a deposit to one might be beyond proof")

    @property
    def is_development(self) -> bool:
        """Whether development keys and methods are allowed: both chain ids are development chains."""
        return self.parameters.chain_id in DEVELOPMENT_CHAIN_IDS and self.l1.chain_id in DEVELOPMENT_CHAIN_IDS

    def save(self, path: Path) -> None:
        """Write as JSON: bytes as 0x-hex."""
        content = {
            "parameters": asdict(self.parameters),
            "l1": {key: _hex(value) for key, value in asdict(self.l1).items()},
            "genesis": {
                "timestamp": self.genesis.timestamp,
                "accounts": {
                    _hex(address): {
                        "balance": account.balance,
                        "nonce": account.nonce,
                        "code": _hex(account.code),
                        "storage": {hex(slot): hex(value) for slot, value in account.storage},
                    }
                    for address, account in self.genesis.accounts.items()
                },
            },
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Deployment":
        """Read what `save` wrote. ConfigError where the file is missing or not such a file."""
        try:
            content = json.loads(path.read_text())
        except FileNotFoundError:
            raise ConfigError(
                f"no deployment file at {path}: run `ape run deploy` first, or pass --deployment"
            ) from None
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} is not a readable JSON file: {error}") from error
        try:
            return _deployment(content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"{path} is not a deployment file ({error!r}): run `ape run deploy` again") from error


def _deployment(content: dict[str, Any]) -> Deployment:
    l1 = content["l1"]
    accounts = {
        Address(_bytes(address)): GenesisAccount(
            balance=Wei(entry["balance"]),
            nonce=entry["nonce"],
            code=_bytes(entry["code"]),
            storage=tuple((int(slot, 16), int(value, 16)) for slot, value in entry["storage"].items()),
        )
        for address, entry in content["genesis"]["accounts"].items()
    }
    return Deployment(
        parameters=ChainParameters(**content["parameters"]),
        genesis=Genesis(Seconds(content["genesis"]["timestamp"]), accounts),
        l1=L1Contracts(
            chain_id=l1["chain_id"],
            inbox=Address(_bytes(l1["inbox"])),
            rollup=Address(_bytes(l1["rollup"])),
            bridge=Address(_bytes(l1["bridge"])),
            token_bridge=Address(_bytes(l1["token_bridge"])),
            machine=Address(_bytes(l1["machine"])),
            dispute_game=Address(_bytes(l1["dispute_game"])),
            channel_manager=Address(_bytes(l1["channel_manager"])),
            app_registry=Address(_bytes(l1["app_registry"])),
            tic_tac_toe=Address(_bytes(l1["tic_tac_toe"])),
            start_block=l1["start_block"],
            force_inclusion_delay=Seconds(l1["force_inclusion_delay"]),
            challenge_window=Seconds(l1["challenge_window"]),
        ),
    )


def _hex(value: object) -> object:
    return "0x" + value.hex() if isinstance(value, bytes) else value


def _bytes(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x"))
