"""Networks with channel nodes, for end-to-end tests: times are scaled down, so that minutes become seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localnet import LocalNet, Ports
from localnet.channel_node import ChannelNode, TowerNode
from story.stage import ETHER, Layer
from tandem.l1.contracts import connect
from tandem.l1.signer import development_account

SCALE = "0.004"
"""A window of production becomes 346 s, a final delta 11 s, a hop's 22 s; secrets go on chain 11 s before expiry."""
TOWER_ACCOUNT = 9


class ChannelNet:
    """L1, and L2 where it is wanted; nodes by their names, account 3 for A, 4 for B and so on."""

    def __init__(self, net: LocalNet) -> None:
        self.net = net
        self.l1 = Layer("L1", connect(net.l1_url))
        self.nodes: dict[str, ChannelNode] = {}

    def node(self, name: str, *arguments: str) -> ChannelNode:
        """A node that is still to be started."""
        account = development_account(3 + "ABCDEF".index(name))
        options = ("--time-scale", SCALE, "--confirmations", "1", *arguments)
        self.nodes[name] = ChannelNode(self.net, name, bytes(account.key), *options)
        return self.nodes[name]

    def start(self, names: str, *arguments: str) -> list[ChannelNode]:
        """Some nodes at once."""
        found = [self.node(name, *arguments).launch() for name in names]
        for node in found:
            node.await_ready()
        return found

    def tower(self, *arguments: str) -> TowerNode:
        """A watchtower that runs."""
        key = bytes(development_account(TOWER_ACCOUNT).key)
        return TowerNode(self.net, key, "--time-scale", SCALE, "--confirmations", "1", *arguments).start()

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
