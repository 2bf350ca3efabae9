"""Answers against Ethereum's own specification: result schemas, and the recorded requests of execution-apis.

The recordings were made on another chain, so of their answers only the kind counts: result, or error and its code.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sequencer.rpc.registry import METHODS
from tests.unit.sequencer.json_schema import problems
from tests.unit.sequencer.node import ACCOUNTS, Node

VECTORS = Path(os.environ.get("TANDEM_VECTORS", Path(__file__).parents[4] / "shared" / "vectors")) / "rpc"
pytestmark = pytest.mark.skipif(
    not VECTORS.exists(), reason=f"the JSON-RPC specification is not at {VECTORS}: set TANDEM_VECTORS"
)

ALICE, BOB = ACCOUNTS[0], ACCOUNTS[1]
STORE_AND_LOG = "0x600b600c600039600b6000f3" + "600160005560426000" + "80a1"
NOT_ON_ANOTHER_CHAIN = {-32000, -32001, 3}
"""Errors that a request for another chain's data may meet here."""


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    content = json.loads((VECTORS / "openrpc.json").read_text())
    return {item["name"]: item["result"]["schema"] for item in content["methods"] if "result" in item}


@pytest.fixture(scope="module")
def chain(node: Node) -> dict[str, Any]:
    """A chain with one transaction of each type, a contract, and something that waits."""
    made = node.send(ALICE, data=STORE_AND_LOG)
    contract = node.web3.to_checksum_address(node.call("eth_getTransactionReceipt", made)["contractAddress"])
    dynamic = node.send(ALICE, to=contract)
    w3 = node.web3
    nonce = w3.eth.get_transaction_count(ALICE.address)
    legacy = {"chainId": 42069, "nonce": nonce, "gas": 100_000, "gasPrice": 10**9, "to": contract, "value": 0}
    digests = [made, dynamic]
    access = {"accessList": [{"address": contract, "storageKeys": ["0x" + "00" * 32]}], "type": 1}
    for fields in ({}, access):
        signed = ALICE.sign_transaction({**legacy, **fields, "nonce": nonce + len(digests) - 2})
        digests.append(w3.eth.send_raw_transaction(signed.raw_transaction).to_0x_hex())
        w3.eth.wait_for_transaction_receipt(digests[-1], timeout=10)  # type: ignore[arg-type]
    waiting = BOB.sign_transaction({**legacy, "nonce": 5})
    w3.eth.send_raw_transaction(waiting.raw_transaction)
    return {"contract": contract, "digests": digests}


def check(schemas: dict[str, Any], node: Node, method: str, *params: Any) -> Any:
    result = node.call(method, *params)
    assert list(problems(result, schemas[method])) == [], (method, params)
    return result


def test_results_have_the_shapes_of_the_specification(
    schemas: dict[str, Any], node: Node, chain: dict[str, Any]
) -> None:
    contract, digests = chain["contract"], chain["digests"]
    assert [check(schemas, node, "eth_getTransactionByHash", digest)["type"] for digest in digests] == [
        "0x2", "0x2", "0x0", "0x1",
    ]  # fmt: skip
    for digest in digests:
        check(schemas, node, "eth_getTransactionReceipt", digest)
        check(schemas, node, "debug_getRawTransaction", digest)
    receipt = node.call("eth_getTransactionReceipt", digests[1])
    number, block = receipt["blockNumber"], receipt["blockHash"]
    for spec in (number, "0x0", "latest", "safe", "finalized", "earliest", "pending"):
        for full in (True, False):
            check(schemas, node, "eth_getBlockByNumber", spec, full)
        check(schemas, node, "eth_getBlockReceipts", spec)
        check(schemas, node, "eth_getBlockTransactionCountByNumber", spec)
        for method in ("eth_getBalance", "eth_getCode", "eth_getTransactionCount"):
            check(schemas, node, method, contract, spec)
        check(schemas, node, "eth_getStorageAt", contract, "0x0", spec)
    for reference in (
        block,
        {"blockHash": block},
        {"blockNumber": number},
        {"blockHash": block, "requireCanonical": True},
    ):
        assert check(schemas, node, "eth_getStorageAt", contract, "0x0", reference) == "0x" + "1".rjust(64, "0")
        check(schemas, node, "eth_getProof", contract, ["0x0", "0x" + "ff" * 32], reference)
        check(schemas, node, "eth_call", {"to": contract}, reference)
        check(schemas, node, "eth_getBlockReceipts", reference if isinstance(reference, str) else block)
    for method, *params in (
        ("eth_getBlockByHash", block, True),
        ("eth_getBlockTransactionCountByHash", block),
        ("eth_getTransactionByBlockHashAndIndex", block, "0x0"),
        ("eth_getTransactionByBlockNumberAndIndex", number, "0x0"),
        ("eth_createAccessList", {"from": ALICE.address, "to": contract}, "latest"),
        ("eth_estimateGas", {"from": ALICE.address, "to": contract}),
        ("eth_feeHistory", "0x5", "latest", [5, 50, 95.5]),
        ("eth_feeHistory", "0x1", "pending", None),
        ("eth_getLogs", {"fromBlock": "0x0", "address": [contract]}),
        ("eth_getLogs", {"blockHash": block, "topics": [None, ["0x" + "00" * 32]]}),
        *((name,) for name in ("eth_blockNumber", "eth_chainId", "eth_gasPrice", "eth_maxPriorityFeePerGas")),
        *((name,) for name in ("eth_syncing", "eth_accounts", "eth_coinbase", "net_version", "eth_blobBaseFee")),
        *((name,) for name in ("txpool_status", "txpool_content")),
        ("txpool_contentFrom", BOB.address),
    ):  # fmt: skip
        check(schemas, node, method, *params)
    assert node.call("eth_getLogs", {"fromBlock": "0x0", "address": contract})
    for make in ("eth_newBlockFilter", "eth_newPendingTransactionFilter"):
        name = check(schemas, node, make)
        check(schemas, node, "eth_getFilterChanges", name)
        check(schemas, node, "eth_uninstallFilter", name)
    name = check(schemas, node, "eth_newFilter", {"fromBlock": "0x0", "address": contract})
    check(schemas, node, "eth_getFilterLogs", name)
    check(schemas, node, "eth_uninstallFilter", name)


def recordings() -> Iterator[Any]:
    for path in sorted(VECTORS.glob("io/*/*.io")):
        if path.parent.name in METHODS:
            yield pytest.param(path, id=f"{path.parent.name}/{path.stem}")


@pytest.mark.parametrize("path", recordings())
def test_recorded_requests_are_understood(
    schemas: dict[str, Any], node: Node, chain: dict[str, Any], path: Path
) -> None:
    lines = path.read_text().splitlines()
    request = next(json.loads(line[3:]) for line in lines if line.startswith(">> "))
    recorded = next(json.loads(line[3:]) for line in lines if line.startswith("<< "))
    answer = node.post(request)
    assert answer["id"] == request["id"]
    if "error" in recorded and recorded["error"]["code"] == -32602:
        assert answer["error"]["code"] == -32602
        return
    if "error" in answer:
        beyond_the_head = request["method"] == "eth_getLogs" and "block range" in answer["error"]["message"]
        assert answer["error"]["code"] in NOT_ON_ANOTHER_CHAIN or beyond_the_head, answer
    elif request["method"] in schemas:
        assert list(problems(answer["result"], schemas[request["method"]])) == []
