"""Five channel nodes on L1 and L2, as their owners use them: everything over REST, on real processes and chains."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from localnet.channel_node import ChannelNode, NodeSays
from tests.support.channel_net import ChannelNet, channel_net, ether, fund_on_l2

pytestmark = pytest.mark.e2e


class Five:
    """A - B on L1, B - C on L2, C - D on L2, D - E on L1: four hops from end to end."""

    def __init__(self, world: ChannelNet) -> None:
        self.world = world
        self.a, self.b, self.c, self.d, self.e = world.start("ABCDE", "--fee-base", "10")
        for node in (self.b, self.c):
            fund_on_l2(world, node)
        self.ab = self.a.open(self.b, ether(1))
        self.bc = self.b.open(self.c, ether(1), "L2")
        self.cd = self.c.open(self.d, ether(1), "L2")
        self.de = self.d.open(self.e, ether(1))
        for node in (self.a, self.e):
            node.wait("gossip", lambda node=node: sum(edge["is_open"] for edge in node.get("/network")["edges"]) == 8)


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Five]:
    with channel_net(tmp_path_factory.mktemp("five"), with_l2=True) as world:
        yield Five(world)
        for node in world.nodes.values():
            assert "ALARM" not in node.log, node.log[-3_000:]
            assert node.stop() == 0


def spendable(node: ChannelNode, channel: str) -> int:
    return int(node.channel(channel)["spendable"])


def test_a_payment_over_four_hops_and_two_chains(five: Five) -> None:
    amount = ether(0.01)
    before = {name: spendable(node, channel) for name, node, channel in sides(five)}
    payment = five.a.pay(five.e.invoice(amount, description="over everything"))
    assert payment["outcome"] == "paid", payment["error"]
    assert [hop["chain"] for hop in payment["way"]] == ["L1", "L2", "L2", "L1"]
    fees = [int(hop["amount"]) for hop in payment["way"]]
    for here, onward in pairwise(fees):
        assert here - onward == 10 + -(-onward // 1_000), "each hop has its fee"
    assert int(payment["fee"]) == fees[0] - amount
    five.e.wait("E to have it", lambda: five.e.get("/invoices?count=1")[0]["paid"])
    [invoice] = five.e.get("/invoices?count=1")
    assert (invoice["paid"], invoice["ref"]) == (str(amount), payment["ref"])

    def moved() -> bool:
        after = {name: spendable(node, channel) for name, node, channel in sides(five)}
        wanted = dict(zip(("ab", "bc", "cd", "de"), fees, strict=True))
        return all(
            after[f"{name} out"] == before[f"{name} out"] - wanted[name]
            and after[f"{name} in"] == before[f"{name} in"] + wanted[name]
            for name in wanted
        )

    five.a.wait("every lock to be settled", moved)


def sides(five: Five) -> list[tuple[str, ChannelNode, str]]:
    pairs = (("ab", five.a, five.b), ("bc", five.b, five.c), ("cd", five.c, five.d), ("de", five.d, five.e))
    return [
        (f"{name} {way}", node, getattr(five, name))
        for name, payer, payee in pairs
        for way, node in (("out", payer), ("in", payee))
    ]


def test_an_invoice_is_paid_once(five: Five) -> None:
    invoice = five.c.invoice(1_000)
    assert five.a.pay(invoice)["outcome"] == "paid"
    with pytest.raises(NodeSays, match="paid already"):
        five.a.pay(invoice)
    again = five.b.pay(invoice)
    assert (again["outcome"], "unknown payment" in again["error"]) == ("failed", True)


@pytest.mark.parametrize(
    ("node", "path", "body", "status", "reason"),
    [
        ("a", "/payments", {"invoice": "tandem1abc"}, 400, "no message"),
        ("a", "/payments", {"invoice": "lnbc1"}, 400, "begins with tandem1"),
        ("a", "/channels", {"node": "zz", "chain": "L1", "amount": "1"}, 400, "no public key"),
        ("a", "/channels", {"node": "05" * 33, "chain": "L1", "amount": "1"}, 400, "no public key"),
        ("a", "/channels", {"node": "x", "chain": "L9", "amount": "1"}, 404, "there are: L1, L2"),
        ("a", "/channels", {"node": "x", "chain": "L1", "amount": "-1"}, 422, "amount"),
        ("a", "/channels", {"node": "x", "chain": "L1", "amount": "1", "tip": 1}, 422, "tip"),
        ("a", "/channels/0xabcdef/pay", {"amount": "1"}, 404, "no channel"),
        ("a", "/invoices", {"chain": "L1", "amount": "0"}, 409, "more than nothing"),
        ("a", "/invoices/abc/decide", {"take": True}, 404, "no reference"),
        ("a", "/invoices/" + "00" * 32 + "/decide", {"take": True}, 409, "nothing is held"),
    ],
)
def test_what_is_wrong_is_said(five: Five, node: str, path: str, body: dict, status: int, reason: str) -> None:
    with pytest.raises(NodeSays, match=reason) as said:
        getattr(five, node).post(path, **body)
    assert said.value.status == status


def test_more_than_there_is_cannot_be_paid(five: Five) -> None:
    with pytest.raises(NodeSays, match="can be paid"):
        five.a.post(f"/channels/{five.ab}/pay", amount=str(ether(5)))
    failed = five.a.pay(five.e.invoice(ether(5)))
    assert failed["outcome"] == "failed"
    assert "too little capacity" in failed["error"]


def test_money_goes_in_and_out_of_an_open_channel(five: Five) -> None:
    before = spendable(five.a, five.ab)
    five.a.post(f"/channels/{five.ab}/deposit", amount=str(ether(0.5)))
    five.a.wait("the deposit", lambda: spendable(five.a, five.ab) == before + ether(0.5))
    five.a.post(f"/channels/{five.ab}/withdraw", amount=str(ether(0.2)))
    assert spendable(five.a, five.ab) == before + ether(0.3)
    five.a.wait("the withdrawal", lambda: five.a.channel(five.ab)["withdrawn"] == str(ether(0.2)))
    five.a.post(f"/channels/{five.ab}/pay", amount="77")
    with pytest.raises(NodeSays, match="can be spent"):
        five.a.post(f"/channels/{five.ab}/withdraw", amount=str(ether(5)))


def test_what_is_held_is_taken_or_refused(five: Five) -> None:
    with ThreadPoolExecutor() as pool:
        for take, outcome in ((True, "paid"), (False, "failed")):
            made = five.c.post("/invoices", amount="5000", chain="L1", hold=True)
            paying = pool.submit(five.a.pay, made["invoice"])
            path = f"/invoices/{made['ref']}"
            five.c.wait("the payment to come in", lambda path=path: five.c.get(path)["is_waiting"])
            assert five.a.get(f"/payments/{made['ref']}")["outcome"] == "pending"
            five.c.post(f"{path}/decide", take=take)
            assert paying.result(30)["outcome"] == outcome


def test_money_moves_in_a_circle(five: Five) -> None:
    ac = five.a.open(five.c, ether(0.1))
    five.a.wait("gossip", lambda: sum(edge["is_open"] for edge in five.a.get("/network")["edges"]) == 10)
    five.a.post(f"/channels/{five.ab}/pay", amount="1000000")
    five.b.post(f"/channels/{five.bc}/pay", amount="1000000")
    before = spendable(five.a, ac), spendable(five.a, five.ab)
    moved = five.a.post("/rebalance", out=ac, into=five.ab, amount="100000", most_fee="1000")
    assert moved["outcome"] == "paid", moved["error"]
    assert [hop["chain"] for hop in moved["way"]] == ["L1", "L2", "L1"]
    wanted = before[0] - 100_000 - int(moved["fee"]), before[1] + 100_000
    five.a.wait("it to be moved", lambda: (spendable(five.a, ac), spendable(five.a, five.ab)) == wanted)
    refused = five.a.post("/rebalance", out=ac, into=five.ab, amount=str(ether(0.09)), most_fee="1000")
    assert refused["outcome"] == "failed"
    assert (spendable(five.a, ac), spendable(five.a, five.ab)) == wanted
