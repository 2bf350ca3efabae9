"""What the service of examples/paid_api takes for a payment."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from examples.paid_api.errors import Malformed
from examples.paid_api.scheme import Payment, RefundRequest, Units
from examples.paid_api.wire import decode_payment
from tests.support.paid_api import CAPTURED, DOMAIN, header


def changed(*path: str, value: Any) -> Any:
    """The captured payment with something else in one place."""
    content = json.loads(json.dumps(CAPTURED))
    where = content
    for name in path[:-1]:
        where = where[name]
    where[path[-1]] = value
    return content


class TestWire:
    def test_takes_what_a_released_client_sends(self) -> None:
        found = decode_payment(header(CAPTURED))
        assert isinstance(found, Payment)
        assert found.deposit is not None
        assert DOMAIN.channel_id(found.config) == found.channel_id
        assert (found.most, found.deposit.amount, found.config.withdraw_delay) == (1_000, 10_000, 900)
        assert to_checksum_address(found.config.payer) == CAPTURED["payload"]["channelConfig"]["payer"]

    def test_takes_refunds(self) -> None:
        content = changed("payload", "type", value="refund")
        assert decode_payment(header(content)) == RefundRequest(decoded_without_deposit(), None)
        content["payload"]["amount"] = "500"
        assert decode_payment(header(content)) == RefundRequest(decoded_without_deposit(), Units(500))

    @pytest.mark.parametrize(
        "content",
        [
            None,
            [],
            "text",
            {},
            changed("x402Version", value=1),
            changed("accepted", value=[]),
            changed("payload", value=None),
            changed("payload", "type", value="permit"),
            changed("payload", "deposit", value={}),
            changed("payload", "deposit", "authorization", value={"permit2Authorization": {}}),
            changed("payload", "channelConfig", "payer", value="0x19E7"),
            changed("payload", "channelConfig", "salt", value="00" * 33),
            changed("payload", "channelConfig", "withdrawDelay", value="900"),
            changed("payload", "channelConfig", "withdrawDelay", value=True),
            changed("payload", "channelConfig", "withdrawDelay", value=-1),
            changed("payload", "channelConfig", "withdrawDelay", value=2**40),
            *(
                changed("payload", "voucher", "maxClaimableAmount", value=value)
                for value in (1_000, "-1", "+1", "01", "1e3", " 1", "1_0", "\u0661", "", str(2**128), "9" * 5_000, None)
            ),
            changed("payload", "voucher", "signature", value="0x" + "00" * 64),
            changed("payload", "voucher", "signature", value="0x" + "zz" * 65),
            changed("payload", "voucher", "channelId", value=5),
        ],
    )
    def test_takes_nothing_else(self, content: Any) -> None:
        with pytest.raises(Malformed):
            decode_payment(header(content))

    @pytest.mark.parametrize(
        "text",
        ["", "?", "e30", base64.b64encode(b"\xff\xfe").decode(), base64.b64encode(b"[" * 5_000).decode(), "A" * 10_000],
    )
    def test_takes_no_other_text(self, text: str) -> None:
        with pytest.raises(Malformed):
            decode_payment(text)


def decoded_without_deposit() -> Payment:
    found = decode_payment(header(changed("payload", "type", value="voucher")))
    assert isinstance(found, Payment)
    return found
