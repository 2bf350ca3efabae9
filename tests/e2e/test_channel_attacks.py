"""Attacks on channel nodes and towers, on real processes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from localnet.channel_node import NodeSays
from tests.e2e.test_channel_disputes import WINDOW, pays
from tests.support.channel_net import ChannelNet, channel_net, ether, fund_on_l2

pytestmark = pytest.mark.e2e
SLOTS = 64
FLOOD = 50


@pytest.fixture
def nodes(channel_l1: ChannelNet, request: pytest.FixtureRequest) -> Iterator[ChannelNet]:
    """New nodes."""
    own = ChannelNet(channel_l1.net, f"{request.node.name[5:25]}-")
    yield own
    own.stop()


def test_slots_that_are_jammed_come_back(nodes: ChannelNet) -> None:
    """64 payments that nobody takes fill a lane: the next one fails at once; when they are decided, all is well."""
    a, b = nodes.start("AB")
    ab = a.open(b, ether(1))
    made = [b.post("/invoices", amount="1000", chain="L1", hold=True) for _ in range(SLOTS)]
    with ThreadPoolExecutor(SLOTS) as pool:
        paying = [pool.submit(a.pay, each["invoice"]) for each in made]
        a.wait("the lane to be full", lambda: len(a.channel(ab)["locks"]) == SLOTS)
        late = a.pay(b.invoice(1_000))
        assert late["outcome"] == "failed"
        a.post(f"/channels/{ab}/pay", amount="5")
        b.wait("all to be held", lambda: sum(each["is_waiting"] for each in b.get("/invoices?count=100")) == SLOTS)
        for number, each in enumerate(made):
            b.post(f"/invoices/{each['ref']}/decide", take=number % 2 == 0)
        outcomes = [each.result(60)["outcome"] for each in paying]
    assert outcomes == ["paid", "failed"] * (SLOTS // 2)
    a.wait("the slots", lambda: not a.channel(ab)["locks"])
    assert a.pay(b.invoice(1_000))["outcome"] == "paid"


def test_a_deposit_counts_when_it_is_confirmed_and_not_if_it_vanishes(nodes: ChannelNet) -> None:
    ask = nodes.l1.web3.provider.make_request
    a, b = (nodes.node(name, "--confirmations", "4").launch() for name in "AB")
    for node in (a, b):
        node.await_ready()
    before = ask("evm_snapshot", [])["result"]  # type: ignore[arg-type]
    name = a.post("/channels", node=b.uri, chain="L1", amount=str(ether(1)))["id"]
    for node in (a, b):
        with pytest.raises(NodeSays, match="no channel"):
            node.channel(name)
    assert a.pay(b.invoice(1_000))["outcome"] == "failed"
    assert ask("evm_revert", [before])["result"]  # type: ignore[arg-type]
    ask("anvil_mine", ["0x8"])  # type: ignore[arg-type]
    again = a.open(b, ether(1))
    assert again != name
    assert [channel["id"] for channel in b.channels()] == [again]
    assert a.pay(b.invoice(1_000))["outcome"] == "paid"


def test_a_tower_takes_so_many_channels_of_a_client(nodes: ChannelNet) -> None:
    tower = nodes.tower("--most-channels", "1")
    a = nodes.start("A")[0]
    b = nodes.start("B", "--tower", tower.uri)[0]
    first, second = a.open(b, ether(0.1)), a.open(b, ether(0.1))
    a.post(f"/channels/{first}/pay", amount=str(ether(0.01)))
    b.wait("the first", lambda: b.channel(first)["towers"] == 1)
    a.post(f"/channels/{second}/pay", amount=str(ether(0.01)))
    [guard] = b.wait("the refusal", lambda: [each for each in b.get("/towers") if each["refusal"]])
    assert "1 channels of yours are watched already" in guard["refusal"]
    a.post(f"/channels/{first}/pay", amount="1")
    b.wait("the first, as ever", lambda: b.channel(first)["towers"] == 1)
    assert len(tower.status()["channels"]) == 1


@pytest.mark.slow
def test_a_tower_is_not_paid_less_than_it_asks_for(nodes: ChannelNet) -> None:
    """A channel that could not pay it is not watched."""
    tower = nodes.tower("--least-reward", str(ether(0.001)))
    a = nodes.start("A")[0]
    b = nodes.start("B", "--tower", tower.uri)[0]
    ab = a.open(b, ether(0.1))
    a.post(f"/channels/{ab}/pay", amount=str(ether(0.0005)))
    [guard] = b.wait("the refusal", lambda: [each for each in b.get("/towers") if each["refusal"]])
    assert "too little in the channel for you" in guard["refusal"]
    a.post(f"/channels/{ab}/pay", amount=str(ether(0.01)))
    b.wait("the tower", lambda: b.channel(ab)["towers"] == 1)
    [row] = tower.status()["channels"]
    assert row["reward"] == str(ether(0.001))


def test_a_tower_that_asks_for_too_much_gets_nothing(nodes: ChannelNet) -> None:
    tower = nodes.tower("--reward-ppm", "500000")
    a = nodes.start("A")[0]
    b = nodes.start("B", "--tower", tower.uri)[0]
    ab = a.open(b, ether(0.1))
    a.post(f"/channels/{ab}/pay", amount=str(ether(0.09)))
    [guard] = b.wait("the refusal", lambda: [each for each in b.get("/towers") if each["refusal"]])
    assert "more than we would pay" in guard["refusal"]
    assert not tower.status()["channels"]


@pytest.mark.slow
def test_flood_and_loot(nodes: ChannelNet) -> None:
    """50 channels go silent at once while blocks are small: all secrets are on chain in time, all channels pay."""
    ask = nodes.l1.web3.provider.make_request
    attacker, victim = nodes.start("AB")
    with ThreadPoolExecutor(10) as pool:
        names = list(pool.map(lambda _: attacker.open(victim, ether(0.1), window=WINDOW), range(FLOOD)))
    made = [victim.post("/invoices", amount=str(ether(0.06)), chain="L1", hold=True) for _ in names]
    with ThreadPoolExecutor(FLOOD) as pool:
        for each in made:
            pool.submit(attacker.pay, each["invoice"])
        invoices = "/invoices?count=100"
        victim.wait("the locks", lambda: sum(each["is_waiting"] for each in victim.get(invoices)) == FLOOD)
        attacker.kill()
        ask("evm_setBlockGasLimit", [hex(2_000_000)])  # type: ignore[arg-type]
        for each in made:
            victim.post(f"/invoices/{each['ref']}/decide", take=True)

        def shown() -> bool:
            return all(victim.channel(name)["shown"][1] > 0 for name in names)

        victim.wait("all channels to be closed", shown, 240)
    nodes.travel(WINDOW)
    got = [pays(victim, name) for name in names]
    assert got == [ether(0.06)] * FLOOD
    assert ask("evm_setBlockGasLimit", [hex(30_000_000)])["result"]  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_sequencer_that_censors_keeps_nobody_in_a_channel(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What it does not take goes through L1's inbox, which it cannot keep out."""
    with channel_net(tmp_path_factory.mktemp("censor"), with_l2=True) as world:
        a, b = world.start("AB")
        fund_on_l2(world, a)
        name = a.open(b, ether(1), "L2", window=100)
        a.post(f"/channels/{name}/pay", amount=str(ether(0.25)))
        address = b.get("/info")["address"]
        world.net.stop("sequencer")
        world.net.start_sequencer("--batch-age", "1000", "--refuse", address)
        a.stop()
        with pytest.raises(NodeSays, match="does not take this sender"):
            b.post(f"/channels/{name}/close", alone=True)
        b.wait("the message on L1", lambda: "call=sendMessage" in b.log)
        delay = world.net.deployment.l1.force_inclusion_delay
        world.travel(delay + 1)
        b.wait("the window", lambda: b.channel(name)["status"] == "closing")
