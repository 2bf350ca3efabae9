"""What the owner of a node can ask it for."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from channels.chain import Chain, ChainFailure
from channels.channel import Asset, Channel, asset
from channels.node import Node
from channels.opening import MOST_WINDOW
from channels.payments import NotPaid, Order
from channels.peer import NotGranted
from channels.records import InvoiceRecord, PaymentRecord
from channels.session import Session
from channels.store import write_node
from tandem.channels.identity import NodeUri, address_of_public_key
from tandem.channels.invoices import decode_invoice
from tandem.channels.ledger import Status
from tandem.channels.operations import InvalidUpdate, Pay
from tandem.channels.routing import Leg, Limits, find_way
from tandem.errors import TandemError
from tandem.primitives.types import Address, Hash, Seconds

CONSENT_TIME = 15.0
"""Seconds that the other side has to agree."""
WAY_TIME = Seconds(5)
"""That a payment may take until the last hop looks at its lock."""


class Refusal(TandemError):
    """What the owner asks for cannot be done. The message says why, and what to do."""


class Owner:
    """Nothing of its own: the node has it all."""

    def __init__(self, node: Node) -> None:
        self._node = node

    # -- channels

    async def connect(self, uri: NodeUri) -> Session:
        """Stay connected to a node, also after a restart. NotConnected."""
        session = await self._node.neighbours.reach(uri)
        if uri.url:
            await self._node.journal.write(write_node(session.address, uri.public_key, uri.url))
        return session

    async def open(self, uri: NodeUri, chain: Chain, token: Address, amount: int, window: Seconds | None) -> Hash:
        """A channel with a node, and a deposit in it. Its name. Refusal, NotConnected, NotGranted, ChainFailure."""
        self._check_amount(amount)
        length = window if window is not None else chain.timing.window
        if not chain.timing.least_window <= length <= MOST_WINDOW:
            raise Refusal(f"the window must be {chain.timing.least_window} to {MOST_WINDOW} s, not {length}")
        await self._check_balance(chain, token, amount)
        session = await self.connect(self._node.located(uri))
        key = await self._node.opening.agree(session, chain, token, length, amount)
        await chain.open(key, amount)
        return key.id

    async def deposit(self, channel: Channel, amount: int) -> None:
        """Pay in for ourselves. Refusal, ChainFailure."""
        self._check_amount(amount)
        self._check_open(channel)
        await self._check_balance(channel.chain, channel.key.token, amount)
        if channel.side.asked_close is not None or channel.side.signed_close is not None:
            raise Refusal("the channel ends by consent: what is paid in now would be the other side's")
        await self._node.deposit(channel, amount)
        self._node.chronicle.note("deposited", channel=channel.id, amount=amount)

    async def withdraw(self, channel: Channel, amount: int) -> None:
        """Take money out, by the other side's consent; the channel stays open. Refusal, NotGranted, ChainFailure."""
        self._check_amount(amount)
        self._check_open(channel)
        valid_until = Seconds(channel.chain.now() + channel.chain.timing.consent)
        taken, theirs = await self._granted(channel, channel.peer.withdraw(amount, valid_until))
        ours = self._node.identity.sign(channel.side.withdrawal_digest(taken))
        await channel.chain.withdraw(channel.key, taken, self._both(channel, ours, theirs))
        self._node.chronicle.note("withdrawn", channel=channel.id, amount=amount)

    async def close(self, channel: Channel) -> None:
        """End a channel together, at once. Refusal, NotGranted, NotConnected, ChainFailure."""
        self._check_open(channel)
        reason = self._node.why_no_end(channel.chain, channel.id)
        if reason is not None:
            raise Refusal(f"{reason}: wait until it is, or close alone")
        valid_until = Seconds(channel.chain.now() + channel.chain.timing.consent)
        close, theirs = await self._granted(channel, channel.peer.close(valid_until))
        ours = self._node.identity.sign(channel.side.close_digest(close))
        await channel.chain.coop_close(channel.key, close, self._both(channel, ours, theirs))

    async def close_alone(self, channel: Channel) -> None:
        """Begin the window. It is settled when that is over. Refusal, ChainFailure."""
        if channel.chain.latest.channels[channel.id].status != Status.OPEN:
            raise Refusal("the channel is being closed already: it is settled when its window is over")
        try:
            await self._node.keep_closing(channel)
        except ChainFailure as reason:
            raise ChainFailure(f"{reason}; it is tried again until it is done, or this node is stopped") from reason

    async def claim(self, chain: Chain, token: Address) -> int:
        """Get what a settlement could not pay out to us; how much it was. Refusal, ChainFailure."""
        amount = await chain.claimable(token)
        if amount == 0:
            raise Refusal(f"nothing waits to be claimed on {chain.name}")
        await chain.claim(token)
        self._node.chronicle.note("claimed", chain=chain.name, amount=amount)
        return amount

    async def _granted(self, channel: Channel, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            async with asyncio.timeout(CONSENT_TIME):
                return await work
        except TimeoutError as reason:
            raise NotGranted("the other side does not answer: try again, or close alone") from reason
        except InvalidUpdate as reason:
            raise Refusal(str(reason)) from reason

    def _both(self, channel: Channel, ours: bytes, theirs: bytes) -> tuple[bytes, bytes]:
        return (theirs, ours) if channel.side.side else (ours, theirs)

    @staticmethod
    def _check_amount(amount: int) -> None:
        if not 0 < amount < 2**96:
            raise Refusal("an amount is more than nothing and has up to 96 bits")

    def _check_open(self, channel: Channel) -> None:
        if channel.chain.latest.channels[channel.id].status != Status.OPEN or channel.peer.trouble is not None:
            raise Refusal(f"nothing can be done in this channel: {channel.peer.trouble or 'it is being closed'}")

    async def _check_balance(self, chain: Chain, token: Address, amount: int) -> None:
        balance = await chain.balance(token)
        if balance < amount:
            raise Refusal(f"{amount} are to be paid in, the account has {balance} on {chain.name}")

    # -- payments

    async def pay_directly(self, channel: Channel, amount: int) -> None:
        """Over one channel, for good, without an invoice. Refusal, NotConnected."""
        self._check_amount(amount)
        try:
            await channel.peer.do(Pay(amount), is_patient=False)
        except InvalidUpdate as reason:
            raise Refusal(str(reason)) from reason
        self._node.chronicle.note("paid", channel=channel.id, amount=amount)

    async def pay(self, line: str, most_fee: int | None = None) -> PaymentRecord:
        """An invoice, over as many hops as it takes. EncodingError, BadSignature, NotPaid."""
        invoice = decode_invoice(line)
        if self._node.now() > invoice.expires:
            raise NotPaid("the invoice has expired: ask for a new one")
        if invoice.payee == self._node.identity.public_key:
            raise NotPaid("the invoice is our own: to move money between channels, rebalance")
        most = invoice.amount // 20 + 1_000 if most_fee is None else most_fee
        order = Order(
            invoice.ref,
            invoice.payee,
            asset(invoice.chain_id, invoice.token),
            invoice.amount,
            invoice.payment_secret,
            self._final_delta(invoice.final_delta),
            most,
            invoice.description,
        )
        return await self._pay(order)

    async def rebalance(self, out: Channel, into: Channel, amount: int, most_fee: int) -> PaymentRecord:
        """Move money from one channel of ours to another, in a circle over others. NotPaid."""
        self._check_amount(amount)
        record = await self._node.invoices.create(
            into.chain.domain, into.key.token, amount, Seconds(3_600), self._final_delta(Seconds(0)), "rebalancing"
        )
        invoice = decode_invoice(record.line)
        order = Order(
            invoice.ref,
            self._node.identity.public_key,
            into.asset,
            amount,
            invoice.payment_secret,
            invoice.final_delta,
            most_fee,
            "rebalancing",
            out.id,
            into.id,
        )
        return await self._pay(order)

    async def _pay(self, order: Order) -> PaymentRecord:
        """A payment goes on when who has asked for it is gone."""
        return await asyncio.shield(self._node.spawn(self._node.payments.pay(order)))

    async def invoice(
        self, chain: Chain, token: Address, amount: int, life: Seconds, description: str, is_held: bool
    ) -> InvoiceRecord:
        """Ask for money. Refusal, EncodingError."""
        self._check_amount(amount)
        if life <= 0:
            raise Refusal("an invoice is valid for more than no time")
        final_delta = max(each.timing.final_delta for each in self._node.chains.values())
        return await self._node.invoices.create(chain.domain, token, amount, life, final_delta, description, is_held)

    async def decide(self, ref: Hash, is_taken: bool) -> None:
        """Take or refuse what is held for an invoice. Refusal where nothing is."""
        held = self._node.switch.waiting(ref)
        if not self._node.invoices.is_waiting(ref) or held is None:
            raise Refusal("nothing is held for this invoice")
        channel, lock = held
        if is_taken and lock.expiry < channel.chain.now() + channel.chain.timing.settle:
            raise Refusal("it is too late to take it: its lock expires before a transaction is sure to be mined")
        if not is_taken:
            self._node.invoices.refuse(ref)
            await self._node.switch.refuse(ref)
            return
        secret = await self._node.invoices.release(ref)
        if secret is not None:
            await self._node.switch.claim(secret)

    def route(self, payee: bytes, wanted: Asset, amount: int) -> tuple[Leg, ...]:
        """A way as a payment would take it now. NoWay."""
        now = self._node.now()
        limits = Limits(amount, self._node.latest_expiry())
        expiry = Seconds(now + self._final_delta(Seconds(0)))
        target = address_of_public_key(payee)
        return find_way(
            self._node.network(wanted),
            self._node.identity.address,
            target,
            amount,
            expiry,
            self._node.memory,
            limits,
            now,
        )

    def _final_delta(self, wanted: Seconds) -> Seconds:
        """With some time for the way."""
        least = max(chain.timing.final_delta for chain in self._node.chains.values())
        grace = max(chain.timing.grace for chain in self._node.chains.values())
        return Seconds(max(wanted, least) + max(grace, WAY_TIME))
