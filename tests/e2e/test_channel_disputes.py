"""Channels that end on chain, on real processes: alone, with an old state, with a hop that is silent."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from localnet.channel_node import ChannelNode
from story.old_state import address_of, close_call, copy_database, kept_side
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash
from tests.support.channel_net import ChannelNet, ether

pytestmark = pytest.mark.e2e
WINDOW = 87
"""The shortest that a node takes here, seconds: a quarter of a day, scaled."""


@pytest.fixture
def world(channel_l1: ChannelNet, request: pytest.FixtureRequest) -> Iterator[ChannelNet]:
    """New nodes."""
    world = ChannelNet(channel_l1.net, f"{keccak(request.node.name.encode())[:3].hex()}-")
    yield world
    world.stop()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def pays(node: ChannelNode, channel: str) -> int:
    """What a node says that it had of a channel's end, when it has ended."""

    def settled() -> list[dict[str, Any]]:
        events = node.get("/history?count=200")
        return [event for event in events if event["kind"] == "settled" and event["channel"] == channel]

    return int(node.wait(f"{channel} to be settled", settled)[0]["amount"])


def held_payment(
    pool: ThreadPoolExecutor, payer: ChannelNode, payee: ChannelNode, amount: int
) -> tuple[str, Future[dict[str, Any]]]:
    """A payment whose lock stands at the payee, until that decides. Its reference, and what will become of it."""
    made = payee.post("/invoices", amount=str(amount), chain="L1", hold=True)
    paying = pool.submit(payer.pay, made["invoice"])
    payee.wait("the payment to come in", lambda: payee.get(f"/invoices/{made['ref']}")["is_waiting"])
    return made["ref"], paying


def stale_close(world: ChannelNet, node: ChannelNode, database: Path, channel: str, *, own: bool = True) -> None:
    """Close with what `database` has, by the node's own key."""
    account, web3 = Account.from_key(node.key), world.l1.web3
    name = Hash(bytes.fromhex(channel[2:]))
    side = kept_side(database, web3, world.net.deployment, name, address_of(account))
    world.l1.call(account, close_call(web3, world.net.deployment, side, own=own))


def line(world: ChannelNet, *arguments: str) -> tuple[ChannelNode, ChannelNode, ChannelNode, str, str]:
    """A - B - C on L1."""
    a, b, c = world.start("ABC", *arguments)
    ab, bc = a.open(b, ether(1), window=WINDOW), b.open(c, ether(1), window=WINDOW)
    a.wait("gossip", lambda: sum(edge["is_open"] for edge in a.get("/network")["edges"]) == 4)
    return a, b, c, ab, bc


def test_who_closes_alone_gets_what_is_his(world: ChannelNet) -> None:
    a, b = world.start("AB")
    ab = a.open(b, ether(1), window=WINDOW)
    a.post(f"/channels/{ab}/pay", amount=str(ether(0.3)))
    b.post(f"/channels/{ab}/pay", amount=str(ether(0.1)))
    a.kill()
    b.post(f"/channels/{ab}/close", alone=True)
    world.travel(WINDOW)
    assert pays(b, ab) == ether(0.2)
    a.start()
    assert pays(a, ab) == ether(0.8)


def test_a_stale_close_is_defeated_by_who_is_there(world: ChannelNet, tmp_path: Path) -> None:
    a, b = world.start("AB")
    ab = a.open(b, ether(1), window=WINDOW)
    a.post(f"/channels/{ab}/pay", amount=str(ether(0.1)))
    a.stop()
    old = copy_database(a.folder, tmp_path / "old")
    a.start()
    a.post(f"/channels/{ab}/pay", amount=str(ether(0.5)))
    a.kill()
    stale_close(world, a, old, ab)
    b.wait("B to show the newest state", lambda: b.channel(ab)["shown"][1] == 2)
    world.travel(WINDOW)
    assert pays(b, ab) == ether(0.6)


@pytest.mark.parametrize("shows", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_stale_close_is_defeated_by_the_tower_while_the_victim_is_away(
    world: ChannelNet, tmp_path: Path, shows: bool
) -> None:
    """Also where the cheater shows no state at all. The tower is paid out of what it saves, its row is gone then."""
    tower = world.tower("--reward-ppm", "1000")
    a = world.start("A")[0]
    b = world.start("B", "--tower", tower.uri)[0]
    ab = a.open(b, ether(1), window=WINDOW)
    a.post(f"/channels/{ab}/pay", amount=str(ether(0.1)))
    a.stop()
    old = copy_database(a.folder, tmp_path / "old")
    a.start()
    a.wait("the connection", lambda: a.channel(ab)["is_connected"])
    for _ in range(5):
        a.post(f"/channels/{ab}/pay", amount=str(ether(0.1)))
    b.wait("the tower to know", lambda: b.channel(ab)["towers"] == 1)
    assert len(tower.status()["channels"]) == 1, "one row, however many states"
    b.kill()
    a.kill()
    stale_close(world, a, old, ab, own=shows)

    def rescued() -> bool:
        return len(tower.status()["rescues"]) == 1

    a.wait("the tower to act", rescued)
    earned = world.l1.web3.eth.get_balance(tower.status()["account"])
    world.travel(WINDOW)
    a.wait("the tower to let go", lambda: not tower.status()["channels"])
    assert world.l1.web3.eth.get_balance(tower.status()["account"]) > earned, "paid, after the gas for settling"
    assert tower.status()["rescues"][0]["reward"] == str(ether(0.001))
    b.start()
    assert pays(b, ab) == ether(0.6), "before it pays the tower"


@pytest.mark.slow
def test_a_tower_that_lets_an_old_state_stand_is_found_out_by_who_was_away(world: ChannelNet, tmp_path: Path) -> None:
    tower = world.tower("--reward-ppm", "1000")
    a = world.start("A")[0]
    b = world.start("B", "--tower", tower.uri)[0]
    ab = a.open(b, ether(1), window=WINDOW)
    a.post(f"/channels/{ab}/pay", amount=str(ether(0.1)))
    a.stop()
    old = copy_database(a.folder, tmp_path / "old")
    a.start()
    a.wait("the connection", lambda: a.channel(ab)["is_connected"])
    a.post(f"/channels/{ab}/pay", amount=str(ether(0.1)))
    b.wait("the tower to know", lambda: b.channel(ab)["towers"] == 1)
    uri = tower.uri
    world.stop_tower()
    b.kill()
    a.kill()
    stale_close(world, a, old, ab)
    world.travel(WINDOW)
    a.start()
    assert pays(a, ab) == ether(0.9)
    b.start()
    [breach] = b.wait("it to be found out", lambda: [e for e in b.get("/history") if e["kind"] == "breach"])
    assert (breach["channel"], breach["tower"]) == (ab, uri)


def test_a_silent_hop_is_resolved_on_chain(world: ChannelNet, pool: ThreadPoolExecutor) -> None:
    """B does not answer: C registers the secret in time; when B is there again, it learns it and claims from A."""
    a, b, c, ab, bc = line(world)
    before = int(b.channel(ab)["spendable"]), int(c.channel(bc)["spendable"])
    ref, paying = held_payment(pool, a, c, ether(0.1))
    b.signal(signal.SIGSTOP)
    c.post(f"/invoices/{ref}/decide", take=True)
    c.wait("C to register the secret", lambda: any(each["kind"] == "registered" for each in c.get("/history")))
    b.signal(signal.SIGCONT)
    assert paying.result(90)["outcome"] == "paid"
    c.wait("C to be paid", lambda: int(c.channel(bc)["spendable"]) == before[1] + ether(0.1))
    b.wait("B to be paid", lambda: int(b.channel(ab)["spendable"]) > before[0] + ether(0.1))
    assert {node.channel(name)["status"] for node, name in ((a, ab), (b, bc))} == {"open"}, "nobody had to close"


@pytest.mark.slow
def test_a_hop_that_stays_away_costs_nobody_but_itself(world: ChannelNet, pool: ThreadPoolExecutor) -> None:
    """B is killed for good while the lock stands: C's secret is on chain, the channel is closed, C is paid."""
    a, b, c, ab, bc = line(world)
    ref, paying = held_payment(pool, a, c, ether(0.1))
    b.kill()
    c.post(f"/invoices/{ref}/decide", take=True)
    c.wait("C to close", lambda: c.channel(bc)["shown"][1] > 0)
    world.travel(WINDOW)
    assert pays(c, bc) == ether(0.1)
    assert paying.result(90)["outcome"] == "paid", "A has seen the secret on chain"
    b.start()
    b.wait("B to be paid by A", lambda: int(b.channel(ab)["spendable"]) > ether(0.1))


@pytest.mark.slow
def test_a_lock_that_nobody_claims_comes_back(world: ChannelNet, pool: ThreadPoolExecutor) -> None:
    a, b, c, ab, bc = line(world)
    before = int(a.channel(ab)["spendable"]), int(b.channel(bc)["spendable"])
    _, paying = held_payment(pool, a, c, ether(0.1))
    c.kill()
    assert paying.result(90)["outcome"] == "failed"
    a.wait("A to have it back", lambda: int(a.channel(ab)["spendable"]) == before[0])
    c.start()
    b.wait("B to have it back", lambda: int(b.channel(bc)["spendable"]) == before[1])
    assert not a.channel(ab)["locks"] and not b.channel(bc)["locks"]


def test_after_a_restart_everything_goes_on(world: ChannelNet) -> None:
    a, b, c, _, bc = line(world)
    assert a.pay(c.invoice(1_000))["outcome"] == "paid"
    for node in (a, b, c):
        assert node.stop() == 0
    for node in (a, b, c):
        node.launch()
    for node in (a, b, c):
        node.await_ready()
    end = time.monotonic() + 60
    while True:
        paid = a.pay(c.invoice(1_000))
        if paid["outcome"] == "paid":
            break
        assert time.monotonic() < end, paid["error"]
        time.sleep(0.5)
    assert [payment["outcome"] for payment in a.get("/payments")][-1] == "paid"
    c.wait("C to be paid", lambda: int(c.channel(bc)["received"]) == 2_000)
