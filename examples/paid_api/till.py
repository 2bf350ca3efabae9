"""The rules of selling through a channel: what makes a payment good, when it is charged, how money is given back.

A voucher is for all that was ever sold through its channel: the next one must be for exactly one price more. What was
charged is on the disk before it is answered, so a crash at any time loses no sale and charges none twice:

    killed before the disk has it   nothing was charged; the client asks again with the same voucher, and is charged
    killed behind that              the client asks again with the same voucher, and gets the answer that was sold
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Any

import structlog
from eth_utils.address import to_checksum_address

from examples.paid_api.chain import Chain
from examples.paid_api.errors import NotCollected, NotNow, NotPaid, OutOfStep, Rejected
from examples.paid_api.scheme import Deposit, Offer, Payment, RefundRequest, Units
from examples.paid_api.store import Promise, Record, Sale, Store
from examples.paid_api.wire import encode_header
from tandem.channels.signing import BadSignature, check_signature
from tandem.primitives.types import ZERO_ADDRESS, Hash, Seconds

REMEMBERED = 600.0
"""Seconds in which an answer that got lost is given again."""
LOOKS = 4
"""How often we look at a channel within the delay of withdrawals, at least: no request to withdraw is missed."""
COLLECTS = 2
"""How often all must have been collected within it: else payers could take back what they have used."""
MARGIN = Seconds(6)
"""For which a deposit must still be good: as x402's own services have it."""
REFUND_EVERY = Seconds(3_600)
"""In each channel: the service pays for the gas."""


class Till:
    """Sells through channels. Thread-safe; one request of a channel at a time."""

    def __init__(self, chain: Chain, store: Store, offer: Offer) -> None:
        self.offer = offer
        self._chain = chain
        self._store = store
        self._started = time.time()
        self._busy: set[Hash] = set()
        self._lock = Lock()
        self._log = structlog.get_logger("till")

    def sell(self, payment: Payment, resource: str, work: Callable[[], str]) -> Sale:
        """Charge for a resource. `work` makes the answer. Whatever is raised, nothing was charged."""
        with self._channel(payment) as record:
            sold = self._sold(record, payment, resource)
            if sold is not None:
                return sold
            self._require_collected()
            record = self._fresh(record)
            self._require(payment, record, Units(record.charged + self.offer.price))
            record = self._with_money(record, payment)
            if payment.deposit is not None:
                payment, record = self._tried(payment, record, payment.deposit)
            body = work()
            transaction = "" if payment.deposit is None else self._deposit(payment, payment.deposit)
            if payment.deposit is not None:
                record = self._look(record)
                if payment.most > record.spendable:
                    raise OutOfStep("the deposit is on the chain, and the channel has less than that", _told(record))
            return self._charge(record, payment, resource, body, transaction)

    def refund(self, request: RefundRequest) -> str:
        """Give back what was not charged. The header's value."""
        payment = request.payment
        with self._channel(payment) as record:
            record = self._look(record)
            self._require(payment, record, record.charged)
            amount = self._refundable(record, request.amount)
            record = replace(record, signed=payment.most, signature=payment.signature)
            claims = [] if record.claim is None else [record.claim]
            self._chain.try_refund(record.config, claims, amount)
            # Before it is signed: whatever becomes of us, it may come from then on, and no voucher may count on it.
            # What was signed before for this nonce may come instead.
            nonce = record.chain.refund_nonce
            record = replace(record, promise=Promise(nonce, max(amount, record.promised), time.time()))
            self._store.put(record)
            transaction = self._chain.refund(record.config, claims, nonce, amount)
            record = self._look(record)
            self._store.put(record)
            self._log.info("refunded", channel=record.id.hex()[:8], amount=amount, transaction=transaction)
            return self._response(record, transaction, amount)

    # -- what makes a payment good

    @contextmanager
    def _channel(self, payment: Payment) -> Iterator[Record]:
        """The channel of a payment, for this request alone. NotPaid where offer, terms, name or signature are wrong."""
        if not self.offer.is_accepted(payment.accepted):
            raise NotPaid("network_mismatch", "the client has accepted another offer than ours")
        config = payment.config
        if not self.offer.fits(config):
            raise NotPaid("channel_id_mismatch", "the channel's terms are not those of the offer")
        # The payload's name of the channel is the client's word: ours is the hash of its terms.
        channel_id = self._chain.domain.channel_id(config)
        if channel_id != payment.channel_id:
            raise NotPaid("channel_id_mismatch", "the channel's terms have another name")
        if config.payer_authorizer == ZERO_ADDRESS:
            raise NotPaid("voucher_signature", "vouchers must be signed by a key: a contract could take them back")
        try:
            digest = self._chain.domain.voucher(channel_id, payment.most)
            check_signature(digest, payment.signature, config.payer_authorizer)
        except BadSignature as reason:
            raise NotPaid("voucher_signature", str(reason)) from reason
        with self._alone(channel_id):
            yield self._store.get(channel_id) or self._new(channel_id, payment)

    @contextmanager
    def _alone(self, channel_id: Hash) -> Iterator[None]:
        with self._lock:
            if channel_id in self._busy:
                raise NotPaid("channel_busy", "another request of this channel is under way")
            self._busy.add(channel_id)
        try:
            yield
        finally:
            with self._lock:
                self._busy.remove(channel_id)

    def _new(self, channel_id: Hash, payment: Payment) -> Record:
        """Of a channel that we know nothing of, all that was sold is what was claimed."""
        chain = self._chain.channel(channel_id)
        return Record(channel_id, payment.config, chain, charged=chain.claimed)

    def _sold(self, record: Record, payment: Payment, resource: str) -> Sale | None:
        """What the client has paid for and asks for again. The voucher is the same: it has not had the answer."""
        last = record.last
        if last is None or last.resource != resource or time.time() > last.sold_at + REMEMBERED:
            return None
        return last if payment.most == record.signed == record.charged else None

    def _require(self, payment: Payment, record: Record, expected: Units) -> None:
        if payment.most != expected:
            raise OutOfStep(f"the voucher is for {payment.most}, where {expected} is next", _told(record))

    def _require_collected(self) -> None:
        age, most = time.time() - self._store.collected_at, self.offer.withdraw_delay / COLLECTS
        if age > most:
            raise NotCollected(
                f"what was sold was last collected {age:.0f} seconds ago, and nothing is sold behind {most:g}: "
                "again when it is collected, by the service or the command collect"
            )

    def _fresh(self, record: Record) -> Record:
        """The channel as of not long ago. Of before our start it may be from a backup."""
        oldest = max(self._started, time.time() - self.offer.withdraw_delay / LOOKS)
        return self._look(record) if record.chain.read_at < oldest or record.promised else record

    def _with_money(self, record: Record, payment: Payment) -> Record:
        """The channel with what this payment needs. NotPaid where there is less, or its payer is about to take it."""
        if payment.most > record.spendable:
            record = self._look(record)
        if record.chain.withdraw_since:
            if record.claim is not None:
                self._chain.claim([record.claim])
            raise NotPaid("withdrawal_pending", "the payer has asked for the channel's money")
        deposit = payment.deposit
        if deposit is None:
            if payment.most > record.spendable:
                had = f"the voucher is for {payment.most}, and the channel has {record.spendable}"
                if record.promised:
                    had += f": a refund of {record.promised} may still come (ask for it again, or deposit)"
                raise OutOfStep(had, _told(record))
        elif payment.most > record.spendable + deposit.amount:
            raise NotPaid("cumulative_exceeds_balance", "the deposit is too small for the voucher")
        elif deposit.amount < self.offer.least_deposit:
            raise NotPaid("deposit_below_min_deposit", f"deposits are of {self.offer.least_deposit} and more")
        elif deposit.valid_before < time.time() + MARGIN:
            raise NotPaid("payload_authorization_valid_before", f"a deposit is good for {MARGIN} seconds at least")
        elif deposit.valid_after > time.time():
            raise NotPaid("payload_authorization_valid_after", "the deposit is not good yet")
        return record

    def _tried(self, payment: Payment, record: Record, deposit: Deposit) -> tuple[Payment, Record]:
        """Whether the deposit would get in, before any work is done: the payment, without one that is in. NotPaid."""
        try:
            self._chain.try_deposit(payment.config, deposit)
        except Rejected as reason:
            record = self._look(record)
            if payment.most > record.spendable:
                raise _not_deposited(reason) from reason
            return replace(payment, deposit=None), record
        return payment, record

    def _refundable(self, record: Record, wanted: Units | None) -> Units:
        """How much is given back. NotPaid, NotNow where that is not worth a transaction of ours."""
        available, least = Units(record.chain.balance - record.charged), self.offer.least_deposit
        if available <= 0:
            raise NotPaid("refund_no_balance", "all of the channel's money is spent")
        amount = available if wanted is None else min(wanted, available)
        if amount < min(available, least):
            raise NotPaid("refund_amount_invalid", f"refunds are of {least} and more, or of all that is left")
        if record.charged == 0:
            own = "its payer can withdraw by himself (initiateWithdraw, finalizeWithdraw)"
            raise NotPaid("refund_amount_invalid", f"nothing was sold through the channel: {own}")
        rest = 0.0 if record.promise is None else record.promise.at + REFUND_EVERY - time.time()
        if rest > 0 and not record.promised:
            raise NotNow(f"a channel has a refund every {REFUND_EVERY} seconds: again in {rest:.0f}")
        return amount

    # -- what is done then

    def _look(self, record: Record) -> Record:
        """The channel as of now. Where more was claimed of it than we know of, ours is from a backup."""
        chain = self._chain.channel(record.id)
        if chain.claimed > record.charged:
            return replace(record, chain=chain, charged=chain.claimed, signed=Units(0), signature=b"")
        return replace(record, chain=chain)

    def _deposit(self, payment: Payment, deposit: Deposit) -> str:
        try:
            transaction = self._chain.deposit(payment.config, deposit)
        except Rejected as reason:
            raise _not_deposited(reason) from reason
        channel = payment.channel_id.hex()[:8]
        self._log.info("deposited", channel=channel, amount=deposit.amount, transaction=transaction)
        return transaction

    def _charge(self, record: Record, payment: Payment, resource: str, body: str, transaction: str) -> Sale:
        charged = Units(record.charged + self.offer.price)
        self._require(payment, record, charged)  # again: a look may have shown that more was claimed
        record = replace(record, charged=charged, signed=payment.most, signature=payment.signature)
        amount = None if payment.deposit is None else payment.deposit.amount
        response = self._response(record, transaction, amount, self.offer.price)
        sale = Sale(resource, body, response, time.time())
        self._store.put(replace(record, last=sale))
        return sale

    def _response(self, record: Record, transaction: str, amount: Units | None, charged: Units | None = None) -> str:
        extra: dict[str, Any] = {"channelState": _state(record)}
        if charged is not None:
            extra["chargedAmount"] = str(charged)
        return encode_header(
            {
                "success": True,
                "transaction": transaction,
                "network": self.offer.network,
                "payer": to_checksum_address(record.config.payer),
                "amount": "" if amount is None else str(amount),
                "extra": extra,
            }
        )


def _not_deposited(reason: Rejected) -> NotPaid:
    return NotPaid("deposit_simulation_failed", f"the deposit does not get in: {reason}")


def _told(record: Record) -> Mapping[str, Any]:
    """What a client that is out of step is told. It believes only what it has signed itself, and asks the chain."""
    told: dict[str, Any] = {"channelState": _state(record)}
    if record.signature:
        signature = "0x" + record.signature.hex()
        told["voucherState"] = {"signedMaxClaimable": str(record.signed), "signature": signature}
    return told


def _state(record: Record) -> Mapping[str, Any]:
    chain = record.chain
    return {
        "channelId": "0x" + record.id.hex(),
        "balance": str(chain.balance),
        "totalClaimed": str(chain.claimed),
        "withdrawRequestedAt": chain.withdraw_since,
        "refundNonce": str(chain.refund_nonce),
        "chargedCumulativeAmount": str(record.charged),
    }
