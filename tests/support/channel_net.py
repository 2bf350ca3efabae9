"""Networks with channel nodes, for end-to-end tests: times are scaled down, so that minutes become seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eth_account import Account

from localnet import LocalNet, Ports
from localnet.channel_node import ChannelNode, TowerNode
from story.stage import ETHER, Layer
from tandem.l1.contracts import abi, checksum, connect
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import address_of

SCALE = "0.004"
"""A window of production becomes 346 s, a final delta 13 s, a hop's 22 s; secrets go on chain 12 s before expiry."""


class ChannelNet:
    """L1, and L2 where it is wanted; nodes by their names, with keys and ether of their own."""

    def __init__(self, net: LocalNet, story: str = "") -> None:
        """`story`: tells nodes of the same name apart that live on one network."""
        self.net = net
        self.story = story
        self.l1 = Layer("L1", connect(net.l1_url))
        self.nodes: dict[str, ChannelNode] = {}

    def node(self, name: str, *arguments: str) -> ChannelNode:
        """A node that is still to be started."""
        options = ("--time-scale", SCALE, "--confirmations", "1", *arguments)
        self.nodes[name] = ChannelNode(self.net, self.story + name, self._key(name), *options)
        return self.nodes[name]

    def _key(self, name: str) -> bytes:
        """Of somebody with 1,000 ether on L1."""
        key = keccak(f"{self.story} {name}".encode())
        ask = self.l1.web3.provider.make_request
        ask("anvil_setBalance", [checksum(address_of(key)), hex(ether(1_000))])  # type: ignore[arg-type]
        return key

    def start(self, names: str, *arguments: str) -> list[ChannelNode]:
        """Some nodes at once."""
        found = [self.node(name, *arguments).launch() for name in names]
        for node in found:
            node.await_ready()
        return found

    def tower(self, *arguments: str) -> TowerNode:
        """A watchtower that runs."""
        options = ("--time-scale", SCALE, "--confirmations", "1", *arguments)
        return TowerNode(self.net, self._key("tower"), *options, name=f"{self.story}tower").start()

    def stop(self) -> None:
        """All that was started."""
        for node in self.nodes.values():
            if node.child is not None:
                node.stop()
        self.stop_tower()

    def stop_tower(self) -> None:
        """If there is one."""
        if f"{self.story}tower" in self.net.children:
            self.net.stop(f"{self.story}tower")

    def travel(self, seconds: int) -> None:
        """Move L1's clock forward."""
        provider = self.l1.web3.provider
        provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]
        provider.make_request("evm_mine", [])  # type: ignore[arg-type]


@contextmanager
def channel_net(folder: Path, *, with_l2: bool = False) -> Iterator[ChannelNet]:
    """A network; no process of it outlives the block."""
    with LocalNet(folder, Ports.free()) as net:
        net.start_l1()
        net.deploy()
        if with_l2:
            net.start_sequencer("--batch-age", "1000")
        yield ChannelNet(net)


def ether(amount: float) -> int:
    """In wei."""
    return int(amount * ETHER)


def fund_on_l2(world: ChannelNet, node: ChannelNode) -> None:
    """20 ether, from L1."""
    bridge, account = world.net.deployment.l1.bridge, Account.from_key(node.key)
    contract = world.l1.web3.eth.contract(address=checksum(bridge), abi=abi("Bridge"))
    world.l1.call(account, contract.functions.depositETH(account.address, 100_000, b""), ether(20))

    def has_ether() -> bool:
        [chain] = [chain for chain in node.get("/info")["chains"] if chain["name"] == "L2"]
        return int(chain["balance"]) > ether(10)

    node.wait("ether on L2", has_ether)
