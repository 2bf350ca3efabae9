"""Submission of transactions: decoded and their senders recovered here, then handed to the engine, many at a time.

Submissions that arrive while a frame is on its way wait for the next: under load frames grow and the cost of the bus
vanishes beside that of the signatures (measured: 60 of 75 us a transaction).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from sequencer import bus
from sequencer.bus_client import BusClient
from sequencer.rpc import params
from sequencer.rpc.errors import SERVER_ERROR, RpcError, busy, from_failure
from tandem.batch.packed import MAX_PACKED_BYTES
from tandem.chain.fees import next_base_fee
from tandem.chain.header import Header
from tandem.chain.spec import ChainParameters
from tandem.errors import EncodingError, InvalidTransaction
from tandem.evm.calls import MAX_INIT_CODE
from tandem.evm.rules import Rules
from tandem.evm.validation import floor_gas, intrinsic_gas
from tandem.primitives.types import Address, Hash
from tandem.transactions.codec import decode_signed
from tandem.transactions.transaction import SignedTransaction

FRAMES_IN_FLIGHT = 2
FRAME_TRANSACTIONS = 2_048
MAX_WAITING = 16_384
"""Transactions waiting for a frame; above, submissions are refused as busy."""
YIELD_EVERY = 64
"""Decoding this many (6 ms) gives way to other requests."""
REMEMBERED = 65_536
"""Transactions taken whose sender is remembered, to find them while they wait."""

Outcome = str | RpcError
"""The transaction's hash, or why it was not taken."""


class Submitter:
    """The way of transactions to the engine."""

    def __init__(self, client: BusClient, parameters: ChainParameters, rules: Rules) -> None:
        self._bus = client
        self._parameters = parameters
        self._rules = rules
        self._base_fee = 0
        self._l1_base_fee = 0
        self._groups: list[tuple[list[list[bytes]], asyncio.Future[list[Any]]]] = []
        self._waiting = 0
        self._in_flight = 0
        self._scheduled = False
        self._senders: OrderedDict[Hash, Address] = OrderedDict()

    def on_head(self, head: Header) -> None:
        """The prices that the next block charges."""
        self._base_fee = next_base_fee(head, self._parameters)
        self._l1_base_fee = head.origin.base_fee

    def sender_of(self, transaction_hash: Hash) -> Address | None:
        """Who sent a transaction that was taken here of late, or None."""
        return self._senders.get(transaction_hash)

    async def submit(self, raws: Sequence[Any]) -> list[Outcome]:
        """Each transaction (0x-hex) with its outcome, in order."""
        outcomes: list[Outcome] = []
        decoded: list[SignedTransaction] = []
        places: list[int] = []
        for place, raw in enumerate(raws):
            try:
                tx = self._decode(raw)
            except (EncodingError, InvalidTransaction) as error:
                outcomes.append(RpcError(SERVER_ERROR, str(error)))
            except RpcError as error:
                outcomes.append(error)
            else:
                outcomes.append("0x" + tx.hash.hex())
                decoded.append(tx)
                places.append(place)
            if place % YIELD_EVERY == YIELD_EVERY - 1:
                await asyncio.sleep(0)
        if decoded:
            answers = await self._hand_over([[tx.raw, tx.sender] for tx in decoded])
            for place, tx, answer in zip(places, decoded, answers, strict=True):
                if answer is None:
                    self._senders[tx.hash] = tx.sender
                else:
                    outcomes[place] = RpcError(SERVER_ERROR, answer[1])
            while len(self._senders) > REMEMBERED:
                self._senders.popitem(last=False)
        return outcomes

    def _decode(self, raw: Any) -> SignedTransaction:
        content = params.data(raw, "argument 0")
        if len(content) > MAX_PACKED_BYTES:
            raise InvalidTransaction("oversized", f"oversized data: {len(content)} bytes, at most {MAX_PACKED_BYTES}")
        tx = decode_signed(content)
        if tx.chain_id is None:
            if not self._rules.allow_unprotected:
                raise InvalidTransaction("unprotected", "only replay-protected (EIP-155) transactions allowed over RPC")
        elif tx.chain_id != self._rules.chain_id:
            raise InvalidTransaction(
                "wrong_chain_id", f"invalid chain id for signer: have {tx.chain_id} want {self._rules.chain_id}"
            )
        self._check_gas(tx)
        return tx

    def _check_gas(self, tx: SignedTransaction) -> None:
        """Refuse at once what the next block would refuse for its form."""
        if tx.to is None and len(tx.data) > MAX_INIT_CODE:
            raise InvalidTransaction(
                "init_code_size", f"max initcode size exceeded: code size {len(tx.data)} limit {MAX_INIT_CODE}"
            )
        needed = max(intrinsic_gas(tx.data, tx.to is None, tx.access_list), floor_gas(self._rules, tx.data))
        price = self._rules.data_gas_per_byte
        if price and self._base_fee:
            needed += len(tx.raw) * price * self._l1_base_fee // self._base_fee  # type: ignore[assignment]
        if tx.gas_limit < needed:
            raise InvalidTransaction(
                "intrinsic_gas", f"intrinsic gas too low: gas {tx.gas_limit}, minimum needed {needed}"
            )

    # -- frames

    async def _hand_over(self, items: list[list[bytes]]) -> list[Any]:
        if self._waiting + len(items) > MAX_WAITING:
            raise busy()
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._groups.append((items, future))
        self._waiting += len(items)
        self._schedule()
        return await future

    def _schedule(self) -> None:
        if self._groups and not self._scheduled and self._in_flight < FRAMES_IN_FLIGHT:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        """One frame of what waits."""
        self._scheduled = False
        taken, count = 0, 0
        while taken < len(self._groups) and (not taken or count + len(self._groups[taken][0]) <= FRAME_TRANSACTIONS):
            count += len(self._groups[taken][0])
            taken += 1
        groups = self._groups[:taken]
        del self._groups[:taken]
        self._waiting -= count
        self._in_flight += 1
        task = asyncio.get_running_loop().create_task(self._exchange(groups))
        _keep(task)
        self._schedule()

    async def _exchange(self, groups: list[tuple[list[list[bytes]], asyncio.Future[list[Any]]]]) -> None:
        try:
            answers = await self._bus.request(bus.TRANSACTIONS, [item for items, _ in groups for item in items])
        except bus.BusError as error:
            failure = from_failure(error)
            for _, future in groups:
                if not future.done():
                    future.set_exception(failure)
        else:
            at = 0
            for items, future in groups:
                if not future.done():
                    future.set_result(answers[at : at + len(items)])
                at += len(items)
        finally:
            self._in_flight -= 1
            self._schedule()


_tasks: set[asyncio.Task[None]] = set()
"""asyncio holds tasks weakly."""


def _keep(task: asyncio.Task[None]) -> None:
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
