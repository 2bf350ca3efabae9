"""What end-to-end tests do with a running network."""

import time
from collections.abc import Callable
from typing import Any

from eth_account.signers.local import LocalAccount

from localnet import LocalNet
from story.stage import ETHER, Layer
from tandem.chain.spec import MESSAGE_PASSER
from tandem.l1.contracts import L1, abi, checksum, connect
from tandem.l1.signer import development_account

USERS = [development_account(index) for index in range(3, 9)]
TIMEOUT = 60.0


class Harness:
    """A network with both layers connected."""

    def __init__(self, net: LocalNet) -> None:
        self.net = net
        self.deployment = net.deployment
        self.l1 = Layer("L1", connect(net.l1_url))
        self.l2 = Layer("L2", connect(net.l2_url))
        self.contracts = L1(self.l1.web3, self.deployment.l1)

    def rpc(self, method: str, *params: Any) -> Any:
        """A raw request to L2; its result."""
        answer = self.l2.web3.provider.make_request(method, list(params))  # type: ignore[arg-type]
        assert "error" not in answer, answer
        return answer["result"]

    def l1_rpc(self, method: str, *params: Any) -> Any:
        """A raw request to L1; its result."""
        answer = self.l1.web3.provider.make_request(method, list(params))  # type: ignore[arg-type]
        assert "error" not in answer, answer
        return answer["result"]

    def deposit(self, account: LocalAccount, amount: int = 100 * ETHER) -> None:
        """Deposit ETH and wait for it on L2."""
        before = self.l2.web3.eth.get_balance(account.address)
        self.l1.call(account, self.contracts.bridge.functions.depositETH(account.address, 100_000, b""), amount)
        self.wait("a deposit", lambda: self.l2.web3.eth.get_balance(account.address) > before)

    def wait(self, what: str, ready: Callable[[], Any], timeout: float = TIMEOUT) -> Any:
        """Wait until `ready()` gives something true, and give that back."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = ready()
            if found:
                return found
            self.net.check()
            time.sleep(0.1)
        raise AssertionError(f"not after {timeout:.0f} s: {what}")

    def all_on_l1(self) -> int:
        """Wait until every block is in a batch and derived by the challenger. Returns the head's number."""
        head = self.l2.web3.eth.block_number
        self.wait("every block in a batch", lambda: self.l2.web3.eth.get_block("safe")["number"] >= head)
        self.wait("the challenger has it", lambda: (self.net.challenger_status() or {"head": -1})["head"] >= head)
        return head

    def assert_challenger_agrees(self) -> None:
        """The challenger has the sequencer's chain."""
        self.all_on_l1()
        status = self.net.challenger_status()
        assert status is not None
        assert status["head_hash"] == self.l2.web3.eth.get_block(status["head"])["hash"].to_0x_hex()
        assert not status["alarms"]

    def assert_money(self) -> None:
        """Escrow on L1 == supply on L2 after every block that is on L1, by the mints of the messages consumed."""
        inbox = self.contracts.inbox.events.MessageSent()
        minted = [0]
        for log in inbox.get_logs(from_block=self.deployment.l1.start_block):
            minted.append(minted[-1] + log["args"]["mint"])
        head = self.l2.web3.eth.block_number
        for number in range(head + 1):
            block = self.rpc("eth_getBlockByNumber", hex(number), False)
            money = self.rpc("tandem_supply", hex(number))
            consumed = int(block["messagesConsumed"], 16)
            assert int(money["supply"], 16) + int(money["burnt"], 16) == minted[consumed], f"block {number}"
        escrow = self.l1.web3.eth.get_balance(self.contracts.bridge.address)
        finalised = sum(log["args"]["value"] for log in self._finalised_withdrawals())
        assert escrow == minted[-1] - finalised

    def _finalised_withdrawals(self) -> list[Any]:
        passer = self.l2.web3.eth.contract(address=checksum(MESSAGE_PASSER), abi=abi("MessagePasser"))
        status_of = self.contracts.bridge.functions.statusOf
        return [
            log
            for log in passer.events.MessagePassed().get_logs(from_block=0)
            if status_of(log["args"]["withdrawalHash"]).call() == 1
        ]
