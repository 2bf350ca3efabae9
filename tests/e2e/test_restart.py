"""kill -9 of the sequencer under load: nothing acknowledged is lost, nothing is posted twice."""

import time
from threading import Event, Thread

import pytest
from web3.exceptions import Web3RPCError

from localnet import LocalNet
from story.stage import ETHER
from tests.support.network import USERS, Harness

pytestmark = pytest.mark.e2e
RECEIVER = "0x00000000000000000000000000000000000000AA"
KILLS = 3


class Load(Thread):
    """Sends transfers without pause and keeps the hashes that were acknowledged."""

    def __init__(self, harness: Harness) -> None:
        super().__init__(daemon=True)
        self.harness = harness
        self.acknowledged: list[bytes] = []
        self.stopping = Event()

    def run(self) -> None:
        sender, layer = USERS[0], self.harness.l2
        nonce = layer.web3.eth.get_transaction_count(sender.address)
        while not self.stopping.is_set():
            transaction = {
                "to": RECEIVER,
                "value": 1,
                "gas": 200_000,
                "nonce": nonce,
                "chainId": layer.chain_id,
                "maxFeePerGas": 10**10,
                "maxPriorityFeePerGas": 1,
            }
            signed = sender.sign_transaction(transaction)
            try:
                digest = layer.web3.eth.send_raw_transaction(signed.raw_transaction)
            except Web3RPCError as error:
                if "already known" in str(error) or "nonce too low" in str(error):
                    digest = signed.hash  # taken just before the answer was cut off
                else:
                    time.sleep(0.1)
                    continue
            except (OSError, ValueError):
                time.sleep(0.1)
                continue
            self.acknowledged.append(bytes(digest))
            nonce += 1


def test_kill_9_under_load_loses_nothing_and_posts_nothing_twice(net: LocalNet) -> None:
    harness = Harness(net)
    harness.deposit(USERS[0], 100 * ETHER)
    load = Load(harness)
    load.start()
    hashes: dict[int, bytes] = {}
    for _ in range(KILLS):
        time.sleep(2.5)
        head = harness.l2.web3.eth.block_number
        hashes |= {number: bytes(harness.l2.web3.eth.get_block(number)["hash"]) for number in range(head + 1)}
        net.kill("sequencer")
        net.start_sequencer("--batch-age", "500")
    time.sleep(2)
    load.stopping.set()
    load.join(30)
    assert len(load.acknowledged) > 100, "there was load"

    harness.wait("the last transaction", lambda: _is_mined(harness, load.acknowledged[-1]))
    for digest in load.acknowledged:
        assert harness.l2.web3.eth.get_transaction_receipt(digest)["status"] == 1
    assert harness.l2.web3.eth.get_balance(RECEIVER) == len(load.acknowledged)
    for number, block_hash in hashes.items():
        assert bytes(harness.l2.web3.eth.get_block(number)["hash"]) == block_hash, "no block changed"

    head = harness.all_on_l1()
    batches = [
        harness.rpc("tandem_getBatch", hex(index))
        for index in range(harness.contracts.inbox.functions.batchCount().call())
    ]
    ends = [int(batch["lastBlock"], 16) for batch in batches]
    starts = [int(batch["firstBlock"], 16) for batch in batches]
    assert starts == [1, *[end + 1 for end in ends[:-1]]], "the batches follow one another without overlap"
    assert ends[-1] >= head
    harness.assert_challenger_agrees()
    harness.assert_money()


def _is_mined(harness: Harness, digest: bytes) -> bool:
    return harness.rpc("eth_getTransactionReceipt", "0x" + digest.hex()) is not None


def test_a_clean_stop_exits_0_and_resumes(net: LocalNet) -> None:
    harness = Harness(net)
    head = harness.l2.web3.eth.get_block("latest")
    assert net.stop("sequencer") == 0
    net.start_sequencer("--batch-age", "500")
    assert harness.l2.web3.eth.get_block(head["number"])["hash"] == head["hash"]
    harness.deposit(USERS[1], ETHER)
