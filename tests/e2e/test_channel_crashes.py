"""kill -9 of each role before and after each message, and what is left afterwards: of a payment over two hops, of one
that the payee refuses, of a withdrawal by consent.

Whatever happens: the payer's payment is paid if and only if the payee's invoice is, the hop has its fee or has lost
nothing, what was not withdrawn can be spent again, and no lock stays. `make crashes` runs all points.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from localnet.channel_node import ChannelNode, NodeSays
from tests.support.channel_net import ChannelNet, ether

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
AMOUNT = 10_000
POINTS = [
    ("A", "AddLock"),
    ("A", "PayLock"),
    ("B", "Ack"),
    ("B", "AddLock"),
    ("B", "Reveal"),
    ("B", "PayLock"),
    ("C", "Ack"),
    ("C", "Reveal"),
]
"""Who sends what, in this order: A pays C over B."""
REFUSED = [("C", "GiveUp"), ("B", "DropLock"), ("B", "GiveUp"), ("A", "DropLock")]
"""The same of a payment that C does not take."""
CONSENTS = [("A", "AskWithdrawal"), ("B", "Consent")]
"""The same when A takes money out by B's consent."""
LATE = {("B", "AddLock", "after"), ("C", "Reveal", "before"), ("B", "Reveal", "before")}
"""Also with a victim that comes back only when the last lock has expired: then the chain decides."""


@pytest.fixture(scope="module")
def line(channel_l1: ChannelNet) -> Iterator["Line"]:
    world = ChannelNet(channel_l1.net, "crashes-")
    yield Line(world)
    world.stop()


class Line:
    """A - B - C on L1."""

    def __init__(self, world: ChannelNet) -> None:
        self.world = world
        self.a, self.b, self.c = world.start("ABC")
        self.ab, self.bc = self.a.open(self.b, ether(1)), self.b.open(self.c, ether(1))
        self.await_network()

    def await_network(self) -> None:
        """All channels are in use and known."""
        for node, name in ((self.a, self.ab), (self.b, self.ab), (self.b, self.bc), (self.c, self.bc)):
            node.wait("the connection", lambda node=node, name=name: node.channel(name)["is_connected"])
        self.a.wait("gossip", lambda: sum(edge["is_open"] for edge in self.a.get("/network")["edges"]) == 4)

    def balances(self) -> tuple[int, int, int]:
        """What A, B and C can spend."""
        a, b = int(self.a.channel(self.ab)["spendable"]), int(self.b.channel(self.ab)["spendable"])
        return a, b + int(self.b.channel(self.bc)["spendable"]), int(self.c.channel(self.bc)["spendable"])

    def armed(self, victim: str, crash: str) -> ChannelNode:
        """One of them, which will kill itself there; nothing is under way."""
        node = {"A": self.a, "B": self.b, "C": self.c}[victim]
        node.stop()
        node.launch(module=("-m", "tests.support.crashing_node"), environment={"TANDEM_CRASH": crash})
        node.await_ready()
        self.await_network()
        self.a.wait("quiet", self.is_quiet)
        return node

    def is_quiet(self) -> bool:
        """No locks anywhere, and both sides of each channel agree."""
        pairs = ((self.a, self.b, self.ab), (self.b, self.c, self.bc))
        for one, other, name in pairs:
            mine, theirs = one.channel(name), other.channel(name)
            if mine["locks"] or theirs["locks"] or mine["spendable"] != theirs["receivable"]:
                return False
        return True


def await_crash(node: ChannelNode) -> None:
    child = node.child
    assert child is not None
    node.wait("the crash", lambda: not child.is_running, check=False)


def outcome(paying: Future[dict[str, Any]], payer: ChannelNode, ref: str) -> str:
    """Of the payment, whether or not the one who asked for it was told."""
    try:
        return str(paying.result(120)["outcome"])
    except (OSError, NodeSays):
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                found = payer.get(f"/payments/{ref}")["outcome"]
            except NodeSays as said:
                assert said.status == 404
                return "failed"
            if found != "pending":
                return str(found)
            time.sleep(0.2)
    raise AssertionError("the payment is pending for ever")


def points() -> Iterator[Any]:
    for victim, message in POINTS:
        for when in ("before", "after"):
            for late in (False, True):
                point = victim, message, when
                if late and point not in LATE:
                    continue
                yield pytest.param(*point, late, id=f"{victim}-{when}-{message}{'-late' if late else ''}")


def both_ways(messages: list[tuple[str, str]]) -> list[Any]:
    """Before and after."""
    return [
        pytest.param(victim, message, when, id=f"{victim}-{when}-{message}")
        for victim, message in messages
        for when in ("before", "after")
    ]


@pytest.mark.parametrize(("victim", "message", "when", "late"), points())
def test_a_crash_loses_nothing(line: Line, victim: str, message: str, when: str, late: bool) -> None:
    node = line.armed(victim, f"{when}:{message}:1")
    before = line.balances()
    made = line.c.post("/invoices", amount=str(AMOUNT), chain="L1")
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(line.a.pay, made["invoice"])
        await_crash(node)
        if late:
            time.sleep(25)
        node.start()
        ended = outcome(paying, line.a, made["ref"])
    line.await_network()
    line.a.wait("all to be settled", line.is_quiet)
    is_paid = line.c.get(f"/invoices/{made['ref']}")["paid"] is not None
    assert (ended == "paid") == is_paid
    fee = 10 if is_paid else 0
    moved = AMOUNT if is_paid else 0
    assert line.balances() == (before[0] - moved - fee, before[1] + fee, before[2] + moved)


@pytest.mark.parametrize(("victim", "message", "when"), both_ways(REFUSED))
def test_a_crash_loses_nothing_of_a_payment_that_is_refused(line: Line, victim: str, message: str, when: str) -> None:
    node = line.armed(victim, f"{when}:{message}:1")
    before = line.balances()
    made = line.c.post("/invoices", amount=str(AMOUNT), chain="L1", hold=True)
    with ThreadPoolExecutor(2) as pool:
        paying = pool.submit(line.a.pay, made["invoice"])
        line.c.wait("the payment to come in", lambda: line.c.get(f"/invoices/{made['ref']}")["is_waiting"])
        refusing = pool.submit(line.c.post, f"/invoices/{made['ref']}/decide", take=False)
        await_crash(node)
        node.start()
        assert outcome(paying, line.a, made["ref"]) == "failed"
        assert refusing.exception() is None or victim == "C"
    line.await_network()
    line.a.wait("all to be settled", line.is_quiet)
    assert line.balances() == before


@pytest.mark.parametrize(("victim", "message", "when"), both_ways(CONSENTS))
def test_a_crash_loses_nothing_of_a_withdrawal(line: Line, victim: str, message: str, when: str) -> None:
    """What was not taken out can be spent again, when the consent is void."""
    node = line.armed(victim, f"{when}:{message}:1")
    before, taken = line.balances(), int(line.a.channel(line.ab)["withdrawn"])
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(line.a.post, f"/channels/{line.ab}/withdraw", amount=str(AMOUNT))
        await_crash(node)
        node.start()
        error = asking.exception()
    line.await_network()
    out = 0 if error is not None else AMOUNT

    def is_over() -> bool:
        after = int(line.a.channel(line.ab)["withdrawn"]) - taken
        return after == out and line.is_quiet() and line.balances() == (before[0] - out, *before[1:])

    line.a.wait("the consent to be used, or void", is_over)
