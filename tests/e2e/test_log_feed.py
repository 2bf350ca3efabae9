"""Reading logs through re-orgs, limits of endpoints and blocks that change meanwhile; on anvil, mining on demand."""

from typing import Any

import pytest
from web3 import Web3
from web3.contract import Contract

from story.stage import ROOT, Layer
from tandem.l1 import log_feed as log_feed_module
from tandem.l1.log_feed import L1Moved, LogFeed, LogNews
from tandem.l1.signer import development_account

pytestmark = pytest.mark.e2e
TOKEN = ROOT / "node_modules" / "@uniswap" / "v2-core" / "build" / "ERC20.json"
OWNER = development_account(1)


@pytest.fixture
def token(anvil: Web3) -> Contract:
    contract, _ = Layer("L1", anvil).deploy(OWNER, TOKEN, 1000)
    return contract


def pay(anvil: Web3, token: Contract, amount: int) -> None:
    Layer("L1", anvil).call(OWNER, token.functions.transfer(development_account(2).address, amount))


def drain(feed: LogFeed) -> tuple[list[LogNews], bool]:
    """Poll until all is read; whether the last one said so."""
    news = []
    while (one := feed.poll()) is not None:
        news.append(one)
    return news, news[-1].is_all


def amounts(token: Contract, kept: list[Any], news: list[LogNews]) -> list[Any]:
    """What a follower of the feed has after the news."""
    for one in news:
        kept = kept[: one.kept] + [token.events.Transfer().process_log(item.log)["args"]["value"] for item in one.logs]
    return kept


def test_logs_come_in_order_in_ranges_with_their_blocks_times(
    anvil: Web3, token: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_feed_module, "MAX_RANGE", 2)
    for amount in (1, 2, 3, 4, 5):
        pay(anvil, token, amount)
    news, is_all = drain(LogFeed(anvil, [token.address], 0, 0))
    assert amounts(token, [], news) == [1000, 1, 2, 3, 4, 5] and is_all
    assert [one.is_all for one in news] == [False] * (len(news) - 1) + [True] and len(news) == 4
    for one in news:
        for item in one.logs:
            assert item.time == anvil.eth.get_block(item.log["blockNumber"])["timestamp"]
    assert news[-1].mark.time == anvil.eth.get_block("latest")["timestamp"]


def test_a_reorg_takes_back_what_it_took(anvil: Web3, token: Contract) -> None:
    feed = LogFeed(anvil, [token.address], 0, 0)
    kept: list[Any] = []
    for amount in (1, 2, 3):
        pay(anvil, token, amount)
        kept = amounts(token, kept, drain(feed)[0])
    anvil.provider.make_request("anvil_reorg", [2, []])  # type: ignore[arg-type]
    pay(anvil, token, 9)
    news = feed.poll()
    assert news is not None and news.kept == 2, "no more is read again than changed"
    assert amounts(token, kept, [news]) == [1000, 1, 9]


def test_a_chain_that_is_shorter_for_a_while_is_news(anvil: Web3, token: Contract) -> None:
    feed = LogFeed(anvil, [token.address], 0, 0)
    kept = amounts(token, [], drain(feed)[0])
    pay(anvil, token, 1)
    kept = amounts(token, kept, drain(feed)[0])
    anvil.provider.make_request("anvil_rollback", [1])  # type: ignore[arg-type]
    news, _ = drain(feed)
    assert amounts(token, kept, news) == [1000]


def test_behind_the_marks_all_is_read_again(anvil: Web3, token: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_feed_module, "MARKS", 1)
    feed = LogFeed(anvil, [token.address], 0, 0)
    drain(feed)
    pay(anvil, token, 1)
    drain(feed)
    anvil.provider.make_request("anvil_reorg", [1, []])  # type: ignore[arg-type]
    news, _ = drain(feed)
    assert news[0].kept == 0 and amounts(token, [1000, 1], news) == [1000]


def test_confirmations_are_waited_for(anvil: Web3, token: Contract) -> None:
    pay(anvil, token, 1)
    feed = LogFeed(anvil, [token.address], 0, 1)
    assert amounts(token, [], drain(feed)[0]) == [1000]
    pay(anvil, token, 2)
    assert amounts(token, [1000], drain(feed)[0]) == [1000, 1]


def test_what_changes_while_it_is_read_is_not_taken(
    anvil: Web3, token: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    pay(anvil, token, 1)
    feed = LogFeed(anvil, [token.address], 0, 0)
    get_logs = anvil.eth.get_logs

    def reorganise(query: Any) -> Any:
        found = get_logs(query)
        anvil.provider.make_request("anvil_reorg", [1, []])  # type: ignore[arg-type]
        return found

    monkeypatch.setattr(anvil.eth, "get_logs", reorganise)
    with pytest.raises(L1Moved):
        feed.poll()
    monkeypatch.undo()
    assert amounts(token, [], drain(feed)[0]) == [1000]
