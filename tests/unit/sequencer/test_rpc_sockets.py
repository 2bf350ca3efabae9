"""Subscriptions over WebSocket: heads, logs, waiting transactions, re-orgs, and a peer that misbehaves."""

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.unit.sequencer.node import ACCOUNTS, LIMITS, Node

ALICE, BOB = ACCOUNTS[5], ACCOUNTS[6]
EMITTER = "0x60" + "09" + "600c60003960" + "09" + "6000f3" + "6042600060" + "00a1" + "00" + "00"
"""Runs LOG1(topic 0x42) on every call."""


class Peer:
    """A client that keeps notifications apart from answers."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.notes: list[Any] = []

    def call(self, method: str, *params: Any) -> Any:
        self.socket.send(json.dumps({"jsonrpc": "2.0", "id": 9, "method": method, "params": params}))
        while "id" not in (message := json.loads(self.socket.recv(10))):
            self.notes.append(message)
        return message.get("result", message.get("error"))

    def note(self, subscription: str) -> Any:
        while True:
            for at, message in enumerate(self.notes):
                if message["params"]["subscription"] == subscription:
                    return self.notes.pop(at)["params"]["result"]
            message = json.loads(self.socket.recv(10))
            assert message["method"] == "eth_subscription"
            self.notes.append(message)


def test_heads_logs_and_pending_transactions_are_told(node: Node) -> None:
    address = node.call("eth_getTransactionReceipt", node.send(ALICE, data=EMITTER))["contractAddress"]
    with connect(node.ws_url) as socket:
        peer = Peer(socket)
        heads, pending = peer.call("eth_subscribe", "newHeads"), peer.call("eth_subscribe", "newPendingTransactions")
        logs = peer.call("eth_subscribe", "logs", {"address": address, "topics": ["0x" + "42".rjust(64, "0")]})
        others = peer.call("eth_subscribe", "logs", {"address": BOB.address})
        digest = node.send(ALICE, to=node.web3.to_checksum_address(address))
        assert peer.note(pending) == digest
        block = node.call("eth_getBlockByNumber", "latest", False)
        head = peer.note(heads)
        assert head["hash"] == block["hash"] and "transactions" not in head
        log = peer.note(logs)
        assert (log["transactionHash"], log["removed"]) == (digest, False)

        node.engine.roll_back(1)
        assert peer.note(logs) == {**log, "removed": True}
        assert peer.note(heads)["number"] == head["number"]
        assert peer.call("eth_unsubscribe", heads) is True
        assert peer.call("eth_unsubscribe", heads)["code"] == -32000
        node.call("evm_mine")
        assert peer.call("eth_chainId") == hex(42069)
        assert all(message["params"]["subscription"] not in (heads, others) for message in peer.notes)


def test_subscriptions_are_limited_and_typed(node: Node) -> None:
    with connect(node.ws_url) as socket:
        peer = Peer(socket)
        assert "no 'moons' subscription" in peer.call("eth_subscribe", "moons")["message"]
        for _ in range(LIMITS.subscriptions):
            assert isinstance(peer.call("eth_subscribe", "newHeads"), str)
        assert peer.call("eth_subscribe", "newHeads")["code"] == -32005


def test_malformed_messages_are_answered_and_the_connection_lives(node: Node) -> None:
    with connect(node.ws_url + "/ws") as socket:
        for body, code in (("{", -32700), ("[]", -32600), ("7", -32600)):
            socket.send(body)
            assert json.loads(socket.recv(5))["error"]["code"] == code
        socket.send(json.dumps([{"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber"}] * 3).encode())
        assert len(json.loads(socket.recv(5))) == 3


def test_a_message_that_is_too_long_ends_the_connection(node: Node) -> None:
    with connect(node.ws_url) as socket, pytest.raises(ConnectionClosed):
        socket.send(" " * (LIMITS.body_bytes + 1))
        socket.recv(5)
    assert node.call("eth_chainId") == hex(42069)
