"""x402's headers, version 2: base64 of JSON. What comes in is taken apart here, and nowhere else.

PAYMENT-REQUIRED    the service's answer 402: its offer, and what is wrong
PAYMENT-SIGNATURE   the client's payment
PAYMENT-RESPONSE    what came of it
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from examples.paid_api.errors import Malformed
from examples.paid_api.scheme import ChannelConfig, Deposit, Offer, Payment, RefundRequest, Units
from tandem.primitives.types import Address, Hash, Seconds

REQUIRED, SIGNATURE, RESPONSE = "PAYMENT-REQUIRED", "PAYMENT-SIGNATURE", "PAYMENT-RESPONSE"
X402_VERSION = 2
MOST_HEADER = 8_192
"""Characters of a payment. The longest that clients send has about 2,400."""
DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)


def payment_required(offer: Offer, url: str, error: str, state: Mapping[str, Any]) -> str:
    """The header of an answer 402. `state`: what the service knows of the client's channel."""
    accepts = offer.json
    accepts["extra"] |= state
    content = {"x402Version": X402_VERSION, "error": error, "resource": {"url": url}, "accepts": [accepts]}
    return encode_header(content)


def encode_header(content: Mapping[str, Any]) -> str:
    """A header's value."""
    return base64.b64encode(json.dumps(content, separators=(",", ":")).encode()).decode()


def decode_payment(header: str) -> Payment | RefundRequest:
    """What a client sends. Malformed."""
    if len(header) > MOST_HEADER:
        raise Malformed(f"a payment has at most {MOST_HEADER:,} characters")
    try:
        content = json.loads(base64.b64decode(header, validate=True))
    except (ValueError, RecursionError) as reason:
        raise Malformed(f"a payment is base64 of JSON: {reason}") from reason
    if _member(content, "x402Version") != X402_VERSION:
        raise Malformed(f"only version {X402_VERSION} of x402 is understood")
    accepted, payload = _object(content, "accepted"), _object(content, "payload")
    voucher = _object(payload, "voucher")
    kind = _member(payload, "type")
    payment = Payment(
        accepted=accepted,
        config=_config(_object(payload, "channelConfig")),
        channel_id=Hash(_bytes(voucher, "channelId", 32)),
        most=Units(_number(voucher, "maxClaimableAmount", 128)),
        signature=_bytes(voucher, "signature", 65),
        deposit=_deposit(_object(payload, "deposit")) if kind == "deposit" else None,
    )
    if kind == "refund":
        return RefundRequest(payment, Units(_number(payload, "amount", 128)) if "amount" in payload else None)
    if kind not in ("deposit", "voucher"):
        raise Malformed("a payment is a deposit, a voucher or a refund")
    return payment


def _config(content: Mapping[str, Any]) -> ChannelConfig:
    delay = _member(content, "withdrawDelay")
    if not isinstance(delay, int) or isinstance(delay, bool) or not 0 <= delay < 1 << 40:
        raise Malformed("withdrawDelay is a number of seconds")
    return ChannelConfig(
        payer=_address(content, "payer"),
        payer_authorizer=_address(content, "payerAuthorizer"),
        receiver=_address(content, "receiver"),
        receiver_authorizer=_address(content, "receiverAuthorizer"),
        token=_address(content, "token"),
        withdraw_delay=Seconds(delay),
        salt=Hash(_bytes(content, "salt", 32)),
    )


def _deposit(content: Mapping[str, Any]) -> Deposit:
    given = _object(_object(content, "authorization"), "erc3009Authorization")
    return Deposit(
        amount=Units(_number(content, "amount", 128)),
        valid_after=_number(given, "validAfter", 256),
        valid_before=_number(given, "validBefore", 256),
        salt=int.from_bytes(_bytes(given, "salt", 32), "big"),
        signature=_bytes(given, "signature", 65),
    )


def _member(content: Any, name: str) -> Any:
    if not isinstance(content, dict) or name not in content:
        raise Malformed(f"{name} is missing")
    return content[name]


def _object(content: Any, name: str) -> dict[str, Any]:
    found = _member(content, name)
    if not isinstance(found, dict):
        raise Malformed(f"{name} is no object")
    return found


def _number(content: Any, name: str, bits: int) -> int:
    found = _member(content, name)
    if not isinstance(found, str) or not DECIMAL.fullmatch(found) or int(found) >> bits:
        raise Malformed(f"{name} is a decimal number below 2^{bits}, as a string")
    return int(found)


def _bytes(content: Any, name: str, length: int) -> bytes:
    found = _member(content, name)
    if not isinstance(found, str) or len(found) != 2 + 2 * length or not HEX.fullmatch(found):
        raise Malformed(f"{name} has {length} bytes: 0x and {2 * length} hexadecimal digits")
    return bytes.fromhex(found[2:])


def _address(content: Any, name: str) -> Address:
    return Address(_bytes(content, name, 20))
