"""What the acts share: wallets, sending and waiting, and telling."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from rich.console import Console
from rich.table import Table
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import TransactionNotFound

from localnet import LocalNet
from tandem.l1.contracts import L1, abi, checksum, connect
from tandem.l1.signer import development_account

ROOT = Path(__file__).resolve().parent.parent
ETHER = 10**18
WAIT = 60.0
"""Seconds to wait for anything before the demo fails."""


class DemoFailed(Exception):
    """Something did not happen that should have."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A mined transaction and how long that took, milliseconds."""

    receipt: Any
    milliseconds: float

    @property
    def gas(self) -> int:
        """Gas used."""
        return int(self.receipt["gasUsed"])

    @property
    def hash(self) -> bytes:
        """The transaction's hash."""
        return bytes(self.receipt["transactionHash"])


class Layer:
    """One chain seen by the people of the story."""

    def __init__(self, name: str, web3: Web3) -> None:
        self.name = name
        self.web3 = web3
        self.chain_id = web3.eth.chain_id

    def send(self, account: LocalAccount, transaction: dict[str, Any]) -> Sent:
        """Sign, send, wait for the receipt. DemoFailed where it fails."""
        start = time.perf_counter()
        receipt = self.wait_for(self.submit(account, transaction))
        if receipt["status"] != 1:
            raise DemoFailed(f"transaction {receipt['transactionHash'].to_0x_hex()} failed on {self.name}")
        return Sent(receipt, (time.perf_counter() - start) * 1000)

    def call(self, account: LocalAccount, function: Any, value: int = 0) -> Sent:
        """Send a contract call."""
        request = {"from": account.address, "value": value}
        data = function.build_transaction({**request, "gas": 0, "gasPrice": 0, "nonce": 0, "chainId": self.chain_id})
        return self.send(account, {"to": data["to"], "data": data["data"], "value": value})

    def deploy(self, account: LocalAccount, artifact: Path, *arguments: Any) -> tuple[Contract, Sent]:
        """Deploy a contract from a compiled artifact ({abi, bytecode or evm.bytecode.object})."""
        content = json.loads(artifact.read_text())
        bytecode = content.get("bytecode") or content["evm"]["bytecode"]["object"]
        factory = self.web3.eth.contract(abi=content["abi"], bytecode=bytecode)
        data = factory.constructor(*arguments).data_in_transaction
        sent = self.send(account, {"data": data, "value": 0})
        return self.web3.eth.contract(address=sent.receipt["contractAddress"], abi=content["abi"]), sent

    def submit(self, account: LocalAccount, transaction: dict[str, Any], nonce: int | None = None) -> Any:
        """Sign and send; the hash."""
        eth = self.web3.eth
        request = {"from": account.address, **transaction}
        base = eth.get_block("latest")["baseFeePerGas"]
        tip = 10**6
        filled = {
            **transaction,
            "nonce": eth.get_transaction_count(account.address, "pending") if nonce is None else nonce,
            "chainId": self.chain_id,
            "gas": transaction.get("gas") or eth.estimate_gas(request) * 16 // 10,  # type: ignore[arg-type]
            "maxFeePerGas": 2 * base + tip,
            "maxPriorityFeePerGas": tip,
        }
        return eth.send_raw_transaction(account.sign_transaction(filled).raw_transaction)

    def wait_for(self, digest: Any) -> Any:
        """The receipt of a transaction."""
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            try:
                return self.web3.eth.get_transaction_receipt(digest)
            except TransactionNotFound:
                time.sleep(0.02)
        raise DemoFailed(f"transaction {digest.to_0x_hex()} is not in a block of {self.name} after {WAIT:.0f} s")


class Stage:
    """The network, the people and the narrator."""

    def __init__(self, net: LocalNet, console: Console) -> None:
        self.net = net
        self.console = console
        self.started = time.monotonic()
        self._step = 0
        deployment = net.deployment
        self.deployment = deployment
        self.l1 = Layer("L1", connect(net.l1_url))
        self.l2 = Layer("L2", connect(net.l2_url))
        self.contracts = L1(self.l1.web3, deployment.l1)
        self.alice, self.bob, self.carol, self.dave = (development_account(index) for index in (3, 4, 5, 6))

    @property
    def elapsed(self) -> float:
        """Seconds since the story began."""
        return time.monotonic() - self.started

    def predeploy(self, name: str, address: bytes) -> Contract:
        """A predeploy of L2."""
        return self.l2.web3.eth.contract(address=checksum(address), abi=abi(name))

    def step(self, title: str) -> None:
        """Begin a step of the story."""
        self._step += 1
        self.console.print(f"\n[bold cyan]{self._step}. {title}[/] [dim]({self.elapsed:.0f} s)[/]")

    def tell(self, text: str) -> None:
        """A sentence."""
        self.console.print(f"   {text}")

    def show(self, what: str, layer: Layer, sent: Sent) -> None:
        """A transaction: where, its hash, gas and time."""
        digest = sent.receipt["transactionHash"].to_0x_hex()
        self.console.print(
            f"   [green]✓[/] {what:<46} [dim]{layer.name}[/] {digest[:10]}…{digest[-4:]} "
            f"{sent.gas:>9,} gas {sent.milliseconds:>7,.0f} ms"
        )

    def wait(self, what: str, ready: Callable[[], Any], timeout: float = WAIT) -> Any:
        """Wait until `ready()` gives something true, and give that back. DemoFailed after `timeout` seconds."""
        start = time.monotonic()
        with self.console.status(f"waiting: {what}"):
            while time.monotonic() - start < timeout:
                found = ready()
                if found:
                    return found
                self.net.check()
                time.sleep(0.1)
        raise DemoFailed(f"not after {timeout:.0f} s: {what}")

    def travel(self, seconds: int) -> None:
        """Move L1's clock forward."""
        self.l1.web3.provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]
        self.l1.web3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]

    def request(self, method: str, *params: Any) -> Any:
        """A raw request to L2. DemoFailed where it answers with an error."""
        answer = self.l2.web3.provider.make_request(method, list(params))  # type: ignore[arg-type]
        if "error" in answer:
            raise DemoFailed(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def sync_status(self) -> dict[str, Any]:
        """tandem_syncStatus of the sequencer."""
        status: dict[str, Any] = self.request("tandem_syncStatus")
        return status

    def table(self, title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], left: int = 1) -> None:
        """A table at the end of a step; the first `left` columns are text."""
        table = Table(title=title, title_justify="left")
        for index, column in enumerate(columns):
            table.add_column(column, justify="left" if index < left else "right")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)
