"""The node's page in a real browser: what is shown, what can be done with it, and that a stranger sees nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from localnet.channel_node import ChannelNode
from tests.support.browser import Browser, find_browser
from tests.support.channel_net import ChannelNet, ether

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(find_browser() is None, reason="there is no Chromium here: install it to test the page"),
]


@pytest.fixture(scope="module")
def nodes(channel_l1: ChannelNet) -> Iterator[tuple[ChannelNode, ...]]:
    """A - B - C."""
    world = ChannelNet(channel_l1.net, "page-")
    a, b, c = world.start("ABC")
    a.open(b, ether(1))
    b.open(c, ether(1))
    a.wait("gossip", lambda: sum(edge["is_open"] for edge in a.get("/network")["edges"]) == 4)
    yield a, b, c
    world.stop()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    program = find_browser()
    assert program is not None
    with Browser(program, tmp_path) as browser:
        yield browser


def test_balances_routes_and_history_are_shown_and_an_invoice_is_paid(
    nodes: tuple[ChannelNode, ...], browser: Browser, tmp_path: Path
) -> None:
    a, _, c = nodes
    browser.open(a.page)
    browser.wait("the channel", "document.querySelectorAll('#channels tr').length === 1")
    assert "1 ETH" in browser.text("#channels") and "open" in browser.text("#channels")
    assert browser.run("location.hash") == "", "the token does not stay in the address"
    assert browser.run("document.querySelectorAll('#network circle').length") == 3
    assert browser.run("document.querySelectorAll('#network line').length") == 2

    browser.fill("pay", invoice=c.invoice(ether(0.25), description="a <b>bold</b> chair"))
    browser.wait("the answer", "document.querySelector('#pay output').innerText.includes('paid 0.25 ETH over 2 hops')")
    browser.wait("the new balance", "document.querySelector('#channels').innerText.includes('0.74975 ETH')")
    browser.wait("the way", "document.querySelectorAll('#network line.way').length === 2")
    assert "a <b>bold</b> chair" in browser.text("#payments"), "what others write is text"
    assert "we → " in browser.text("#payments")
    browser.wait("the history", "document.querySelector('#history').innerText.includes('payment')")
    browser.picture(tmp_path / "page.png")
    assert browser.errors == []


def test_an_invoice_is_made_and_mistakes_are_told(nodes: tuple[ChannelNode, ...], browser: Browser) -> None:
    a, b, _ = nodes
    browser.open(b.page)
    browser.wait("the page", "document.querySelector('#main')?.hidden === false")
    browser.fill("ask", amount="0.1", description="a lamp")
    invoice = browser.wait(
        "the invoice", "((text) => text.startsWith('tandem1') && text)(document.querySelector('#ask output').innerText)"
    )
    assert a.pay(invoice)["outcome"] == "paid"
    browser.wait("it to be paid", "document.querySelector('#invoices').innerText.includes('paid')")
    for form, values, reason in (
        ("ask", {"amount": "much"}, "is no amount"),
        ("pay", {"invoice": "lnbc1"}, "begins with tandem1"),
        ("open", {"node": "nobody", "amount": "1"}, "no public key"),
    ):
        browser.fill(form, **values)
        browser.wait(reason, f"document.querySelector('#{form} output.bad')?.innerText.includes('{reason}')")


def test_a_stranger_sees_nothing(nodes: tuple[ChannelNode, ...], browser: Browser) -> None:
    browser.open(nodes[0].page.partition("#")[0])
    browser.wait("to be asked for the token", "document.querySelector('#login')?.hidden === false")
    assert browser.run("document.querySelector('#main').hidden")
    browser.fill("login", token="wrong")
    browser.wait("the refusal", "document.querySelector('#state').className === 'bad'")
    assert browser.run("document.querySelectorAll('#channels tr').length") == 0
