"""A chain whose endpoint answers with what makes no sense: it is waited for, and nothing ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from eth_account import Account

from channels import chain as chain_module
from channels.chain import Chain, ChainFailure, ChainSettings
from tandem.channels.timing import Timing
from tandem.l1.channel_reader import ChannelReader
from tandem.l1.contracts import connect
from tandem.l1.log_feed import L1Moved
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, Address
from tests.support.endpoint import NO_SENSE, Endpoint

MANAGER, REGISTRY = Address(b"\1" * 20), Address(b"\2" * 20)
HASH = "0x" + "11" * 32
READY = {
    "eth_chainId": "0x1",
    "eth_blockNumber": "0x5",
    "eth_getBlockByNumber": {"hash": HASH, "timestamp": "0x9", "number": "0x5"},
    "eth_getBlockByHash": {"hash": HASH, "timestamp": "0x9", "number": "0x5"},
    "eth_getLogs": [],
}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as running:
        running.answers = dict(READY)
        yield running


@pytest.fixture
def chain(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Chain:
    monkeypatch.setattr(chain_module, "RETRY", 0.01)
    settings = ChainSettings("L1", endpoint.url, 1, MANAGER, REGISTRY, 0, 2, Timing(), poll=0.01)
    return Chain(settings, Account.from_key(keccak(b"node")))


async def until(is_so: Any) -> None:
    async with asyncio.timeout(3):
        while not is_so():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("body", NO_SENSE[:3])
def test_following_goes_on(chain: Chain, endpoint: Endpoint, body: bytes) -> None:
    """From the first question on, and later."""

    async def take(_: Chain, __: Any) -> None:
        pass

    async def play() -> None:
        endpoint.body = body
        following = asyncio.create_task(chain.follow(take))
        await asyncio.sleep(0.1)
        for _ in range(2):
            assert not following.done()
            endpoint.body = None
            await until(lambda: chain.is_reachable and chain.is_synced)
            endpoint.body = body
            await until(lambda: not chain.is_reachable)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following

    asyncio.run(play())


@pytest.mark.parametrize("body", NO_SENSE)
def test_sending_and_asking_goes_on(chain: Chain, endpoint: Endpoint, body: bytes) -> None:
    async def play() -> None:
        endpoint.body = body
        sending = asyncio.create_task(chain.send())
        for _ in range(2):
            with pytest.raises(ChainFailure):
                await asyncio.wait_for(chain.claim(ZERO_ADDRESS), 3)
            with pytest.raises(ChainFailure):
                await chain.claimable(ZERO_ADDRESS)
        assert not sending.done()
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending

    asyncio.run(play())


def test_a_log_that_cannot_be_read_is_read_again(endpoint: Endpoint) -> None:
    """And not passed over: a deposit or a close would be missed for ever."""
    reader = ChannelReader(connect(endpoint.url), MANAGER, 0, 0)
    [topic, *_] = [topic for topic, kind in reader._kinds.items() if kind.event_name == "SecretRevealed"]
    log = {
        "address": "0x" + MANAGER.hex(),
        "topics": [topic, HASH],
        "data": "0x" + "22" * 32,
        "blockNumber": "0x5",
        "blockHash": HASH,
        "transactionHash": HASH,
        "transactionIndex": "0x0",
        "logIndex": "0x0",
        "removed": False,
    }
    for broken in ({"data": "0x22"}, {"topics": []}):
        endpoint.answers["eth_getLogs"] = [log | broken]
        with pytest.raises(L1Moved):
            reader.poll()
    endpoint.answers["eth_getLogs"] = [log]
    reader.poll()
    assert len(reader.latest.secrets) == 1
