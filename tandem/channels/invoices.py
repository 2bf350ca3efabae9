"""Invoices: what a payee asks for, signed by it (EIP-712), as a text to hand on.

tandem1 + base64url of [chain id, contract, payee, token, amount, hash, payment secret, created, expires,
                        final delta, description, signature]
"""

import base64
import binascii
from dataclasses import dataclass

from tandem.channels.codec import (
    ADDRESS,
    AMOUNT,
    HASH,
    NUMBER,
    PUBLIC_KEY,
    TIME,
    Shape,
    exactly,
    pack,
    read_bytes,
    require,
    text,
    unpack,
)
from tandem.channels.endpoint import Sign
from tandem.channels.identity import address_of_public_key
from tandem.channels.signing import SigningDomain, check_signature
from tandem.errors import EncodingError
from tandem.primitives.types import Address, Hash, Seconds

PREFIX = "tandem1"
MOST_DESCRIPTION = 512
"""Bytes."""
MOST_TEXT = 2_048
"""Characters of an invoice."""


@dataclass(frozen=True, slots=True)
class Invoice:
    """`amount` in wei or units of `token` (zero: ether) on chain `chain_id`; times are timestamps."""

    chain_id: int
    contract: Address
    payee: bytes
    """Its public key, 33 bytes."""
    token: Address
    amount: int
    ref: Hash
    """sha256 of the secret that pays for it."""
    payment_secret: Hash
    created: Seconds
    expires: Seconds
    final_delta: Seconds
    """What the payee wants between now and the last lock's expiry, seconds."""
    description: str = ""

    def digest(self) -> Hash:
        """What the payee signs."""
        return SigningDomain(self.chain_id, self.contract).invoice(
            self.payee,
            self.token,
            self.amount,
            self.ref,
            self.payment_secret,
            self.created,
            self.expires,
            self.final_delta,
            self.description,
        )


_INVOICE = Shape(
    Invoice, (NUMBER, ADDRESS, PUBLIC_KEY, ADDRESS, AMOUNT, HASH, HASH, TIME, TIME, TIME, text(MOST_DESCRIPTION))
)


def encode_invoice(invoice: Invoice, sign: Sign) -> str:
    """Signed by the payee's key. EncodingError where a field is out of range."""
    values = _INVOICE.write(invoice)
    _INVOICE.read(values)
    return _line([*values, sign(invoice.digest())])


def decode_invoice(line: str) -> Invoice:
    """An invoice that its payee has signed. EncodingError, BadSignature."""
    line = line.strip()
    if not line.startswith(PREFIX) or len(line) > MOST_TEXT:
        raise EncodingError(f"an invoice begins with {PREFIX} and has up to {MOST_TEXT} characters")
    body = line[len(PREFIX) :]
    try:
        values = unpack(base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as reason:
        raise EncodingError("the invoice is damaged: it is no base64") from reason
    exactly(values, 12)
    require(_line(values) == line, "the invoice is not in the one form that it has")
    invoice: Invoice = _INVOICE.read(values[:-1])
    check_signature(invoice.digest(), read_bytes(values[-1], 65, 65), address_of_public_key(invoice.payee))
    return invoice


def _line(values: list[object]) -> str:
    return PREFIX + base64.urlsafe_b64encode(pack(values)).decode().rstrip("=")
