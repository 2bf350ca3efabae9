"""What no library sends: malformed requests, limits, batches, CORS, an engine that is away."""

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from sequencer.rpc import Limits
from tandem.batch.packed import MAX_PACKED_BYTES, pack
from tandem.chain.spec import ChainParameters
from tandem.primitives.types import Address, Gas, Wei
from tandem.transactions.codec import UnsignedTransaction
from tests.unit.sequencer.node import ACCOUNTS, LIMITS, Node, start, stop

ALICE, BOB = ACCOUNTS[3], ACCOUNTS[4]
CALL = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}


def raw_transfer(nonce: int, **fields: Any) -> str:
    transaction = {
        "chainId": 42069, "nonce": nonce, "gas": 30_000, "maxFeePerGas": 10**9, "maxPriorityFeePerGas": 10**6,
        "to": BOB.address, "value": 1, **fields,
    }  # fmt: skip
    signed: str = ALICE.sign_transaction(transaction).raw_transaction.to_0x_hex()
    return signed


def sends(*raws: str) -> list[dict[str, Any]]:
    return [
        {"jsonrpc": "2.0", "id": index, "method": "eth_sendRawTransaction", "params": [raw]}
        for index, raw in enumerate(raws)
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700), (b"{", -32700), (b"\xff\xfe", -32700), (b'{"jsonrpc":"2.0"', -32700),
        (b"[]", -32600), (b"1", -32600), (b'"eth_chainId"', -32600), (b"null", -32600), (b"{}", -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_nothing"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_getBalance"}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":{}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[1]}', -32602),
    ],
)  # fmt: skip
def test_a_malformed_request_costs_its_error_and_nothing_more(node: Node, body: bytes, code: int) -> None:
    answer = node.post(body)
    assert answer["error"]["code"] == code and "result" not in answer
    assert node.post(CALL)["result"] == hex(42069)


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("eth_getBalance", ["0x12", "latest"], "want 40"),
        ("eth_getBalance", ["12" * 20, "latest"], "without 0x prefix"),
        ("eth_getBalance", ["0x" + "zz" * 20, "latest"], "invalid hex"),
        ("eth_getBalance", ["0x" + "12" * 20, "newest"], "block number"),
        ("eth_getBalance", ["0x" + "12" * 20, {"blockNumber": "0x0", "blockHash": "0x" + "12" * 32}], "exactly one"),
        ("eth_getBlockByNumber", ["0x0", "yes"], "true or false"),
        ("eth_getTransactionReceipt", ["0x12"], "want 64"),
        ("eth_call", ["0x12", "latest"], "call object"),
        ("eth_call", [{"data": "0x01", "input": "0x02"}, "latest"], "not equal"),
        ("eth_call", [{"to": "0x" + "12" * 20, "gas": "lots"}, "latest"], "gas"),
        ("eth_getLogs", [{"topics": [[[]]]}], "topic"),
        ("eth_getLogs", [{"fromBlock": "0x5", "toBlock": "0x4"}], "block range"),
        ("eth_feeHistory", ["0x1", "latest", [50, 10]], "percentile"),
    ],
)
def test_wrong_parameters_are_told_by_a_sentence(node: Node, method: str, params: list[Any], message: str) -> None:
    error = node.fail(method, *params)
    assert error["code"] == -32602 and message in error["message"]


def test_what_does_not_exist_is_null(node: Node) -> None:
    nothing = "0x" + "12" * 32
    for method, *params in (
        ("eth_getBlockByNumber", "0xffffff", False),
        ("eth_getBlockByHash", nothing, True),
        ("eth_getTransactionByHash", nothing),
        ("eth_getTransactionReceipt", nothing),
        ("eth_getBlockReceipts", "0xffffff"),
        ("eth_getBlockTransactionCountByHash", nothing),
        ("eth_getTransactionByBlockNumberAndIndex", "0x0", "0x0"),
        ("tandem_getBatch", "0x0"),
        ("tandem_getBatch", "latest"),
    ):
        assert node.call(method, *params) is None
    assert node.fail("eth_getBalance", BOB.address, "0xffffff") == {"code": -32000, "message": "header not found"}
    assert node.fail("eth_call", {"to": BOB.address}, nothing)["message"] == "header for hash not found"
    assert node.fail("tandem_getWithdrawalProof", nothing)["code"] == -32001


def test_a_batch_is_answered_in_order_and_notifications_are_not(node: Node) -> None:
    answers = node.post([CALL | {"id": "a"}, {k: v for k, v in CALL.items() if k != "id"}, 5, CALL | {"id": None}])
    assert [answer["id"] for answer in answers] == ["a", None, None]
    assert answers[1]["error"]["code"] == -32600 and answers[2]["result"] == hex(42069)
    silent = requests.post(node.url, json={"jsonrpc": "2.0", "method": "eth_chainId"}, timeout=5)
    assert (silent.status_code, silent.content) == (200, b"")
    assert node.post([CALL] * (LIMITS.batch_size + 1))["error"]["code"] == -32600


def test_a_batch_of_transactions_is_taken_together(node: Node) -> None:
    nonce = int(node.call("eth_getTransactionCount", ALICE.address, "latest"), 16)
    raws = [raw_transfer(nonce + ahead) for ahead in range(100)]
    answers = node.post([*sends(*raws[:50], "0x12", raw_transfer(0, chainId=1)), CALL, *sends(*raws[50:])])
    assert len(answers) == 103
    bad, wrong_chain = answers[50:52]
    assert bad["error"]["code"] == -32000 and "type 0x12" in bad["error"]["message"]
    assert "invalid chain id" in wrong_chain["error"]["message"]
    assert all("result" in answer for answer in [*answers[:50], *answers[52:]])
    deadline = time.monotonic() + 20
    while int(node.call("eth_getTransactionCount", ALICE.address, "latest"), 16) < nonce + 100:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert node.call("eth_getTransactionReceipt", answers[0]["result"])["status"] == "0x1"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"gas": 20_000}, "intrinsic gas too low"),
        ({"gas": 2**24 + 1}, "above the cap"),
        ({"nonce": 10**6}, "nonce too high"),
        ({"value": 10**30}, "insufficient funds for gas * price + value"),
        ({"maxFeePerGas": 1, "maxPriorityFeePerGas": 1}, "underpriced"),
        ({"maxFeePerGas": 10**9, "maxPriorityFeePerGas": 2 * 10**9}, "max priority fee per gas higher"),
        ({"data": "0x" + "00" * 50_000, "gas": 10**6, "to": b""}, "max initcode size"),
        ({"data": "0x" + "00" * 65_536, "gas": 10**6}, "oversized data"),
    ],
)
def test_a_refused_transaction_says_why(node: Node, fields: dict[str, Any], message: str) -> None:
    nonce = int(node.call("eth_getTransactionCount", ALICE.address, "pending"), 16)
    error = node.fail("eth_sendRawTransaction", raw_transfer(fields.pop("nonce", nonce), **fields))
    assert error["code"] == -32000 and message in error["message"]


def test_a_transaction_too_long_for_a_batch_is_refused(node: Node) -> None:
    """Within the limit in its standard form, beyond it when packed: derivation would skip it."""
    data = b"\1" * 65_460
    transaction = UnsignedTransaction(
        2, 42069, 0, Wei(0), Wei(10**9), Gas(2**24), Address(bytes(20)), Wei(0), data
    ).with_signature(0, 1, 1)
    assert len(transaction.raw) < MAX_PACKED_BYTES < len(pack(transaction))
    error = node.fail("eth_sendRawTransaction", "0x" + transaction.raw.hex())
    assert error["code"] == -32000 and "as batches pack it" in error["message"]


def test_limits_are_typed_errors(node: Node) -> None:
    large = requests.post(node.url, data=b" " * (LIMITS.body_bytes + 1), timeout=5)
    assert large.status_code == 413 and large.json()["error"]["code"] == -32600

    def parts() -> Any:
        for _ in range(20):
            yield b" " * (LIMITS.body_bytes // 10)

    assert requests.post(node.url, data=parts(), timeout=5).status_code == 413
    names = [node.call("eth_newBlockFilter") for _ in range(LIMITS.filters)]
    assert node.fail("eth_newBlockFilter")["code"] == -32005
    assert all(node.call("eth_uninstallFilter", name) for name in names)


def test_a_browser_may_ask(node: Node) -> None:
    preflight = requests.options(node.url, headers={"origin": "https://app.example"}, timeout=5)
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    answer = requests.post(node.url, json=CALL, headers={"origin": "https://app.example"}, timeout=5)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"] == "application/json"


def test_a_peer_that_stops_midway_stops_nobody(node: Node) -> None:
    host, port = node.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert node.post(CALL)["result"] == hex(42069)
    with socket.create_connection((host, int(port))) as peer:
        peer.sendall(b"\x00\x01 garbage\r\n\r\n")
        assert b"400" in peer.recv(1000)
    assert node.post(CALL)["result"] == hex(42069)


def test_health_and_metrics(node: Node) -> None:
    health = requests.get(node.url + "/health", timeout=5)
    assert health.status_code == 200 and health.json()["status"] == "ok"
    node.post(CALL)
    text = requests.get(node.url + "/metrics", timeout=5).text
    assert 'tandem_rpc_calls_total{method="eth_chainId"}' in text and "tandem_engine_pool" in text


def test_plain_answers(node: Node) -> None:
    assert node.call("net_version") == "42069" and node.call("net_listening") is True
    assert node.call("web3_sha3", "0x") == "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert node.call("web3_clientVersion").startswith("Tandem/")
    assert node.call("eth_syncing") is False and node.call("eth_accounts") == []
    status = node.call("tandem_syncStatus")
    assert status["latest"]["number"] == node.call("eth_blockNumber") and status["engine"] is not None
    config = node.call("tandem_rollupConfig")
    assert (config["chainId"], config["l1"]["chainId"]) == (hex(42069), hex(31337))


def test_development_methods_are_the_engines(node: Node) -> None:
    before = int(node.call("eth_blockNumber"), 16)
    assert node.call("evm_mine") == "0x0"
    assert int(node.call("eth_blockNumber"), 16) == before + 1
    assert node.fail("evm_fail", "0x7") == {"code": -32000, "message": "no such snapshot 0x7"}
    assert node.fail("anvil_unknown")["code"] == -32601


def test_a_proof_leads_from_the_state_root_to_the_account(node: Node) -> None:
    from tandem.primitives.hashing import keccak

    proof = node.call("eth_getProof", BOB.address, ["0x0"], "latest")
    nodes = [bytes.fromhex(item[2:]) for item in proof["accountProof"]]
    expected = bytes.fromhex(node.call("eth_getBlockByNumber", "latest", False)["stateRoot"][2:])
    for at, preimage in enumerate(nodes):
        assert keccak(preimage) == expected
        if preimage[0] == 1 and len(preimage) == 65:
            following = keccak(nodes[at + 1])
            assert following in (preimage[1:33], preimage[33:])
            expected = following
        else:
            expected = preimage[33:65]
    assert int.from_bytes(nodes[-1][32:64], "big") == int(proof["balance"], 16) > 0
    assert proof["storageProof"] == [{"key": "0x0", "value": "0x0", "proof": []}]


def test_production_chains_have_no_development_methods_and_a_lost_engine_is_told(tmp_path: Path) -> None:
    made = start(tmp_path, ChainParameters(chain_id=10), Limits(request_seconds=2))
    assert made.fail("evm_mine")["code"] == -32601
    engine = made.engine
    held = threading.Event()
    engine.server.requests.put(lambda: held.wait(20))  # type: ignore[arg-type]
    assert made.fail("eth_getTransactionCount", BOB.address, "pending")["code"] == -32002
    assert made.call("eth_getTransactionCount", BOB.address, "latest") == "0x0"
    held.set()
    engine.server.close()
    time.sleep(0.3)
    error = made.fail("eth_sendRawTransaction", raw_transfer(0, chainId=10))
    assert error["code"] == -32000 and "engine" in error["message"]
    assert made.call("eth_blockNumber") == "0x0"
    health = requests.get(made.url + "/health", timeout=5)
    assert health.status_code == 503 and json.loads(health.text)["status"] == "degraded"
    assert orjson.loads(health.content)["head"] == 0
    stop(made)
