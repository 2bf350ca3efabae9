"""Sending to L1: fee bumps for stuck transactions, the nonce guard, reasons of refusals; on anvil, mining on demand."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from web3 import Web3

from localnet.network import BIN, START_TIMEOUT, Ports, answers
from localnet.process import Child
from story.stage import ROOT, Layer
from tandem.l1 import sender as sender_module
from tandem.l1.contracts import connect
from tandem.l1.sender import GaveUp, L1Rejected, L1Sender, NonceTaken
from tandem.l1.signer import development_account

pytestmark = pytest.mark.e2e
TOKEN = ROOT / "node_modules" / "@uniswap" / "v2-core" / "build" / "ERC20.json"
OWNER = development_account(1)


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Web3]:
    port = Ports.free().l1
    child = Child("anvil", [str(BIN / "anvil"), "--port", str(port), "--silent"], tmp_path / "anvil.log")
    child.wait_until(lambda: answers(f"http://127.0.0.1:{port}"), START_TIMEOUT)
    yield connect(f"http://127.0.0.1:{port}")
    child.stop()


def mining(web3: Web3, on: bool) -> None:
    web3.provider.make_request("evm_setAutomine", [on])  # type: ignore[arg-type]
    if on:
        web3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]


def waiting(web3: Web3, nonce: int) -> tuple[int, int]:
    """(fee cap, tip) of the owner's transaction with this nonce in L1's mempool."""
    content = web3.provider.make_request("txpool_content", [])["result"]["pending"]  # type: ignore[arg-type]
    [transactions] = [value for key, value in content.items() if key.lower() == OWNER.address.lower()]
    found = transactions[str(nonce)]
    return int(found["maxFeePerGas"], 16), int(found["maxPriorityFeePerGas"], 16)


def test_a_stuck_transaction_is_replaced_at_higher_fees_until_it_is_mined(
    anvil: Web3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "BUMP_AFTER", 0.7)
    token, _ = Layer("L1", anvil).deploy(OWNER, TOKEN, 1000)
    sender = L1Sender(anvil, OWNER, Event())
    nonce = anvil.eth.get_transaction_count(OWNER.address)
    mining(anvil, False)
    receipts: list[object] = []
    call = token.functions.transfer(development_account(2).address, 5)
    thread = threading.Thread(target=lambda: receipts.append(sender.send(call)))
    thread.start()
    time.sleep(0.5)
    first = waiting(anvil, nonce)
    time.sleep(2)
    later = waiting(anvil, nonce)
    assert later[0] >= first[0] * 125 // 100 and later[1] > first[1], "both fees rise"
    mining(anvil, True)
    thread.join(20)
    assert len(receipts) == 1 and sender.bumps >= 2
    assert token.functions.balanceOf(development_account(2).address).call() == 5, "paid once"


def test_a_nonce_that_is_taken_is_not_used_again(anvil: Web3) -> None:
    token, _ = Layer("L1", anvil).deploy(OWNER, TOKEN, 1000)
    sender = L1Sender(anvil, OWNER, Event())
    block = anvil.eth.get_block("latest")
    nonce = sender.nonce_at(block["number"], bytes(block["hash"]))
    call = token.functions.transfer(development_account(2).address, 5)
    sender.send(call, nonce=nonce)
    with pytest.raises(NonceTaken):
        sender.send(call, nonce=nonce)
    assert token.functions.balanceOf(development_account(2).address).call() == 5
    with pytest.raises(NonceTaken, match="re-organised"):
        sender.nonce_at(block["number"], bytes(32))


def test_what_would_revert_is_not_sent_and_a_stop_ends_the_wait(anvil: Web3) -> None:
    token, _ = Layer("L1", anvil).deploy(OWNER, TOKEN, 1000)
    stopping = Event()
    sender = L1Sender(anvil, OWNER, stopping)
    nonce = anvil.eth.get_transaction_count(OWNER.address)
    with pytest.raises(L1Rejected, match="transfer would revert"):
        sender.send(token.functions.transfer(development_account(2).address, 1001))
    assert anvil.eth.get_transaction_count(OWNER.address) == nonce
    mining(anvil, False)
    stopping.set()
    with pytest.raises(GaveUp):
        sender.send(token.functions.transfer(development_account(2).address, 1))
