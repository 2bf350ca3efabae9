"""The L1 contracts as web3 contract objects. Their ABIs are exported from the compiled sources (`make abi`)."""

import json
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

import requests
import structlog
from eth_abi.exceptions import DecodingError
from eth_typing import ChecksumAddress
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.exceptions import Web3Exception

from tandem.chain.spec import L1Contracts
from tandem.errors import ConfigError
from tandem.machine.modes import Prover
from tandem.primitives.hashing import keccak

ABI_FOLDER = Path(__file__).parent / "abi"
CONTRACTS = (
    "Inbox",
    "Rollup",
    "Bridge",
    "TokenBridge",
    "Machine",
    "DisputeGame",
    "ChannelManager",
    "AppRegistry",
    "BatchSettlement",
)
"""Those whose errors are told by name."""
PROVERS = tuple("".join(part.capitalize() for part in prover.name.split("_")) for prover in Prover)
"""The contracts behind Machine, by their number. They are called through it alone; its ABI has their errors."""
RETRY = 2.0
"""Seconds between two tries to reach L1 on start."""
REQUEST_TIMEOUT = 20
"""Seconds that one L1 request may take."""
NONSENSE = (ValueError, TypeError, AttributeError, LookupError, DecodingError)
"""What web3 raises where an answer is no JSON, or says something else than was asked for."""
NO_ANSWER = (requests.RequestException, OSError, Web3Exception, *NONSENSE)
"""What it raises where there is no answer, or none that can be used."""


def connect(url: str) -> Web3:
    """A web3 connection to the JSON-RPC at `url`."""
    return Web3(HTTPProvider(url, request_kwargs={"timeout": REQUEST_TIMEOUT}))


@cache
def abi(name: str) -> Any:
    """The ABI of a contract of ours."""
    return json.loads((ABI_FOLDER / f"{name}.json").read_text())


@cache
def _error_names() -> dict[str, str]:
    """Selector -> signature of our contracts' custom errors."""
    names = {}
    for name in CONTRACTS:
        for entry in abi(name):
            if entry["type"] == "error":
                signature = f"{entry['name']}({','.join(item['type'] for item in entry['inputs'])})"
                names["0x" + keccak(signature.encode())[:4].hex()] = signature
    return names


def explain(error: Exception) -> str:
    """What a contract said when it reverted: the custom error's signature where it is one of ours."""
    data = getattr(error, "data", None)
    if isinstance(data, str) and data[:10] in _error_names():
        return f"{_error_names()[data[:10]]} {data[10:]}".strip()
    return str(error)


def checksum(address: bytes) -> ChecksumAddress:
    """An address as web3 wants it."""
    return Web3.to_checksum_address(address)


class L1:
    """One chain's contracts on L1."""

    def __init__(self, web3: Web3, contracts: L1Contracts) -> None:
        self.web3 = web3
        self.addresses = contracts
        self.inbox = self._contract("Inbox", contracts.inbox)
        self.rollup = self._contract("Rollup", contracts.rollup)
        self.bridge = self._contract("Bridge", contracts.bridge)
        self.token_bridge = self._contract("TokenBridge", contracts.token_bridge)
        self.machine = self._contract("Machine", contracts.machine)
        self.game = self._contract("DisputeGame", contracts.dispute_game)

    def check_chain(self, stopping: Event) -> None:
        """ConfigError where the connection is to another L1 than the one the chain was deployed on. Waits for L1."""
        while True:
            try:
                actual = self.web3.eth.chain_id
                break
            except (requests.RequestException, OSError) as error:
                structlog.get_logger("l1").warning("L1 does not answer", error=str(error), retry_in=RETRY)
                if stopping.wait(RETRY):
                    return
        if actual != self.addresses.chain_id:
            raise ConfigError(f"the L1 answers with chain id {actual}, the chain settles on {self.addresses.chain_id}")

    def _contract(self, name: str, address: bytes) -> Contract:
        return self.web3.eth.contract(address=checksum(address), abi=abi(name))
