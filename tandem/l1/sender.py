"""Sends transactions to L1 and sees them mined: explicit nonces, fee bumps for stuck ones, time-outs.

The nonce is the guard against doing a thing twice: a caller that decides on the basis of L1 block B sends with the
nonce its account had at B. Whatever it sent before and has forgotten (a crash) takes that nonce, or loses to this.
"""

import time
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractCustomError, ContractLogicError, TransactionNotFound, Web3RPCError
from web3.types import Wei

from tandem.errors import TandemError
from tandem.l1.contracts import explain

BUMP_AFTER = 20.0
"""Seconds without a receipt after which fees are raised."""
BUMP_PERCENT = 25
"""By how much: nodes ask for at least 10 for a replacement."""
GIVE_UP_AFTER = 600.0
"""Seconds after which `send` gives up; the transaction may still be mined, and its nonce says whether it was."""
POLL = 0.1
GAS_MARGIN_PERCENT = 20


class L1Rejected(TandemError):
    """L1 refused or reverted a transaction; the message has its reason."""


class NonceTaken(TandemError):
    """Another transaction of the account was mined with this nonce: decide again on L1's new state."""


class GaveUp(TandemError):
    """No receipt in time, or the daemon is stopping."""


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559 fees in wei a gas."""

    tip: int
    cap: int

    def bumped(self) -> "Fees":
        """Raised enough to replace."""
        return Fees(_raise(self.tip) + 1, _raise(self.cap) + 1)


class L1Sender:
    """One account on L1. Thread-safe: one transaction at a time."""

    def __init__(self, web3: Web3, account: LocalAccount, stopping: Event) -> None:
        self._web3 = web3
        self._account = account
        self._stopping = stopping
        self._lock = Lock()
        self.bumps = 0
        """Fee bumps so far."""

    @property
    def address(self) -> str:
        """The account's address."""
        return str(self._account.address)

    def balance(self) -> int:
        """The account's wei."""
        return self._web3.eth.get_balance(self._account.address)

    def nonce_at(self, block: int, block_hash: bytes) -> int:
        """Transactions of the account up to and including an L1 block. NonceTaken where L1 no longer has that block."""
        nonce = self._web3.eth.get_transaction_count(self._account.address, block)
        if bytes(self._web3.eth.get_block(block)["hash"]) != block_hash:
            raise NonceTaken(f"L1 re-organised: block {block} is another now")
        return nonce

    def send(self, call: ContractFunction, *, value: int = 0, nonce: int | None = None) -> Any:
        """Send `call` and return its receipt. L1Rejected, NonceTaken or GaveUp where that is not to be had."""
        with self._lock:
            if nonce is None:
                nonce = self._web3.eth.get_transaction_count(self._account.address, "latest")
            return self._send(call, value, nonce)

    def _send(self, call: ContractFunction, value: int, nonce: int) -> Any:
        transaction: Any = {"from": self._account.address, "value": value, "nonce": nonce, "type": 2}
        try:
            gas = call.estimate_gas({"from": self._account.address, "value": Wei(value)})
        except (ContractLogicError, ContractCustomError) as error:
            raise L1Rejected(f"{call.fn_name} would revert: {explain(error)}") from error
        transaction |= {"gas": gas * (100 + GAS_MARGIN_PERCENT) // 100, "chainId": self._web3.eth.chain_id}
        fees = self._current_fees()
        sent: list[Any] = []
        give_up, bump = time.monotonic() + GIVE_UP_AFTER, 0.0
        while time.monotonic() < give_up:
            if time.monotonic() >= bump:
                if sent:
                    fees = fees.bumped()
                    self.bumps += 1
                transaction |= {"maxFeePerGas": fees.cap, "maxPriorityFeePerGas": fees.tip}
                self._broadcast(call, transaction, sent)
                bump = time.monotonic() + BUMP_AFTER
            for digest in sent:
                receipt = self._receipt(digest)
                if receipt is not None:
                    if receipt["status"] != 1:
                        raise L1Rejected(f"{call.fn_name} reverted in L1 transaction {digest.hex()}")
                    return receipt
            if self._web3.eth.get_transaction_count(self._account.address, "latest") > nonce and not any(
                self._receipt(digest) for digest in sent
            ):
                raise NonceTaken(f"nonce {nonce} of {self.address} is taken")
            if self._stopping.wait(POLL):
                break
        raise GaveUp(f"{call.fn_name} has no receipt yet (nonce {nonce} of {self.address})")

    def _broadcast(self, call: ContractFunction, transaction: Any, sent: list[Any]) -> None:
        built = call.build_transaction(transaction)
        signed = self._account.sign_transaction(dict(built))  # type: ignore[arg-type]
        try:
            sent.append(self._web3.eth.send_raw_transaction(signed.raw_transaction))
        except Web3RPCError as error:
            message = str(error).lower()
            if "already known" in message or "already imported" in message:
                sent.append(signed.hash)
            elif "nonce too low" in message:
                if not sent:
                    raise NonceTaken(f"nonce {transaction['nonce']} of {self.address} is taken") from error
            elif "underpriced" not in message:
                raise L1Rejected(f"L1 refused {call.fn_name}: {error}") from error

    def _receipt(self, digest: Any) -> Any | None:
        try:
            return self._web3.eth.get_transaction_receipt(digest)
        except TransactionNotFound:
            return None

    def _current_fees(self) -> Fees:
        base = self._web3.eth.get_block("latest")["baseFeePerGas"]
        tip = self._web3.eth.max_priority_fee
        return Fees(tip, 2 * base + tip)


def _raise(amount: int) -> int:
    return amount * (100 + BUMP_PERCENT) // 100
