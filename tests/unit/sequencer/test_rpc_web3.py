"""The whole way by web3.py: transfers, a contract with events and reverts, receipts, logs, prices."""

import json
from typing import Any

import pytest
import requests
from web3 import Web3
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3RPCError

from tests.unit.sequencer.node import ACCOUNTS, FUNDS, Node

ALICE, BOB, CAROL = ACCOUNTS[:3]

TRANSFER = {"gas": 21_000, "to": BOB.address, "value": 10**18}


def assembled(runtime: str) -> str:
    """Creation code that deploys `runtime` (hex, at most 255 bytes)."""
    size = len(runtime) // 2
    return f"0x60{size:02x}600c60003960{size:02x}6000f3" + runtime


COUNTER = assembled(
    # calldata empty: revert Error("no") ; else: slot0 += 1, LOG1(topic 0x42, word slot0), return slot0
    "361560205760005460010180600055806000526042602060"
    "00a15060206000f3"
    "5b7f08c379a00000000000000000000000000000000000000000000000000000000060005260206004526002602452"
    "7f6e6f0000000000000000000000000000000000000000000000000000000000006044526064"
    "6000fd"
)


def rpc(method: str, *params: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


def deployed(node: Node) -> str:
    digest = node.send(ALICE, data=COUNTER)
    receipt = node.web3.eth.get_transaction_receipt(digest)  # type: ignore[arg-type]
    assert receipt["status"] == 1
    address = receipt["contractAddress"]
    assert address is not None
    return address


def test_a_transfer_moves_wei_and_pays_its_fee(node: Node) -> None:
    w3 = node.web3
    before = w3.eth.get_balance(BOB.address)
    digest = node.send(CAROL, **TRANSFER)
    receipt = w3.eth.get_transaction_receipt(digest)  # type: ignore[arg-type]
    assert (receipt["status"], receipt["gasUsed"], receipt["to"]) == (1, 21_000, BOB.address)
    assert w3.eth.get_balance(BOB.address) == before + 10**18
    paid = receipt["gasUsed"] * receipt["effectiveGasPrice"]
    assert w3.eth.get_balance(CAROL.address) == FUNDS - 10**18 - paid
    assert w3.eth.get_balance(CAROL.address, receipt["blockNumber"] - 1) == FUNDS
    assert w3.eth.get_transaction_count(CAROL.address) == 1
    transaction = w3.eth.get_transaction(digest)  # type: ignore[arg-type]
    assert (transaction["from"], transaction["type"], transaction["blockNumber"]) == (
        CAROL.address,
        2,
        receipt["blockNumber"],
    )


def test_a_contract_is_deployed_called_and_leaves_logs(node: Node) -> None:
    w3 = node.web3
    address = deployed(node)
    assert len(w3.eth.get_code(address)) == (len(COUNTER) - 2) // 2 - 12  # type: ignore[arg-type]
    assert w3.eth.call({"to": address, "data": "0x01"}) == (1).to_bytes(32, "big")  # type: ignore[typeddict-item]
    receipt = w3.eth.get_transaction_receipt(node.send(ALICE, to=address, data="0x01"))  # type: ignore[arg-type]
    (log,) = receipt["logs"]
    assert (log["address"], log["data"], log["topics"]) == (
        address,
        (1).to_bytes(32, "big"),
        [(0x42).to_bytes(32, "big")],
    )
    assert w3.eth.get_storage_at(address, 0) == (1).to_bytes(32, "big")  # type: ignore[arg-type]
    found = w3.eth.get_logs({"address": address, "fromBlock": 0, "topics": ["0x" + "42".rjust(64, "0")]})  # type: ignore[typeddict-item]
    assert found == [log]
    assert w3.eth.get_logs({"address": BOB.address, "fromBlock": 0}) == []
    assert w3.eth.call({"to": address, "data": "0x01"}, receipt["blockNumber"] - 1) == (1).to_bytes(32, "big")  # type: ignore[typeddict-item]
    assert w3.eth.call({"to": address, "data": "0x01"}) == (2).to_bytes(32, "big")  # type: ignore[typeddict-item]


def test_a_revert_carries_its_reason_and_data(node: Node) -> None:
    address = deployed(node)
    with pytest.raises(ContractLogicError, match="execution reverted: no"):
        node.web3.eth.call({"to": address})  # type: ignore[typeddict-item]
    with pytest.raises(ContractLogicError, match="execution reverted: no"):
        node.web3.eth.estimate_gas({"to": address})  # type: ignore[typeddict-item]
    error = node.fail("eth_call", {"to": address}, "latest")
    assert (error["code"], error["message"], error["data"][:10]) == (3, "execution reverted: no", "0x08c379a0")


def test_overrides_change_what_a_call_sees(node: Node) -> None:
    address = deployed(node)
    slot, seven = "0x" + "0" * 64, "0x" + "7".rjust(64, "0")
    call = {"to": address, "input": "0x01"}
    for override in ({"stateDiff": {slot: seven}}, {"state": {slot: seven}}):
        assert int(node.call("eth_call", call, "latest", {address: override}), 16) == 8
    number = node.call(
        "eth_call", {"to": BOB.address}, "latest", {BOB.address: {"code": "0x4360005260206000f3"}}, {"number": "0x99"}
    )
    assert int(number, 16) == 0x99


def test_an_estimate_is_enough_and_counts_the_l1_data_cost(node: Node) -> None:
    w3 = node.web3
    address = deployed(node)
    request: Any = {"from": ALICE.address, "to": address, "data": "0x01"}
    plain = w3.eth.estimate_gas(request)
    node.send(ALICE, to=address, data="0x01", gas=plain)
    node.engine.deposit(b"\xaa" * 20, b"\xbb" * 20, 0, 0)
    with_data = w3.eth.estimate_gas(request)
    assert with_data > plain + 1_000
    digest = node.send(ALICE, to=address, data="0x01", gas=with_data)
    assert w3.eth.get_transaction_receipt(digest)["status"] == 1  # type: ignore[arg-type]
    poor = {"from": "0x" + "99" * 20, "to": BOB.address, "value": "0x1", "maxFeePerGas": "0x1"}
    assert node.fail("eth_estimateGas", poor)["message"] == "insufficient funds for transfer"


def test_a_deposit_has_the_fields_that_op_stack_tools_read(node: Node) -> None:
    node.engine.deposit(b"\xcc" * 20, b"\xdd" * 20, mint=5, value=3)
    w3 = node.web3
    block = w3.eth.get_block("latest", full_transactions=True)
    (transaction,) = block["transactions"]
    assert transaction["type"] == 0x7E and transaction["mint"] == "0x5" and transaction["isSystemTx"] is False  # type: ignore[call-overload,index,typeddict-item]
    assert w3.eth.get_balance(Web3.to_checksum_address(b"\xdd" * 20)) == 3
    receipt = w3.eth.get_transaction_receipt(transaction["hash"])  # type: ignore[index,typeddict-item,arg-type]
    assert (receipt["status"], receipt["type"], receipt["effectiveGasPrice"]) == (1, 0x7E, 0)
    assert block["l1OriginNumber"] == "0x7"  # type: ignore[typeddict-item]


def test_waiting_transactions_are_seen_as_pending(node: Node) -> None:
    w3, engine = node.web3, node.engine
    engine.run(lambda: setattr(engine, "automine", False) or True)
    nonce = w3.eth.get_transaction_count(BOB.address)
    fields = {
        "chainId": 42069,
        "gas": 40_000,
        "maxFeePerGas": 10**9,
        "maxPriorityFeePerGas": 1,
        "to": ALICE.address,
        "value": 1,
    }
    hashes = [
        w3.eth.send_raw_transaction(BOB.sign_transaction({**fields, "nonce": nonce + ahead}).raw_transaction)
        for ahead in (0, 1, 3)
    ]
    assert w3.eth.get_transaction_count(BOB.address, "pending") == nonce + 2
    assert node.call("txpool_status") == {"pending": "0x2", "queued": "0x1"}
    content = w3.geth.txpool.content()  # type: ignore[attr-defined]
    assert len(content["pending"][BOB.address.lower()]) == 2
    waiting = w3.eth.get_transaction(hashes[1])
    assert waiting["blockNumber"] is None and waiting["nonce"] == nonce + 1
    with pytest.raises(Web3RPCError, match="already known"):
        w3.eth.send_raw_transaction(BOB.sign_transaction({**fields, "nonce": nonce}).raw_transaction)
    with pytest.raises(Web3RPCError, match="replacement transaction underpriced"):
        w3.eth.send_raw_transaction(BOB.sign_transaction({**fields, "nonce": nonce, "value": 2}).raw_transaction)
    engine.run(lambda: engine.mine(10))
    engine.run(lambda: setattr(engine, "automine", True) or True)
    assert w3.eth.get_transaction(hashes[1])["blockNumber"] is not None
    with pytest.raises(TransactionNotFound):
        w3.eth.get_transaction(b"\x01" * 32)  # type: ignore[arg-type]


def test_prices_and_their_history(node: Node) -> None:
    w3 = node.web3
    head = w3.eth.get_block("latest")
    assert w3.eth.gas_price >= head["baseFeePerGas"]
    assert w3.eth.max_priority_fee == 1_000_000
    history = w3.eth.fee_history(3, "latest", [10, 90])
    assert len(history["baseFeePerGas"]) == 4 and len(history["reward"]) == 3
    assert history["oldestBlock"] == head["number"] - 2


def test_filters_report_what_is_new(node: Node) -> None:
    w3 = node.web3
    address: Any = deployed(node)
    blocks, pending = w3.eth.filter("latest"), w3.eth.filter("pending")
    logs = w3.eth.filter({"address": address})
    digest = node.send(ALICE, to=address, data="0x01")
    assert blocks.get_new_entries() == [w3.eth.get_block("latest")["hash"]]
    assert [entry.to_0x_hex() for entry in pending.get_new_entries()] == [digest]  # type: ignore[attr-defined]
    assert [entry["transactionHash"].to_0x_hex() for entry in logs.get_new_entries()] == [digest]
    assert logs.get_new_entries() == [] == blocks.get_new_entries()
    assert len(logs.get_all_entries()) == 1
    node.engine.roll_back(1)
    (gone,) = logs.get_new_entries()
    assert gone["removed"] and gone["transactionHash"].to_0x_hex() == digest
    for item in (blocks, pending, logs):
        assert w3.eth.uninstall_filter(item.filter_id)
    assert not w3.eth.uninstall_filter(blocks.filter_id)
    assert node.fail("eth_getFilterChanges", blocks.filter_id) == {"code": -32000, "message": "filter not found"}


def test_a_trace_shows_calls_and_instructions(node: Node) -> None:
    address = deployed(node)
    digest = node.send(ALICE, to=address, data="0x01")
    receipt = node.call("eth_getTransactionReceipt", digest)
    call = node.call("debug_traceTransaction", digest, {"tracer": "callTracer", "tracerConfig": {"withLog": True}})
    assert (call["type"], call["to"], call["input"]) == ("CALL", address.lower(), "0x01")
    assert call["gasUsed"] == receipt["gasUsed"] and len(call["logs"]) == 1
    steps = node.call("debug_traceTransaction", digest, {"enableMemory": True})
    assert steps["gas"] == int(receipt["gasUsed"], 16) and not steps["failed"]
    assert [step["op"] for step in steps["structLogs"][:4]] == ["CALLDATASIZE", "ISZERO", "PUSH1", "JUMPI"]
    first, second = steps["structLogs"][:2]
    assert first["gasCost"] == 2 and first["gas"] - second["gas"] == 2 and second["stack"] == ["0x1"]
    transfer = node.send(CAROL, **{**TRANSFER, "gas": 100_000})
    assert node.call("debug_traceTransaction", transfer)["structLogs"] == []


def test_a_prestate_is_what_the_transaction_found(node: Node) -> None:
    address = deployed(node)
    for count in (1, 2):
        digest = node.send(ALICE, to=address, data="0x01")
        number = int(node.call("eth_getTransactionReceipt", digest)["blockNumber"], 16)
        found = node.call("debug_traceTransaction", digest, {"tracer": "prestateTracer"})
        alice, contract = found[ALICE.address.lower()], found[address.lower()]
        assert int(alice["balance"], 16) == node.web3.eth.get_balance(ALICE.address, number - 1)
        assert contract["storage"] == {"0x" + "0" * 64: "0x" + str(count - 1).rjust(64, "0")}
        options = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
        changed = node.call("debug_traceTransaction", digest, options)
        after = changed["post"][address.lower()]
        assert after == {"storage": {"0x" + "0" * 64: "0x" + str(count).rjust(64, "0")}}
        assert changed["post"][ALICE.address.lower()]["nonce"] == alice["nonce"] + 1
    call = {"from": ALICE.address, "to": address, "data": "0x01"}
    assert address.lower() in node.call("debug_traceCall", call, "latest", {"tracer": "prestateTracer"})


def test_a_trace_may_nest_as_deep_as_calls_do(node: Node) -> None:
    calls_itself = {
        "stateOverrides": {BOB.address: {"code": "0x6000600060006000600030" + "5af100"}},
        "tracer": "callTracer",
    }
    answer = requests.post(
        node.url, data=rpc("debug_traceCall", {"to": BOB.address}, "latest", calls_itself), timeout=20
    )
    assert answer.text.count('"calls":') > 254


def test_an_access_list_names_what_is_touched(node: Node) -> None:
    address = deployed(node)
    made = node.call("eth_createAccessList", {"from": ALICE.address, "to": address, "data": "0x01"}, "latest")
    assert made["accessList"] == [{"address": address.lower(), "storageKeys": ["0x" + "0" * 64]}]


def test_logs_of_a_block_with_messages_from_l1_alone_are_found(node: Node) -> None:
    """Such a block has used no gas by its header."""
    w3 = node.web3
    address = deployed(node)
    logs = w3.eth.filter({"address": address})  # type: ignore[typeddict-item]
    node.engine.deposit(b"\x51" * 20, bytes.fromhex(address[2:]), 0, 0, b"\x01")
    block = w3.eth.get_block("latest")
    assert block["gasUsed"] == 0
    [log] = w3.eth.get_logs({"address": address, "fromBlock": 0})  # type: ignore[typeddict-item]
    assert (log["blockNumber"], log["data"]) == (block["number"], (1).to_bytes(32, "big"))
    assert logs.get_new_entries() == [log]
