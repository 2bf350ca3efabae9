"""What the service of examples/paid_api makes of what L2 answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eth_account import Account

from examples.paid_api.chain import Chain
from examples.paid_api.errors import ChainFailed, NotSold, Rejected
from tandem.primitives.types import Hash
from tests.support.endpoint import NO_SENSE, Endpoint
from tests.support.paid_api import CHAIN_ID, CONFIG, DEPOSIT, PRICE, RECEIVER, SERVICE, TOKEN, payment

READY = {
    "eth_chainId": hex(CHAIN_ID),
    "eth_getTransactionCount": "0x7",
    "eth_estimateGas": "0x5208",
    "eth_maxPriorityFeePerGas": "0x1",
    "eth_getBlockByNumber": {"baseFeePerGas": "0x7"},
}
"""What it takes to send a transaction."""
DEPOSITED = payment(PRICE, DEPOSIT).deposit


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as running:
        running.answers = dict(READY)
        yield running


@pytest.fixture
def chain(endpoint: Endpoint) -> Chain:
    return Chain(endpoint.url, Account.from_key(SERVICE))


@pytest.mark.parametrize("body", NO_SENSE)
def test_answers_that_make_no_sense_are_failures_of_the_chain(chain: Chain, endpoint: Endpoint, body: bytes) -> None:
    endpoint.body = body
    for ask in (
        lambda: chain.channel(Hash(bytes(32))),
        lambda: chain.unsettled(RECEIVER, TOKEN),
        lambda: chain.settle(RECEIVER, TOKEN),
    ):
        with pytest.raises(ChainFailed) as failure:
            ask()
        assert not isinstance(failure.value, Rejected)


def test_a_block_that_is_not_there(chain: Chain, endpoint: Endpoint) -> None:
    endpoint.answers["eth_getBlockByNumber"] = None
    with pytest.raises(NotSold):
        chain.block_facts(7)


def test_a_call_that_would_revert_is_refused(chain: Chain, endpoint: Endpoint) -> None:
    revert = {"error": {"code": 3, "message": "execution reverted", "data": "0x"}}
    endpoint.answers["eth_call"] = endpoint.answers["eth_estimateGas"] = revert
    assert DEPOSITED is not None
    for ask in (lambda: chain.try_deposit(CONFIG, DEPOSITED), lambda: chain.deposit(CONFIG, DEPOSITED)):
        with pytest.raises(Rejected):
            ask()


@pytest.mark.parametrize("message", ["nonce too low", "insufficient funds for gas * price + value"])
def test_what_is_no_fault_of_the_call_is_not_told_as_one(chain: Chain, endpoint: Endpoint, message: str) -> None:
    """A nonce lost to the command `collect`, an account without ether: the client's deposit is good."""
    endpoint.answers["eth_sendRawTransaction"] = {"error": {"code": -32000, "message": message}}
    assert DEPOSITED is not None
    with pytest.raises(ChainFailed) as failure:
        chain.deposit(CONFIG, DEPOSITED)
    assert not isinstance(failure.value, Rejected)
    assert ("was first: ask again" in str(failure.value)) == (message == "nonce too low")
