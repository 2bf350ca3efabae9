"""Invoices of ours: made, and accepted when a payment comes in for one."""

import os
import time
from dataclasses import replace

from channels.channel import Asset, Channel, asset
from channels.records import InvoiceRecord, read_invoice_record, write_invoice_record
from channels.store import Journal, Store, write_invoice
from tandem.channels.hops import Failure, Final
from tandem.channels.identity import Identity
from tandem.channels.invoices import Invoice, decode_invoice, encode_invoice
from tandem.channels.settlement import secret_hash
from tandem.channels.signing import SigningDomain
from tandem.channels.states import Lock
from tandem.primitives.types import ZERO_HASH, Address, Hash, Seconds

MOST_OVERPAID = 2
"""A payment of more than so many times the amount is refused (BOLT-04)."""


class Invoices:
    """channels.switch.Payee."""

    def __init__(self, identity: Identity, store: Store, journal: Journal) -> None:
        self._identity = identity
        self._store = store
        self._journal = journal
        self._accepting: set[Hash] = set()
        self._held: dict[Hash, tuple[Hash, int]] = {}
        """What has come in for invoices whose owner has not decided yet."""

    async def create(
        self,
        domain: SigningDomain,
        token: Address,
        amount: int,
        life: Seconds,
        final_delta: Seconds,
        description: str,
        is_held: bool = False,
    ) -> InvoiceRecord:
        """For `amount` wei or units of `token`, for `life` seconds. EncodingError where a field is out of range."""
        secret, now = os.urandom(32), Seconds(int(time.time()))
        invoice = Invoice(
            domain.chain_id,
            domain.contract,
            self._identity.public_key,
            token,
            amount,
            secret_hash(secret),
            Hash(os.urandom(32)),
            now,
            Seconds(now + life),
            final_delta,
            description,
        )
        record = InvoiceRecord(invoice.ref, secret, encode_invoice(invoice, self._identity.sign), is_held)
        await self._journal.write(write_invoice(record.ref, now, write_invoice_record(record)))
        return record

    async def accept(self, channel: Channel, lock: Lock, final: Final) -> bytes | Failure | None:
        """The secret, when it is on the disk that the payment is ours; None: its owner has to decide."""
        record = self.find(lock.ref)
        if record is None or lock.ref in self._accepting or lock.ref in self._held:
            return Failure.UNKNOWN_PAYMENT
        invoice, now = decode_invoice(record.line), channel.chain.now()
        wanted: Asset = asset(invoice.chain_id, invoice.token)
        is_right = final.payment_secret == invoice.payment_secret and wanted == channel.asset
        is_enough = invoice.amount <= lock.amount <= MOST_OVERPAID * invoice.amount and final.amount <= lock.amount
        if record.accepted is not None or now > invoice.expires or not is_right or not is_enough:
            return Failure.UNKNOWN_PAYMENT
        if not channel.side.is_in_time(lock.expiry, now):
            return Failure.EXPIRY_TOO_SOON
        if record.is_held:
            self._held[lock.ref] = channel.id, lock.amount
            return None
        return await self._take(record, channel.id, lock.amount)

    async def release(self, ref: Hash) -> bytes | None:
        """Take what is held: the secret. None where nothing is."""
        record, held = self.find(ref), self._held.pop(ref, None)
        return None if record is None or held is None else await self._take(record, *held)

    def refuse(self, ref: Hash) -> bool:
        """Do not take what is held. Whether anything was."""
        return self._held.pop(ref, None) is not None

    def is_waiting(self, ref: Hash) -> bool:
        """Whether something is held."""
        return ref in self._held

    async def _take(self, record: InvoiceRecord, channel: Hash, amount: int) -> bytes:
        self._accepting.add(record.ref)
        try:
            await self._keep(replace(record, accepted=amount, channel=channel))
        finally:
            self._accepting.discard(record.ref)
        return record.secret

    async def settled(self, channel: Hash, lock: Lock, now: Seconds) -> None:
        """A lock is paid: what was accepted by it is ours for good."""
        record = self.find(lock.ref)
        is_it = record is not None and (record.channel, record.accepted) == (channel, lock.amount)
        if record is not None and is_it and record.paid_at is None:
            await self._keep(replace(record, paid_at=now))

    def dropped(self, channel: Hash, ref: Hash) -> None:
        """A lock is gone: what was held by it is not there any more."""
        if self._held.get(ref, (ZERO_HASH, 0))[0] == channel:
            del self._held[ref]

    async def _keep(self, record: InvoiceRecord) -> None:
        created = decode_invoice(record.line).created
        await self._journal.write(write_invoice(record.ref, created, write_invoice_record(record)))

    def accepted(self, ref: Hash) -> bytes | None:
        """The secret of an invoice for which something was accepted before."""
        record = self.find(ref)
        return None if record is None or record.accepted is None else record.secret

    def find(self, ref: Hash) -> InvoiceRecord | None:
        """One of ours."""
        data = self._store.invoice(ref)
        return None if data is None else read_invoice_record(data)

    def newest(self, count: int) -> list[InvoiceRecord]:
        """The newest first."""
        return [read_invoice_record(data) for data in self._store.newest("invoices", count)]
