"""Channels with an ERC-20: opened, paid over a hop, topped up, taken out of, closed; ether and tokens do not mix."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from eth_account import Account
from web3.contract import Contract

from localnet.channel_node import ChannelNode, NodeSays
from story.stage import ROOT
from tests.support.channel_net import ChannelNet, ether
from tests.support.solidity import compile_contracts

pytestmark = pytest.mark.e2e
TOKEN = ROOT / "examples" / "paid_api" / "PaymentToken.json"
MINTED = 10**9
AT_ONCE = 5


class Shop:
    """A - B - C with channels in a token; A - B with one in ether."""

    def __init__(self, world: ChannelNet) -> None:
        self.l1, self.manager = world.l1, world.net.deployment.l1.channel_manager
        self.a, self.b, self.c = world.start("ABC")
        self.accounts = {node: Account.from_key(node.key) for node in (self.a, self.b, self.c)}
        self.token: Contract
        self.token, _ = world.l1.deploy(self.accounts[self.a], TOKEN)
        for account in self.accounts.values():
            world.l1.call(self.accounts[self.a], self.token.functions.mint(account.address, MINTED))
        self.ab = self.a.open(self.b, 1_000_000, token=self.token.address)
        self.bc = self.b.open(self.c, 1_000_000, token=self.token.address)
        self.in_ether = self.a.open(self.b, ether(1))
        self.a.wait("gossip", lambda: sum(edge["is_open"] for edge in self.a.get("/network")["edges"]) == 6)

    def balance(self, node: ChannelNode) -> int:
        """Units of the token that an account has."""
        return int(self.token.functions.balanceOf(self.accounts[node].address).call())


@pytest.fixture(scope="module")
def shop(channel_l1: ChannelNet) -> Iterator[Shop]:
    world = ChannelNet(channel_l1.net, "tokens-")
    yield Shop(world)
    world.stop()


def test_a_token_is_paid_over_a_hop(shop: Shop) -> None:
    payment = shop.a.pay(shop.c.invoice(10_000, token=shop.token.address, description="in tokens"))
    assert (payment["outcome"], payment["fee"]) == ("paid", "10"), payment["error"]
    channel = shop.a.channel(shop.ab)
    assert (channel["symbol"], int(channel["spendable"])) == (shop.token.functions.symbol().call(), 1_000_000 - 10_010)


def test_ether_does_not_pay_for_tokens(shop: Shop) -> None:
    """C can be reached with the token alone."""
    failed = shop.a.pay(shop.c.invoice(10_000))
    assert (failed["outcome"], "no channels lead" in failed["error"]) == ("failed", True)


def test_what_is_done_at_once_does_not_get_in_its_own_way(shop: Shop) -> None:
    """Deposits do not use up each other's allowance; each payment of more than half a channel takes one of its own."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        opened = [pool.submit(shop.a.open, shop.b, 1_000, token=shop.token.address) for _ in range(AT_ONCE)]
        names = [each.result() for each in opened]
        shop.a.post(f"/channels/{shop.ab}/pay", amount=str(int(shop.a.channel(shop.ab)["spendable"]) - 500))
        lines = [shop.b.invoice(600, token=shop.token.address) for _ in range(AT_ONCE)]
        payments = list(pool.map(shop.a.pay, lines))
    assert [payment["outcome"] for payment in payments] == ["paid"] * AT_ONCE, payments
    shop.a.wait("a lock of each to be paid", lambda: all(int(shop.a.channel(name)["paid"]) == 600 for name in names))


def test_tokens_go_in_and_out_and_home(shop: Shop) -> None:
    before = shop.balance(shop.a)
    paid = int(shop.a.channel(shop.ab)["paid"])
    shop.a.post(f"/channels/{shop.ab}/deposit", amount="500")
    shop.a.wait("the deposit", lambda: int(shop.a.channel(shop.ab)["deposit"]) == 1_000_500)
    shop.a.post(f"/channels/{shop.ab}/withdraw", amount="200")
    shop.a.wait("the withdrawal", lambda: int(shop.a.channel(shop.ab)["withdrawn"]) == 200)
    assert shop.balance(shop.a) == before - 300
    shop.a.wait("all to be certain, and closed", lambda: shop.a.post(f"/channels/{shop.ab}/close"))
    shop.a.wait("the end", lambda: all(channel["id"] != shop.ab for channel in shop.a.channels()))
    assert shop.balance(shop.a) == before - 500 + 200 + 1_000_300 - paid


def test_what_the_account_does_not_have_is_not_paid_in(shop: Shop) -> None:
    with pytest.raises(NodeSays, match="the account has"):
        shop.a.post("/channels", node=shop.b.uri, chain="L1", amount=str(10 * MINTED), token=shop.token.address)
    nothing = "0x00000000000000000000000000000000000000ff"
    with pytest.raises(NodeSays) as said:
        shop.a.post("/channels", node=shop.b.uri, chain="L1", amount="1", token=nothing)
    assert said.value.error == "ChainFailure"


def test_what_a_token_refuses_to_pay_out_waits_to_be_claimed(shop: Shop) -> None:
    a, account = shop.a, shop.accounts[shop.a]
    odd = compile_contracts("test/OddERC20.sol")["OddERC20"]
    sent = shop.l1.send(account, {"data": "0x" + odd.creation.hex(), "value": 0})
    token = shop.l1.web3.eth.contract(address=sent.receipt["contractAddress"], abi=odd.abi)
    shop.l1.call(account, token.functions.mint(account.address, 700))
    channel = a.open(shop.b, 700, token=token.address)
    shop.l1.call(account, token.functions.setHook(shop.manager, b"????"))  # which fails
    a.wait("the end by consent", lambda: a.post(f"/channels/{channel}/close"))
    a.wait("the settlement", lambda: all(each["id"] != channel for each in a.channels()))
    with pytest.raises(NodeSays, match="claim") as said:
        a.post("/claim", chain="L1", token=token.address)
    assert said.value.error == "ChainFailure"
    shop.l1.call(account, token.functions.setHook("0x" + "00" * 20, b""))
    assert a.post("/claim", chain="L1", token=token.address) == {"amount": "700"}
    assert token.functions.balanceOf(account.address).call() == 700
    with pytest.raises(NodeSays, match="nothing waits to be claimed on L1"):
        a.post("/claim", chain="L1", token=token.address)
