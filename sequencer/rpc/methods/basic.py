"""web3_, net_ and what of eth_ depends on no block."""

import platform
from typing import Any

from sequencer.rpc import params
from sequencer.rpc.api import Api
from sequencer.rpc.encode import data
from sequencer.rpc.registry import plain, read
from tandem.chain.spec import FEE_VAULT
from tandem.primitives.hashing import keccak
from tandem.store import ReadSession

VERSION = f"Tandem/v0.1.0/python{platform.python_version()}"


@plain("web3_clientVersion")
def client_version(_api: Api) -> str:
    """Name and version."""
    return VERSION


@plain("web3_sha3")
def sha3(_api: Api, content: Any) -> str:
    """keccak-256 of the data."""
    return data(keccak(params.data(content, "argument 0")))


@plain("net_version")
def net_version(api: Api) -> str:
    """The chain id in decimal."""
    return str(api.parameters.chain_id)


@plain("net_listening")
def net_listening(_api: Api) -> bool:
    """It listens, or nobody would get this answer."""
    return True


@plain("net_peerCount")
def net_peer_count(_api: Api) -> str:
    """Tandem has no peer-to-peer network: nodes follow L1."""
    return "0x0"


@plain("eth_chainId")
def chain_id(api: Api) -> str:
    """EIP-695."""
    return hex(api.parameters.chain_id)


@plain("eth_syncing")
def syncing(_api: Api) -> bool:
    """A sequencer makes the blocks that it serves, so it is never behind."""
    return False


@plain("eth_mining")
def mining(_api: Api) -> bool:
    """Blocks are made as transactions come."""
    return True


@plain("eth_hashrate")
def hashrate(_api: Api) -> str:
    """There is no proof of work."""
    return "0x0"


@plain("eth_accounts")
def accounts(_api: Api) -> list[str]:
    """This node holds no keys."""
    return []


@plain("eth_coinbase")
def coinbase(_api: Api) -> str:
    """The fee vault."""
    return data(FEE_VAULT)


@read("eth_blockNumber")
def block_number(_api: Api, session: ReadSession) -> str:
    """The number of the last block."""
    return hex(session.head_number())
