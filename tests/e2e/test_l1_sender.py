"""Sending to L1: fee bumps for stuck transactions, the nonce guard, reasons of refusals; on anvil, mining on demand."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from localnet.network import BIN, START_TIMEOUT, Ports, answers
from localnet.process import Child
from story.stage import ROOT, Layer
from tandem.l1 import sender as sender_module
from tandem.l1.contracts import connect
from tandem.l1.sender import GaveUp, L1Rejected, L1Sender, NonceTaken, SendFailure
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


def pay(token: Contract, amounts: list[int]) -> list[tuple[ContractFunction, int]]:
    """Calls that pay the amounts to accounts 10, 11, ..."""
    return [(token.functions.transfer(receiver(index), amount), 0) for index, amount in enumerate(amounts)]


def receiver(index: int) -> str:
    return development_account(10 + index).address


def balances(token: Contract, count: int) -> list[int]:
    return [token.functions.balanceOf(receiver(index)).call() for index in range(count)]


@contextmanager
def in_background(work: Callable[[], list[object]]) -> Iterator[list[object]]:
    """Runs `work` meanwhile; its results are in the list at the end."""
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.extend(work()))
    thread.start()
    try:
        yield results
    finally:
        thread.join(30)
        assert not thread.is_alive()


def test_many_calls_are_mined_and_one_that_fails_harms_no_other(anvil: Web3) -> None:
    token, _ = Layer("L1", anvil).deploy(OWNER, TOKEN, 1000)
    sender = L1Sender(anvil, OWNER, Event())
    amounts = [1] * 40
    amounts[7] = 2000
    outcomes = sender.send_all(pay(token, amounts))
    assert isinstance(outcomes[7], L1Rejected) and "would revert" in str(outcomes[7])
    assert all(outcome["status"] == 1 for index, outcome in enumerate(outcomes) if index != 7)
    assert balances(token, 40) == [0 if index == 7 else 1 for index in range(40)]


def test_a_call_that_someone_else_made_vain_reverts_alone(anvil: Web3) -> None:
    token, _ = Layer("L1", anvil).deploy(OWNER, TOKEN, 1000)
    sender = L1Sender(anvil, OWNER, Event())
    mining(anvil, False)
    with in_background(lambda: sender.send_all(pay(token, [900, 900, 100]))) as outcomes:
        time.sleep(0.7)
        mining(anvil, True)
    assert balances(token, 3) == [900, 0, 100]
    assert isinstance(outcomes[1], L1Rejected) and "reverted in L1 transaction" in str(outcomes[1])


def test_all_are_bumped_when_the_base_fee_rises(anvil: Web3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "BUMP_AFTER", 1.0)
    token, _ = Layer("L1", anvil).deploy(OWNER, TOKEN, 1000)
    sender = L1Sender(anvil, OWNER, Event())
    mining(anvil, False)
    with in_background(lambda: sender.send_all(pay(token, [1, 2, 3]))) as outcomes:
        time.sleep(0.5)
        anvil.provider.make_request("anvil_setNextBlockBaseFeePerGas", [hex(500 * 10**9)])  # type: ignore[arg-type]
        anvil.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
        assert balances(token, 3) == [0, 0, 0], "all are priced out"
        time.sleep(1.5)
        mining(anvil, True)
    assert balances(token, 3) == [1, 2, 3]
    assert len(outcomes) == 3 and sender.bumps >= 3


def test_a_lost_transaction_leaves_no_gap_for_ever(anvil: Web3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "BUMP_AFTER", 1.0)
    token, _ = Layer("L1", anvil).deploy(OWNER, TOKEN, 1000)
    sender = L1Sender(anvil, OWNER, Event())
    nonce = anvil.eth.get_transaction_count(OWNER.address)
    mining(anvil, False)
    with in_background(lambda: sender.send_all(pay(token, [1, 2, 3, 4]))) as outcomes:
        time.sleep(0.5)
        content = anvil.provider.make_request("txpool_content", [])["result"]["pending"]  # type: ignore[arg-type]
        [mine] = content.values()
        anvil.provider.make_request("anvil_dropTransaction", [mine[str(nonce + 1)]["hash"]])  # type: ignore[arg-type]
        mining(anvil, True)
        assert balances(token, 4) == [1, 0, 0, 0], "what is behind the gap waits"
    assert balances(token, 4) == [1, 2, 3, 4]
    assert all(not isinstance(outcome, SendFailure) for outcome in outcomes)


def test_transactions_forgotten_in_a_crash_take_their_nonces(anvil: Web3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "BUMP_AFTER", 30.0)
    token, _ = Layer("L1", anvil).deploy(OWNER, TOKEN, 1000)
    mining(anvil, False)
    stopping = Event()
    stopping.set()
    forgotten = L1Sender(anvil, OWNER, stopping).send_all(pay(token, [5, 6]))
    assert all(isinstance(outcome, GaveUp) for outcome in forgotten), "a stop ends the wait for all"
    with in_background(lambda: L1Sender(anvil, OWNER, Event()).send_all(pay(token, [5, 7, 8]))) as outcomes:
        time.sleep(0.7)
        mining(anvil, True)
    assert balances(token, 3) == [5, 6, 8], "the first is the same transaction, the second lost to the forgotten one"
    assert [type(outcome).__name__ for outcome in outcomes[1:2]] == ["NonceTaken"]


def test_behind_a_stuck_batch_nothing_more_is_sent(anvil: Web3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "GIVE_UP_AFTER", 1.0)
    token, _ = Layer("L1", anvil).deploy(OWNER, TOKEN, 1000)
    mining(anvil, False)
    outcomes = L1Sender(anvil, OWNER, Event()).send_all(pay(token, [1] * 40))
    assert len(outcomes) == 40 and all(isinstance(outcome, GaveUp) for outcome in outcomes)
    content = anvil.provider.make_request("txpool_content", [])["result"]["pending"]  # type: ignore[arg-type]
    assert sum(len(transactions) for transactions in content.values()) == sender_module.IN_FLIGHT
