"""What is kept of invoices and payments, as bytes and back."""

from dataclasses import dataclass, replace
from enum import StrEnum

from tandem.channels.codec import (
    ADDRESS,
    AMOUNT,
    FLAG,
    HASH,
    NUMBER,
    PUBLIC_KEY,
    TIME,
    Field,
    Shape,
    blob,
    cut,
    many,
    optional,
    pack,
    text,
    unpack,
)
from tandem.channels.routing import Leg
from tandem.primitives.types import Address, Hash, Seconds


@dataclass(frozen=True, slots=True)
class InvoiceRecord:
    """An invoice of ours."""

    ref: Hash
    secret: bytes
    line: str
    """As it is handed on (tandem.channels.invoices)."""
    is_held: bool = False
    """Whether its owner decides when a payment is taken."""
    accepted: int | None = None
    """What came in for it: the secret may be shown. Wei or the token's units."""
    channel: Hash | None = None
    """By which."""
    paid_at: Seconds | None = None
    """When that was ours for good."""


MOST_ERROR = 512
"""Bytes of why a payment has failed."""


class Outcome(StrEnum):
    """Of a payment."""

    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """A lock on a payment's way."""

    chain_id: int
    channel: Hash
    source: Address
    target: Address
    amount: int

    @classmethod
    def of(cls, leg: Leg, chain_id: int) -> "Step":
        """As it was planned."""
        return cls(chain_id, leg.edge.channel, leg.edge.source, leg.edge.target, leg.amount)


@dataclass(frozen=True, slots=True)
class PaymentRecord:
    """A payment that we make."""

    ref: Hash
    created: Seconds
    payee: bytes
    """Its public key."""
    token: Address
    amount: int
    description: str
    outcome: Outcome = Outcome.PENDING
    attempts: int = 0
    way: tuple[Step, ...] = ()
    """Of the last attempt."""
    session_key: bytes = b""
    """Of its onion."""
    secret: bytes | None = None
    """The proof that it was paid."""
    ended: Seconds | None = None
    error: str = ""

    @property
    def fee(self) -> int:
        """What the hops take together."""
        return self.way[0].amount - self.amount if self.way else 0

    def failed(self, error: str, now: Seconds) -> "PaymentRecord":
        """It was not paid, and never will be."""
        return replace(self, outcome=Outcome.FAILED, error=cut(error, MOST_ERROR), ended=now)

    def paid(self, secret: bytes, now: Seconds) -> "PaymentRecord":
        """It was paid."""
        return replace(self, outcome=Outcome.PAID, secret=secret, ended=now)


_OUTCOME = Field(lambda outcome: outcome.value.encode(), lambda value: Outcome(value.decode()))
_INVOICE = Shape(
    InvoiceRecord, (HASH, blob(32, 32), text(4_096), FLAG, optional(AMOUNT), optional(HASH), optional(TIME))
)
_STEP = Shape(Step, (NUMBER, HASH, ADDRESS, ADDRESS, AMOUNT))
_PAYMENT = Shape(
    PaymentRecord,
    (
        HASH,
        TIME,
        PUBLIC_KEY,
        ADDRESS,
        AMOUNT,
        text(512),
        _OUTCOME,
        NUMBER,
        many(_STEP.field, 32),
        blob(0, 32),
        optional(blob(32, 32)),
        optional(TIME),
        text(MOST_ERROR),
    ),
)


def write_invoice_record(record: InvoiceRecord) -> bytes:
    """As it is kept."""
    return pack(_INVOICE.write(record))


def read_invoice_record(data: bytes) -> InvoiceRecord:
    """EncodingError."""
    record: InvoiceRecord = _INVOICE.read(unpack(data))
    return record


def write_payment_record(record: PaymentRecord) -> bytes:
    """As it is kept."""
    return pack(_PAYMENT.write(record))


def read_payment_record(data: bytes) -> PaymentRecord:
    """EncodingError."""
    record: PaymentRecord = _PAYMENT.read(unpack(data))
    return record
