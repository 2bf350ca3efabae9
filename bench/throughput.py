"""Transactions a second through JSON-RPC, send to included, on Tandem's L2 and on anvil, by the same client."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.client import Client, Rate, sign
from localnet import LocalNet
from localnet.network import BIN, START_TIMEOUT, answers
from localnet.process import Child
from story.stage import ETHER, ROOT, Layer
from tandem.l1.contracts import L1, checksum, connect
from tandem.l1.signer import development_account
from tandem.primitives.hashing import address_word, keccak, word
from tandem.primitives.secp256k1 import address_of
from tandem.primitives.types import Address

SENDERS = 20
RECIPIENTS = 200
TOKEN = ROOT / "node_modules" / "@uniswap" / "v2-core" / "build" / "ERC20.json"
TRANSFER = keccak(b"transfer(address,uint256)")[:4]
ETH_GAS, TOKEN_GAS = 100_000, 200_000
MAX_FEE = 10**10


@dataclass(frozen=True, slots=True)
class Result:
    """Both kinds of transfer on one chain."""

    ether: Rate
    token: Rate


class Workload:
    """The same senders, recipients and amounts for every chain."""

    def __init__(self, seed: int = 1) -> None:
        source = random.Random(seed)
        self.secrets = [keccak(b"bench sender %d" % index) for index in range(SENDERS)]
        self.senders = [address_of(secret) for secret in self.secrets]
        self.recipients = [Address(source.randbytes(20)) for _ in range(RECIPIENTS)]
        self._source = source

    def ether(self, chain_id: int, count: int, first_nonce: int) -> list[bytes]:
        """Transfers of ETH, senders in turn."""
        return [
            sign(
                self.secrets[index % SENDERS],
                chain_id,
                first_nonce + index // SENDERS,
                self._source.choice(self.recipients),
                self._source.randrange(1, 10**15),
                b"",
                ETH_GAS,
                MAX_FEE,
            )
            for index in range(count)
        ]

    def token(self, chain_id: int, count: int, first_nonce: int, token: Address) -> list[bytes]:
        """Transfers of an ERC-20, senders in turn."""
        return [
            sign(
                self.secrets[index % SENDERS],
                chain_id,
                first_nonce + index // SENDERS,
                token,
                0,
                TRANSFER + address_word(self._source.choice(self.recipients)) + word(self._source.randrange(1, 10**15)),
                TOKEN_GAS,
                MAX_FEE,
            )
            for index in range(count)
        ]


def run(url: str, layer: Layer, workload: Workload, ether_count: int, token_count: int) -> Result:
    """Fund, deploy, send. The senders have ETH already."""
    owner = development_account(3)
    contract, _ = layer.deploy(owner, TOKEN, 10**30)
    for sender in workload.senders:
        layer.call(owner, contract.functions.transfer(checksum(sender), 10**24))
    token = Address(bytes.fromhex(contract.address[2:]))
    client = Client(url)
    raw = workload.ether(layer.chain_id, ether_count, 0)
    ether = client.measure(raw, workload.senders, ether_count // SENDERS)
    raw = workload.token(layer.chain_id, token_count, ether_count // SENDERS, token)
    tokens = client.measure(raw, workload.senders, (ether_count + token_count) // SENDERS)
    return Result(ether, tokens)


def fund_l2(net: LocalNet, receivers: Sequence[Address]) -> None:
    """Give ETH on L2 to `receivers` by deposits from L1."""
    contracts = L1(connect(net.l1_url), net.deployment.l1)
    layer = Layer("L1", contracts.web3)
    owner = development_account(3)
    for receiver in [Address(bytes.fromhex(owner.address[2:])), *receivers]:
        call = contracts.bridge.functions.depositETH(checksum(receiver), 100_000, b"")
        layer.call(owner, call, 100 * ETHER)


def start_anvil(folder: Path, port: int, receivers: Sequence[Address]) -> tuple[Child, str]:
    """The peer: anvil with a block a quarter of a second, as our sequencer, and room for everything."""
    url = f"http://127.0.0.1:{port}"
    command = [str(BIN / "anvil"), "--port", str(port), "--silent", "--block-time", "0.25", "--hardfork", "prague"]
    child = Child("peer", [*command, "--gas-limit", "60000000"], folder / "logs" / "peer.log")
    child.wait_until(lambda: answers(url), START_TIMEOUT)
    client = Client(url)
    for receiver in receivers:
        client.call("anvil_setBalance", "0x" + receiver.hex(), hex(100 * ETHER))
    return child, url
