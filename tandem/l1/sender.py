"""Sends transactions to L1 and sees them mined: explicit nonces, fee bumps for stuck ones, time-outs.

The nonce is the guard against doing a thing twice: a caller that decides on the basis of L1 block B sends with the
nonce its account had at B. Whatever it sent before and has forgotten (a crash) takes that nonce, or loses to this.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractCustomError, ContractLogicError, TransactionNotFound, Web3RPCError
from web3.types import Wei

from tandem.errors import TandemError
from tandem.l1.contracts import explain

IN_FLIGHT = 32
"""Transactions of one account on their way at once: nodes keep at least so many with consecutive nonces."""
BUMP_AFTER = 20.0
"""Seconds without any transaction mined after which fees are raised."""
BUMP_PERCENT = 25
"""By how much at least: nodes ask for 10 for a replacement."""
GIVE_UP_AFTER = 600.0
"""Seconds after which a sender gives up; a transaction may still be mined, and its nonce says whether it was."""
RECEIPT_GRACE = 2.0
"""Seconds that the receipt of a mined nonce may take to appear: of an endpoint's nodes, some are behind."""
POLL = 0.1
GAS_MARGIN_PERCENT = 20


class SendFailure(TandemError):
    """A transaction was not mined, or in vain.

    SendFailure ─┬─ L1Rejected   L1 says no
                 │   └─ Reverted   the call itself does
                 ├─ NonceTaken   the account did something else with this nonce
                 └─ GaveUp       nothing is known yet
    """


class L1Rejected(SendFailure):
    """L1 refused or reverted a transaction; the message has its reason."""


class Reverted(L1Rejected):
    """The call reverts, or did."""


class NonceTaken(SendFailure):
    """Another transaction of the account was mined with this nonce: decide again on L1's new state."""


class GaveUp(SendFailure):
    """No receipt in time, or the daemon is stopping."""


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559 fees in wei a gas."""

    tip: int
    cap: int

    def bumped(self, current: "Fees") -> "Fees":
        """Raised enough to replace, and to what is asked now."""
        return Fees(max(_raise(self.tip) + 1, current.tip), max(_raise(self.cap) + 1, current.cap))


@dataclass(slots=True)
class _Flight:
    """A transaction on its way: its nonce, and the hashes of all that was broadcast with it."""

    index: int
    """Of its call, as the caller counts."""
    name: str
    transaction: dict[str, Any]
    nonce: int
    fees: Fees
    digests: list[Any] = field(default_factory=list)
    taken_since: float | None = None


class L1Sender:
    """One account on L1. Thread-safe: one call of `send` or `send_all` at a time."""

    def __init__(self, web3: Web3, account: LocalAccount, stopping: Event) -> None:
        self._web3 = web3
        self._account = account
        self._stopping = stopping
        self._lock = Lock()
        self.bumps = 0
        """Fee bumps so far."""
        self.spent = 0
        """Wei paid for gas so far."""

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
            [outcome] = self._fly([(call, value)], self._nonce() if nonce is None else nonce)
        if isinstance(outcome, SendFailure):
            raise outcome
        return outcome

    def send_all(self, calls: Sequence[tuple[ContractFunction, int]]) -> list[Any | SendFailure]:
        """Send calls, each with its wei, at once; gives for each its receipt or why there is none.

        None may need another one to be mined first: gas is estimated before the first is sent. One that fails leaves no
        gap and harms no other. An L1 that does not answer raises; what was sent before may be mined all the same.
        """
        outcomes: list[Any | SendFailure] = []
        with self._lock:
            for first in range(0, len(calls), IN_FLIGHT):
                part = calls[first : first + IN_FLIGHT]
                if any(isinstance(outcome, GaveUp) for outcome in outcomes):
                    outcomes += [GaveUp(f"{call.fn_name} was not sent: what is before it is stuck") for call, _ in part]
                else:
                    outcomes += self._fly(part, self._nonce())
        return outcomes

    def _nonce(self) -> int:
        return self._web3.eth.get_transaction_count(self._account.address, "latest")

    def _fly(self, calls: Sequence[tuple[ContractFunction, int]], nonce: int) -> list[Any | SendFailure]:
        """Send calls with consecutive nonces and wait for all of them."""
        outcomes: list[Any | SendFailure] = [GaveUp(f"{call.fn_name} has no receipt yet") for call, _ in calls]
        prepared: list[tuple[int, dict[str, Any]]] = []
        for index, (call, value) in enumerate(calls):
            try:
                prepared.append((index, self._prepare(call, value)))
            except L1Rejected as refusal:
                outcomes[index] = refusal
        flights: list[_Flight] = []
        fees = self._current_fees()
        for index, transaction in prepared:
            flight = _Flight(index, calls[index][0].fn_name, transaction, nonce + len(flights), fees)
            try:
                self._broadcast(flight)
                flights.append(flight)
            except (L1Rejected, NonceTaken) as refusal:
                outcomes[index] = refusal  # the next call gets its nonce: no gap
        self._wait(flights, outcomes)
        return outcomes

    def _prepare(self, call: ContractFunction, value: int) -> dict[str, Any]:
        """The transaction but for nonce and fees. L1Rejected where it would revert."""
        try:
            gas = call.estimate_gas({"from": self._account.address, "value": Wei(value)})
        except (ContractLogicError, ContractCustomError) as error:
            raise Reverted(f"{call.fn_name} would revert: {explain(error)}") from error
        except Web3RPCError as error:
            raise L1Rejected(f"{call.fn_name}: its gas is not to be had: {error}") from error
        fields: Any = {
            "from": self._account.address,
            "value": value,
            "type": 2,
            "gas": gas * (100 + GAS_MARGIN_PERCENT) // 100,
            "chainId": self._web3.eth.chain_id,
            "nonce": 0,
            "maxFeePerGas": 0,
            "maxPriorityFeePerGas": 0,
        }
        return dict(call.build_transaction(fields))

    def _wait(self, flights: list[_Flight], outcomes: list[Any | SendFailure]) -> None:
        """Until all are mined; fees are raised, the lowest nonce first, whenever nothing moves."""
        now = time.monotonic()
        give_up, bump = now + GIVE_UP_AFTER, now + BUMP_AFTER
        while flights and now < give_up:
            waiting = self._land(flights, outcomes)
            now = time.monotonic()
            if len(waiting) < len(flights):
                bump = now + BUMP_AFTER
            elif now >= bump:
                self._bump(waiting)
                bump = now + BUMP_AFTER
            flights = waiting
            if flights and self._stopping.wait(POLL):
                return

    def _land(self, flights: list[_Flight], outcomes: list[Any | SendFailure]) -> list[_Flight]:
        """Note the outcome of those whose nonce is used. Gives the others."""
        mined = self._nonce()
        waiting = []
        for flight in flights:
            outcome = self._outcome(flight) if flight.nonce < mined else None
            if outcome is None:
                waiting.append(flight)
            else:
                outcomes[flight.index] = outcome
        return waiting

    def _outcome(self, flight: _Flight) -> Any | SendFailure | None:
        """What became of a transaction whose nonce is used; None where that is not known yet."""
        for digest in flight.digests:
            receipt = self._receipt(digest)
            if receipt is not None:
                self.spent += receipt["gasUsed"] * receipt["effectiveGasPrice"]
                if receipt["status"] == 1:
                    return receipt
                reason = self._reason(flight, receipt["blockNumber"])
                return Reverted(f"{flight.name} reverted in L1 transaction {digest.to_0x_hex()}: {reason}")
        now = time.monotonic()
        if flight.taken_since is None:
            flight.taken_since = now
        if flight.digests and now - flight.taken_since < RECEIPT_GRACE:
            return None
        return NonceTaken(f"nonce {flight.nonce} of {self.address} is taken")

    def _reason(self, flight: _Flight, block: int) -> str:
        """Why a transaction would revert behind the block in which it did."""
        call: Any = {key: flight.transaction[key] for key in ("from", "to", "data", "value")}
        try:
            self._web3.eth.call(call, block)
        except (ContractLogicError, ContractCustomError) as error:
            return explain(error)
        return "it would not now"

    def _bump(self, flights: list[_Flight]) -> None:
        """Replace all at higher fees. A node that has lost one gets it again this way."""
        current = self._current_fees()
        for flight in flights:
            flight.fees = flight.fees.bumped(current)
            self.bumps += 1
            try:
                self._broadcast(flight)
            except SendFailure:
                continue  # mined meanwhile, or more than the account can pay: what was sent before may be mined

    def _broadcast(self, flight: _Flight) -> None:
        """Hand it to L1. Whatever L1 thinks of a replacement, the one before it may still be mined."""
        fees = {"nonce": flight.nonce, "maxFeePerGas": flight.fees.cap, "maxPriorityFeePerGas": flight.fees.tip}
        signed = self._account.sign_transaction(flight.transaction | fees)
        try:
            flight.digests.append(self._web3.eth.send_raw_transaction(signed.raw_transaction))
        except Web3RPCError as error:
            message = str(error).lower()
            if "already known" in message or "already imported" in message:
                flight.digests.append(signed.hash)
            elif "nonce too low" in message:
                raise NonceTaken(f"nonce {flight.nonce} of {self.address} is taken") from error
            elif "underpriced" not in message and not flight.digests:
                raise L1Rejected(f"L1 refused {flight.name}: {error}") from error

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
